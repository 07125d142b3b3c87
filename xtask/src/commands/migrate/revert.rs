//! `cargo xtask migrate revert --env …`: what a deploy that was undone has added to a database is taken back, behind a backup and a
//! question that names the tables and columns that go with it.

use anyhow::Result;
use serde_json::json;

use crate::commands::output::OutputArgs;
use crate::commands::progress::driver::{self, LockWaitArgs, ReasonArgs};
use crate::commands::progress::steps::Preview;
use crate::commands::target::TargetArgs;
use crate::commands::target::consent::Consent;
use crate::exit::refuse;
use crate::host::{Lost, Machine};
use crate::product::migrations;
use crate::project::Environment;
use crate::rollout::observed::Observed;
use crate::rollout::revert::{self, RevertError, Unneeded};
use crate::rollout::steps::schema::versions;
use crate::terminal::{self, paint};

/// What is asked for.
pub struct Revert {
    pub environment: Environment,
    pub lock_wait: LockWaitArgs,
    pub plan: bool,
    pub consent: Consent,
    pub reason: ReasonArgs,
    pub output: OutputArgs,
}

impl Revert {
    /// Looks what nobody needs, and what would go with it; asks; then, under the lease, makes a backup and takes it back.
    pub fn run(self) -> Result<()> {
        let machine = TargetArgs::of(self.environment.clone()).reach()?;
        machine.platform().check().map_err(|error| refuse(format!("{error:#}")))?;
        let seen = Observed::of(&machine)?;
        let found = revert::unneeded(&seen).map_err(|why| self.refuse(&why))?;
        let lost = self.losses(&machine, &seen, &found)?;
        let preview = Preview::of(&revert::plan(&found, &seen));
        lost.iter().for_each(|lost| terminal::warn(format_args!("it takes away {lost}")));
        if self.plan {
            preview.say(self.output);
            return Ok(());
        }
        preview.announce(self.output);
        self.ask(&found, &lost)?;
        let shown = found.migrations.clone();
        self.take_back(&machine, &shown, &lost)
    }

    fn take_back(&self, machine: &Machine, shown: &[i64], lost: &[Lost]) -> Result<()> {
        let what = format!("taking {} back", versions(shown));
        let leased = driver::lease(machine, what, self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let seen = Observed::beyond(attempt.settled.files.clone(), machine)?;
        let found = revert::unneeded(&seen).map_err(|why| self.refuse(&why))?;
        if found.migrations != shown || self.losses(machine, &seen, &found)? != lost {
            return Err(refuse(
                "what would be taken back is not what was shown any more: nothing was changed, look again",
            ));
        }
        attempt.note_done(&format!("{} is taken back by hand", versions(shown)), self.reason.text())?;
        driver::run(machine, &attempt, &revert::plan(&found, &seen), Vec::new())?;
        let backup = machine.database().backups()?.pop().map(|backup| backup.name);
        self.output.say(
            || json!({ "taken_back": shown, "lost": lost, "backup": backup }),
            || {
                terminal::say(format_args!("{} {}", paint::good("Taken back:"), versions(shown)));
                let backup = backup.as_deref().unwrap_or_default();
                terminal::say(format_args!("What was there before is in the backup {backup}."));
            },
        );
        Ok(())
    }

    /// What the way back takes away with it: tried in the database itself, and taken back there.
    fn losses(&self, machine: &Machine, seen: &Observed, found: &Unneeded) -> Result<Vec<Lost>> {
        let mut sql = Vec::new();
        for version in &found.migrations {
            let applied = seen.schema.get(version).map(String::as_str).unwrap_or_default();
            let Some(down) = migrations::way_back(&found.carrier.commit, *version, applied)? else {
                return Err(refuse(format!(
                    "the files of {} are not in this repository as they were applied, so it can't be said what would be lost\n  \
                     Fetch the branch that they came from ({}), then say it again. Nothing was changed.",
                    versions(&[*version]),
                    found.carrier.commit
                )));
            };
            sql.push(down);
        }
        machine.database().losses(&sql)
    }

    fn ask(&self, found: &Unneeded, lost: &[Lost]) -> Result<()> {
        let name = &self.environment.name;
        let what = versions(&found.migrations);
        let lost: Vec<String> = lost.iter().map(ToString::to_string).collect();
        match lost.as_slice() {
            [] => self.consent.ask(
                &format!("{what} is taken back in {name}: no table and no column goes, and what happens to rows can't be counted. Go on?"),
                "nothing was changed",
                name,
            ),
            some => {
                let some = some.join(", ");
                let question = format!("{name} loses {some}, but for a backup. Go on?");
                self.consent.ask(
                    &question,
                    "nothing was changed",
                    &format!("taking {what} back, with {some},"),
                )
            }
        }
    }

    fn refuse(&self, why: &RevertError) -> anyhow::Error {
        let name = &self.environment.name;
        let todo = match why {
            RevertError::NoCarrier(_) => {
                format!(
                    "\n  `cargo xtask deploy --env {name}` of the commit that has it brings it here again, or merge that commit."
                )
            }
            RevertError::LedgerDamaged(_) => {
                format!("\n  `cargo xtask recover --ledger --env {name}` makes it anew first.")
            }
            _ => String::new(),
        };
        refuse(format!("{why}{todo}"))
    }
}
