//! Pictures of a terminal.

use std::fs;

use crate::fake_project::FakeProject;

#[test]
fn a_picture_shows_what_a_verb_leaves_on_a_terminal_and_none_is_made_of_a_failure() {
    let project = FakeProject::new();
    let picture = |name: &str| fs::read_to_string(project.folder().join("docs/pictures").join(name));
    // Stands in for util-linux's `script`, whose fourth argument is the command.
    project.add_program("script", r#"printf '10 %%\r\033[32mdone\033[0m\r\n%s' "${4##*xtask}""#);
    let output = project.xtask(&["picture", "a-plan", "--", "ci", "--plan"]);
    assert_eq!((output.code, output.stdout.lines().count()), (Some(0), 2), "{output:?}");
    for theme in ["a-plan-light.svg", "a-plan-dark.svg"] {
        let svg = picture(theme).expect("a picture");
        assert!(svg.contains(">cargo xtask ci --plan</text>") && svg.contains(">done</text>"), "{svg}");
        assert!(!svg.contains("10 %") && svg.contains("'ci' '--plan'"), "{svg}");
    }
    project.add_program("script", "echo no; exit 1");
    assert_eq!(project.xtask(&["picture", "another", "--", "deploy"]).code, Some(1));
    assert_eq!(project.xtask(&["picture", "../another", "--", "deploy"]).code, Some(3));
    assert!(picture("another-light.svg").is_err(), "a failure has a picture");
}
