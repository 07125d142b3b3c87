//! Folders for what tasks put into temporary ones: one a run, in it one a task. A task that leaves something there has
//! not tidied up, and a run that was killed is tidied up after by the next one.

use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::tools::process::owner::{self, Owner};
use crate::tools::process::tracking;

/// In front of the name of each run's folder. Short: sockets live below it, and their paths have a limit.
const PREFIX: &str = "xtask-ci-";
/// How many of the left files are named.
const NAMED: usize = 5;

/// A run's folder.
#[derive(Debug)]
pub struct Temporary {
    folder: Utf8PathBuf,
    _owner: Owner,
}

impl Temporary {
    /// Makes a folder.
    pub fn new() -> Result<Temporary> {
        let above = Utf8PathBuf::try_from(std::env::temp_dir())
            .context("the folder for temporary files, TMPDIR, has a name that is not UTF-8")?;
        let folder = tempfile::Builder::new().prefix(PREFIX).rand_bytes(4).tempdir_in(&above)?.keep();
        let folder = Utf8PathBuf::try_from(folder)?;
        let owner = owner::own(&folder)?;
        Ok(Temporary { folder, _owner: owner })
    }

    /// The mark of what this task starts: it names the run's folder, so that the next run finds what a kill left.
    pub fn mark(&self, task: &str) -> String {
        format!("{}/{task}", self.name())
    }

    /// Whether a mark is of this run.
    pub fn is_mine(&self, mark: &str) -> bool {
        mark.split_once('/').is_some_and(|(run, _)| run == self.name())
    }

    /// An empty folder for one task.
    pub fn of(&self, task: &str) -> Result<Utf8PathBuf> {
        let folder = self.folder.join(task);
        fs::create_dir(&folder).with_context(|| format!("making {folder}"))?;
        Ok(folder)
    }

    /// Removes a task's folder; what was left in it is named.
    pub fn close(&self, task: &str) -> Vec<String> {
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

    /// Removes the run's own folder, which must be empty by now.
    pub fn end(self) -> Result<()> {
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

/// Tidies up after runs that were killed.
pub fn sweep_killed() {
    if let Ok(above) = Utf8PathBuf::try_from(std::env::temp_dir()) {
        sweep(&above);
    }
}

/// Ends what killed runs left running, and removes their folders.
fn sweep(above: &Utf8Path) {
    let Ok(entries) = above.read_dir_utf8() else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().starts_with(PREFIX)) {
        // Without an owner: killed, or at work, between making the folder and owning it.
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
        let temporary = Temporary::new().expect("made");
        let folder = temporary.of("a").expect("made");
        assert!(temporary.close("a").is_empty(), "nothing was left");
        temporary.of("b").expect("made");
        fs::create_dir(temporary.folder.join("b/left")).expect("left");
        assert_eq!(temporary.close("b"), ["left"]);
        temporary.end().expect("empty");
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
