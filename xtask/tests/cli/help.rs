//! What `cargo xtask` says of itself, and of a slip of the keyboard.

use crate::fake_project::FakeProject;

#[test]
fn help_lists_each_verb_with_a_line_that_says_what_it_does() {
    let output = FakeProject::new().xtask(&["--help"]);
    assert_eq!(output.code, Some(0));
    let (_, after) = output.stdout.split_once("Commands:\n").expect("a list of verbs");
    let listed = after.lines().take_while(|line| !line.is_empty());
    // The rest of a line that was too wide begins further to the right.
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
fn each_verb_about_an_environment_has_its_result_for_programs() {
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
fn without_a_verb_it_shows_what_there_is() {
    let output = FakeProject::new().xtask(&[]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("Commands:"), "{output:?}");
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
        let output = FakeProject::new().xtask(slip);
        assert_eq!(output.code, Some(2), "{slip:?}");
        assert!(output.stderr.contains(slip[slip.len() - 1]), "the word itself: {}", output.stderr);
        assert!(output.stderr.contains(&format!("'{meant}'")), "{slip:?}: {}", output.stderr);
    }
}
