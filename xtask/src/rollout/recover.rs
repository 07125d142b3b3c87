//! What a killed attempt left is finished or undone by the next holder of the lease, before it does anything of its
//! own. The guard's state decides; nothing is guarded after this.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};

use super::host::{Files, Host, LeasedHost, Part, Switching};
use super::journal::Journal;
use super::state::guard::{Guard, GuardState, Traffic, written};
use super::state::ledger::damage::Damage;
use super::state::ledger::{Event, Kind, Outcome, RecordedAttempt};
use super::state::platform::PlatformRecord;
use super::state::release::ReleaseId;
use super::steps::PLATFORM;
use super::steps::schema::is_migration;
use super::steps::traffic::{SWITCH_UNASKED, answers, rename};

/// What was found and settled.
#[derive(Debug)]
pub struct Recovery {
    /// In words.
    pub words: Vec<String>,
    /// Whether a release has lost the traffic again by what was settled: to a rollback that was cut off, or because nobody
    /// had confirmed its switch.
    pub rolled_back: bool,
    /// What the files say now.
    pub files: Files,
}

/// Settles the unfinished attempt, when there is one.
pub fn recover(leased: &dyn LeasedHost, mut files: Files, journal: &Journal) -> Result<Recovery> {
    let host = leased.host();
    let (mut said, mut rolled_back) = (Vec::new(), false);
    if let Some(attempt) = files.ledger.unfinished() {
        let words;
        (words, rolled_back) = settle(leased, &attempt, journal)?;
        said.push(words);
    } else if let Some(last) = files.ledger.attempts().pop() {
        if is_at_migration(&last) {
            // Its driver gave it up; the engine may not have. What it is about to take away is not there to be used.
            wait_for_migration(leased, &last)?;
            files.traffic = host.live()?;
        }
        if let Some(words) = take_back_unanswered(leased, &last, &files.traffic)? {
            said.push(words);
        } else {
            let counts = count(leased, &last, &files.traffic, journal)?;
            rolled_back = counts.is_some() && last.kind == Kind::Rollback;
            said.extend(counts);
        }
    }
    if !said.is_empty() {
        files = host.files()?;
    }
    let live = &files.traffic;
    if let Some(guard) = live.guard.as_ref().filter(|guard| guard.is_waiting()) {
        // Its attempt has an end, and could not take its switch back: to dismiss the guard would make it count.
        leased.trip(&guard.attempt, "recover")?;
        let (to, had_traffic) = (written(guard.to.as_ref()).to_owned(), live.active == guard.to);
        if had_traffic {
            rolled_back = true;
            said.push(format!("the switch to {to}, which nobody confirmed, is undone now"));
        }
        files.traffic = host.live()?;
    }
    leased.dismiss_guard()?;
    files.traffic.guard = None;

    said.extend(note_divergence(host, &mut files, journal)?);
    Ok(Recovery { words: said, rolled_back, files })
}

/// The live file is believed: where the ledger says otherwise, somebody's hand was there, which is written down once.
fn note_divergence(host: &dyn Host, files: &mut Files, journal: &Journal) -> Result<Option<String>> {
    let (live, ought) = (&files.traffic.active, files.ledger.expected_active());
    if *live == ought {
        return Ok(None);
    }
    let is_left =
        |attempt: &RecordedAttempt| attempt.outcome == Some(Outcome::NotUndone) && attempt.to == *live;
    let is_damaged = !files.damage().is_empty();
    let by = if files.ledger.attempts().last().is_some_and(is_left) {
        "left by what could not be undone"
    } else if is_damaged {
        "by a damaged ledger"
    } else {
        "changed by hand"
    };
    let what = format!("{by}: {} has the traffic, not {}", written(live.as_ref()), written(ought.as_ref()));
    let last = files.ledger.entries.iter().rev().find_map(|entry| match &entry.event {
        Event::Noted { what, .. } => Some(what.clone()),
        Event::Confirmed { .. } => Some(String::new()),
        _ => None,
    });
    // What is damaged is put right as a whole, and not by a note behind it.
    if last.as_ref() != Some(&what) && !is_damaged {
        journal.write(Event::found(what.clone()))?;
        files.ledger = host.ledger()?;
    }
    Ok(Some(what))
}

/// A switch that was confirmed counts, also when its driver could not see or write down that it was: a rollback's by its
/// rename, a deploy's by the guard. Else what a rollback led away from would be what the next one goes to.
fn count(
    leased: &dyn LeasedHost,
    last: &RecordedAttempt,
    live: &Traffic,
    journal: &Journal,
) -> Result<Option<String>> {
    let ended = matches!(last.outcome, Some(Outcome::Succeeded | Outcome::NotUndone));
    let Some(to) = last.to.clone().filter(|_| ended && !last.confirmed && last.from != last.to) else {
        return Ok(None);
    };
    let is_disarmed = |guard: &Guard| guard.attempt == last.id && guard.state == GuardState::Disarmed;
    let counts = match last.kind {
        Kind::Rollback => live.active.as_ref() == Some(&to),
        _ => live.guard.as_ref().is_some_and(is_disarmed),
    };
    if !counts {
        return Ok(None);
    }
    if last.kind == Kind::Rollback {
        leased.set_warm(Some(&to), last.from.as_ref())?;
    }
    journal.write_of(&last.id, confirmed(leased.host(), to.clone())?)?;
    Ok(Some(format!("the {} of {to} by {} ({}) had made its switch: it counts", last.kind, last.by, last.at)))
}

fn is_unasked(attempt: &RecordedAttempt) -> bool {
    attempt.step.as_ref().is_some_and(|(step, _)| step == SWITCH_UNASKED)
}

/// A switch without the engine that failed, since its release did not answer, and that could not be taken back, does not count: it
/// is taken back now. Unless that release answers by now; then it counts like any other.
fn take_back_unanswered(
    leased: &dyn LeasedHost,
    last: &RecordedAttempt,
    live: &Traffic,
) -> Result<Option<String>> {
    let is_left = last.outcome == Some(Outcome::NotUndone) && !last.confirmed && is_unasked(last);
    let both = last.from.as_ref().zip(last.to.as_ref()).filter(|(from, to)| from != to);
    let Some((from, to)) = both.filter(|(_, to)| is_left && live.active.as_ref() == Some(to)) else {
        return Ok(None);
    };
    if answers(leased.host(), to).is_ok() {
        return Ok(None);
    }
    rename(leased, Some(to), from)?;
    let (by, at) = (&last.by, &last.at);
    Ok(Some(format!(
        "the rollback to {to} by {by} ({at}) does not serve, and is taken back now: {from} has the traffic"
    )))
}

/// Gives what was found, in words, and whether a release lost the traffic again by it.
fn settle(leased: &dyn LeasedHost, attempt: &RecordedAttempt, journal: &Journal) -> Result<(String, bool)> {
    if attempt.kind == Kind::Restore {
        ensure!(
            leased.host().engine_answers(),
            "the restore by {} ({}) was cut off, and while the container engine does not answer, nobody can tell whether its \
             database serves already",
            attempt.by,
            attempt.at
        );
        return Ok((settle_restore(leased, attempt, journal)?, false));
    }
    if attempt.kind == Kind::Platform {
        return Ok((settle_platform(attempt, journal)?, false));
    }
    let host = leased.host();
    wait_for_migration(leased, attempt)?;
    if attempt.kind == Kind::Revert {
        return Ok((settle_revert(attempt, journal)?, false));
    }
    let live = host.live()?;
    let guard = live.guard.as_ref().filter(|guard| guard.attempt == attempt.id);
    let (outcome, found) = outcome_of(leased, attempt, &live, guard.map(|guard| guard.state), journal)?;
    if outcome != Outcome::Succeeded {
        stop_unless_needed(leased, attempt.to.as_ref())?;
    }
    // Whose word it was that took it back is not lost with the driver.
    let by_person = guard.filter(|guard| guard.is_by_person());
    let detail = by_person.and_then(Guard::why_taken_back).unwrap_or("its driver died".to_owned());
    journal.write_of(&attempt.id, Event::Ended { outcome, detail: Some(detail), to_switch_ms: None })?;
    let rolled_back = match guard.map(|guard| guard.state) {
        None => attempt.kind == Kind::Rollback && outcome == Outcome::Succeeded,
        Some(GuardState::Disarmed) => false,
        Some(GuardState::Armed) => live.active == attempt.to,
        Some(GuardState::Tripping | GuardState::Tripped) => true,
    };
    let to = written(attempt.to.as_ref());
    let words =
        format!("the {} of {to} by {} ({}) was cut off: it {found}", attempt.kind, attempt.by, attempt.at);
    Ok((words, rolled_back))
}

fn is_at_migration(attempt: &RecordedAttempt) -> bool {
    attempt.step.as_ref().is_some_and(|(step, _)| is_migration(step))
}

/// Waits for the migration that the attempt may have left running. While the engine does not answer, nobody can tell of one, and
/// only an attempt that was not at one is settled.
fn wait_for_migration(leased: &dyn LeasedHost, attempt: &RecordedAttempt) -> Result<()> {
    if leased.host().engine_answers() {
        return leased.wait_for_migration();
    }
    ensure!(
        !is_at_migration(attempt),
        "the {} by {} ({}) left off at a migration, and while the container engine does not answer, nobody can tell whether that \
         still goes on",
        attempt.kind,
        attempt.by,
        attempt.at
    );
    Ok(())
}

/// How a cut attempt counts, by the state of its guard and by who has the traffic; with what was found, in words.
fn outcome_of(
    leased: &dyn LeasedHost,
    attempt: &RecordedAttempt,
    live: &Traffic,
    guard: Option<GuardState>,
    journal: &Journal,
) -> Result<(Outcome, &'static str)> {
    Ok(match guard {
        // Its confirm was its own rename, or came before the guard was dismissed: only the ledger's end is missing.
        _ if attempt.confirmed => (Outcome::Succeeded, "was confirmed"),
        Some(GuardState::Disarmed) => {
            if let Some(release) = attempt.to.clone() {
                journal.write_of(&attempt.id, confirmed(leased.host(), release)?)?;
            }
            (Outcome::Succeeded, "was confirmed")
        }
        Some(GuardState::Tripped) => (Outcome::UndoneByGuard, "was taken back by its guard"),
        Some(GuardState::Armed | GuardState::Tripping) => {
            leased.trip(&attempt.id, "recover")?;
            (Outcome::Undone, "was not confirmed, and is undone now")
        }
        None if attempt.kind == Kind::Down && live.active.is_none() => {
            (Outcome::Succeeded, "had stopped the traffic")
        }
        None if attempt.step.as_ref().is_some_and(|(step, _)| step == PLATFORM) => (
            Outcome::Undone,
            "had not got beyond the platform, of which the next deploy makes what is missing",
        ),
        None if attempt.to.is_none() || live.active != attempt.to || attempt.from == attempt.to => {
            (Outcome::Undone, "never came to its switch, and is undone now")
        }
        // A rename of a deploy's is no confirm. Its guard is only removed from a switch when nothing else works either.
        None if attempt.kind == Kind::Deploy => {
            (Outcome::NotUndone, "was not confirmed, and keeps the traffic: nothing else worked")
        }
        // Nobody may have seen it serve.
        None if is_unasked(attempt)
            && attempt.to.as_ref().is_some_and(|to| answers(leased.host(), to).is_err()) =>
        {
            let Some((from, to)) = attempt.from.as_ref().zip(attempt.to.as_ref()) else {
                return Ok((Outcome::NotUndone, "does not serve, and no release had the traffic before"));
            };
            rename(leased, Some(to), from)?;
            (Outcome::Undone, "does not serve, and is taken back now")
        }
        // A rollback whose rename was made, and whose entry was not.
        None => {
            // It may have been cut between the two renames.
            leased.set_warm(live.active.as_ref(), attempt.from.as_ref())?;
            if let Some(release) = attempt.to.clone() {
                journal.write_of(&attempt.id, confirmed(leased.host(), release)?)?;
            }
            (Outcome::Succeeded, "had made its switch")
        }
    })
}

/// A restore never touches the traffic: what it had loaded is removed, unless the databases have swapped their names.
fn settle_restore(leased: &dyn LeasedHost, attempt: &RecordedAttempt, journal: &Journal) -> Result<String> {
    let swapped = leased.host().is_parked(&attempt.id)?;
    leased.drop_loaded()?;
    let (outcome, found) = if swapped {
        (Outcome::Succeeded, "had put the backup in the database's place")
    } else {
        (Outcome::Undone, "had not yet put the backup in the database's place, and is undone now")
    };
    let detail = Some("its driver died".to_owned());
    journal.write_of(&attempt.id, Event::Ended { outcome, detail, to_switch_ms: None })?;
    Ok(format!("the restore by {} ({}) was cut off: it {found}", attempt.by, attempt.at))
}

/// Each migration is taken back whole or not at all, and nobody needs what is left.
fn settle_revert(attempt: &RecordedAttempt, journal: &Journal) -> Result<String> {
    let detail = Some("its driver died".to_owned());
    journal.write_of(&attempt.id, Event::Ended { outcome: Outcome::Undone, detail, to_switch_ms: None })?;
    Ok(format!(
        "the {} by {} ({}) was cut off: the same command again takes back what is left",
        attempt.kind, attempt.by, attempt.at
    ))
}

/// Which of its files and containers are there is not known: whoever starts a platform anew begins with both.
fn settle_platform(attempt: &RecordedAttempt, journal: &Journal) -> Result<String> {
    let was_writing =
        attempt.step.as_ref().is_some_and(|(step, _)| matches!(step.as_str(), "write" | "renew"));
    let (outcome, found) = if was_writing {
        journal.write_of(&attempt.id, Event::Platform(PlatformRecord::default()))?;
        (Outcome::NotUndone, "may have changed a part of the platform: the same command again completes it")
    } else {
        (Outcome::Undone, "had not yet changed anything")
    };
    let detail = Some("its driver died".to_owned());
    journal.write_of(&attempt.id, Event::Ended { outcome, detail, to_switch_ms: None })?;
    Ok(format!("the {} by {} ({}) was cut off: it {found}", attempt.kind, attempt.by, attempt.at))
}

fn confirmed(host: &dyn Host, release: ReleaseId) -> Result<Event> {
    let kept = host.kept()?.into_iter().find(|kept| kept.id == release);
    let (images, commit) = kept.map(|kept| (kept.contents.images, kept.commit)).unwrap_or_default();
    Ok(Event::Confirmed { release, images, commit })
}

/// Stops what neither has the traffic nor is warm: an attempt that was confirmed may have died before it did. Plans end
/// with it; nobody who needs a rollback at once waits for it.
pub fn retire(leased: &dyn LeasedHost) -> Result<()> {
    let host = leased.host();
    let live = host.live()?;
    let running: BTreeSet<ReleaseId> =
        host.parts()?.into_iter().filter(Part::is_running).map(|part| part.release).collect();
    running.iter().filter(|id| !live.holds(id)).try_for_each(|id| leased.stop(id))
}

/// Gives the traffic back to the release that ought to have it, when the live file is gone and no release has it: then users
/// get 503. Says which one it was, when there was one.
///
/// # Errors
///
/// When the release that ought to have it is not kept any more, or not ready, and when a damaged ledger can't say which one it
/// is.
pub fn give_lost_traffic_back(leased: &dyn LeasedHost, files: &Files) -> Result<Option<ReleaseId>> {
    if let (None, Some(damage)) =
        (&files.traffic.active, files.damage().into_iter().find(Damage::hides_the_end))
    {
        bail!("{damage}: it can't tell which release ought to have the traffic");
    }
    let was_taken_down = files.ledger.attempts().pop().is_some_and(|last| last.kind == Kind::Down);
    let ought = files.ledger.expected_active().filter(|_| files.traffic.active.is_none() && !was_taken_down);
    let Some(id) = ought else { return Ok(None) };
    let kept = files.kept.iter().find(|release| release.id == id);
    let kept = kept.with_context(|| format!("{id} ought to have the traffic, and is not kept any more"))?;
    leased.host().check_ready(kept).with_context(|| format!("{id} ought to have the traffic"))?;
    leased.switch(&Switching { from: None, to: id.clone(), guarded: None })?;
    // A switch makes warm what had the traffic before, and that was nobody: who is warm was never lost.
    if let Some(warm) = files.traffic.warm.as_ref().filter(|warm| **warm != id) {
        leased.set_warm(Some(&id), Some(warm))?;
    }
    Ok(Some(id))
}

/// A release that has the traffic or is warm is never stopped here, whatever attempt started it. What an engine can't be asked to stop
/// the next deploy has stopped.
fn stop_unless_needed(leased: &dyn LeasedHost, id: Option<&ReleaseId>) -> Result<()> {
    match id.filter(|_| leased.host().engine_answers()) {
        Some(id) if !leased.host().live()?.holds(id) => leased.remove_containers(id),
        _ => Ok(()),
    }
}
