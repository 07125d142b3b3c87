mod baseline;
mod diff;
mod history;
mod revert;
mod sql;

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context;
use camino::Utf8PathBuf;
use clap::Subcommand;
use serde_json::json;
use xshell::{Cmd, Shell};

use self::revert::Revert;
use super::output::OutputArgs;
use super::progress::driver::{LockWaitArgs, ReasonArgs};
use super::target::consent::Consent;
use super::target::{self, TargetArgs};
use crate::exit::refuse;
use crate::product::migrations::Migrations;
use crate::product::{catalogue, database, snapshot};
use crate::project::{self, Environment};
use crate::rollout::observed::Observed;
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity, paint};
use crate::tools::database::postgres::Server;
use crate::tools::database::sqlx::Sqlx;
use crate::tools::process::{Run, shell};
use crate::workspace;

/// Write, run and revert migrations of the development database.
///
/// The database is the one of `DATABASE_URL`, or else a server of this repository's own, whose data stays in
/// `.local/development`. Databases of environments are migrated by `deploy`.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the files of a new migration.
    New {
        /// What it does, in words joined by `_`: `add_port_of_loading`.
        name: String,
    },
    Diff(diff::Diff),
    Sql(sql::Sql),
    History(history::History),
    Baseline(baseline::BaselineArgs),
    /// Run what the database lacks.
    Run,
    /// Take back the newest one that the database has; with --env, what an undone deploy has brought and no release needs.
    Revert {
        /// Which environment; without it, the development database.
        #[arg(long, value_name = "ENVIRONMENT", value_parser = target::environment)]
        env: Option<Environment>,
        #[command(flatten)]
        lock_wait: LockWaitArgs,
        /// Print the steps, and what would be lost, and change nothing.
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        reason: ReasonArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Write down what they all come to, in `schema.sql` and `catalogue.txt`, from a throw-away database.
    Snapshot,
    /// List them all, and which of them the database has; with --env, an environment's.
    Info {
        /// Which environment; without it, the development database.
        #[arg(long, value_name = "ENVIRONMENT", value_parser = target::environment)]
        env: Option<Environment>,
        #[command(flatten)]
        output: OutputArgs,
    },
}

impl Migrate {
    pub fn run(self) -> anyhow::Result<()> {
        match self.what {
            What::New { name } => new(&name),
            What::Diff(diff) => diff.run(),
            What::Sql(sql) => sql.run(),
            What::History(history) => history.run(),
            What::Baseline(baseline) => baseline.run(),
            What::Info { env: Some(env), output } => info(env, output),
            What::Snapshot => {
                setup::ensure(&[Tool::SqlxCli, Tool::Postgres], false)?;
                snapshot(&database::for_tests()?)
            }
            What::Run => by_sqlx(Sqlx::run),
            What::Revert { env: Some(environment), lock_wait, plan, consent, reason, output } => {
                Revert { environment, lock_wait, plan, consent, reason, output }.run()
            }
            What::Revert { env: None, .. } => by_sqlx(Sqlx::revert),
            What::Info { env: None, .. } => by_sqlx(Sqlx::info),
        }
    }
}

/// sqlx's own command, on the database that a developer works on.
fn by_sqlx(command: for<'a> fn(&Sqlx, &'a Shell, &str) -> Cmd<'a>) -> anyhow::Result<()> {
    setup::ensure(&[Tool::SqlxCli], false)?;
    let database = Database::open()?;
    let said = Run::new(command(&database::sqlx()?, shell(), &database.url())).text()?;
    terminal::say(if said.is_empty() { "nothing to do" } else { &said });
    Ok(())
}

/// The scratch database into which the schema of the other one is loaded.
const RESTORED: &str = "restored";

/// Writes down what all migrations come to, by a database of this server.
fn snapshot(server: &Server) -> anyhow::Result<()> {
    server.create_database(project::DATABASE)?;
    let url = server.owner_url(project::DATABASE);
    Run::new(database::sqlx()?.run(shell(), &url)).run()?;
    let said = |path: Utf8PathBuf, changed: bool| {
        terminal::say(format_args!("{path} {}", if changed { "was written" } else { "is as it was" }));
    };
    said(snapshot::path(), snapshot::write(&url)?);
    server.create_database(RESTORED)?;
    let (before, now) =
        (catalogue::read()?, catalogue::taken(&url, &server.owner_url(RESTORED), &Migrations::of_tree()?)?);
    fs::write(catalogue::path(), &now).with_context(|| format!("writing {}", catalogue::path()))?;
    said(catalogue::path(), before != now);
    Ok(())
}

/// What an environment's database has, beside what its live release carries and what this tree has.
fn info(environment: Environment, output: OutputArgs) -> anyhow::Result<()> {
    let machine = TargetArgs::of(environment).reach()?;
    let seen = Observed::of(&machine)?;
    let live = seen.active_release();
    let carried = live.map(|release| release.migrations.clone()).unwrap_or_default();
    let here = names_here()?;
    let mut all: Vec<i64> = seen.schema.keys().chain(&carried).chain(here.keys()).copied().collect();
    all.sort_unstable();
    all.dedup();
    let state = |version: &i64| match (seen.schema.contains_key(version), carried.contains(version)) {
        (true, _) => "applied",
        (false, true) => "lacking",
        (false, false) => "not deployed",
    };
    let for_programs =
        |version: &i64| json!({ "version": version, "name": here.get(version), "state": state(version) });
    let row = |version: &i64| {
        let state = match state(version) {
            state @ "applied" => paint::good(state),
            state @ "lacking" => paint::bad(state),
            state => paint::dim(state),
        };
        vec![
            version.to_string(),
            state,
            here.get(version).cloned().unwrap_or_else(|| "(not in this tree)".to_owned()),
        ]
    };
    output.say(
        || all.iter().map(for_programs).collect(),
        || terminal::table(&["version", "state", "name"], &all.iter().map(row).collect::<Vec<_>>()),
    );
    Ok(())
}

/// The migrations of this tree: version and name.
fn names_here() -> anyhow::Result<BTreeMap<i64, String>> {
    let mut names = BTreeMap::new();
    for entry in workspace::root().join(project::MIGRATIONS).read_dir_utf8()? {
        let entry = entry?;
        let Some((version, name)) =
            entry.file_name().strip_suffix(".up.sql").and_then(|name| name.split_once('_'))
        else {
            continue;
        };
        names.insert(
            version.parse().with_context(|| format!("the name {}", entry.file_name()))?,
            name.replace('_', " "),
        );
    }
    Ok(names)
}

/// What expands is safe while the old release still runs; what contracts must wait until nothing needs it any more.
const FIRST_LINE: &str = "-- expand\n";

/// Refuses what can't be a migration's name.
fn check_name(name: &str) -> anyhow::Result<()> {
    let wanted = file_name(name);
    if wanted == name && !name.is_empty() {
        return Ok(());
    }
    let hint = if wanted.is_empty() { "add_port_of_loading" } else { &wanted };
    Err(refuse(format!(
        "`{name}` can't be a migration's name: small letters, digits and `_` only, such as `{hint}`"
    )))
}

fn new(name: &str) -> anyhow::Result<()> {
    check_name(name)?;
    setup::ensure(&[Tool::SqlxCli], false)?;
    let (sh, sqlx) = (shell(), database::sqlx()?);
    fs::create_dir_all(&sqlx.migrations)?;
    let before = sh.read_dir(&sqlx.migrations)?;
    Run::new(sqlx.add(sh, name)).run()?;
    for file in sh.read_dir(&sqlx.migrations)?.iter().filter(|file| !before.contains(file)) {
        if file.to_string_lossy().ends_with(".up.sql") {
            fs::write(file, FIRST_LINE)?;
        }
        terminal::say(file.strip_prefix(workspace::root()).unwrap_or(file).display());
    }
    Ok(())
}

/// The nearest name that a migration can have.
fn file_name(words: &str) -> String {
    let plain: String =
        words.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    plain.split('_').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

/// The database that a developer works on.
enum Database {
    Named(String),
    Own(Server),
}

impl Database {
    fn open() -> anyhow::Result<Database> {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            return Ok(Database::Named(url));
        }
        setup::ensure(&[Tool::Postgres], false)?;
        let server = Activity::of("starting the development database", |_| database::for_development())
            .context("the development database did not start (`DATABASE_URL` would name another one)")?;
        Ok(Database::Own(server))
    }

    fn url(&self) -> String {
        match self {
            Database::Named(url) => url.clone(),
            Database::Own(server) => server.owner_url(project::DATABASE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest_right_one() {
        assert_eq!(file_name("Add port-of loading!"), "add_port_of_loading");
        assert_eq!(file_name("add_port"), "add_port");
        assert_eq!(file_name("--"), "");
    }
}
