//! Crates and npm's packages: what their own tools move, without running anything of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::cmd;

use super::{Moved, Report};
use crate::product::{frontend, outdated};
use crate::project::FRONTEND;
use crate::tools::files::replace;
use crate::tools::process::{Run, shell_in};
use crate::workspace;

const TIMEOUT: Duration = Duration::from_secs(300);

/// Within what each `Cargo.toml` allows.
pub fn crates() -> Result<Report> {
    let sh = shell_in(workspace::root());
    let told = Run::new(cmd!(sh, "cargo update --color never")).timeout(TIMEOUT).checked()?;
    let moved = told.stderr.lines().filter_map(outdated::newer_crate);
    let moved =
        moved.map(|it| Moved { of: "Cargo.lock", name: it.name, from: it.has, to: it.newest }).collect();
    Ok(Report { moved, left: Vec::new() })
}

/// Ours are named by one exact version each: those move within their major version (of 0.x within x), as `^` says; all others
/// within what they ask of each other. No script of a package is run.
pub fn npm() -> Result<Report> {
    let (package, folder) = (frontend::package()?, workspace::root().join(FRONTEND.folder));
    let files = ["package.json", "package-lock.json"].map(|name| folder.join(name));
    let before = [fs::read_to_string(&files[0])?, fs::read_to_string(&files[1])?];
    let (sh, npm) = (shell_in(&folder), &package.npm);
    let ours = ranges(&before[0])?;
    let moved = (|| {
        let only = ["--package-lock-only", "--ignore-scripts"];
        Run::new(cmd!(sh, "{npm} install {only...} --save-exact {ours...}")).timeout(TIMEOUT).checked()?;
        Run::new(cmd!(sh, "{npm} update {only...}")).timeout(TIMEOUT).checked()?;
        let after = fs::read_to_string(&files[1])?;
        if let Some(line) = after.lines().find(|line| line.contains("\"resolved\": \"http")) {
            bail!("npm has written an address into package-lock.json: {}", line.trim());
        }
        differing(&before[1], &after)
    })();
    if moved.is_err() {
        // Half of it would be what nobody has asked for.
        for (file, text) in files.iter().zip(&before) {
            replace(file, text.as_bytes())?;
        }
    }
    Ok(Report { moved: moved?, left: Vec::new() })
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

/// The packages of one lock file that have other versions in another: where npm has put each, and how often, is of no interest.
fn differing(before: &str, after: &str) -> Result<Vec<Moved>> {
    let (before, after) = (versions(before)?, versions(after)?);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let words = |all: &BTreeMap<String, BTreeSet<String>>, name: &String| {
        let versions =
            all.get(name).map(|them| them.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        versions.unwrap_or_else(|| "none".to_owned())
    };
    let moved = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).map(|name| Moved {
        of: "package-lock.json",
        name: name.clone(),
        from: words(&before, name),
        to: words(&after, name),
    });
    Ok(moved.collect())
}

/// Name to versions.
fn versions(text: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let lock: Value = serde_json::from_str(text).context("reading package-lock.json")?;
    let mut all = BTreeMap::<String, BTreeSet<String>>::new();
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
        let moved: Vec<_> = differing(before, after).unwrap();
        let words: Vec<_> = moved.iter().map(|it| format!("{} {} {}", it.name, it.from, it.to)).collect();
        assert_eq!(words, ["a 1.0.0 1.0.0, 1.0.1", "d 1.0.0 none", "e none 3.0.0"]);
        let package = r#"{"dependencies": {"react": "19.3.1"}, "devDependencies": {"@a/b": "0.1.2"}}"#;
        assert_eq!(ranges(package).unwrap(), ["react@^19.3.1", "@a/b@^0.1.2"]);
    }
}
