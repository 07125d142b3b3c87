//! PostgreSQL's programs, and sqlx, which runs migrations.

pub mod pg_dump;
pub mod postgres;
pub mod sqlx;
