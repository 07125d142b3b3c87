//! How many tests a task has run, compared with the commit that a change began from: a test that is gone, or that nobody runs
//! any more, fails nothing by itself.
//!
//! The counts lie in CI's store, which a workflow keeps from run to run, by the commit. They are no committed file: each
//! branch that adds a test would conflict with each other one.

use std::fs;
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use xshell::Cmd;

use super::merge_base;
use crate::pipeline::{Context, Unavailable};
use crate::tools::diagnostics::counts::Counts;
use crate::tools::diagnostics::diagnostic::ParsedLine;
use crate::tools::files::replace;
use crate::tools::git;
use crate::workspace;

/// What says in a commit's message why there are fewer tests.
const TRAILER: &str = "Fewer-Tests";
/// How far back a count is looked for, in commits.
const MAX_COMMITS: usize = 200;

/// Runs tests, as [`Context::run_parsed`] does, and counts them; `name` is the task's.
pub fn run(
    task: &Context,
    name: &str,
    cmd: Cmd<'_>,
    folder: &str,
    parse: impl Fn(&str) -> ParsedLine + Sync,
) -> Result<()> {
    let counts = Mutex::new(Counts::default());
    task.run_parsed(cmd, folder, |line| {
        counts.lock().expect("no holder panics").add(line);
        parse(line)
    })?;
    let counts = counts.into_inner().expect("no holder panics");
    task.add_figure(&counts.to_string());
    let of_task = Kept { folder: workspace::local_dir().join("ci/store/tests").join(name) };
    match merge_base::of(task) {
        Ok(Some(base)) => {
            if let Some(why) = of_task.compare(workspace::root(), &base, &counts)? {
                task.line(&format!("not compared: {why}"));
            }
        }
        Ok(None) => {}
        // The tests ran, and passed: what can't be compared here is compared elsewhere.
        Err(error) if error.is::<Unavailable>() => task.line(&format!("not compared: {error:#}")),
        Err(error) => return Err(error),
    }
    of_task.keep(workspace::root(), &counts)
}

/// The counts of one task, a file a commit.
struct Kept {
    folder: Utf8PathBuf,
}

impl Kept {
    /// Fails when there are fewer tests than at `base`, or more of them ignored, and no commit since says why. Says why there is
    /// nothing to compare with, where that is so.
    fn compare(&self, root: &Utf8Path, base: &str, counts: &Counts) -> Result<Option<String>> {
        let Some((commit, before)) = self.newest(root, base)? else {
            let base = &base[..base.len().min(12)];
            let why = format!("no count of {base}, or of the {MAX_COMMITS} commits up to it, is kept here");
            return Ok(Some(why));
        };
        let Some(worse) = counts.worse_than(&before) else { return Ok(None) };
        if git::history::trailers(root, base, "HEAD", TRAILER)?.unwrap_or_default().is_empty() {
            let commit = git::commit(root, &commit)?;
            bail!(
                "of the tests {worse} in {} ({}): find out where they went, or say why in the commit's message, on a last line \
                 `{TRAILER}: reason`",
                &commit.sha[..12],
                commit.subject
            );
        }
        Ok(None)
    }

    /// The count of that commit, or of the last one before it that is known: a task whose inputs a commit has not changed does
    /// not run for it.
    fn newest(&self, root: &Utf8Path, base: &str) -> Result<Option<(String, Counts)>> {
        if !self.folder.is_dir() {
            return Ok(None);
        }
        for commit in git::history::first_parents(root, base, MAX_COMMITS)? {
            let read = fs::read(self.folder.join(&commit));
            if let Some(counts) = read.ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                return Ok(Some((commit, counts)));
            }
        }
        Ok(None)
    }

    /// Of a tree with changes nothing is kept: it is no commit's.
    fn keep(&self, root: &Utf8Path, counts: &Counts) -> Result<()> {
        if git::dirty_hash(root)?.is_some() {
            return Ok(());
        }
        let file = self.folder.join(git::head(root)?.sha);
        replace(&file, &serde_json::to_vec(counts)?).context("keeping how many tests ran")
    }
}

#[cfg(test)]
mod tests {
    use xshell::cmd;

    use super::*;
    use crate::tools::process::{Run, shell_in};

    #[test]
    fn fewer_tests_than_at_the_base_fail_unless_a_commit_says_why() {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temporary.path()).unwrap();
        let sh = shell_in(root);
        let commit = |message: &str| {
            let who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
            Run::new(cmd!(sh, "git {who...} commit --quiet --allow-empty --message {message}"))
                .run()
                .unwrap();
            git::head(root).unwrap().sha
        };
        Run::new(cmd!(sh, "git init --quiet --initial-branch main")).run().unwrap();
        let kept = Kept { folder: root.join(".git/counts") };
        let counts = |run, ignored| Counts { run, ignored };
        let first = commit("first");
        let why =
            kept.compare(root, &first, &counts(1, 0)).unwrap().expect("nothing is known, which is said");
        assert!(why.starts_with(&format!("no count of {}", &first[..12])), "{why}");
        kept.keep(root, &counts(10, 1)).unwrap();
        let base = commit("second, which changed no test");
        commit("third");
        assert_eq!(kept.compare(root, &base, &counts(10, 1)).unwrap(), None);
        for worse in [counts(9, 1), counts(12, 2)] {
            let error = kept.compare(root, &base, &worse).unwrap_err().to_string();
            assert!(error.contains(&first[..12]) && error.contains("Fewer-Tests: reason"), "{error}");
        }
        commit("fourth\n\nFewer-Tests: they tried what is gone");
        assert!(kept.compare(root, &base, &counts(9, 1)).is_ok());

        fs::write(root.join("changed"), "").unwrap();
        kept.keep(root, &counts(3, 0)).unwrap();
        let head = git::head(root).unwrap().sha;
        assert_eq!(
            kept.newest(root, &head).unwrap(),
            Some((first, counts(10, 1))),
            "a changed tree is no commit"
        );
    }
}
