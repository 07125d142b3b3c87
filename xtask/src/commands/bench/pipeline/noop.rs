//! The engine on rows whose work does nothing, in a process of its own: what is measured is all that a call costs.

use std::fs;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::{Deserialize, Serialize};
use xshell::{Cmd, Shell, cmd};

use crate::commands::ci;
use crate::commands::ci::table;
use crate::pipeline::{Graph, Task, task};
use crate::setup::{self, Tool};
use crate::workspace;

/// Run tasks that do nothing; what `bench pipeline` calls
#[derive(Debug, Args)]
pub struct Noop {
    /// The rows, as JSON; this repository's when not given
    #[arg(long)]
    rows: Option<Utf8PathBuf>,
}

/// A row, as far as it matters here.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// What it needs.
    pub needs: Vec<String>,
    /// What it reads.
    pub reads: Vec<String>,
}

/// A call of this.
pub fn command<'a>(sh: &'a Shell, program: &Utf8Path, rows: Option<&Utf8Path>) -> Cmd<'a> {
    let rows = rows.into_iter().flat_map(|rows| ["--rows", rows.as_str()]);
    // What is measured on is a copy; what was installed here need not be installed there.
    cmd!(sh, "{program} bench noop {rows...}").env("XTASK_TOOLS_DIR", workspace::tools_dir())
}

impl Noop {
    /// Runs them.
    pub fn run(self) -> Result<()> {
        let table = match &self.rows {
            None => table().into_iter().map(without_work).collect(),
            Some(file) => read(file)?,
        };
        ci::run_all(&Graph::new(table)?)
    }
}

/// It makes nothing, and what this machine lacks for it is not installed.
fn without_work(row: Task) -> Task {
    // The engine is asked by whoever uses it, and no fingerprint asks it.
    let here = |tool: &Tool| *tool != Tool::Engine && setup::find(*tool).is_some();
    let tools = row.tools.iter().copied().filter(here).collect();
    Task { work: |_| Ok(()), unstored_outputs: Vec::new(), tools, ..row }
}

/// Rows live as long as the program: it ends soon.
fn read(file: &Utf8Path) -> Result<Vec<Task>> {
    let text = fs::read(file).with_context(|| format!("reading {file}"))?;
    let rows: Vec<Row> = serde_json::from_slice(&text).with_context(|| format!("reading {file}"))?;
    let leak = |words: Vec<String>| -> Vec<&'static str> {
        words.into_iter().map(|word| &*Box::leak(word.into_boxed_str())).collect()
    };
    let row = |row: Row| {
        let made = task(Box::leak(row.name.into_boxed_str()), "nothing").run(|_| Ok(()));
        Task { needs: leak(row.needs), reads: leak(row.reads), ..made }
    };
    Ok(rows.into_iter().map(row).collect())
}
