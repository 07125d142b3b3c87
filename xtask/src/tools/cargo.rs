//! cargo: formats, lints, tests and builds the workspace.
//!
//! Every command that compiles has `SQLX_OFFLINE`: queries are checked against the data in the repository, so that
//! the same commit compiles with and without a database.

use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use serde::Deserialize;
use xshell::{Cmd, Shell, cmd};

use super::process::Run;
use crate::project;

/// Formats every crate.
pub fn format(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo fmt --all")
}

/// Fails where [`format`] would change something.
pub fn format_check(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo fmt --all --check")
}

/// Lints every crate with its tests; a warning is a failure. The suite that deploys is named, since cargo counts it to
/// no targets by itself.
pub fn clippy(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo clippy --locked --workspace --all-targets --test deploy -- -D warnings")
        .env("SQLX_OFFLINE", "true")
}

/// All tests of one package.
pub fn test<'a>(sh: &'a Shell, package: &str) -> Cmd<'a> {
    cmd!(sh, "cargo test --locked --package {package}").env("SQLX_OFFLINE", "true")
}

/// xtask's own tests, but not its suite that deploys: that one has a task of its own.
pub fn test_xtask(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo test --locked --package xtask --bins --test cli")
}

/// A suite of xtask's that deploys for real.
pub fn test_suite<'a>(sh: &'a Shell, name: &str) -> Cmd<'a> {
    cmd!(sh, "cargo test --locked --package xtask --test {name}")
}

/// The test of xtask's that holds its simulated host to a real one.
pub fn test_model(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo test --locked --package xtask --bins -- --ignored --nocapture held_to_the_world")
}

/// Builds a package as it is shipped, and says where its binary is.
pub fn build_release(package: &str, each_line: &(dyn Fn(&str) + Sync)) -> Result<Utf8PathBuf> {
    let sh = Shell::new()?;
    sh.change_dir(project::root());
    // What is for people stays on standard error; standard output is for us.
    let format = "json-render-diagnostics";
    let build = cmd!(sh, "cargo build --release --locked --package {package} --message-format {format}");
    let people_read = |line: &str| {
        if !line.starts_with('{') {
            each_line(line);
        }
    };
    let built = Run::new(build.env("SQLX_OFFLINE", "true"))
        .limit(Duration::from_secs(30 * 60))
        .each_line(&people_read)
        .text()?;
    find_binary(&built, package).with_context(|| format!("cargo built {package} and named no binary of it"))
}

/// The part of cargo's messages that says what was built.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<Utf8PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn find_binary(messages: &str, name: &str) -> Option<Utf8PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == name))
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_lines_are_these() {
        let sh = Shell::new().expect("a shell");
        assert_eq!(format_check(&sh).to_string(), "cargo fmt --all --check");
        assert_eq!(
            clippy(&sh).to_string(),
            "cargo clippy --locked --workspace --all-targets --test deploy -- -D warnings"
        );
        assert_eq!(test(&sh, "app").to_string(), "cargo test --locked --package app");
        assert_eq!(
            test_xtask(&sh).to_string(),
            "cargo test --locked --package xtask --bins --test cli",
            "the suite that deploys is no part of it"
        );
        assert_eq!(
            test_model(&sh).to_string(),
            "cargo test --locked --package xtask --bins -- --ignored --nocapture held_to_the_world"
        );
    }

    #[test]
    fn the_binary_is_found_among_what_was_built() {
        let messages = r#"{"reason":"build-script-executed","package_id":"x"}
{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"app"},"executable":null,"fresh":true}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"other"},"executable":"/t/release/other"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"app"},"executable":"/t/release/app"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(find_binary(messages, "app"), Some("/t/release/app".into()));
        assert_eq!(find_binary(messages, "absent"), None);
        assert_eq!(find_binary("", "app"), None);
    }
}
