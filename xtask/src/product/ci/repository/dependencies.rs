//! The tasks about what we depend on.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;

use crate::pipeline::{Context, Unavailable};
use crate::setup::{self, Tool};
use crate::tools::cargo::{self, Package};
use crate::tools::git;
use crate::workspace;

/// Each dependency of our crates is named somewhere in their sources.
pub fn unused(task: &Context) -> Result<()> {
    let mut problems = Vec::new();
    for package in cargo::packages(workspace::root())? {
        let folder = package.manifest.parent().context("a manifest is in a folder")?;
        let sources = sources(folder)?;
        ensure!(!sources.is_empty(), "{folder} has no sources");
        task.line(&format!("{}: {} dependencies", package.name, package.dependencies.len()));
        problems.extend(unnamed(&package, &sources));
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// Under which licences our crates are, and where they come from.
pub fn licences(task: &Context) -> Result<()> {
    // It reads every crate of the lock file, also those for other systems, which no build here has fetched. When they
    // can't be fetched now, it says itself which one it lacks.
    let _ = task.run(cargo::fetch(&task.sh));
    task.run(cargo::deny(&task.sh, &setup::require(Tool::Deny)?))
}

/// Nobody has found out that a crate of ours is unsafe, by a list that others keep. Where that can't be fetched, nothing is
/// known.
pub fn advisories(task: &Context) -> Result<()> {
    let deny = setup::require(Tool::Deny)?;
    if task.run(cargo::fetch_advisories(&task.sh, &deny)).is_err() {
        return Err(Unavailable("the list of what is known to be unsafe can't be fetched".to_owned()).into());
    }
    task.run(cargo::advisories(&task.sh, &deny))
}

fn sources(folder: &Utf8Path) -> Result<Vec<String>> {
    let mut files = git::files(folder, ".")?;
    files.retain(|file| file.ends_with(".rs") && folder.join(file).is_file());
    let read = |file| fs::read_to_string(folder.join(file)).with_context(|| format!("reading {file}"));
    files.iter().map(read).collect()
}

fn unnamed(package: &Package, sources: &[String]) -> Vec<String> {
    let names = package.dependencies.iter().map(|dependency| dependency.crate_name());
    let unused = names.filter(|name| !sources.iter().any(|source| names_crate(source, name)));
    unused.map(|name| format!("{} depends on {name}, and no source of it names that", package.name)).collect()
}

/// Whether a source has the name as a word of its own.
fn names_crate(source: &str, name: &str) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    source.match_indices(name).any(|(start, _)| {
        let (before, after) = (&source[..start], &source[start + name.len()..]);
        !before.ends_with(is_of_word) && !after.starts_with(is_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_named_by_a_word_and_not_by_a_part_of_one() {
        for source in
            ["use serde::Serialize;", "serde_json::json!(); serde::x", "#[derive(serde::Deserialize)]"]
        {
            assert!(names_crate(source, "serde"), "{source}");
        }
        for source in ["use serde_json::json;", "let deserde = 1;", ""] {
            assert!(!names_crate(source, "serde"), "{source}");
        }
    }
}
