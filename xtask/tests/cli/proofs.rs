//! What shows that a cache can be believed, and `--watch`.

use super::*;
use crate::cache::COUNTS;

#[test]
fn strict_names_the_file_that_a_row_does_not_declare() {
    let project = Project::of_git("PATH=/usr/bin:/bin; cat tracehub.rs && cat notes/secret.txt");
    fs::create_dir(project.folder().join("notes")).expect("made");
    project.write("notes/secret.txt", "read by nobody, they say\n");
    project.commit("Notes");
    assert_eq!(project.xtask(&["ci", "format"]).code, Some(0), "everything is there");
    let said = project.xtask(&["ci", "--strict", "format"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("its row does not say that it reads notes/secret.txt"), "{}", said.stderr);
    assert_eq!(said.last_line(), "0 passed, 1 failed, 0 skipped");

    project.program("cargo", "PATH=/usr/bin:/bin; cat tracehub.rs");
    let said = project.xtask(&["ci", "--strict", "format"]);
    assert_eq!((said.code, said.last_line()), (Some(0), "1 passed, 0 failed, 0 skipped"), "{said:?}");
}

#[test]
fn strict_names_the_variable_that_a_row_does_not_declare_and_gives_those_that_it_does() {
    let project = Project::of_git(
        "case \"$1\" in clippy) [ \"$RUSTFLAGS\" ] || exit 1;; *) [ \"$SHAPE\" ] || { echo 'SHAPE is not set'; exit 1; };; esac",
    );
    let with_both = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        Said::by(command.env("SHAPE", "round").env("RUSTFLAGS", "-D x").output().expect("it ends"))
    };
    assert_eq!(with_both(&["ci", "format", "clippy"]).last_line(), "2 passed, 0 failed, 0 skipped");
    let said = with_both(&["ci", "--strict", "format", "clippy"]);
    assert_eq!((said.code, said.last_line()), (Some(1), "1 passed, 1 failed, 0 skipped"), "{said:?}");
    assert!(said.stderr.contains("its row does not say that it depends on SHAPE"), "{}", said.stderr);
}

#[test]
fn an_audit_finds_a_pass_that_is_none_and_it_is_forgotten() {
    let project = Project::of_git("if [ -e .local/broken ]; then echo broken; exit 1; fi");
    project.xtask(&["ci", "format", "clippy"]);
    let said = project.xtask(&["ci", "--audit=2", "format", "clippy"]);
    assert_eq!((said.code, said.last_line()), (Some(0), "2 passed, 0 failed, 0 skipped"), "{said:?}");
    project.write(".local/broken", "by what no fingerprint knows");
    let said = project.xtask(&["ci", "--audit", "format"]);
    assert_eq!((said.code, said.last_line()), (Some(1), "0 passed, 1 failed, 0 skipped"), "{said:?}");
    assert!(said.stderr.contains("format is cached as passed, and does not pass"), "{}", said.stderr);
    assert_eq!(project.xtask(&["ci", "--cached-only", "format"]).code, Some(1), "forgotten");
}

#[test]
fn watch_runs_again_at_a_change_and_ends_when_asked_to() {
    let project = Project::of_git(COUNTS);
    let child = project.command(&["ci", "--watch", "format"]).spawn().expect("it starts");
    let until = |calls: usize| {
        let began = std::time::Instant::now();
        while project.calls() < calls {
            assert!(began.elapsed() < LONG, "it does not run for the {calls}. time");
            thread::yield_now();
        }
    };
    until(1);
    project.write("tracehub.rs", "// a change while it runs, or after\n");
    until(2);
    send(&child, Signal::INT);
    let said = Said::by(child.wait_with_output().expect("it ends"));
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.stdout.contains("1 passed, 0 failed, 0 skipped"), "{said:?}");
}
