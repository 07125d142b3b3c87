//! What the tests write into the copy, and the commits that they make of it.

use std::fs;
use std::process::Command;

use camino::Utf8Path;
use libtest_mimic::Failed;

use crate::call::run;
use crate::project::Project;

impl Project {
    /// Writes a file of the copy.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.folder().join(path), text).expect("written");
    }

    /// Adds text at the end of a file of the copy.
    pub fn append(&self, path: &str, text: &str) {
        let before = fs::read_to_string(self.folder().join(path)).expect("read");
        self.write(path, &(before + text));
    }

    /// Replaces text in a file of the copy; it must be there.
    pub fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.folder().join(path)).expect("read");
        assert!(text.contains(from), "{path} does not contain {from}");
        self.write(path, &text.replace(from, to));
    }

    /// A commit of everything.
    pub fn commit(&self, message: &str) {
        run(git(self.folder()).args(["add", "--all"]));
        run(git(self.folder()).args(["commit", "--quiet", "--allow-empty", "--message", message]));
    }

    /// The commit that is checked out.
    pub fn head(&self) -> String {
        run(git(self.folder()).args(["rev-parse", "HEAD"])).trim().to_owned()
    }

    /// Moves the branch, and the tree with it, to another commit.
    pub fn go_to(&self, commit: &str) {
        run(git(self.folder()).args(["reset", "--quiet", "--hard", commit]));
    }

    /// Takes the last commit back.
    pub fn back(&self) {
        run(git(self.folder()).args(["reset", "--quiet", "--hard", "HEAD~1"]));
    }

    /// The beginning that two commits' names share.
    pub fn ambiguous(&self) -> String {
        // Commits of one tree differ in their messages; among so many, two begin with the same four digits.
        let tree = run(git(self.folder()).args(["rev-parse", "HEAD^{tree}"]));
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..5000 {
            let message = format!("Commit {number}");
            let sha = run(git(self.folder()).args(["commit-tree", tree.trim(), "-m", &message]));
            if !seen.insert(sha[..4].to_owned()) {
                return sha[..4].to_owned();
            }
        }
        unreachable!("there are 65,536 beginnings of four digits")
    }

    /// With a remote that has everything but the last commit.
    pub fn with_origin(&self, test: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
        let origin = tempfile::tempdir()?;
        let path = origin.path().to_str().ok_or("the temporary folder is not UTF-8")?;
        run(git(self.folder()).args(["init", "--quiet", "--bare", path]));
        run(git(self.folder()).args(["remote", "add", "origin", path]));
        run(git(self.folder()).args(["push", "--quiet", "origin", "HEAD~1:refs/heads/main"]));
        let result = test();
        run(git(self.folder()).args(["remote", "remove", "origin"]));
        result
    }

    /// With a commit that is on a branch of its own.
    pub fn on_a_branch(&self, test: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
        run(git(self.folder()).args(["switch", "--quiet", "--create", "a-branch"]));
        self.commit("A commit that is not on main");
        let result = test();
        run(git(self.folder()).args(["switch", "--quiet", "main"]));
        result
    }
}

/// Git, in a folder.
pub fn git(folder: &Utf8Path) -> Command {
    let mut command = Command::new("git");
    // A person's own settings (signing, hooks) are no part of a test.
    let identity = ["user.name=Suite", "user.email=suite@example.org", "commit.gpgsign=false"];
    command.arg("-C").arg(folder).args(identity.iter().flat_map(|setting| ["-c", setting]));
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}
