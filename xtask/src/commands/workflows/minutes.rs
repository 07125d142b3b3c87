//! What the workflows cost: estimates, against what GitHub gives for nothing.

use super::jobs::JOBS;
use crate::terminal::{self, paint};

/// What a private repository has for nothing in a month.
const FREE: u64 = 2000;
/// One deploy to staging: compile xtask, switch, bake.
const DEPLOY: u64 = 3;
/// Everything on one machine, without caches.
const WEEKLY: u64 = 75;
/// Runs of the weekly workflow in the longest month.
const WEEKS: u64 = 5;

/// Prints a row a job, and the sums.
pub fn say() {
    let mut rows: Vec<Vec<String>> =
        JOBS.iter().map(|job| vec![job.name.to_owned(), job.minutes.to_string()]).collect();
    rows.push(vec!["deploy to staging (main only)".to_owned(), DEPLOY.to_string()]);
    terminal::table(&["job", "minutes, with warm caches"], &rows);
    let (branch, main) = (per_push(), per_push() + DEPLOY);
    let weekly = WEEKLY * WEEKS;
    terminal::say("");
    terminal::say(format_args!(
        "A push takes {branch} minutes, one to main {}; the weekly run {weekly} a month.",
        paint::strong(main)
    ));
    terminal::say(format_args!(
        "Of {FREE} free minutes a month, {} are left for pushes: {} to main, or {} to other branches.",
        FREE - weekly,
        (FREE - weekly) / main,
        (FREE - weekly) / branch
    ));
    terminal::say(paint::dim(
        "Estimates: each job is billed in whole minutes, and the first run of all compiles everything.",
    ));
}

fn per_push() -> u64 {
    JOBS.iter().map(|job| job.minutes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_day_s_push_to_main_and_the_weekly_run_are_free() {
        let month = 23 * (per_push() + DEPLOY) + WEEKS * WEEKLY;
        assert!(month <= FREE, "{month} minutes a month");
    }
}
