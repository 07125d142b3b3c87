//! Runs the checks on what has moved, and where they fail, on less of it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use xshell::cmd;

use super::narrow::{ALL, Held, Unit, narrow};
use super::{Report, apply, crates, npm, refuse_dirty};
use crate::product::frontend::LOCKS;
use crate::terminal;
use crate::tools::git;
use crate::tools::process::{CommandError, Run, interrupt, shell_in};
use crate::workspace;

/// How often the checks run at most, and for how long in all: then no further run is begun.
const MOST_RUNS: usize = 10;
const LONGEST: Duration = Duration::from_secs(3 * 3600);
/// One run of them.
const RUN_TIMEOUT: Duration = Duration::from_secs(2 * 3600);

/// What has passed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Passed {
    /// The name of the tree that did; none when nothing has moved.
    pub tree: Option<String>,
    /// What it is without, and why.
    pub without: Vec<(Unit, String)>,
}

impl Passed {
    /// What stays as it is.
    pub fn held(&self) -> Held {
        self.without.iter().cloned().collect()
    }
}

/// Moves what can move, runs `cargo xtask ci` on it, and finds what it must be without. The tree is as it was afterwards, also when
/// it fails; the commits that were checked are on no branch.
pub fn check() -> Result<Passed> {
    refuse_dirty()?;
    let root = workspace::root();
    let (was, head) = (git::branch(root)?, git::head(root)?.sha);
    let passed = find(&head);
    // Also after Ctrl-C.
    interrupt::shielded(|| put_back(was.as_deref(), &head))?;
    passed
}

fn put_back(branch: Option<&str>, head: &str) -> Result<()> {
    let sh = shell_in(workspace::root());
    let to = branch.map_or_else(|| vec!["--detach", head], |branch| vec![branch]);
    Run::new(cmd!(sh, "git reset --quiet --hard {head}")).run()?;
    Ok(Run::new(cmd!(sh, "git switch --quiet {to...}")).run()?)
}

fn find(head: &str) -> Result<Passed> {
    let root = workspace::root();
    let sh = shell_in(root);
    let report = apply(&Held::new())?;
    let groups = groups(&report)?;
    let mut trees = BTreeMap::new();
    let (began, ran) = (Instant::now(), Cell::new(0_usize));
    Run::new(cmd!(sh, "git reset --quiet --hard {head}")).run()?;
    if groups.is_empty() {
        return Ok(Passed { tree: None, without: Vec::new() });
    }
    let held = narrow(&groups, &mut || ran.get() < MOST_RUNS && began.elapsed() < LONGEST, &mut |without| {
        ran.set(ran.get() + 1);
        let held = without.iter().map(|unit| (unit.clone(), "left out".to_owned())).collect();
        Run::new(cmd!(sh, "git switch --quiet --detach {head}")).run()?;
        apply(&held)?;
        commit()?;
        let tree = "HEAD^{tree}";
        trees.insert(without.clone(), Run::new(cmd!(sh, "git rev-parse {tree}")).text()?);
        terminal::note(format_args!("run {} of the checks, without {}", ran.get(), words(without)));
        run_checks()
    })?;
    let out: BTreeSet<Unit> = held.keys().cloned().collect();
    let all: usize = groups.iter().map(Vec::len).sum();
    let tree = trees.remove(&out).filter(|_| out.len() < all);
    Ok(Passed { tree, without: held.into_iter().collect() })
}

/// All that moves by itself, by file. Of npm's packages those that ours names do, and all others together.
fn groups(report: &Report) -> Result<Vec<Vec<Unit>>> {
    let mut named = BTreeMap::new();
    for lock in LOCKS {
        named.insert(lock, npm::named(lock)?);
    }
    let mut groups: BTreeMap<&str, BTreeSet<Unit>> = BTreeMap::new();
    for moved in &report.moved {
        let has_own = match moved.of {
            crates::FILE => true,
            of => named.get(of).is_some_and(|named| named.contains(&moved.name)),
        };
        let name = if has_own { moved.name.clone() } else { ALL.to_owned() };
        groups.entry(moved.of).or_default().insert(Unit { of: moved.of.to_owned(), name });
    }
    Ok(groups.into_values().map(|units| units.into_iter().collect()).collect())
}

/// The suites deploy what is committed.
fn commit() -> Result<()> {
    let sh = shell_in(workspace::root());
    let who = ["-c", "user.name=updates", "-c", "user.email=updates@localhost", "-c", "commit.gpgSign=false"];
    let how = ["--quiet", "--all", "--allow-empty", "--no-verify", "--message", "What is checked"];
    Ok(Run::new(cmd!(sh, "git {who...} commit {how...}")).run()?)
}

/// Why they fail; none when they pass.
fn run_checks() -> Result<Option<String>> {
    let sh = shell_in(workspace::root());
    let run = Run::new(cmd!(sh, "cargo xtask ci --keep-going")).timeout(RUN_TIMEOUT);
    match run.each_line(&|line| terminal::note(line)).finish() {
        Ok(done) if done.status.success() => Ok(None),
        Ok(done) => Ok(Some(failed(&done.stdout).unwrap_or_else(|| {
            let last = done.stderr.lines().rev().find(|line| !line.trim().is_empty());
            format!("cargo xtask ci fails: {}", last.unwrap_or("without a word").trim())
        }))),
        Err(error @ CommandError::Interrupted) => Err(error.into()),
        Err(error) => Ok(Some(error.to_string().lines().next().unwrap_or_default().to_owned())),
    }
}

/// The tasks that failed, by the table at the end.
fn failed(told: &str) -> Option<String> {
    let plain = terminal::without_escape_codes(told);
    let rows = plain.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let tasks: BTreeSet<String> = rows
        .filter_map(|words| match words.as_slice() {
            [task, "failed", ..] if task.parse::<usize>().is_err() => Some((*task).to_owned()),
            _ => None,
        })
        .collect();
    (!tasks.is_empty()).then(|| format!("fails {}", tasks.into_iter().collect::<Vec<_>>().join(", ")))
}

fn words(units: &BTreeSet<Unit>) -> String {
    match units.len() {
        0 => "anything left out".to_owned(),
        1..=5 => {
            units.iter().map(|unit| format!("{} of {}", unit.name, unit.of)).collect::<Vec<_>>().join(", ")
        }
        many => format!("{many} of what has moved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tasks_that_failed_are_the_reason() {
        let told = "task       outcome  time\nformat     passed   10.7 s\nclippy     failed   5.9 s\nrust-docs  skipped  because clippy failed\n\
                    xtask-test failed   1 min\n1 passed, 2 failed, 1 skipped\n";
        assert_eq!(failed(told).as_deref(), Some("fails clippy, xtask-test"));
        assert_eq!(failed("2 passed, 0 failed, 0 skipped\n"), None);
    }
}
