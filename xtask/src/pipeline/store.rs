//! The cache: passes of tasks with what they wrote, in one folder, which a workflow may keep between its runs.
//!
//! Each file is written under another name and renamed, and a pass comes last, after everything that it refers to: a kill
//! at any moment leaves what was there before, or all of the new. Two runs at once write the same content under the same
//! names. Nothing here fails a run: what can't be read counts as not there, and what can't be written is a warning.

mod outputs;
mod prune;
mod records;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

pub use self::outputs::OutputsState;
pub use self::records::{FailedTasks, LastRun, Pass};
use super::task::Task;
use crate::terminal;
use crate::tools::files::replace;

/// The cache's folder.
#[derive(Debug)]
pub struct Store {
    folder: Utf8PathBuf,
    warned: AtomicBool,
}

impl Store {
    /// Opens it. The folder is made at the first write.
    pub fn new(folder: Utf8PathBuf) -> Store {
        Store { folder, warned: AtomicBool::new(false) }
    }

    /// The pass of this task with this fingerprint, if there is one. Notes that it was used: the least recently used are
    /// pruned first.
    pub fn pass(&self, task: &str, fingerprint: &str) -> Option<Pass> {
        let file = self.pass_file(task, fingerprint);
        let pass = self.read(&file)?;
        prune::touch(&file);
        Some(pass)
    }

    /// Stores a pass, after the task's outputs. Only warns where that fails, or where the task did not write an output that its
    /// row names.
    pub fn record(&self, task: &Task, root: &Utf8Path, fingerprint: &str, manifest: &str, mut pass: Pass) {
        let mut store = || -> Result<()> {
            pass.outputs = outputs::store(&self.blobs(), root, &task.writes)?;
            if !task.unstored_outputs.is_empty() {
                let identity = outputs::identity(root, &task.unstored_outputs).with_context(|| {
                    format!("{} did not leave {}", task.name, task.unstored_outputs.join(", "))
                })?;
                replace(&self.unstored_file(task.name), format!("{fingerprint}\n{identity}").as_bytes())?;
            }
            let file = self.pass_file(task.name, fingerprint);
            replace(&file.with_extension("manifest"), manifest.as_bytes())?;
            replace(&file, &json(&pass))
        };
        self.warn(store(), || format!("the pass of {} is not remembered", task.name));
    }

    /// Removes a pass, because the task failed with the same fingerprint.
    pub fn remove_pass(&self, task: &str, fingerprint: &str) {
        // An error means that there is none.
        let _ = fs::remove_file(self.pass_file(task, fingerprint));
    }

    /// Stores how a task ended, passed or failed, and its manifest.
    pub fn note_last_run(&self, task: &str, last: &LastRun, manifest: &str) {
        let file = self.last_file(task);
        let write = replace(&file.with_extension("manifest"), manifest.as_bytes())
            .and_then(|()| replace(&file, &json(last)));
        self.warn(write, || format!("how {task} ended is not remembered"));
    }

    /// The last run of a task.
    pub fn last_run(&self, task: &str) -> Option<LastRun> {
        self.read(&self.last_file(task))
    }

    /// The manifest of that run.
    pub fn last_manifest(&self, task: &str) -> Option<String> {
        fs::read_to_string(self.last_file(task).with_extension("manifest")).ok()
    }

    /// Whether the files that the task wrote when it passed are still there.
    pub fn outputs_state(&self, task: &Task, root: &Utf8Path, pass: &Pass) -> OutputsState {
        outputs::state(&self.blobs(), root, &task.writes, &pass.outputs)
    }

    /// Brings back the files that the task wrote when it passed, and removes others that match its patterns.
    pub fn restore(&self, task: &Task, root: &Utf8Path, pass: &Pass) -> Result<()> {
        outputs::restore(&self.blobs(), root, &task.writes, &pass.outputs)
            .with_context(|| format!("bringing back what {} wrote", task.name))
    }

    /// Whether the outputs of the task that are not stored are there, and from a run with this fingerprint.
    pub fn has_unstored_outputs(&self, task: &Task, root: &Utf8Path, fingerprint: &str) -> bool {
        task.unstored_outputs.is_empty()
            || outputs::identity(root, &task.unstored_outputs).is_ok_and(|identity| {
                let noted = fs::read_to_string(self.unstored_file(task.name));
                noted.is_ok_and(|noted| noted == format!("{fingerprint}\n{identity}"))
            })
    }

    /// Before a task runs: from now on, its outputs that are not stored belong to no fingerprint.
    pub fn forget_unstored_outputs(&self, task: &Task) {
        if !task.unstored_outputs.is_empty() {
            let _ = fs::remove_file(self.unstored_file(task.name));
        }
    }

    /// The tasks whose last run failed, and those that were skipped because of them.
    pub fn failed_tasks(&self) -> FailedTasks {
        self.read(&self.folder.join("failed.json")).unwrap_or_default()
    }

    /// Stores them.
    pub fn note_failed_tasks(&self, failed_tasks: &FailedTasks) {
        if *failed_tasks != self.failed_tasks() {
            let write = replace(&self.folder.join("failed.json"), &json(failed_tasks));
            self.warn(write, || "what failed is not remembered".to_owned());
        }
    }

    /// Removes the least recently used passes when there are more than `limit` bytes, and files that killed runs left.
    pub fn prune(&self, limit: u64) {
        let pruned = prune::prune(&self.folder, limit);
        self.warn(pruned, || format!("{} can't be tidied up", self.folder));
    }

    /// The file that a run locks while it uses a task or a lane.
    pub fn lock(&self, what: &str) -> Utf8PathBuf {
        self.folder.join("locks").join(what)
    }

    fn pass_file(&self, task: &str, fingerprint: &str) -> Utf8PathBuf {
        self.folder.join("passes").join(task).join(format!("{fingerprint}.json"))
    }

    fn last_file(&self, task: &str) -> Utf8PathBuf {
        self.folder.join("last").join(format!("{task}.json"))
    }

    fn unstored_file(&self, task: &str) -> Utf8PathBuf {
        self.folder.join("unstored").join(task)
    }

    fn blobs(&self) -> Utf8PathBuf {
        self.folder.join("outputs")
    }

    /// None when the file does not exist, or can't be parsed because another version of xtask wrote it.
    fn read<T: serde::de::DeserializeOwned>(&self, file: &Utf8Path) -> Option<T> {
        let read = match fs::read(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            read => read.with_context(|| format!("reading {file}")),
        };
        let parsed = read.and_then(|text| {
            serde_json::from_slice(&text).with_context(|| format!("{file} is not what was written"))
        });
        self.warn(parsed, || "something is not remembered".to_owned())
    }

    /// Warns of the first error only: others of the same folder would say the same.
    fn warn<T>(&self, result: Result<T>, what: impl FnOnce() -> String) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        if !self.warned.swap(true, Ordering::Relaxed) {
            terminal::warn(format_args!("{}: {error:#}", what()));
        }
        None
    }
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data")
}

/// Now, in seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// How long ago that was.
pub fn age(at: u64) -> Duration {
    Duration::from_secs(now().saturating_sub(at))
}

#[cfg(test)]
mod tests;
