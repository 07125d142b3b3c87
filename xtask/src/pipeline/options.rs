//! How a run behaves.

use std::time::Instant;

use camino::Utf8PathBuf;

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where commands run.
    pub folder: Utf8PathBuf,
    /// Where each task's output is kept.
    pub logs: Utf8PathBuf,
    /// Whether tasks that do not need a failed one still run after a failure.
    pub keep_going: bool,
    /// Whether a task that can't run here is a failure; one whose row says that it needs a network never is.
    pub must_run: bool,
    /// Whether missing tools are installed without a question.
    pub yes: bool,
    /// How many tasks run at once.
    pub jobs: usize,
    /// Values that are masked in everything that tasks print.
    pub secrets: Vec<String>,
    /// How big the store may become, in bytes.
    pub store_limit: u64,
    /// When the run began; reading the tree is part of it.
    pub began: Instant,
    /// Whether this process takes the orphans of tasks as its children and ends them; only where it does nothing but this
    /// run.
    pub adopts_orphans: bool,
}
