//! What a run prints: for people little about tasks that pass; for programs one JSON object a line; for GitHub's pages folded
//! groups, annotations and a summary.

mod events;
mod github;

use std::sync::Mutex;
use std::time::Duration;

use self::events::{Event, print};
use super::decide::Verdict;
use super::graph::Graph;
use super::outcome::{FinishedTask, Outcome, Tally, critical_path};
use super::task::Task;
use crate::terminal::{self, Activity, Overall, paint};

/// How many lines of a failed task's output are shown.
const SHOWN_LINES: usize = 40;

/// Who reads the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A person, who wants to know what failed.
    Brief,
    /// A person who wants to see everything.
    Full,
    /// A person who wants to see failures and nothing else.
    Quiet,
    /// A program.
    Json,
    /// The page of a workflow run on GitHub.
    GitHub,
}

/// Prints what happens, in one format.
#[derive(Debug)]
pub struct Report {
    format: Format,
    /// The command that, with a task's name behind it, runs that task again: `cargo xtask ci`.
    rerun_command: &'static str,
    /// Held while the output of one task is printed.
    printing: Mutex<()>,
}

impl Report {
    /// `rerun_command` is printed with a task's name behind it when that task fails.
    pub fn new(format: Format, rerun_command: &'static str) -> Report {
        Report { format, rerun_command, printing: Mutex::default() }
    }

    /// Prints what would run and why, in order. `why` gives the reason why a task was selected, where there is one.
    pub fn plan(&self, graph: &Graph, planned: &[(usize, Verdict)], why: &dyn Fn(usize) -> Option<String>) {
        if self.format == Format::Json {
            planned.iter().for_each(|(at, verdict)| print(&Event::planned(&graph.tasks()[*at], verdict)));
            return;
        }
        let row = |(at, verdict): &(usize, Verdict)| {
            let task = &graph.tasks()[*at];
            let (what, mut reasons) = match verdict {
                Verdict::Cached { pass, .. } => {
                    (paint::dim("cached"), vec![format!("{:.1} s then", pass.seconds)])
                }
                Verdict::Runs(reasons) => (paint::strong("runs"), reasons.clone()),
            };
            reasons.extend(why(*at));
            vec![task.name.to_owned(), task.needs.join(", "), what, shortened(&reasons)]
        };
        let rows: Vec<Vec<String>> = planned.iter().map(row).collect();
        terminal::table(&["task", "needs", "what", "why"], &rows);
        let runs = planned.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Runs(_))).count();
        terminal::say(format_args!("{runs} of {} would run", planned.len()));
    }

    /// Prints the tasks, with the groups that each is in.
    pub fn list(&self, graph: &Graph, tasks: &[usize]) {
        let tasks = tasks.iter().map(|&at| &graph.tasks()[at]);
        if self.format == Format::Json {
            tasks.for_each(|task| print(&Event::listed(task)));
            return;
        }
        let row = |task: &Task| vec![task.name.to_owned(), task.groups.join(", "), task.summary.to_owned()];
        terminal::table(&["task", "groups", "what it checks"], &tasks.map(row).collect::<Vec<_>>());
    }

    /// A task starts. People see that from its [`Report::activity`].
    pub fn started(&self, task: &Task) {
        if self.format == Format::Json {
            print(&Event::Started { task: task.name });
        }
    }

    /// The line that shows a running task; none with `--quiet`.
    pub fn activity(&self, task: &Task) -> Option<Activity> {
        (self.format != Format::Quiet).then(|| Activity::start(task.name))
    }

    /// The progress bar of the whole run.
    pub fn overall(&self, tasks: usize) -> Overall {
        if matches!(self.format, Format::Quiet | Format::Json) {
            Overall::hidden()
        } else {
            Overall::of(tasks)
        }
    }

    /// A task is over. Lines of different tasks never mix.
    pub fn finished(&self, finished: &FinishedTask) {
        let _one = self.printing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match (self.format, &finished.outcome) {
            (Format::Json, _) => print(&Event::finished(finished)),
            // Failures are printed at the end, below the folded groups.
            (Format::GitHub, outcome) => {
                if outcome.is_pass() {
                    github::group(finished);
                }
                return;
            }
            _ => {}
        }
        match (self.format, &finished.outcome) {
            (Format::Full, _) => self.output(finished, usize::MAX),
            (_, Outcome::Failed) => self.output(finished, SHOWN_LINES),
            _ => {}
        }
    }

    /// The last lines of the task's output and, when it failed, how to run it again.
    fn output(&self, finished: &FinishedTask, shown: usize) {
        let Some(log) = &finished.log else { return };
        if self.format == Format::Quiet {
            terminal::note(format_args!("{} {}", paint::bad("✗"), finished.name));
        }
        for line in finished.last_lines(shown) {
            terminal::note(format_args!("    {line}"));
        }
        if finished.outcome == Outcome::Failed {
            terminal::note(format_args!(
                "    {} {} {}",
                paint::dim("again:"),
                self.rerun_command,
                finished.name
            ));
            terminal::note(format_args!("    {} {log}", paint::dim("all of its output:")));
        }
    }

    /// The end of the run: a table of all tasks, why some were skipped, how long it took, and the last line, which counts.
    pub fn summary(&self, graph: &Graph, finished: &[FinishedTask], tally: Tally, took: Duration) {
        let path = critical_path(graph, finished);
        if self.format == Format::Json {
            print(&Event::summary(tally, took, &path));
            return terminal::note(tally);
        }
        if self.format != Format::Quiet {
            table(finished);
        }
        for task in finished {
            if let Outcome::Skipped(reason) = &task.outcome {
                terminal::say(format_args!("{}: skipped, {reason}", task.name));
            }
        }
        if self.format == Format::GitHub {
            github::end(finished, tally, took, self.rerun_command);
        }
        if self.format != Format::Quiet {
            print_duration(finished, &path, tally, took);
        }
        terminal::say(tally);
    }
}

fn table(finished: &[FinishedTask]) {
    let row = |task: &FinishedTask| {
        let took = match (&task.outcome, task.started) {
            (Outcome::Cached, _) => paint::dim(format_args!("{} then", terminal::seconds(task.took))),
            (_, Some(_)) => terminal::seconds(task.took),
            _ => String::new(),
        };
        vec![task.name.to_owned(), painted(&task.outcome), took, task.figures.join(", ")]
    };
    terminal::table(&["task", "outcome", "time", ""], &finished.iter().map(row).collect::<Vec<_>>());
}

/// How long the run took, how many tasks were cached, how long it would have taken one task after another, and the critical
/// path.
fn print_duration(finished: &[FinishedTask], path: &[&FinishedTask], tally: Tally, took: Duration) {
    let ran = finished.iter().filter(|task| task.started.is_some());
    let one_after_another: Duration = ran.map(|task| task.took).sum();
    let chain: Vec<String> =
        path.iter().map(|task| format!("{} {}", task.name, terminal::seconds(task.took))).collect();
    let chain =
        if chain.is_empty() { String::new() } else { format!("; critical path: {}", chain.join(" → ")) };
    let took = if took < Duration::from_secs(1) {
        format!("{} ms", took.as_millis())
    } else {
        terminal::seconds(took)
    };
    let sequential = if path.len() < 2 {
        String::new()
    } else {
        format!("; one after another: {}", terminal::seconds(one_after_another))
    };
    terminal::say(paint::dim(format_args!("{took}, {} cached{sequential}{chain}", tally.cached)));
}

fn shortened(reasons: &[String]) -> String {
    const SHOWN: usize = 2;
    let more = reasons.len().saturating_sub(SHOWN);
    let shown = reasons[..reasons.len() - more].join("; ");
    if more == 0 { shown } else { format!("{shown}; and {more} more") }
}

fn painted(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => paint::good(outcome.name()),
        Outcome::Cached => paint::dim(outcome.name()),
        Outcome::Failed => paint::bad(outcome.name()),
        Outcome::Skipped(_) => paint::warn(outcome.name()),
    }
}
