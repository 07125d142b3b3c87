//! `--strict` and `--audit`, which verify that the cache can be trusted.

use std::fs;

use crate::fake_project::{CommandOutput, FakeProject};

#[test]
fn strict_names_the_file_that_a_row_does_not_declare() {
    let project =
        FakeProject::with_cargo_and_git("PATH=/usr/bin:/bin; cat tracehub.rs && cat notes/secret.txt");
    fs::create_dir(project.folder().join("notes")).expect("made");
    project.write("notes/secret.txt", "a file that the row does not name\n");
    project.commit("Notes");
    assert_eq!(project.xtask(&["ci", "format"]).code, Some(0), "everything is there");
    let output = project.xtask(&["ci", "--strict", "format"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output.stderr.contains("its row does not say that it reads notes/secret.txt"),
        "{}",
        output.stderr
    );
    assert_eq!(output.last_line(), "0 passed, 1 failed, 0 skipped");

    project.add_program("cargo", "PATH=/usr/bin:/bin; cat tracehub.rs");
    let output = project.xtask(&["ci", "--strict", "format"]);
    assert_eq!((output.code, output.last_line()), (Some(0), "1 passed, 0 failed, 0 skipped"), "{output:?}");
}

#[test]
fn strict_names_the_variable_that_a_row_does_not_declare_and_gives_those_that_it_does() {
    let project = FakeProject::with_cargo_and_git(
        "case \"$1\" in clippy) [ \"$RUSTFLAGS\" ] || exit 1;; *) [ \"$SHAPE\" ] || { echo 'SHAPE is not set'; exit 1; };; esac",
    );
    let with_both = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        CommandOutput::of(command.env("SHAPE", "round").env("RUSTFLAGS", "-D x"))
    };
    assert_eq!(with_both(&["ci", "format", "clippy"]).last_line(), "2 passed, 0 failed, 0 skipped");
    let output = with_both(&["ci", "--strict", "format", "clippy"]);
    assert_eq!((output.code, output.last_line()), (Some(1), "1 passed, 1 failed, 0 skipped"), "{output:?}");
    assert!(output.stderr.contains("its row does not say that it depends on SHAPE"), "{}", output.stderr);
}

#[test]
fn an_audit_finds_a_wrong_pass_and_removes_it() {
    let project = FakeProject::with_cargo_and_git("if [ -e .local/broken ]; then echo broken; exit 1; fi");
    project.xtask(&["ci", "format", "clippy"]);
    let output = project.xtask(&["ci", "--audit=2", "format", "clippy"]);
    assert_eq!((output.code, output.last_line()), (Some(0), "2 passed, 0 failed, 0 skipped"), "{output:?}");
    project.write(".local/broken", "a file that no fingerprint holds");
    let output = project.xtask(&["ci", "--audit", "format"]);
    assert_eq!((output.code, output.last_line()), (Some(1), "0 passed, 1 failed, 0 skipped"), "{output:?}");
    assert!(output.stderr.contains("format is cached as passed, and does not pass"), "{}", output.stderr);
    assert_eq!(project.xtask(&["ci", "--cached-only", "format"]).code, Some(1), "the pass is removed");
}
