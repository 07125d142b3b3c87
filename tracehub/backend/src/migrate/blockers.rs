//! Who keeps a migration waiting.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::anyhow;
use sqlx::PgConnection;
use sqlx::migrate::MigrateError;
use tokio::task::JoinHandle;

use super::Limits;

/// PostgreSQL's code for 'I waited for a lock for as long as I may'.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Sees, from a connection of its own, who keeps another one waiting: afterwards it is too late to ask.
pub struct Blockers {
    seen: Arc<Mutex<Vec<String>>>,
    watcher: JoinHandle<()>,
}

impl Blockers {
    /// Watches by `connection` whom `watched` waits for.
    pub async fn watch(watched: &mut PgConnection, mut connection: PgConnection) -> anyhow::Result<Self> {
        let watched = sqlx::query_scalar!(r#"SELECT pg_backend_pid() AS "pid!""#).fetch_one(watched).await?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let watcher = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok(now) = blocking(&mut connection, watched).await {
                    if !now.is_empty() {
                        *seen.lock().expect("nobody panics while holding it") = now;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
        Ok(Self { seen, watcher })
    }

    /// The error in words for a person: who holds the lock that was not given, and what has become of what was done by then.
    pub fn explain(&self, error: MigrateError, limits: &Limits, doing: &str, and: &str) -> anyhow::Error {
        let waited = is_lock_timeout(&error);
        let cause = match error {
            MigrateError::ExecuteMigration(cause, _) | MigrateError::Execute(cause) => cause,
            other => return anyhow!(other).context(doing.to_owned()),
        };
        if !waited {
            return anyhow!(cause).context(format!("{doing} failed{and}"));
        }
        let seen = self.seen.lock().expect("nobody panics while holding it");
        let holders = if seen.is_empty() { "somebody who can't be seen".to_owned() } else { seen.join("; ") };
        anyhow!("{doing} got no lock within {}{and}: it is held by {holders}", limits.lock)
    }
}

impl Drop for Blockers {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

/// Whether it waited for a lock for as long as it may.
pub fn is_lock_timeout(error: &MigrateError) -> bool {
    let (MigrateError::ExecuteMigration(cause, _) | MigrateError::Execute(cause)) = error else {
        return false;
    };
    cause.as_database_error().and_then(|error| error.code()).as_deref() == Some(LOCK_NOT_AVAILABLE)
}

async fn blocking(connection: &mut PgConnection, watched: i32) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"SELECT format('process %s of %s (%s)', pid, coalesce(usename, 'nobody'),
                         coalesce(nullif(application_name, ''), 'unnamed')) AS "who!"
           FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids($1))"#,
        watched
    )
    .fetch_all(connection)
    .await
}
