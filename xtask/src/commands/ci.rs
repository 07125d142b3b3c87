//! `cargo xtask ci`: the checks that decide whether a change may be merged.

mod built;
mod how;
mod proofs;
mod selection;
mod watch;

use std::collections::BTreeSet;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use self::selection::{Selection, SelectionArgs};
use crate::pipeline::{Graph, Picture};
use crate::product::ci::tasks;

pub use self::how::RunArgs;

/// Runs everything in a graph of whatever rows.
pub fn run_all(graph: &Graph) -> anyhow::Result<()> {
    RunArgs::default().run_selection(graph, &Selection::all(graph))
}

/// Run the checks that decide whether a change may be merged: all of them, or some
#[derive(Debug, Args)]
pub struct Ci {
    /// Tasks or groups to run, with what they need; all tasks when none is named
    #[arg(value_name = "NAME", value_parser = names())]
    names: Vec<String>,
    #[command(flatten)]
    which: SelectionArgs,
    #[command(flatten)]
    how: RunArgs,
    /// Draw the tasks instead of running them
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "mermaid")]
    graph: Option<Picture>,
    /// Say why this task would run, why it ran the last time, and what it depends on
    #[arg(long, value_name = "TASK", value_parser = names(), exclusive = true)]
    explain: Option<String>,
    /// Run again whenever something changes on which a task depends
    #[arg(long, conflicts_with_all = ["graph", "plan", "cached_only"])]
    watch: bool,
    /// Run a sample of what is cached again; it must end as it did
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "3", conflicts_with = "json")]
    audit: Option<usize>,
    /// Run each task in a tree that holds only what it declares to read, with only the variables that it declares
    #[arg(long, conflicts_with_all = ["graph", "watch", "audit", "json"])]
    strict: bool,
}

impl Ci {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        let graph = Graph::new(tasks::table())?;
        if let Some(task) = &self.explain {
            return self.how.explain(&graph, &graph.named(&[task]));
        }
        let selection = Selection::of(&graph, &self.names, &self.which)?;
        match (self.graph, self.audit) {
            (Some(picture), _) => self.how.draw(&graph, &selection, picture),
            (_, Some(count)) => self.how.audit(&graph, &selection, count),
            _ if self.watch => self.how.watch(&graph, &selection),
            _ if self.strict => self.how.strict(&graph, &selection),
            _ => self.how.run_selection(&graph, &selection),
        }
    }
}

/// What may be named, so that a slip of the keyboard is answered with what was meant.
pub fn names() -> PossibleValuesParser {
    // Without a graph: every verb's start would pay for it.
    let table = tasks::table();
    let groups: BTreeSet<&str> = table.iter().flat_map(|task| &task.groups).copied().collect();
    let tasks = table.iter().map(|task| PossibleValue::new(task.name).help(task.summary));
    PossibleValuesParser::new(tasks.chain(groups.into_iter().map(PossibleValue::new)).collect::<Vec<_>>())
}
