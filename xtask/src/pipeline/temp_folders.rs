//! The folders that tasks get as TMPDIR: one a run, in it one a task. A task that leaves a file there fails, and what a killed
//! run left is removed by the next one.

use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::tools::process::owner::{self, Owner};
use crate::tools::process::tracking;

/// In front of the name of each run's folder. Short: sockets live below it, and their paths have a limit.
const PREFIX: &str = "xtask-ci-";
/// How many leftover files an error names.
const NAMED: usize = 5;

/// The folder of one run.
#[derive(Debug)]
pub struct TempFolders {
    folder: Utf8PathBuf,
    _owner: Owner,
}

impl TempFolders {
    /// Makes the run's folder, below the system's folder for temporary files.
    pub fn new() -> Result<TempFolders> {
        let above = Utf8PathBuf::try_from(std::env::temp_dir())
            .context("the folder for temporary files, TMPDIR, has a name that is not UTF-8")?;
        let folder = tempfile::Builder::new().prefix(PREFIX).rand_bytes(4).tempdir_in(&above)?.keep();
        let folder = Utf8PathBuf::try_from(folder)?;
        let owner = owner::own(&folder)?;
        Ok(TempFolders { folder, _owner: owner })
    }

    /// The mark of the processes that this task starts. It names the run's folder: by it, the next run finds the processes of
    /// a run that was killed.
    pub fn mark(&self, task: &str) -> String {
        format!("{}/{task}", self.name())
    }

    /// Whether a mark is of this run.
    pub fn is_mine(&self, mark: &str) -> bool {
        mark.split_once('/').is_some_and(|(run, _)| run == self.name())
    }

    /// Makes an empty folder for one task.
    pub fn create(&self, task: &str) -> Result<Utf8PathBuf> {
        let folder = self.folder.join(task);
        fs::create_dir(&folder).with_context(|| format!("making {folder}"))?;
        Ok(folder)
    }

    /// Removes a task's folder; gives the names of what was left in it.
    pub fn remove(&self, task: &str) -> Vec<String> {
        let folder = self.folder.join(task);
        if fs::remove_dir(&folder).is_ok() {
            return Vec::new();
        }
        let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
        let mut left: Vec<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
        left.sort();
        if left.len() > NAMED {
            let more = left.len() - NAMED;
            left.truncate(NAMED);
            left.push(format!("{more} more"));
        }
        let _ = fs::remove_dir_all(&folder);
        left
    }

    /// Removes the run's folder. Fails when something else than tasks' folders was put there.
    pub fn close(self) -> Result<()> {
        owner::disown(&self.folder)?;
        fs::remove_dir(&self.folder).with_context(|| {
            let left = self.folder.read_dir_utf8().into_iter().flatten().flatten();
            let left: Vec<String> = left.map(|entry| entry.file_name().to_owned()).collect();
            format!("the run's temporary folder {} is not empty: {}", self.folder, left.join(", "))
        })
    }

    fn name(&self) -> &str {
        self.folder.file_name().unwrap_or_default()
    }
}

/// Ends the processes of runs that were killed, and removes their folders.
pub fn sweep_killed() {
    if let Ok(above) = Utf8PathBuf::try_from(std::env::temp_dir()) {
        sweep(&above);
    }
}

fn sweep(above: &Utf8Path) {
    let Ok(entries) = above.read_dir_utf8() else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().starts_with(PREFIX)) {
        // A folder without an owner: its run was killed right after making it, or is just about to own it.
        let is_left = || entry.metadata().and_then(|found| found.modified()).is_ok_and(is_old);
        let is_dead = owner::has_ended(entry.path()).unwrap_or_else(is_left);
        if is_dead {
            let name = entry.file_name().to_owned();
            tracking::end_tracked(|mark| mark.split_once('/').is_some_and(|(run, _)| run == name));
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_old(time: SystemTime) -> bool {
    time.elapsed().is_ok_and(|age| age > Duration::from_secs(60 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_leaves_is_named_and_removed_and_then_the_runs_folder_goes() {
        let folders = TempFolders::new().expect("made");
        let folder = folders.create("a").expect("made");
        assert!(folders.remove("a").is_empty(), "nothing was left");
        folders.create("b").expect("made");
        fs::create_dir(folders.folder.join("b/left")).expect("left");
        assert_eq!(folders.remove("b"), ["left"]);
        folders.close().expect("empty");
        assert!(!folder.parent().expect("the run's").exists());
    }

    #[test]
    fn a_folder_is_swept_only_when_its_owner_has_ended() {
        let above = tempfile::tempdir().expect("a temporary folder");
        let above = Utf8Path::from_path(above.path()).expect("UTF-8");
        let lock = |name: &str| {
            fs::create_dir(above.join(name)).expect("made");
            owner::own(&above.join(name)).expect("owned")
        };
        let _living = lock("xtask-ci-living");
        drop(lock("xtask-ci-dead"));
        drop(lock("somebody-elses"));
        sweep(above);
        assert!(above.join("xtask-ci-living").exists());
        assert!(!above.join("xtask-ci-dead").exists());
        assert!(above.join("somebody-elses").exists());
    }
}
