//! The watch: while a switch is provisional, the new release must do as well as the one before.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail, ensure};

use super::traffic::{BothFail, GUARD_MARGIN, taken_back};
use super::{is_broken, log_of, parts_of};
use crate::rollout::host::{EdgeCounts, Host, Part};
use crate::rollout::plan::{Run, Step};
use crate::rollout::state::guard::written;
use crate::rollout::state::release::Release;
use crate::tools::docker::condition::Condition;

/// How often the watch asks.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// Bad answers in a row that undo a switch.
const BAD_IN_A_ROW: u32 = 3;
/// How often the edge's own numbers are read. They are compared with those of two times before, and of the switch.
const COUNTS_INTERVAL: Duration = Duration::from_secs(1);
/// At least this many 5xx, and this share of all answers above what it was before, undo a switch.
const ERRORS_AT_LEAST: u64 = 5;
const ERROR_SHARE: f64 = 0.05;

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
        format!("for {}, the new release must answer through the edge", humantime::format_duration(self.bake))
    }
    fn timeout(&self) -> Duration {
        self.bake + GUARD_MARGIN
    }
    fn is_watching(&self) -> bool {
        true
    }
    fn apply(&self, run: &Run) -> Result<()> {
        let began = run.host.clock();
        let elapsed = || run.host.clock() - began;
        let (mut bad, mut both, mut was_asked) = (0, false, false);
        let restarts = restarts(&parts_of(run.host, &self.release.id)?);
        let mut counting = Counting::begin(run, run.host.edge_counts()?, elapsed());
        loop {
            match self.answer(run.host) {
                Ok(()) => {
                    bad = 0;
                    if std::mem::take(&mut both) {
                        // Whose errors those were is no question; from here on it is one again.
                        counting.begin_again(run.host.edge_counts()?, elapsed());
                    }
                }
                Err(error) => {
                    bad += 1;
                    if let Some(why) = taken_back(run) {
                        return Err(why);
                    }
                    if let Some(why) = self.verdict(run.host, &restarts, bad, &error) {
                        let Some(old) = self.other_that_fails(run.host) else {
                            return Err(anyhow!("{why}{}", self.logs(run.host)));
                        };
                        ensure!(elapsed() < self.bake + GUARD_MARGIN, BothFail { why, old });
                        if !both {
                            run.report.says(&format!(
                                "{why}\n    {old}\n    Both fail for one cause: nothing is moved."
                            ));
                        }
                        both = true;
                    }
                }
            }
            let over = bad == 0 && elapsed() >= self.bake;
            // While answers are bad, they say more: also whether the release before would do any better.
            if bad == 0 && (over || counting.is_due(elapsed())) {
                // The engine may have started it again before anybody noticed, and it would go on like that.
                if let Some(part) = self.out_of_memory(run.host, &restarts) {
                    bail!("{part}{}", self.logs(run.host));
                }
                let now = run.host.edge_counts()?;
                if let Some(worse) = counting.worse(now, elapsed()) {
                    // Users who are asked to wait are answered 503, by whichever release. The last of those answers may be
                    // counted when nobody is asked any more.
                    let is_asked = run.host.live()?.maintenance.is_some();
                    ensure!(is_asked || was_asked, "{worse}{}", self.logs(run.host));
                    was_asked = is_asked;
                    counting.begin_again(now, elapsed());
                }
            }
            if over {
                return Ok(());
            }
            run.host.pause(PROBE_INTERVAL)?;
        }
    }
}

/// The edge's numbers, since the switch and lately: few users show a bad release only in time, and many at once.
struct Counting {
    /// The share of 5xx before the switch.
    share_before: f64,
    start: EdgeCounts,
    /// The two times before that they were read.
    read: [EdgeCounts; 2],
    at: Duration,
}

impl Counting {
    fn begin(run: &Run, now: EdgeCounts, at: Duration) -> Counting {
        let share_before = run.counts_before.get().map_or(0.0, |before| now.since(before).share());
        Counting { share_before, start: now, read: [now; 2], at }
    }

    fn begin_again(&mut self, now: EdgeCounts, at: Duration) {
        *self = Counting { start: now, read: [now; 2], at, ..*self };
    }

    fn is_due(&self, at: Duration) -> bool {
        at - self.at >= COUNTS_INTERVAL
    }

    /// What is worse than before the switch, in words, when something is.
    fn worse(&mut self, now: EdgeCounts, at: Duration) -> Option<String> {
        let [earlier, last] = self.read;
        (self.read, self.at) = ([last, now], at);
        let new = [earlier, self.start].map(|then| now.since(then));
        let worse = new.into_iter().find(|new| is_worse(*new, self.share_before))?;
        let EdgeCounts { all, errors } = worse;
        Some(format!("{errors} of {all} requests through the edge were answered with 5xx"))
    }
}

/// Whether more requests fail than before the switch, beyond the few that fail anyway.
fn is_worse(new: EdgeCounts, share_before: f64) -> bool {
    new.errors >= ERRORS_AT_LEAST && new.share() >= share_before + ERROR_SHARE
}

impl Watch {
    /// Why so many bad answers are enough to take the switch back; none while the next one may be good again.
    fn verdict(&self, host: &dyn Host, restarts: &Restarts, bad: u32, error: &Error) -> Option<String> {
        if bad >= BAD_IN_A_ROW {
            return Some(format!("{bad} bad answers in a row: {error:#}"));
        }
        // The edge asks for a part that has ended until its patience is over: to wait for more answers of that kind
        // would cost users seconds, and the engine knows already.
        let parts = parts_of(host, &self.release.id).ok()?;
        let lost = self.release.contents.images.keys().find_map(|service| {
            match parts.iter().find(|part| &part.service == service) {
                None => Some(format!("{service} is gone")),
                Some(part) => (is_broken(part) || has_starved(part, restarts)).then(|| part.to_string()),
            }
        })?;
        Some(format!("{lost}: {error:#}"))
    }

    /// A part that the kernel has ended at the limit of its memory since the switch, when there is one.
    fn out_of_memory(&self, host: &dyn Host, before: &Restarts) -> Option<Part> {
        let parts = parts_of(host, &self.release.id).ok()?;
        parts.into_iter().find(|part| has_starved(part, before))
    }

    /// Why the release before would not do either, when it would not.
    fn other_that_fails(&self, host: &dyn Host) -> Option<String> {
        let old = self.before.as_ref()?;
        host.smoke(old).err().map(|error| format!("{error:#}"))
    }

    fn answer(&self, host: &dyn Host) -> Result<()> {
        let answer = host.probe()?;
        let by = written(answer.release.as_ref());
        ensure!(
            answer.release.as_ref() == Some(&self.release.id),
            "{by} answered ({} {})",
            answer.status,
            answer.excerpt
        );
        ensure!(answer.status == 200, "it answered {} {}", answer.status, answer.excerpt);
        Ok(())
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

/// Whether it has run out of memory since then: it is not running, or was started again.
fn has_starved(part: &Part, before: &Restarts) -> bool {
    let is_new = part.state != Condition::Running || Some(&part.restarts) != before.get(&part.container);
    part.out_of_memory && is_new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::simulation::release;
    use crate::tools::docker::condition::Health;

    #[test]
    fn that_a_part_ran_out_of_memory_counts_when_it_happened_since_the_switch() {
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
        assert!(!has_starved(&part(Condition::Running, 1), &before), "it was before");
        assert!(has_starved(&part(Condition::Running, 2), &before));
        assert!(has_starved(&part(Condition::Restarting, 1), &before));
    }

    #[test]
    fn a_release_is_worse_when_many_fail_that_did_not_fail_before() {
        let counts = |errors, all| EdgeCounts { all, errors };
        assert!(is_worse(counts(5, 100), 0.0));
        assert!(!is_worse(counts(4, 4), 0.0), "a few fail anyway");
        assert!(!is_worse(counts(5, 101), 0.0), "less than the share that counts");
        assert!(!is_worse(counts(12, 100), 0.1), "they failed before it as well");
        assert!(is_worse(counts(16, 100), 0.1));
    }
}
