//! PostgreSQL's programs, and sqlx, which runs migrations.

pub mod catalogue;
pub mod pg_delta;
pub mod pg_dump;
pub mod postgres;
pub mod psql;
pub mod sqlx;
