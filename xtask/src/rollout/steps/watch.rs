//! The watch: while a switch is provisional, the new release must do as well as the one before.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail, ensure};

use super::load::Load;
use super::traffic::{BothFail, GUARD_MARGIN, taken_back};
use super::vitals::Course;
use super::{is_broken, log_of, parts_of};
use crate::rollout::edge_counts::EdgeCounts;
use crate::rollout::host::{Host, Part, SmokeTest};
use crate::rollout::plan::{Step, StepContext};
use crate::rollout::state::guard::written;
use crate::rollout::state::release::Release;
use crate::tools::docker::condition::Condition;

/// How often the watch asks.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// Bad answers in a row that undo a switch.
const BAD_IN_A_ROW: u32 = 3;
/// How often a smoke test is made through the edge; one that failed is made again at once.
const SMOKE_INTERVAL: Duration = Duration::from_secs(2);
/// Smoke tests that fail in a row and undo a switch.
const FAILED_IN_A_ROW: u32 = 2;
/// How often the edge's own numbers are read. They are compared with those of two times before, and of the switch.
const COUNTS_INTERVAL: Duration = Duration::from_secs(1);
/// At least this many errors, and this share of all answers above what it was before, undo a switch.
const ERRORS_AT_LEAST: u64 = 5;
const ERROR_SHARE: f64 = 0.05;
/// The same of our own requests, of which none fails by the way. They are few, so the share is less than what is to be found.
const OWN_ERRORS_AT_LEAST: u64 = 3;
const OWN_ERROR_SHARE: f64 = 0.025;

/// The new release is watched through the edge while it can still be taken back.
pub struct Watch {
    /// The release.
    pub release: Release,
    /// The one that would get the traffic back.
    pub before: Option<Release>,
    /// How long.
    pub bake: Duration,
}

impl Step for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }
    fn describe(&self) -> String {
        format!(
            "for {}, the new release must serve users through the edge",
            humantime::format_duration(self.bake)
        )
    }
    fn timeout(&self) -> Duration {
        self.bake + GUARD_MARGIN
    }
    fn is_watching(&self) -> bool {
        true
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        let watched = self.watch(context);
        // Who is left is removed by the next smoke test of any release.
        let _ = context.leased.end_smoke_tests(&self.release);
        watched
    }
}

impl Watch {
    fn watch(&self, context: &StepContext) -> Result<()> {
        let began = context.host.clock();
        let elapsed = || context.host.clock() - began;
        let mut both = false;
        let restarts = restarts(&parts_of(context.host, &self.release.id)?);
        let mut own = Own::default();
        let counts = context.host.edge_counts()?;
        let before = context
            .counts_before
            .get()
            .map(|(at, before)| Load { counts: counts.since(before), span: began.saturating_sub(at) });
        let mut course = Course::of(before, counts);
        let mut counting = Counting::begin(before, counts, elapsed());
        loop {
            match own.ask(self, context, elapsed()) {
                Ok(()) => {
                    if std::mem::take(&mut both) {
                        // Whose errors those were is no question; from here on it is one again.
                        own.begin_again();
                        counting.begin_again(context.host.edge_counts()?, elapsed());
                    }
                }
                Err(error) => {
                    if let Some(failing) = self.both_fail(context, &restarts, &own, &error)? {
                        if !both {
                            let BothFail { why, old } = &failing;
                            context.report.says(&format!(
                                "{why}\n    {old}\n    Both fail for one cause: nothing is moved."
                            ));
                        }
                        ensure!(elapsed() < self.bake + GUARD_MARGIN, failing);
                        both = true;
                    }
                }
            }
            let over = own.is_well() && elapsed() >= self.bake;
            // While answers are bad, they say more: also whether the release before would do any better.
            if own.is_well() && (over || counting.is_due(elapsed())) {
                // The engine may have started it again before anybody noticed, and it would go on like that.
                if let Some(part) = self.fallen_part(context.host, &restarts) {
                    bail!("{part}{}", self.logs(context.host));
                }
                let vitals = course
                    .is_due(elapsed())
                    .then(|| context.leased.vitals(&self.release, self.before.as_ref(), elapsed()).ok());
                let users = context.host.edge_counts()?.since(own.requests);
                let worse = vitals.and_then(|vitals| course.worse(vitals, users, elapsed()));
                if let Some(worse) = worse.or_else(|| counting.worse(users, elapsed())) {
                    bail!("{worse}{}", self.logs(context.host));
                }
            }
            if over {
                if let Some(left_out) = course.left_out() {
                    context.report.says(&left_out);
                }
                return Ok(());
            }
            context.host.pause(PROBE_INTERVAL)?;
        }
    }
}

/// What the watch itself asks through the edge.
#[derive(Default)]
struct Own {
    /// All of it since the count began.
    requests: EdgeCounts,
    /// Of that, the smoke tests which nobody had asked to wait.
    judged: EdgeCounts,
    /// Bad answers in a row.
    bad: u32,
    /// Smoke tests that failed in a row.
    failed: u32,
    /// When the next smoke test is due.
    due: Duration,
}

impl Own {
    fn is_well(&self) -> bool {
        self.bad == 0 && self.failed == 0
    }

    /// Its answers until now were those of both releases.
    fn begin_again(&mut self) {
        *self = Own { due: self.due, ..Own::default() };
    }

    /// Probes, and makes a smoke test when one is due; an error when something was not answered as it should be.
    fn ask(&mut self, watch: &Watch, context: &StepContext, at: Duration) -> Result<()> {
        if let Err(error) = self.probe(watch, context.host) {
            self.bad += 1;
            return Err(error);
        }
        self.bad = 0;
        if at < self.due {
            return Ok(());
        }
        let test = context.leased.smoke_test_through_edge(&watch.release);
        let test = test.unwrap_or_else(|error| SmokeTest {
            requests: EdgeCounts::default(),
            failure: Some(format!("{error:#}")),
        });
        self.requests = self.requests.and(test.requests);
        if test.failure.is_some() && context.host.live()?.maintenance.is_some() {
            // Users are asked to wait, and so are we.
            self.due = at + SMOKE_INTERVAL;
            return Ok(());
        }
        self.judged = self.judged.and(test.requests);
        if let Some(failure) = test.failure {
            self.failed += 1;
            return Err(anyhow!(failure));
        }
        (self.failed, self.due) = (0, at + SMOKE_INTERVAL);
        let is_bad = self.judged.errors >= OWN_ERRORS_AT_LEAST && self.judged.share() >= OWN_ERROR_SHARE;
        ensure!(!is_bad, "of our own, {}", in_words(self.judged));
        Ok(())
    }

    fn probe(&mut self, watch: &Watch, host: &dyn Host) -> Result<()> {
        let answer = host.probe()?;
        self.requests = self.requests.and(EdgeCounts::one(answer.status));
        let by = written(answer.release.as_ref());
        ensure!(
            answer.release.as_ref() == Some(&watch.release.id),
            "{by} answered ({} {})",
            answer.status,
            answer.excerpt
        );
        ensure!(answer.status == 200, "it answered {} {}", answer.status, answer.excerpt);
        Ok(())
    }
}

/// The edge's numbers, since the switch and lately: few users show a bad release only in time, and many at once.
struct Counting {
    /// The share of errors before the switch.
    share_before: f64,
    start: EdgeCounts,
    /// The two times before that they were read.
    read: [EdgeCounts; 2],
    at: Duration,
}

impl Counting {
    fn begin(before: Option<Load>, now: EdgeCounts, at: Duration) -> Counting {
        let share_before = before.map_or(0.0, |before| before.counts.share());
        Counting { share_before, start: now, read: [now; 2], at }
    }

    fn begin_again(&mut self, now: EdgeCounts, at: Duration) {
        *self = Counting { start: now, read: [now; 2], at, ..*self };
    }

    fn is_due(&self, at: Duration) -> bool {
        at - self.at >= COUNTS_INTERVAL
    }

    /// What is worse for users than before the switch, in words, when something is. Our own requests, which would dilute theirs,
    /// are not in `now`.
    fn worse(&mut self, now: EdgeCounts, at: Duration) -> Option<String> {
        let [earlier, last] = self.read;
        (self.read, self.at) = ([last, now], at);
        let new = [earlier, self.start].map(|then| now.since(then));
        let worse = new.into_iter().find(|new| is_worse(*new, self.share_before))?;
        Some(in_words(worse))
    }
}

fn in_words(counts: EdgeCounts) -> String {
    format!("{} of {} requests through the edge were answered with 5xx", counts.errors, counts.all)
}

/// Whether more requests fail than before the switch, beyond the few that fail anyway.
fn is_worse(new: EdgeCounts, share_before: f64) -> bool {
    new.errors >= ERRORS_AT_LEAST && new.share() >= share_before + ERROR_SHARE
}

impl Watch {
    /// Why so many bad answers are enough to take the switch back; none while the next one may be good again.
    fn verdict(&self, host: &dyn Host, restarts: &Restarts, own: &Own, error: &Error) -> Option<String> {
        // The edge asks for a part that has ended until its patience is over: to wait for more answers of that kind
        // would cost users seconds, and the engine knows already.
        if let Some(lost) = self.lost_part(host, restarts) {
            return Some(format!("{lost}: {error:#}"));
        }
        if own.bad >= BAD_IN_A_ROW {
            return Some(format!("{} bad answers in a row: {error:#}", own.bad));
        }
        if own.failed >= FAILED_IN_A_ROW {
            return Some(format!("{} smoke tests in a row failed: {error:#}", own.failed));
        }
        own.is_well().then(|| format!("{error:#}"))
    }

    /// What the engine says of a part that is not well any more, when there is one.
    fn lost_part(&self, host: &dyn Host, restarts: &Restarts) -> Option<String> {
        let parts = parts_of(host, &self.release.id).ok()?;
        self.release.contents.images.keys().find_map(|service| {
            match parts.iter().find(|part| &part.service == service) {
                None => Some(format!("{service} is gone")),
                Some(part) => (is_broken(part) || has_fallen(part, restarts)).then(|| part.to_string()),
            }
        })
    }

    /// A part that has ended by itself since the switch, when there is one.
    fn fallen_part(&self, host: &dyn Host, before: &Restarts) -> Option<Part> {
        let parts = parts_of(host, &self.release.id).ok()?;
        parts.into_iter().find(|part| has_fallen(part, before))
    }

    /// Why nothing is moved although this release fails: the one before would not do either. None while it can't be
    /// said to fail; an error when only this one does, or its switch is taken back already.
    fn both_fail(
        &self,
        context: &StepContext,
        restarts: &Restarts,
        own: &Own,
        error: &Error,
    ) -> Result<Option<BothFail>> {
        if let Some(why) = taken_back(context) {
            return Err(why);
        }
        let Some(why) = self.verdict(context.host, restarts, own, error) else { return Ok(None) };
        match self.other_that_fails(context) {
            Some(old) => Ok(Some(BothFail { why, old })),
            None => Err(anyhow!("{why}{}", self.logs(context.host))),
        }
    }

    /// Why the release before would not do either, when it would not.
    fn other_that_fails(&self, context: &StepContext) -> Option<String> {
        let old = self.before.as_ref()?;
        let failed = context.host.check_ready(old).and_then(|()| context.leased.smoke_test(old));
        failed.err().map(|error| format!("{error:#}"))
    }

    fn logs(&self, host: &dyn Host) -> String {
        let parts = parts_of(host, &self.release.id).unwrap_or_default();
        parts.iter().map(|part| log_of(host, part)).collect()
    }
}

/// How often each part has been started again, by its container.
type Restarts = BTreeMap<String, u32>;

fn restarts(parts: &[Part]) -> Restarts {
    parts.iter().map(|part| (part.container.clone(), part.restarts)).collect()
}

/// Whether it has ended by itself since then: the engine has started it again, or it ran out of memory and is not running.
fn has_fallen(part: &Part, before: &Restarts) -> bool {
    let came_back = before.get(&part.container) != Some(&part.restarts);
    came_back || (part.out_of_memory && part.state != Condition::Running)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::simulation::release;
    use crate::tools::docker::condition::Health;

    #[test]
    fn that_a_part_ended_by_itself_counts_when_it_happened_since_the_switch() {
        let part = |state, restarts| Part {
            release: release(1, 1).id,
            service: "api".to_owned(),
            container: "api-1".to_owned(),
            state,
            health: Health::Healthy,
            health_output: String::new(),
            since: String::new(),
            restarts,
            exit_reason: "out of memory".to_owned(),
            out_of_memory: true,
        };
        let before = restarts(&[part(Condition::Running, 1)]);
        assert!(!has_fallen(&part(Condition::Running, 1), &before), "it was before");
        assert!(has_fallen(&part(Condition::Running, 2), &before));
        assert!(has_fallen(&part(Condition::Restarting, 1), &before));
        let panicked =
            Part { exit_reason: String::new(), out_of_memory: false, ..part(Condition::Running, 2) };
        assert!(has_fallen(&panicked, &before), "whatever it ended for");
    }

    #[test]
    fn a_release_is_worse_when_many_fail_that_did_not_fail_before() {
        let counts = |errors, all| EdgeCounts { all, errors, ..EdgeCounts::default() };
        assert!(is_worse(counts(5, 100), 0.0));
        assert!(!is_worse(counts(4, 4), 0.0), "a few fail anyway");
        assert!(!is_worse(counts(5, 101), 0.0), "less than the share that counts");
        assert!(!is_worse(counts(12, 100), 0.1), "they failed before it as well");
        assert!(is_worse(counts(16, 100), 0.1));
    }
}
