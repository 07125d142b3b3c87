//! PostgreSQL's own programs, and what runs migrations.

pub mod pg_dump;
pub mod postgres;
pub mod sqlx;
