//! A workflow's page: passes are folded away, failures stand open below them, and each has one annotation for the task
//! and some for the places that its tools named.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use super::last_lines;
use crate::pipeline::outcome::{Ended, Outcome, Tally};
use crate::terminal;
use crate::tools::tree::Tree;

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
        let tree = Tree::look(crate::project::root());
        let paths = tree.as_ref().map_or(&[][..], Tree::paths);
        for place in places(&lines).into_iter().take(PLACES) {
            let Place { file, line, message } = place;
            let file = in_repository(&file, paths);
            terminal::say(format_args!("::error file={file},line={line}::{}", escaped(&message)));
        }
        let name = task.name;
        terminal::say(format_args!("::error title={name}::{name} failed; here too: {repeat} {name}"));
    }
    write_summary(ended, tally, took);
}

/// A line of a tool's must not be taken for a command to GitHub.
fn harmless(line: &str) -> String {
    if line.trim_start().starts_with("::") { format!("\u{200b}{line}") } else { line.to_owned() }
}

fn escaped(message: &str) -> String {
    message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[derive(Debug, PartialEq, Eq)]
struct Place {
    file: String,
    line: u32,
    message: String,
}

/// The places that tools name in the forms that they keep stable: rustc's and clippy's arrows, a Rust test's panic, the
/// brackets of tsc, the list below a file's name of ESLint, vitest's arrows.
fn places(lines: &[String]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let (mut message, mut file) = (String::new(), String::new());
    for line in lines {
        let trimmed = line.trim();
        if ["error", "warning", "AssertionError", "FAIL "].iter().any(|word| trimmed.starts_with(word)) {
            trimmed.clone_into(&mut message);
        }
        let found = if let Some(place) = trimmed.strip_prefix("--> ") {
            at_colons(place).map(|(file, line)| (file, line, message.clone()))
        } else if let Some((_, place)) = trimmed.split_once(" panicked at ") {
            at_colons(place.trim_end_matches(':')).map(|(file, line)| (file, line, trimmed.to_owned()))
        } else if let Some(place) = trimmed.strip_prefix("❯ ") {
            at_colons(place).map(|(file, line)| (file, line, message.clone()))
        } else if let Some((place, what)) = trimmed.split_once("): error ") {
            at_brackets(place).map(|(file, line)| (file, line, what.to_owned()))
        } else {
            at_list(trimmed).map(|(line, what)| (file.clone(), line, what))
        };
        if trimmed.starts_with('/') && !trimmed.contains(' ') {
            relative(trimmed).clone_into(&mut file);
        }
        if let Some((file, line, message)) = found.filter(|(file, ..)| !file.is_empty()) {
            let place = Place { file: relative(&file).to_owned(), line, message };
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}

/// `src/main.rs:3:7`
fn at_colons(place: &str) -> Option<(String, u32)> {
    let mut parts = place.split_whitespace().next()?.split(':');
    let (file, line) = (parts.next()?, parts.next()?.parse().ok()?);
    file.contains('.').then(|| (file.to_owned(), line))
}

/// `src/App.tsx(3,7`
fn at_brackets(place: &str) -> Option<(String, u32)> {
    let (file, position) = place.rsplit_once('(')?;
    Some((file.to_owned(), position.split(',').next()?.parse().ok()?))
}

/// `3:7  error  What is wrong  the-rule`
fn at_list(line: &str) -> Option<(u32, String)> {
    let (position, rest) = line.split_once("  ")?;
    let (line, column) = position.split_once(':')?;
    let _: u32 = column.parse().ok()?;
    let what = rest.trim_start().strip_prefix("error")?;
    Some((line.parse().ok()?, what.trim().to_owned()))
}

/// Tools name files as they are called in the folder in which they run; GitHub knows them by their paths in the
/// repository.
fn in_repository<'a>(file: &'a str, paths: &'a [String]) -> &'a str {
    let below = format!("/{file}");
    let mut ending = paths.iter().filter(|path| path.ends_with(&below));
    match (paths.iter().any(|path| path == file), ending.next(), ending.next()) {
        (false, Some(only), None) => only,
        _ => file,
    }
}

/// An absolute path as it begins in the repository.
fn relative(path: &str) -> &str {
    path.strip_prefix(crate::project::root().as_str()).map_or(path, |path| path.trim_start_matches('/'))
}

fn write_summary(ended: &[Ended], tally: Tally, took: Duration) {
    let Ok(file) = std::env::var("GITHUB_STEP_SUMMARY") else { return };
    let mut text = String::from("| task | outcome | time |\n| --- | --- | ---: |\n");
    for task in ended {
        let outcome = match &task.outcome {
            Outcome::Skipped(reason) => format!("skipped: {}", reason.replace('|', "\\|").replace('\n', " ")),
            outcome => super::word(outcome).to_owned(),
        };
        let _ = writeln!(text, "| {} | {outcome} | {} |", task.name, terminal::seconds(task.took));
    }
    let _ = writeln!(text, "\n{tally}, {} cached, {}", tally.cached, terminal::seconds(took));
    let opened = std::fs::File::options().create(true).append(true).open(&file);
    let written = opened.and_then(|mut file| {
        let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if used.saturating_add(text.len()) < SUMMARY_LIMIT { file.write_all(text.as_bytes()) } else { Ok(()) }
    });
    if let Err(error) = written {
        terminal::warn(format_args!("the step's summary can't be written: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_what_the_tools_say() {
        let output = "error[E0308]: mismatched types
 --> xtask/src/main.rs:3:7
thread 'tests::a' panicked at tracehub/backend/src/a.rs:12:5:
src/App.tsx(4,9): error TS2322: Type 'string' is not assignable
/repository/src/Look.tsx
  10:3  error  Unexpected any  no-explicit-any
  11:3  warning  Not an error  some-rule
AssertionError: expected 1 to be 2
 ❯ src/Look.test.tsx:21:5
all is well at 10:30";
        let lines: Vec<String> = output.lines().map(str::to_owned).collect();
        let found: Vec<(String, u32)> =
            places(&lines).into_iter().map(|place| (place.file, place.line)).collect();
        let expected = [
            ("xtask/src/main.rs", 3),
            ("tracehub/backend/src/a.rs", 12),
            ("src/App.tsx", 4),
            ("/repository/src/Look.tsx", 10),
            ("src/Look.test.tsx", 21),
        ];
        assert_eq!(found, expected.map(|(file, line)| (file.to_owned(), line)));
        assert_eq!(places(&lines)[4].message, "AssertionError: expected 1 to be 2");
        assert_eq!(places(&lines)[0].message, "error[E0308]: mismatched types");
    }

    #[test]
    fn a_file_is_named_as_the_repository_has_it_if_that_is_clear() {
        let paths = ["a/src/main.ts", "b/src/main.ts", "b/src/other.ts", "src/own.ts"].map(str::to_owned);
        for (named, known) in [
            ("src/other.ts", "b/src/other.ts"),
            ("src/own.ts", "src/own.ts"),
            ("src/main.ts", "src/main.ts"),
            ("absent.ts", "absent.ts"),
        ] {
            assert_eq!(in_repository(named, &paths), known);
        }
    }

    #[test]
    fn a_tools_line_is_no_command_to_github() {
        assert!(!harmless("::add-mask::x").starts_with("::"));
        assert_eq!(harmless("plain: text"), "plain: text");
        assert_eq!(escaped("100 %\nnext"), "100 %25%0Anext");
    }
}
