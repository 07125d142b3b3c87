//! The plans: which steps each verb takes, as data, built from what is seen under the lease.

use std::time::Duration;

use super::contract::Contract;
use super::ledger::Kind;
use super::observed::Observed;
use super::plan::{Goal, Plan};
use super::release::{Release, ReleaseId};
use super::schema::{Backup, Drain, Migrate, Undo, versions};
use super::steps::{Before, Prune, Pull, Ready, Retire, Start, StopAll};
use super::traffic::{Adopt, Confirm, Guard, StopTraffic, Switch, SwitchBack};
use super::watch::Watch;
use crate::project::Limits;

/// The longest that a release may take to stop.
const STOP: Duration = Duration::from_secs(120);

/// The release gets the traffic; when it has it already, it is made well. `contracts` are the pending migrations that take
/// something away.
pub fn deploy(release: &Release, seen: &Observed, contracts: &[Contract], limits: &Limits) -> Plan {
    if seen.live.live.as_ref() == Some(&release.id) {
        repair(release, seen, limits)
    } else {
        replace(release, seen, contracts, limits)
    }
}

/// What a rollback is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Back<'a> {
    /// The release to go to; without a word the newest confirmed one that was never rolled back from.
    pub to: Option<&'a str>,
    /// Also to one that uses what a migration took away: that is taken back first.
    pub with_database: bool,
}

/// Why there is no way back.
#[derive(Debug, thiserror::Error)]
pub enum NoWayBack {
    /// No release is good enough.
    #[error(
        "there is no earlier release to go back to: none that is kept was confirmed and not rolled back from"
    )]
    Nowhere,
    /// A wrong word, or a release that was forgotten.
    #[error("'{0}' is not kept here")]
    NotKept(String),
    /// One that needs no rollback.
    #[error("{0} has the traffic already")]
    IsLive(ReleaseId),
    /// Its files were changed.
    #[error("what is kept of {0} was changed by hand: it is not that release any more")]
    NotItself(ReleaseId),
    /// A migration has taken away what it uses.
    #[error("{0} uses what {took} took away: it can't serve on this database", took = versions(.1))]
    ShutOut(ReleaseId, Vec<i64>),
    /// Nobody can take these migrations back.
    #[error("no kept release has the way back of {of}: deploy one that has it first", of = versions(.0))]
    NoCarrier(Vec<i64>),
}

impl Back<'_> {
    /// The release that it goes to. The files are enough to refuse a wrong word.
    pub fn target<'s>(&self, seen: &'s Observed) -> Result<&'s Release, NoWayBack> {
        let Some(to) = self.to else { return seen.rollback_target().ok_or(NoWayBack::Nowhere) };
        let found = seen.kept.iter().find(|release| release.id.as_str() == to);
        let release = found.ok_or_else(|| NoWayBack::NotKept(to.to_owned()))?;
        if seen.live.live.as_ref() == Some(&release.id) {
            return Err(NoWayBack::IsLive(release.id.clone()));
        }
        if !release.is_itself() {
            return Err(NoWayBack::NotItself(release.id.clone()));
        }
        Ok(release)
    }

    /// A kept release gets the traffic back. When a migration has taken away what it uses, that is taken back first, if
    /// somebody wants it to be.
    pub fn plan(&self, seen: &Observed, limits: &Limits) -> Result<Plan, NoWayBack> {
        let release = self.target(seen)?;
        let shut_out_by = seen.shut_out_by(&release.id);
        if shut_out_by.is_empty() {
            return Ok(back(release, seen, None, limits));
        }
        if !self.with_database {
            return Err(NoWayBack::ShutOut(release.id.clone(), shut_out_by));
        }
        match seen.carrier(&shut_out_by) {
            Some(carrier) => Ok(back(release, seen, Some((carrier, shut_out_by)), limits)),
            None => Err(NoWayBack::NoCarrier(shut_out_by)),
        }
    }
}

/// Nobody has the traffic, and nothing of any release runs.
pub fn down(seen: &Observed) -> Plan {
    let releases = seen.parts.iter().map(|part| part.release.clone()).collect();
    Plan::to(Goal { kind: Kind::Down, from: seen.live.live.clone(), to: None })
        .then(StopTraffic)
        .then(StopAll { releases, limit: STOP })
}

/// The release that has the traffic is started again, since a part of it is not well.
fn repair(release: &Release, seen: &Observed, limits: &Limits) -> Plan {
    let ought = seen.ledger.ought_to_be_live().as_ref() == Some(&release.id);
    let others = seen.others(&release.id, seen.live.warm.as_ref());
    let id = || Some(release.id.clone());
    Plan::to(Goal { kind: Kind::Deploy, from: id(), to: id() })
        .then(Pull { release: release.clone() })
        .then(Start { release: release.clone(), before: Before::Live })
        .then(Ready { release: release.clone(), limit: limits.ready })
        .when(!ought, "adopt: the ledger says already that it ought to have the traffic", |plan| {
            plan.then(Adopt { release: release.clone() })
        })
        .when(!others.is_empty(), "retire: nothing runs but the release and the one before", |plan| {
            plan.then(Retire { releases: others, drain: limits.drain })
        })
}

/// A new release gets the traffic.
fn replace(release: &Release, seen: &Observed, contracts: &[Contract], limits: &Limits) -> Plan {
    let from = seen.live.live.clone();
    let superfluous = seen.superfluous(limits, &release.id);
    let shut_out = |id: &ReleaseId| contracts.iter().any(|contract| contract.shuts_out.contains(id));
    let (drained, others) = {
        let others = seen.running().into_iter().filter(|id| *id != release.id && Some(id) != from.as_ref());
        others.partition::<Vec<_>, _>(shut_out)
    };
    let warm = seen.live.warm.clone().filter(|id| !shut_out(id));
    Plan::to(Goal { kind: Kind::Deploy, from: from.clone(), to: Some(release.id.clone()) })
        .when(!superfluous.is_empty(), "prune: nothing is kept that is not needed", |plan| {
            plan.then(Prune { releases: superfluous })
        })
        .then(Pull { release: release.clone() })
        .when(!seen.pending(release).is_empty(), "backup, migrate: no migration is pending", |plan| {
            plan.when(!seen.schema.is_empty(), "backup: the database is still empty", |plan| {
                plan.then(Backup { why: "since migrations are pending", forgets: true })
            })
            .when(!contracts.is_empty(), "drain: no pending migration takes anything away", |plan| {
                plan.then(Drain {
                    contracts: contracts.to_vec(),
                    releases: drained,
                    live: from.clone(),
                    drain: limits.drain,
                })
            })
            .then(Migrate { release: release.clone(), pending: seen.pending(release) })
        })
        .when(!seen.is_warm(release), "start: it runs already, warm", |plan| {
            plan.then(Start { release: release.clone(), before: seen.before(release) })
        })
        .then(Ready { release: release.clone(), limit: limits.ready })
        .then(Guard { from: from.clone(), to: release.id.clone(), warm, bake: limits.bake })
        .then(Switch { from: from.clone(), to: release.id.clone(), bake: limits.bake })
        .then(Watch { release: release.clone(), before: seen.kept_release(from.as_ref()), bake: limits.bake })
        .then(Confirm { release: release.clone() })
        .when(!others.is_empty(), "retire: nothing runs but the new release and the one before", |plan| {
            plan.then(Retire { releases: others, drain: limits.drain })
        })
}

/// A kept release gets the traffic back. Confirmed by its own rename: no guard, no watch. `undo` are migrations that
/// took away what it uses, and the release that carries their way back.
fn back(release: &Release, seen: &Observed, undo: Option<(&Release, Vec<i64>)>, limits: &Limits) -> Plan {
    let from = seen.live.live.clone();
    let others = seen.others(&release.id, from.as_ref());
    let plan = Plan::to(Goal { kind: Kind::Rollback, from: from.clone(), to: Some(release.id.clone()) });
    let plan = match undo {
        None => plan,
        Some((carrier, migrations)) => plan
            .then(Backup { why: "since migrations are taken back", forgets: false })
            .then(Undo { release: carrier.clone(), migrations }),
    };
    plan.when(!seen.is_warm(release), "start: it runs already, warm", |plan| {
        plan.then(Start { release: release.clone(), before: seen.before(release) })
    })
    .then(Ready { release: release.clone(), limit: limits.ready })
    .then(SwitchBack { from, to: release.clone() })
    .when(!others.is_empty(), "retire: nothing runs but the two releases", |plan| {
        plan.then(Retire { releases: others, drain: limits.drain })
    })
}
