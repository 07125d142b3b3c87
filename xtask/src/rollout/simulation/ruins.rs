//! What a host may be found like: a ledger that was lost or damaged, a release that is not what was kept.

use super::driver::{Act, Ended};
use super::single::{driver_of, every_single_fault};
use super::trial::{LIMITS, Trial, host, release};
use super::world::{Manner, World};
use crate::rollout::observed::Observed;
use crate::rollout::plans;
use crate::rollout::remake::{since_it_was_lost, times_lost};
use crate::rollout::rollback::{RollbackError, RollbackRequest};
use crate::rollout::state::ledger::RecordedAttempt;
use crate::rollout::state::ledger::damage::Damage;

/// What becomes of it, in words.
type Ruin = (&'static str, fn(&mut World));

const RUINS: [Ruin; 5] = [
    ("it is gone", |world| world.book.lose(0)),
    ("it is gone, and there never was a copy", |world| {
        world.book.lose(0);
        world.copies.clear();
    }),
    ("its end is gone", |world| world.book.lose(world.book.lines() / 2)),
    ("something was written over one line", |world| world.book.spoil(world.book.lines() / 2)),
    ("something was written over all of it", |world| {
        (0..world.book.lines()).for_each(|line| world.book.spoil(line));
    }),
];

fn ruined(ruin: fn(&mut World)) -> World {
    let mut world = host();
    ruin(&mut world);
    world
}

fn damage(world: &World) -> Vec<Damage> {
    Observed::of(&driver_of(world.clone())).unwrap().damage()
}

#[test]
fn a_deploy_removes_nothing_on_the_word_of_a_damaged_ledger() {
    for (words, ruin) in RUINS {
        let world = ruined(ruin);
        assert!(!damage(&world).is_empty(), "{words}");
        let seen = Observed::of(&driver_of(world.clone())).unwrap();
        let steps = plans::deploy(&release(4, 2), &seen, &[], &LIMITS).names();
        assert!(!steps.contains(&"prune".to_owned()), "{words}: {steps:?}");
        let deploys = (4..8).map(|number| Act::deploy(release(number, 2))).collect();
        let after = Trial::of(world, deploys).run().world;
        assert_eq!((after.kept.len(), &after.broken), (7, &Vec::new()), "{words}");
    }
}

#[test]
fn whatever_goes_wrong_once_in_a_deploy_with_a_lost_ledger_nobody_notices() {
    every_single_fault(&Trial::of(ruined(RUINS[1].1), vec![Act::deploy(release(4, 2))]), 45);
}

#[test]
fn whatever_goes_wrong_once_while_a_ledger_is_made_anew_the_next_deploy_converges() {
    for (_, ruin) in RUINS {
        every_single_fault(&Trial::of(ruined(ruin), vec![Act::RemakeLedger]), 8);
    }
}

#[test]
fn a_ledger_that_was_made_anew_says_what_the_one_before_said() {
    let before = host().book.read();
    for (words, ruin) in RUINS {
        let world = Trial::of(ruined(ruin), vec![Act::RemakeLedger]).run().world;
        let after = world.book.read();
        assert_eq!(damage(&world), [], "{words}");
        assert!(world.book.is_sound(), "{words}");
        assert_eq!(after.expected_active(), before.expected_active(), "{words}");
        assert_eq!(after.confirmed(), before.confirmed(), "{words}");
        assert!(after.attempts().iter().all(|attempt| attempt.outcome.is_some()), "{words}");
        let is_live = |attempt: &RecordedAttempt| attempt.images == release(3, 2).contents.images;
        assert!(after.has_proven(is_live) && before.has_proven(is_live), "{words}");
        let by = |ledger: &crate::rollout::state::ledger::Ledger| ledger.attempts().pop().map(|last| last.by);
        assert_eq!(by(&after) == by(&before), !words.contains("never was a copy"), "{words}");
        let again = Trial::of(world.clone(), vec![Act::RemakeLedger]).run().world;
        assert_eq!(again.book.lines(), world.book.lines(), "{words}: there is nothing more to do");
        let back = Trial::of(world, vec![Act::Rollback(None)]).run().world;
        assert_eq!((back.live, back.broken), (Some(release(2, 2).id), vec![]), "{words}");
    }
}

#[test]
fn on_a_new_host_the_ledger_of_a_lost_one_goes_on_and_nothing_of_it_runs() {
    let lost = Trial::of(host(), vec![Act::Rollback(None)]).run().world.book.read();
    let go_on = || Act::GoOnWith(Box::new(lost.clone()));
    let world = Trial::of(World::default(), vec![go_on(), go_on()]).run().world;
    let ledger = world.book.read();
    assert!(world.book.is_sound() && damage(&world).is_empty());
    assert_eq!((ledger.expected_active(), ledger.unfinished().is_none()), (None, true));
    assert_eq!(ledger.confirmed(), lost.confirmed(), "who had the traffic is known");
    assert_eq!(ledger.taken_back().into_keys().collect::<Vec<_>>(), [release(3, 2).id]);
    assert_eq!(ledger.attempts().len(), lost.attempts().len() + 1, "it is told once");
    assert_eq!((times_lost(&lost), times_lost(&ledger)), (0, 1));
    let world = Trial::of(world, vec![Act::deploy(release(2, 2))]).run().world;
    assert_eq!(world.live, Some(release(2, 2).id));
    // A driver that was deploying when the machine went.
    let mut cut = lost.clone();
    cut.entries.retain(|entry| entry.id != lost.entries[lost.entries.len() - 1].id);
    let world = Trial::of(World::default(), vec![Act::GoOnWith(Box::new(cut))]).run().world;
    assert!(world.book.read().unfinished().is_none());
}

#[test]
fn whatever_goes_wrong_once_while_a_lost_host_s_ledger_is_brought_the_next_deploy_converges() {
    let lost = host().book.read();
    every_single_fault(&Trial::of(World::default(), vec![Act::GoOnWith(Box::new(lost))]), 3);
}

#[test]
fn on_the_host_that_an_environment_has_come_to_its_ledger_goes_on_and_what_serves_there_serves() {
    let left = Trial::of(host(), vec![Act::Rollback(None)]).run().world.book.read();
    let live = release(2, 2);
    let join = || Act::Join(Box::new(left.clone()));
    let arrived = Trial::of(World::default(), vec![Act::deploy(live.clone())]).run().world;
    let world = Trial::of(arrived.clone(), vec![join(), join()]).run().world;
    let ledger = world.book.read();
    assert!(world.book.is_sound() && damage(&world).is_empty());
    assert_eq!((ledger.expected_active(), world.live.clone()), (Some(live.id.clone()), Some(live.id)));
    assert_eq!(
        ledger.attempts().len(),
        left.attempts().len() + 2,
        "the end of the one, and what was done here, once"
    );
    assert_eq!((times_lost(&left), times_lost(&ledger)), (0, 1), "whose copies count");
    assert!(since_it_was_lost(&ledger).is_none(), "no restore takes it for a host that it makes again");
    every_single_fault(&Trial::of(arrived, vec![join()]), 3);
}

#[test]
fn a_release_that_was_rolled_back_from_is_not_gone_to_after_its_ledger_was_made_anew() {
    for keeps_copies in [true, false] {
        let mut world = Trial::of(host(), vec![Act::Rollback(None)]).run().world;
        world.book.lose(0);
        if !keeps_copies {
            world.copies.clear();
        }
        let world = Trial::of(world, vec![Act::RemakeLedger]).run().world;
        assert_eq!(world.book.read().taken_back().into_keys().collect::<Vec<_>>(), [release(3, 2).id]);
    }
}

#[test]
fn a_rollback_without_a_word_is_refused_when_the_ledger_can_t_say_where_to() {
    let why = |ruin: fn(&mut World)| {
        let seen = Observed::of(&driver_of(ruined(ruin))).unwrap();
        RollbackRequest::default().target(&seen).map(|to| to.id.clone())
    };
    assert!(matches!(why(RUINS[0].1), Err(RollbackError::LedgerDamaged(Damage::Missing(3)))));
    assert!(matches!(why(RUINS[2].1), Err(RollbackError::LedgerDamaged(Damage::Short(_)))));
    assert!(matches!(why(RUINS[4].1), Err(RollbackError::LedgerDamaged(Damage::Unreadable))));
    // What can be read says it.
    let one_line = why(|world| world.book.spoil(1));
    assert_eq!(one_line.unwrap(), release(2, 2).id);
    let named = Act::Rollback(Some(release(1, 1).id));
    let outcome = Trial::of(ruined(RUINS[0].1), vec![named]).run();
    assert!(matches!(outcome.ends[..], [Ended::Well]));
    assert_eq!(outcome.world.live, Some(release(1, 1).id));
}

#[test]
fn the_traffic_is_given_back_to_nobody_on_the_word_of_a_ledger_without_an_end() {
    let mut world = ruined(RUINS[2].1);
    world.live = None;
    let outcome = Trial::of(world, vec![Act::Recover]).run();
    assert!(
        matches!(&outcome.ends[..], [Ended::Refused(why)] if why.to_string().contains("the ledger lacks"))
    );
    assert_eq!(outcome.world.live, None);
}

#[test]
fn a_release_whose_manifest_was_changed_is_passed_over_named_and_removed() {
    let mut world = host();
    world.spoiled.insert(release(2, 2).id);
    let seen = Observed::of(&driver_of(world.clone())).unwrap();
    assert_eq!(seen.rollback_target(), Some(release(1, 1).id));
    assert_eq!(seen.passed_over(), [(release(2, 2).id, "it is damaged: a hand was there".to_owned())]);
    let id = release(2, 2).id;
    let named = RollbackRequest { to: Some(id.as_str()), ..RollbackRequest::default() };
    assert!(matches!(named.target(&seen), Err(RollbackError::Broken(..))));
    let mut gone = host();
    gone.kept.retain(|kept| kept.id != release(2, 2).id);
    let passed_over = Observed::of(&driver_of(gone.clone())).unwrap().passed_over();
    assert_eq!(passed_over, [(release(2, 2).id, "its files are gone".to_owned())]);
    for world in [world.clone(), gone] {
        let after = Trial::of(world, vec![Act::Rollback(None)]).run().world;
        assert_eq!((after.live, after.broken), (Some(release(1, 1).id), vec![]));
    }
    // While it is warm, open tabs may still ask it for something.
    let after_one = Trial::of(world, vec![Act::deploy(release(4, 2))]).run().world;
    assert!(after_one.spoiled.contains(&id), "{:?}", after_one.spoiled);
    let after_two = Trial::of(after_one, vec![Act::deploy(release(5, 2))]).run().world;
    assert_eq!((after_two.spoiled.contains(&id), after_two.broken), (false, vec![]));
}

#[test]
fn a_release_that_never_got_ready_is_no_target_and_passed_over_with_the_reason() {
    let mut world = host();
    let failed = release(4, 2).id;
    world.manners.insert(failed.clone(), Manner::NeverReady);
    let world = Trial::of(world, vec![Act::deploy(release(4, 2))]).run().world;
    let seen = Observed::of(&driver_of(world.clone())).unwrap();
    assert_eq!(seen.rollback_target(), Some(release(2, 2).id));
    let passed_over = seen.passed_over();
    let why = "it never got ready, 'ready' failed: not ready after";
    assert!(
        matches!(&passed_over[..], [(id, it)] if *id == failed && it.starts_with(why)),
        "{passed_over:?}"
    );
    let outcome = Trial::of(world.clone(), vec![Act::Rollback(Some(failed.clone()))]).run();
    let is_refused = |end: &Ended| matches!(end, Ended::Refused(why) if why.is::<RollbackError>());
    assert!(outcome.ends.iter().all(is_refused) && outcome.world.book.lines() == world.book.lines());
    // Well by now, it is deployed as any other, and can be gone back to.
    let mut world = outcome.world;
    world.manners.clear();
    let acts = vec![Act::deploy(release(4, 2)), Act::deploy(release(5, 2)), Act::Rollback(None)];
    assert_eq!(Trial::of(world, acts).run().world.live, Some(failed));
}
