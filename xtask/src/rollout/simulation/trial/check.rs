//! The checker: what must hold after an act, while nobody drives, and in the end. What must hold at every moment is
//! looked at where the host changes, in `world.rs` and `change.rs`.

use std::time::Duration;

use super::Trial;
use crate::rollout::simulation::driver::{Act, Ended};
use crate::rollout::simulation::world::platform::Era;
use crate::rollout::simulation::world::{Manner, World};
use crate::rollout::state::release::ReleaseId;

/// Whatever may go on after a driver is gone is over by then.
const SETTLING_TIME: Duration = Duration::from_secs(60);
/// How long a bad release may have the traffic after its first bad answer: three of them, and the way back.
const UNDO_BOUND: Duration = Duration::from_secs(2);
/// The same of one that errs beside health: until five of the few requests have failed.
const UNDO_BOUND_BY_COUNTS: Duration = Duration::from_secs(5);
/// The same when its driver is gone, beyond the bake time: the guard's deadline.
const UNDO_BOUND_BY_GUARD: Duration = Duration::from_secs(33);

/// What a driver says of how its act ended is true.
pub fn end(world: &mut World, driver: usize, act: &Act, end: &Ended) {
    let begun = world.book.read().attempts().pop();
    let is_back = begun.as_ref().is_some_and(|attempt| attempt.from == world.live);
    let is_called_slow = |detail: &String| detail.contains("of its answers take up to");
    let is_called_slow = begun.as_ref().and_then(|it| it.detail.as_ref()).is_some_and(is_called_slow);
    let to = begun.and_then(|attempt| attempt.to);
    if is_called_slow && to.as_ref().is_some_and(|to| world.manner(to) != Manner::AnswersLate) {
        world.breaks("a release is called slow for who uses it".to_owned());
    }
    let still_runs = world.left_over().iter().any(|id| Some(id) == to.as_ref());
    let is_waiting = world.guard.as_ref().is_some_and(|file| file.guard.is_waiting());
    let must: &[(bool, &str)] = match (act, end) {
        (Act::Deploy(release), Ended::Well) => &[
            (
                world.live.as_ref() == Some(&release.id),
                "a deploy went well, and its release has not the traffic",
            ),
            (!is_waiting, "a deploy went well, and its guard can still take it back"),
        ],
        (Act::Deploy(_) | Act::Rollback(_) | Act::Down, Ended::Badly { left, .. })
            if left.is_empty() && !world.drivers[driver].dead =>
        {
            &[
                (is_back, "it is said to be undone, and the traffic is not as it was"),
                (
                    world.guard.is_none() && world.guarding.is_none(),
                    "it is said to be undone, and left its guard",
                ),
                (!still_runs, "it is said to be undone, and what it started still runs"),
            ]
        }
        (Act::Rollback(_) | Act::Recover, Ended::Well) => &[(
            world.live.is_none() || world.warm != world.live,
            "all is settled, and the warm release is the live one",
        )],
        (Act::Platform, Ended::Well) => &[(
            world.platform.is_all(Era::New),
            "a platform is said to be renewed, and a part of it is the one from before",
        )],
        (Act::Platform, Ended::Badly { left, .. }) if left.is_empty() && !world.drivers[driver].dead => &[(
            world.platform.is_all(Era::Before),
            "a platform is said to be the one from before, and a part of it is not",
        )],
        (Act::Down, Ended::Well) => &[(world.live.is_none(), "all is down, and a release has the traffic")],
        _ => &[],
    };
    let broken = must.iter().filter(|(holds, _)| !holds).map(|(_, what)| (*what).to_owned());
    broken.collect::<Vec<_>>().into_iter().for_each(|what| world.breaks(what));
}

/// What must hold when nobody has driven for longer than a guard waits.
pub fn unattended(world: &mut World) {
    let is_provisional = |live: &Option<ReleaseId>| {
        world.guard.as_ref().is_some_and(|file| file.guard.is_waiting() && file.guard.to == *live)
    };
    // Where both releases failed, the traffic is left where it is.
    let both_failed = world.manners.values().any(|it| *it == Manner::SilencesDatabase);
    if is_provisional(&world.live) && !both_failed {
        world.breaks("nobody confirmed the switch, and it was not undone".to_owned());
    }
    let Some(live) = world.live.clone() else { return };
    if let Err(why) = world.serves(&live) {
        world.breaks(format!("nobody drives, and users are not served: {why}"));
    }
}

/// What must hold when the dust has settled.
pub fn settled(world: &mut World, live: &ReleaseId) {
    world.advance(SETTLING_TIME);
    let ledger = world.book.read();
    let is_new = ledger.proven_platform().is_some_and(|record| record.commit == Era::New.to_string());
    let must = [
        (
            !is_new || world.platform.is_all(Era::New),
            "the ledger has a platform of which only a part is there",
        ),
        (world.live.as_ref() == Some(live), "the next deploy did not converge"),
        (world.warm != world.live, "the warm release is the live one"),
        (world.guard.is_none() && world.guarding.is_none(), "a guard is left"),
        (world.holder.is_none(), "somebody holds the lease"),
        (ledger.attempts().iter().all(|attempt| attempt.outcome.is_some()), "an attempt has no end"),
        (ledger.expected_active() == world.live, "the ledger does not say who ought to be live"),
        (world.left_over().is_empty(), "something runs that is neither live nor warm"),
        (world.migration.is_none() && world.going_on.is_empty(), "something still goes on"),
        (world.databases.loaded.is_none(), "a restore left something"),
    ];
    for (holds, what) in must {
        if !holds {
            world.breaks(what.to_owned());
        }
    }
}

/// Users notice nothing, but for what no protocol can hide from them: a reboot, a bad release until it is taken back,
/// the moment in which a restore swaps the databases.
pub fn requests(world: &mut World, trial: &Trial) {
    let restores = trial.acts.iter().any(|act| matches!(act, Act::Restore));
    let stands_alone = !trial.troubles.is_empty();
    let was_ill = world.manners.values().any(|it| *it == Manner::WasIll);
    let errs = world.manners.values().any(|it| it.errs_from().is_some());
    let bound = match (stands_alone, errs) {
        (true, _) => trial.limits.bake + UNDO_BOUND_BY_GUARD,
        (false, true) => UNDO_BOUND_BY_COUNTS,
        (false, false) => UNDO_BOUND,
    };
    let mut first_bad = std::collections::BTreeMap::new();
    let mut failed = std::mem::take(&mut world.failed);
    failed.retain(|(at, why)| {
        let is_bad = why.ends_with("answers 500");
        let since = *first_bad.entry(why.clone()).or_insert(*at);
        let turns_bad = |it: &Manner| matches!(it, Manner::TurnsBad | Manner::FailsBehindEdge);
        let turned_bad = is_bad && (errs || world.manners.values().any(turns_bad));
        let is_excused = (turned_bad && *at <= since + bound * u32::try_from(trial.acts.len()).unwrap_or(1))
            || (is_bad && world.manners.values().any(|it| *it == Manner::SilencesDatabase))
            || (restores && why.starts_with("the database"))
            || world.is_booting(*at)
            || (was_ill && why.starts_with("page"));
        !is_excused
    });
    if let Some((at, why)) = failed.first() {
        let (count, at) = (failed.len(), at.as_secs_f64());
        world.breaks(format!("{count} requests of users failed, the first at {at:.2} s: {why}"));
    }
}
