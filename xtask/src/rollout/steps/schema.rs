//! The steps that reach the database: backup, drain, migrate, and the way back of a migration that took something away.

use std::time::Duration;

use anyhow::{Error, Result, ensure};

use super::{list, stop};
use crate::rollout::plan::{Step, StepContext};
use crate::rollout::state::contract::Contract;
use crate::rollout::state::ledger::{Event, MIGRATE};
use crate::rollout::state::release::{Release, ReleaseId};

/// The longest that all migrations of a plan may take.
pub const MIGRATION_TIMEOUT: Duration = Duration::from_secs(900);

const UNDO: &str = "undo";

/// Whether a step of that name, as the ledger has it, runs a container that outlives its driver.
pub fn is_migration(step: &str) -> bool {
    [MIGRATE, UNDO].contains(&step)
}

/// The database is dumped, and the dump verified, before a migration changes it.
pub struct BackUp {
    /// Why, as the plan says it.
    pub why: &'static str,
    /// Whether older backups are removed that need not be kept any longer. Not where a plan goes back to what was: one
    /// of them may be what it needs.
    pub prunes: bool,
}

impl Step for BackUp {
    fn name(&self) -> &'static str {
        "backup"
    }
    fn describe(&self) -> String {
        format!("dump the database and read the dump back, {}", self.why)
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(1800)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        let backup = context.leased.backup(&context.journal.attempt, self.why)?;
        context.report.says(&format!("backup {}, {} tables", backup.name, backup.tables));
        if self.prunes {
            // What could not be removed now is removed by the next one.
            let _ = context.leased.prune_backups();
        }
        Ok(())
    }
}

/// The migrations, by the new image, while the old release serves. Never undone by itself: each leaves the old
/// release working.
pub struct Migrate {
    /// The release whose image carries them.
    pub release: Release,
    /// The pending ones.
    pub pending: Vec<i64>,
}

impl Step for Migrate {
    fn name(&self) -> &'static str {
        MIGRATE
    }
    fn describe(&self) -> String {
        format!("apply {} by a one-off container of the new image", versions(&self.pending))
    }
    fn timeout(&self) -> Duration {
        MIGRATION_TIMEOUT
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        context.leased.migrate(&self.release)?.lines().for_each(|line| context.report.says(line));
        let schema = context.host.schema()?;
        let missing: Vec<&i64> =
            self.pending.iter().filter(|version| !schema.contains_key(version)).collect();
        ensure!(missing.is_empty(), "the migration ended well, but the database lacks {missing:?}");
        Ok(())
    }
    fn stays(&self, context: &StepContext) -> Option<String> {
        // One that does not answer is told as one with nothing in it.
        let schema = context.host.schema().unwrap_or_default();
        let applied: Vec<i64> = self.pending.iter().copied().filter(|it| schema.contains_key(it)).collect();
        let words = versions(&applied);
        let before = match context.host.live().map(|live| live.active.is_some()) {
            Ok(true) => ", with which the release before works",
            _ => "",
        };
        (!applied.is_empty()).then(|| format!("the database has {words}{before}"))
    }
}

/// A pending migration takes something away: what still uses it and has no traffic finishes what it has, and stops. From
/// here on no rollback goes there, whatever becomes of this attempt.
pub struct Drain {
    /// What is taken away, and from whom.
    pub contracts: Vec<Contract>,
    /// Those of them that run.
    pub releases: Vec<ReleaseId>,
    /// The release that has the traffic, and keeps it.
    pub live: Option<ReleaseId>,
    /// How long each gets.
    pub drain: Duration,
}

impl Step for Drain {
    fn name(&self) -> &'static str {
        "drain"
    }
    fn describe(&self) -> String {
        let migrations: Vec<i64> = self.contracts.iter().map(|contract| contract.migration).collect();
        let migrations = versions(&migrations);
        let mut out: Vec<ReleaseId> =
            self.contracts.iter().flat_map(|it| it.incompatible_with.clone()).collect();
        out.sort_unstable();
        out.dedup();
        let stop = match self.releases.as_slice() {
            [] => String::new(),
            some => format!("stop {}; ", list(some)),
        };
        let back = match out.as_slice() {
            [] => "no kept release uses what it takes away".to_owned(),
            some => format!("a rollback to {} will want `--with-database`", list(some)),
        };
        format!("{stop}before {migrations}: {back}")
    }
    fn timeout(&self) -> Duration {
        (self.drain + Duration::from_secs(15)) * u32::try_from(self.releases.len()).unwrap_or(1)
            + Duration::from_secs(10)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        for contract in &self.contracts {
            context.journal.write(Event::Contract(contract.clone()))?;
        }
        let warm = context.host.live()?.warm;
        if warm.is_some_and(|warm| self.contracts.iter().any(|it| it.incompatible_with.contains(&warm))) {
            // Before it stops: the edge asks the warm one for the assets of open tabs.
            context.leased.set_warm(self.live.as_ref(), None)?;
        }
        self.releases.iter().try_for_each(|id| stop(context, id))
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, _cause: &Error) -> Result<()> {
        // What is warm no more does not run on either; it is not made warm again, since it may have stopped already.
        let live = context.host.live()?;
        self.releases.iter().filter(|id| !live.holds(id)).try_for_each(|id| context.leased.stop(id))
    }
    fn stays(&self, _context: &StepContext) -> Option<String> {
        let words = list(&self.releases);
        (!self.releases.is_empty())
            .then(|| format!("{words} is stopped, and kept: a rollback there starts it"))
    }
}

/// What a migration took away is given back, by the image that has its way back, while that release serves on.
pub struct Undo {
    /// The release whose image carries them.
    pub release: Release,
    /// The migrations, the newest first.
    pub migrations: Vec<i64>,
}

impl Step for Undo {
    fn name(&self) -> &'static str {
        UNDO
    }
    fn describe(&self) -> String {
        let (migrations, id) = (versions(&self.migrations), &self.release.id);
        format!("take {migrations} back by a one-off container of the image of {id}")
    }
    fn timeout(&self) -> Duration {
        MIGRATION_TIMEOUT
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        let said = context.leased.undo_migrations(&self.release, &self.migrations)?;
        said.lines().for_each(|line| context.report.says(line));
        let schema = context.host.schema()?;
        let left: Vec<i64> =
            self.migrations.iter().filter(|version| schema.contains_key(version)).copied().collect();
        ensure!(left.is_empty(), "it ended well, but the database still has {}", versions(&left));
        Ok(())
    }
    fn stays(&self, context: &StepContext) -> Option<String> {
        let schema = context.host.schema().ok().filter(|schema| !schema.is_empty())?;
        let gone: Vec<i64> = self.migrations.iter().copied().filter(|it| !schema.contains_key(it)).collect();
        let words = versions(&gone);
        (!gone.is_empty())
            .then(|| format!("{words} is taken back; the next deploy that carries it applies it"))
    }
}

/// 'migration 1' or 'migrations 1, 2'.
pub fn versions(versions: &[i64]) -> String {
    let list: Vec<String> = versions.iter().map(i64::to_string).collect();
    format!("migration{} {}", if list.len() == 1 { "" } else { "s" }, list.join(", "))
}
