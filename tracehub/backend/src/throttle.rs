//! Guessing passwords: an address with too many log-ins that failed waits, whether anybody has it or not.
//!
//! Counted by the address that is typed, and not by where a request comes from: that is known by what the edge says, and
//! the edge may see its engine's own address instead of the client's (IPv6 through a proxy, this machine's loopback), or
//! one for a whole office. Then one who guesses would lock out everybody.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

/// So many that failed, in so many minutes, are enough.
const ENOUGH: i64 = 10;
const MINUTES: i32 = 15;

/// The log-ins with one address.
pub struct LogIns<'a> {
    database: &'a PgPool,
    address: &'a str,
}

impl<'a> LogIns<'a> {
    /// Those with this address, in whatever case it is typed.
    pub fn with(database: &'a PgPool, address: &'a str) -> Self {
        Self { database, address }
    }

    /// How long the next one has to wait, while enough have failed.
    pub async fn wait(&self) -> sqlx::Result<Option<Duration>> {
        let seconds = sqlx::query_scalar!(
            r#"SELECT ceil(extract(epoch FROM failed_at + make_interval(mins => $2) - now()))::bigint AS "seconds!"
               FROM log_in_failures
               WHERE address = sha256(convert_to(lower($1), 'UTF8')) AND failed_at > now() - make_interval(mins => $2)
               ORDER BY failed_at DESC OFFSET $3 LIMIT 1"#,
            self.address,
            MINUTES,
            ENOUGH - 1
        )
        .fetch_optional(self.database)
        .await?;
        Ok(seconds.map(|seconds| Duration::from_secs(seconds.max(1).unsigned_abs())))
    }

    /// Remembers one that failed.
    pub async fn failed(&self) -> sqlx::Result<()> {
        let failed = sqlx::query!(
            "INSERT INTO log_in_failures (address) VALUES (sha256(convert_to(lower($1), 'UTF8')))",
            self.address
        );
        failed.execute(self.database).await.map(drop)
    }

    /// Forgets those that failed, since one has succeeded. Those that count no more are left to [`forget`]: two that delete
    /// the same ones, each in an order of its own, would wait for each other.
    pub async fn succeeded(&self) -> sqlx::Result<()> {
        let forget = sqlx::query!(
            "DELETE FROM log_in_failures
             WHERE address = sha256(convert_to(lower($1), 'UTF8')) AND failed_at > now() - make_interval(mins => $2)",
            self.address,
            MINUTES
        );
        forget.execute(self.database).await.map(drop)
    }
}

/// Forgets those that failed too long ago to matter; how many those were.
pub async fn forget(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let old = sqlx::query!(
        "DELETE FROM log_in_failures WHERE failed_at <= now() - make_interval(mins => $1)",
        MINUTES
    );
    Ok(old.execute(connection).await?.rows_affected())
}
