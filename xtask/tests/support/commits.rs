//! What the trials write into the copy of the repository, and the commits that they make of it.

use std::fs;
use std::process::Command;

use camino::Utf8Path;

use super::project::{Project, RELEASE_FILE};
use super::run;

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

    /// Adds a migration: its name without the ending, the SQL that applies it, and the SQL that undoes it.
    pub fn add_migration(&self, name: &str, up: &str, down: &str) {
        let path = format!("tracehub/backend/migrations/{name}");
        self.write(&format!("{path}.up.sql"), up);
        self.write(&format!("{path}.down.sql"), down);
    }

    /// What both suites' second release has: a migration that adds the table `a_table_more`, and code that can
    /// misbehave, for the trials after it.
    pub fn write_second_release(&self) {
        self.add_migration(
            "20990101000000_a_table_more",
            "-- expand\nCREATE TABLE a_table_more (id bigint PRIMARY KEY);\n",
            "DROP TABLE a_table_more;\n",
        );
        self.plant_faults();
    }

    /// A commit whose release looks for a database that does not exist, and so never gets ready.
    pub fn commit_without_database(&self) {
        self.replace(
            RELEASE_FILE,
            "${DATABASE_APP_ROLE}@postgres:5432/tracehub",
            "${DATABASE_APP_ROLE}@postgres:5432/nowhere",
        );
        self.commit("A release whose database does not exist");
    }

    /// Commits everything, or an empty commit where nothing has changed.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// Removes the last commit from the branch, and its changes from the tree.
    pub fn drop_commit(&self) {
        self.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    }

    /// Runs git in the copy. Gives what it printed; panics when it fails.
    pub fn git(&self, arguments: &[&str]) -> String {
        run(git(self.folder()).args(arguments))
    }
}

/// Git in a folder, without a person's own settings: signing and hooks are no part of a test.
pub fn git(folder: &Utf8Path) -> Command {
    let mut command = Command::new("git");
    let identity = ["user.name=Suite", "user.email=suite@example.org", "commit.gpgsign=false"];
    command.arg("-C").arg(folder).args(identity.iter().flat_map(|setting| ["-c", setting]));
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}
