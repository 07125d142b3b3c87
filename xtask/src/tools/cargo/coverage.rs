//! Tests with coverage: nextest under cargo-llvm-cov.

use std::fs;

use anyhow::{Context, Result};
use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

use super::nextest::Profile;

/// Runs all tests of one package, and writes the lines that they ran to the file `lcov`. cargo looks for nextest and for
/// cargo-llvm-cov in `path`; `llvm-profdata` is in the folder of `llvm_cov`.
pub fn test<'a>(sh: &'a Shell, path: &str, llvm_cov: &Utf8Path, package: &str, lcov: &Utf8Path) -> Cmd<'a> {
    let profdata = llvm_cov.with_file_name("llvm-profdata");
    let profile = Profile::Ci.name();
    let test = cmd!(
        sh,
        "cargo llvm-cov nextest --locked --package {package} --profile {profile} --lcov --output-path {lcov}"
    );
    let environment = [("PATH", path), ("LLVM_COV", llvm_cov.as_str()), ("LLVM_PROFDATA", profdata.as_str())];
    test.envs(environment).env("SQLX_OFFLINE", "true")
}

/// Replaces the absolute paths in an lcov file by paths from the repository's root, which other tools expect.
pub fn name_from(root: &Utf8Path, lcov: &Utf8Path) -> Result<()> {
    let text = fs::read_to_string(lcov).with_context(|| format!("reading {lcov}"))?;
    let text = text.replace(&format!("SF:{root}/"), "SF:");
    fs::write(lcov, text).with_context(|| format!("writing {lcov}"))
}

/// How many lines were run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// The lines that were run.
    pub run: u64,
    /// The lines that can be run.
    pub lines: u64,
}

impl Coverage {
    /// Counts the lines in an lcov file.
    pub fn read(lcov: &Utf8Path) -> Result<Coverage> {
        let text = fs::read_to_string(lcov).with_context(|| format!("reading {lcov}"))?;
        Coverage::of(&text).with_context(|| format!("{lcov} names no line that could run"))
    }

    fn of(lcov: &str) -> Option<Coverage> {
        let sum = |key: &str| -> u64 {
            lcov.lines().filter_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok()).sum()
        };
        let found = Coverage { run: sum("LH:"), lines: sum("LF:") };
        (found.lines > 0).then_some(found)
    }

    /// The share of lines that were run, in percent.
    pub fn percent(self) -> f64 {
        self.run as f64 * 100.0 / self.lines as f64
    }
}

impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} % of {} lines", self.percent(), self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_repository_s_root() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let lcov = Utf8Path::from_path(folder.path()).expect("UTF-8").join("lcov");
        fs::write(&lcov, "SF:/here/app/src/a.rs\nLF:1\nSF:/elsewhere/b.rs\n").expect("written");
        name_from("/here".into(), &lcov).expect("named");
        assert_eq!(fs::read_to_string(&lcov).expect("read"), "SF:app/src/a.rs\nLF:1\nSF:/elsewhere/b.rs\n");
    }

    #[test]
    fn the_lines_of_all_files_are_counted_together() {
        let lcov = "SF:a.rs\nDA:1,1\nLF:10\nLH:9\nend_of_record\nSF:b.rs\nLF:30\nLH:15\nend_of_record\n";
        let coverage = Coverage::of(lcov).expect("lines");
        assert_eq!(coverage.to_string(), "60.0 % of 40 lines");
        assert_eq!(Coverage::of("SF:a.rs\nend_of_record\n"), None, "no lines are not all lines");
    }
}
