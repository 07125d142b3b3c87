//! Putting a tool into the repository's own folder for tools: whole or not at all, and once although two runs try.

use std::fs;

use anyhow::Context;
use camino::Utf8Path;

use super::{Tool, find};
use crate::terminal::Activity;
use crate::tools::files::lock::Lock;
use crate::workspace;

/// Makes the folder that `tool` is looked for in, by `fill`, which gets an empty folder beside it: it gets its own name
/// only when `fill` went well. If another run has made it meanwhile, there is nothing left to do.
pub fn once(
    tool: Tool,
    folder: &Utf8Path,
    activity: &Activity,
    fill: impl FnOnce(&Utf8Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let name = folder.file_name().context("a tool's folder has a name")?;
    let tools = workspace::tools_dir();
    let _one = Lock::hold(&tools.join(format!("locks/{name}")), || {
        activity.line("waiting for another run that installs it");
    })?;
    find::forget(tool);
    if find::find(tool).is_some() {
        return Ok(());
    }
    let unfinished = tools.join(format!(".{name}"));
    // A run that was killed left it; the lock says that nobody is at work in it.
    remove(&unfinished)?;
    fs::create_dir_all(&unfinished).with_context(|| format!("making {unfinished}"))?;
    fill(&unfinished)?;
    // What was there did not do.
    remove(folder)?;
    fs::rename(&unfinished, folder).with_context(|| format!("renaming {unfinished} to {folder}"))
}

fn remove(folder: &Utf8Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {folder}"))
        }
        _ => Ok(()),
    }
}
