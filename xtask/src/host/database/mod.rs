//! The database of an environment. All that is done from here happens inside the database's own container, by programs of its own
//! version: a dump never travels to be read. What makes backups by itself is a container beside it, and has its socket.

mod backups;
mod losses;
mod restore;
mod roles;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Cmd, cmd};

pub(super) use self::backups::described;
pub use self::losses::Lost;
pub use self::restore::check_papers;

use super::inventory::{COUNTS, counts};
use super::{Leased, Machine};
use crate::project::{DATABASE, DATABASE_SERVICE};
use crate::rollout::state::history::Applied;
use crate::tools::database::catalogue;
use crate::tools::docker::container;
use crate::tools::docker::exec::Running;
use crate::tools::process::{CommandError, Finished, Run};

pub(super) const SCRIPT: &str = include_str!("../scripts/database.sh");
/// A dump, or loading one.
const DUMP_TIMEOUT: Duration = Duration::from_secs(1200);
const QUERY_TIMEOUT: Duration = Duration::from_secs(60);
const COUNT_TIMEOUT: Duration = Duration::from_secs(3600);

/// What the database consists of, a line each; then version and checksum of the migrations that it has, a line each. In this
/// order, since the last one says how psql ends.
const SCHEMA: [&str; 3] = [
    catalogue::SETTINGS,
    catalogue::QUESTION,
    "SELECT version, encode(checksum, 'hex') FROM public._sqlx_migrations WHERE success ORDER BY version",
];
/// What it says of each of its migrations: version, and when it was applied, in UTC.
const INSTALLED: &str = "SELECT version, to_char(installed_on AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM public._sqlx_migrations WHERE success ORDER BY version";

const OTHERS: &str = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', current_database()) ORDER BY datname";

/// Asks the database in its container: the lines of each answer, bare.
fn psql<'q>(questions: &[&'q str]) -> Vec<&'q str> {
    let mut words = vec![
        "psql",
        "--username=postgres",
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--dbname",
        DATABASE,
    ];
    words.extend(questions.iter().flat_map(|question| ["--command", *question]));
    words
}

/// A migration that a database has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its version.
    pub version: i64,
    /// When it was applied, RFC 3339 in UTC.
    pub at: String,
}

/// The database, to look at.
pub struct Database<'a> {
    pub(super) machine: &'a Machine,
}

/// The database, to change.
pub struct LeasedDatabase<'a> {
    pub(super) leased: &'a Leased<'a>,
}

impl<'a> Database<'a> {
    /// The migrations that it has; none before the first one, or when it is not running.
    pub(super) fn schema(&self) -> Result<Applied> {
        let asked = match self.machine.prefetched_schema() {
            Some(asked) => asked,
            None => self.ask_schema()?,
        };
        let Some(told) = asked.map_or(Ok(None), Running::finish)? else { return Ok(Applied::new()) };
        if told.status.success() {
            let of_migrations = |line: &&str| migration(line).is_some();
            let (migrations, catalogue): (Vec<&str>, Vec<&str>) =
                told.stdout.lines().partition(of_migrations);
            self.machine.remember_catalogue(catalogue.join("\n"));
            return Ok(migrations.into_iter().filter_map(migration).collect());
        }
        // 42P01, undefined_table, and 3D000, undefined_database: nothing was ever migrated, or even made.
        let never = ["_sqlx_migrations\" does not exist", &format!("database \"{DATABASE}\" does not exist")];
        if never.iter().any(|never| told.stderr.contains(never)) {
            self.machine.remember_catalogue(told.stdout);
            return Ok(Applied::new());
        }
        bail!("the database does not say which migrations it has: {}", told.stderr.trim())
    }

    /// What it consists of, a line each: see [`catalogue`]. Told together with its migrations; nothing when it is not running.
    pub fn catalogue(&self) -> Result<String> {
        if let Some(told) = self.machine.prefetched_catalogue() {
            return Ok(told);
        }
        self.schema()?;
        Ok(self.machine.prefetched_catalogue().unwrap_or_default())
    }

    /// Begins to ask it for that.
    pub(super) fn ask_schema(&self) -> Result<Option<Running>> {
        self.machine.platform().begin_in(&DATABASE_SERVICE, "psql", &psql(&SCHEMA), QUERY_TIMEOUT)
    }

    /// The migrations that it has, and since when.
    pub fn installed(&self) -> Result<Vec<Installed>> {
        let platform = self.machine.platform();
        let told = platform.ask_in(&DATABASE_SERVICE, "psql", &psql(&[INSTALLED]), QUERY_TIMEOUT)?;
        let told = told.ok_or_else(|| platform.is_not_running(&DATABASE_SERVICE))?;
        if told.stderr.contains("_sqlx_migrations\" does not exist") {
            return Ok(Vec::new());
        }
        if !told.status.success() {
            bail!("the database does not say since when it has its migrations: {}", told.stderr.trim());
        }
        let row = |line: &str| migration(line).map(|(version, at)| Installed { version, at });
        Ok(told.stdout.lines().filter_map(row).collect())
    }

    /// The rows of each table, as those of an old database are counted: one by one.
    pub fn rows(&self) -> Result<BTreeMap<String, u64>> {
        let platform = self.machine.platform();
        let told = platform.ask_in(&DATABASE_SERVICE, "psql", &psql(&[COUNTS]), COUNT_TIMEOUT)?;
        let told = told.ok_or_else(|| platform.is_not_running(&DATABASE_SERVICE))?;
        if !told.status.success() {
            bail!("counting the rows of the database: {}", told.stderr.trim());
        }
        Ok(counts(&told.stdout))
    }

    /// The names of other databases that its server has: somebody else's, and what restores have put aside.
    pub fn others(&self) -> Result<Vec<String>> {
        let platform = self.machine.platform();
        let told = platform.ask_in(&DATABASE_SERVICE, "psql", &psql(&[OTHERS]), QUERY_TIMEOUT)?;
        let told = told.ok_or_else(|| platform.is_not_running(&DATABASE_SERVICE))?;
        ensure!(told.status.success(), "the server does not name its databases: {}", told.stderr.trim());
        Ok(told.stdout.lines().map(str::to_owned).collect())
    }

    /// Its schema as SQL, by the server's own `pg_dump`, without sqlx's table.
    pub fn schema_dump(&self) -> Result<String> {
        let platform = self.machine.platform();
        let words =
            ["pg_dump", "--username=postgres", "--schema-only", "--exclude-table=_sqlx_migrations", DATABASE];
        let told = platform.ask_in(&DATABASE_SERVICE, "pg_dump", &words, DUMP_TIMEOUT)?;
        let told = told.ok_or_else(|| platform.is_not_running(&DATABASE_SERVICE))?;
        if !told.status.success() {
            bail!("pg_dump of the schema failed: {}", told.stderr.trim());
        }
        // What newer versions say to psql of their own version only.
        let lines = told
            .stdout
            .lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        Ok(lines.map(|line| format!("{line}\n")).collect())
    }

    /// psql of the server's own version, on the user's own terminal.
    pub fn psql(&self, role: &str, arguments: &[String], terminal: bool) -> Result<()> {
        self.machine.platform().check()?;
        let status = Run::new(self.psql_command(role, arguments, terminal)).interactive()?;
        match status.code() {
            Some(0) => Ok(()),
            Some(code) => bail!("psql ended with exit code {code}"),
            None => bail!("psql was killed"),
        }
    }

    fn psql_command(&self, role: &str, arguments: &[String], terminal: bool) -> Cmd<'a> {
        let postgres = self.machine.platform().container(DATABASE_SERVICE.name);
        let (tty, user) = (terminal.then_some("--tty"), DATABASE_SERVICE.uid.to_string());
        let (role, database) = (format!("--username={role}"), format!("--dbname={DATABASE}"));
        cmd!(
            self.machine.docker(),
            "docker exec --interactive {tty...} --env PSQL_HISTORY=/dev/null --user {user} {postgres} psql --no-psqlrc {role} {database} {arguments...}"
        )
    }

    /// A verb of the script, to its end: what it printed.
    fn ask(&self, arguments: &[&str], timeout: Duration) -> Result<String> {
        let words: Vec<&str> = ["sh", "-c", SCRIPT, "database"].iter().chain(arguments).copied().collect();
        let (script, platform) = (format!("database.sh {}", arguments[0]), self.machine.platform());
        let told = platform.ask_in(&DATABASE_SERVICE, &script, &words, timeout)?;
        let Finished { status, stdout, stderr } =
            told.ok_or_else(|| platform.is_not_running(&DATABASE_SERVICE))?;
        if status.success() {
            return Ok(stdout.trim_end().to_owned());
        }
        let code = status.code().unwrap_or_default();
        Err(CommandError::of_exit_code(&script, code, &stdout, &stderr).into())
    }

    /// A program in the database's container, whose streams go through a pipe here.
    fn stream(&self, words: &[&str]) -> Cmd<'a> {
        let (postgres, user) =
            (self.machine.platform().container(DATABASE_SERVICE.name), DATABASE_SERVICE.uid.to_string());
        container::exec(self.machine.docker(), &postgres, &user, words)
    }
}

/// '20260101000000|38b060a7…'.
fn migration(line: &str) -> Option<(i64, String)> {
    let (version, checksum) = line.trim().split_once('|')?;
    Some((version.parse().ok()?, checksum.to_owned()))
}

impl Leased<'_> {
    /// The database, to change: what is in it, and its backups.
    pub fn database(&self) -> LeasedDatabase<'_> {
        LeasedDatabase { leased: self }
    }
}

impl LeasedDatabase<'_> {
    /// Writes by this script which migrations count as applied: the superuser's, since who made the database may be anybody.
    pub fn write_history(&self, sql: &str) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let psql = container::exec(
            machine.docker(),
            &machine.platform().container(DATABASE_SERVICE.name),
            &DATABASE_SERVICE.uid.to_string(),
            &["psql", "--username=postgres", "--no-psqlrc", "--quiet", "--dbname", DATABASE, "--file=-"],
        );
        Run::new(psql).stdin(sql).run().context("writing which migrations the database has")
    }

    /// Runs a script in the database, as the superuser.
    pub fn run_script(&self, sql: &str) -> Result<()> {
        self.as_superuser(&[format!("--dbname={DATABASE}")], sql.to_owned())
    }

    /// A verb of the script that changes the databases, or the backups.
    fn change(&self, arguments: &[&str], timeout: Duration) -> Result<String> {
        self.leased.fenced_invalidating()?.database().ask(arguments, timeout)
    }
}
