//! How tasks end, and how many of a run ended how.

use std::time::Duration;

use anyhow::Result;
use camino::Utf8PathBuf;

use super::graph::Graph;
use super::store::Pass;
use super::task::Unavailable;
use crate::tools::diagnostics::diagnostic::Diagnostic;
use crate::tools::process::is_interrupt;

/// The reason of a task that was skipped because somebody stopped the run.
pub const INTERRUPTED: &str = "interrupted";

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ran, and passed.
    Passed,
    /// It did not run, because it passed before with the same fingerprint.
    Cached,
    /// It ran and failed, or it could not run and had to.
    Failed,
    /// It did not run, or not to its end, for this reason.
    Skipped(String),
}

impl Outcome {
    /// Whether it passed, now or before.
    pub fn is_pass(&self) -> bool {
        matches!(self, Outcome::Passed | Outcome::Cached)
    }

    /// One word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Cached => "cached",
            Outcome::Failed => "failed",
            Outcome::Skipped(_) => "skipped",
        }
    }

    /// From what a task's function gave. With `must_run`, a task that can't run here is a failure.
    pub fn of(result: Result<()>, must_run: bool) -> Outcome {
        let Err(error) = result else { return Outcome::Passed };
        if is_interrupt(&error) {
            return Outcome::Skipped(INTERRUPTED.to_owned());
        }
        match error.downcast_ref::<Unavailable>() {
            Some(Unavailable(reason)) if !must_run => Outcome::Skipped(reason.clone()),
            _ => Outcome::Failed,
        }
    }
}

/// A task that is over.
#[derive(Debug)]
pub struct FinishedTask {
    /// Where it is in the graph.
    pub at: usize,
    /// Its name.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it ran, or had run when it passed before.
    pub took: Duration,
    /// How long after the run's beginning it started; none when it did not start.
    pub started: Option<Duration>,
    /// The file with its output; none when it did not start.
    pub log: Option<Utf8PathBuf>,
    /// What it measured, now or when it passed before.
    pub figures: Vec<String>,
    /// What its tools found wrong.
    pub diagnostics: Vec<Diagnostic>,
}

impl FinishedTask {
    /// A task that has not run.
    pub fn without_run(at: usize, name: &'static str, outcome: Outcome) -> FinishedTask {
        let (figures, diagnostics) = (Vec::new(), Vec::new());
        FinishedTask {
            at,
            name,
            outcome,
            took: Duration::ZERO,
            started: None,
            log: None,
            figures,
            diagnostics,
        }
    }

    /// A task that passed before.
    pub fn cached(at: usize, name: &'static str, pass: &Pass) -> FinishedTask {
        let took = Duration::try_from_secs_f64(pass.seconds).unwrap_or_default();
        FinishedTask {
            took,
            figures: pass.figures.clone(),
            ..FinishedTask::without_run(at, name, Outcome::Cached)
        }
    }

    /// The lines at the end of its log, at most so many; none when it did not start.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        let output = self.log.as_ref().and_then(|log| std::fs::read(log).ok()).unwrap_or_default();
        let lines: Vec<String> = String::from_utf8_lossy(&output).lines().map(str::to_owned).collect();
        lines[lines.len().saturating_sub(count)..].to_vec()
    }

    fn end(&self) -> Duration {
        self.started.unwrap_or_default() + self.took
    }
}

/// How many tasks of a run ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How many tasks passed, now or before.
    pub passed: usize,
    /// How many of them were cached.
    pub cached: usize,
    /// How many failed.
    pub failed: usize,
    /// How many did not run.
    pub skipped: usize,
}

impl Tally {
    /// Counts.
    pub fn of(finished: &[FinishedTask]) -> Tally {
        let mut tally = Tally::default();
        for task in finished {
            match task.outcome {
                Outcome::Passed => tally.passed += 1,
                Outcome::Cached => {
                    tally.passed += 1;
                    tally.cached += 1;
                }
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

/// The chain of tasks that decided how long the run took, first to last: each waited for the one before it, because it needs
/// it or because both use one lane.
pub fn critical_path<'a>(graph: &Graph, finished: &'a [FinishedTask]) -> Vec<&'a FinishedTask> {
    /// The longest time between the end of a task and the start of one that waited for it.
    const GAP: Duration = Duration::from_secs(1);
    let ran: Vec<&FinishedTask> = finished.iter().filter(|task| task.started.is_some()).collect();
    let mut path = Vec::new();
    let mut here = ran.iter().copied().max_by_key(|task| task.end());
    while let Some(task) = here {
        path.push(task);
        let started = task.started.unwrap_or_default();
        let lanes = &graph.tasks()[task.at].lanes;
        let shares_lane =
            |other: &FinishedTask| graph.tasks()[other.at].lanes.iter().any(|lane| lanes.contains(lane));
        let blocks = |other: &&&FinishedTask| graph.needs(task.at).contains(&other.at) || shares_lane(other);
        let before = ran.iter().filter(|other| other.end() <= started && other.end() + GAP >= started);
        here = before.filter(blocks).copied().max_by_key(|other| other.end());
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::task::{Lane, task};
    use crate::tools::process::CommandError;

    fn finished(at: usize, name: &'static str, outcome: Outcome) -> FinishedTask {
        FinishedTask::without_run(at, name, outcome)
    }

    fn skipped(reason: &str) -> Outcome {
        Outcome::Skipped(reason.to_owned())
    }

    #[test]
    fn what_can_not_run_is_skipped_at_home_and_a_failure_in_ci() {
        let lacks = || Err(Unavailable("no Node.js".to_owned()).into());
        assert_eq!(Outcome::of(lacks(), false), skipped("no Node.js"));
        assert_eq!(Outcome::of(lacks(), true), Outcome::Failed);
    }

    #[test]
    fn a_failure_is_a_failure_everywhere_and_an_interrupt_is_not() {
        assert_eq!(Outcome::of(Err(anyhow::anyhow!("3 tests failed")), false), Outcome::Failed);
        assert_eq!(Outcome::of(Ok(()), true), Outcome::Passed);
        let interrupted = anyhow::Error::from(CommandError::Interrupted).context("testing");
        assert_eq!(Outcome::of(Err(interrupted), true), skipped("interrupted"));
    }

    #[test]
    fn the_last_line_counts_every_task_once() {
        let all = [
            finished(0, "a", Outcome::Passed),
            finished(1, "b", Outcome::Failed),
            finished(2, "c", skipped("because b failed")),
            finished(3, "d", skipped("because c was skipped")),
            finished(4, "e", Outcome::Cached),
        ];
        assert_eq!(Tally::of(&all).to_string(), "2 passed, 1 failed, 2 skipped");
        assert_eq!(Tally::of(&all).cached, 1);
        assert_eq!(Tally::of(&[]).to_string(), "0 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn the_critical_path_goes_through_needs_and_through_lanes() {
        let lane = Lane { name: "cargo", capacity: 1 };
        let table = vec![
            task("install", "").run(|_| Ok(())),
            task("clippy", "").lane(lane).run(|_| Ok(())),
            task("test", "").lane(lane).run(|_| Ok(())),
            task("build", "").needs(["install"]).run(|_| Ok(())),
            task("ship", "").needs(["build", "test"]).run(|_| Ok(())),
        ];
        let graph = Graph::new(table).expect("a graph");
        let ran = |name: &str, started: u64, took: u64| {
            let at = graph.tasks().iter().position(|task| task.name == name).expect("a task");
            let (started, took) = (Some(Duration::from_secs(started)), Duration::from_secs(took));
            FinishedTask { started, took, ..finished(at, graph.tasks()[at].name, Outcome::Passed) }
        };
        let all = [
            ran("install", 0, 5),
            ran("clippy", 0, 20),
            ran("test", 20, 30),
            ran("build", 5, 10),
            ran("ship", 50, 7),
        ];
        let path: Vec<&str> = critical_path(&graph, &all).iter().map(|task| task.name).collect();
        assert_eq!(path, ["clippy", "test", "ship"]);
        assert!(critical_path(&graph, &[]).is_empty());
    }
}
