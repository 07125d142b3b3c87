//! When a task is cached, and when it runs again.

use std::fs;
use std::thread;
use std::time::Instant;

use rustix::process::Signal;

use crate::fake_project::{COUNTING, CommandOutput, FakeProject, LONG, send};

#[test]
fn the_second_run_of_the_same_tree_runs_no_task_and_a_commit_changes_nothing() {
    let project = FakeProject::with_cargo_and_git(COUNTING);
    project.write("new.rs", "// not in git yet\n");
    // clippy is two: the suites are named to it by themselves.
    for expected in [3, 3] {
        let output = project.xtask(&["ci", "format", "clippy"]);
        assert_eq!(
            (output.code, output.last_line()),
            (Some(0), "2 passed, 0 failed, 0 skipped"),
            "{output:?}"
        );
        assert_eq!(project.calls(), expected, "{output:?}");
    }
    project.commit("Second");
    let output = project.xtask(&["ci", "format", "clippy"]);
    assert!(output.stdout.contains("2 cached"), "{}", output.stdout);
    assert_eq!(project.calls(), 3);
    project.xtask(&["ci", "--force", "format"]);
    assert_eq!(project.calls(), 4, "--force runs what is cached");
}

#[test]
fn the_plan_the_explanation_and_cached_only_decide_as_the_run_does_and_name_what_changed() {
    let project = FakeProject::with_cargo_and_git(COUNTING);
    let cached_only = || project.xtask(&["ci", "--cached-only", "format"]).code;
    assert_eq!(cached_only(), Some(1), "it has never run");
    project.xtask(&["ci", "format"]);
    assert_eq!(cached_only(), Some(0));

    let plan_and_explanation_say = |words: &str| {
        let output = project.xtask(&["ci", "--plan", "format"]);
        assert!(output.stdout.contains(words), "{words}: {}", output.stdout);
        let output = project.xtask(&["ci", "--explain", "format"]);
        assert!(output.stdout.contains(words), "{words}: {}", output.stdout);
        assert_eq!(cached_only(), Some(1), "{words}");
    };
    project.write("tracehub.rs", "// another source\n");
    plan_and_explanation_say("tracehub.rs changed");
    project.write("tracehub.rs", "// a source\n");
    assert_eq!(cached_only(), Some(0), "the content is as before");
    project.write("xtask/src/main.rs", "fn main() { another_body() }\n");
    plan_and_explanation_say("xtask/src/main.rs, a part of every task, changed");
    project.write("xtask/src/main.rs", "fn main() {}\n");
    project.add_program("rustc", "echo 'rustc 1.96.1 (abcdef012 2026-07-07)'");
    plan_and_explanation_say("rust 1.95.0 → 1.96.1");
    project.xtask(&["ci", "format"]);
    assert_eq!(project.calls(), 2);
    let output = project.xtask(&["ci", "--explain", "format"]);
    assert!(output.stdout.contains("format is cached"), "{}", output.stdout);
    assert!(output.stdout.contains("ran because:\n  rust 1.95.0 → 1.96.1"), "why it ran: {}", output.stdout);
}

#[test]
fn variables_of_one_run_enter_no_fingerprint() {
    let project = FakeProject::with_cargo_and_git(COUNTING);
    for run in ["1", "2"] {
        let mut command = project.command(&["ci", "format"]);
        command.env("GITHUB_RUN_ID", run).env("GITHUB_TOKEN", run).env("GITHUB_STEP_SUMMARY", "/dev/null");
        assert_eq!(CommandOutput::of(&mut command).code, Some(0));
    }
    assert_eq!(project.calls(), 1);
}

#[test]
fn without_git_everything_runs_and_the_plan_and_explanation_say_why() {
    let project = FakeProject::with_cargo("exit 0");
    let output = project.xtask(&["ci", "--plan", "format"]);
    assert!(output.stdout.contains("nothing is remembered"), "{}", output.stdout);
    assert_eq!(project.xtask(&["ci", "format"]).code, Some(0));
}

#[test]
fn a_store_that_can_not_be_used_is_a_warning() {
    let project = FakeProject::with_cargo_and_git(COUNTING);
    fs::create_dir(project.folder().join(".local/ci")).expect("made");
    project.write(".local/ci/store", "a file");
    let output = project.xtask(&["ci", "format"]);
    assert_eq!((output.code, output.last_line()), (Some(0), "1 passed, 0 failed, 0 skipped"), "{output:?}");
    assert!(output.stderr.contains("warning: "), "{}", output.stderr);
}

#[test]
fn the_store_is_one_folder_that_a_workflow_can_carry_to_another_clone() {
    let (here, there) =
        (FakeProject::with_cargo_and_git(COUNTING), FakeProject::with_cargo_and_git(COUNTING));
    here.xtask(&["ci", "format"]);
    fs::create_dir(there.folder().join(".local/ci")).expect("made");
    fs::rename(here.folder().join(".local/ci/store"), there.folder().join(".local/ci/store"))
        .expect("carried");
    assert_eq!(there.xtask(&["ci", "--cached-only", "format"]).code, Some(0));
}

#[test]
fn watch_runs_again_at_a_change_and_ends_when_asked_to() {
    let project = FakeProject::with_cargo_and_git(COUNTING);
    let child = project.command(&["ci", "--watch", "format"]).spawn().expect("it starts");
    let wait_for = |calls: usize| {
        let began = Instant::now();
        while project.calls() < calls {
            assert!(began.elapsed() < LONG, "it has not run {calls} times");
            thread::yield_now();
        }
    };
    wait_for(1);
    project.write("tracehub.rs", "// a change while it runs, or afterwards\n");
    wait_for(2);
    send(&child, Signal::INT);
    let output = CommandOutput::of_child(child);
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(output.stdout.contains("1 passed, 0 failed, 0 skipped"), "{output:?}");
}
