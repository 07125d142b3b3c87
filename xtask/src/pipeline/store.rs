//! What is remembered of passes: one folder, which a workflow may keep between its runs.
//!
//! Everything is written beside and renamed, and a pass comes last, after everything that it speaks of: a kill at any
//! moment leaves what was there before, or all of it. Two runs at once write the same things under the same names.
//! Nothing here fails a run: what can't be read is not remembered, and what can't be written is said.

mod outputs;
mod prune;

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub use self::outputs::{Output, State};
use super::task::Task;
use crate::terminal;
use crate::tools::files::replace;

/// The folder.
#[derive(Debug)]
pub struct Store {
    folder: Utf8PathBuf,
    warned: AtomicBool,
}

/// A pass that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    /// How long the task ran.
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub at: u64,
    /// What it wrote.
    pub outputs: Vec<Output>,
    /// The images that it made, by their ids.
    pub images: Vec<String>,
    /// What it has found out.
    #[serde(default)]
    pub figures: Vec<String>,
}

/// A task's last run, however it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Last {
    /// Whether it passed.
    pub passed: bool,
    /// With which fingerprint.
    pub fingerprint: String,
    /// How long it ran.
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub at: u64,
    /// Why it ran.
    pub why: Vec<String>,
}

/// How each task stands that is not well: failed, or waiting for one that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTasks(pub BTreeMap<String, String>);

impl Store {
    /// Opens it; nothing is written before there is something to remember.
    pub fn new(folder: Utf8PathBuf) -> Store {
        Store { folder, warned: AtomicBool::new(false) }
    }

    /// The pass of this task with this fingerprint.
    pub fn pass(&self, task: &str, fingerprint: &str) -> Option<Pass> {
        let file = self.pass_file(task, fingerprint);
        let pass = self.read(&file)?;
        prune::touch(&file);
        Some(pass)
    }

    /// Remembers that the task has passed. Its outputs are kept first.
    pub fn record(&self, task: &Task, root: &Utf8Path, fingerprint: &str, manifest: &str, mut pass: Pass) {
        let mut keep = || -> Result<()> {
            pass.outputs = outputs::keep(&self.blobs(), root, &task.writes)?;
            if !task.unstored_outputs.is_empty() {
                let left = outputs::left(root, &task.unstored_outputs).with_context(|| {
                    format!("{} did not leave {}", task.name, task.unstored_outputs.join(", "))
                })?;
                replace(&self.left_file(task.name), format!("{fingerprint}\n{left}").as_bytes())?;
            }
            let file = self.pass_file(task.name, fingerprint);
            replace(&file.with_extension("manifest"), manifest.as_bytes())?;
            replace(&file, &json(&pass))
        };
        self.warn(keep(), || format!("the pass of {} is not remembered", task.name));
    }

    /// Forgets a pass that turned out not to be one.
    pub fn forget(&self, task: &str, fingerprint: &str) {
        // Not there is what is wanted.
        let _ = fs::remove_file(self.pass_file(task, fingerprint));
    }

    /// How a task ended, and with which manifest, whatever the outcome.
    pub fn note(&self, task: &str, last: &Last, manifest: &str) {
        let file = self.last_file(task);
        let write = replace(&file.with_extension("manifest"), manifest.as_bytes())
            .and_then(|()| replace(&file, &json(last)));
        self.warn(write, || format!("how {task} ended is not remembered"));
    }

    /// The last run of a task.
    pub fn last(&self, task: &str) -> Option<Last> {
        self.read(&self.last_file(task))
    }

    /// The manifest of that run.
    pub fn last_manifest(&self, task: &str) -> Option<String> {
        fs::read_to_string(self.last_file(task).with_extension("manifest")).ok()
    }

    /// Where a task's outputs stand, as its pass has them.
    pub fn outputs(&self, task: &Task, root: &Utf8Path, pass: &Pass) -> State {
        outputs::state(&self.blobs(), root, &task.writes, &pass.outputs)
    }

    /// Brings a task's outputs back.
    pub fn restore(&self, task: &Task, root: &Utf8Path, pass: &Pass) -> Result<()> {
        outputs::restore(&self.blobs(), root, &task.writes, &pass.outputs)
            .with_context(|| format!("bringing back what {} made", task.name))
    }

    /// Whether what the task left is still what it left with this fingerprint.
    pub fn is_left(&self, task: &Task, root: &Utf8Path, fingerprint: &str) -> bool {
        task.unstored_outputs.is_empty()
            || outputs::left(root, &task.unstored_outputs).is_ok_and(|left| {
                let noted = fs::read_to_string(self.left_file(task.name));
                noted.is_ok_and(|noted| noted == format!("{fingerprint}\n{left}"))
            })
    }

    /// The task is about to change what it left.
    pub fn begin(&self, task: &Task) {
        if !task.unstored_outputs.is_empty() {
            let _ = fs::remove_file(self.left_file(task.name));
        }
    }

    /// Who was not well when last seen.
    pub fn unwell(&self) -> FailedTasks {
        self.read(&self.folder.join("unwell.json")).unwrap_or_default()
    }

    /// Remembers who is not well.
    pub fn note_unwell(&self, unwell: &FailedTasks) {
        if *unwell != self.unwell() {
            let write = replace(&self.folder.join("unwell.json"), &json(unwell));
            self.warn(write, || "what failed is not remembered".to_owned());
        }
    }

    /// Removes what was used longest ago, down to the limit, and what kills left.
    pub fn prune(&self, limit: u64) {
        let pruned = prune::prune(&self.folder, limit);
        self.warn(pruned, || format!("{} can't be tidied up", self.folder));
    }

    /// The file whose lock says that a run is at work on this.
    pub fn lock(&self, what: &str) -> Utf8PathBuf {
        self.folder.join("locks").join(what)
    }

    fn pass_file(&self, task: &str, fingerprint: &str) -> Utf8PathBuf {
        self.folder.join("passes").join(task).join(format!("{fingerprint}.json"))
    }

    fn last_file(&self, task: &str) -> Utf8PathBuf {
        self.folder.join("last").join(format!("{task}.json"))
    }

    fn left_file(&self, task: &str) -> Utf8PathBuf {
        self.folder.join("left").join(task)
    }

    fn blobs(&self) -> Utf8PathBuf {
        self.folder.join("outputs")
    }

    /// None when it is not there, or is not what was written: a newer xtask's, a torn one.
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

    /// Says what is wrong with the folder, once: the rest would be the same.
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
pub fn since(at: u64) -> Duration {
    Duration::from_secs(now().saturating_sub(at))
}

#[cfg(test)]
mod tests;
