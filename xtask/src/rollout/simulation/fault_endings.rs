//! How an act ends when one certain thing goes wrong, what its driver says of it, and what the next one makes of it.

use std::time::Duration;

use super::driver::{Act, Ended};
use super::fault::{Fault, Trouble, When};
use super::single::{after, after_in, call_of, calls_of, deploy_of, driver_of};
use super::trial::{Outcome, Trial, host, release};
use super::world::{Manner, State, World};
use crate::rollout::observed::Observed;
use crate::rollout::state::ledger::{self, Ledger};

/// With these going wrong, the first driver's act and then another one; what is left, and what the ledger says.
fn then(mut trial: Trial, troubles: &[(usize, Fault)], act: Act) -> (Outcome, Ledger) {
    let troubles = troubles.iter().map(|(call, fault)| Trouble { driver: 0, call: *call, fault: *fault });
    trial.troubles.extend(troubles);
    trial.acts.push(act);
    trial.must_hold();
    let outcome = trial.run();
    let ledger = outcome.world.book.read();
    (outcome, ledger)
}

#[test]
fn a_rollback_that_was_made_and_can_not_be_seen_is_not_called_undone_and_counts() {
    let mut trial = Trial::of(host(), vec![Act::Rollback(None)]);
    let call = call_of(&trial, "switch ");
    for (call, fault) in [(call, Fault::AnswerLost), (call + 1, Fault::Fails)] {
        trial.troubles.push(Trouble { driver: 0, call, fault });
    }
    trial.acts.push(Act::Recover);
    let world = trial.run().world;
    assert_eq!((&world.broken, &world.live), (&Vec::new(), &Some(release(2, 2).id)));
    let seen = Observed::of(&driver_of(world)).unwrap();
    assert_eq!(seen.ledger.expected_active(), Some(release(2, 2).id));
    assert_eq!(seen.rollback_target(), Some(release(1, 1).id), "not the bad one");
    trial.must_hold();
}

#[test]
fn a_rollback_that_is_cut_in_the_middle_of_its_switch_is_made_and_what_it_led_away_from_is_warm() {
    for to in [release(2, 2).id, release(1, 1).id] {
        let trial = Trial::of(host(), vec![Act::Rollback(Some(to.clone()))]);
        let trial = after_in(trial, "switch ", Fault::Killed(When::Half), Act::Recover);
        let world = trial.run().world;
        assert_eq!((&world.broken, &world.live), (&Vec::new(), &Some(to)));
        assert_eq!(world.warm, Some(release(3, 2).id));
        trial.must_hold();
    }
}

#[test]
fn an_entry_whose_answer_is_lost_twice_neither_swallows_the_next_one_nor_breaks_the_chain() {
    let trial = deploy_of(Manner::Works);
    let entries = calls_of(&trial, "ledger: ");
    assert!(entries.len() > 12, "{} entries", entries.len());
    for first in entries {
        let mut trial = trial.clone();
        for call in [first, first + 1] {
            trial.troubles.push(Trouble { driver: 0, call, fault: Fault::AnswerLost });
        }
        assert!(trial.run().world.book.is_sound(), "lost at call {first}:\n{}", trial.story());
        trial.must_hold();
    }
}

#[test]
fn a_confirm_whose_answer_is_lost_counts() {
    let trial = deploy_of(Manner::Works);
    let call = call_of(&trial, "confirm");
    let (outcome, ledger) = then(trial, &[(call, Fault::AnswerLost)], Act::Recover);
    assert!(matches!(outcome.ends[0], Ended::Well), "{}", outcome.ends[0]);
    assert_eq!(ledger.expected_active(), Some(release(4, 3).id));
}

#[test]
fn a_confirm_that_can_not_be_seen_or_written_down_counts_for_whoever_comes_next() {
    let trial = deploy_of(Manner::Works);
    let call = call_of(&trial, "confirm");
    for troubles in [
        [(call, Fault::AnswerLost), (call + 1, Fault::Fails), (call + 2, Fault::Fails)],
        [(call, Fault::AnswerLost), (call + 2, Fault::Fails), (call + 3, Fault::Fails)],
    ] {
        let (outcome, ledger) = then(trial.clone(), &troubles, Act::Recover);
        assert_eq!(ledger.expected_active(), Some(release(4, 3).id), "{}", outcome.ends[0]);
    }
}

#[test]
fn a_switch_that_failed_its_watch_is_not_confirmed_by_the_next_one_although_its_guard_is_gone() {
    let trial = Trial { late: true, ..deploy_of(Manner::SilencesDatabase) };
    let call =
        *calls_of(&trial, "dismiss the guard").last().expect("it is dismissed, since nothing else works");
    let (outcome, ledger) = then(trial, &[(call, Fault::Killed(When::After))], Act::Recover);
    assert_eq!(outcome.world.live, Some(release(4, 3).id));
    assert_eq!(ledger.expected_active(), Some(release(3, 2).id));
}

#[test]
fn a_rollback_that_was_made_and_can_not_be_written_down_counts() {
    let trial = Trial::of(host(), vec![Act::Rollback(None)]);
    let call = call_of(&trial, "switch ");
    let troubles = [(call + 1, Fault::Fails), (call + 2, Fault::Fails)];
    let (outcome, ledger) = then(trial, &troubles, Act::Recover);
    assert!(matches!(outcome.ends[0], Ended::Well), "{}", outcome.ends[0]);
    assert_eq!(ledger.expected_active(), Some(release(2, 2).id));
}

#[test]
fn a_trip_that_fails_once_is_tried_again_and_the_deploy_is_undone() {
    let trial = deploy_of(Manner::TurnsBad);
    let call = call_of(&trial, "trip the guard");
    let (outcome, _) = then(trial, &[(call, Fault::Fails)], Act::Recover);
    assert!(matches!(&outcome.ends[0], Ended::Badly { left, .. } if left.is_empty()), "{}", outcome.ends[0]);
}

#[test]
fn a_repair_that_fails_leaves_the_release_with_the_traffic_as_it_was_before() {
    let mut world = host();
    let id = release(3, 2).id;
    world.containers.get_mut(&id).and_then(|parts| parts.get_mut("page")).unwrap().state = State::Exited;
    world.manners.insert(id.clone(), Manner::NeverReady);
    let outcome = Trial::of(world, vec![Act::deploy(release(3, 2))]).run();
    assert!(matches!(&outcome.ends[0], Ended::Badly { left, .. } if left.is_empty()), "{}", outcome.ends[0]);
    assert_eq!((outcome.world.live.as_ref(), outcome.world.runs(&id)), (Some(&id), true));
}

#[test]
fn an_adoption_that_the_ledger_has_counts_though_its_answer_was_lost() {
    let mut world = host();
    // Somebody's hand gave it the traffic.
    (world.live, world.warm) = (Some(release(2, 2).id), Some(release(3, 2).id));
    let trial = Trial::of(world, vec![Act::deploy(release(2, 2))]);
    let call = call_of(&trial, &format!("ledger: {} confirmed", release(2, 2).id));
    let (outcome, _) = then(trial, &[(call, Fault::AnswerLost), (call + 1, Fault::AnswerLost)], Act::Recover);
    assert!(matches!(outcome.ends[0], Ended::Well), "{}", outcome.ends[0]);
}

#[test]
fn a_rollback_behind_one_that_was_cut_off_when_its_switch_was_made_goes_no_further() {
    let confirmed = format!("ledger: {} confirmed", release(2, 2).id);
    for (words, when) in
        [("switch ", When::Half), ("switch ", When::After), (confirmed.as_str(), When::After)]
    {
        let trial = Trial::of(host(), vec![Act::Rollback(None)]);
        let trial = after_in(trial, words, Fault::Killed(when), Act::Rollback(None));
        trial.must_hold();
        assert_eq!(trial.run().world.live, Some(release(2, 2).id), "{}", trial.story());
    }
}

#[test]
fn a_rollback_that_was_cut_off_when_its_switch_was_made_may_be_said_again() {
    let to = || Act::Rollback(Some(release(2, 2).id));
    let trial = Trial::of(host(), vec![to()]);
    let trial = after_in(trial, "switch ", Fault::Killed(When::After), to());
    trial.must_hold();
    let outcome = trial.run();
    assert!(matches!(outcome.ends[1], Ended::Well), "{}", outcome.ends[1]);
    assert_eq!(outcome.world.book.read().expected_active(), Some(release(2, 2).id));
}

#[test]
fn a_rollback_behind_a_deploy_that_its_guard_has_taken_back_goes_no_further_and_the_next_one_does() {
    let trial = after("switch ", Fault::Killed(When::After), Act::Rollback(None));
    let mut trial = Trial { late: true, ..trial };
    trial.must_hold();
    assert_eq!(trial.run().world.live, Some(release(3, 2).id), "{}", trial.story());
    trial.acts.push(Act::Rollback(None));
    assert_eq!(trial.run().world.live, Some(release(2, 2).id), "{}", trial.story());
}

#[test]
fn a_rollback_behind_a_deploy_that_was_undone_just_now_goes_no_further_and_the_next_one_does() {
    let mut trial = deploy_of(Manner::TurnsBad);
    trial.acts.push(Act::Rollback(None));
    let outcome = trial.run();
    assert!(matches!(outcome.ends[0], Ended::Badly { .. }), "{}", outcome.ends[0]);
    assert_eq!(outcome.world.live, Some(release(3, 2).id), "{}", trial.story());
    trial.acts.push(Act::Rollback(None));
    assert_eq!(trial.run().world.live, Some(release(2, 2).id), "{}", trial.story());
}

#[test]
fn a_rollback_of_a_deploy_under_way_moves_nothing_to_a_release_that_is_not_ready() {
    let mut trial = after("switch ", Fault::Killed(When::After), Act::Rollback(None));
    trial.world.manners.insert(release(3, 2).id, Manner::NeverReady);
    let outcome = trial.run();
    let said = outcome.ends[1].to_string();
    assert!(said.contains("is not ready either"), "{said}");
    assert_eq!(outcome.world.live, Some(release(4, 3).id), "{}", trial.story());
}

#[test]
fn a_restore_whose_swap_outlives_its_driver_is_waited_for_and_counts() {
    let trial = Trial::of(host(), vec![Act::Restore]);
    let trial = after_in(trial, "swap the databases", Fault::Killed(When::GoesOn), Act::Recover);
    trial.must_hold();
    let world = trial.run().world;
    let last = world.book.read().attempts().pop().and_then(|attempt| attempt.outcome);
    assert_eq!((world.databases.used, last), (1, Some(ledger::Outcome::Succeeded)), "{}", trial.story());
}

#[test]
fn that_users_are_asked_to_wait_undoes_no_deploy() {
    let mut trial = deploy_of(Manner::Works);
    trial.limits.bake = Duration::from_secs(10);
    let switched = |world: &World| world.had_traffic[&release(4, 3).id];
    // None of them was, before the switch.
    let from = switched(&trial.run().world);
    for seconds in [5, 60] {
        trial.world.maintenance = Some(from..from + Duration::from_secs(seconds));
        assert_eq!(trial.run().world.live, Some(release(4, 3).id), "for {seconds} s:\n{}", trial.story());
    }
}
