//! What can be read by those who must not: values that were committed or logged, and those that somebody took along.

use std::fs;

use super::{VALUE, Vault, key, public};
use crate::fake_project::CommandOutput;

/// In a repository, with the file of it committed.
fn committed(values: &[(&str, &[u8])]) -> Vault {
    let vault = Vault::new();
    vault.project.add_git();
    // What a test of its own leaves in the folder: keys, and what age was told.
    vault.project.write(".gitignore", ".local/\nbin/\n*.key\n");
    vault.project.git(&["init", "--quiet", "--initial-branch=main"]);
    for (name, value) in values {
        assert_eq!(vault.set(name, value).code, Some(0), "{name}");
    }
    vault.project.commit("First");
    vault
}

#[test]
fn a_value_in_plain_text_is_found_in_the_tree_in_a_log_and_in_what_was_committed_once() {
    let vault = committed(&[("JWT_SECRET", VALUE.as_bytes()), ("STAGING_HOST", b"app.example.org")]);
    let project = &vault.project;
    project.write("hosts.md", "app.example.org\n");
    // Whatever else is wrong with a bare environment.
    let check = || {
        let output = vault.xtask(&["check"]);
        assert!(!format!("{output:?}").contains(VALUE), "{output:?}");
        output
            .stderr
            .lines()
            .filter(|line| line.contains("where anybody reads it"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(check(), "");
    project.write("notes.txt", &format!("one\ntwo: {VALUE}\n"));
    let found = check();
    assert!(found.contains("JWT_SECRET of staging stands in notes.txt, line 2"), "{found}");
    project.commit("A slip");
    project.write("notes.txt", &format!("one\ntwo: {VALUE}\nthree\n"));
    project.commit("A slip that stays");
    fs::remove_file(project.folder().join("notes.txt")).expect("removed");
    project.commit("Away with it");
    let found = check();
    assert!(found.contains("git's history of notes.txt, line 2") && found.lines().count() == 1, "{found}");
    fs::create_dir_all(project.folder().join(".local/ci/run")).expect("made");
    project.write(".local/ci/run/task.log", &format!("{VALUE}\n"));
    project.git(&["commit", "--quiet", "--allow-empty", "--message", VALUE]);
    let found = check();
    assert!(found.contains("stands in .local/ci/run/task.log, line 1"), "{found}");
    assert!(found.contains("the message of commit") && found.lines().count() == 3, "{found}");
}

#[test]
fn who_has_left_knows_the_old_value_whatever_the_list_of_recipients_says() {
    let vault = committed(&[("JWT_SECRET", VALUE.as_bytes())]);
    let (project, list) = (&vault.project, "tracehub/deploy/secrets/staging.recipients");
    key(project, "bob");
    assert_eq!(vault.xtask(&["recipients", "add", "bob", &public(project, "bob")]).code, Some(0));
    project.commit("Bob");
    let before = fs::read_to_string(project.folder().join(list)).expect("read");
    assert_eq!(vault.xtask(&["recipients", "remove", "bob"]).code, Some(0));
    project.commit("Without Bob");
    let knows = || vault.xtask(&["check"]).stderr.matches("bob could read JWT_SECRET of staging").count();
    let due = || vault.xtask(&["check"]).stderr.matches("bob, who left on ").count();
    assert_eq!((due(), knows()), (1, 0), "it is said once");
    // The debt is taken out of the list by hand.
    let left = fs::read_to_string(project.folder().join(list)).expect("read");
    let gone: String =
        left.lines().filter(|line| !line.starts_with("- bob")).map(|line| format!("{line}\n")).collect();
    assert!(gone != left && gone != before);
    project.write(list, &gone);
    assert_eq!((due(), knows()), (0, 1));
    // It is paid, and the old value comes back.
    assert_eq!(vault.set("JWT_SECRET", b"another one").code, Some(0));
    assert_eq!((due(), knows()), (0, 0));
    let output = vault.set("JWT_SECRET", VALUE.as_bytes());
    assert!(output.code == Some(3) && output.stderr.contains("bob knows this value"), "{output:?}");
    assert!(!format!("{output:?}").contains(VALUE) && vault.read("JWT_SECRET") == "another one");
}

#[test]
fn doctor_says_how_git_is_told_to_merge_them_until_it_is() {
    let vault = committed(&[("JWT_SECRET", VALUE.as_bytes())]);
    let says = || {
        vault
            .project
            .xtask(&["doctor"])
            .stdout
            .contains("git config merge.tracehub-secrets.driver 'cargo xtask secrets merge")
    };
    assert!(says());
    vault.project.git(&["config", "merge.tracehub-secrets.driver", "cargo xtask secrets merge %O %A %B"]);
    assert!(!says());
}

#[test]
fn in_a_job_of_github_s_the_log_is_told_to_mask_what_was_opened() {
    let vault = Vault::new();
    vault.set("JWT_SECRET", VALUE.as_bytes());
    let output = CommandOutput::of(vault.command(&["check"]).env("GITHUB_ACTIONS", "true"));
    assert_eq!(output.stderr.matches(&format!("::add-mask::{VALUE}\n")).count(), 1, "{output:?}");
    assert!(!output.stdout.contains(VALUE));
    assert!(!vault.xtask(&["check"]).stderr.contains("add-mask"));
}
