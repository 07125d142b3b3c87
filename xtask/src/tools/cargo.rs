//! cargo: formats, lints, tests and builds the workspace.
//!
//! Every command that compiles has `SQLX_OFFLINE`: queries are checked against the data in the repository, so that
//! the same commit compiles with and without a database.

use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use serde::Deserialize;
use xshell::{Cmd, Shell, cmd};

use super::locate::{self, Tool};
use super::process::Run;
use crate::project;

/// Formats every crate.
pub fn format(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo fmt --all")
}

/// Fails where [`format()`] would change something.
pub fn format_check(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo fmt --all --check")
}

/// Lints every crate with its tests; a warning is a failure. The suite that deploys is named, since cargo counts it to
/// no targets by itself.
pub fn clippy(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo clippy --locked --workspace --all-targets --test deploy -- -D warnings")
        .env("SQLX_OFFLINE", "true")
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

/// Builds the documentation of our crates, of their private parts too; a warning is a failure.
pub fn doc(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo doc --locked --workspace --no-deps --document-private-items")
        .env("SQLX_OFFLINE", "true")
        .env("RUSTDOCFLAGS", "-D warnings")
}

/// cargo-deny by `deny.toml`, over everything in `Cargo.lock`: licences, versions, and where crates come from.
pub fn deny(sh: &Shell) -> Result<Cmd<'_>> {
    let deny = locate::require(Tool::Deny)?;
    Ok(cmd!(sh, "{deny} --offline --workspace --color never check licenses bans sources"))
}

/// Fetches the list of what others have found out about crates.
pub fn fetch_advisories(sh: &Shell) -> Result<Cmd<'_>> {
    let deny = locate::require(Tool::Deny)?;
    Ok(cmd!(sh, "{deny} --color never fetch db"))
}

/// cargo-deny, by the list that was fetched.
pub fn advisories(sh: &Shell) -> Result<Cmd<'_>> {
    let deny = locate::require(Tool::Deny)?;
    Ok(cmd!(sh, "{deny} --workspace --color never check --disable-fetch advisories"))
}

/// One of our crates, as cargo knows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its `Cargo.toml`.
    #[serde(rename = "manifest_path")]
    pub manifest: Utf8PathBuf,
    /// What it asks for, of every kind.
    pub dependencies: Vec<Dependency>,
}

/// What a crate asks for.
#[derive(Debug, Clone, Deserialize)]
pub struct Dependency {
    name: String,
    rename: Option<String>,
}

impl Dependency {
    /// As the sources call it.
    pub fn crate_name(&self) -> String {
        self.rename.as_ref().unwrap_or(&self.name).replace('-', "_")
    }
}

/// The crates of the workspace.
pub fn packages() -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let sh = Shell::new()?;
    sh.change_dir(project::root());
    let told = Run::new(cmd!(sh, "cargo metadata --locked --no-deps --format-version 1")).text()?;
    Ok(serde_json::from_str::<Metadata>(&told).context("reading what cargo says of the workspace")?.packages)
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
