//! `cargo xtask` as a user meets it: the real program, in a project of its own where `cargo` and `npm` are scripts.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

#[path = "cli/cache.rs"]
mod cache;
#[path = "cli/kills.rs"]
mod kills;
#[path = "cli/proofs.rs"]
mod proofs;
#[path = "cli/select.rs"]
mod select;

/// What is far longer than anything here takes, and shorter than anybody waits.
const LONG: Duration = Duration::from_secs(30);
/// When a workflow that is cancelled kills what is left comes later than this.
const SOON: Duration = Duration::from_secs(6);

/// A folder that xtask takes for its repository.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Project {
        let project = Project(tempfile::tempdir().expect("a temporary folder"));
        for folder in ["xtask", "bin"] {
            fs::create_dir(project.folder().join(folder)).expect("made");
        }
        fs::write(project.folder().join("xtask/Cargo.toml"), "").expect("written");
        project
    }

    /// A project where `cargo` does this.
    fn where_cargo(script: &str) -> Project {
        let project = Project::new();
        project.program("cargo", script);
        project.program("rustc", "echo 'rustc 1.95.0 (59807616e 2026-04-14)'");
        project
    }

    /// A program on the path.
    fn program(&self, name: &str, script: &str) {
        let program = self.folder().join("bin").join(name);
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    /// `cargo xtask ARGUMENTS`, on a machine that has the scripts and no Node.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).current_dir(self.folder()).env("PATH", self.folder().join("bin"));
        // In a workflow it would write to the page of the run that tests it.
        for variable in ["CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "CARGO_TARGET_DIR", "XTASK_TOOLS_DIR"]
        {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn xtask(&self, arguments: &[&str]) -> Said {
        Said::by(self.command(arguments).output().expect("it starts"))
    }
}

/// What it said, and how it ended.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    fn by(output: Output) -> Said {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }
}

#[test]
fn help_lists_the_verbs_in_groups() {
    let said = Project::new().xtask(&["--help"]);
    assert_eq!(said.code, Some(0));
    let line = |start: &str| said.stdout.lines().position(|line| line.starts_with(start)).expect(start);
    let places =
        ["Build and check:", "  ci ", "Deploy:", "  rollback ", "Data:", "  db ", "Options:"].map(line);
    assert!(places.is_sorted(), "{}", said.stdout);
}

#[test]
fn the_tasks_are_listed_when_asked_for_and_not_in_the_help() {
    let project = Project::new();
    let help = project.xtask(&["ci", "--help"]);
    assert!(!help.stdout.contains("clippy"), "{}", help.stdout);
    let list = project.xtask(&["ci", "--list"]);
    let has = |words: &[&str]| list.stdout.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(has(&["clippy ", " lint ", "Rust's lint rules"]), "{}", list.stdout);
    assert!(has(&["deploy-suite-deep", "deep"]), "{}", list.stdout);
    let events = project.xtask(&["ci", "--list", "--json", "fmt"]).events();
    let names: Vec<&str> = events.iter().filter_map(|event| event["task"].as_str()).collect();
    assert_eq!((names, &events[0]["event"]), (vec!["format", "prettier"], &"listed".into()));
}

#[test]
fn an_unknown_task_is_answered_with_the_near_names_and_not_with_all() {
    let project = Project::new();
    for slip in [
        &["ci", "frontend-tst"][..],
        &["ci", "--explain", "frontend-tst"],
        &["ci", "--skip", "frontend-tst"],
        &["bench", "pipeline", "--cold", "--only", "frontend-tst"],
    ] {
        let said = project.xtask(slip);
        assert_eq!(said.code, Some(2), "{slip:?}");
        assert!(said.stderr.contains("Did you mean 'frontend-test'?"), "{slip:?}: {}", said.stderr);
        assert!(said.stderr.contains("cargo xtask ci --list"), "{slip:?}: {}", said.stderr);
        assert!(!said.stderr.contains("clippy"), "{slip:?}: {}", said.stderr);
    }
}

#[test]
fn each_verb_about_an_environment_has_its_result_for_programs() {
    let project = Project::new();
    for verb in [
        &["deploy"][..],
        &["rollback"],
        &["recover"],
        &["status"],
        &["releases"],
        &["maintenance", "on"],
        &["maintenance", "off"],
        &["secrets", "list"],
        &["secrets", "revoke"],
        &["db", "backup"],
        &["db", "list"],
        &["db", "take"],
        &["db", "restore"],
        &["db", "rehearse"],
        &["platform", "up"],
        &["host", "setup"],
        &["down"],
    ] {
        let said = project.xtask(&[verb, &["--help"]].concat());
        assert!(said.stdout.contains("--json"), "{verb:?}: {}", said.stdout);
    }
}

#[test]
fn without_a_lab_its_variables_are_refused_and_the_verb_that_helps_is_named() {
    let project = Project::new();
    let said = project.xtask(&["lab", "env"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(3), ""));
    assert!(said.stderr.contains("cargo xtask lab up"), "{said:?}");
    for verb in ["status", "down"] {
        let said = project.xtask(&["lab", verb]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stdout.contains("no lab is up"), "{said:?}");
    }
}

#[test]
fn what_lab_env_prints_arrives_in_a_real_sh_as_it_is() {
    let project = Project::new();
    let folder = project.folder().join(".local/lab");
    fs::create_dir_all(&folder).expect("made");
    let host = r#"{"container": "c", "ssh": 2201, "http": 8001, "https": 8401, "host_key": "ssh-ed25519 A'$(exit)\"B"}"#;
    let lab = format!(r#"{{"name": "n", "registry": 5000, "registry_read_only": 5001, "hosts": [{host}]}}"#);
    fs::write(folder.join("lab.json"), lab).expect("written");
    let said = project.xtask(&["lab", "env"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("# production has no machine: `cargo xtask lab up --hosts 2`"), "{said:?}");
    let show =
        r#"eval "$1"; printf '%s\n' "$STAGING_HOST_KEY" "$LAB_PORT" "$REGISTRY" "${PRODUCTION_HOST-none}""#;
    let told = Command::new("/bin/sh")
        .args(["-c", show, "sh", &said.stdout])
        .env_clear()
        .output()
        .expect("it starts");
    let told = String::from_utf8(told.stdout).expect("UTF-8");
    assert_eq!(told, "ssh-ed25519 A'$(exit)\"B\n2201\nlocalhost:5000\nnone\n");
}

#[test]
fn without_a_verb_it_shows_what_there_is() {
    let said = Project::new().xtask(&[]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("Build and check:"), "{said:?}");
}

#[test]
fn a_slip_of_the_keyboard_is_answered_with_what_was_meant() {
    for (slip, meant) in [
        (&["lnt"][..], "lint"),
        (&["ci", "--kep-going"], "--keep-going"),
        (&["ci", "clipy"], "clippy"),
        (&["ci", "npmci"], "npm-ci"),
        (&["fmt", "--chek"], "--check"),
    ] {
        let said = Project::new().xtask(slip);
        assert_eq!(said.code, Some(2), "{slip:?}");
        assert!(said.stderr.contains(slip[slip.len() - 1]), "the word itself: {}", said.stderr);
        assert!(said.stderr.contains(&format!("'{meant}'")), "{slip:?}: {}", said.stderr);
    }
}

#[test]
fn the_plan_lists_needs_first_and_changes_nothing() {
    let project = Project::new();
    let said = project.xtask(&["ci", "--plan"]);
    assert_eq!(said.code, Some(0));
    let line = |task: &str| said.stdout.lines().position(|line| line.starts_with(task)).expect("listed");
    assert!(line("npm-ci") < line("eslint"), "{}", said.stdout);
    assert!(!project.folder().join(".local").exists());

    let events = project.xtask(&["ci", "--plan", "--json", "eslint"]).events();
    let names: Vec<&str> = events.iter().filter_map(|event| event["task"].as_str()).collect();
    assert_eq!(names, ["npm-ci", "eslint"]);
    assert_eq!(events[1]["needs"], serde_json::json!(["npm-ci"]));
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let project = Project::new();
    let mut child = project.command(&["ci", "--plan"]).spawn().expect("it starts");
    // As `| head -0` does, and before the first line is written or after: it must not matter.
    drop(child.stdout.take());
    let said = Said::by(child.wait_with_output().expect("it ends"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.stderr, "");
}

#[test]
fn what_passes_is_quiet_and_the_last_line_counts() {
    let project = Project::where_cargo("echo 'much to say'");
    let said = project.xtask(&["ci", "format", "clippy"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.last_line(), "2 passed, 0 failed, 0 skipped");
    assert!(!said.stderr.contains("much to say"), "{}", said.stderr);

    let said = project.xtask(&["ci", "format", "--verbose"]);
    assert_eq!(said.last_line(), "1 passed, 0 failed, 0 skipped");
    assert!(said.stderr.contains("much to say"), "{}", said.stderr);
}

#[test]
fn a_failure_shows_the_lines_that_matter_how_to_repeat_it_and_where_the_rest_is() {
    let project =
        Project::where_cargo("for i in 1 2 3 4 5 6 7 8 9; do echo \"$i-\n\n\n\n\n-$i\"; done; exit 7");
    let said = project.xtask(&["ci", "--jobs", "1", "format", "clippy"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("-9"), "the last line: {}", said.stderr);
    assert!(!said.stderr.contains("1-"), "54 lines are too many: {}", said.stderr);
    assert!(said.stderr.contains("`cargo fmt --all --check` ended with exit code 7"), "{}", said.stderr);
    assert!(said.stderr.contains("cargo xtask ci format\n"), "{}", said.stderr);
    let log = project.folder().join(".local/ci/format.log");
    assert!(said.stderr.contains(".local/ci/format.log"), "{}", said.stderr);
    let log = fs::read_to_string(log).expect("a log");
    assert!(log.contains("$ cargo fmt --all --check\n1-\n"), "{log}");
    assert!(said.stdout.contains("clippy: skipped, because format failed"), "{}", said.stdout);
    assert_eq!(said.last_line(), "0 passed, 1 failed, 1 skipped");
}

#[test]
fn nothing_stands_below_the_last_line_even_when_both_streams_are_one() {
    let project = Project::where_cargo("exit 1");
    let log = project.folder().join("both");
    let both = fs::File::create(&log).expect("a file");
    let mut command = project.command(&["ci", "format"]);
    let status = command.stdout(both.try_clone().expect("cloned")).stderr(both).status().expect("it ends");
    assert_eq!(status.code(), Some(1));
    let said = fs::read_to_string(log).expect("both streams");
    assert!(said.ends_with("\n0 passed, 1 failed, 0 skipped\n"), "{said}");
}

#[test]
fn keep_going_runs_what_does_not_need_what_failed() {
    let project = Project::where_cargo("exit 1");
    let said = project.xtask(&["ci", "--keep-going", "format", "clippy"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.last_line(), "0 passed, 2 failed, 0 skipped");
}

#[test]
fn what_can_not_run_here_is_skipped_with_the_reason_and_a_failure_in_ci() {
    let project = Project::new();
    let said = project.xtask(&["ci", "eslint"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("npm-ci: skipped, Node 20"), "{}", said.stdout);
    assert!(said.stdout.contains("eslint: skipped, because npm-ci was skipped"), "{}", said.stdout);
    assert_eq!(said.last_line(), "0 passed, 0 failed, 2 skipped");

    let in_ci = project.command(&["ci", "eslint"]).env("CI", "true").output().expect("it ends");
    let said = Said::by(in_ci);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(said.last_line(), "0 passed, 1 failed, 1 skipped");
}

#[test]
fn a_program_reads_one_event_a_line() {
    let project = Project::where_cargo("exit 1");
    let said = project.xtask(&["ci", "--json", "--jobs", "1", "format", "clippy"]);
    assert_eq!(said.code, Some(1));
    let events = said.events();
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
    let project = Project::where_cargo("echo \"$@\"; exit 1");
    let said = project.xtask(&["fmt", "--check"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("fmt --all --check"), "{}", said.stderr);
}

#[test]
fn tasks_see_neither_secrets_nor_what_cargo_told_xtask() {
    let project = Project::where_cargo("export");
    let secret = "not-for-children";
    let mut command = project.command(&["ci", "format"]);
    command.env("JWT_SECRET", secret).env("CARGO_PKG_NAME", "xtask").env("CARGO_MANIFEST_DIR", "/x");
    let said = Said::by(command.output().expect("it ends"));
    assert_eq!(said.code, Some(0), "{said:?}");
    let log = fs::read_to_string(project.folder().join(".local/ci/format.log")).expect("a log");
    assert!(log.contains("XTASK_DRIVER="), "the script writes its environment: {log}");
    for unwanted in [secret, "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
        assert!(!log.contains(unwanted), "{unwanted}: {log}");
    }
}

/// Every process of the task holds the pipe's other end open: when it reads as closed, all of them have gone.
#[test]
fn ctrl_c_ends_the_task_with_all_its_children_and_says_what_became_of_the_rest() {
    let script = "PATH=/usr/bin:/bin; exec 3> pipe; setsid sleep 300 & sleep 300 & sleep 300";
    let project = Project::where_cargo(script);
    let (opened, closed) = watch(&pipe(project.folder()));
    let child = project.command(&["ci", "format", "clippy"]).spawn().expect("it starts");
    opened.recv_timeout(LONG).expect("the task runs");
    send(&child, Signal::INT);
    closed.recv_timeout(SOON).expect("no process of the task is left, sessions of their own included");
    let said = Said::by(child.wait_with_output().expect("it ends"));
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.stdout.contains("format: skipped, interrupted"), "{}", said.stdout);
    assert_eq!(said.last_line(), "0 passed, 0 failed, 2 skipped");
}

#[test]
fn a_workflow_that_is_cancelled_is_an_interrupt_too() {
    let project = Project::where_cargo("PATH=/usr/bin:/bin; exec 3> pipe; sleep 300 & sleep 300");
    let (opened, closed) = watch(&pipe(project.folder()));
    let child = project.command(&["ci", "format"]).spawn().expect("it starts");
    opened.recv_timeout(LONG).expect("the task runs");
    send(&child, Signal::TERM);
    closed.recv_timeout(SOON).expect("no process of the task is left");
    assert_eq!(child.wait_with_output().expect("it ends").status.code(), Some(130));
}

#[test]
fn a_tool_that_is_interrupted_while_it_is_asked_for_its_version_is_not_missing() {
    let project = Project::where_cargo("exit 0");
    project.program("rustc", "PATH=/usr/bin:/bin; exec 3> pipe; sleep 300");
    let (opened, closed) = watch(&pipe(project.folder()));
    let child = project.command(&["ci", "format"]).spawn().expect("it starts");
    opened.recv_timeout(LONG).expect("it is asked");
    send(&child, Signal::INT);
    closed.recv_timeout(SOON).expect("the question is over");
    let said = Said::by(child.wait_with_output().expect("it ends"));
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.stdout.contains("format: skipped, interrupted"), "{}", said.stdout);
}

fn pipe(folder: &Path) -> PathBuf {
    let pipe = folder.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts");
    assert!(made.success());
    pipe
}

/// Two messages: somebody writes to the pipe; nobody can any more.
fn watch(pipe: &Path) -> (Receiver<()>, Receiver<()>) {
    let ((open, opened), (close, closed)) = (channel(), channel());
    let pipe = pipe.to_owned();
    thread::spawn(move || {
        let mut reader = fs::File::open(pipe).expect("opened");
        let _ = open.send(());
        let _ = reader.read_to_end(&mut Vec::new());
        let _ = close.send(());
    });
    (opened, closed)
}

fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, signal).expect("sent");
}
