//! `cargo xtask db`: an environment's database: look into it, back it up, bring a backup back.

mod archive;
pub mod copies;
mod moment;
pub mod offsite;
pub mod papers;
pub mod store;
pub mod take;
mod upgrade;

use std::io::IsTerminal;
use std::time::SystemTime;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use clap::{Args, Subcommand};
use serde_json::json;

use self::copies::Copies;
use self::moment::Moment;
use self::offsite::Offsite;
use self::take::Take;
use self::upgrade::Upgrade;
use super::output::OutputArgs;
use super::output::ago::ago;
use super::output::near::did_you_mean;
use super::progress::driver::{self, LockWaitArgs, ReasonArgs};
use super::progress::steps::Preview;
use super::refuse;
use super::target::TargetArgs;
use crate::host::Machine;
use crate::project::{DATABASE, OWNER_ROLE};
use crate::rollout::host::LeasedHost;
use crate::rollout::journal::attempt_id;
use crate::rollout::observed::Observed;
use crate::rollout::state::backup::{self, Backup, Copied};
use crate::rollout::steps::restore;
use crate::terminal::{self, Activity, paint};
use crate::tools::process::driver_id;

/// An environment's database: a shell, backups, restoring one
#[derive(Debug, Args)]
pub struct Db {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// psql, of the server's own version
    Shell(Shell),
    /// Dump the database, and read the dump back before it is called a backup
    Backup(MakeBackup),
    /// The backups that are kept
    List(List),
    /// Bring a copy that was off the host back onto it, as a backup that can be restored
    Take(Take),
    /// Copies that leave the host by themselves
    Copies(Copies),
    /// Restore a backup into a scratch database and compare the rows: the proof that it can be restored
    Rehearse(Rehearse),
    /// Bring a backup back; what it replaces is backed up and put aside
    Restore(Restore),
    /// Go to another major version of PostgreSQL: users wait while all is loaded beside, and what is left is kept
    Upgrade(Upgrade),
}

#[derive(Debug, Args)]
struct Shell {
    #[command(flatten)]
    target: TargetArgs,
    /// As the superuser, and not as the owner of the schema
    #[arg(long)]
    superuser: bool,
    #[command(flatten)]
    reason: ReasonArgs,
    /// For psql itself: -- --command 'SELECT 1'
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Debug, Args)]
struct MakeBackup {
    #[command(flatten)]
    target: TargetArgs,
    /// Send a copy, encrypted to BACKUP_RECIPIENT, to this folder of the machine that BACKUP_HOST names, or to `s3://BUCKET/FOLDER`
    #[arg(long, value_name = "FOLDER")]
    to: Option<String>,
    #[command(flatten)]
    reason: ReasonArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct Rehearse {
    /// Which one, as `db list` names it; without it, the newest
    backup: Option<String>,
    /// The newest copy from off the host, `s3://BUCKET/FOLDER`, or a copy by its address: each of its papers is opened here, too
    #[arg(long, value_name = "PLACE", requires = "identity", conflicts_with = "backup")]
    from: Option<String>,
    /// With --from, the file with the private key that opens it
    #[arg(long, value_name = "FILE", requires = "from")]
    identity: Option<Utf8PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct Restore {
    /// Which one, as `db list` names it
    #[arg(required_unless_present = "at")]
    backup: Option<String>,
    /// What the database was at this moment, in UTC, such as 2026-01-03T12:00:00Z
    #[arg(long, value_name = "MOMENT", conflicts_with = "backup", value_parser = moment::parse)]
    at: Option<SystemTime>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// The environment's name once more, where nobody can be asked for it
    #[arg(long, value_name = "ENVIRONMENT")]
    confirm: Option<String>,
    /// Restore it although papers that it names have no file as it was
    #[arg(long)]
    without_papers: bool,
    /// Print the steps, and change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Db {
    /// One method a verb.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Shell(shell) => shell.run(),
            Verb::Backup(backup) => backup.run(),
            Verb::List(list) => list.run(),
            Verb::Take(take) => take.run(),
            Verb::Copies(copies) => copies.run(),
            Verb::Rehearse(rehearse) => rehearse.run(),
            Verb::Restore(restore) => restore.run(),
            Verb::Upgrade(upgrade) => upgrade.run(),
        }
    }
}

impl Shell {
    fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let role = if self.superuser { "postgres" } else { OWNER_ROLE };
        let name = paint::strong(&machine.environment().name);
        terminal::note(paint::dim(format_args!("  {DATABASE} of {name}, as {role}")));
        driver::record(&machine, &format!("a shell of the database, as {role}"), &self.reason);
        machine.database().psql(role, &self.arguments, std::io::stdin().is_terminal())
    }
}

impl MakeBackup {
    /// The dump is made without the lease: it changes nothing, a rollback need not wait for it, and when a restore takes the
    /// database away under it, it fails and leaves nothing behind. What follows it takes the lease for a moment.
    fn run(self) -> Result<()> {
        let offsite =
            self.to.as_deref().map(|to| Offsite::told(to, self.target.environment())).transpose()?;
        let machine = self.target.reach()?;
        let name = attempt_id(SystemTime::now(), driver_id());
        let mut made = Activity::of("dump the database, and read the dump back", |_| {
            machine.database().backup(&name, "by hand")
        })?;
        driver::record(&machine, &format!("the backup {} was made by hand", made.name), &self.reason);
        if let Err(error) = prune(&machine) {
            terminal::warn(format_args!("older backups could not be removed: {error:#}"));
        }
        if let Some(offsite) = offsite {
            let sent = Activity::of("send a copy off the host, encrypted", |_| offsite.send(&machine, &made));
            let sent = sent.and_then(|copied| note_copy(&machine, &made, copied));
            let kept = || format!("the backup {} is made and kept on the host", made.name);
            made.copied = Some(sent.with_context(kept)?);
            if made.papers != Some(0) {
                terminal::warn(
                    "the copy is the database's alone: papers leave the host where BACKUP_TO names a store",
                );
            }
        }
        self.output.say(|| json!(made), || say_backup("Backup:", &made));
        Ok(())
    }
}

/// A restore may be reading one of them, or a deploy may be removing them: so under the lease.
fn prune(machine: &Machine) -> Result<()> {
    if machine.database().superfluous_backups()?.is_empty() {
        return Ok(());
    }
    driver::lease(machine, "pruning backups".to_owned(), LockWaitArgs::PATIENT)?.prune_backups()
}

/// Writes down on the host that there is a copy.
fn note_copy(machine: &Machine, backup: &Backup, copied: Copied) -> Result<Copied> {
    let doing = format!("noting the copy of {}", backup.name);
    driver::lease(machine, doing, LockWaitArgs::PATIENT)?.database().note_copy(backup, &copied)?;
    Ok(copied)
}

impl List {
    fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let backups = machine.database().backups()?;
        let row = |it: &Backup| {
            vec![
                it.name.clone(),
                ago(&it.at),
                it.made_by.clone(),
                size(it.bytes),
                it.schema.to_string(),
                it.live.clone(),
            ]
        };
        let headings = ["backup", "when", "made by", "size", "schema", "live then"];
        self.output.say(
            || json!(backups),
            || terminal::table(&headings, &backups.iter().rev().map(row).collect::<Vec<_>>()),
        );
        Ok(())
    }
}

impl Rehearse {
    fn run(self) -> Result<()> {
        if let (Some(from), Some(identity)) = (&self.from, &self.identity) {
            return take::rehearse(from, identity, self.target.clone(), self.lock_wait, self.output);
        }
        let machine = self.target.reach()?;
        let dump = match &self.backup {
            Some(name) => find(&machine, name)?,
            None => machine
                .database()
                .backups()?
                .pop()
                .ok_or_else(|| refuse("there is no backup yet: `db backup` makes one"))?,
        };
        let leased = driver::lease(&machine, format!("rehearsal of {}", dump.name), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        Activity::of(format!("restore {} into a scratch database", dump.name), |_| {
            leased.database().rehearse(&dump)
        })?;
        attempt.note(&format!(
            "rehearsed: {} can be restored, and has every row, and each of its papers",
            dump.name
        ))?;
        self.output
            .say(|| json!({ "backup": dump.name, "rehearsed": true }), || say_backup("Rehearsed:", &dump));
        Ok(())
    }
}

impl Restore {
    fn run(self) -> Result<()> {
        let environment = self.target.environment().name.clone();
        if let Some(confirm) = self.confirm.as_ref().filter(|confirm| **confirm != environment) {
            return Err(refuse(format!("--confirm says {confirm:?}, and the environment is {environment}")));
        }
        let machine = self.target.clone().reach()?;
        let moment = self.at.map(|at| Moment::of(&machine, at)).transpose()?;
        let plan = |dump: &Backup| {
            let seen = Observed::of(&machine)?;
            Ok::<_, anyhow::Error>(restore::restore(dump, DATABASE, self.without_papers, &seen))
        };
        let dump = match (&moment, &self.backup) {
            (Some(moment), _) if self.plan => moment.to_come(),
            // It may take long: so it is asked for before.
            (Some(moment), _) => {
                self.ask(&environment, &moment.at)?;
                moment.recover(&machine)?
            }
            (None, name) => find(&machine, name.as_deref().unwrap_or_default())?,
        };
        if moment.is_none() || !self.plan {
            self.check(&machine, &dump)?;
        }
        if self.plan {
            Preview::of(&plan(&dump)?).say(self.output);
            return Ok(());
        }
        if moment.is_none() {
            self.ask(&environment, &dump.at)?;
        }
        let leased = driver::lease(&machine, format!("restore of {}", dump.name), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        leased.database().want(&dump)?;
        driver::run(&machine, &attempt, &plan(&dump)?, Vec::new())?;
        let aside = backup::aside(DATABASE, attempt.id());
        let (restored, name) = (paint::good("Restored:"), &dump.name);
        self.output.say(
            || json!({ "backup": name, "replaced_is_kept_as": aside }),
            || {
                terminal::say(format_args!("{restored} {name} is what {environment} has now."));
                terminal::say(format_args!("What it replaced is kept as {aside}. When nobody needs it any more:"));
                terminal::say(format_args!(
                    "  cargo xtask db shell --env {environment} --superuser -- --command 'DROP DATABASE {aside}'"
                ));
            },
        );
        Ok(())
    }

    /// Whatever can be said before anything has begun.
    fn check(&self, machine: &Machine, dump: &Backup) -> Result<()> {
        machine.database().check_restorable(dump).map_err(|error| refuse(format!("{error:#}")))?;
        machine.database().check_room_for_dump()?;
        machine.database().check_room_for_load(dump)?;
        self.check_papers(machine, dump)
    }

    /// Users would be shown papers that nobody can open. The rows themselves are asked once they are loaded: here it is said
    /// before anything has begun.
    fn check_papers(&self, machine: &Machine, dump: &Backup) -> Result<()> {
        if self.without_papers {
            terminal::note("  the files of its papers are not looked at");
            return Ok(());
        }
        let Ok(Some(list)) = machine.papers().named_by(dump) else { return Ok(()) };
        let lacking = Activity::of("look at the files of its papers", |_| machine.papers().lacking(&list))?;
        papers::check(
            &lacking,
            false,
            "Nothing was changed: `cargo xtask db take` brings them from off the host; with `--without-papers` they stay away.",
        )
    }

    fn ask(&self, environment: &str, at: &str) -> Result<()> {
        let when = ago(at);
        let question = format!(
            "The database of {environment} becomes what it was at {at}, {when}. Type the environment's name to go on:"
        );
        if self.confirm.is_some() || terminal::asked_for(&question, environment) {
            return Ok(());
        }
        Err(refuse(format!(
            "nothing was changed: a restore wants the environment's name typed, or `--confirm {environment}`"
        )))
    }
}

fn find(machine: &Machine, name: &str) -> Result<Backup> {
    let mut backups = machine.database().backups()?;
    if let Some(at) = backups.iter().position(|backup| backup.name == name) {
        return Ok(backups.swap_remove(at));
    }
    let meant = did_you_mean(name, backups.iter().map(|backup| backup.name.as_str()));
    Err(refuse(format!("there is no backup {name:?}.{meant} `db list` shows them")))
}

fn say_backup(what: &str, backup: &Backup) {
    let Backup { name, tables, schema, .. } = backup;
    let (what, name, size) = (paint::good(what), paint::strong(name), size(backup.bytes));
    let copied = backup.copied.as_ref().map_or(String::new(), |copied| format!(", copied to {}", copied.to));
    terminal::say(format_args!("{what} {name}  {size}, {tables} tables, schema {schema}{copied}"));
}

/// As people read it.
pub fn size(bytes: u64) -> String {
    if bytes < 1_000_000 {
        format!("{:.1} kB", bytes as f64 / 1e3)
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}
