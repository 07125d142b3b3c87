//! Which tasks a call is about.

use super::*;
use crate::cache::COUNTS;

/// The tasks of a plan.
fn planned(project: &Project, arguments: &[&str]) -> Vec<String> {
    let said = project.xtask(&[&["ci", "--plan", "--json"], arguments].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    said.events().iter().filter_map(|event| event["task"].as_str().map(str::to_owned)).collect()
}

#[test]
fn only_leaves_out_what_is_needed_and_skip_what_needs_it() {
    let project = Project::of_git(COUNTS);
    assert_eq!(planned(&project, &["eslint"]), ["npm-ci", "eslint"]);
    assert_eq!(planned(&project, &["--only", "eslint"]), ["eslint"]);
    assert_eq!(planned(&project, &["format", "eslint", "--skip", "npm-ci"]), ["format"]);
    assert!(!planned(&project, &["--skip", "test"]).contains(&"xtask-test".to_owned()));
}

#[test]
fn since_selects_what_the_changes_can_affect_and_names_the_file() {
    let project = Project::of_git(COUNTS);
    let all = planned(&project, &[]);
    project.git(&["switch", "--quiet", "--create", "change"]);
    assert_eq!(planned(&project, &["--since", "main"]), Vec::<String>::new());
    project.write("another.rs", "// new\n");
    // The last two read every file there is.
    let expected = ["format", "secrets", "task-table"];
    assert_eq!(planned(&project, &["--since", "main"]), expected, "an untracked file counts");
    let said = project.xtask(&["ci", "--plan", "--since", "main"]);
    assert!(said.stdout.contains("another.rs changed"), "{}", said.stdout);
    project.write("Cargo.lock", "# another lock file\n");
    assert_eq!(planned(&project, &["--since", "main"]), all);
    let said = project.xtask(&["ci", "--plan", "--since", "main"]);
    assert!(said.stdout.contains("Cargo.lock, a part of every task, changed"), "{}", said.stdout);
    let said = project.xtask(&["ci", "--plan", "--since", "mian"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("mian is neither a commit nor a branch here"), "{}", said.stderr);
}

#[test]
fn a_clone_too_shallow_to_tell_runs_everything_and_says_so() {
    let origin = Project::of_git(COUNTS);
    origin.git(&["switch", "--quiet", "--create", "change"]);
    origin.commit_empty("Second");
    origin.commit_empty("Third");
    let clone = Project::where_cargo(COUNTS);
    let git = which::which("git").expect("git is here");
    std::os::unix::fs::symlink(git, clone.folder().join("bin/git")).expect("linked");
    clone.write(".gitignore", ".local/\nbin/\n");
    let url = format!("file://{}", origin.folder().display());
    clone.git(&["init", "--quiet"]);
    clone.git(&["fetch", "--quiet", "--depth=1", &url, "change:change", "main:main"]);
    clone.git(&["symbolic-ref", "HEAD", "refs/heads/change"]);
    clone.git(&["reset", "--quiet"]);
    let said = clone.xtask(&["ci", "--plan", "--since", "main"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.stderr.contains("too shallow") && said.stderr.contains("all tasks are selected"),
        "{said:?}"
    );
    assert!(said.stdout.contains("\nclippy"), "{}", said.stdout);
}

impl Project {
    fn commit_empty(&self, message: &str) {
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }
}

#[test]
fn failed_selects_what_failed_and_what_waited_for_it_until_it_passes() {
    let project = Project::of_git("case \"$1\" in clippy) exit 1;; esac");
    assert_eq!(planned(&project, &["--failed"]), Vec::<String>::new());
    project.xtask(&["ci", "clippy"]);
    project.xtask(&["ci", "format"]);
    assert_eq!(planned(&project, &["--failed"]), ["clippy"], "another run's pass does not make it well");
    project.program("cargo", "exit 0");
    assert_eq!(project.xtask(&["ci", "--failed"]).last_line(), "1 passed, 0 failed, 0 skipped");
    assert_eq!(planned(&project, &["--failed"]), Vec::<String>::new());
}

#[test]
fn the_graph_can_be_drawn_in_both_ways() {
    let project = Project::of_git(COUNTS);
    let said = project.xtask(&["ci", "--graph", "eslint"]);
    assert!(
        said.stdout.starts_with("flowchart LR\n") && said.stdout.contains("npm-ci --> eslint"),
        "{said:?}"
    );
    let said = project.xtask(&["ci", "--graph=dot", "eslint"]);
    assert!(said.stdout.starts_with("digraph ci {\n") && said.stdout.ends_with("}\n"), "{said:?}");
}

#[test]
fn quiet_says_failures_and_the_last_line() {
    let project = Project::of_git("case \"$1\" in clippy) echo the reason; exit 1;; esac");
    let said = project.xtask(&["ci", "--quiet", "--keep-going", "format", "clippy"]);
    assert_eq!(said.stdout, "1 passed, 1 failed, 0 skipped\n");
    assert!(said.stderr.contains("the reason") && !said.stderr.contains("✗ format"), "{}", said.stderr);
}

#[test]
fn on_github_passes_are_folded_and_failures_stand_open_below_them() {
    // As cargo says it to programs.
    let message = r#"{"reason":"compiler-message","message":{"rendered":"error: unused\n --> src/a.rs:3:7\n","level":"error","message":"unused","spans":[{"file_name":"src/a.rs","line_start":3,"is_primary":true}]}}"#;
    let project = Project::of_git(&format!(
        "case \"$1\" in clippy) echo '::set-env::x'; printf '%s\\n' '{message}'; exit 1;; esac; echo fine"
    ));
    let summary = project.folder().join(".local/summary");
    let mut command = project.command(&["ci", "--keep-going", "clippy", "format"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    let said = Said::by(command.output().expect("it ends"));
    let at = |words: &str| said.stdout.find(words).unwrap_or_else(|| panic!("{words}: {}", said.stdout));
    assert!(at("::group::format") < at("fine") && at("fine") < at("::endgroup::"));
    assert!(at("::endgroup::") < at("clippy failed after"));
    assert!(
        at("\n --> src/a.rs:3:7\n") < at("::error file=src/a.rs,line=3::unused"),
        "as people know it, first"
    );
    assert!(at("::error file=src/a.rs,line=3::unused") < at("::error title=clippy::"));
    assert!(!said.stdout.lines().any(|line| line.starts_with("::set-env")), "{}", said.stdout);
    assert_eq!(said.last_line(), "1 passed, 1 failed, 0 skipped");
    let summary = fs::read_to_string(summary).expect("a summary");
    assert!(summary.contains("| clippy | failed |") && summary.contains("1 passed, 1 failed"), "{summary}");
}
