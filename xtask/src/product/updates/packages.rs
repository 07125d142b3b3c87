//! Crates and npm's packages: what their own tools move, without running anything of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::cmd;

use super::{Moved, Report};
use crate::product::frontend;
use crate::project::FRONTEND;
use crate::tools::process::{Run, shell_in};
use crate::workspace;

const TIMEOUT: Duration = Duration::from_secs(300);

/// Within what each `Cargo.toml` allows.
pub fn crates() -> Result<Report> {
    let sh = shell_in(workspace::root());
    let file = workspace::root().join("Cargo.lock");
    let read = || fs::read_to_string(&file).with_context(|| format!("reading {file}"));
    let before = read()?;
    Run::new(cmd!(sh, "cargo update --color never")).timeout(TIMEOUT).checked()?;
    let moved = differing("Cargo.lock", &versions_of_crates(&before), &versions_of_crates(&read()?));
    Ok(Report { moved, ..Report::default() })
}

/// Ours are named by one exact version each: those move within their major version (of 0.x within x), as `^` says; all others
/// within what they ask of each other. No script of a package is run.
pub fn npm() -> Result<Report> {
    let (package, folder) = (frontend::package()?, workspace::root().join(FRONTEND.folder));
    let lock = folder.join("package-lock.json");
    let before = fs::read_to_string(&lock)?;
    let (sh, npm) = (shell_in(&folder), &package.npm);
    let ours = ranges(&fs::read_to_string(folder.join("package.json"))?)?;
    let only = ["--package-lock-only", "--ignore-scripts"];
    Run::new(cmd!(sh, "{npm} install {only...} --save-exact {ours...}")).timeout(TIMEOUT).checked()?;
    Run::new(cmd!(sh, "{npm} update {only...}")).timeout(TIMEOUT).checked()?;
    let after = fs::read_to_string(&lock)?;
    if let Some(line) = after.lines().find(|line| line.contains("\"resolved\": \"http")) {
        bail!("npm has written an address into package-lock.json: {}", line.trim());
    }
    let moved = differing("package-lock.json", &versions(&before)?, &versions(&after)?);
    Ok(Report { moved, ..Report::default() })
}

/// `react@^19.3.1` of each dependency.
fn ranges(package: &str) -> Result<Vec<String>> {
    let package: Value = serde_json::from_str(package).context("reading package.json")?;
    let all = ["dependencies", "devDependencies"]
        .into_iter()
        .filter_map(|kind| package[kind].as_object())
        .flatten();
    Ok(all.map(|(name, version)| format!("{name}@^{}", version.as_str().unwrap_or_default())).collect())
}

/// Each package's versions: where npm has put each, and how often, is of no interest.
type Versions = BTreeMap<String, BTreeSet<String>>;

/// The packages that have other versions in one lock file than in another.
fn differing(of: &'static str, before: &Versions, after: &Versions) -> Vec<Moved> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let words = |all: &Versions, name: &String| {
        let versions =
            all.get(name).map(|them| them.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        versions.unwrap_or_else(|| "none".to_owned())
    };
    let moved = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).map(|name| Moved {
        of,
        name: name.clone(),
        from: words(before, name),
        to: words(after, name),
    });
    moved.collect()
}

/// Of a `Cargo.lock`, whose lines cargo lays out.
fn versions_of_crates(lock: &str) -> Versions {
    let value = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
        line.strip_suffix('"').map(str::to_owned)
    };
    let mut all = Versions::new();
    for package in lock.split("[[package]]") {
        if let (Some(name), Some(version)) = (value(package, "name"), value(package, "version")) {
            all.entry(name).or_default().insert(version);
        }
    }
    all
}

/// Of npm's.
fn versions(text: &str) -> Result<Versions> {
    let lock: Value = serde_json::from_str(text).context("reading package-lock.json")?;
    let mut all = Versions::new();
    for (path, it) in lock["packages"].as_object().into_iter().flatten() {
        if let (Some((_, name)), Some(version)) = (path.rsplit_once("node_modules/"), it["version"].as_str())
        {
            all.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_npm_has_moved_added_and_removed_is_read_from_its_lock_files() {
        let before = r#"{"packages": {"": {"version": "1.0.0"}, "node_modules/a": {"version": "1.0.0"},
            "node_modules/a/node_modules/@b/c": {"version": "2.0.0"}, "node_modules/d": {"version": "1.0.0"}}}"#;
        let after = r#"{"packages": {"": {"version": "1.1.0"}, "node_modules/a": {"version": "1.0.1"},
            "node_modules/@b/c": {"version": "2.0.0"}, "node_modules/e": {"version": "3.0.0"},
            "node_modules/e/node_modules/a": {"version": "1.0.0"}}}"#;
        let moved = differing("it", &versions(before).unwrap(), &versions(after).unwrap());
        let words: Vec<_> = moved.iter().map(|it| format!("{} {} {}", it.name, it.from, it.to)).collect();
        assert_eq!(words, ["a 1.0.0 1.0.0, 1.0.1", "d 1.0.0 none", "e none 3.0.0"]);
        let crates = |lock: &str| versions_of_crates(lock);
        let before = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"0.1.0\"\n";
        let after = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"2.0.0\"\n";
        let moved = differing("it", &crates(before), &crates(after));
        let words: Vec<_> = moved.iter().map(|it| format!("{} {} {}", it.name, it.from, it.to)).collect();
        assert_eq!(words, ["a 1.0.0 1.0.0, 2.0.0", "b 0.1.0 none"], "what is added or removed is said, too");
        let package = r#"{"dependencies": {"react": "19.3.1"}, "devDependencies": {"@a/b": "0.1.2"}}"#;
        assert_eq!(ranges(package).unwrap(), ["react@^19.3.1", "@a/b@^0.1.2"]);
    }
}
