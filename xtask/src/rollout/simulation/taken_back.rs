//! What was taken back is known as that, whatever way leads to it again.

use super::driver::{Act, Ended};
use super::fault::{Fault, When};
use super::single::{after_in, deploy_of, driver_of};
use super::trial::{Trial, host, release};
use super::world::{Manner, World};
use crate::rollout::observed::Observed;
use crate::rollout::rollback::{RollbackError, RollbackRequest};
use crate::rollout::state::ledger::{Kind, RecordedAttempt};
use crate::rollout::state::release::{Release, ReleaseId};

/// The release whose watch fails.
fn bad() -> Release {
    release(4, 3)
}

/// The host after its deploy.
fn undone() -> World {
    let world = deploy_of(Manner::TurnsBad).run().world;
    assert_eq!(world.live, Some(release(3, 2).id));
    world
}

fn seen(world: &World) -> Observed {
    Observed::of(&driver_of(world.clone())).unwrap()
}

fn taken_back(world: &World) -> Vec<ReleaseId> {
    world.book.read().taken_back().into_keys().collect()
}

fn is_of(release: &Release) -> impl Fn(&RecordedAttempt) -> bool {
    let images = release.contents.images.clone();
    move |attempt| attempt.images == images
}

fn is_believed(world: &World, release: &Release) -> bool {
    let ledger = world.book.read();
    ledger.has_proven(is_of(release)) && ledger.taken_back_all(is_of(release)).is_none()
}

#[test]
fn what_a_watch_took_back_is_no_target_without_a_reason_and_known_by_its_images() {
    let world = undone();
    assert_eq!(taken_back(&world), [bad().id]);
    let seen = seen(&world);
    assert_eq!(seen.rollback_target(), Some(release(2, 2).id));
    let passed_over = seen.passed_over();
    assert!(matches!(&passed_over[..], [(id, why)] if *id == bad().id && why.contains("was undone while")));
    let id = bad().id;
    let named = RollbackRequest { to: Some(id.as_str()), ..RollbackRequest::default() };
    assert!(matches!(named.target(&seen), Err(RollbackError::TakenBack(..))));
    let with_reason = RollbackRequest { also_taken_back: true, ..named };
    assert_eq!(with_reason.target(&seen).unwrap().id, id);
    let by = seen
        .ledger
        .taken_back_all(is_of(&bad()))
        .expect("its images are known, though nobody confirmed them");
    assert_eq!((by.kind, by.to), (Kind::Deploy, Some(id)));
}

#[test]
fn neither_a_rollback_to_it_nor_a_hand_makes_production_believe_what_was_taken_back() {
    let mut well = undone();
    well.manners.clear();
    let rolled = Trial::of(well, vec![Act::Rollback(Some(bad().id))]).run().world;
    let mut by_hand = undone();
    by_hand.manners.clear();
    by_hand.live = Some(bad().id);
    let adopted = Trial::of(by_hand, vec![Act::deploy(bad())]).run().world;
    for (way, world) in [("by a rollback", rolled), ("by hand, and adopted", adopted)] {
        assert_eq!(world.live, Some(bad().id), "{way}");
        let ledger = world.book.read();
        assert_eq!(ledger.expected_active(), Some(bad().id), "{way}: it ought to have the traffic");
        assert!(!is_believed(&world, &bad()), "{way}");
        assert_eq!(taken_back(&world), [bad().id], "{way}: nothing is said against the one that was left");
        assert!(is_believed(&world, &release(3, 2)), "{way}");
        // The way back from it leads to the good one, and leaves it marked with what its watch said.
        let back = Trial::of(world.clone(), vec![Act::Rollback(None)]).run().world;
        assert_eq!((back.live.clone(), taken_back(&back)), (Some(release(3, 2).id), vec![bad().id]), "{way}");
        let id = bad().id;
        let again = RollbackRequest { to: Some(id.as_str()), ..RollbackRequest::default() };
        assert!(matches!(again.target(&seen(&back)), Err(RollbackError::TakenBack(..))), "{way}");
        // A ledger that is made anew does not forget it either.
        let mut ruined = world;
        let lines = ruined.book.lines();
        ruined.book.spoil(lines / 4);
        let anew = Trial::of(ruined, vec![Act::RemakeLedger]).run().world;
        assert!(!is_believed(&anew, &bad()), "{way}");
    }
}

#[test]
fn a_release_that_a_later_deploy_watched_and_confirmed_is_good_again() {
    let mut world = undone();
    world.manners.clear();
    let world = Trial::of(world, vec![Act::deploy(bad())]).run().world;
    assert_eq!(taken_back(&world), []);
    assert!(is_believed(&world, &bad()));
}

#[test]
fn a_driver_that_dies_says_nothing_of_the_release_and_a_person_who_takes_it_back_does() {
    let died = after_in(deploy_of(Manner::Works), "switch ", Fault::Killed(When::After), Act::Recover);
    let world = died.run().world;
    assert_eq!((world.live.clone(), taken_back(&world)), (Some(release(3, 2).id), vec![]));
    assert!(!is_believed(&world, &bad()), "it was not confirmed");
    let back = after_in(deploy_of(Manner::Works), "switch ", Fault::Killed(When::After), Act::Rollback(None));
    let acts = [back.acts.clone(), vec![Act::Recover]].concat();
    let world = Trial { acts, ..back }.run().world;
    assert_eq!((world.live.clone(), taken_back(&world)), (Some(release(3, 2).id), vec![bad().id]));
    let by = world.book.read().taken_back().remove(&bad().id).unwrap();
    assert!(by.how_taken_back().ends_with("rolled back by somebody"), "{}", by.how_taken_back());
}

#[test]
fn a_rollback_that_failed_is_not_chosen_again_unless_it_is_warm_and_well() {
    let (second, first) = (release(2, 2).id, release(1, 1).id);
    let mut world = host();
    world.manners.insert(second.clone(), Manner::NeverReady);
    world.containers.remove(&second);
    let outcome = Trial::of(world, vec![Act::Rollback(None)]).run();
    assert!(matches!(&outcome.ends[0], Ended::Badly { left, .. } if left.is_empty()), "{}", outcome.ends[0]);
    let after = seen(&outcome.world);
    assert_eq!(after.rollback_target(), Some(first), "{:?}", after.passed_over());
    let passed_over = after.passed_over();
    let why = "the last rollback to it failed at 'ready'";
    assert!(
        matches!(&passed_over[..], [(id, it)] if *id == second && it.starts_with(why)),
        "{passed_over:?}"
    );
    // Named, it is tried again; and once it is well it is what a rollback goes to.
    let named = RollbackRequest { to: Some(second.as_str()), ..RollbackRequest::default() };
    assert_eq!(named.target(&after).unwrap().id, second);
    let mut well = outcome.world;
    well.manners.clear();
    let acts = vec![Act::Rollback(Some(second.clone())), Act::deploy(release(5, 2))];
    assert_eq!(seen(&Trial::of(well, acts).run().world).rollback_target(), Some(second));
}

#[test]
fn a_release_whose_images_are_gone_for_good_is_passed_over() {
    let mut cold = seen(&Trial::of(host(), vec![Act::Down]).run().world);
    cold.traffic.warm = None;
    let newest = cold.rollback_target().expect("three are kept");
    cold.images_gone.insert(newest.clone());
    assert_ne!(cold.rollback_target(), Some(newest.clone()));
    assert!(cold.passed_over().contains(&(newest, "its images are gone".to_owned())));
}
