//! Two drivers at once, whose calls are mixed as a seed decides; sometimes something goes wrong as well.

use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::driver::{Act, Ended, Operator};
use super::fault::{Fault, Trouble};
use super::host::{Shared, Simulated};
use super::random::{Random, seed};
use super::random_trials::random_trouble;
use super::trial::check;
use super::trial::{Trial, host, release, told};
use super::turns::Turns;
use super::world::{Manner, World};
use crate::rollout::state::ledger::Outcome;
use crate::rollout::state::release::ReleaseId;

/// Both at once, and how each ended.
pub fn at_once(trial: &Trial, random: &Random) -> (World, Vec<Ended>) {
    // A deploy takes six seconds or seven, the last two of them behind its switch: the second one comes at any moment of
    // it, or after it, and often in those two.
    let mut random_delay = random.clone();
    let tenths =
        if random_delay.below(2) == 0 { random_delay.below(80) } else { 40 + random_delay.below(25) };
    after_each_other(trial, random, Duration::from_millis(100 * tenths as u64))
}

/// The second one begins so much later than the first one.
fn after_each_other(trial: &Trial, random: &Random, delay: Duration) -> (World, Vec<Ended>) {
    let mut world = trial.world.clone();
    world.troubles.clone_from(&trial.troubles);
    let drivers: Vec<usize> = (0..trial.acts.len()).collect();
    let delay = |driver: usize| if driver == 0 { Duration::ZERO } else { delay };
    let turns = Turns::among(&drivers, random.clone());
    let shared = Arc::new(Shared { world: world.into(), turns });
    let hosts: Vec<Simulated> = drivers.iter().map(|_| Simulated::next(&shared, trial.bug)).collect();
    let ends = thread::scope(|scope| {
        let running: Vec<_> = hosts
            .iter()
            .zip(&trial.acts)
            .map(|(host, act)| {
                let shared = &shared;
                scope.spawn(move || {
                    shared.turns.pause(host.driver, delay(host.driver), &shared.world);
                    shared.world().tell(|| format!("-- {} {act}", host.name()));
                    let end = Operator { host, limits: trial.limits, bug: trial.bug.plan }.does(act);
                    shared.world().tell(|| format!("-- {}: {end}", host.name()));
                    shared.turns.leave(host.driver, &shared.world);
                    end
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("a driver does not panic")).collect()
    });
    let world = std::mem::take(&mut *shared.world());
    (world, ends)
}

/// Both at once, then a while in which nobody drives, then the next deploy: what does not hold, and what happened.
pub fn broken(trial: &Trial, random: &Random, telling: bool) -> (Vec<String>, String) {
    let mut trial = trial.clone();
    trial.world.story = telling.then(Vec::new);
    let (mut world, ends) = at_once(&trial, random);
    for (act, end) in trial.acts.iter().zip(&ends) {
        check_told(&mut world, act, end);
    }
    world.advance(Duration::from_secs(45));
    check::unattended(&mut world);
    world.troubles.clear();
    world.drivers.clear();
    let next = Trial { world, acts: Vec::new(), troubles: Vec::new(), ..trial.clone() };
    let (mut world, _) = next.and_next();
    check::requests(&mut world, &trial);
    (world.broken, told(world.story))
}

/// What a driver says of its deploy, the ledger says too.
fn check_told(world: &mut World, act: &Act, end: &Ended) {
    let Act::Deploy(release) = act else { return };
    let attempts = world.book.read().attempts();
    let Some(attempt) = attempts.iter().rev().find(|attempt| attempt.to.as_ref() == Some(&release.id)) else {
        return;
    };
    let is_true = match (end, attempt.outcome) {
        // When it could not be written down, the next one does.
        (Ended::Well, outcome) => outcome.is_none_or(|it| it == Outcome::Succeeded),
        (Ended::Badly { left, .. }, outcome) if left.is_empty() => outcome == Some(Outcome::Undone),
        _ => true,
    };
    if !is_true {
        let told = format!("{end}; the ledger: {:?}", attempt.outcome);
        world.breaks(format!("what is told of {} is not what the ledger says: {told}", release.id));
    }
}

/// A few hundred ways to mix the calls of these two. Says in how many the deploy was undone although nothing went wrong.
fn whatever_the_order(second: fn(&mut Random) -> Act) -> usize {
    let (mut taken_back, mut troubles, mut struck) = (0, 0, 0);
    let mut random = Random::of(seed());
    let before = host();
    for number in 0..120 {
        let mut trial = Trial::of(before.clone(), vec![Act::deploy(release(4, 3)), second(&mut random)]);
        let manner = *random.of_these(&[Manner::Works, Manner::Works, Manner::TurnsBad, Manner::NeverReady]);
        trial.world.manners.insert(release(4, 3).id, manner);
        let turns = Random::of(random.below(usize::MAX) as u64);
        for _ in 0..random.below(3) {
            let driver = random.below(2);
            let calls = at_once(&trial, &turns).0.drivers[driver].calls.len();
            trial.troubles.extend(random_trouble(&mut random, &trial.troubles, driver, calls));
        }
        troubles += trial.troubles.len();
        struck += at_once(&trial, &turns).0.struck;
        if broken(&trial, &turns, false).0.is_empty() {
            let works = manner == Manner::Works && trial.troubles.is_empty();
            if works && let Ended::Badly { cause, .. } = &at_once(&trial, &turns).1[0] {
                assert_eq!(cause.to_string(), "rolled back by somebody");
                taken_back += 1;
            }
            continue;
        }
        let shrunk = shrunk(&trial, &turns);
        let (broken, story) = broken(&shrunk, &turns, true);
        panic!("mix {number}: {:#?}\n{story}\n{broken:#?}", shrunk.troubles);
    }
    assert!(struck * 10 >= troubles * 9, "of {troubles} faults only {struck} struck");
    taken_back
}

/// With as little going wrong as possible.
fn shrunk(trial: &Trial, random: &Random) -> Trial {
    let mut shortest = trial.clone();
    while let Some(found) = (0..shortest.troubles.len())
        .map(|number| {
            let mut trial = shortest.clone();
            trial.troubles.remove(number);
            trial
        })
        .find(|trial| !broken(trial, random, false).0.is_empty())
    {
        shortest = found;
    }
    shortest
}

#[test]
fn two_deploys_at_once_act_one_after_the_other() {
    assert_eq!(whatever_the_order(|_| Act::deploy(release(5, 3))), 0);
}

#[test]
fn a_rollback_in_the_middle_of_a_deploy_takes_it_back_or_comes_after_it() {
    let taken_back = whatever_the_order(|random| match random.below(3) {
        0 => Act::Rollback(Some(release(1, 1).id)),
        _ => Act::Rollback(None),
    });
    assert!(taken_back > 0, "the mixes are too tame: the guard was tripped {taken_back} times");
}

#[test]
fn a_recover_beside_a_deploy_leaves_it_alone_while_its_driver_lives() {
    assert_eq!(whatever_the_order(|_| Act::Recover), 0);
}

#[test]
fn a_driver_that_stood_still_does_not_undo_what_the_next_one_does() {
    let before = host();
    for call in 0..60 {
        let mut trial =
            Trial::of(before.clone(), vec![Act::deploy(release(4, 3)), Act::deploy(release(4, 3))]);
        trial.troubles.push(Trouble { driver: 0, call, fault: Fault::StandsStill });
        for seed in 0..3 {
            let random = Random::of(seed);
            let (what, _) = broken(&trial, &random, false);
            assert!(what.is_empty(), "{}\n{what:#?}", broken(&trial, &random, true).1);
        }
    }
}

/// Mixes the two, the second one of which begins so many milliseconds later than the first one, and gives where the
/// traffic is when it begins after the first words of the story and has looked around before the second ones.
fn asked_between(acts: [Act; 2], later: Range<u64>, [first, second]: [&str; 2]) -> Vec<Option<ReleaseId>> {
    let mut trial = Trial::of(host(), acts.to_vec());
    trial.world.manners.insert(release(4, 3).id, Manner::TurnsBad);
    trial.world.story = Some(Vec::new());
    let mut lives = Vec::new();
    for seed in 0..150 {
        let later = later.start + (later.end - later.start) * seed / 150;
        let (world, _) = after_each_other(&trial, &Random::of(seed), Duration::from_millis(later));
        let story = world.story.unwrap_or_default();
        let place = |words: &str| story.iter().position(|line| line.contains(words));
        let looks = place("B: (read all files)").or(place("B: trip the guard"));
        if place(first) < place("-- B rolls back") && looks < place(second) {
            lives.push(world.live);
        }
    }
    assert!(lives.len() > 10, "the mixes are too tame: {} of them", lives.len());
    lives
}

#[test]
fn two_who_roll_back_the_same_release_go_back_once() {
    let acts = [Act::Rollback(None), Act::Rollback(None)];
    let lives = asked_between(acts, 0..300, ["-- A rolls back", ": switch "]);
    assert!(lives.iter().all(|live| *live == Some(release(2, 2).id)), "{lives:?}");
}

#[test]
fn a_rollback_of_a_deploy_that_undoes_itself_meanwhile_goes_no_further() {
    let acts = [Act::deploy(release(4, 3)), Act::Rollback(None)];
    let lives = asked_between(acts, 4000..7000, ["A: switch ", "A: ledger: ended"]);
    assert!(lives.iter().all(|live| *live == Some(release(3, 2).id)), "{lives:?}");
}
