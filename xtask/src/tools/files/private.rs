//! Private folders for sockets and files of one run. Their names are short, since the path of a socket may hold about 100
//! bytes. They are removed with the run, or after a killed one by the next.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, test_kill_process};

/// Where they are. Not `TMPDIR`, whose name is long on some systems.
const WHERE: &str = "/tmp";
/// Where they are that must not reach a disk.
const IN_MEMORY: &str = "/dev/shm";

/// Removed when it is dropped.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new one, which no other user can read.
    pub fn new() -> Result<Folder> {
        Folder::new_in(WHERE)
    }

    /// One whose files are in memory. An error where the system has no such place.
    pub fn in_memory() -> Result<Folder> {
        Folder::new_in(IN_MEMORY)
    }

    fn new_in(parent: &str) -> Result<Folder> {
        sweep(Utf8Path::new(parent));
        let made = tempfile::Builder::new()
            .prefix(&format!("xt-{}-", std::process::id()))
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent);
        made.map(Folder).with_context(|| format!("making a private folder in {parent}"))
    }

    /// Its path.
    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).expect("its name is made of digits and letters")
    }

    /// How many bytes are free where it is.
    pub fn free(&self) -> Result<u64> {
        let asked = rustix::fs::statvfs(self.path().as_std_path());
        let disk = asked.with_context(|| format!("asking how much is free in {}", self.path()))?;
        Ok(disk.f_bavail * disk.f_frsize)
    }

    /// The path of a file in it.
    pub fn join(&self, name: &str) -> Utf8PathBuf {
        self.path().join(name)
    }
}

/// Removes the folders whose process has ended. Those of other users can't be removed, and need not be.
fn sweep(parent: &Utf8Path) {
    for entry in parent.read_dir_utf8().into_iter().flatten().flatten() {
        let owner = entry.file_name().strip_prefix("xt-").and_then(|rest| rest.split('-').next());
        let Some(owner) = owner.and_then(|number| Pid::from_raw(number.parse().ok()?)) else { continue };
        if test_kill_process(owner) == Err(rustix::io::Errno::SRCH) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use xshell::cmd;

    use super::*;
    use crate::tools::process::{Run, shell};

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_a_living_one_has_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let parent = Utf8Path::from_path(parent.path()).unwrap();
        let (sh, script) = (shell(), "echo $$");
        let ended = Run::new(cmd!(sh, "sh -c {script}")).text().unwrap();
        let (dead, alive) = (format!("xt-{ended}-a"), format!("xt-{}-a", std::process::id()));
        for name in [dead.as_str(), &alive, "xt-", "xt-x-y", "other"] {
            fs::create_dir(parent.join(name)).unwrap();
        }
        sweep(parent);
        assert!(!parent.join(dead).exists());
        assert!([alive.as_str(), "xt-", "xt-x-y", "other"].iter().all(|name| parent.join(name).exists()));
    }
}
