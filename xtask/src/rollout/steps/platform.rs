//! The steps by which a changed platform takes the place of the one that runs: its files, then one service after the
//! other.

use std::time::Duration;

use anyhow::{Error, Result};

use super::ENGINE_TIMEOUT;
use super::schema::BackUp;
use crate::rollout::plan::{Goal, Plan, Step, StepContext};
use crate::rollout::state::ledger::{Event, Kind};
use crate::rollout::state::platform::PlatformRecord;
use crate::rollout::state::release::ReleaseId;

/// What of a platform would be made anew.
#[derive(Debug, Clone, Default)]
pub struct Renewal {
    /// The release that has the traffic, and keeps it.
    pub live: Option<ReleaseId>,
    /// The platform that runs, as the ledger has it.
    pub before: PlatformRecord,
    /// The commit that it is taken from.
    pub commit: String,
    /// The services that are started anew, each with what this costs users.
    pub services: Vec<(String, String)>,
    /// Whether one of them is the database.
    pub has_database: bool,
}

/// A changed platform takes the place of the one that runs.
pub fn renew(renewal: &Renewal) -> Plan {
    let Renewal { live, before, commit, services, has_database } = renewal;
    let plan = Plan::to(Goal { kind: Kind::Platform, from: live.clone(), to: live.clone() })
        .when(*has_database, "backup: the database goes on", |plan| {
            plan.then(BackUp { why: "since the database is started anew", prunes: false })
        })
        .then(Write { before: before.clone(), commit: commit.clone() });
    services.iter().fold(plan, |plan, (service, costs)| {
        plan.then(Renew { service: service.clone(), costs: costs.clone() })
    })
}

/// Its files come to the host, and the ledger is told which ones.
struct Write {
    before: PlatformRecord,
    commit: String,
}

impl Step for Write {
    fn name(&self) -> &'static str {
        "write"
    }
    fn describe(&self) -> String {
        format!("bring the platform's files as {} has them, and make the database's roles", self.commit)
    }
    fn timeout(&self) -> Duration {
        ENGINE_TIMEOUT
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        let record = context.leased.write_platform()?;
        context.journal.write(Event::Platform(record))
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, _cause: &Error) -> Result<()> {
        context.leased.bring_back_platform_files()?;
        context.journal.write(Event::Platform(self.before.clone()))
    }
}

/// A service starts anew, from the files that are there.
struct Renew {
    service: String,
    costs: String,
}

impl Step for Renew {
    fn name(&self) -> &'static str {
        "renew"
    }
    fn describe(&self) -> String {
        format!("start {} anew: {}", self.service, self.costs)
    }
    fn timeout(&self) -> Duration {
        2 * ENGINE_TIMEOUT
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        context.leased.renew_platform(&self.service)
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, _cause: &Error) -> Result<()> {
        context.leased.bring_back_platform_files()?;
        context.leased.renew_platform(&self.service)
    }
}
