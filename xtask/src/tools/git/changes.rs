//! git: what changed since the working tree's branch left another one.

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use xshell::cmd;

use super::{Meaning, ask, git_shell, meaning};
use crate::tools::process::Run;

/// The last commit that two histories have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeBase {
    /// This one.
    Commit(String),
    /// The clone is too shallow to tell.
    Shallow,
    /// There is none.
    None,
}

/// The last commit that `revision` and what is checked out have in common. A word that means no commit is an error,
/// unless the clone is shallow: then it may be what was not fetched.
pub fn base(folder: &Utf8Path, revision: &str) -> Result<MergeBase> {
    let sh = git_shell(folder);
    let shallow = ask(folder, cmd!(sh, "git rev-parse --is-shallow-repository"))? == "true";
    let commit = match meaning(folder, revision)? {
        Meaning::Commit(commit) => commit,
        _ if shallow => return Ok(MergeBase::Shallow),
        Meaning::Ambiguous(all) => {
            anyhow::bail!("{revision} begins the names of several commits: {}", all.join(", "))
        }
        Meaning::Unknown(alike) if alike.is_empty() => {
            anyhow::bail!("{revision} is neither a commit nor a branch here")
        }
        Meaning::Unknown(alike) => {
            anyhow::bail!("{revision} is neither a commit nor a branch here; alike are: {}", alike.join(", "))
        }
    };
    let told = Run::new(cmd!(sh, "git merge-base HEAD {commit}")).finish()?;
    match told.stdout.lines().next() {
        Some(base) if told.status.success() => Ok(MergeBase::Commit(base.to_owned())),
        _ if shallow => Ok(MergeBase::Shallow),
        _ => Ok(MergeBase::None),
    }
}

/// The paths that differ between a commit and the working tree, untracked ones included, sorted.
pub fn paths_since(folder: &Utf8Path, commit: &str) -> Result<Vec<String>> {
    let sh = git_shell(folder);
    let changed = ask(folder, cmd!(sh, "git diff --name-only --no-renames -z {commit} --"))?;
    let untracked = ask(folder, cmd!(sh, "git ls-files --others --exclude-standard -z"))?;
    let all = changed.split_terminator('\0').chain(untracked.split_terminator('\0'));
    let mut all: Vec<String> = all.map(str::to_owned).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// Fetches the history that a shallow clone lacks.
pub fn fetch_history(folder: &Utf8Path) -> Result<()> {
    let sh = git_shell(folder);
    let fetch = cmd!(sh, "git fetch --quiet --unshallow origin");
    Run::new(fetch).timeout(std::time::Duration::from_secs(600)).run().context("fetching the history")
}
