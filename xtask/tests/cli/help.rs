//! Help, and what a typing error is answered with.

use crate::fake_project::FakeProject;

#[test]
fn help_lists_the_verbs_in_groups() {
    let output = FakeProject::new().xtask(&["--help"]);
    assert_eq!(output.code, Some(0));
    let line = |start: &str| output.stdout.lines().position(|line| line.starts_with(start)).expect(start);
    let places =
        ["Build and check:", "  ci ", "Deploy:", "  rollback ", "Data:", "  db ", "Options:"].map(line);
    assert!(places.is_sorted(), "{}", output.stdout);
}

#[test]
fn the_tasks_are_listed_when_asked_for_and_not_in_the_help() {
    let project = FakeProject::new();
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
    let project = FakeProject::new();
    for slip in [
        &["ci", "frontend-tst"][..],
        &["ci", "--explain", "frontend-tst"],
        &["ci", "--skip", "frontend-tst"],
        &["bench", "pipeline", "--cold", "--only", "frontend-tst"],
    ] {
        let output = project.xtask(slip);
        assert_eq!(output.code, Some(2), "{slip:?}");
        assert!(output.stderr.contains("Did you mean 'frontend-test'?"), "{slip:?}: {}", output.stderr);
        assert!(output.stderr.contains("cargo xtask ci --list"), "{slip:?}: {}", output.stderr);
        assert!(!output.stderr.contains("clippy"), "{slip:?}: {}", output.stderr);
    }
}

#[test]
fn each_verb_about_an_environment_can_print_json() {
    let project = FakeProject::new();
    for verb in [
        &["deploy"][..],
        &["rollback"],
        &["recover"],
        &["status"],
        &["releases"],
        &["maintenance", "on"],
        &["maintenance", "off"],
        &["secrets", "list"],
        &["config"],
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
        let output = project.xtask(&[verb, &["--help"]].concat());
        assert!(output.stdout.contains("--json"), "{verb:?}: {}", output.stdout);
    }
}

#[test]
fn without_a_verb_the_verbs_are_listed() {
    let output = FakeProject::new().xtask(&[]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("Build and check:"), "{output:?}");
}

#[test]
fn a_typing_error_is_answered_with_what_was_meant() {
    for (arguments, meant) in [
        (&["lnt"][..], "lint"),
        (&["ci", "--kep-going"], "--keep-going"),
        (&["ci", "clipy"], "clippy"),
        (&["ci", "npmci"], "npm-ci"),
        (&["fmt", "--chek"], "--check"),
    ] {
        let output = FakeProject::new().xtask(arguments);
        assert_eq!(output.code, Some(2), "{arguments:?}");
        assert!(output.stderr.contains(arguments[arguments.len() - 1]), "the word itself: {}", output.stderr);
        assert!(output.stderr.contains(&format!("'{meant}'")), "{arguments:?}: {}", output.stderr);
    }
}

#[test]
fn a_bake_time_is_not_cut_short_nor_endless() {
    let project = FakeProject::new();
    let deploy = |env: &str, bake: &str| project.xtask(&["deploy", "--env", env, "--bake", bake]);
    let short = deploy("production", "10s");
    assert_eq!(short.code, Some(3), "{}", short.stderr);
    assert!(short.stderr.contains("production watches a release for 30s"), "{}", short.stderr);
    assert_eq!((deploy("staging", "2h").code, deploy("staging", "soon").code), (Some(2), Some(2)));
}
