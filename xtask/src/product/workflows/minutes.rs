//! What the workflows cost, by kind of change, against what GitHub gives for nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::jobs::{JOBS, Job};
use crate::terminal::{self, paint};

/// What a private repository has for nothing in a month.
pub const FREE: u64 = 2000;
/// A job that finds that all its tasks have passed already: the machine, the tree, caches, xtask out of them.
const START: u64 = 2;
/// The images get their names: xtask from the cache, pull, push.
const PUBLISH: u64 = 1;
/// One deploy to staging: xtask as the job before has compiled it, switch, bake.
const DEPLOY: u64 = 2;
/// Everything on one machine, without caches; what each push is checked by, the same way, with what has moved; and what can move,
/// the pull request, and whether the settings on GitHub are those of the tables, each with xtask compiled anew.
const WEEKLY: u64 = 75 + 45 + 6 + 4 + 4;
/// Runs of the weekly workflow in the longest month.
const WEEKS: u64 = 5;

/// What people change, each by a path that stands for its kind.
pub const KINDS: &[(&str, &str)] = &[
    ("a word in a document", "docs/README.md"),
    ("a line of the frontend", "tracehub/frontend/src/App.tsx"),
    ("a line of the backend", "tracehub/backend/src/serve.rs"),
    ("a migration", "tracehub/backend/migrations/20260101000000_organisations_and_users.up.sql"),
    ("a line of xtask", "xtask/src/main.rs"),
];

/// A kind of change, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    kind: &'static str,
    /// Minutes of each job, in the order of the table.
    jobs: Vec<u64>,
}

impl Cost {
    /// Of a change that affects these tasks. `seconds` says how long each took the last time, where that was measured.
    pub fn of(
        kind: &'static str,
        affected: &BTreeSet<&'static str>,
        seconds: &dyn Fn(&str) -> Option<f64>,
    ) -> Cost {
        Cost { kind, jobs: JOBS.iter().map(|job| minutes(job, affected, seconds)).collect() }
    }

    /// Of a pull request.
    fn request(&self) -> u64 {
        self.jobs.iter().sum()
    }

    /// Of a push to main.
    fn main(&self) -> u64 {
        self.request() + PUBLISH + DEPLOY
    }

    /// So many such changes a month are free, each with one push to its pull request and one to main.
    fn a_month(&self) -> u64 {
        (FREE - WEEKLY * WEEKS) / (self.request() + self.main())
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let jobs: Vec<Value> = JOBS
            .iter()
            .zip(&self.jobs)
            .map(|(job, minutes)| json!({ "job": job.name, "minutes": minutes }))
            .collect();
        json!({ "change": self.kind, "pull_request": self.request(), "main": self.main(), "free_a_month": self.a_month(), "jobs": jobs })
    }
}

/// What its tasks take that run, as a part of what all of them take; where that was not measured here, all of it.
fn minutes(job: &Job, affected: &BTreeSet<&'static str>, seconds: &dyn Fn(&str) -> Option<f64>) -> u64 {
    let runs: Vec<&str> = job.tasks.iter().copied().filter(|task| affected.contains(task)).collect();
    let sum = |tasks: &[&str]| tasks.iter().map(|task| seconds(task)).sum::<Option<f64>>();
    let part = match (sum(&runs), sum(job.tasks)) {
        _ if runs.is_empty() => 0.0,
        (Some(some), Some(all)) if all > 0.0 => some / all,
        _ => 1.0,
    };
    START.max((START as f64 + job.minutes.saturating_sub(START) as f64 * part).ceil() as u64)
}

/// Prints a row a job, and the sums.
pub fn say(costs: &[Cost]) {
    let headings: Vec<&str> = ["minutes of"].into_iter().chain(costs.iter().map(|cost| cost.kind)).collect();
    let row = |name: &str, of: &dyn Fn(&Cost) -> u64| -> Vec<String> {
        [name.to_owned()].into_iter().chain(costs.iter().map(|cost| of(cost).to_string())).collect()
    };
    let mut rows: Vec<_> =
        JOBS.iter().enumerate().map(|(at, job)| row(job.name, &move |cost| cost.jobs[at])).collect();
    rows.push(row("a push to a pull request", &Cost::request));
    rows.push(row("a push to main, published and deployed", &Cost::main));
    rows.push(row("free such changes a month", &Cost::a_month));
    terminal::table(&headings, &rows);
    let weekly = WEEKLY * WEEKS;
    terminal::say(format_args!(
        "\nA change is pushed twice, to its pull request and to main; {weekly} of {FREE} minutes are the weekly runs'."
    ));
    terminal::say(paint::dim(
        "Whole minutes, as GitHub bills each job, with warm caches. What part of a job runs is measured by the last runs of its \
         tasks on this machine, where they have run; what all of it takes is an estimate.",
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(affected: &[&'static str], seconds: &dyn Fn(&str) -> Option<f64>) -> Cost {
        Cost::of("some", &affected.iter().copied().collect(), seconds)
    }

    #[test]
    fn what_a_change_does_not_affect_costs_a_start_and_what_it_does_its_part() {
        let nothing = cost(&[], &|_| None);
        assert_eq!(nothing.request(), START * JOBS.len() as u64);
        let suites = JOBS.iter().position(|job| job.id == "suites").unwrap();
        // Of three tasks, each as long as the others.
        let part = cost(&["lab-suite"], &|_| Some(60.0)).jobs[suites];
        let all = JOBS[suites].minutes;
        assert_eq!(part, (START as f64 + (all - START) as f64 / 3.0).ceil() as u64);
        assert_eq!(cost(&["lab-suite"], &|_| None).jobs[suites], all, "unmeasured, it is taken for all");
    }

    #[test]
    fn a_change_of_everything_on_three_of_four_working_days_and_the_weekly_runs_are_free() {
        let all: Vec<&'static str> = JOBS.iter().flat_map(|job| job.tasks).copied().collect();
        let everything = cost(&all, &|_| None);
        assert!(everything.a_month() >= 16, "{everything:?}");
    }
}
