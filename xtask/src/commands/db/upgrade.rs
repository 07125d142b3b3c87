//! `cargo xtask db upgrade`: another major version of PostgreSQL, by dump and load beside the one that serves.

mod change;

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use self::change::{CHANGING_PLACES, Going};
use super::{copies, size};
use crate::commands::output::OutputArgs;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::progress::steps::Preview;
use crate::commands::target::TargetArgs;
use crate::exit::refuse;
use crate::host::{Machine, Server, UpgradeRecord, UpgradeState};
use crate::product::catalogue;
use crate::product::images::{self, Registry};
use crate::project::{DATABASE, MAJORS};
use crate::rollout::host::Host as _;
use crate::rollout::journal::timestamp;
use crate::rollout::observed::Observed;
use crate::rollout::state::catalogue::expected;
use crate::rollout::steps::restore::back_up;
use crate::terminal::{self, paint};

/// Of a database, in bytes a second: what was measured on two busy cores. The rehearsal says how long it takes here.
const LOADED_A_SECOND: u64 = 20_000_000;
#[derive(Debug, Args)]
pub struct Upgrade {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// The major version, where the environment's row does not say it yet
    #[arg(long, value_name = "MAJOR")]
    to: Option<u32>,
    /// The longest that users may wait; when the rehearsal took longer, nothing is changed
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    longest: Duration,
    /// The version that was left serves again, with its data; what was written since is lost
    #[arg(long, conflicts_with = "to")]
    back: bool,
    /// Remove the data of the version that was left: there is no way back any more
    #[arg(long, conflicts_with_all = ["to", "back", "plan"])]
    forget_old: bool,
    /// The environment's name once more, where nobody can be asked for it
    #[arg(long, value_name = "ENVIRONMENT")]
    confirm: Option<String>,
    /// Say what would be done, and how long users would wait; change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Upgrade {
    /// Looks, asks and rehearses; then users wait.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment().clone();
        let name = &environment.name;
        if let Some(confirm) = self.confirm.as_ref().filter(|confirm| *confirm != name) {
            return Err(refuse(format!("--confirm says {confirm:?}, and the environment is {name}")));
        }
        let (machine, registry) = copies::reach(self.target.clone(), &environment)?;
        let is_unsettled = machine.upgrade().record()?.is_some_and(|record| record.is_unsettled());
        if is_unsettled && !self.plan {
            let leased =
                driver::lease(&machine, "settling a change of PostgreSQL".to_owned(), self.lock_wait)?;
            driver::settle(&leased)?;
        }
        let machine = copies::with_bases(machine)?;
        if self.forget_old {
            return self.forget(&machine);
        }
        let known = machine.upgrade().record()?;
        let record = match self.back {
            true => self.way_back(&machine)?,
            false => match self.way_there(&machine, registry.as_ref())? {
                Some(record) => record,
                None => return Ok(()),
            },
        };
        self.check(&machine)?;
        let bytes = if self.back { 0 } else { machine.database().check_room_for_upgrade()? };
        let preview = preview(&record, bytes);
        if self.plan {
            preview.say(self.output);
            return Ok(());
        }
        preview.announce(self.output);
        self.ask(&record)?;
        let (rehearsed, waited) = self.change(&machine, &record, known.as_ref())?;
        self.say(&machine, &record, rehearsed, waited);
        // The archive is one of a cluster, by a server of its version.
        let machine = copies::with_bases(machine)?;
        let leased = driver::lease(&machine, "copies off the host".to_owned(), LockWaitArgs::PATIENT)?;
        copies::renew(&leased, &machine, registry.as_ref());
        Ok(())
    }

    /// Under the lease. Gives how long the rehearsal took, and how long users waited.
    fn change(
        &self,
        machine: &Machine,
        record: &UpgradeRecord,
        known: Option<&UpgradeRecord>,
    ) -> Result<(Option<Duration>, Duration)> {
        let (from, to) = (record.from.major, record.to.major);
        let leased = driver::lease(machine, format!("PostgreSQL {from} to {to}"), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        if machine.platform().database_major()? != from || machine.upgrade().record()?.as_ref() != known {
            return Err(refuse(
                "the database was changed by somebody else meanwhile: nothing was done, look again",
            ));
        }
        let plan = back_up("before another major version", machine.live()?.active);
        driver::run(machine, &attempt, &plan, Vec::new())?;
        let seen = Observed::of(machine)?;
        let catalogue = expected(&seen.schema, seen.kept.iter()).and_then(catalogue::of_release);
        let catalogue = catalogue.unwrap_or_default();
        let going = Going { machine, leased: &leased, attempt: &attempt, record, catalogue };
        Ok((going.rehearse(self.longest)?, going.pause()?))
    }

    /// None where there is nothing to do.
    fn way_there(&self, machine: &Machine, registry: Option<&Registry>) -> Result<Option<UpgradeRecord>> {
        let (from, environment) = (machine.platform().database_major()?, machine.environment());
        let (to, name) = (self.to.unwrap_or(environment.postgres), &environment.name);
        if from == to {
            self.output.say(
                || json!({ "environment": name, "major": from, "changed": false }),
                || {
                    terminal::say(format_args!(
                        "{} the database of {name} is PostgreSQL {from}'s.",
                        paint::good("Nothing to do:")
                    ));
                },
            );
            return Ok(None);
        }
        let Some(major) = MAJORS.iter().find(|major| major.number == to) else {
            let known: Vec<String> = MAJORS.iter().map(|major| major.number.to_string()).collect();
            return Err(refuse(format!(
                "there is no image of PostgreSQL {to}: there are {}",
                known.join(", ")
            )));
        };
        if to < from {
            return Err(refuse(format!(
                "{name} runs PostgreSQL {from}, and what it writes an older one can't load: `--back` goes back to data that were kept"
            )));
        }
        if let Some(kept) = machine.upgrade().record()?.as_ref().and_then(UpgradeRecord::kept) {
            return Err(refuse(format!(
                "the data of PostgreSQL {} are kept still: `cargo xtask db upgrade --env {name} --forget-old` removes them first",
                kept.major
            )));
        }
        let running = machine.bases()?;
        let image = images::server_of(major, running, registry)?;
        let from = serving(machine, from)?;
        let to = Server { major: to, image, ..from.clone() };
        Ok(Some(UpgradeRecord { v: 1, state: UpgradeState::Cutting, from, to, is_back: false }))
    }

    fn way_back(&self, machine: &Machine) -> Result<UpgradeRecord> {
        let (major, name) = (machine.platform().database_major()?, &machine.environment().name);
        let record = machine.upgrade().record()?;
        let Some(kept) = record.as_ref().and_then(UpgradeRecord::kept).filter(|kept| kept.major != major)
        else {
            return Err(refuse(format!(
                "no data of another major version are kept in {name}: there is no way back"
            )));
        };
        let what = format!("what PostgreSQL {} had on {}", kept.major, kept.at);
        machine.database().check_schema(&what, kept.schema).map_err(|error| refuse(format!("{error:#}")))?;
        let (from, to) = (serving(machine, major)?, kept.clone());
        Ok(UpgradeRecord { v: 1, state: UpgradeState::Cutting, from, to, is_back: true })
    }

    /// What would be lost, or come to an end in the middle.
    fn check(&self, machine: &Machine) -> Result<()> {
        let name = &machine.environment().name;
        if let Some(until) = &machine.live()?.maintenance {
            return Err(refuse(format!(
                "{name} asks its users to wait until {until}: `cargo xtask maintenance off --env {name}` first. Nothing was changed."
            )));
        }
        machine.archiver().check_idle()?;
        let others = machine.database().others()?;
        if !others.is_empty() && !self.back {
            terminal::warn(format_args!(
                "only {DATABASE} goes over: {} stay with the data that are kept, and go with them",
                others.join(", ")
            ));
        }
        Ok(())
    }

    fn ask(&self, record: &UpgradeRecord) -> Result<()> {
        let (name, to) = (&self.target.environment().name, record.to.major);
        let question = match record.is_back {
            true => format!(
                "PostgreSQL {to} serves {name} again, with its data of {}: what was written since is lost. Type the \
                 environment's name to go on:",
                record.to.at
            ),
            false => format!(
                "The database of {name} goes to PostgreSQL {to}; its users wait for {} at most. Type the environment's name to go on:",
                terminal::seconds(self.longest)
            ),
        };
        if self.confirm.is_some() || terminal::asked_for(&question, name) {
            return Ok(());
        }
        Err(refuse(format!(
            "nothing was changed: it wants the environment's name typed, or `--confirm {name}`"
        )))
    }

    fn forget(&self, machine: &Machine) -> Result<()> {
        let name = &machine.environment().name;
        let leased = driver::lease(
            machine,
            "removing the data of a PostgreSQL that was left".to_owned(),
            self.lock_wait,
        )?;
        let attempt = driver::settle(&leased)?;
        let record = machine.upgrade().record()?;
        let Some((record, kept)) = record.as_ref().and_then(|record| Some((record, record.kept()?))) else {
            return Err(refuse(format!(
                "no data of another major version are kept in {name}: nothing was removed"
            )));
        };
        let question = format!(
            "The data that {name} had in PostgreSQL {} are removed: there is no way back then. Type the environment's name to go on:",
            kept.major
        );
        if self.confirm.is_none() && !terminal::asked_for(&question, name) {
            return Err(refuse(format!(
                "nothing was removed: it wants the environment's name typed, or `--confirm {name}`"
            )));
        }
        leased.upgrade().forget(record, kept)?;
        attempt.note_done(&format!("the data of PostgreSQL {} are removed", kept.major), None)?;
        self.output.say(
            || json!({ "environment": name, "forgotten": kept.major }),
            || {
                terminal::say(format_args!(
                    "{} the data of PostgreSQL {}.",
                    paint::good("Removed:"),
                    kept.major
                ))
            },
        );
        Ok(())
    }

    fn say(&self, machine: &Machine, record: &UpgradeRecord, rehearsed: Option<Duration>, waited: Duration) {
        let (environment, from, to) = (machine.environment(), record.from.major, record.to.major);
        let name = &environment.name;
        self.output.say(
            || {
                json!({ "environment": name, "major": to, "changed": true, "kept": from, "pause_ms": terminal::millis(waited),
                        "rehearsed_ms": rehearsed.map(terminal::millis) })
            },
            || {
                terminal::say(format_args!(
                    "{} the database of {name} is PostgreSQL {to}'s. Users waited for {}.",
                    paint::good("Upgraded:"),
                    terminal::seconds(waited)
                ));
                terminal::say(format_args!("The data of PostgreSQL {from} are kept as they were. The way back, and its end:"));
                terminal::say(format_args!("  cargo xtask db upgrade --env {name} --back"));
                terminal::say(format_args!("  cargo xtask db upgrade --env {name} --forget-old"));
            },
        );
        if environment.postgres != to {
            terminal::warn(format_args!(
                "the row of {name} in xtask/src/project/environments.rs says {}: until it says {to}, `platform up` refuses, and a new \
                 host could not load its backups",
                environment.postgres
            ));
        }
    }
}

/// What serves now.
fn serving(machine: &Machine, major: u32) -> Result<Server> {
    let schema = machine.database().installed()?.last().map_or(0, |it| it.version);
    let (image, at) = (machine.bases()?.postgres.clone(), timestamp(machine.now()));
    Ok(Server { major, image, schema, at })
}

fn preview(record: &UpgradeRecord, bytes: u64) -> Preview {
    let (from, to) = (record.from.major, record.to.major);
    let step = |name: &str, what: String| (name.to_owned(), what);
    let mut steps = vec![step("backup", "back the database up, by the version that serves".to_owned())];
    if record.is_back {
        steps.push(step(
            "pause",
            format!("users wait (503) while PostgreSQL {to} takes the place of {from}, some seconds"),
        ));
    } else {
        let about = Duration::from_secs(bytes / LOADED_A_SECOND) + CHANGING_PLACES;
        steps.push(step(
            "rehearse",
            format!("load all of it into PostgreSQL {to}, beside, while users are served"),
        ));
        steps.push(step(
            "pause",
            format!(
                "users wait (503) while {} are loaded again, compared, and PostgreSQL {to} takes the place of {from}: about {} by what \
                 was measured elsewhere, and what the rehearsal says here",
                size(bytes),
                terminal::seconds(about)
            ),
        ));
    }
    steps
        .push(step("keep", format!("the data of PostgreSQL {from} stay as they were, until `--forget-old`")));
    Preview { steps, not_needed: Vec::new() }
}
