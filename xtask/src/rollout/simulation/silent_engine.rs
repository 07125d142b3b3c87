//! The engine does not answer who gives the traffic back.

use super::driver::{Act, Ended};
use super::fault::{Fault, When};
use super::single::{after, after_in, every_single_fault};
use super::trial::{Trial, host, release};
use super::world::{Manner, World};
use crate::rollout::state::ledger::{Event, Outcome};
use crate::rollout::state::release::ReleaseId;
use crate::rollout::steps::traffic::UNCHECKED;

/// The last of what is done is done while the engine does not answer.
fn silent(mut trial: Trial) -> Trial {
    trial.world.silent_to = Some(trial.acts.len() - 1);
    trial
}

fn rollback_of(world: World, to: Option<ReleaseId>) -> Trial {
    silent(Trial::of(world, vec![Act::Rollback(to)]))
}

#[test]
fn whatever_goes_wrong_once_in_a_rollback_without_the_engine_the_next_deploy_converges() {
    let trial = rollback_of(host(), None);
    let world = trial.run().world;
    assert_eq!((&world.live, &world.warm), (&Some(release(2, 2).id), &Some(release(3, 2).id)));
    let ledger = world.book.read();
    assert_eq!(ledger.expected_active(), Some(release(2, 2).id));
    let is_noted = |event: &Event| matches!(event, Event::Noted { what, .. } if what == UNCHECKED);
    assert!(ledger.entries.iter().any(|entry| is_noted(&entry.event)), "{}", trial.story());
    every_single_fault(&trial, 10);
}

#[test]
fn without_the_engine_the_traffic_does_not_stay_with_a_release_that_does_not_answer() {
    let mut trial = rollback_of(host(), None);
    trial.world.manners.insert(release(2, 2).id, Manner::NeverReady);
    let outcome = trial.run();
    let end = &outcome.ends[0];
    assert!(matches!(end, Ended::Badly { left, .. } if left.is_empty()), "{end}");
    assert!(end.to_string().contains("does not serve"), "{end}");
    let (live, warm) = (outcome.world.live.clone(), outcome.world.warm.clone());
    assert_eq!((live, warm), (Some(release(3, 2).id), Some(release(2, 2).id)), "{}", trial.story());
    let last = outcome.world.book.read().attempts().pop().and_then(|attempt| attempt.outcome);
    assert_eq!(last, Some(Outcome::Undone));
}

#[test]
fn without_the_engine_there_is_no_way_to_a_release_that_would_have_to_be_started() {
    let trial = rollback_of(host(), Some(release(1, 1).id));
    let outcome = trial.run();
    let end = outcome.ends[0].to_string();
    assert!(end.contains("it is not warm, and would have to be started"), "{end}");
    assert_eq!(outcome.world.live, Some(release(3, 2).id));
    trial.must_hold();
}

#[test]
fn without_the_engine_what_a_killed_deploy_left_is_settled_unless_a_migration_may_go_on() {
    for (words, when, live) in [
        // Its switch was provisional, and is taken back.
        ("switch ", When::After, 3),
        // It was confirmed: one further back.
        ("stop ", When::GoesOn, 3),
        // It never had the traffic.
        ("start ", When::GoesOn, 2),
    ] {
        let trial = silent(after(words, Fault::Killed(when), Act::Rollback(None)));
        let world = trial.run().world;
        assert_eq!(world.live, Some(release(live, 2).id), "{words}\n{}", trial.story());
        every_single_fault(&trial, 1);
    }
    let trial = silent(after("migrate by", Fault::Killed(When::GoesOn), Act::Rollback(None)));
    let outcome = trial.run();
    let end = outcome.ends[1].to_string();
    assert!(end.contains("left off at a migration"), "{end}");
    assert_eq!(outcome.world.live, Some(release(3, 2).id));
    trial.must_hold();
}

#[test]
fn without_the_engine_a_release_that_does_not_answer_never_counts_whatever_goes_wrong_once() {
    let mut trial = rollback_of(host(), None);
    trial.world.manners.insert(release(2, 2).id, Manner::NeverReady);
    let troubles = trial.every_trouble();
    assert!(troubles.len() > 20, "{} troubles", troubles.len());
    trial.acts.push(Act::Recover);
    for trouble in troubles {
        let mut trial = trial.clone();
        trial.troubles.push(trouble);
        let world = trial.run().world;
        let ledger = world.book.read();
        let (live, ought) = (world.live.clone(), ledger.expected_active());
        let before = Some(release(3, 2).id);
        assert_eq!((live, ought), (before.clone(), before), "{}", trial.story());
    }
}

#[test]
fn without_the_engine_nothing_is_begun_while_a_restore_may_have_swapped_the_databases() {
    let restore = Trial::of(host(), vec![Act::Restore]);
    let trial = silent(after_in(restore, "swap", Fault::Killed(When::After), Act::Rollback(None)));
    let outcome = trial.run();
    let end = outcome.ends[1].to_string();
    assert!(end.contains("the restore by"), "{end}");
    assert_eq!(outcome.world.live, Some(release(3, 2).id));
}
