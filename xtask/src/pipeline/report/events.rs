//! What programs read, one JSON object a line; `docs/ci-events.md` says what each means.

use std::time::Duration;

use serde::Serialize;

use crate::pipeline::decide::Verdict;
use crate::pipeline::outcome::{FinishedTask, Outcome, Tally};
use crate::pipeline::task::Task;
use crate::terminal;
use crate::tools::diagnostics::diagnostic::Diagnostic;

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    Listed {
        task: &'a str,
        groups: &'a [&'static str],
        needs: &'a [&'static str],
        summary: &'a str,
    },
    Planned {
        task: &'a str,
        needs: &'a [&'static str],
        summary: &'a str,
        cached: bool,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        why: &'a [String],
    },
    Started {
        task: &'a str,
    },
    Finished {
        task: &'a str,
        outcome: &'a str,
        cached: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        log: Option<&'a str>,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        figures: &'a [String],
        #[serde(skip_serializing_if = "<[Diagnostic]>::is_empty")]
        diagnostics: &'a [Diagnostic],
    },
    Summary {
        passed: usize,
        failed: usize,
        skipped: usize,
        cached: usize,
        seconds: f64,
        critical_path: Vec<&'a str>,
    },
}

impl<'a> Event<'a> {
    pub fn listed(task: &'a Task) -> Event<'a> {
        Event::Listed { task: task.name, groups: &task.groups, needs: &task.needs, summary: task.summary }
    }

    pub fn planned(task: &'a Task, verdict: &'a Verdict) -> Event<'a> {
        let (cached, why) = match verdict {
            Verdict::Cached { .. } => (true, &[][..]),
            Verdict::Runs(why) => (false, why.as_slice()),
        };
        Event::Planned { task: task.name, needs: &task.needs, summary: task.summary, cached, why }
    }

    pub fn finished(finished: &'a FinishedTask) -> Event<'a> {
        let (outcome, reason) = match &finished.outcome {
            Outcome::Passed | Outcome::Cached => ("passed", None),
            Outcome::Failed => ("failed", None),
            Outcome::Skipped(reason) => ("skipped", Some(reason.as_str())),
        };
        Event::Finished {
            task: finished.name,
            outcome,
            cached: finished.outcome == Outcome::Cached,
            reason,
            seconds: rounded(finished.took),
            log: finished.log.as_ref().map(|log| log.as_str()),
            figures: &finished.figures,
            diagnostics: &finished.diagnostics,
        }
    }

    pub fn summary(tally: Tally, took: Duration, path: &[&'a FinishedTask]) -> Event<'a> {
        let Tally { passed, cached, failed, skipped } = tally;
        let critical_path = path.iter().map(|task| task.name).collect();
        Event::Summary { passed, failed, skipped, cached, seconds: rounded(took), critical_path }
    }
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

pub fn print(event: &Event<'_>) {
    terminal::say(serde_json::to_string(event).expect("plain data"));
}
