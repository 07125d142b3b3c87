//! Migrations: applied by the release that needs them, before it gets any traffic, by the role that owns the schema.
//!
//! Nothing here waits without a limit. DDL that waits for its lock makes everybody else wait behind it, and a deploy
//! that waits for another one's migration had better say so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use sqlx::migrate::{Migrate, MigrateError, Migration};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use tokio::task::JoinHandle;

use crate::database::MIGRATIONS;
use crate::settings::{Database, MigrationLimits};

/// Where sqlx, and so its command line too, remembers what is applied.
const TABLE: &str = "_sqlx_migrations";
/// How long a server that starts, or an address that nobody answers, may keep us.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// PostgreSQL's code for 'I waited for a lock for as long as I may'.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The migrations of this release: version and description.
pub fn embedded() -> impl Iterator<Item = (i64, &'static str)> {
    ups().map(|migration| (migration.version, migration.description.as_ref()))
}

/// Applies what is pending, and says so line by line.
pub async fn migrate(database: Database, limits: MigrationLimits) -> anyhow::Result<()> {
    // As options of the connection: a SET could be undone by a RESET in a migration.
    let options = database
        .0
        .application_name("tracehub-backend migrate")
        .options([("lock_timeout", &limits.lock), ("statement_timeout", &limits.statement)]);
    let mut connection = connect(&options).await?;
    let blockers = Blockers::watch(&mut connection, &options).await?;

    take_turn(&mut connection)
        .await
        .map_err(|error| blockers.explain(error, &limits, "waiting for its turn"))?;
    let pending = pending(&mut connection).await?;
    if pending.is_empty() {
        println!("nothing to apply");
    }
    for migration in pending {
        let Migration { version, description, .. } = migration;
        let took = connection.apply(TABLE, migration).await.map_err(|error| {
            blockers.explain(error, &limits, &format!("migration {version} {description}"))
        })?;
        println!("applied {version} {description} ({} ms)", took.as_millis());
    }
    match self::pending(&mut connection).await?.len() {
        0 => Ok(()),
        left => {
            bail!("{left} migrations are still pending, though each was applied: is somebody else at it?")
        }
    }
}

fn ups() -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS.iter().filter(|migration| migration.migration_type.is_up_migration())
}

async fn connect(options: &PgConnectOptions) -> anyhow::Result<PgConnection> {
    let connected = tokio::time::timeout(CONNECT_LIMIT, options.connect()).await;
    connected.context("the database does not answer")?.context("connecting to the database")
}

/// One at a time: sqlx's own advisory lock, which ends with the connection, and for which `lock_timeout` holds too.
async fn take_turn(connection: &mut PgConnection) -> Result<(), MigrateError> {
    connection.lock().await?;
    connection.ensure_migrations_table(TABLE).await
}

/// What this release holds and the database lacks; an error when the two tell different histories.
async fn pending(connection: &mut PgConnection) -> anyhow::Result<Vec<&'static Migration>> {
    let applied = connection.list_applied_migrations(TABLE).await?;
    for applied in &applied {
        let Some(ours) = ups().find(|ours| ours.version == applied.version) else {
            bail!(
                "the database has migration {}, which this release does not know: is it an older one?",
                applied.version
            );
        };
        if ours.checksum != applied.checksum {
            bail!("migration {} {} was changed after it had been applied", ours.version, ours.description);
        }
    }
    Ok(ups().filter(|ours| applied.iter().all(|applied| applied.version != ours.version)).collect())
}

/// Sees, from a connection of its own, who keeps a migration waiting: afterwards it is too late to ask.
struct Blockers {
    seen: Arc<Mutex<Vec<String>>>,
    watcher: JoinHandle<()>,
}

impl Blockers {
    async fn watch(watched: &mut PgConnection, options: &PgConnectOptions) -> anyhow::Result<Self> {
        let watched = sqlx::query_scalar!(r#"SELECT pg_backend_pid() AS "pid!""#).fetch_one(watched).await?;
        let mut connection = connect(options).await?;
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

    fn explain(&self, error: MigrateError, limits: &MigrationLimits, doing: &str) -> anyhow::Error {
        let cause = match error {
            MigrateError::ExecuteMigration(cause, _) | MigrateError::Execute(cause) => cause,
            other => return anyhow!(other).context(doing.to_owned()),
        };
        let code = cause.as_database_error().and_then(|error| error.code().map(String::from));
        if code.as_deref() != Some(LOCK_NOT_AVAILABLE) {
            return anyhow!(cause).context(format!("{doing} failed, and was taken back"));
        }
        let seen = self.seen.lock().expect("nobody panics while holding it");
        let holders = if seen.is_empty() { "somebody who can't be seen".to_owned() } else { seen.join("; ") };
        anyhow!("{doing} got no lock within {}, and was taken back: it is held by {holders}", limits.lock)
    }
}

impl Drop for Blockers {
    fn drop(&mut self) {
        self.watcher.abort();
    }
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
