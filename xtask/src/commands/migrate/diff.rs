use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;

use super::check_name;
use crate::commands::target::{self, TargetArgs};
use crate::exit::refuse;
use crate::product::baseline::{self, Baseline};
use crate::product::migration_diff::{self, Migration, Wish};
use crate::product::migrations::Migrations;
use crate::product::{database, snapshot};
use crate::project::{self, Environment};
use crate::rollout::host::Host;
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity};
use crate::tools::database::postgres::Server;
use crate::tools::git;
use crate::workspace;

/// Write the migrations that make the schema what `schema.sql` was edited to say.
///
/// What only adds comes first, with indexes beside the traffic; what takes away goes into a contract of its own. They are written
/// only when they are seen to lead there and back.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// What they do, in words joined by `_`: `add_port_of_loading`.
    #[arg(required_unless_present = "from")]
    name: Option<String>,
    /// Print instead the SQL that would make the database of --env what its migrations come to, to be read and run by hand.
    #[arg(long, value_enum, requires = "env", conflicts_with_all = ["name", "renames", "allow_drops", "unused_since"])]
    from: Option<From>,
    /// The environment of --from live.
    #[arg(long, value_name = "ENVIRONMENT", value_parser = target::environment, requires = "from")]
    env: Option<Environment>,
    /// Something that got another name: `users.name=users.full_name`; may be given again.
    #[arg(long = "rename", value_name = "OLD=NEW")]
    renames: Vec<String>,
    /// What is gone from `schema.sql` may be dropped.
    #[arg(long)]
    allow_drops: bool,
    /// The commit on the default branch from which on nothing uses what is taken away.
    #[arg(long, value_name = "COMMIT")]
    unused_since: Option<String>,
}

impl Diff {
    /// Compares, proves, and then writes.
    pub fn run(self) -> Result<()> {
        if let Some(environment) = self.env {
            return put_back(environment);
        }
        let name = self.name.unwrap_or_default();
        check_name(&name)?;
        let unused_since = self.unused_since.as_deref().map(known_commit).transpose()?;
        setup::ensure(migration_diff::TOOLS, false)?;
        setup::ensure(&[Tool::SqlxCli], false)?;
        let wish = Wish { renames: self.renames, allows_drops: self.allow_drops, unused_since };
        let server = Activity::of("a scratch database", |_| database::for_tests())?;
        let migrations = Activity::of("comparing, and trying both ways", |_| {
            migration_diff::written(&server, &snapshot::read()?, &wish)
        })?;
        if migrations.is_empty() {
            terminal::say(format_args!(
                "{} says what the migrations come to: there is nothing to write",
                snapshot::path()
            ));
            return Ok(());
        }
        write(&server, &name, &migrations)
    }
}

/// What the comparison begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum From {
    /// The database of an environment, as it is.
    Live,
}

/// Prints the SQL that would undo what somebody has changed by hand in the database of an environment.
fn put_back(environment: Environment) -> Result<()> {
    setup::ensure(baseline::BRIDGE_TOOLS, false)?;
    let name = environment.name.clone();
    let machine = TargetArgs::of(environment).reach()?;
    let (applied, migrations) = (machine.schema()?, Migrations::of_tree()?);
    let newest = applied.keys().next_back().copied();
    if newest.is_none() {
        return Err(refuse(format!(
            "the database of {name} has no migrations, or does not tell them: `cargo xtask migrate baseline --env {name}` gives it a history"
        )));
    }
    let here: BTreeMap<i64, String> =
        migrations.checksums.clone().into_iter().filter(|(version, _)| Some(*version) <= newest).collect();
    if here != applied {
        return Err(refuse(format!(
            "the database of {name} has not applied just the migrations of this tree up to {}: check out the commit of the live release, \
             which `cargo xtask status --env {name}` names",
            newest.map_or("none".to_owned(), |newest| newest.to_string())
        )));
    }
    let server = Activity::of("a scratch database", |_| database::for_tests())?;
    let expected = Baseline::up_to(&server, &migrations, newest)?;
    let found = machine.database().catalogue()?;
    if expected.differences(&found).is_empty() {
        terminal::note(format_args!(
            "the database of {name} is what its migrations come to: there is nothing to put back"
        ));
        return Ok(());
    }
    let schema = machine.database().schema_dump()?;
    terminal::say(expected.bridge(&schema, &baseline::roles(&found))?.trim_end());
    Ok(())
}

fn known_commit(commit: &str) -> Result<String> {
    let known = git::full_name(workspace::root(), commit)?;
    known.ok_or_else(|| {
        refuse(format!("--unused-since {commit}: there is no such commit here. Nothing was written."))
    })
}

/// The files; with `schema.sql` and the catalogue in their usual form. All or none.
fn write(server: &Server, name: &str, migrations: &[Migration]) -> Result<()> {
    let folder = workspace::root().join(project::MIGRATIONS);
    let first = first_version()?;
    let mut written = Vec::<Utf8PathBuf>::new();
    let edited = snapshot::read()?;
    let all = (|| {
        for (version, migration) in (first..).zip(migrations) {
            for (way, text) in [("up", &migration.up), ("down", &migration.down)] {
                let path = folder.join(format!("{version}_{name}{}.{way}.sql", migration.suffix));
                fs::write(&path, text).with_context(|| format!("writing {path}"))?;
                written.push(path);
            }
        }
        super::snapshot(server)
    })();
    if all.is_err() {
        for path in &written {
            let _ = fs::remove_file(path);
        }
        fs::write(snapshot::path(), edited).with_context(|| format!("writing {}", snapshot::path()))?;
        return all;
    }
    written.iter().for_each(|path| terminal::say(path.strip_prefix(workspace::root()).unwrap_or(path)));
    terminal::say("`cargo xtask ci migration-lint` says whether one of them would lock out who is at work");
    Ok(())
}

/// The time, as migrations are numbered by it, behind all others.
fn first_version() -> Result<i64> {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let digits: String = now.chars().filter(char::is_ascii_digit).collect();
    let newest = Migrations::of_tree()?.versions().pop().unwrap_or(0);
    Ok(digits.parse::<i64>().unwrap_or(0).max(newest + 1))
}
