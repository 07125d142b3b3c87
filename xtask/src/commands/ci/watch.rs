//! `--watch`: runs again whenever a file changes that a task depends on.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::cache::OWN_SOURCES;
use super::run_args::RunArgs;
use super::selection::Selection;
use crate::commands::Failure;
use crate::pipeline::{Fingerprints, Globs, Graph};
use crate::terminal;
use crate::tools::git::tree::Tree;
use crate::tools::process::interrupt;
use crate::workspace;

/// How often the tree is read, which takes some ten milliseconds.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

impl RunArgs {
    /// Runs, waits for a change, and runs again, until somebody asks to stop.
    pub fn watch(&self, graph: &Graph, selection: &Selection) -> Result<()> {
        let own = own_sources()?;
        loop {
            let seen = look(graph, &selection.tasks)?;
            match self.run_selection(graph, selection) {
                // Its report has said what failed; the next change may fix it.
                Err(error) if error.is::<Failure>() && !interrupt::is_set() => {}
                ended => ended?,
            }
            terminal::note(terminal::paint::dim("waiting for a change; Ctrl-C ends"));
            wait(graph, &selection.tasks, &seen)?;
            if own_sources()? != own {
                terminal::note("xtask's own sources changed: it is built and started anew");
                return Err(start_anew().into());
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "there is nobody left to run it")]
/// This process becomes another one; comes back with the reason when it can't.
fn start_anew() -> std::io::Error {
    Command::new("cargo").arg("xtask").args(std::env::args_os().skip(1)).exec()
}

/// Waits until the fingerprints differ from these and have not changed between two looks: an editor may still be writing.
fn wait(graph: &Graph, tasks: &[usize], seen: &[String]) -> Result<()> {
    let mut before = seen.to_vec();
    loop {
        interrupt::pause(POLL_INTERVAL)?;
        let now = look(graph, tasks)?;
        if now != seen && now == before {
            return Ok(());
        }
        before = now;
    }
}

fn look(graph: &Graph, tasks: &[usize]) -> Result<Vec<String>> {
    let fingerprints = Fingerprints::new(graph, tasks, OWN_SOURCES, Tree::look(workspace::root())?);
    Ok(tasks.iter().map(|&at| fingerprints.of(at).to_owned()).collect())
}

fn own_sources() -> Result<BTreeMap<String, String>> {
    let tree = Tree::look(workspace::root())?;
    let own = Globs::new(OWN_SOURCES).select(tree.paths());
    Ok(own.into_iter().map(|at| (tree.paths()[at].clone(), tree.content(at).to_owned())).collect())
}
