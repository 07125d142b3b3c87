//! What a run says: for people, quiet about what passes; for programs, one JSON object a line; for GitHub's pages, what
//! they fold away and what they show.

mod events;
mod github;

use std::sync::Mutex;
use std::time::Duration;

use camino::Utf8Path;

use self::events::{Event, print};
use super::decide::Verdict;
use super::graph::Graph;
use super::outcome::{Ended, Outcome, Tally, critical_path};
use super::task::Task;
use crate::terminal::{self, Activity, Overall, paint};

/// How much of a failed task's output is shown.
const SHOWN_LINES: usize = 40;

/// Who reads.
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
    /// Whoever looks at a workflow's page.
    GitHub,
}

/// Tells a reader what happens.
#[derive(Debug)]
pub struct Report {
    format: Format,
    /// What stands before a task's name to run just that one: `cargo xtask ci`.
    repeat: &'static str,
    /// One task's words at a time.
    speaking: Mutex<()>,
}

impl Report {
    /// For such a reader.
    pub fn new(format: Format, repeat: &'static str) -> Report {
        Report { format, repeat, speaking: Mutex::default() }
    }

    /// What would run and why, in order. `why` is why a task is looked at at all, where that is not plain.
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

    /// The tasks, and the groups that each is in.
    pub fn list(&self, graph: &Graph, tasks: &[usize]) {
        let tasks = tasks.iter().map(|&at| &graph.tasks()[at]);
        if self.format == Format::Json {
            tasks.for_each(|task| print(&Event::listed(task)));
            return;
        }
        let row = |task: &Task| vec![task.name.to_owned(), task.groups.join(", "), task.summary.to_owned()];
        terminal::table(&["task", "groups", "what it checks"], &tasks.map(row).collect::<Vec<_>>());
    }

    /// A task starts; to people its live line says so.
    pub fn started(&self, task: &Task) {
        if self.format == Format::Json {
            print(&Event::Started { task: task.name });
        }
    }

    /// A task's live line, for who wants one.
    pub fn activity(&self, task: &Task) -> Option<Activity> {
        (self.format != Format::Quiet).then(|| Activity::start(task.name))
    }

    /// The bar over all tasks.
    pub fn overall(&self, tasks: usize) -> Overall {
        if matches!(self.format, Format::Quiet | Format::Json) {
            Overall::hidden()
        } else {
            Overall::of(tasks)
        }
    }

    /// A task has ended. Its words come in one piece.
    pub fn finished(&self, ended: &Ended) {
        let _one = self.speaking.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match (self.format, &ended.outcome) {
            (Format::Json, _) => print(&Event::finished(ended)),
            // Failures come last, below everything that is folded away.
            (Format::GitHub, outcome) => {
                if outcome.is_pass() {
                    github::group(ended);
                }
                return;
            }
            _ => {}
        }
        match (self.format, &ended.outcome) {
            (Format::Full, _) => self.output(ended, usize::MAX),
            (_, Outcome::Failed) => self.output(ended, SHOWN_LINES),
            _ => {}
        }
    }

    /// The end of the task's output and, when it failed, what to do next.
    fn output(&self, ended: &Ended, shown: usize) {
        let Some(log) = &ended.log else { return };
        if self.format == Format::Quiet {
            terminal::note(format_args!("{} {}", paint::bad("✗"), ended.name));
        }
        for line in last_lines(log, shown) {
            terminal::note(format_args!("    {line}"));
        }
        if ended.outcome == Outcome::Failed {
            terminal::note(format_args!("    {} {} {}", paint::dim("again:"), self.repeat, ended.name));
            terminal::note(format_args!("    {} {log}", paint::dim("all of its output:")));
        }
    }

    /// The whole run: a table, the reasons, what its length came of, and the line that can be quoted.
    pub fn summary(&self, graph: &Graph, ended: &[Ended], tally: Tally, took: Duration) {
        let path = critical_path(graph, ended);
        if self.format == Format::Json {
            print(&Event::summary(tally, took, &path));
            return terminal::note(tally);
        }
        if self.format != Format::Quiet {
            table(ended);
        }
        for task in ended {
            if let Outcome::Skipped(reason) = &task.outcome {
                terminal::say(format_args!("{}: skipped, {reason}", task.name));
            }
        }
        if self.format == Format::GitHub {
            github::end(ended, tally, took, self.repeat);
        }
        if self.format != Format::Quiet {
            length(ended, &path, tally, took);
        }
        terminal::say(tally);
    }
}

fn table(ended: &[Ended]) {
    let row = |task: &Ended| {
        let took = match (&task.outcome, task.started) {
            (Outcome::Cached, _) => paint::dim(format_args!("{} then", terminal::seconds(task.took))),
            (_, Some(_)) => terminal::seconds(task.took),
            _ => String::new(),
        };
        vec![task.name.to_owned(), painted(&task.outcome), took, task.figures.join(", ")]
    };
    terminal::table(&["task", "outcome", "time", ""], &ended.iter().map(row).collect::<Vec<_>>());
}

/// How long it took, how much of it was remembered, how long it would have taken without hurry, and the chain of tasks
/// that made it so long.
fn length(ended: &[Ended], path: &[&Ended], tally: Tally, took: Duration) {
    let ran = ended.iter().filter(|task| task.started.is_some());
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
    let instead = if path.len() < 2 {
        String::new()
    } else {
        format!("; one after another: {}", terminal::seconds(one_after_another))
    };
    terminal::say(paint::dim(format_args!("{took}, {} cached{instead}{chain}", tally.cached)));
}

fn shortened(reasons: &[String]) -> String {
    const SHOWN: usize = 2;
    let more = reasons.len().saturating_sub(SHOWN);
    let shown = reasons[..reasons.len() - more].join("; ");
    if more == 0 { shown } else { format!("{shown}; and {more} more") }
}

/// The lines at the end of a log.
fn last_lines(log: &Utf8Path, count: usize) -> Vec<String> {
    let output = std::fs::read(log).unwrap_or_default();
    let lines: Vec<String> = String::from_utf8_lossy(&output).lines().map(str::to_owned).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Cached => "cached",
        Outcome::Failed => "failed",
        Outcome::Skipped(_) => "skipped",
    }
}

fn painted(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => paint::good(word(outcome)),
        Outcome::Cached => paint::dim(word(outcome)),
        Outcome::Failed => paint::bad(word(outcome)),
        Outcome::Skipped(_) => paint::warn(word(outcome)),
    }
}
