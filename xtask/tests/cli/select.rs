//! Which tasks a call selects, and how it shows them.

use std::fs;

use crate::fake_project::{COUNTING, CommandOutput, FakeProject};

/// The tasks of a plan.
fn planned(project: &FakeProject, arguments: &[&str]) -> Vec<String> {
    let output = project.xtask(&[&["ci", "--plan", "--json"], arguments].concat());
    assert_eq!(output.code, Some(0), "{output:?}");
    output.events().iter().filter_map(|event| event["task"].as_str().map(str::to_owned)).collect()
}

#[test]
fn only_leaves_out_what_is_needed_and_skip_what_needs_it() {
    let project = FakeProject::with_cargo_and_git(COUNTING);
    assert_eq!(planned(&project, &["eslint"]), ["npm-ci", "eslint"]);
    assert_eq!(planned(&project, &["--only", "eslint"]), ["eslint"]);
    assert_eq!(planned(&project, &["format", "eslint", "--skip", "npm-ci"]), ["format"]);
    assert!(!planned(&project, &["--skip", "test"]).contains(&"xtask-test".to_owned()));
}

#[test]
fn since_selects_what_the_changes_can_affect_and_names_the_file() {
    let project = FakeProject::with_cargo_and_git(COUNTING);
    let all = planned(&project, &[]);
    project.git(&["switch", "--quiet", "--create", "change"]);
    assert_eq!(planned(&project, &["--since", "main"]), Vec::<String>::new());
    project.write("another.rs", "// new\n");
    // The tasks `secrets`, `documents` and `task-table` read every file.
    let expected = ["format", "secrets", "documents", "task-table"];
    assert_eq!(planned(&project, &["--since", "main"]), expected, "an untracked file counts");
    let output = project.xtask(&["ci", "--plan", "--since", "main"]);
    assert!(output.stdout.contains("another.rs changed"), "{}", output.stdout);
    project.write("Cargo.lock", "# another lock file\n");
    assert_eq!(planned(&project, &["--since", "main"]), all);
    let output = project.xtask(&["ci", "--plan", "--since", "main"]);
    assert!(output.stdout.contains("Cargo.lock, a part of every task, changed"), "{}", output.stdout);
    let output = project.xtask(&["ci", "--plan", "--since", "mian"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("mian is neither a commit nor a branch here"), "{}", output.stderr);
}

#[test]
fn a_clone_too_shallow_to_tell_runs_everything_and_says_so() {
    let origin = FakeProject::with_cargo_and_git(COUNTING);
    origin.git(&["switch", "--quiet", "--create", "change"]);
    origin.commit("Second");
    origin.commit("Third");
    let clone = FakeProject::with_cargo(COUNTING);
    clone.add_git();
    let url = format!("file://{}", origin.folder().display());
    clone.git(&["init", "--quiet"]);
    clone.git(&["fetch", "--quiet", "--depth=1", &url, "change:change", "main:main"]);
    clone.git(&["symbolic-ref", "HEAD", "refs/heads/change"]);
    clone.git(&["reset", "--quiet"]);
    let output = clone.xtask(&["ci", "--plan", "--since", "main"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stderr.contains("too shallow") && output.stderr.contains("all tasks are selected"),
        "{output:?}"
    );
    assert!(output.stdout.contains("\nclippy"), "{}", output.stdout);
}

#[test]
fn failed_selects_what_failed_and_what_waited_for_it_until_it_passes() {
    let project = FakeProject::with_cargo_and_git("case \"$1\" in clippy) exit 1;; esac");
    assert_eq!(planned(&project, &["--failed"]), Vec::<String>::new());
    project.xtask(&["ci", "clippy"]);
    project.xtask(&["ci", "format"]);
    assert_eq!(planned(&project, &["--failed"]), ["clippy"], "another task's pass changes nothing");
    project.add_program("cargo", "exit 0");
    assert_eq!(project.xtask(&["ci", "--failed"]).last_line(), "1 passed, 0 failed, 0 skipped");
    assert_eq!(planned(&project, &["--failed"]), Vec::<String>::new());
}

#[test]
fn the_graph_can_be_drawn_in_both_ways() {
    let project = FakeProject::with_cargo_and_git(COUNTING);
    let output = project.xtask(&["ci", "--graph", "eslint"]);
    assert!(
        output.stdout.starts_with("flowchart LR\n") && output.stdout.contains("npm-ci --> eslint"),
        "{output:?}"
    );
    let output = project.xtask(&["ci", "--graph=dot", "eslint"]);
    assert!(output.stdout.starts_with("digraph ci {\n") && output.stdout.ends_with("}\n"), "{output:?}");
}

#[test]
fn quiet_prints_failures_and_the_last_line() {
    let project = FakeProject::with_cargo_and_git("case \"$1\" in clippy) echo the reason; exit 1;; esac");
    let output = project.xtask(&["ci", "--quiet", "--keep-going", "format", "clippy"]);
    assert_eq!(output.stdout, "1 passed, 1 failed, 0 skipped\n");
    assert!(output.stderr.contains("the reason") && !output.stderr.contains("✗ format"), "{}", output.stderr);
}

#[test]
fn on_github_passes_are_folded_and_failures_are_open_below_them() {
    // As cargo prints it with `--message-format json`.
    let message = r#"{"reason":"compiler-message","message":{"rendered":"error: unused\n --> src/a.rs:3:7\n","level":"error","message":"unused","spans":[{"file_name":"src/a.rs","line_start":3,"is_primary":true}]}}"#;
    let project = FakeProject::with_cargo_and_git(&format!(
        "case \"$1\" in clippy) echo '::set-env::x'; printf '%s\\n' '{message}'; exit 1;; esac; echo fine"
    ));
    let summary = project.folder().join(".local/summary");
    let mut command = project.command(&["ci", "--keep-going", "clippy", "format"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    let output = CommandOutput::of(&mut command);
    let at = |words: &str| output.stdout.find(words).unwrap_or_else(|| panic!("{words}: {}", output.stdout));
    assert!(at("::group::format") < at("fine") && at("fine") < at("::endgroup::"));
    assert!(at("::endgroup::") < at("clippy failed after"));
    assert!(
        at("\n --> src/a.rs:3:7\n") < at("::error file=src/a.rs,line=3::unused"),
        "first the message for people"
    );
    assert!(at("::error file=src/a.rs,line=3::unused") < at("::error title=clippy::"));
    assert!(!output.stdout.lines().any(|line| line.starts_with("::set-env")), "{}", output.stdout);
    assert_eq!(output.last_line(), "1 passed, 1 failed, 0 skipped");
    let summary = fs::read_to_string(summary).expect("a summary");
    assert!(summary.contains("| clippy | failed |") && summary.contains("1 passed, 1 failed"), "{summary}");
}
