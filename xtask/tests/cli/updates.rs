use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::fake_project::{CommandOutput, FakeProject, LONG, send};

const NAMES: [&str; 6] = ["aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff"];

/// A `cargo` that moves each crate from 1.0.0 to 1.0.1, and whose checks end so.
fn cargo(checks: &str) -> String {
    format!(
        "PATH=/usr/bin:/bin\n\
         echo \"$1\" >> .local/calls\n\
         case \"$*\" in\n\
         *--precise*) for last; do :; done; sed -i \"/\\\"${{last%@*}}\\\"/{{n;s/1.0.0/1.0.1/}}\" Cargo.lock ;;\n\
         update*) sed -i s/1.0.0/1.0.1/ Cargo.lock ;;\n\
         xtask*) {checks} ;;\n\
         esac"
    )
}

fn lock(bad: &[&str]) -> String {
    let package = |name: &&str| {
        let version = if bad.contains(name) { "1.0.0" } else { "1.0.1" };
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
    };
    format!("version = 4\n\n{}", NAMES.iter().map(package).collect::<Vec<_>>().join("\n"))
}

/// Where cargo keeps that each was published long ago.
fn project(checks: &str) -> FakeProject {
    let project = FakeProject::with_cargo_and_git(&cargo(checks));
    fs::create_dir_all(project.folder().join(".local/cargo")).unwrap();
    for package in ["", "/lighthouse", "/sentry-cli"].map(|folder| format!("tracehub/frontend{folder}")) {
        fs::create_dir_all(project.folder().join(&package)).unwrap();
        project.write(&format!("{package}/package.json"), "{}");
    }
    project.write(".local/output", "");
    project.write("Cargo.lock", &lock(&NAMES));
    project.commit("Second");
    for name in NAMES {
        let folder = format!(".local/cargo/registry/index/it/.cache/{}/{}", &name[..2], &name[2..]);
        fs::create_dir_all(project.folder().join(&folder)).unwrap();
        let line = r#"{"vers": "1.0.1", "yanked": false, "pubtime": "2026-01-03T00:00:00Z"}"#;
        project.write(&format!("{folder}/{name}"), &format!("1\0{line}\0"));
    }
    project
}

fn check(project: &FakeProject) -> CommandOutput {
    let mut command = project.command(&["update", "--check", "--json"]);
    let output = project.folder().join(".local/output");
    command.env("CARGO_HOME", project.folder().join(".local/cargo")).env("GITHUB_OUTPUT", output);
    CommandOutput::of(&mut command)
}

#[test]
fn an_update_that_can_t_pass_its_checks_is_left_out_and_the_tree_that_passed_is_named() {
    let project = project(
        "! grep -A1 eeee Cargo.lock | grep 1.0.1 > .local/found || { echo 'xtask-test failed 1 s'; exit 1; }",
    );
    let output = check(&project);
    assert_eq!(output.code, Some(0), "{output:?}");
    let passed: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        passed["without"],
        serde_json::json!([[{ "of": "Cargo.lock", "name": "eeee" }, "fails xtask-test"]])
    );
    let told = fs::read_to_string(project.folder().join(".local/output")).unwrap();
    let told = told.strip_prefix("passed=").expect("what the next job is told");
    assert!(told.lines().count() == 1 && serde_json::from_str::<Value>(told).unwrap() == passed, "{told}");
    // Nothing of it stays; and it is the tree that anybody gets who moves the same.
    let git = |words: &[&str]| {
        let git =
            std::process::Command::new("git").arg("-C").arg(project.folder()).args(words).output().unwrap();
        String::from_utf8(git.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(
        (git(&["status", "--porcelain"]), git(&["branch", "--show-current"])),
        (String::new(), "main".to_owned())
    );
    project.write("Cargo.lock", &lock(&["eeee"]));
    project.git(&["add", "Cargo.lock"]);
    assert_eq!(passed["tree"], git(&["write-tree"]));
}

#[test]
fn ctrl_c_in_the_middle_of_the_checks_leaves_the_tree_and_the_branch_as_they_were() {
    let project = project("echo > pipe; exec sleep 60");
    let (opened, _) = project.watch_pipe();
    let mut command = project.command(&["update", "--check"]);
    let child = command.env("CARGO_HOME", project.folder().join(".local/cargo")).spawn().expect("it starts");
    opened.recv_timeout(LONG).expect("the checks have begun");
    send(&child, Signal::INT);
    let output = CommandOutput::of_child(child);
    assert_eq!(output.code, Some(130), "{output:?}");
    assert_eq!(fs::read_to_string(project.folder().join("Cargo.lock")).unwrap(), lock(&NAMES));
    assert_eq!(fs::read_to_string(project.folder().join(".git/HEAD")).unwrap(), "ref: refs/heads/main\n");
}

#[test]
fn no_update_is_blamed_for_checks_that_fail_anyway_and_no_change_of_anybody_is_lost() {
    let project = project("echo 'clippy failed 1 s'; exit 1");
    let output = check(&project);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output.stderr.contains("fail without any of it, too") && output.stderr.contains("clippy"),
        "{output:?}"
    );
    assert_eq!(fs::read_to_string(project.folder().join("Cargo.lock")).unwrap(), lock(&NAMES));
    project.write("tracehub.rs", "// mine\n");
    let output = check(&project);
    assert!(output.code == Some(3) && output.stderr.contains("commit them"), "{output:?}");
    assert_eq!(fs::read_to_string(project.folder().join("tracehub.rs")).unwrap(), "// mine\n");
}
