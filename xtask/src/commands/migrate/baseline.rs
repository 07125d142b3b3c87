use std::fs;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;

use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::target::TargetArgs;
use crate::commands::target::consent::Consent;
use crate::exit::refuse;
use crate::host::Machine;
use crate::product::baseline::{self, Baseline};
use crate::product::database;
use crate::product::migrations::Migrations;
use crate::rollout::host::{Host, LeasedHost};
use crate::setup;
use crate::terminal::{self, Activity, paint};

/// Give the database of an environment, which was made by other means, the history that its schema has.
///
/// Its schema must be what the migrations come to: what differs is printed, and nothing is changed. Then it is backed up, and the
/// rows are written by which the migrations count as applied.
#[derive(Debug, clap::Args)]
pub struct BaselineArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// The newest migration that counts as applied; without it, all of this tree do
    #[arg(long, value_name = "VERSION")]
    to: Option<i64>,
    /// When it differs, write the SQL that would make it equal into this file, to be read and run by hand
    #[arg(long, value_name = "FILE")]
    bridge: Option<Utf8PathBuf>,
    #[command(flatten)]
    consent: Consent,
}

impl BaselineArgs {
    /// Compares; then, under the lease, compares again, and writes.
    pub fn run(self) -> Result<()> {
        let BaselineArgs { target, lock_wait, to, bridge, consent } = self;
        let migrations = Migrations::of_tree()?;
        if let Some(to) = to.filter(|to| !migrations.names.contains_key(to)) {
            return Err(refuse(format!(
                "--to {to}: this tree has no such migration; `cargo xtask migrate info` lists them"
            )));
        }
        setup::ensure(baseline::TOOLS, false)?;
        let machine = target.reach()?;
        check_history(&machine)?;
        let server = Activity::of("a scratch database", |_| database::for_tests())?;
        let expected = Baseline::up_to(&server, &migrations, to)?;
        check(&machine, &expected, bridge.as_ref())?;
        let name = machine.environment().name.clone();
        consent.ask(
            &format!("The database of {name} is what the migrations up to {} come to. Shall they count as applied?", expected.newest()),
            "nothing was changed",
            &name,
        )?;
        let leased = driver::lease(&machine, "a baseline of the database".to_owned(), lock_wait)?;
        let attempt = driver::settle(&leased)?;
        check(&machine, &expected, None)?;
        let backup = Activity::of("backup", |_| leased.backup(attempt.id(), "before a baseline"))?;
        leased.database().write_history(&expected.rows())?;
        attempt.note(&format!(
            "baseline: the migrations up to {} count as applied; backup {}",
            expected.newest(),
            backup.name
        ))?;
        terminal::say(format_args!(
            "{}: the migrations up to {} count as applied. A backup from before: {}",
            paint::strong(&name),
            expected.newest(),
            backup.name
        ));
        Ok(())
    }
}

/// Refused when it has a history.
fn check_history(machine: &Machine) -> Result<()> {
    match machine.schema()?.keys().next_back() {
        None => Ok(()),
        Some(newest) => Err(refuse(format!(
            "the database of {} has a history already, up to {newest}: a deploy goes on from there. Nothing was changed.",
            machine.environment().name
        ))),
    }
}

/// Refused when it has a history, or is another schema.
fn check(machine: &Machine, expected: &Baseline, bridge: Option<&Utf8PathBuf>) -> Result<()> {
    let name = &machine.environment().name;
    check_history(machine)?;
    let found = machine.database().catalogue()?;
    if found.is_empty() {
        return Err(refuse(format!(
            "the database of {name} does not tell what it consists of: does it run? `cargo xtask status --env {name}`"
        )));
    }
    let differences = expected.differences(&found);
    if differences.is_empty() {
        return Ok(());
    }
    let bridge = match bridge {
        Some(file) => write_bridge(machine, expected, &found, file)?,
        None => "`--bridge FILE` writes the SQL that would make it equal, for you to read and run".to_owned(),
    };
    Err(refuse(format!(
        "the database of {name} is not what the migrations up to {} come to ('-' is missing, '+' is there):\n    {}\n  {bridge}. Nothing \
         was changed.",
        expected.newest(),
        differences.join("\n    ")
    )))
}

fn write_bridge(machine: &Machine, expected: &Baseline, found: &str, file: &Utf8PathBuf) -> Result<String> {
    setup::ensure(baseline::BRIDGE_TOOLS, false)?;
    let schema = machine.database().schema_dump()?;
    let sql = expected.bridge(&schema, &baseline::roles(found))?;
    fs::write(file, sql).with_context(|| format!("writing {file}"))?;
    let name = &machine.environment().name;
    Ok(format!(
        "{file} has the SQL that would make it equal: read it, then `cargo xtask db shell --env {name} --superuser` runs it"
    ))
}
