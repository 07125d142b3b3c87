//! The steps of a restore: what is there is backed up, the dump is loaded beside it, and the two databases swap
//! their names. What was replaced stays.

use std::time::Duration;

use anyhow::{Error, Result, bail};

use super::schema::BackUp;
use crate::rollout::observed::Observed;
use crate::rollout::plan::{Goal, Plan, Step, StepContext};
use crate::rollout::state::backup::{self, Backup};
use crate::rollout::state::ledger::Kind;
use crate::rollout::state::release::ReleaseId;

/// How long the live release may take to be well with the other database.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// A backup takes the database's place. Unless it is to be without papers, each that it names must have its file.
pub fn restore(dump: &Backup, database: &'static str, without_papers: bool, seen: &Observed) -> Plan {
    let live = seen.traffic.active.clone();
    let has_live = live.is_some();
    Plan::to(Goal { kind: Kind::Restore, from: live.clone(), to: live })
        .when(!seen.schema.is_empty(), "backup: the database is still empty", |plan| {
            plan.then(BackUp { why: "before it is replaced", prunes: false })
        })
        .then(Load { dump: dump.clone(), database, without_papers })
        .then(Swap { database })
        .when(has_live, "check: no release has the traffic", |plan| plan.then(Check))
}

/// What is there is backed up, and stays.
pub fn back_up(why: &'static str, live: Option<ReleaseId>) -> Plan {
    let goal = Goal { kind: Kind::Restore, from: live.clone(), to: live };
    Plan::to(goal).then(BackUp { why, prunes: false })
}

/// A dump of a database that was not ours takes the database's place. It has no migrations yet, so no release is asked about it,
/// and knows no papers.
pub fn take_over(dump: &Backup, database: &'static str, live: Option<ReleaseId>) -> Plan {
    Plan::to(Goal { kind: Kind::Restore, from: live.clone(), to: live })
        .then(Load { dump: dump.clone(), database, without_papers: true })
        .then(Swap { database })
}

/// The dump becomes a database beside the one that is used.
struct Load {
    dump: Backup,
    database: &'static str,
    without_papers: bool,
}

impl Step for Load {
    fn name(&self) -> &'static str {
        "load"
    }
    fn describe(&self) -> String {
        format!("restore {} into {}, beside what is used", self.dump.name, backup::beside(self.database))
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(2400)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        context.leased.load_backup(&self.dump, self.without_papers)
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, _cause: &Error) -> Result<()> {
        context.leased.drop_loaded()
    }
}

/// The two databases swap their names.
struct Swap {
    database: &'static str,
}

impl Step for Swap {
    fn name(&self) -> &'static str {
        "swap"
    }
    fn describe(&self) -> String {
        format!(
            "{0} becomes {0}_replaced_…, and what was loaded becomes {0}; requests fail for a moment",
            self.database
        )
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(60)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        context.leased.swap_database(&context.journal.attempt)
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, _cause: &Error) -> Result<()> {
        context.leased.swap_back(&context.journal.attempt)
    }
}

/// The live release answers with the other database as well.
struct Check;

impl Step for Check {
    fn name(&self) -> &'static str {
        "check"
    }
    fn describe(&self) -> String {
        "the live release is ready, and answers through the edge".to_owned()
    }
    fn timeout(&self) -> Duration {
        READY_TIMEOUT
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        let (began, live) = (context.host.clock(), context.host.live()?.active);
        loop {
            let said = match context.host.probe() {
                Ok(answer) if answer.status == 200 && answer.release == live => return Ok(()),
                Ok(answer) => format!("{} {}", answer.status, answer.excerpt),
                Err(error) => format!("{error:#}"),
            };
            if context.host.clock() - began > READY_TIMEOUT {
                bail!("with the restored database the live release does not become healthy: {said}");
            }
            context.host.pause(Duration::from_millis(250))?;
        }
    }
}
