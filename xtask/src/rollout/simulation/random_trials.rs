//! Two and three things that go wrong, one after the other, in acts that follow each other.

use super::driver::Act;
use super::fault::{AT_CHANGES, Trouble};
use super::random::{Random, seed};
use super::trial::{Trial, host, release};
use super::world::Manner;

const TRIALS: usize = 400;

fn trial(random: &mut Random, world: &super::world::World) -> Trial {
    let mut trial = Trial::of(world.clone(), Vec::new());
    let manners = [Manner::Works, Manner::Works, Manner::Slow, Manner::TurnsBad, Manner::NeverReady];
    for number in 0..2 + random.below(2) {
        let next = release(4 + u32::try_from(random.below(3)).unwrap_or(0), 3);
        trial.world.manners.insert(next.id.clone(), *random.of_these(&manners));
        trial.acts.push(match random.below(8) {
            0 => Act::Rollback(None),
            1 => Act::Rollback(Some(release(1, 1).id)),
            2 => Act::Recover,
            3 => Act::Restore,
            4 => Act::deploy(release(7, 5)),
            _ => Act::deploy(next),
        });
        for _ in 0..random.below(3) {
            let fault = *random.of_these(AT_CHANGES);
            trial.troubles.push(Trouble { driver: number, call: random.below(65), fault });
        }
    }
    trial.late = random.below(3) == 0;
    trial
}

#[test]
fn whatever_goes_wrong_two_or_three_times_the_next_deploy_converges() {
    let mut random = Random::of(seed());
    let world = host();
    for _ in 0..TRIALS {
        trial(&mut random, &world).must_hold();
    }
}
