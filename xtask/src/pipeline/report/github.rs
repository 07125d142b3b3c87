//! A workflow's page: passes are folded away, failures stand open below them, and each has one annotation for the task
//! and some for the places that its tools found fault with.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use super::last_lines;
use crate::pipeline::outcome::{Ended, Outcome, Tally};
use crate::terminal;
use crate::tools::diagnostics::diagnostic::Diagnostic;

/// GitHub shows ten a step; one is kept for the task itself.
const PLACES: usize = 9;
/// A failed task's lines that are shown; all of them are in its log.
const SHOWN: usize = 200;
/// GitHub takes a summary of at most 1 MiB, and drops all of a longer one.
const SUMMARY_LIMIT: usize = 1 << 20;

/// A task that passed, folded away.
pub fn group(ended: &Ended) {
    let Some(log) = &ended.log else { return };
    terminal::say(format_args!("::group::{} {}", ended.name, terminal::seconds(ended.took)));
    last_lines(log, usize::MAX).iter().for_each(|line| terminal::say(harmless(line)));
    terminal::say("::endgroup::");
}

/// Failures with all that they need, and the step's summary.
pub fn end(ended: &[Ended], tally: Tally, took: Duration, repeat: &str) {
    for task in ended.iter().filter(|task| task.outcome == Outcome::Failed) {
        let lines = task.log.as_ref().map(|log| last_lines(log, usize::MAX)).unwrap_or_default();
        terminal::say(format_args!("{} failed after {}:", task.name, terminal::seconds(task.took)));
        lines[lines.len().saturating_sub(SHOWN)..].iter().for_each(|line| terminal::say(harmless(line)));
        let mut told = HashSet::new();
        let places =
            task.places.iter().filter(|place| told.insert((&place.file, place.line, &place.message)));
        places.take(PLACES).for_each(|place| terminal::say(annotation(place)));
        let name = task.name;
        terminal::say(format_args!("::error title={name}::{name} failed; here too: {repeat} {name}"));
    }
    write_summary(ended, tally, took);
}

/// A line of a tool's must not be taken for a command to GitHub: `::` at its beginning, or the older `##[` anywhere.
fn harmless(line: &str) -> String {
    let line = line.replace("##[", "##\u{200b}[");
    if line.trim_start().starts_with("::") { format!("\u{200b}{line}") } else { line }
}

/// The form in which GitHub shows it beside the code.
fn annotation(place: &Diagnostic) -> String {
    let Diagnostic { file, line, message } = place;
    let file = escaped(file.as_str()).replace(':', "%3A").replace(',', "%2C");
    format!("::error file={file},line={line}::{}", escaped(message))
}

fn escaped(message: &str) -> String {
    message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn write_summary(ended: &[Ended], tally: Tally, took: Duration) {
    let Ok(file) = std::env::var("GITHUB_STEP_SUMMARY") else { return };
    let text = summary(ended, tally, took);
    let opened = std::fs::File::options().create(true).append(true).open(&file);
    let written = opened.and_then(|mut file| {
        let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if used.saturating_add(text.len()) < SUMMARY_LIMIT { file.write_all(text.as_bytes()) } else { Ok(()) }
    });
    if let Err(error) = written {
        terminal::warn(format_args!("the step's summary can't be written: {error}"));
    }
}

/// A table of the tasks, with what they found out.
fn summary(ended: &[Ended], tally: Tally, took: Duration) -> String {
    let mut text = String::from("| task | outcome | time | |\n| --- | --- | ---: | --- |\n");
    for task in ended {
        let outcome = match &task.outcome {
            Outcome::Skipped(reason) => format!("skipped: {}", in_a_cell(reason)),
            outcome => super::word(outcome).to_owned(),
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
        let place = Diagnostic { file: "a,b:c.rs".into(), line: 3, message: "100 %\nnext: all".to_owned() };
        assert_eq!(annotation(&place), "::error file=a%2Cb%3Ac.rs,line=3::100 %25%0Anext: all");
    }
    #[test]
    fn the_summary_has_what_tasks_found_out_when_they_were_not_run_again_too() {
        let figures = vec!["the tests run 80.0 % of 10 lines".to_owned()];
        let cached = Ended { figures, ..Ended::without_run(0, "api-test", Outcome::Cached) };
        let skipped = Ended::without_run(1, "eslint", Outcome::Skipped("no | node\nhere".to_owned()));
        let all = [cached, skipped];
        let text = summary(&all, Tally::of(&all), Duration::from_secs(3));
        assert!(text.contains("| api-test | cached | 0.0 s | the tests run 80.0 % of 10 lines |"), "{text}");
        assert!(text.contains("| eslint | skipped: no \\| node here | 0.0 s |  |"), "{text}");
        assert!(text.ends_with("\n1 passed, 0 failed, 1 skipped, 1 cached, 3.0 s\n"), "{text}");
    }
}
