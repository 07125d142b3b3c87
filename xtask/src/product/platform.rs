//! The files of which a platform is made: out of a commit, or, for an environment on this machine, out of the tree.

use anyhow::{Context, Result};

use super::images::Tree;
use crate::host::PlatformFiles;
use crate::project::DEPLOY;
use crate::tools::git;
use crate::workspace;

/// As they are in this tree.
pub fn of_tree() -> Result<PlatformFiles> {
    let folder = workspace::root().join(DEPLOY);
    PlatformFiles::read(Tree::look()?.revision(), |name| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map(Some).with_context(|| format!("reading {path}"))
    })
}

/// As they are in a commit, whatever is checked out.
pub fn of_commit(sha: &str) -> Result<PlatformFiles> {
    let root = workspace::root();
    PlatformFiles::read(sha.to_owned(), |name| {
        git::history::show_if_there(root, sha, &format!("{DEPLOY}/{name}"))
    })
}
