//! Ctrl-C, and a workflow that is cancelled.

use rustix::process::Signal;

use crate::fake_project::{CommandOutput, FakeProject, LONG, SOON, send};

/// Every process of the task has the pipe open: when nobody has it open any more, all of them are gone.
#[test]
fn ctrl_c_ends_the_task_with_all_its_processes_and_skips_the_rest() {
    let script = "PATH=/usr/bin:/bin; exec 3> pipe; setsid sleep 300 & sleep 300 & sleep 300";
    let project = FakeProject::with_cargo(script);
    let (opened, closed) = project.watch_pipe();
    let child = project.command(&["ci", "format", "clippy"]).spawn().expect("it starts");
    opened.recv_timeout(LONG).expect("the task runs");
    send(&child, Signal::INT);
    closed.recv_timeout(SOON).expect("no process of the task is left, also in no session of its own");
    let output = CommandOutput::of_child(child);
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(output.stdout.contains("format: skipped, interrupted"), "{}", output.stdout);
    assert_eq!(output.last_line(), "0 passed, 0 failed, 2 skipped");
}

#[test]
fn a_workflow_that_is_cancelled_is_an_interrupt_too() {
    let project = FakeProject::with_cargo("PATH=/usr/bin:/bin; exec 3> pipe; sleep 300 & sleep 300");
    let (opened, closed) = project.watch_pipe();
    let child = project.command(&["ci", "format"]).spawn().expect("it starts");
    opened.recv_timeout(LONG).expect("the task runs");
    send(&child, Signal::TERM);
    closed.recv_timeout(SOON).expect("no process of the task is left");
    assert_eq!(child.wait_with_output().expect("it exits").status.code(), Some(130));
}

#[test]
fn a_tool_whose_version_query_is_interrupted_is_not_called_missing() {
    let project = FakeProject::with_cargo("exit 0");
    project.add_program("rustc", "PATH=/usr/bin:/bin; exec 3> pipe; sleep 300");
    let (opened, closed) = project.watch_pipe();
    let child = project.command(&["ci", "format"]).spawn().expect("it starts");
    opened.recv_timeout(LONG).expect("it is asked for its version");
    send(&child, Signal::INT);
    closed.recv_timeout(SOON).expect("it has ended");
    let output = CommandOutput::of_child(child);
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(output.stdout.contains("format: skipped, interrupted"), "{}", output.stdout);
}
