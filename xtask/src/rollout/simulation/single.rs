//! Every single fault at every single call of each plan; then the next deploy, at once, and where a guard waits also
//! after its deadline.

use std::time::Duration;

use super::bug::Bug;
use super::driver::Act;
use super::fault::{Fault, Trouble, When};
use super::host::{Shared, Simulated};
use super::trial::{LIMITS, Trial, host, host_with, release};
use super::turns::Turns;
use super::world::{CONTRACT, Manner, State, World, is_incompatible};
use crate::rollout::observed::Observed;
use crate::rollout::plans;

pub fn every_single_fault(trial: &Trial, calls_at_least: usize) {
    trial.must_hold();
    let troubles = trial.every_trouble();
    let calls = troubles.last().map_or(0, |trouble| trouble.call + 1);
    assert!(calls >= calls_at_least, "the plan has become suspiciously short: {calls} calls");
    for trouble in troubles {
        let mut trial = trial.clone();
        trial.troubles.push(trouble);
        if trial.must_hold() {
            Trial { late: true, ..trial }.must_hold();
        }
    }
}

/// A release that behaves like this is deployed to the host.
pub fn deploy_of(manner: Manner) -> Trial {
    let (mut world, release) = (host(), release(4, 3));
    world.manners.insert(release.id.clone(), manner);
    Trial::of(world, vec![Act::deploy(release)])
}

#[test]
fn whatever_goes_wrong_once_in_the_first_deploy_the_next_one_converges() {
    every_single_fault(&Trial::of(World::default(), vec![Act::deploy(release(1, 1))]), 45);
}

#[test]
fn whatever_goes_wrong_once_in_a_deploy_with_a_migration_nobody_notices() {
    every_single_fault(&deploy_of(Manner::Works), 50);
}

#[test]
fn whatever_goes_wrong_once_in_a_deploy_without_a_migration_nobody_notices() {
    every_single_fault(&Trial::of(host(), vec![Act::deploy(release(4, 2))]), 45);
}

#[test]
fn whatever_goes_wrong_once_with_a_release_that_is_called_unhealthy_while_it_starts_it_is_waited_for() {
    let trial = deploy_of(Manner::Slow);
    assert_eq!(trial.run().world.live, Some(release(4, 3).id), "{}", trial.story());
    every_single_fault(&trial, 60);
}

#[test]
fn whatever_goes_wrong_once_while_a_release_never_gets_ready_nobody_notices() {
    every_single_fault(&deploy_of(Manner::NeverReady), 60);
}

#[test]
fn whatever_goes_wrong_once_with_a_release_that_crashes_at_its_start_nobody_notices() {
    every_single_fault(&deploy_of(Manner::Crashes), 30);
}

#[test]
fn whatever_goes_wrong_once_with_a_release_that_turns_bad_it_is_taken_back() {
    every_single_fault(&deploy_of(Manner::TurnsBad), 50);
}

#[test]
fn whatever_goes_wrong_once_with_a_release_that_errs_beside_health_it_is_taken_back_though_few_use_it() {
    let mut trial = deploy_of(Manner::ErrsBesideHealth);
    trial.limits.bake = Duration::from_secs(10);
    assert_eq!(trial.run().world.live, Some(release(3, 2).id), "{}", trial.story());
    every_single_fault(&trial, 50);
}

#[test]
fn whatever_goes_wrong_once_with_a_release_that_serves_nobody_it_never_gets_the_traffic() {
    let trial = deploy_of(Manner::FailsUsers);
    let world = trial.run().world;
    let last = world.book.read().attempts().pop().and_then(|attempt| attempt.detail).unwrap_or_default();
    assert!(last.contains("it calls itself ready, and does not serve"), "{last}");
    every_single_fault(&trial, 35);
}

#[test]
fn whatever_goes_wrong_once_with_a_release_that_serves_nobody_through_the_edge_it_is_taken_back() {
    let trial = deploy_of(Manner::FailsBehindEdge);
    let world = trial.run().world;
    let last = world.book.read().attempts().pop().and_then(|attempt| attempt.detail).unwrap_or_default();
    assert!(last.contains("2 smoke tests in a row failed"), "{last}");
    every_single_fault(&trial, 50);
}

#[test]
fn a_release_that_leaks_or_answers_late_is_taken_back_though_it_serves_everybody() {
    for (manner, words) in
        [(Manner::Leaks, "the memory of api grew"), (Manner::AnswersLate, "up to 300 ms, and 100 ms those")]
    {
        let mut trial = deploy_of(manner);
        trial.limits.bake = Duration::from_secs(15);
        let world = trial.run().world;
        assert_eq!(world.live, Some(release(3, 2).id), "{}", trial.story());
        let last = world.book.read().attempts().pop().and_then(|attempt| attempt.detail).unwrap_or_default();
        assert!(last.contains(words), "{last}");
    }
}

#[test]
fn a_release_that_is_only_busier_than_the_one_before_it_stays() {
    for is_crowded in [true, false] {
        let mut trial = deploy_of(Manner::Works);
        trial.limits.bake = Duration::from_secs(15);
        trial.world.is_crowded = is_crowded;
        trial.world.flooded = (!is_crowded).then(|| release(4, 3).id);
        assert_eq!(trial.run().world.live, Some(release(4, 3).id), "{}", trial.story());
    }
}

#[test]
fn a_release_that_works_again_after_both_failed_for_a_while_counts() {
    let mut trial = deploy_of(Manner::SilencesShortly);
    trial.limits.bake = Duration::from_secs(10);
    assert_eq!(trial.run().world.live, Some(release(4, 3).id), "{}", trial.story());
}

#[test]
fn a_release_that_errs_beside_health_after_both_failed_for_a_while_is_taken_back() {
    let mut trial = deploy_of(Manner::ErrsAfterSilence);
    trial.limits.bake = Duration::from_secs(10);
    let world = trial.run().world;
    assert_eq!(world.live, Some(release(3, 2).id), "{}", trial.story());
    let last = world.book.read().attempts().pop().and_then(|attempt| attempt.detail).unwrap_or_default();
    assert!(last.contains("requests through the edge were answered with 5xx"), "{last}");
}

#[test]
fn whatever_goes_wrong_once_while_both_releases_fail_the_next_deploy_converges() {
    // What is behind both is well again when the next one comes.
    let trial = Trial { late: true, ..deploy_of(Manner::SilencesDatabase) };
    every_single_fault(&trial, 50);
}

#[test]
fn whatever_goes_wrong_once_in_a_deploy_of_the_warm_release_nobody_notices() {
    every_single_fault(&Trial::of(host(), vec![Act::deploy(release(2, 2))]), 35);
}

#[test]
fn whatever_goes_wrong_once_in_a_repair_the_next_deploy_converges() {
    let mut world = host();
    let ill = world.containers.get_mut(&release(3, 2).id).and_then(|parts| parts.get_mut("page"));
    ill.expect("it runs").state = State::Exited;
    world.manners.insert(release(3, 2).id, Manner::WasIll);
    every_single_fault(&Trial::of(world, vec![Act::deploy(release(3, 2))]), 20);
}

#[test]
fn whatever_goes_wrong_once_while_a_lost_live_file_is_written_again_the_next_deploy_converges() {
    let mut world = host();
    world.live = None;
    let trial = Trial::of(world, vec![Act::Recover]);
    let ended = trial.run().world;
    assert_eq!(
        (ended.live, ended.warm),
        (Some(release(3, 2).id), Some(release(2, 2).id)),
        "{}",
        trial.story()
    );
    every_single_fault(&trial, 8);
}

#[test]
fn whatever_goes_wrong_once_in_a_rollback_to_the_warm_release_nobody_notices() {
    every_single_fault(&Trial::of(host(), vec![Act::Rollback(None)]), 13);
}

#[test]
fn whatever_goes_wrong_once_in_a_rollback_to_a_stopped_release_nobody_notices() {
    every_single_fault(&Trial::of(host(), vec![Act::Rollback(Some(release(1, 1).id))]), 24);
}

#[test]
fn whatever_goes_wrong_once_in_a_rollback_to_a_warm_release_that_is_ill_it_is_warm_and_runs() {
    let mut world = host();
    world.manners.insert(release(2, 2).id, Manner::NeverReady);
    let trial = Trial::of(world, vec![Act::Rollback(Some(release(2, 2).id))]);
    let after = trial.run().world;
    assert!(after.warm == Some(release(2, 2).id) && after.runs(&release(2, 2).id), "{}", trial.story());
    every_single_fault(&trial, 20);
}

#[test]
fn whatever_goes_wrong_once_while_a_migration_takes_something_away_no_release_serves_that_misses_it() {
    let world = host_with(&[release(1, 1), release(2, 2), release(3, 3)]);
    every_single_fault(&Trial::of(world, vec![Act::deploy(release(5, 5))]), 55);
}

#[test]
fn whatever_goes_wrong_once_while_that_is_taken_back_no_release_serves_that_misses_it() {
    let world = host_with(&[release(2, 2), release(3, 3), release(5, 5)]);
    every_single_fault(&Trial::of(world, vec![Act::Rollback(Some(release(2, 2).id))]), 30);
}

#[test]
fn what_misses_what_a_migration_takes_away_stops_before_it_and_is_no_target_until_it_is_undone() {
    let world = host_with(&[release(2, 2), release(3, 3)]);
    let seen = Observed::of(&driver_of(world.clone())).unwrap();
    let contracts = seen.contracts(&release(5, 5), |release, _| is_incompatible(release, CONTRACT));
    let plan = plans::deploy(&release(5, 5), &seen, &contracts, &LIMITS);
    assert_eq!(plan.names()[..4], ["pull", "backup", "drain", "migrate"]);
    let deployed = Trial::of(world, vec![Act::deploy(release(5, 5))]).run().world;
    let seen = Observed::of(&driver_of(deployed.clone())).unwrap();
    assert_eq!(seen.incompatible_with(&release(2, 2).id), [CONTRACT]);
    assert_eq!(seen.incompatible_with(&release(3, 3).id), [0; 0]);
    let world = Trial::of(deployed, vec![Act::Rollback(Some(release(2, 2).id))]).run().world;
    assert_eq!((&world.live, &world.broken), (&Some(release(2, 2).id), &Vec::new()));
}

#[test]
fn what_is_no_longer_kept_is_removed_when_users_have_the_new_one_and_a_leftover_before_anything_is_pulled() {
    let acts = (4..8).map(|number| Act::deploy(release(number, 2))).collect();
    let mut world = Trial::of(host(), acts).run().world;
    let names = |world: &World| {
        let seen = Observed::of(&driver_of(world.clone())).unwrap();
        plans::deploy(&release(8, 2), &seen, &[], &LIMITS).names()
    };
    let kept: Vec<_> = world.kept.iter().map(|release| release.id.clone()).collect();
    assert_eq!(kept, [5, 6, 7].map(|number| release(number, 2).id), "as many as the limits say");
    let steps = ["pull", "start", "ready", "guard", "switch", "watch", "confirm", "retire"];
    assert_eq!(names(&world), steps);
    world.manners.insert(release(9, 2).id, Manner::Crashes);
    let world = Trial::of(world, vec![Act::deploy(release(9, 2))]).run().world;
    assert_eq!(names(&world)[..2], ["prune", "pull"]);
}

#[test]
fn whatever_goes_wrong_once_in_a_restore_the_next_deploy_converges() {
    every_single_fault(&Trial::of(host(), vec![Act::Restore]), 16);
}

#[test]
fn whatever_goes_wrong_once_while_a_platform_is_renewed_the_ledger_says_what_is_there() {
    every_single_fault(&Trial::of(host(), vec![Act::Platform]), 14);
}

#[test]
fn whatever_goes_wrong_once_in_a_down_the_next_deploy_converges() {
    every_single_fault(&Trial::of(host(), vec![Act::Down]), 12);
}

#[test]
fn a_ledger_with_a_torn_line_is_read_on_the_simulated_host_as_on_a_real_one() {
    let trial = deploy_of(Manner::Works);
    for trouble in trial.every_trouble().into_iter().filter(|it| it.fault == Fault::Reboot(When::Half)) {
        let (world, _) = Trial { troubles: vec![trouble], ..trial.clone() }.and_next();
        assert!(world.book.is_sound(), "{trouble:?}");
    }
}

#[test]
fn the_order_is_fixed_and_migrations_come_before_the_traffic() {
    let seen = Observed::of(&driver_of(host())).unwrap();
    let plan = plans::deploy(&release(4, 3), &seen, &[], &LIMITS);
    let order =
        ["pull", "backup", "migrate", "start", "ready", "guard", "switch", "watch", "confirm", "retire"];
    assert_eq!(plan.names(), order);
}

#[test]
fn a_rollback_goes_to_the_newest_confirmed_release_that_nobody_rolled_back_from() {
    let target = |acts: Vec<Act>| {
        let seen = Observed::of(&driver_of(Trial::of(host(), acts).run().world)).unwrap();
        seen.rollback_target()
    };
    assert_eq!(target(vec![]), Some(release(2, 2).id));
    let back = || Act::Rollback(None);
    assert_eq!(target(vec![back()]), Some(release(1, 1).id), "not forth again, to the one that was bad");
    assert_eq!(target(vec![back(), Act::deploy(release(4, 2))]), Some(release(2, 2).id));
}

pub fn driver_of(world: World) -> Simulated {
    let shared = Shared { world: world.into(), turns: Turns::alone() };
    Simulated::next(&shared.into(), Bug::default())
}

/// The calls at which the first driver makes this change, by its words.
pub fn calls_of(trial: &Trial, words: &str) -> Vec<usize> {
    let mut trial = trial.clone();
    trial.world.story = Some(Vec::new());
    let story = trial.run().world.story.unwrap_or_default();
    let words = format!("A: {words}");
    let calls = story.iter().filter(|line| line.contains("  A: ")).enumerate();
    calls.filter(|(_, line)| line.contains(&words)).map(|(call, _)| call).collect()
}

/// The first of them.
pub fn call_of(trial: &Trial, words: &str) -> usize {
    *calls_of(trial, words).first().expect("it makes this change")
}

/// What a driver left that was gone at this change of a deploy.
pub fn after(words: &str, fault: Fault, act: Act) -> Trial {
    after_in(deploy_of(Manner::Works), words, fault, act)
}

pub fn after_in(mut trial: Trial, words: &str, fault: Fault, act: Act) -> Trial {
    let call = call_of(&trial, words);
    trial.troubles.push(Trouble { driver: 0, call, fault });
    trial.acts.push(act);
    trial
}

#[test]
fn whatever_goes_wrong_once_in_a_recover_the_next_deploy_converges() {
    for (words, when) in [
        ("migrate by", When::GoesOn),
        ("start ", When::GoesOn),
        ("switch ", When::After),
        ("confirm", When::After),
    ] {
        every_single_fault(&after(words, Fault::Killed(when), Act::Recover), 8);
    }
}

#[test]
fn a_rollback_to_a_release_that_the_host_is_still_stopping_starts_it_again() {
    for manner in [Manner::Works, Manner::Deaf] {
        let mut trial = after("stop ", Fault::Killed(When::GoesOn), Act::Rollback(Some(release(2, 2).id)));
        trial.world.manners.insert(release(2, 2).id, manner);
        trial.must_hold();
    }
}

#[test]
fn a_rollback_waits_for_a_migration_that_was_given_up_and_not_by_the_engine() {
    let world = host_with(&[release(1, 1), release(2, 2), release(3, 3)]);
    let deploy = Trial::of(world, vec![Act::deploy(release(5, 5))]);
    // The one that it goes to uses what the migration is about to take away.
    let rollback = Act::Rollback(Some(release(2, 2).id));
    after_in(deploy, "migrate by", Fault::GivenUp, rollback).must_hold();
}

#[test]
fn a_silent_driver_keeps_the_lease_no_longer_than_twenty_seconds() {
    let trial = after("pull ", Fault::Cut(When::After), Act::Recover);
    let world = trial.run().world;
    let waited = world.now.saturating_sub(trial.world.now);
    assert!(waited > Duration::from_secs(20) && waited < Duration::from_secs(24), "{waited:?}");
}
