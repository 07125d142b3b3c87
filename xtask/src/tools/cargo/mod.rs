//! cargo: formats, lints, tests and builds the workspace.
//!
//! Every command that compiles has `SQLX_OFFLINE`: queries are checked against the data in the repository, so that
//! the same commit compiles with and without a database.

pub mod coverage;
pub mod index;
mod messages;
pub mod nextest;

use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use xshell::{Cmd, Shell, cmd};

use super::process::{Run, shell_in};

pub use self::messages::Messages;

/// Formats every crate.
pub fn format(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo fmt --all")
}

/// Fails where [`format()`] would change something.
pub fn format_check(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo fmt --all --check")
}

/// xtask's test suites that deploy for real. They are not among cargo's default targets, so they have to be named.
pub const SUITES: [&str; 2] = ["deploy", "lab"];

/// Lints every crate with its tests; a warning is an error. [`Messages`] reads its output.
pub fn clippy(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo clippy --locked --workspace --all-targets --message-format json -- -D warnings")
        .env("SQLX_OFFLINE", "true")
}

/// Like `clippy`, for the [`SUITES`]: beside `--all-targets`, cargo passes over what is named.
pub fn clippy_of_suites(sh: &Shell) -> Cmd<'_> {
    let suites = SUITES.iter().flat_map(|suite| ["--test", suite]);
    cmd!(sh, "cargo clippy --locked --package xtask {suites...} --message-format json -- -D warnings")
}

/// One of [`SUITES`].
pub fn test_suite<'a>(sh: &'a Shell, name: &str) -> Cmd<'a> {
    cmd!(sh, "cargo test --locked --package xtask --test {name}")
}

/// The tests of xtask that want an engine: the one that compares its simulated host with a real one, and what registries are asked.
pub fn test_model(sh: &Shell) -> Cmd<'_> {
    let tests = ["a_real_one_look_the_same", "what_a_registry_has"];
    cmd!(sh, "cargo test --locked --package xtask --bins -- --ignored --nocapture {tests...}")
}

/// Builds the documentation of the workspace's crates, with private items; a warning is an error. [`Messages`] reads its
/// output.
pub fn doc(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo doc --locked --workspace --no-deps --document-private-items --message-format json")
        .env("SQLX_OFFLINE", "true")
        .env("RUSTDOCFLAGS", "-D warnings")
}

/// Downloads the crates of `Cargo.lock` that are missing.
pub fn fetch(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo fetch --locked")
}

/// cargo-deny by `deny.toml`, over everything in `Cargo.lock`: licences, versions, and where crates come from.
pub fn deny<'a>(sh: &'a Shell, deny: &Utf8Path) -> Cmd<'a> {
    cmd!(sh, "{deny} --offline --workspace --color never check licenses bans sources")
}

/// Fetches the database of advisories for cargo-deny.
pub fn fetch_advisories<'a>(sh: &'a Shell, deny: &Utf8Path) -> Cmd<'a> {
    cmd!(sh, "{deny} --color never fetch db")
}

/// Checks the crates against the advisories that were fetched last.
pub fn advisories<'a>(sh: &'a Shell, deny: &Utf8Path) -> Cmd<'a> {
    cmd!(sh, "{deny} --workspace --color never check --disable-fetch advisories")
}

/// A crate of the workspace.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its `Cargo.toml`.
    #[serde(rename = "manifest_path")]
    pub manifest: Utf8PathBuf,
    /// Its dependencies: normal ones, and those of tests and builds.
    pub dependencies: Vec<Dependency>,
}

/// A dependency of a crate.
#[derive(Debug, Clone, Deserialize)]
pub struct Dependency {
    name: String,
    rename: Option<String>,
}

impl Dependency {
    /// Its name in the sources.
    pub fn crate_name(&self) -> String {
        self.rename.as_ref().unwrap_or(&self.name).replace('-', "_")
    }
}

/// The crates of the workspace in `root`.
pub fn packages(root: &Utf8Path) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let sh = shell_in(root);
    let told = Run::new(cmd!(sh, "cargo metadata --locked --no-deps --format-version 1")).text()?;
    Ok(serde_json::from_str::<Metadata>(&told).context("reading what cargo says of the workspace")?.packages)
}

/// Name and version of each crate of others that is linked into a package's binary on this kind of machine: neither build
/// scripts nor macros nor tests.
pub fn linked(root: &Utf8Path, package: &str) -> Result<Vec<(String, String)>> {
    let (sh, format) = (shell_in(root), "{p}");
    let tree = cmd!(
        sh,
        "cargo tree --locked --package {package} --edges normal,no-proc-macro --prefix none --no-dedupe --format {format}"
    );
    let told = Run::new(tree).text().context("asking cargo which crates are linked")?;
    let mut all: Vec<(String, String)> = told.lines().filter_map(linked_crate).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// `axum v0.8.9`; behind those of the workspace stands their folder.
fn linked_crate(line: &str) -> Option<(String, String)> {
    let mut words = line.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let is_ours = words.any(|word| word.starts_with("(/"));
    (!is_ours).then(|| (name.to_owned(), version.to_owned()))
}

/// How a program is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As it is shipped.
    Release,
    /// The same, but for one setting of the profile: `lto=false`.
    ReleaseWith(&'static str),
    /// Sooner ready, and slower.
    Dev,
}

/// Builds a package of the workspace in `root`, and gives the path of its binary.
pub fn build(
    root: &Utf8Path,
    package: &str,
    profile: Profile,
    each_line: &(dyn Fn(&str) + Sync),
) -> Result<Utf8PathBuf> {
    let sh = shell_in(root);
    // Messages for programs come on standard output, those for people on standard error.
    let format = "json-render-diagnostics";
    let release = (profile != Profile::Dev).then_some("--release");
    let setting = match profile {
        Profile::ReleaseWith(setting) => Some(format!("--config=profile.release.{setting}")),
        _ => None,
    };
    let build = cmd!(
        sh,
        "cargo build {release...} {setting...} --locked --package {package} --message-format {format}"
    );
    let build = ending_with_us(&sh, build);
    let people_read = |line: &str| {
        if !line.starts_with('{') {
            each_line(line);
        }
    };
    let built = Run::new(build.env("SQLX_OFFLINE", "true"))
        .timeout(Duration::from_secs(30 * 60))
        .each_line(&people_read)
        .text()?;
    messages::find_binary(&built, package)
        .with_context(|| format!("cargo built {package} and named no binary of it"))
}

/// The same command, which is ended when this process is killed: nobody waits for what it makes, and the next one would wait for
/// its lock. It has to be called from a thread that waits for it, and before the command is given variables.
fn ending_with_us<'a>(sh: &'a Shell, command: Cmd<'a>) -> Cmd<'a> {
    if !cfg!(target_os = "linux") || which::which("setpriv").is_err() {
        return command;
    }
    let command = std::process::Command::from(command);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    cmd!(sh, "setpriv --pdeathsig=KILL").args(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::process::shell;

    #[test]
    fn the_command_lines_are_these() {
        let sh = shell();
        assert_eq!(format_check(sh).to_string(), "cargo fmt --all --check");
        assert_eq!(
            clippy(sh).to_string(),
            "cargo clippy --locked --workspace --all-targets --message-format json -- -D warnings"
        );
        assert_eq!(
            clippy_of_suites(sh).to_string(),
            "cargo clippy --locked --package xtask --test deploy --test lab --message-format json -- -D warnings"
        );
        assert_eq!(
            test_model(sh).to_string(),
            "cargo test --locked --package xtask --bins -- --ignored --nocapture a_real_one_look_the_same what_a_registry_has"
        );
    }

    #[test]
    fn a_build_ends_when_who_started_it_is_killed() {
        let sh = shell();
        let line = ending_with_us(sh, cmd!(sh, "sleep 1000")).to_string();
        assert_eq!(line, "setpriv --pdeathsig=KILL sleep 1000");
        // Whoever is killed waits until it has begun: then its end is asked for.
        let dies = format!(
            "{line} >/dev/null 2>&1 & until [ \"$(cat /proc/$!/comm)\" = sleep ]; do :; done; echo $!; kill -9 $$"
        );
        // A zombie has ended.
        let asked = r#"begun=$(sh -c "$1")
while grep -qs '^State:.[^Z]' "/proc/$begun/status"; do :; done; echo ended"#;
        assert_eq!(Run::new(cmd!(sh, "sh -c {asked} test {dies}")).text().unwrap(), "ended");
    }

    #[test]
    fn every_target_that_cargo_does_not_count_is_linted_by_its_name() {
        let manifest = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let tests = manifest.split("[[test]]").skip(1).filter(|test| test.contains("test = false"));
        let names: Vec<&str> = tests.filter_map(|test| test.split('"').nth(1)).collect();
        assert_eq!(names, SUITES);
    }
}
