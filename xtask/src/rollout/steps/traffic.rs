//! The steps that move the traffic: guard, switch, confirm. The watch between them is in `watch.rs`.

use std::time::Duration;

use anyhow::{Error, Result, anyhow, ensure};

use crate::rollout::host::{self, Host, LeasedHost, Switching};
use crate::rollout::plan::{Step, StepContext};
use crate::rollout::state::guard::{self, GuardState};
use crate::rollout::state::ledger::Event;
use crate::rollout::state::release::{Release, ReleaseId};

/// How long the guard waits beyond the bake time.
const GUARD_BEYOND_BAKE: Duration = Duration::from_secs(30);
/// What must be left of the guard's time, beyond the bake time, when the switch is made.
pub(super) const GUARD_MARGIN: Duration = Duration::from_secs(10);

/// How often a release that could not be asked beforehand is asked through the edge before its switch is taken back, and the pause
/// between.
const UNASKED_TRIES: u32 = 3;
const UNASKED_PAUSE: Duration = Duration::from_millis(200);
/// The step that makes such a switch: whoever settles one that was cut off must know that nobody may have asked.
pub const SWITCH_UNASKED: &str = "switch-unasked";
/// In the ledger, of such a switch.
pub const UNCHECKED: &str = "unchecked: the engine did not answer";

/// Neither release works: the cause is behind both, and to move the traffic would help nobody.
#[derive(Debug, thiserror::Error)]
#[error("{why}; and the release before does not work either: {old}")]
pub struct BothFail {
    /// What fails of the new release.
    pub why: String,
    /// What fails of the one before.
    pub old: String,
}

/// What undoes the switch when nobody confirms it.
pub struct ArmGuard {
    /// The release that has the traffic.
    pub from: Option<ReleaseId>,
    /// The release that is about to get it.
    pub to: ReleaseId,
    /// The warm one.
    pub warm: Option<ReleaseId>,
    /// How long the new release will be watched.
    pub bake: Duration,
}

impl Step for ArmGuard {
    fn name(&self) -> &'static str {
        "guard"
    }
    fn describe(&self) -> String {
        let back = self.from.as_ref().map_or("nobody".to_owned(), ToString::to_string);
        let deadline = humantime::format_duration(self.bake + GUARD_BEYOND_BAKE);
        format!("unless confirmed within {deadline}, {back} has the traffic again")
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        context.leased.arm(&host::Arming {
            attempt: context.journal.attempt.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            warm: self.warm.clone(),
            deadline: self.bake + GUARD_BEYOND_BAKE,
        })
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, cause: &Error) -> Result<()> {
        let live = context.host.live()?;
        let state =
            live.guard.filter(|guard| guard.attempt == context.journal.attempt).map(|guard| guard.state);
        // Only by it can the next holder of the lease know that the switch counts.
        ensure!(
            state != Some(GuardState::Disarmed),
            "the switch was confirmed before that could be seen: it counts"
        );
        let is_waiting = matches!(state, Some(GuardState::Armed | GuardState::Tripping));
        // Without its guard, a switch that could not be taken back would stay for good.
        ensure!(
            !is_waiting || live.active.as_ref() != Some(&self.to) || cause.is::<BothFail>(),
            "{} still has the traffic: the guard stays, and takes it back at its deadline",
            self.to
        );
        context.leased.dismiss_guard()
    }
}

/// The traffic moves, provisionally.
pub struct Switch {
    /// The release that has it.
    pub from: Option<ReleaseId>,
    /// The one that gets it.
    pub to: ReleaseId,
    /// How long it will be watched.
    pub bake: Duration,
}

impl Step for Switch {
    fn name(&self) -> &'static str {
        "switch"
    }
    fn describe(&self) -> String {
        format!("the traffic moves to {}: one rename", self.to)
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        let guarded = Some((context.journal.attempt.clone(), self.bake + GUARD_MARGIN));
        let (from, to) = (self.from.clone(), self.to.clone());
        context.leased.switch(&Switching { from, to, guarded })?;
        context.to_switch.set(Some(context.took()));
        Ok(())
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, cause: &Error) -> Result<()> {
        ensure!(
            !cause.is::<BothFail>(),
            "{} keeps the traffic, since the release before does not work either; mend what is behind both (the \
             database?), then deploy again",
            self.to
        );
        // Also when the live file does not hold it yet: a switch that is still on its way finds its guard tripped. A trip
        // that failed once is worth a second: else users have the release until the guard's deadline.
        let trip = || context.leased.trip(&context.journal.attempt, "undo");
        trip().or_else(|_| trip())
    }
}

/// From here on the switch counts.
pub struct Confirm {
    /// The release.
    pub release: Release,
}

impl Step for Confirm {
    fn name(&self) -> &'static str {
        "confirm"
    }
    fn describe(&self) -> String {
        "disarm the guard: the switch counts".to_owned()
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        // Whoever asks to stop now comes too late for half of it: it counts, and the ledger says so, or it does not.
        context.host.shielded(|| {
            if let Err(error) = context.leased.confirm(&context.journal.attempt) {
                // The answer may have been lost, and not the confirm: the guard knows.
                match guard_of(context).unwrap_or_default() {
                    Some(guard) if guard.state == GuardState::Disarmed => {}
                    guard => {
                        let why = guard.and_then(|guard| guard.why_taken_back()).map(Error::msg);
                        return Err(why.unwrap_or_else(|| error.context("the switch was not confirmed")));
                    }
                }
            }
            context.to_confirm.set(Some(context.took()));
            if is_written_down(context, &self.release)
                && let Err(error) = context.leased.dismiss_guard()
            {
                context.report.says(&format!("the guard, disarmed, could not be dismissed: {error:#}"));
            }
            Ok(())
        })
    }
}

/// The attempt's own guard, when there is one.
fn guard_of(context: &StepContext) -> Result<Option<guard::Guard>> {
    Ok(context.host.live()?.guard.filter(|guard| guard.attempt == context.journal.attempt))
}

/// Why the attempt's switch was taken back without its driver, when it was: that says more than what came of it.
pub(super) fn taken_back(context: &StepContext) -> Option<Error> {
    guard_of(context).ok()??.why_taken_back().map(Error::msg)
}

/// Writes down that the release ought to have the traffic. What already counts is not undone for the want of this line:
/// whoever takes the lease next can tell, and writes it.
fn is_written_down(context: &StepContext, release: &Release) -> bool {
    let written = context.journal.write(confirmed(release));
    if let Err(error) = &written {
        context.report.says(&format!("the switch counts, but that could not be written down: {error:#}"));
    }
    written.is_ok()
}

fn confirmed(release: &Release) -> Event {
    let (images, commit) = (release.contents.images.clone(), release.commit.clone());
    Event::Confirmed { release: release.id.clone(), images, commit }
}

/// A kept release gets the traffic back, for good.
pub struct SwitchBack {
    /// The release that has it.
    pub from: Option<ReleaseId>,
    /// The one that gets it.
    pub to: Release,
}

impl Step for SwitchBack {
    fn name(&self) -> &'static str {
        "switch"
    }
    fn describe(&self) -> String {
        format!("the traffic moves back to {}: one rename", self.to.id)
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        // Its rename confirms it: whoever asks to stop now must not keep that from being seen and written down.
        context.host.shielded(|| self.switch(context))
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, _cause: &Error) -> Result<()> {
        let live = context.host.live()?.active;
        ensure!(
            live == self.from || live.as_ref() != Some(&self.to.id),
            "{} has the traffic already, for good: nothing takes a rollback back",
            self.to.id
        );
        Ok(())
    }
}

impl SwitchBack {
    fn switch(&self, context: &StepContext) -> Result<()> {
        rename(context.leased, self.from.as_ref(), &self.to.id)?;
        context.to_switch.set(Some(context.took()));
        context.to_confirm.set(Some(context.took()));
        is_written_down(context, &self.to);
        Ok(())
    }
}

/// Gives the traffic to `to`, which no guard takes back.
pub(in crate::rollout) fn rename(
    leased: &dyn LeasedHost,
    from: Option<&ReleaseId>,
    to: &ReleaseId,
) -> Result<()> {
    let switching = Switching { from: from.cloned(), to: to.clone(), guarded: None };
    let Err(error) = leased.switch(&switching) else { return Ok(()) };
    if leased.host().live()?.active.as_ref() != Some(to) {
        return Err(error);
    }
    // If the answer was lost and not the rename, it counts. Its second rename may not have come.
    leased.set_warm(Some(to), from)
}

/// The warm release gets the traffic back while the engine does not answer, and nobody can ask it beforehand whether it is ready.
/// Users' own way tells, right behind the rename; where it does not answer, the rename is taken back. A rename that nobody
/// asked behind, since its driver died, or that could not be taken back, does not count by itself: whoever settles it asks.
pub struct SwitchUnasked {
    /// The release that has the traffic.
    pub from: Option<ReleaseId>,
    /// The one that gets it.
    pub to: Release,
}

impl Step for SwitchUnasked {
    fn name(&self) -> &'static str {
        SWITCH_UNASKED
    }
    fn describe(&self) -> String {
        format!(
            "the traffic moves back to {}: one rename, which is taken back unless it answers through the edge; the engine is asked \
             for nothing",
            self.to.id
        )
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(60)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        context.host.check_ready(&self.to)?;
        // As with any rollback: whoever asks to stop now must not keep it from being seen and written down.
        context.host.shielded(|| {
            rename(context.leased, self.from.as_ref(), &self.to.id)?;
            let switched = context.took();
            answers(context.host, &self.to.id)?;
            context.to_switch.set(Some(switched));
            context.to_confirm.set(Some(context.took()));
            context.journal.write_with_next(Event::found(UNCHECKED.to_owned()));
            is_written_down(context, &self.to);
            Ok(())
        })
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, _cause: &Error) -> Result<()> {
        if context.host.live()?.active.as_ref() != Some(&self.to.id) {
            return Ok(());
        }
        let from = self.from.as_ref();
        let from =
            from.ok_or_else(|| Error::msg("no release had the traffic before: it stays where it is"))?;
        rename(context.leased, Some(&self.to.id), from)
    }
}

/// An error unless the release answers through the edge that it is ready.
pub(in crate::rollout) fn answers(host: &dyn Host, id: &ReleaseId) -> Result<()> {
    let mut left = UNASKED_TRIES;
    loop {
        left -= 1;
        let error = match host.probe() {
            Ok(answer) if answer.status == 200 && answer.release.as_ref() == Some(id) => return Ok(()),
            Ok(answer) => anyhow!("through the edge it answers {}: {}", answer.status, answer.excerpt.trim()),
            Err(error) => error,
        };
        if left == 0 {
            return Err(error.context(format!("{id} does not serve, and the engine can't be asked why")));
        }
        host.pause(UNASKED_PAUSE)?;
    }
}

/// What has the traffic ought to have it from now on: a person put it there, or an attempt that could not end well.
pub struct Adopt {
    /// The release.
    pub release: Release,
}

impl Step for Adopt {
    fn name(&self) -> &'static str {
        "adopt"
    }
    fn describe(&self) -> String {
        format!("the ledger says from now on that {} ought to have the traffic", self.release.id)
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        context.journal.write(confirmed(&self.release)).or_else(|error| {
            // What the ledger says can't be unsaid: its answer may have been lost, and not the line.
            let ought = context.host.ledger()?.expected_active();
            if ought.as_ref() == Some(&self.release.id) { Ok(()) } else { Err(error) }
        })
    }
}

/// Nobody has the traffic any more.
pub struct StopTraffic;

impl Step for StopTraffic {
    fn name(&self) -> &'static str {
        "switch"
    }
    fn describe(&self) -> String {
        "no release has the traffic; the edge answers 503".to_owned()
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        context.host.shielded(|| match context.leased.clear_live() {
            // The answer may have been lost, and not the traffic.
            Err(error) if context.host.live()?.active.is_some() => Err(error),
            _ => Ok(()),
        })
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, _cause: &Error) -> Result<()> {
        // Whoever had it may have stopped by now.
        let had_it = context.host.ledger()?.unfinished().and_then(|attempt| attempt.from);
        ensure!(
            had_it.is_none() || context.host.live()?.active.is_some(),
            "no release has the traffic any more; a deploy gives it to one again"
        );
        Ok(())
    }
}
