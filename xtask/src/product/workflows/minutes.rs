//! What the workflows cost: estimates, against what GitHub gives for nothing.

use super::jobs::JOBS;
use crate::terminal::{self, paint};

/// What a private repository has for nothing in a month.
const FREE: u64 = 2000;
/// The images get their names: xtask from the cache, pull, push.
const PUBLISH: u64 = 1;
/// One deploy to staging: xtask as the job before has compiled it, switch, bake.
const DEPLOY: u64 = 2;
/// Everything on one machine, without caches.
const WEEKLY: u64 = 75;
/// Beside it, whether the settings on GitHub are those of the tables: xtask from the cache, twenty requests.
const SETTINGS: u64 = 1;
/// Changes in a busy month: one a working day.
const CHANGES: u64 = 20;
/// Runs of the weekly workflow in the longest month.
const WEEKS: u64 = 5;

/// Prints a row a job, and the sums.
pub fn say() {
    let mut rows: Vec<Vec<String>> =
        JOBS.iter().map(|job| vec![job.name.to_owned(), job.minutes.to_string()]).collect();
    rows.push(vec!["publish the images (pushes only)".to_owned(), PUBLISH.to_string()]);
    rows.push(vec!["deploy to staging (main only)".to_owned(), DEPLOY.to_string()]);
    terminal::table(&["job", "minutes, with warm caches"], &rows);
    let (branch, main) = (per_push() + PUBLISH, per_push() + PUBLISH + DEPLOY);
    let weekly = (WEEKLY + SETTINGS) * WEEKS;
    terminal::say("");
    terminal::say(format_args!(
        "A push takes {branch} minutes, one to main {}; the weekly run {weekly} a month.",
        paint::strong(main)
    ));
    terminal::say(format_args!(
        "A change takes both, once as a pull request and once on main: {CHANGES} of them and the weekly runs come to {} of \
         {FREE} free minutes a month.",
        a_month(CHANGES)
    ));
    terminal::say(paint::dim(
        "Estimates: each job is billed in whole minutes, and the first run of all compiles everything.",
    ));
}

fn a_month(changes: u64) -> u64 {
    changes * (per_push() + per_push() + PUBLISH + DEPLOY) + WEEKS * (WEEKLY + SETTINGS)
}

fn per_push() -> u64 {
    JOBS.iter().map(|job| job.minutes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_on_each_working_day_with_its_pull_request_and_the_weekly_runs_are_free() {
        assert!(a_month(CHANGES) <= FREE, "{} minutes a month", a_month(CHANGES));
    }
}
