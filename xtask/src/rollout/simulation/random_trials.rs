//! Two and three things that go wrong, one after the other, in acts that follow each other.

use super::driver::Act;
use super::fault::{AT_CHANGES, Trouble};
use super::random::{Random, seed};
use super::trial::{Trial, host, release};
use super::world::{Manner, World};

const TRIALS: usize = 400;

/// Acts that follow each other, and what goes wrong in them.
fn trial(random: &mut Random, world: &World) -> Trial {
    let mut trial = Trial::of(world.clone(), Vec::new());
    let manners = [Manner::Works, Manner::Works, Manner::Slow, Manner::TurnsBad, Manner::NeverReady];
    for _ in 0..2 + random.below(2) {
        let next = release(4 + u32::try_from(random.below(3)).unwrap_or(0), 3);
        trial.world.manners.insert(next.id.clone(), *random.of_these(&manners));
        trial.acts.push(match random.below(9) {
            0 => Act::Rollback(None),
            1 => Act::Rollback(Some(release(1, 1).id)),
            2 => Act::Recover,
            3 => Act::Restore,
            4 => Act::deploy(release(7, 5)),
            5 => Act::Platform,
            _ => Act::deploy(next),
        });
    }
    trial.late = random.below(3) == 0;
    for driver in 0..trial.acts.len() {
        for _ in 0..random.below(3) {
            let calls = trial.run().world.drivers[driver].calls.len();
            trial.troubles.extend(random_trouble(random, &trial.troubles, driver, calls));
        }
    }
    trial
}

/// Something goes wrong at one of so many calls of the driver, behind what goes wrong there already.
pub fn random_trouble(
    random: &mut Random,
    troubles: &[Trouble],
    driver: usize,
    calls: usize,
) -> Option<Trouble> {
    let first = troubles.iter().filter(|it| it.driver == driver).map(|it| it.call + 1).max().unwrap_or(0);
    let fault = *random.of_these(AT_CHANGES);
    (first < calls).then(|| Trouble { driver, call: first + random.below(calls - first), fault })
}

#[test]
fn whatever_goes_wrong_two_or_three_times_the_next_deploy_converges() {
    let mut random = Random::of(seed());
    let world = host();
    let (mut troubles, mut struck) = (0, 0);
    for _ in 0..TRIALS {
        let trial = trial(&mut random, &world);
        trial.must_hold();
        troubles += trial.troubles.len();
        struck += trial.run().world.struck;
    }
    assert!(struck * 10 >= troubles * 9, "of {troubles} faults only {struck} struck");
}
