//! The change of the server: all of it is rehearsed beside, then users wait; whatever fails is undone.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::exit::{Exit, Failure};
use crate::host::{Leased, Machine, UpgradeRecord};
use crate::rollout::attempt::Attempt;
use crate::rollout::host::{Host as _, LeasedHost as _};
use crate::rollout::state::catalogue::{Differences, as_migrated};
use crate::terminal::{self, Activity};
use crate::tools::process::interrupt;

/// What the pause takes beyond the load.
pub(super) const CHANGING_PLACES: Duration = Duration::from_secs(15);

/// An upgrade, or its way back, that is under way.
pub(super) struct Going<'a> {
    pub(super) machine: &'a Machine,
    pub(super) leased: &'a Leased<'a>,
    pub(super) attempt: &'a Attempt<'a>,
    pub(super) record: &'a UpgradeRecord,
    /// What the migrations come to, where a release says it.
    pub(super) catalogue: String,
}

impl Going<'_> {
    /// Loads all of it while users are served: how long that takes, and that it can be done. Nothing to rehearse where the data
    /// are there already.
    pub(super) fn rehearse(&self, longest: Duration) -> Result<Option<Duration>> {
        if self.record.is_back {
            return Ok(None);
        }
        let upgrade = self.leased.upgrade();
        let to = self.record.to.major;
        let loaded = Activity::of(format!("load all of it into PostgreSQL {to}, beside"), |_| {
            upgrade.start_beside(self.record)?;
            let began = Instant::now();
            self.load(false)?;
            Ok(began.elapsed())
        });
        let loaded = loaded.and_then(|took: Duration| {
            let expected = took + CHANGING_PLACES;
            terminal::note(format_args!("  users will wait for about {}", terminal::seconds(expected)));
            if expected > longest {
                bail!(
                    "users would wait for {}, and `--longest` is {}",
                    terminal::seconds(expected),
                    terminal::seconds(longest)
                );
            }
            Ok(took)
        });
        loaded.map(Some).map_err(|error| self.go_back(None, &error))
    }

    /// What was loaded must be what it was loaded from. PostgreSQL writes some expressions with other brackets then.
    fn load(&self, rows: bool) -> Result<()> {
        let loaded = self.leased.upgrade().load(rows)?;
        let [before, after] = loaded.map(|told| as_migrated(&told, &self.catalogue));
        let differs = Differences::between(&before, &after, |_| true);
        ensure!(
            differs.is_empty(),
            "what was loaded is not what the database is:\n{}",
            differs.lines().join("\n")
        );
        Ok(())
    }

    /// Users wait, the last data go, and the two servers change places. Gives how long it was.
    pub(super) fn pause(&self) -> Result<Duration> {
        let (upgrade, record) = (self.leased.upgrade(), self.record);
        let began = Instant::now();
        let change = || {
            self.attempt
                .note(&format!("PostgreSQL {} to {}: users wait", record.from.major, record.to.major))?;
            upgrade.begin(record)?;
            self.leased.live_folder().ask_to_wait()?;
            upgrade.freeze()?;
            if !record.is_back {
                self.load(true)?;
                upgrade.end_beside(record)?;
            }
            // It is one of a cluster: the next one begins with a base backup.
            if self.leased.archiver().exists()? {
                terminal::warn(format_args!(
                    "the archive of WAL ends here; if the change is undone, the next deploy begins it anew"
                ));
                self.leased.archiver().stop()?;
                self.leased.archiver().forget()?;
            }
            upgrade.switch(record)?;
            // Data that were kept know the passwords of their time.
            self.leased.database().make_roles()?;
            if let Some(live) = self.machine.live()?.active {
                self.machine.wait_for_release(&live)?;
            }
            self.attempt.note_platform(upgrade.platform_record()?)?;
            interrupt::shielded(|| upgrade.open(record))
        };
        let changed = Activity::of("users wait: load the last state, and change places", |_| change());
        if let Err(error) = changed {
            return Err(self.go_back(Some(began), &error));
        }
        let waited = began.elapsed();
        let done = format!(
            "the database is PostgreSQL {}'s; users waited for {}",
            record.to.major,
            terminal::seconds(waited)
        );
        self.attempt.note_done(&done, None)?;
        Ok(waited)
    }

    /// It was not to be. What is to be said of it.
    fn go_back(&self, began: Option<Instant>, error: &anyhow::Error) -> anyhow::Error {
        let (name, record) = (&self.machine.environment().name, self.record);
        let (from, to) = (record.from.major, record.to.major);
        let undo = || {
            self.leased.check()?;
            self.leased.upgrade().undo()?;
            if began.is_some() {
                self.attempt.note_platform(self.leased.upgrade().platform_record()?)?;
            }
            self.attempt.note(&format!("the change to PostgreSQL {to} is undone: {from} serves"))
        };
        let (exit, state) = match interrupt::shielded(undo) {
            Ok(()) => {
                let after = began.map_or(String::new(), |began| {
                    format!(", after users have waited for {}", terminal::seconds(began.elapsed()))
                });
                (Exit::Undone, format!("PostgreSQL {from} serves as before{after}"))
            }
            Err(_) if self.machine.is_cut_off() => (
                Exit::NotUndone,
                "the link to the host is lost: a guard there ends the pause within 20 s, unless the two servers were changing places"
                    .to_owned(),
            ),
            Err(undoing) => (Exit::NotUndone, format!("it could not be undone: {undoing:#}")),
        };
        let message = format!(
            "the change to PostgreSQL {to} failed: {error:#}\n  Now: {state}. `cargo xtask recover --env {name}` settles what is left; \
             mend the cause, then the same command begins anew."
        );
        Failure { exit, message }.into()
    }
}
