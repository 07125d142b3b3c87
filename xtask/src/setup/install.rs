//! Putting a tool into the repository's own folder for tools: whole or not at all, and once although two runs try.

use std::fs;

use anyhow::Context;
use camino::Utf8Path;

use super::{Tool, find};
use crate::terminal::Activity;
use crate::tools::files::lock::Lock;
use crate::tools::files::remove_folder;
use crate::workspace;

/// With fewer bytes free, a disk is full.
const FULL: u64 = 4 << 20;

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
    remove_folder(&unfinished)?;
    whole(&unfinished, fill, free)?;
    // What was there did not do.
    remove_folder(folder)?;
    fs::rename(&unfinished, folder).with_context(|| format!("renaming {unfinished} to {folder}"))
}

/// Makes and fills the folder. When that fails, nothing of it stays, since others may need its room; and where the disk is full, the
/// error says so: some programs don't.
fn whole(
    folder: &Utf8Path,
    fill: impl FnOnce(&Utf8Path) -> anyhow::Result<()>,
    free: impl Fn(&Utf8Path) -> Option<u64>,
) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {folder}"))?;
    fill(folder).map_err(|error| {
        let free = free(folder).filter(|free| *free < FULL);
        let error = match remove_folder(folder) {
            Ok(()) => error,
            Err(left) => error.context(format!("{left:#}")),
        };
        let Some(kib) = free.map(|free| free >> 10) else { return error };
        error.context(format!(
            "{kib} KiB were free on the disk of the folder for tools: free some, or name another folder by XTASK_TOOLS_DIR"
        ))
    })
}

/// Bytes that are free on the disk of a folder.
fn free(folder: &Utf8Path) -> Option<u64> {
    let told = rustix::fs::statvfs(folder.as_std_path()).ok()?;
    Some(told.f_bavail * told.f_frsize)
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;

    #[test]
    fn of_an_installation_that_fails_nothing_stays_and_a_full_disk_is_said() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::try_from(temporary.path().join(".tool")).unwrap();
        let words = |free: Option<u64>| {
            let fails = |folder: &Utf8Path| -> anyhow::Result<()> {
                fs::write(folder.join("half"), "of it")?;
                anyhow::bail!("npm ended with exit code 228")
            };
            let error = whole(&folder, fails, |_| free).unwrap_err();
            assert!(!folder.exists(), "the half of it is left");
            format!("{error:#}")
        };
        assert!(words(Some(12 << 10)).starts_with("12 KiB were free on the disk of the folder for tools"));
        assert_eq!(words(Some(1 << 30)), "npm ended with exit code 228");
        assert_eq!(words(None), "npm ended with exit code 228");
        assert!(free(&Utf8PathBuf::try_from(temporary.path().to_owned()).unwrap()).is_some());
    }
}
