//! The records in the store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::outputs::OutputFile;

/// One time that a task passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    /// How long the task ran, in seconds.
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub at: u64,
    /// The files that it wrote.
    pub outputs: Vec<OutputFile>,
    /// The container images that it built, by their ids.
    pub images: Vec<String>,
    /// What it measured.
    #[serde(default)]
    pub figures: Vec<String>,
}

/// A task's last run, however it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastRun {
    /// Whether it passed.
    pub passed: bool,
    /// The fingerprint that it ran with.
    pub fingerprint: String,
    /// How long it ran, in seconds.
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub at: u64,
    /// Why it ran.
    pub why: Vec<String>,
}

/// The tasks that failed the last time, or were skipped because of one that did: each with 'failed', or the reason why it was
/// skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTasks(pub BTreeMap<String, String>);
