//! What the runner promises. An interrupt is one for the whole process, so those tests are with the command line's,
//! in `tests/cli/interrupts.rs`.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, kill_process_group};
use xshell::cmd;

use super::*;

/// What is far longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// `script`, as a child of the runner.
fn sh(script: &str) -> Run<'static> {
    Run::new(cmd!(shell(), "sh -c {script}"))
}

/// A message when nobody holds the pipe open for writing any more.
fn when_closed(pipe: Utf8PathBuf) -> Receiver<()> {
    let (close, closed) = channel();
    thread::spawn(move || {
        let _ = File::open(pipe).expect("opened").read_to_end(&mut Vec::new());
        let _ = close.send(());
    });
    closed
}

fn named_pipe(folder: &tempfile::TempDir) -> Utf8PathBuf {
    let pipe = Utf8Path::from_path(folder.path()).expect("UTF-8").join("pipe");
    sh(&format!("mkfifo {pipe}")).run().expect("made");
    pipe
}

#[test]
fn the_answer_is_standard_output_without_its_last_newline() {
    assert_eq!(sh("echo one; echo two; echo aside >&2").text().expect("it passes"), "one\ntwo");
}

#[test]
fn a_failure_carries_the_command_the_exit_code_and_the_last_lines() {
    let error = sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo line $i >&2; done; exit 3").run();
    let error = error.expect_err("it fails");
    assert!(matches!(error, CommandError::Failed { code: Some(3), .. }), "{error:?}");
    let words = error.to_string();
    assert!(words.starts_with("`sh -c"), "{words}");
    assert!(words.contains("ended with exit code 3"), "{words}");
    assert!(words.ends_with("\n    line 13\n    line 14"), "{words}");
    assert!(!words.contains("line 2\n"), "the first lines are left out: {words}");
}

#[test]
fn a_failure_that_was_explained_on_standard_output_carries_that() {
    let words = sh("echo the reason; exit 1").run().expect_err("it fails").to_string();
    assert!(words.ends_with("\n    the reason"), "{words}");
}

#[test]
fn a_signal_is_no_exit_code() {
    let error = sh("kill -9 $$").run().expect_err("it is killed");
    assert!(matches!(error, CommandError::Failed { code: None, .. }), "{error:?}");
    assert!(error.to_string().contains("was killed by signal 9"), "{error}");
}

#[test]
fn whether_it_succeeds_can_be_asked_without_an_error() {
    assert!(sh("exit 0").succeeds().expect("it ran"));
    assert!(!sh("exit 4").succeeds().expect("it ran"));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = Run::new(cmd!(shell(), "no-such-program --flag")).run().expect_err("nothing to run");
    assert_eq!(error.to_string(), "`no-such-program` was not found on this machine");
}

#[test]
fn standard_input_is_what_was_given_and_otherwise_empty() {
    assert_eq!(sh("cat").stdin("given").text().expect("it passes"), "given");
    assert_eq!(sh("cat").text().expect("it passes"), "");
    sh("exit 0").stdin(vec![b'x'; 1 << 20]).run().expect("a child need not read it");
}

#[test]
fn each_line_of_both_streams_is_seen() {
    let seen = Mutex::new(Vec::new());
    let each_line = |line: &str| seen.lock().expect("no holder panics").push(line.to_owned());
    sh("echo out; echo err >&2; printf last").each_line(&each_line).run().expect("it passes");
    let mut seen = seen.into_inner().expect("no holder panics");
    seen.sort();
    assert_eq!(seen, ["err", "last", "out"]);
}

#[test]
fn the_time_limit_ends_a_grandchild_that_holds_the_pipe() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = named_pipe(&folder);
    let closed = when_closed(pipe.clone());
    let timeout = Duration::from_millis(300);
    let error = sh(&format!("exec 3> {pipe}; echo begun; sleep 300 & sleep 300"))
        .timeout(timeout)
        .run()
        .expect_err("it does not end by itself");
    assert!(matches!(error, CommandError::TimedOut { .. }), "{error:?}");
    assert!(error.to_string().contains("timeout of 300ms\n    begun"), "{error}");
    closed.recv_timeout(LONG).expect("the grandchild has gone");
}

#[test]
fn who_does_not_listen_when_asked_to_end_is_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = named_pipe(&folder);
    let closed = when_closed(pipe.clone());
    let stubborn = format!("trap '' TERM; exec 3> {pipe}; sleep 300 & sleep 300");
    let error =
        sh(&stubborn).timeout(Duration::from_millis(100)).run().expect_err("it does not end by itself");
    assert!(matches!(error, CommandError::TimedOut { .. }), "{error:?}");
    closed.recv_timeout(LONG).expect("all of it has gone");
}

#[test]
fn what_a_command_leaves_running_in_its_group_ends_with_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = named_pipe(&folder);
    let closed = when_closed(pipe.clone());
    let began = Instant::now();
    let answer = sh(&format!("exec 3> {pipe}; sleep 300 & echo done")).text().expect("it passes");
    assert_eq!(answer, "done");
    assert!(began.elapsed() < LONG, "it waited for the grandchild");
    closed.recv_timeout(LONG).expect("the grandchild has gone");
}

#[test]
fn what_a_command_leaves_writing_ends_with_it() {
    let began = Instant::now();
    sh("yes & exit 0").run().expect("it passes");
    assert!(began.elapsed() < LONG, "it waited for the one that writes");
}

#[test]
fn of_a_pipe_the_last_one_tells_and_whichever_fails_fails_it() {
    let sh = shell();
    let run = |script: &'static str| Run::new(cmd!(sh, "sh -c {script}"));
    let through = || run("tr a-z A-Z");
    let told = run("printf hello").pipe(through(), run("cat; echo ' read'")).unwrap();
    assert_eq!(told.stdout, "HELLO read\n");
    let big = run("head -c 3000000 /dev/zero").pipe(run("cat"), run("wc -c")).unwrap();
    assert_eq!(big.stdout.trim(), "3000000");
    let error = run("printf half; echo the first >&2; exit 3").pipe(through(), run("cat")).unwrap_err();
    assert!(error.to_string().contains("the first"), "{error}");
    let error = run("printf whole").pipe(run("echo the second >&2; exit 3"), run("cat")).unwrap_err();
    assert!(error.to_string().contains("the second"), "{error}");
    let error = run("cat /dev/zero").pipe(run("cat"), run("echo the last >&2; exit 3")).unwrap_err();
    assert!(error.to_string().contains("the last"), "{error}");
}

#[test]
fn what_left_the_group_and_holds_the_output_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let begun = Utf8Path::from_path(folder.path()).expect("UTF-8").join("begun");
    let script = format!(
        "setsid sh -c 'echo $$ > {begun}; exec sleep 60' & until [ -s {begun} ]; do sleep 0.01; done; echo done"
    );
    let began = Instant::now();
    assert_eq!(sh(&script).text().expect("it passes"), "done");
    assert!(began.elapsed() < LONG, "it waited for the session of its own");
    let pid = std::fs::read_to_string(begun).expect("its number");
    let pid = pid.trim().parse().ok().and_then(Pid::from_raw).expect("a number");
    kill_process_group(pid, Signal::KILL).expect("it is there");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "what the runner does about it is seen against what happens without it"
)]
fn a_program_that_somebody_still_writes_is_started_when_it_is_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = Utf8Path::from_path(folder.path()).expect("UTF-8").join("program");
    std::fs::write(&program, "#!/bin/sh\necho whole\n").expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let writer = format!("exec 9>> {program}; echo opened; exec sleep 0.3");
    let shell = shell();
    let writer = Session::start(cmd!(shell, "sh -c {writer}"), "the writer").expect("started");
    assert_eq!(writer.output.recv().as_deref(), Ok("opened\n"));
    let busy = Command::new(&program).spawn().expect_err("it is open for writing");
    assert_eq!(busy.kind(), io::ErrorKind::ExecutableFileBusy);
    assert_eq!(Run::new(cmd!(shell, "{program}")).text().expect("it passes"), "whole");
    assert!(writer.group.wait().expect("it ends").success());
}
