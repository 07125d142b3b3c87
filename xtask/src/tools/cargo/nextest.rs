//! nextest: runs each test in a process of its own, a failed one twice, and writes the results in JUnit's format.

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Cmd, Shell, cmd};

use crate::tools::diagnostics::diagnostic::Diagnostic;
use crate::tools::diagnostics::junit::Failed;
use crate::tools::diagnostics::panic;

/// How many lines of a failure are shown beside the code.
const SHOWN: usize = 6;

/// Runs xtask's own tests, without its suites that deploy. cargo looks for nextest in `path`.
pub fn test_xtask<'a>(sh: &'a Shell, path: &str) -> Cmd<'a> {
    let profile = Profile::Xtask.name();
    let test = cmd!(sh, "cargo nextest run --locked --package xtask --bins --test cli --profile {profile}");
    test.env("PATH", path)
}

/// A profile of `.config/nextest.toml`.
#[derive(Debug, Clone, Copy)]
pub enum Profile {
    /// For the backend's tests.
    Ci,
    /// For xtask's own tests.
    Xtask,
}

impl Profile {
    /// Its name in that file.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Ci => "ci",
            Profile::Xtask => "xtask",
        }
    }

    /// The file with the results, in cargo's target folder.
    pub fn junit(self, target: &Utf8Path) -> Utf8PathBuf {
        target.join("nextest").join(self.name()).join("junit.xml")
    }
}

/// The places where the failed tests panicked.
pub fn diagnostics(failed: &[Failed]) -> Vec<Diagnostic> {
    failed.iter().filter_map(diagnostic).collect()
}

fn diagnostic(test: &Failed) -> Option<Diagnostic> {
    let panicked = test.faults.iter().find_map(|fault| {
        let mut lines = fault.text.lines().skip_while(|line| panic::diagnostic(line).is_none());
        let diagnostic = panic::diagnostic(lines.next()?)?;
        let why =
            lines.take_while(|line| !line.starts_with("stack backtrace:") && !line.starts_with("note: "));
        let why: Vec<&str> = why.take(SHOWN).collect();
        Some(Diagnostic { message: why.join("\n").trim_end().to_owned(), ..diagnostic })
    });
    // nextest's own failure, that a test passed the second time only, is a single line.
    let verdict = test.faults.iter().find(|fault| fault.text.is_empty());
    let verdict = verdict.map_or(String::new(), |fault| format!(" ({})", fault.message));
    let panicked = panicked?;
    Some(Diagnostic { message: format!("{}: {}{verdict}", test.name, panicked.message), ..panicked })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::diagnostics::junit;

    /// What nextest wrote for a crate with a test that fails, one that is flaky, and one that returns an error.
    const FAILED: &str = include_str!("nextest/failed.xml");

    #[test]
    fn a_test_that_panicked_has_a_place_and_a_flaky_one_too() {
        let diagnostics = diagnostics(&junit::parse(FAILED).expect("read"));
        let diagnostic =
            |line, message: &str| Diagnostic { file: "src/lib.rs".into(), line, message: message.to_owned() };
        assert_eq!(
            diagnostics,
            [
                diagnostic(
                    20,
                    "tests::flaky: the first time (test passed on attempt 2/2 but is configured to fail when flaky)"
                ),
                diagnostic(
                    9,
                    "tests::one_is_two: assertion `left == right` failed: <numbers> & \"quotes\"\n  left: 1\n right: 2"
                ),
            ]
        );
    }

    #[test]
    fn each_profile_is_one_of_the_file_that_nextest_reads_and_writes_what_its_tests_came_to() {
        let settings = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../.config/nextest.toml"));
        for profile in [Profile::Ci, Profile::Xtask] {
            let junit = format!("[profile.{}.junit]\npath = \"junit.xml\"\n", profile.name());
            assert!(settings.contains(&junit), "{junit}");
        }
    }
}
