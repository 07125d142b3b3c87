//! DORA's five figures of delivery, out of the ledger and git, as <https://dora.dev/guides/dora-metrics/> defines them.

mod deployments;
mod lead_time;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use anyhow::Result;
use camino::Utf8Path;

pub use self::deployments::{Deployment, Deployments, Failure};
use self::lead_time::Change;
use crate::project::targets;
use crate::rollout::state::ledger::Ledger;

/// Fewer than these say little.
const FEW: usize = 5;
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// One figure, with what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// DORA's name for it.
    pub name: &'static str,
    /// For programs; in `unit`. None when there is nothing to count.
    pub value: Option<f64>,
    /// `per week`, `s`, `%`.
    pub unit: &'static str,
    /// Of how many.
    pub samples: usize,
    /// What it should be, in words; empty when nobody said.
    pub target: String,
    /// Whether it is so; none when there is no target or no value.
    pub is_met: Option<bool>,
    /// How it is counted.
    pub counted: &'static str,
}

impl Figure {
    /// Whether it is made of so few that it says little.
    pub fn says_little(&self) -> bool {
        self.samples < FEW
    }
}

/// Everything that is known of an environment's delivery in a time.
#[derive(Debug)]
pub struct Metrics {
    /// Since when.
    pub since: SystemTime,
    /// The five, in DORA's order; the lead time twice.
    pub figures: Vec<Figure>,
    /// Deployments and failures in each week, the oldest first.
    pub weeks: Vec<(usize, usize)>,
    /// Attempts that failed before anybody saw them.
    pub caught: usize,
    /// What could not be counted, and why.
    pub unknown: Vec<String>,
}

impl Metrics {
    /// Of the ledger, for what was deployed since then; `repository` is the clone that has the commits.
    pub fn of(ledger: &Ledger, repository: &Utf8Path, since: SystemTime, now: SystemTime) -> Result<Metrics> {
        let all = Deployments::of(ledger, |range| lead_time::fixes(repository, range))?;
        let recent: Vec<&Deployment> = all.made.iter().filter(|it| it.at >= since).collect();
        let (changes, unknown) = lead_time::changes(repository, &all.made, since)?;
        let failed: Vec<&Failure> = recent.iter().filter_map(|it| it.failure.as_ref()).collect();
        let figures = vec![
            frequency(&recent, since, now),
            lead("lead time, author to live", &changes, |change| change.since_written, AUTHOR),
            lead("lead time, main to live", &changes, |change| change.since_merged, MERGED),
            failures(&recent, failed.len()),
            recovery(&failed),
            rework(&recent),
        ];
        let caught = all.caught.iter().filter(|at| **at >= since).count();
        Ok(Metrics { since, figures, weeks: weeks(&recent, since, now), caught, unknown })
    }
}

const AUTHOR: &str = "the median over all commits: from when each was written until it first had the traffic; merges are no changes";
const MERGED: &str =
    "the same, from when main had it: with squashed branches the one above knows the squash only";

fn frequency(recent: &[&Deployment], since: SystemTime, now: SystemTime) -> Figure {
    let weeks = now.duration_since(since).unwrap_or_default().as_secs_f64() / WEEK.as_secs_f64();
    let value = (weeks > 0.0).then(|| recent.len() as f64 / weeks);
    let least = targets::DEPLOYMENTS_IN_TWO_WEEKS / 2.0;
    Figure {
        name: "deployment frequency",
        value,
        unit: "per week",
        samples: recent.len(),
        target: format!("at least {least} per week"),
        is_met: value.map(|value| value >= least),
        counted: "releases that had the traffic, also those that were taken back; a rollback is none",
    }
}

fn lead(
    name: &'static str,
    changes: &[Change],
    of: impl Fn(&Change) -> Option<Duration>,
    counted: &'static str,
) -> Figure {
    let times: Vec<Duration> = changes.iter().filter_map(of).collect();
    let value = median(&times);
    Figure {
        name,
        value: value.map(|value| value.as_secs_f64()),
        unit: "s",
        samples: times.len(),
        target: format!("at most {}", humantime::format_duration(targets::LEAD_TIME)),
        is_met: value.map(|value| value <= targets::LEAD_TIME),
        counted,
    }
}

fn failures(recent: &[&Deployment], failed: usize) -> Figure {
    let value = (!recent.is_empty()).then(|| failed as f64 * 100.0 / recent.len() as f64);
    Figure {
        name: "change fail rate",
        value,
        unit: "%",
        samples: recent.len(),
        target: format!("at most {} %", targets::FAILED_PERCENT),
        is_met: value.map(|value| value <= targets::FAILED_PERCENT),
        counted: "of those, the ones undone by watch or guard, rolled back from, with an incident, or named by `Fixes-release:` in a later commit; what nobody recorded is missing, so this is the least that it can be",
    }
}

fn recovery(failed: &[&Failure]) -> Figure {
    let times: Vec<Duration> = failed.iter().filter_map(|failure| failure.recovered_after).collect();
    let value = median(&times);
    Figure {
        name: "failed deployment recovery time",
        value: value.map(|value| value.as_secs_f64()),
        unit: "s",
        samples: times.len(),
        target: format!("at most {}", humantime::format_duration(targets::RECOVERY)),
        is_met: value.map(|value| value <= targets::RECOVERY),
        counted: "the median: from the switch to the bad release until a good one had the traffic",
    }
}

fn rework(recent: &[&Deployment]) -> Figure {
    let reworked = recent.iter().filter(|it| it.is_rework).count();
    Figure {
        name: "rework rate",
        value: (!recent.is_empty()).then(|| reworked as f64 * 100.0 / recent.len() as f64),
        unit: "%",
        samples: recent.len(),
        target: String::new(),
        is_met: None,
        counted: "deployments that followed a failed one, or whose commits say `Fixes-release:`",
    }
}

/// Deployments and failures by week, the last one ending now.
fn weeks(recent: &[&Deployment], since: SystemTime, now: SystemTime) -> Vec<(usize, usize)> {
    let age = |at: SystemTime| now.duration_since(at).unwrap_or_default();
    let count = usize::try_from(age(since).as_secs().div_ceil(WEEK.as_secs())).unwrap_or(0).clamp(1, 520);
    let mut weeks = vec![(0, 0); count];
    for deployment in recent {
        let back = usize::try_from(age(deployment.at).as_secs() / WEEK.as_secs()).unwrap_or(0);
        if let Some(week) = count.checked_sub(back + 1).and_then(|at| weeks.get_mut(at)) {
            week.0 += 1;
            week.1 += usize::from(deployment.failure.is_some());
        }
    }
    weeks
}

fn median(times: &[Duration]) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some((upper + lower) / 2)
}
