//! `cargo xtask ci`: the checks that decide whether a change may be merged.

mod built;
mod cache;
mod proofs;
mod run_args;
mod selection;
mod watch;

use std::collections::BTreeSet;

use clap::Args;

use self::selection::{Selection, SelectionArgs};
use super::Cli;
use crate::pipeline::{DiagramFormat, Graph, Task, affected};
use crate::product::ci::tasks;

pub use self::run_args::RunArgs;
pub use self::selection::task_or_group;

/// The rows of CI. What documents say of xtask is read by this very command line.
pub fn table() -> Vec<Task> {
    tasks::table::<Cli>()
}

/// The tasks that a change of these paths (sorted) has run again: who reads them, who reads the work of those, and who looks at
/// commits or at what others say today.
pub fn affected_by(paths: &[String]) -> anyhow::Result<BTreeSet<&'static str>> {
    let graph = Graph::new(table())?;
    let affected = affected(&graph, cache::OWN_SOURCES, paths);
    let is_run =
        |(at, task): &(usize, &Task)| affected.contains_key(at) || task.history || task.max_age.is_some();
    Ok(graph.tasks().iter().enumerate().filter(is_run).map(|(_, task)| task.name).collect())
}

/// How long a task took when it last passed here.
pub fn last_seconds(task: &str) -> Option<f64> {
    cache::store().last_run(task).filter(|last| last.passed).map(|last| last.seconds)
}

/// Runs everything in a graph of whatever rows.
pub fn run_all(graph: &Graph) -> anyhow::Result<()> {
    RunArgs::default().run_selection(graph, &Selection::all(graph))
}

/// Run the checks that decide whether a change may be merged
///
/// All of them, or those that are named, with what they need.
#[derive(Debug, Args)]
pub struct Ci {
    /// Tasks or groups to run, with what they need; all tasks when none is named
    #[arg(value_name = "NAME", value_parser = task_or_group)]
    names: Vec<String>,
    #[command(flatten)]
    selection_args: SelectionArgs,
    #[command(flatten)]
    run_args: RunArgs,
    /// List the tasks, and the groups that each is in
    #[arg(long, conflicts_with_all = ["graph", "plan", "watch", "audit", "strict", "cached_only"])]
    list: bool,
    /// Print the tasks and their needs as a diagram, and run nothing
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "mermaid")]
    graph: Option<DiagramFormat>,
    /// Say why this task would run, why it ran the last time, and what it depends on
    #[arg(long, value_name = "TASK", value_parser = task_or_group, exclusive = true)]
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
        let graph = Graph::new(table())?;
        if let Some(task) = &self.explain {
            return self.run_args.explain(&graph, &graph.named(&[task]));
        }
        if self.list {
            let all = (0..graph.tasks().len()).collect();
            let listed = if self.names.is_empty() { all } else { graph.named(&self.names) };
            self.run_args.report().list(&graph, &listed);
            return Ok(());
        }
        let selection = Selection::of(&graph, &self.names, &self.selection_args)?;
        match (self.graph, self.audit) {
            (Some(format), _) => self.run_args.draw(&graph, &selection, format),
            (_, Some(count)) => self.run_args.audit(&graph, &selection, count),
            _ if self.watch => self.run_args.watch(&graph, &selection),
            _ if self.strict => self.run_args.strict(&graph, &selection),
            _ => self.run_args.run_selection(&graph, &selection),
        }
    }
}
