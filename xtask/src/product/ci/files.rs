//! The repository's files that a task is for.

use anyhow::{Result, ensure};

use crate::tools::git;
use crate::workspace;

/// The repository's files for which this holds: at least one, or the task would look at nothing.
pub fn some(wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let files = present(wanted)?;
    ensure!(!files.is_empty(), "none of the files that this is for was found");
    Ok(files)
}

/// The files of the repository that are here and for which this holds.
pub fn present(wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let mut files = git::files(workspace::root(), ".")?;
    files.retain(|path| wanted(path) && workspace::root().join(path).is_file());
    Ok(files)
}
