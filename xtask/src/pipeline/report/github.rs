//! The page of a workflow run: the output of tasks that pass is folded, that of failed ones stands open below, and each
//! failure has an annotation for the task and some for its diagnostics.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use crate::pipeline::outcome::{FinishedTask, Outcome, Tally};
use crate::terminal;
use crate::tools::diagnostics::diagnostic::Diagnostic;

/// How many diagnostics of a task become annotations: GitHub shows ten annotations a step, and one is the task's own.
const MAX_DIAGNOSTICS: usize = 9;
/// How many lines of a failed task's output are shown; its log has all of them.
const SHOWN: usize = 200;
/// In bytes. GitHub takes a summary of at most 1 MiB, and drops all of a longer one.
const SUMMARY_LIMIT: usize = 1 << 20;

/// The output of a task that passed, as a folded group.
pub fn group(finished: &FinishedTask) {
    if finished.log.is_none() {
        return;
    }
    terminal::say(format_args!("::group::{} {}", finished.name, terminal::seconds(finished.took)));
    finished.last_lines(usize::MAX).iter().for_each(|line| terminal::say(harmless(line)));
    terminal::say("::endgroup::");
}

/// The failed tasks with their output and annotations, and the step's summary.
pub fn end(finished: &[FinishedTask], tally: Tally, took: Duration, rerun_command: &str) {
    for task in finished.iter().filter(|task| task.outcome == Outcome::Failed) {
        let lines = task.last_lines(SHOWN);
        terminal::say(format_args!("{} failed after {}:", task.name, terminal::seconds(task.took)));
        lines.iter().for_each(|line| terminal::say(harmless(line)));
        let mut told = HashSet::new();
        let diagnostics = task
            .diagnostics
            .iter()
            .filter(|diagnostic| told.insert((&diagnostic.file, diagnostic.line, &diagnostic.message)));
        diagnostics.take(MAX_DIAGNOSTICS).for_each(|diagnostic| terminal::say(annotation(diagnostic)));
        let name = task.name;
        terminal::say(format_args!("::error title={name}::{name} failed; here too: {rerun_command} {name}"));
    }
    write_summary(finished, tally, took);
}

/// A line of a tool, changed so that GitHub does not take it for a command: `::` at its beginning, or the older `##[`
/// anywhere.
fn harmless(line: &str) -> String {
    let line = line.replace("##[", "##\u{200b}[");
    if line.trim_start().starts_with("::") { format!("\u{200b}{line}") } else { line }
}

/// The command by which GitHub shows it beside the code.
fn annotation(diagnostic: &Diagnostic) -> String {
    let Diagnostic { file, line, message } = diagnostic;
    let file = escaped(file.as_str()).replace(':', "%3A").replace(',', "%2C");
    format!("::error file={file},line={line}::{}", escaped(message))
}

fn escaped(message: &str) -> String {
    message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn write_summary(finished: &[FinishedTask], tally: Tally, took: Duration) {
    let Ok(file) = std::env::var("GITHUB_STEP_SUMMARY") else { return };
    let text = summary(finished, tally, took);
    let opened = std::fs::File::options().create(true).append(true).open(&file);
    let written = opened.and_then(|mut file| {
        let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if used.saturating_add(text.len()) < SUMMARY_LIMIT { file.write_all(text.as_bytes()) } else { Ok(()) }
    });
    if let Err(error) = written {
        terminal::warn(format_args!("the step's summary can't be written: {error}"));
    }
}

/// A table of the tasks, with what they measured.
fn summary(finished: &[FinishedTask], tally: Tally, took: Duration) -> String {
    let mut text = String::from("| task | outcome | time | |\n| --- | --- | ---: | --- |\n");
    for task in finished {
        let outcome = match &task.outcome {
            Outcome::Skipped(reason) => format!("skipped: {}", in_a_cell(reason)),
            outcome => outcome.name().to_owned(),
        };
        let (took, figures) = (terminal::seconds(task.took), in_a_cell(&task.figures.join(", ")));
        let _ = writeln!(text, "| {} | {outcome} | {took} | {figures} |", task.name);
    }
    let _ = writeln!(text, "\n{tally}, {} cached, {}", tally.cached, terminal::seconds(took));
    text
}

fn in_a_cell(words: &str) -> String {
    words.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tools_line_is_no_command_to_github() {
        assert!(!harmless("::add-mask::x").starts_with("::"));
        assert!(!harmless("see ##[add-mask]x").contains("##["));
        assert_eq!(harmless("plain: text ## [link]"), "plain: text ## [link]");
        let diagnostic =
            Diagnostic { file: "a,b:c.rs".into(), line: 3, message: "100 %\nnext: all".to_owned() };
        assert_eq!(annotation(&diagnostic), "::error file=a%2Cb%3Ac.rs,line=3::100 %25%0Anext: all");
    }
    #[test]
    fn the_summary_has_what_tasks_found_out_when_they_were_not_run_again_too() {
        let figures = vec!["the tests run 80.0 % of 10 lines".to_owned()];
        let cached = FinishedTask { figures, ..FinishedTask::without_run(0, "api-test", Outcome::Cached) };
        let skipped = FinishedTask::without_run(1, "eslint", Outcome::Skipped("no | node\nhere".to_owned()));
        let all = [cached, skipped];
        let text = summary(&all, Tally::of(&all), Duration::from_secs(3));
        assert!(text.contains("| api-test | cached | 0.0 s | the tests run 80.0 % of 10 lines |"), "{text}");
        assert!(text.contains("| eslint | skipped: no \\| node here | 0.0 s |  |"), "{text}");
        assert!(text.ends_with("\n1 passed, 0 failed, 1 skipped, 1 cached, 3.0 s\n"), "{text}");
    }
}
