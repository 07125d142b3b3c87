//! What a killed run, or a task that ends, may leave behind.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::fake_project::{CommandOutput, FakeProject, LONG};

/// How many passes of the task `format` are in the store.
fn passes(project: &FakeProject) -> usize {
    let folder = project.folder().join(".local/ci/store/passes/format");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "json")).count()
}

/// Last of all the task writes `done`: it has not passed before that.
#[test]
fn a_run_that_is_killed_at_any_moment_leaves_no_pass_that_did_not_happen() {
    let script = "PATH=/usr/bin:/bin; echo begun > .local/begun; sleep 0.02; echo done > .local/done";
    let project = FakeProject::with_cargo_and_git(script);
    let (mut killed_before, mut passed) = (0, 0);
    for round in 0..40 {
        for file in ["done", "begun"] {
            let _ = fs::remove_file(project.folder().join(".local").join(file));
        }
        project.write("tracehub.rs", &format!("// round {round}\n"));
        let before = passes(&project);
        let mut child = project.command(&["ci", "format"]).spawn().expect("it starts");
        thread::sleep(Duration::from_millis(round * 5));
        child.kill().expect("killed, or over");
        child.wait().expect("it exits");
        let recorded = passes(&project) - before;
        // A pass must not be recorded before the task has written `done`, also when the task, which is not killed,
        // ends later.
        let happened = project.folder().join(".local/done").exists();
        assert!(recorded == 0 || happened, "round {round}: a pass that did not happen");
        killed_before += usize::from(recorded == 0);
        passed += recorded;
    }
    assert!(killed_before > 0, "the kills came too late to show anything");
    let output = project.xtask(&["ci", "format"]);
    assert_eq!(output.last_line(), "1 passed, 0 failed, 0 skipped", "after {passed} passes: {output:?}");
}

#[test]
fn what_a_killed_run_left_running_is_ended_by_the_next_one() {
    let project = FakeProject::with_cargo_and_git(
        "case \"$1\" in fmt) PATH=/usr/bin:/bin; exec 3> pipe; setsid sleep 300 & sleep 300;; esac",
    );
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let (opened, closed) = project.watch_pipe();
    let mut command = project.command(&["ci", "format"]);
    let mut child = command.env("TMPDIR", temporary.path()).spawn().expect("it starts");
    opened.recv_timeout(LONG).expect("the task runs");
    child.kill().expect("killed");
    child.wait().expect("it exits");
    let left = || fs::read_dir(temporary.path()).expect("a folder").count();
    assert_eq!(left(), 1, "the killed run's folder");
    let mut next = project.command(&["ci", "clippy"]);
    assert_eq!(CommandOutput::of(next.env("TMPDIR", temporary.path())).code, Some(0));
    closed.recv_timeout(LONG).expect("no process of the killed run is left");
    assert_eq!(left(), 0, "and no folder");
}

#[test]
fn a_process_that_cleared_its_environment_and_left_its_session_is_ended_too() {
    let project = FakeProject::with_cargo(
        // It is called `sleep` only when it has cleared its environment and left its session: the task waits for that.
        "PATH=/usr/bin:/bin; exec 3> pipe; env -i setsid sleep 300 & \
         until grep -q sleep /proc/$!/comm; do sleep 0.01; done",
    );
    let (opened, closed) = project.watch_pipe();
    let output = project.xtask(&["ci", "format"]);
    opened.recv_timeout(LONG).expect("the task ran");
    closed.recv_timeout(LONG).expect("nothing of it is left");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("left behind and that were ended: 1, sleep"), "{}", output.stderr);
    assert_eq!(output.last_line(), "1 passed, 0 failed, 0 skipped");
}
