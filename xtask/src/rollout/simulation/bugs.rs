//! The checker is held to its word: bugs that are planted on purpose, in a plan or in a call, must be found, and for what
//! they are.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Error, Result};

use super::bug::{Bug, Instead};
use super::driver::Act;
use super::fault::{Fault, Trouble, When};
use super::single::{after, deploy_of};
use super::trial::{Trial, host, host_with, release};
use super::world::change::{Change, UNFENCED};
use super::world::platform::Era;
use super::world::{Manner, State, World};
use crate::rollout::host::Switching;
use crate::rollout::plan::{Plan, Step, StepContext};
use crate::rollout::state::ledger::{Event, StepState};
use crate::rollout::state::release::ReleaseId;

/// A step of another plan, with something forgotten.
struct Of {
    plan: Rc<Plan>,
    number: usize,
    forgets: Option<Forgets>,
}

#[derive(Clone, Copy, PartialEq)]
enum Forgets {
    /// Its way back.
    Revert,
    /// To look whether it was done.
    Failure,
    /// What users asked before the switch.
    Load,
}

impl Of {
    fn step(&self) -> &dyn Step {
        self.plan.steps()[self.number].as_ref()
    }
}

impl Step for Of {
    fn name(&self) -> &'static str {
        self.step().name()
    }
    fn describe(&self) -> String {
        self.step().describe()
    }
    fn timeout(&self) -> Duration {
        self.step().timeout()
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        if self.forgets == Some(Forgets::Load) {
            context.counts_before.set(None);
        }
        let applied = self.step().apply(context);
        if self.forgets == Some(Forgets::Failure) { Ok(()) } else { applied }
    }
    fn revert(&self, context: &StepContext, cause: &Error) -> Result<()> {
        if self.forgets == Some(Forgets::Revert) { Ok(()) } else { self.step().revert(context, cause) }
    }
    fn is_tidying(&self) -> bool {
        self.step().is_tidying()
    }
    fn is_watching(&self) -> bool {
        self.step().is_watching()
    }
}

/// The same steps, and one of them before another.
fn moved(plan: Plan, step: &str, before: &str) -> Plan {
    let mut order: Vec<usize> = (0..plan.steps().len()).collect();
    let place = |plan: &Plan, name: &str| plan.steps().iter().position(|it| it.name() == name);
    let (Some(from), Some(to)) = (place(&plan, step), place(&plan, before)) else { return plan };
    let number = order.remove(from);
    order.insert(if from < to { to - 1 } else { to }, number);
    rebuilt(plan, order, None)
}

fn without(plan: Plan, step: &str) -> Plan {
    let order = (0..plan.steps().len()).filter(|number| plan.steps()[*number].name() != step).collect();
    rebuilt(plan, order, None)
}

/// The same steps, one of which forgets something.
fn forgetful(plan: Plan, step: &'static str, forgets: Forgets) -> Plan {
    let order = (0..plan.steps().len()).collect();
    rebuilt(plan, order, Some((step, forgets)))
}

fn rebuilt(plan: Plan, order: Vec<usize>, forgetful: Option<(&'static str, Forgets)>) -> Plan {
    let plan = Rc::new(plan);
    order.into_iter().fold(Plan::to(plan.goal.clone()), |built, number| {
        let forgets = forgetful.filter(|(step, _)| plan.steps()[number].name() == *step).map(|it| it.1);
        built.then(Of { plan: Rc::clone(&plan), number, forgets })
    })
}

/// With the bug, something does not hold in the trial, or in one of those with one fault more, and it is called this.
fn must_be_found(bug: Bug, trial: Trial, as_what: &str) {
    let trial = Trial { bug, ..trial };
    let is_found = |trial: &Trial| trial.broken().0.iter().any(|what| what.contains(as_what));
    if is_found(&trial) || is_found(&Trial { late: true, ..trial.clone() }) {
        return;
    }
    let found = trial.every_trouble().into_iter().any(|trouble| {
        let mut trial = trial.clone();
        trial.troubles.push(trouble);
        is_found(&trial) || is_found(&Trial { late: true, ..trial })
    });
    assert!(found, "nobody noticed");
}

fn in_plan(bug: fn(Plan) -> Plan) -> Bug {
    Bug { plan: Some(bug), ..Bug::default() }
}

fn in_call(bug: Instead) -> Bug {
    Bug { change: Some(bug), ..Bug::default() }
}

#[test]
fn a_start_that_is_not_undone_is_found() {
    let bug = |plan| forgetful(plan, "start", Forgets::Revert);
    must_be_found(in_plan(bug), deploy_of(Manner::NeverReady), "what it started still runs");
}

#[test]
fn a_switch_that_is_not_undone_is_found() {
    let bug = |plan| forgetful(plan, "switch", Forgets::Revert);
    must_be_found(in_plan(bug), deploy_of(Manner::TurnsBad), "requests of users failed");
}

#[test]
fn a_release_that_is_not_asked_to_serve_a_user_is_found() {
    let bug = |plan| forgetful(plan, "ready", Forgets::Failure);
    must_be_found(in_plan(bug), deploy_of(Manner::FailsUsers), "requests of users failed");
}

#[test]
fn a_switch_before_the_release_is_ready_is_found() {
    let bug = |plan| moved(moved(plan, "guard", "ready"), "switch", "ready");
    must_be_found(in_plan(bug), deploy_of(Manner::Slow), "which is not ready");
}

#[test]
fn a_switch_of_a_rollback_before_its_release_is_ready_is_found() {
    let bug = |plan| moved(plan, "switch", "ready");
    let trial = Trial::of(host(), vec![Act::Rollback(Some(release(1, 1).id))]);
    must_be_found(in_plan(bug), trial, "which is not ready");
}

#[test]
fn a_migration_after_the_switch_is_found() {
    let bug = |plan| moved(plan, "migrate", "watch");
    must_be_found(in_plan(bug), deploy_of(Manner::Works), "which the database lacks");
}

#[test]
fn a_migration_without_a_backup_is_found() {
    must_be_found(in_plan(|plan| without(plan, "backup")), deploy_of(Manner::Works), "without a backup");
}

#[test]
fn a_contract_while_somebody_uses_what_it_takes_away_is_found() {
    let world = host_with(&[release(1, 1), release(2, 2), release(3, 3)]);
    let trial = Trial::of(world, vec![Act::deploy(release(5, 5))]);
    must_be_found(in_plan(|plan| without(plan, "drain")), trial, "the schema is ahead of what runs");
}

#[test]
fn a_warm_release_that_stops_while_the_edge_still_asks_it_is_found() {
    let bug: Instead = |_, change| matches!(change, Change::SetWarm(..)).then(Vec::new);
    let world = host_with(&[release(1, 1), release(2, 2), release(3, 3)]);
    let trial = Trial::of(world, vec![Act::deploy(release(5, 5))]);
    must_be_found(in_call(bug), trial, "which is warm, is stopped");
}

#[test]
fn half_a_backup_that_becomes_the_database_is_found() {
    let bug = |plan| forgetful(plan, "load", Forgets::Failure);
    let trial = Trial::of(host(), vec![Act::Restore]);
    must_be_found(in_plan(bug), trial, "half a backup becomes the database");
}

#[test]
fn a_platform_whose_files_are_not_brought_back_is_found() {
    let bug: Instead = |_, change| matches!(change, Change::WritePlatform(Era::Before)).then(Vec::new);
    let trial = Trial::of(host(), vec![Act::Platform]);
    must_be_found(in_call(bug), trial, "said to be the one from before");
}

#[test]
fn a_platform_that_is_called_renewed_although_that_failed_is_found() {
    let trial = Trial::of(host(), vec![Act::Platform]);
    must_be_found(in_plan(|plan| forgetful(plan, "renew", Forgets::Failure)), trial, "said to be renewed");
}

#[test]
fn a_watch_that_calls_a_release_slow_which_only_has_more_users_is_found() {
    let bug = |plan| forgetful(plan, "watch", Forgets::Load);
    for is_crowded in [true, false] {
        let mut trial = deploy_of(Manner::Works);
        trial.limits.bake = Duration::from_secs(15);
        trial.world.is_crowded = is_crowded;
        trial.world.flooded = (!is_crowded).then(|| release(4, 3).id);
        must_be_found(in_plan(bug), trial, "called slow for who uses it");
    }
}

#[test]
fn a_watch_that_is_left_out_is_found() {
    must_be_found(
        in_plan(|plan| without(plan, "watch")),
        deploy_of(Manner::TurnsBad),
        "requests of users failed",
    );
}

#[test]
fn a_guard_that_is_forgotten_is_found() {
    let bug = Bug {
        plan: Some(|plan| without(plan, "guard")),
        change: Some(|_, change| match change {
            Change::Switch(switch, lease) => {
                Some(vec![Change::Switch(Switching { guarded: None, ..switch.clone() }, *lease)])
            }
            Change::Confirm(_) => Some(Vec::new()),
            _ => None,
        }),
        ..Bug::default()
    };
    must_be_found(bug, deploy_of(Manner::TurnsBad), "users are not served");
}

#[test]
fn a_guard_that_goes_too_early_is_found() {
    let bug: Instead = |_, change| match change {
        _ if writes(change, |event| is_step(event, "watch", StepState::Begun)) => {
            Some(vec![change.clone(), Change::DismissGuard])
        }
        Change::Confirm(_) => Some(Vec::new()),
        _ => None,
    };
    must_be_found(in_call(bug), deploy_of(Manner::TurnsBad), "users are not served");
}

fn writes(change: &Change, is_it: impl Fn(&Event) -> bool) -> bool {
    matches!(change, Change::Append(entries, _) if entries.iter().any(|entry| is_it(&entry.event)))
}

fn is_step(event: &Event, name: &str, at: StepState) -> bool {
    matches!(event, Event::Step { step, state, .. } if step == name && *state == at)
}

#[test]
fn a_guard_that_is_removed_instead_of_tripped_is_found() {
    let bug: Instead =
        |_, change| matches!(change, Change::Trip(_, reason) if reason == "recover").then(Vec::new);
    let trial = after("switch ", Fault::Killed(When::After), Act::Recover);
    must_be_found(in_call(bug), trial, "calls it undone, and its release has the traffic");
}

#[test]
fn a_confirm_that_does_not_ask_the_guard_is_found() {
    let bug: Instead = |_, change| matches!(change, Change::Confirm(_)).then(Vec::new);
    must_be_found(in_call(bug), deploy_of(Manner::Works), "what the guard can still take back");
}

#[test]
fn a_confirm_after_somebody_has_rolled_back_is_found() {
    // Somebody does right before the confirm, which does not ask.
    let bug: Instead = |world, change| match change {
        Change::Confirm(attempt) => {
            assert_eq!(world.guard.as_ref().map(|file| &file.guard.attempt), Some(attempt));
            Some(vec![Change::Trip(attempt.clone(), "rollback by somebody".to_owned())])
        }
        _ => None,
    };
    must_be_found(in_call(bug), deploy_of(Manner::Works), "confirmed, which has not the traffic");
}

#[test]
fn a_ledger_that_is_written_when_all_is_over_is_found() {
    let bug: Instead =
        |_, change| writes(change, |event| matches!(event, Event::Began { .. })).then(Vec::new);
    must_be_found(in_call(bug), deploy_of(Manner::Works), "the ledger does not say who ought to be live");
}

#[test]
fn an_end_that_is_not_written_down_is_found() {
    let bug: Instead =
        |_, change| writes(change, |event| matches!(event, Event::Ended { .. })).then(Vec::new);
    must_be_found(in_call(bug), deploy_of(Manner::Works), "an attempt has no end");
}

#[test]
fn a_driver_that_goes_on_without_the_lease_is_found() {
    let bug = Bug { unfenced: true, ..Bug::default() };
    must_be_found(bug, deploy_of(Manner::Works), "acts without the lease");
}

#[test]
fn a_late_entry_under_a_lease_that_has_passed_on_is_found() {
    let bug: Instead = |_, change| match change {
        Change::Append(entries, _) => Some(vec![Change::Append(entries.clone(), UNFENCED)]),
        _ => None,
    };
    must_be_found(in_call(bug), deploy_of(Manner::Works), "the ledger's chain breaks");
}

#[test]
fn pruning_the_release_before_is_found() {
    let bug: Instead = |world, change| match change {
        Change::Stop(_) => Some(vec![change.clone(), Change::PruneRelease(world.warm.clone()?)]),
        _ => None,
    };
    must_be_found(in_call(bug), deploy_of(Manner::Works), "live or warm, is forgotten");
}

#[test]
fn stopping_the_release_that_has_the_traffic_is_found() {
    let bug: Instead = |world, change| match change {
        Change::Trip(..) => Some(vec![Change::RemoveContainers(world.live.clone()?), change.clone()]),
        _ => None,
    };
    must_be_found(in_call(bug), deploy_of(Manner::TurnsBad), "which has the traffic, is stopped");
}

#[test]
fn killing_the_old_release_with_what_it_has_in_hand_is_found() {
    let bug: Instead = |_, change| match change {
        Change::Switch(switch, _) => Some(vec![change.clone(), Change::Kill(switch.from.clone()?)]),
        _ => None,
    };
    must_be_found(in_call(bug), deploy_of(Manner::Works), "ended before it had answered");
}

fn is_stopping(world: &World, id: &ReleaseId) -> bool {
    let mut parts = world.containers.get(id).into_iter().flat_map(|parts| parts.values());
    parts.any(|it| matches!(it.state, State::Stopping(_)))
}

#[test]
fn giving_the_traffic_to_what_is_about_to_stop_is_found() {
    let bug: Instead = |world, change| match change {
        Change::Stop(id) if is_stopping(world, id) => Some(Vec::new()),
        _ => None,
    };
    let mut trial = after("stop ", Fault::Killed(When::GoesOn), Act::Rollback(Some(release(2, 2).id)));
    trial.world.manners.insert(release(2, 2).id, Manner::Deaf);
    must_be_found(in_call(bug), trial, "which the host is about to stop");
}

#[test]
fn a_fault_that_is_none_breaks_nothing() {
    let mut trial = deploy_of(Manner::Works);
    trial.troubles.push(Trouble { driver: 0, call: 10_000, fault: Fault::Fails });
    assert_eq!(trial.broken().0, Vec::<String>::new());
}
