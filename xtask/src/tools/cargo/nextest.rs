//! nextest: each test in a process of its own, tried twice, and what each came to in JUnit's form.

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Cmd, Shell, cmd};

use crate::tools::diagnostics::diagnostic::Diagnostic;
use crate::tools::diagnostics::junit::Failed;
use crate::tools::diagnostics::panic;

/// Lines of a failure that are of use beside the code.
const SHOWN: usize = 6;

/// xtask's own tests, but not its suites that deploy: those have tasks of their own. cargo looks for nextest in `path`.
pub fn test_xtask<'a>(sh: &'a Shell, path: &str) -> Cmd<'a> {
    let profile = Profile::Xtask.name();
    let test = cmd!(sh, "cargo nextest run --locked --package xtask --bins --test cli --profile {profile}");
    test.env("PATH", path)
}

/// How tests are run, as `.config/nextest.toml` has it.
#[derive(Debug, Clone, Copy)]
pub enum Profile {
    /// The backend's.
    Ci,
    /// xtask's own.
    Xtask,
}

impl Profile {
    /// As it is called there.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Ci => "ci",
            Profile::Xtask => "xtask",
        }
    }

    /// Where it writes what the tests came to, given cargo's target folder.
    pub fn junit(self, target: &Utf8Path) -> Utf8PathBuf {
        target.join("nextest").join(self.name()).join("junit.xml")
    }
}

/// Where tests failed: where they panicked.
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
    // Only nextest itself has no more to say than a line: that it passed the second time.
    let verdict = test.faults.iter().find(|fault| fault.text.is_empty());
    let verdict = verdict.map_or(String::new(), |fault| format!(" ({})", fault.message));
    let panicked = panicked?;
    Some(Diagnostic { message: format!("{}: {}{verdict}", test.name, panicked.message), ..panicked })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::diagnostics::junit;

    /// As nextest wrote it for a crate with one test that is wrong, one that is flaky, and one that gives an error.
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
