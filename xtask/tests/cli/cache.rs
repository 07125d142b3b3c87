//! What is remembered, and what is not believed.

use super::*;

/// Counts its calls, and passes.
pub const COUNTS: &str = "echo \"$*\" >> .local/calls";

impl Project {
    /// A project that is a repository, with a source.
    pub fn of_git(cargo: &str) -> Project {
        let project = Project::where_cargo(cargo);
        let git = which::which("git").expect("git is here");
        std::os::unix::fs::symlink(git, project.folder().join("bin/git")).expect("linked");
        fs::create_dir_all(project.folder().join("xtask/src")).expect("made");
        fs::create_dir_all(project.folder().join(".local")).expect("made");
        project.write(".gitignore", ".local/\nbin/\n");
        project.write("xtask/src/main.rs", "fn main() {}\n");
        project.write("tracehub.rs", "// a source\n");
        project.git(&["init", "--quiet", "--initial-branch=main"]);
        project.commit("First");
        project
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.folder().join(path), text).expect("written");
    }

    pub fn git(&self, words: &[&str]) {
        let identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
        let mut git = Command::new("git");
        git.arg("-C").arg(self.folder()).args(identity).args(words).env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(git.status().expect("git starts").success(), "{words:?}");
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// How often cargo was called.
    pub fn calls(&self) -> usize {
        fs::read_to_string(self.folder().join(".local/calls")).unwrap_or_default().lines().count()
    }
}

#[test]
fn the_second_run_of_the_same_tree_runs_no_task_and_a_commit_changes_nothing() {
    let project = Project::of_git(COUNTS);
    project.write("new.rs", "// not in git yet\n");
    for expected in [2, 2] {
        let said = project.xtask(&["ci", "format", "clippy"]);
        assert_eq!((said.code, said.last_line()), (Some(0), "2 passed, 0 failed, 0 skipped"), "{said:?}");
        assert_eq!(project.calls(), expected, "{said:?}");
    }
    project.commit("Second");
    let said = project.xtask(&["ci", "format", "clippy"]);
    assert!(said.stdout.contains("2 cached"), "{}", said.stdout);
    assert_eq!(project.calls(), 2);
    project.xtask(&["ci", "--force", "format"]);
    assert_eq!(project.calls(), 3, "--force believes nothing");
}

#[test]
fn the_plan_the_explanation_and_cached_only_decide_as_the_run_does_and_name_what_changed() {
    let project = Project::of_git(COUNTS);
    let cached_only = || project.xtask(&["ci", "--cached-only", "format"]).code;
    assert_eq!(cached_only(), Some(1), "it has never run");
    project.xtask(&["ci", "format"]);
    assert_eq!(cached_only(), Some(0));

    let plan_says = |words: &str| {
        let said = project.xtask(&["ci", "--plan", "format"]);
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
        let said = project.xtask(&["ci", "--explain", "format"]);
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
        assert_eq!(cached_only(), Some(1), "{words}");
    };
    project.write("tracehub.rs", "// another source\n");
    plan_says("tracehub.rs changed");
    project.write("tracehub.rs", "// a source\n");
    assert_eq!(cached_only(), Some(0), "as it was");
    project.write("xtask/src/main.rs", "fn main() { another_body() }\n");
    plan_says("xtask/src/main.rs, a part of every task, changed");
    project.write("xtask/src/main.rs", "fn main() {}\n");
    project.program("rustc", "echo 'rustc 1.96.1 (abcdef012 2026-07-07)'");
    plan_says("rust 1.95.0 → 1.96.1");
    project.xtask(&["ci", "format"]);
    assert_eq!(project.calls(), 2);
    let said = project.xtask(&["ci", "--explain", "format"]);
    assert!(said.stdout.contains("format is cached"), "{}", said.stdout);
    assert!(said.stdout.contains("ran because:\n  rust 1.95.0 → 1.96.1"), "why it ran: {}", said.stdout);
}

#[test]
fn variables_of_one_run_enter_no_fingerprint() {
    let project = Project::of_git(COUNTS);
    for run in ["1", "2"] {
        let mut command = project.command(&["ci", "format"]);
        command.env("GITHUB_RUN_ID", run).env("GITHUB_TOKEN", run).env("GITHUB_STEP_SUMMARY", "/dev/null");
        assert_eq!(Said::by(command.output().expect("it ends")).code, Some(0));
    }
    assert_eq!(project.calls(), 1);
}

#[test]
fn without_git_everything_runs_and_the_plan_says_why() {
    let project = Project::where_cargo("exit 0");
    let said = project.xtask(&["ci", "--plan", "format"]);
    assert!(said.stdout.contains("nothing is remembered"), "{}", said.stdout);
    assert_eq!(project.xtask(&["ci", "format"]).code, Some(0));
}

#[test]
fn a_store_that_can_not_be_used_is_a_warning() {
    let project = Project::of_git(COUNTS);
    fs::create_dir(project.folder().join(".local/ci")).expect("made");
    project.write(".local/ci/store", "a file");
    let said = project.xtask(&["ci", "format"]);
    assert_eq!((said.code, said.last_line()), (Some(0), "1 passed, 0 failed, 0 skipped"), "{said:?}");
    assert!(said.stderr.contains("warning: "), "{}", said.stderr);
}

#[test]
fn the_store_is_one_folder_that_a_workflow_can_carry_to_another_clone() {
    let (here, there) = (Project::of_git(COUNTS), Project::of_git(COUNTS));
    here.xtask(&["ci", "format"]);
    fs::create_dir(there.folder().join(".local/ci")).expect("made");
    fs::rename(here.folder().join(".local/ci/store"), there.folder().join(".local/ci/store"))
        .expect("carried");
    assert_eq!(there.xtask(&["ci", "--cached-only", "format"]).code, Some(0));
}
