//! The plans: which steps each verb takes, as data, built from what is seen under the lease.

use std::time::Duration;

use super::observed::{Before, Observed};
use super::plan::{Goal, Plan};
use super::state::contract::Contract;
use super::state::ledger::Kind;
use super::state::release::{Release, ReleaseId};
use super::steps::schema::{BackUp, Drain, Migrate, Undo};
use super::steps::traffic::{Adopt, ArmGuard, Confirm, StopTraffic, Switch, SwitchBack, SwitchUnasked};
use super::steps::watch::Watch;
use super::steps::{Prune, Pull, Ready, Retire, Start, StopAll};
use crate::rollout::limits::Limits;

/// The longest that a release may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(120);

/// The release gets the traffic; when it has it already, it is made well. `contracts` are the pending migrations that take
/// something away.
pub fn deploy(release: &Release, seen: &Observed, contracts: &[Contract], limits: &Limits) -> Plan {
    if seen.traffic.active.as_ref() == Some(&release.id) {
        repair(release, seen, limits)
    } else {
        replace(release, seen, contracts, limits)
    }
}

/// Nobody has the traffic, and nothing of any release runs.
pub fn down(seen: &Observed) -> Plan {
    let releases = seen.parts.iter().map(|part| part.release.clone()).collect();
    Plan::to(Goal { kind: Kind::Down, from: seen.traffic.active.clone(), to: None })
        .then(StopTraffic)
        .then(StopAll { releases, timeout: STOP_TIMEOUT })
}

/// The release that has the traffic is started again, since a part of it is not well.
fn repair(release: &Release, seen: &Observed, limits: &Limits) -> Plan {
    let ought = seen.ledger.expected_active().as_ref() == Some(&release.id);
    let others = seen.others(&release.id, seen.traffic.warm.as_ref());
    let id = || Some(release.id.clone());
    Plan::to(Goal { kind: Kind::Deploy, from: id(), to: id() })
        .then(Pull { release: release.clone() })
        .then(Start { release: release.clone(), before: Before::Live })
        .then(Ready { release: release.clone(), timeout: limits.ready, smoke_test: false })
        .when(!ought, "adopt: the ledger says already that it ought to have the traffic", |plan| {
            plan.then(Adopt { release: release.clone() })
        })
        .when(!others.is_empty(), "retire: nothing runs but the release and the one before", |plan| {
            plan.then(Retire { releases: others, superfluous: Vec::new(), drain: limits.drain })
        })
}

/// A new release gets the traffic.
fn replace(release: &Release, seen: &Observed, contracts: &[Contract], limits: &Limits) -> Plan {
    let from = seen.traffic.active.clone();
    let superfluous = seen.superfluous(limits, &release.id);
    let mut superfluous_then = seen.superfluous_then(limits, &release.id);
    superfluous_then.retain(|id| !superfluous.contains(id));
    let is_incompatible =
        |id: &ReleaseId| contracts.iter().any(|contract| contract.incompatible_with.contains(id));
    let (drained, others) = {
        let others = seen.running().into_iter().filter(|id| *id != release.id && Some(id) != from.as_ref());
        others.partition::<Vec<_>, _>(is_incompatible)
    };
    let warm = seen.traffic.warm.clone().filter(|id| !is_incompatible(id));
    Plan::to(Goal { kind: Kind::Deploy, from: from.clone(), to: Some(release.id.clone()) })
        .watching(release.contents.images.clone())
        .when(!superfluous.is_empty(), nothing_to_prune(seen), |plan| {
            plan.then(Prune { releases: superfluous })
        })
        .then(Pull { release: release.clone() })
        .when(!seen.pending(release).is_empty(), "backup, migrate: no migration is pending", |plan| {
            plan.when(!seen.schema.is_empty(), "backup: the database is still empty", |plan| {
                plan.then(BackUp { why: "since migrations are pending", prunes: true })
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
        .then(Ready { release: release.clone(), timeout: limits.ready, smoke_test: true })
        .then(ArmGuard { from: from.clone(), to: release.id.clone(), warm, bake: limits.bake })
        .then(Switch { from: from.clone(), to: release.id.clone(), bake: limits.bake })
        .then(Watch { release: release.clone(), before: seen.kept_release(from.as_ref()), bake: limits.bake })
        .then(Confirm { release: release.clone() })
        .when(
            !others.is_empty() || !superfluous_then.is_empty(),
            "retire: nothing runs but the new release and the one before, and all that is kept is needed",
            |plan| plan.then(Retire { releases: others, superfluous: superfluous_then, drain: limits.drain }),
        )
}

fn nothing_to_prune(seen: &Observed) -> &'static str {
    match seen.damage().is_empty() {
        true => "prune: nothing is kept that is not needed",
        false => "prune: nothing is removed on the word of a damaged ledger",
    }
}

/// A kept release gets the traffic back. Confirmed by its own rename: no guard, no watch. `undo` are migrations that
/// took away what it uses, and the release that carries their way back.
pub(super) fn back(
    release: &Release,
    seen: &Observed,
    undo: Option<(&Release, Vec<i64>)>,
    limits: &Limits,
) -> Plan {
    let from = seen.traffic.active.clone();
    let others = seen.others(&release.id, from.as_ref());
    let mut plan = Plan::to(Goal { kind: Kind::Rollback, from: from.clone(), to: Some(release.id.clone()) });
    if seen.is_engine_silent {
        let why = "start, ready, retire: the engine does not answer, and can't be asked for them";
        plan.not_needed.push(why.to_owned());
        return plan.then(SwitchUnasked { from, to: release.clone() });
    }
    let plan = match undo {
        None => plan,
        Some((carrier, migrations)) => plan
            .then(BackUp { why: "since migrations are taken back", prunes: false })
            .then(Undo { release: carrier.clone(), migrations }),
    };
    plan.when(!seen.is_warm(release), "pull, start: it runs already, warm", |plan| {
        // What somebody has removed or changed of it since is there again.
        plan.then(Pull { release: release.clone() })
            .then(Start { release: release.clone(), before: seen.before(release) })
    })
    .then(Ready { release: release.clone(), timeout: limits.ready, smoke_test: false })
    .then(SwitchBack { from, to: release.clone() })
    .when(!others.is_empty(), "retire: nothing runs but the two releases", |plan| {
        plan.then(Retire { releases: others, superfluous: Vec::new(), drain: limits.drain })
    })
}
