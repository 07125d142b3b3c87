//! What a run says: for people, quiet about what passes; for programs, one JSON object a line.

use serde::Serialize;

use super::run::{Ended, Outcome, Tally, last_lines};
use super::task::Task;
use crate::terminal::{self, paint};

/// How much of a failed task's output is shown.
const SHOWN_LINES: usize = 40;

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A person, who wants to know what failed.
    Brief,
    /// A person who wants to see everything.
    Full,
    /// A program.
    Json,
}

/// Tells a reader what happens.
#[derive(Debug)]
pub struct Report {
    /// Who reads.
    pub format: Format,
    /// What stands before a task's name to run just that one: `cargo xtask ci`.
    pub repeat: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Planned {
        task: &'a str,
        needs: &'a [&'static str],
        summary: &'a str,
    },
    Started {
        task: &'a str,
    },
    Finished {
        task: &'a str,
        outcome: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        log: Option<&'a str>,
    },
    Summary {
        passed: usize,
        failed: usize,
        skipped: usize,
    },
}

impl Report {
    /// What would run, in order.
    pub fn plan(&self, tasks: &[&Task]) {
        if self.format == Format::Json {
            tasks.iter().for_each(|Task { name, needs, summary, .. }| {
                print(&Event::Planned { task: name, needs, summary });
            });
            return;
        }
        let row = |task: &&Task| vec![task.name.to_owned(), task.needs.join(", "), task.summary.to_owned()];
        terminal::table(&["task", "needs", "what for"], &tasks.iter().map(row).collect::<Vec<_>>());
    }

    /// A task starts; to people its live line says so.
    pub fn started(&self, task: &Task) {
        if self.format == Format::Json {
            print(&Event::Started { task: task.name });
        }
    }

    /// A task has ended.
    pub fn finished(&self, ended: &Ended) {
        if self.format == Format::Json {
            print(&Event::Finished {
                task: ended.name,
                outcome: word(&ended.outcome),
                reason: reason(&ended.outcome),
                seconds: (ended.took.as_secs_f64() * 1000.0).round() / 1000.0,
                log: ended.log.as_ref().map(|log| log.as_str()),
            });
        }
        let shown = match (&ended.outcome, self.format) {
            (_, Format::Full) => usize::MAX,
            (Outcome::Failed, _) => SHOWN_LINES,
            _ => return,
        };
        self.output(ended, shown);
    }

    /// The end of the task's output and, when it failed, what to do next.
    fn output(&self, ended: &Ended, shown: usize) {
        let Some(log) = &ended.log else { return };
        for line in last_lines(log, shown) {
            terminal::note(format_args!("    {line}"));
        }
        if ended.outcome == Outcome::Failed {
            terminal::note(format_args!("    {} {} {}", paint::dim("again:"), self.repeat, ended.name));
            terminal::note(format_args!("    {} {log}", paint::dim("all of its output:")));
        }
    }

    /// The whole run: a table, the reasons, and the line that can be quoted.
    pub fn summary(&self, ended: &[Ended], tally: Tally) {
        if self.format == Format::Json {
            let Tally { passed, failed, skipped } = tally;
            print(&Event::Summary { passed, failed, skipped });
            return terminal::note(tally);
        }
        let row = |task: &Ended| {
            let took = task.log.as_ref().map_or(String::new(), |_| terminal::seconds(task.took));
            vec![task.name.to_owned(), painted(&task.outcome), took]
        };
        terminal::table(&["task", "outcome", "time"], &ended.iter().map(row).collect::<Vec<_>>());
        for task in ended {
            if let Some(reason) = reason(&task.outcome) {
                terminal::say(format_args!("{}: skipped, {reason}", task.name));
            }
        }
        terminal::say(tally);
    }
}

fn print(event: &Event<'_>) {
    terminal::say(serde_json::to_string(event).expect("plain data"));
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Skipped(_) => "skipped",
    }
}

fn painted(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => paint::good(word(outcome)),
        Outcome::Failed => paint::bad(word(outcome)),
        Outcome::Skipped(_) => paint::warn(word(outcome)),
    }
}

fn reason(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Skipped(reason) => Some(reason),
        _ => None,
    }
}
