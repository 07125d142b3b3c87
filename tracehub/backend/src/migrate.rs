//! Migrations: applied by the release that needs them, before it gets any traffic, by the role that owns the schema.
//!
//! Nothing here waits without a limit. DDL that waits for its lock makes everybody else wait behind it: it waits shortly,
//! lets everybody pass, and tries again. A deploy that waits for another one's migration had better say so.

mod blockers;
mod indexes;
mod limits;

use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow, bail, ensure};
use sqlx::migrate::{Migrate, MigrateError, Migration};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use self::blockers::Blockers;
pub use self::limits::Limits;
use crate::database::MIGRATIONS;
use crate::settings::Database;

/// Where sqlx, and so its command line too, remembers what is applied.
const TABLE: &str = "_sqlx_migrations";
/// How long a server that starts, or an address that nobody answers, may keep us.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The pause after the first try that got no lock; each further one is half as long again, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The migrations of this release: version and description.
pub fn embedded() -> impl Iterator<Item = (i64, &'static str)> {
    ups().map(|migration| (migration.version, migration.description.as_ref()))
}

/// Applies what is pending, and says so line by line.
pub async fn migrate(database: Database, limits: Limits) -> anyhow::Result<()> {
    let mut runner = Runner::start(database, limits).await?;
    let pending = runner.pending().await?;
    if pending.is_empty() {
        println!("nothing to apply");
    }
    for migration in pending {
        runner.run(migration).await?;
    }
    match runner.pending().await?.len() {
        0 => Ok(()),
        left => {
            bail!("{left} migrations are still pending, though each was applied: is somebody else at it?")
        }
    }
}

/// Takes these migrations back, in this order, and says so line by line. Others stay, also later ones.
pub async fn undo(database: Database, limits: Limits, versions: &[i64]) -> anyhow::Result<()> {
    for version in versions {
        ensure!(down(*version).is_some(), "this release holds no way back of migration {version}");
    }
    let mut runner = Runner::start(database, limits).await?;
    let applied = runner.turn.list_applied_migrations(TABLE).await?;
    for version in versions {
        match down(*version) {
            Some(migration) if applied.iter().any(|it| it.version == *version) => {
                runner.run(migration).await?
            }
            _ => println!("{version} is not applied"),
        }
    }
    Ok(())
}

fn ups() -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS.iter().filter(|migration| migration.migration_type.is_up_migration())
}

/// Those without which this release can't serve: all but the ones that only take something away.
pub fn needed() -> impl Iterator<Item = &'static Migration> {
    ups().filter(|migration| !is_contract(migration.sql.as_str()))
}

/// Whether a file says in its first line that it takes something away; sqlx's own word may stand above it.
fn is_contract(sql: &str) -> bool {
    let mut lines = sql.lines().filter(|line| line.trim_end() != "-- no-transaction");
    lines.next().is_some_and(|first| first.starts_with("-- contract:"))
}

fn down(version: i64) -> Option<&'static Migration> {
    MIGRATIONS.iter().find(|it| it.version == version && it.migration_type.is_down_migration())
}

/// Runs migrations one after the other, and is the only one that does.
pub struct Runner {
    /// Holds sqlx's own advisory lock, which ends with the connection.
    turn: PgConnection,
    options: PgConnectOptions,
    limits: Limits,
}

impl Runner {
    /// Waits for its turn, as long as one may wait for a lock.
    ///
    /// # Errors
    /// When the database does not answer, or somebody else is at it.
    pub async fn start(database: Database, limits: Limits) -> anyhow::Result<Self> {
        let options = database.0.application_name("tracehub-backend migrate");
        let limited = limits.of_connection(&options);
        let mut turn = connect(&limited).await?;
        let blockers = Blockers::watch(&mut turn, connect(&options).await?).await?;
        let taken = async {
            turn.lock().await?;
            turn.ensure_migrations_table(TABLE).await
        };
        taken.await.map_err(|error| blockers.explain(error, &limits, "waiting for its turn", ""))?;
        Ok(Self { turn, options, limits })
    }

    /// What this release holds and the database lacks; an error when the two tell different histories.
    async fn pending(&mut self) -> anyhow::Result<Vec<&'static Migration>> {
        let applied = self.turn.list_applied_migrations(TABLE).await?;
        for applied in &applied {
            let Some(ours) = ups().find(|ours| ours.version == applied.version) else {
                bail!(
                    "the database has migration {}, which this release does not know: is it an older one?",
                    applied.version
                );
            };
            if ours.checksum != applied.checksum {
                bail!(
                    "migration {} {} was changed after it had been applied",
                    ours.version,
                    ours.description
                );
            }
        }
        Ok(ups().filter(|ours| applied.iter().all(|applied| applied.version != ours.version)).collect())
    }

    /// Runs one migration, up or down, and says so. When it gets no lock, everybody who waits behind it passes, and it
    /// tries again, as often as its limits say.
    ///
    /// # Errors
    /// What failed, and who holds the lock that it did not get.
    pub async fn run(&mut self, migration: &Migration) -> anyhow::Result<()> {
        let Migration { version, description, .. } = migration;
        let limits = self.limits.for_file(migration.sql.as_str()).with_context(|| version.to_string())?;
        let (mut pause, what) = (FIRST_PAUSE, format!("migration {version} {description}"));
        let and = match migration.no_tx {
            false => ", and was taken back",
            // Its statement commits as it goes along; of an index, what is left of it is removed.
            true => " (it runs without a transaction: no more than an invalid index is taken back)",
        };
        for left in (0..limits.tries).rev() {
            let mut connection = connect(&limits.of_connection(&self.options)).await?;
            let blockers = Blockers::watch(&mut connection, connect(&self.options).await?).await?;
            match run_once(&mut connection, migration).await {
                Ok(took) => {
                    let done = if is_up(migration) { "applied" } else { "took back" };
                    println!("{done} {version} {description} ({} ms)", took.as_millis());
                    if let Some(told) = changed_in_batches(&mut connection).await? {
                        println!("  {told}");
                    }
                    return Ok(());
                }
                Err(error) if left > 0 && blockers::is_lock_timeout(&error) => {
                    let why = blockers.explain(error, &limits, &what, and);
                    let jittered = jitter(pause);
                    println!("{why}; again in {} ms, {left} tries left", jittered.as_millis());
                    tokio::time::sleep(jittered).await;
                    pause = (pause * 3 / 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(blockers.explain(error, &limits, &what, and)),
            }
        }
        Err(anyhow!("{what} may not be tried even once"))
    }
}

/// A file that can't run in a transaction is not taken back by one: what it left half-made is removed, before and after.
async fn run_once(connection: &mut PgConnection, migration: &Migration) -> Result<Duration, MigrateError> {
    if migration.no_tx {
        indexes::drop_invalid(connection, migration.sql.as_str()).await?;
    }
    let ran = match is_up(migration) {
        true => connection.apply(TABLE, migration).await,
        false => connection.revert(TABLE, migration).await,
    };
    if migration.no_tx && ran.is_err() {
        // The next run does it when this can't.
        let _ = indexes::drop_invalid(connection, migration.sql.as_str()).await;
    }
    ran
}

/// What the procedure `in_batches` tells of the rows that it has changed, by this connection.
async fn changed_in_batches(connection: &mut PgConnection) -> sqlx::Result<Option<String>> {
    const TOLD: &str = "SELECT nullif(current_setting('app.changed_in_batches', true), '')";
    sqlx::query_scalar(TOLD).fetch_one(connection).await
}

fn is_up(migration: &Migration) -> bool {
    migration.migration_type.is_up_migration()
}

async fn connect(options: &PgConnectOptions) -> anyhow::Result<PgConnection> {
    let connected = tokio::time::timeout(CONNECT_LIMIT, options.connect()).await;
    connected.context("the database does not answer")?.context("connecting to the database")
}

/// Between half as long and half as long again, so that two who wait for each other do not meet again.
fn jitter(pause: Duration) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    pause / 2 + pause.mul_f64(f64::from(now.subsec_micros() % 1000) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_takes_something_away_is_known_as_the_delivery_tool_knows_it() {
        // What declares nothing never comes as far as an image.
        let declared =
            include_str!("../tests/first_lines.txt").lines().filter_map(|line| line.split_once('\t'));
        for (kind, text) in declared.filter(|(kind, _)| *kind != "nothing") {
            let text = text.replace("\\r", "\r").replace("\\n", "\n");
            assert_eq!(is_contract(&text), kind == "contract", "{text:?}");
        }
    }
}
