//! What counts as a deployment, and which of them failed: the ledger says both.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

use crate::rollout::state::ledger::incidents::Incident;
use crate::rollout::state::ledger::{Entry, Event, Kind, Ledger, RecordedAttempt, StepState};
use crate::rollout::state::release::ReleaseId;

/// The step that gives a release the traffic.
const SWITCH: &str = "switch";

/// A release that had the traffic.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The release.
    pub release: ReleaseId,
    /// When it got the traffic.
    pub at: SystemTime,
    /// Its commit, and that of the release before; none where the ledger does not say. The first deployment has none before.
    pub commits: Option<(String, String)>,
    /// What went wrong with it.
    pub failure: Option<Failure>,
    /// Whether it was made because of a failure.
    pub is_rework: bool,
}

/// A deployment that wanted a remedy at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// From its switch until a good release had the traffic; none when it has not yet, or nobody saw when.
    pub recovered_after: Option<Duration>,
}

/// All deployments of a ledger.
#[derive(Debug, Default)]
pub struct Deployments {
    /// The oldest first.
    pub made: Vec<Deployment>,
    /// When attempts began that failed before anybody saw them.
    pub caught: Vec<SystemTime>,
}

impl Deployments {
    /// Gathers them. `fixes` gives the releases that commits between two name as mended by them.
    pub fn of(
        ledger: &Ledger,
        fixes: impl Fn(&(String, String)) -> Result<Vec<String>>,
    ) -> Result<Deployments> {
        let mut all = Deployments::default();
        for attempt in ledger.attempts() {
            match attempt.kind {
                Kind::Deploy => all.deploy(ledger, &attempt, &fixes)?,
                Kind::Rollback if attempt.confirmed => all.rollback(ledger, &attempt)?,
                _ => {}
            }
        }
        ledger.incidents().iter().try_for_each(|incident| all.incident(incident))?;
        Ok(all)
    }

    /// The deployment has failed by which the release had the traffic that users suffered from; the one behind it is rework.
    fn incident(&mut self, incident: &Incident) -> Result<()> {
        let opened = time(&incident.opened)?;
        let closed = incident.closed.as_deref().map(time).transpose()?;
        let is_it = |it: &Deployment| it.release == incident.caused_by && it.at <= opened;
        let Some(at) = self.made.iter().rposition(is_it) else { return Ok(()) };
        let after = closed.and_then(|closed| closed.duration_since(self.made[at].at).ok());
        self.made[at].failure.get_or_insert(Failure { recovered_after: after });
        if let Some(next) = self.made.get_mut(at + 1) {
            next.is_rework |= next.at >= opened;
        }
        Ok(())
    }

    fn deploy(
        &mut self,
        ledger: &Ledger,
        attempt: &RecordedAttempt,
        fixes: &impl Fn(&(String, String)) -> Result<Vec<String>>,
    ) -> Result<()> {
        let Some(release) = attempt.to.clone() else { return Ok(()) };
        let Some(at) = switched(ledger, attempt)? else {
            if attempt.outcome.is_some() && !attempt.confirmed {
                self.caught.push(time(&attempt.at)?);
            }
            return Ok(());
        };
        let commit = |id: &ReleaseId| ledger.confirmed_as(id).map(|(commit, _)| commit.to_owned());
        let before = attempt.from.as_ref().and_then(commit);
        let commits = before.zip(commit(&release));
        let mended = commits.as_ref().map(fixes).transpose()?.unwrap_or_default();
        let follows_failure = self.made.last().is_some_and(|last| last.failure.is_some());
        for bad in self.made.iter_mut().filter(|it| mended.iter().any(|id| *id == it.release.to_string())) {
            let after = at.duration_since(bad.at).ok();
            bad.failure.get_or_insert(Failure { recovered_after: after });
        }
        let failure = match attempt.confirmed {
            true => None,
            // Under way, and nobody knows yet.
            false if attempt.outcome.is_none() => return Ok(()),
            false => Some(Failure {
                recovered_after: ended(ledger, attempt)?.and_then(|end| end.duration_since(at).ok()),
            }),
        };
        let is_rework = follows_failure || !mended.is_empty();
        self.made.push(Deployment { release, at, commits, failure, is_rework });
        Ok(())
    }

    /// The newest deployment of the release that was rolled back from has failed.
    fn rollback(&mut self, ledger: &Ledger, attempt: &RecordedAttempt) -> Result<()> {
        let deployed = |of: Option<&ReleaseId>| self.made.iter().rposition(|it| Some(&it.release) == of);
        // Who goes forth again, to one that was rolled back from, says nothing against the one that is left.
        if deployed(attempt.to.as_ref()).is_some_and(|at| self.made[at].failure.is_some()) {
            return Ok(());
        }
        if let Some(bad) = deployed(attempt.from.as_ref()).map(|at| &mut self.made[at]) {
            let end = switched(ledger, attempt)?.or(ended(ledger, attempt)?);
            let after = end.and_then(|end| end.duration_since(bad.at).ok());
            bad.failure.get_or_insert(Failure { recovered_after: after });
        }
        Ok(())
    }
}

/// When the attempt's release got the traffic: its switch, or else its confirm.
fn switched(ledger: &Ledger, attempt: &RecordedAttempt) -> Result<Option<SystemTime>> {
    let of_it = ledger.entries.iter().filter(|entry| entry.attempt == attempt.id);
    let entry = of_it.into_iter().find(|entry| match &entry.event {
        Event::Step { step, state, .. } => step == SWITCH && *state == StepState::Done,
        Event::Confirmed { .. } => true,
        _ => false,
    });
    entry.map(|entry| time(&entry.at)).transpose()
}

/// When it was over, by the one who wrote it; the latest moment at which its last step ended, where that was earlier: a killed
/// driver's end is written by whoever comes next.
fn ended(ledger: &Ledger, attempt: &RecordedAttempt) -> Result<Option<SystemTime>> {
    let is_end = |entry: &&Entry| entry.attempt == attempt.id && matches!(entry.event, Event::Ended { .. });
    let end = ledger.entries.iter().rfind(is_end);
    let end = end.map(|entry| time(&entry.at)).transpose()?;
    let until = attempt.step.as_ref().and_then(|(_, until)| until.as_deref()).map(time).transpose()?;
    Ok(match (end, until) {
        (Some(end), Some(until)) => Some(end.min(until)),
        (end, _) => end,
    })
}

fn time(timestamp: &str) -> Result<SystemTime> {
    humantime::parse_rfc3339_weak(timestamp).with_context(|| format!("the ledger's time {timestamp:?}"))
}
