//! Help, and what a typing error is answered with.

use crate::fake_project::FakeProject;

#[test]
fn help_lists_each_verb_with_a_line_that_says_what_it_does() {
    let output = FakeProject::new().xtask(&["--help"]);
    assert_eq!(output.code, Some(0));
    let (_, after) = output.stdout.split_once("Commands:\n").expect("a list of verbs");
    let listed = after.lines().take_while(|line| !line.is_empty());
    // A line that was too wide goes on further to the right.
    let verbs: Vec<&str> = listed.filter(|line| !line.starts_with("   ")).collect();
    for line in &verbs {
        let (verb, about) = line.trim().split_once("  ").unwrap_or((line, ""));
        assert!(!about.trim().is_empty(), "`{verb}` has no line of its own:\n{}", output.stdout);
    }
    for verb in ["ci", "lint", "test", "fmt"] {
        assert!(verbs.iter().any(|line| line.trim().split(' ').next() == Some(verb)), "{verb} is missing");
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
    assert!(output.stderr.contains("Commands:"), "{output:?}");
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
