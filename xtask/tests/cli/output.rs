//! What a run of tasks prints, and its exit code.

use std::fs;

use crate::fake_project::{CommandOutput, FakeProject};

#[test]
fn the_plan_lists_needs_first_and_changes_nothing() {
    let project = FakeProject::new();
    let output = project.xtask(&["ci", "--plan"]);
    assert_eq!(output.code, Some(0));
    let line = |task: &str| output.stdout.lines().position(|line| line.starts_with(task)).expect("listed");
    assert!(line("npm-ci") < line("eslint"), "{}", output.stdout);
    assert!(!project.folder().join(".local").exists());

    let events = project.xtask(&["ci", "--plan", "--json", "eslint"]).events();
    let names: Vec<&str> = events.iter().filter_map(|event| event["task"].as_str()).collect();
    assert_eq!(names, ["npm-ci", "eslint"]);
    assert_eq!(events[1]["needs"], serde_json::json!(["npm-ci"]));
}

#[test]
fn a_closed_pipe_ends_it_without_an_error() {
    let project = FakeProject::new();
    let mut child = project.command(&["ci", "--plan"]).spawn().expect("it starts");
    // As `| head -0` does: it must not matter whether a line is written already.
    drop(child.stdout.take());
    let output = CommandOutput::of_child(child);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stderr, "");
}

#[test]
fn an_answer_that_a_full_disk_does_not_take_is_an_error() {
    let project = FakeProject::new();
    for arguments in [&["ci", "--plan"][..], &["ci", "--plan", "--json"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
        let output = CommandOutput::of(project.command(arguments).stdout(full));
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stderr.contains("No space left on device"), "{}", output.stderr);
    }
}

#[test]
fn what_passes_is_quiet_and_the_last_line_counts() {
    let project = FakeProject::with_cargo("echo 'a line of output'");
    let output = project.xtask(&["ci", "format", "clippy"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.last_line(), "2 passed, 0 failed, 0 skipped");
    assert!(!output.stderr.contains("a line of output"), "{}", output.stderr);

    let output = project.xtask(&["ci", "format", "--verbose"]);
    assert_eq!(output.last_line(), "1 passed, 0 failed, 0 skipped");
    assert!(output.stderr.contains("a line of output"), "{}", output.stderr);
}

#[test]
fn a_failure_shows_the_lines_that_matter_how_to_repeat_it_and_where_the_rest_is() {
    let project =
        FakeProject::with_cargo("for i in 1 2 3 4 5 6 7 8 9; do echo \"$i-\n\n\n\n\n-$i\"; done; exit 7");
    let output = project.xtask(&["ci", "--jobs", "1", "format", "clippy"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("-9"), "the last line: {}", output.stderr);
    assert!(!output.stderr.contains("1-"), "54 lines are too many: {}", output.stderr);
    assert!(output.stderr.contains("`cargo fmt --all --check` ended with exit code 7"), "{}", output.stderr);
    assert!(output.stderr.contains("cargo xtask ci format\n"), "{}", output.stderr);
    let log = project.folder().join(".local/ci/format.log");
    assert!(output.stderr.contains(".local/ci/format.log"), "{}", output.stderr);
    let log = fs::read_to_string(log).expect("a log");
    assert!(log.contains("$ cargo fmt --all --check\n1-\n"), "{log}");
    assert!(output.stdout.contains("clippy: skipped, because format failed"), "{}", output.stdout);
    assert_eq!(output.last_line(), "0 passed, 1 failed, 1 skipped");
}

#[test]
fn nothing_is_printed_below_the_last_line_even_when_both_streams_are_one() {
    let project = FakeProject::with_cargo("exit 1");
    let log = project.folder().join("both");
    let both = fs::File::create(&log).expect("a file");
    let mut command = project.command(&["ci", "format"]);
    let status = command.stdout(both.try_clone().expect("cloned")).stderr(both).status().expect("it exits");
    assert_eq!(status.code(), Some(1));
    let output = fs::read_to_string(log).expect("both streams");
    assert!(output.ends_with("\n0 passed, 1 failed, 0 skipped\n"), "{output}");
}

#[test]
fn keep_going_runs_what_does_not_need_what_failed() {
    let project = FakeProject::with_cargo("exit 1");
    let output = project.xtask(&["ci", "--keep-going", "format", "clippy"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(output.last_line(), "0 passed, 2 failed, 0 skipped");
}

#[test]
fn what_can_not_run_is_skipped_with_the_reason_and_a_failure_in_ci() {
    let project = FakeProject::new();
    let output = project.xtask(&["ci", "eslint"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("npm-ci: skipped, Node 20"), "{}", output.stdout);
    assert!(output.stdout.contains("eslint: skipped, because npm-ci was skipped"), "{}", output.stdout);
    assert_eq!(output.last_line(), "0 passed, 0 failed, 2 skipped");

    let output = CommandOutput::of(project.command(&["ci", "eslint"]).env("CI", "true"));
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(output.last_line(), "0 passed, 1 failed, 1 skipped");
}

#[test]
fn with_json_each_line_is_an_event() {
    let project = FakeProject::with_cargo("exit 1");
    let output = project.xtask(&["ci", "--json", "--jobs", "1", "format", "clippy"]);
    assert_eq!(output.code, Some(1));
    let events = output.events();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(kinds, ["started", "finished", "finished", "summary"]);
    assert_eq!(events[1]["task"], "format");
    assert_eq!(events[1]["outcome"], "failed");
    assert!(events[1]["log"].as_str().is_some_and(|log| log.ends_with("format.log")), "{}", events[1]);
    assert_eq!(events[2]["reason"], "because format failed");
    assert_eq!(events[3]["failed"], 1);
}

#[test]
fn fmt_check_verifies_and_changes_nothing() {
    let project = FakeProject::with_cargo("echo \"$@\"; exit 1");
    let output = project.xtask(&["fmt", "--check"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("fmt --all --check"), "{}", output.stderr);
}

#[test]
fn tasks_get_neither_secrets_nor_cargo_s_variables_for_xtask() {
    let project = FakeProject::with_cargo("export");
    let secret = "not-for-children";
    let mut command = project.command(&["ci", "format"]);
    command.env("JWT_SECRET", secret).env("CARGO_PKG_NAME", "xtask").env("CARGO_MANIFEST_DIR", "/x");
    let output = CommandOutput::of(&mut command);
    assert_eq!(output.code, Some(0), "{output:?}");
    let log = fs::read_to_string(project.folder().join(".local/ci/format.log")).expect("a log");
    assert!(log.contains("XTASK_DRIVER="), "the script writes its environment: {log}");
    for unwanted in [secret, "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
        assert!(!log.contains(unwanted), "{unwanted}: {log}");
    }
}
