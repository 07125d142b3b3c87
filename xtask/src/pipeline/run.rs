//! Runs tasks one after another, and says of each how it ended and why.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::report::Report;
use super::task::{Context, Task, Unavailable};
use crate::setup;
use crate::tools::interrupt;
use crate::tools::process::is_interrupt;

/// How a run behaves.
#[derive(Debug)]
pub struct Options {
    /// Where commands run.
    pub folder: Utf8PathBuf,
    /// Where each task's output is kept.
    pub logs: Utf8PathBuf,
    /// Goes on after a failure with whatever does not need what failed.
    pub keep_going: bool,
    /// A task that can't run here is a failure.
    pub strict: bool,
    /// What a task lacks is installed without asking.
    pub yes: bool,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ran and found nothing wrong.
    Passed,
    /// It ran and found something wrong, or it should have been able to run.
    Failed,
    /// It did not run, or not to its end, for this reason.
    Skipped(String),
}

/// A task that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its name.
    pub name: &'static str,
    /// How.
    pub outcome: Outcome,
    /// How long it ran.
    pub took: Duration,
    /// Its output, when it started.
    pub log: Option<Utf8PathBuf>,
}

/// What a whole run comes down to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How many tasks passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many did not run.
    pub skipped: usize,
}

/// Runs the tasks in the order given, which is one that [`super::Graph`] made.
pub fn run(tasks: &[&Task], options: &Options, report: &Report) -> Result<Tally> {
    fs::create_dir_all(&options.logs).with_context(|| format!("creating {}", options.logs))?;
    let mut ended: Vec<Ended> = Vec::new();
    for task in tasks {
        ended.push(match reason_to_skip(task, &ended, options.keep_going) {
            Some(reason) => skip(task, reason, report),
            None => start(task, options, report)?,
        });
    }
    let tally = Tally::of(&ended);
    report.summary(&ended, tally);
    Ok(tally)
}

fn reason_to_skip(task: &Task, ended: &[Ended], keep_going: bool) -> Option<String> {
    if interrupt::is_set() {
        return Some("interrupted".to_owned());
    }
    let needed = ended.iter().filter(|other| task.needs.contains(&other.name));
    let missing = needed.into_iter().find_map(|other| match &other.outcome {
        Outcome::Passed => None,
        Outcome::Failed => Some(format!("because {} failed", other.name)),
        Outcome::Skipped(_) => Some(format!("because {} was skipped", other.name)),
    });
    let stopped = || {
        let failed = ended.iter().find(|other| other.outcome == Outcome::Failed && !keep_going)?;
        Some(format!("because {} failed", failed.name))
    };
    missing.or_else(stopped)
}

fn skip(task: &Task, reason: String, report: &Report) -> Ended {
    let ended = Ended { name: task.name, outcome: Outcome::Skipped(reason), took: Duration::ZERO, log: None };
    report.finished(&ended);
    ended
}

fn start(task: &Task, options: &Options, report: &Report) -> Result<Ended> {
    let log = options.logs.join(format!("{}.log", task.name));
    report.started(task);
    let began = Instant::now();
    let ready = setup::ensure(task.tools, options.yes);
    let context = Context::new(task, &options.folder, &log)?;
    let result = match ready {
        Ok(()) => (task.work)(&context),
        Err(error) if is_interrupt(&error) => Err(error),
        Err(error) => Err(Unavailable(format!("{error:#}")).into()),
    };
    if let Err(error) = &result {
        format!("{error:#}").lines().for_each(|line| context.line(line));
    }
    let outcome = judge(result, options.strict);
    let activity = context.end();
    match &outcome {
        Outcome::Passed => activity.done(""),
        Outcome::Failed => activity.failed(),
        Outcome::Skipped(reason) => activity.done(format_args!("skipped: {reason}")),
    }
    let ended = Ended { name: task.name, outcome, took: began.elapsed(), log: Some(log) };
    report.finished(&ended);
    Ok(ended)
}

/// What a task's own result means for the run.
fn judge(result: Result<()>, strict: bool) -> Outcome {
    let Err(error) = result else { return Outcome::Passed };
    if is_interrupt(&error) {
        return Outcome::Skipped("interrupted".to_owned());
    }
    match error.downcast_ref::<Unavailable>() {
        Some(Unavailable(reason)) if !strict => Outcome::Skipped(reason.clone()),
        _ => Outcome::Failed,
    }
}

/// The lines at the end of a log.
pub fn last_lines(log: &Utf8Path, count: usize) -> Vec<String> {
    let output = fs::read(log).unwrap_or_default();
    let lines: Vec<String> = String::from_utf8_lossy(&output).lines().map(str::to_owned).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

impl Tally {
    /// Counts.
    pub fn of(ended: &[Ended]) -> Tally {
        let mut tally = Tally::default();
        for task in ended {
            match task.outcome {
                Outcome::Passed => tally.passed += 1,
                Outcome::Failed => tally.failed += 1,
                Outcome::Skipped(_) => tally.skipped += 1,
            }
        }
        tally
    }
}

/// The last line of every run.
impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::super::task::task;
    use super::*;
    use crate::tools::process::CommandError;

    fn ended(name: &'static str, outcome: Outcome) -> Ended {
        Ended { name, outcome, took: Duration::ZERO, log: None }
    }

    fn skipped(reason: &str) -> Outcome {
        Outcome::Skipped(reason.to_owned())
    }

    #[test]
    fn after_a_failure_nothing_starts() {
        let ended = [ended("a", Outcome::Passed), ended("b", Outcome::Failed)];
        let task = task("c", "").needs(["a"]).run(|_| Ok(()));
        assert_eq!(reason_to_skip(&task, &ended, false).as_deref(), Some("because b failed"));
        assert_eq!(reason_to_skip(&task, &ended[..1], false), None);
    }

    #[test]
    fn with_keep_going_only_what_needs_the_failed_one_is_skipped() {
        let ended = [ended("a", Outcome::Failed), ended("b", skipped("because a failed"))];
        let reason = |needs| reason_to_skip(&task("c", "").needs([needs]).run(|_| Ok(())), &ended, true);
        assert_eq!(reason("other"), None);
        assert_eq!(reason("a").as_deref(), Some("because a failed"));
        assert_eq!(reason("b").as_deref(), Some("because b was skipped"));
    }

    #[test]
    fn what_can_not_run_is_skipped_at_home_and_a_failure_in_ci() {
        let lacks = || Err(Unavailable("no Node.js".to_owned()).into());
        assert_eq!(judge(lacks(), false), skipped("no Node.js"));
        assert_eq!(judge(lacks(), true), Outcome::Failed);
    }

    #[test]
    fn a_failure_is_a_failure_everywhere_and_an_interrupt_is_not() {
        assert_eq!(judge(Err(anyhow::anyhow!("3 tests failed")), false), Outcome::Failed);
        assert_eq!(judge(Ok(()), true), Outcome::Passed);
        let interrupted = anyhow::Error::from(CommandError::Interrupted).context("testing");
        assert_eq!(judge(Err(interrupted), true), skipped("interrupted"));
    }

    #[test]
    fn the_last_line_counts_every_task_once() {
        let all = [
            ended("a", Outcome::Passed),
            ended("b", Outcome::Failed),
            ended("c", skipped("because b failed")),
            ended("d", skipped("because c was skipped")),
        ];
        assert_eq!(Tally::of(&all).to_string(), "1 passed, 1 failed, 2 skipped");
        assert_eq!(Tally::of(&[]).to_string(), "0 passed, 0 failed, 0 skipped");
    }
}
