//! Commits by names that `deploy --version` must refuse.

use std::collections::BTreeSet;

use libtest_mimic::Failed;

use crate::support::project::Project;

impl Project {
    /// The beginning that the names of two commits share.
    pub fn ambiguous_name(&self) -> String {
        // Commits of one tree differ in their messages; among so many, two begin with the same four digits.
        let tree = self.git(&["rev-parse", "HEAD^{tree}"]);
        let mut beginnings = BTreeSet::new();
        for number in 0..5000 {
            let sha = self.git(&["commit-tree", tree.trim(), "-m", &format!("Commit {number}")]);
            if !beginnings.insert(sha[..4].to_owned()) {
                return sha[..4].to_owned();
            }
        }
        unreachable!("there are 65,536 beginnings of four digits")
    }

    /// Runs a trial with a remote that has everything but the last commit.
    pub fn with_origin(&self, trial: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
        let origin = tempfile::tempdir()?;
        let path = origin.path().to_str().ok_or("the temporary folder is not UTF-8")?;
        self.git(&["init", "--quiet", "--bare", path]);
        self.git(&["remote", "add", "origin", path]);
        self.git(&["push", "--quiet", "origin", "HEAD~1:refs/heads/main"]);
        let result = trial();
        self.git(&["remote", "remove", "origin"]);
        result
    }

    /// Runs a trial with a commit that is on a branch of its own.
    pub fn on_a_branch(&self, trial: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
        self.git(&["switch", "--quiet", "--create", "a-branch"]);
        self.commit("A commit that is not on main");
        let result = trial();
        self.git(&["switch", "--quiet", "main"]);
        result
    }
}
