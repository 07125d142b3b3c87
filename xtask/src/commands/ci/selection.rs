//! Which tasks a call runs: names, `--skip`, `--since`, `--failed`.

use std::collections::HashMap;

use anyhow::Result;
use clap::Args;

use super::cache::{OWN_SOURCES, store};
use super::table;
use crate::commands::output::near::did_you_mean;
use crate::pipeline::{Graph, affected};
use crate::product::ci::tasks::DEEP;
use crate::terminal;
use crate::tools::git::changes::{self, MergeBase};
use crate::workspace;

/// The flags that select tasks.
#[derive(Debug, Default, Args)]
pub struct SelectionArgs {
    /// Only the named tasks, without what they need
    #[arg(long, requires = "names")]
    only: bool,
    /// Every fault that takes long to try, too: what the weekly run does
    #[arg(long, conflicts_with = "names")]
    deep: bool,
    /// Not this task or group, nor what needs it
    #[arg(long, value_name = "NAME", value_parser = task_or_group)]
    skip: Vec<String>,
    /// Only what the changes since this branch or commit can affect
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// Only what failed the last time, and what waited for it
    #[arg(long, conflicts_with = "names")]
    failed: bool,
}

/// The name of a task or of a group, as somebody types it.
pub fn task_or_group(word: &str) -> Result<String, String> {
    let table = table();
    let mut names: Vec<&str> = table.iter().flat_map(|task| task.groups.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    names.extend(table.iter().map(|task| task.name));
    if names.contains(&word) {
        return Ok(word.to_owned());
    }
    let meant = did_you_mean(word, names);
    Err(format!("no task or group has this name.{meant} `cargo xtask ci --list` lists them"))
}

/// The tasks, in an order in which they can run.
#[derive(Debug)]
pub struct Selection {
    /// Where they are in the graph.
    pub tasks: Vec<usize>,
    /// Why a task is among them, where `--since` or `--failed` selected it.
    pub why: HashMap<usize, String>,
}

impl Selection {
    /// All tasks but the deep ones, which run when they are named, or with `--deep`.
    pub fn all(graph: &Graph) -> Selection {
        let apart = graph.named(&[DEEP]);
        let tasks = (0..graph.tasks().len()).filter(|at| !apart.contains(at)).collect();
        Selection { tasks, why: HashMap::new() }
    }

    /// All tasks, with each deep one in place of the task that it contains.
    pub fn deep(graph: &Graph) -> Selection {
        let deep = graph.named(&[DEEP]);
        let long = |at: usize| {
            deep.iter()
                .any(|&deep| graph.tasks()[deep].name.strip_suffix("-deep") == Some(graph.tasks()[at].name))
        };
        let tasks = (0..graph.tasks().len()).filter(|&at| !long(at)).collect();
        Selection { tasks, why: HashMap::new() }
    }

    /// These tasks and groups, and what they need.
    pub fn named<S: AsRef<str>>(graph: &Graph, names: &[S]) -> Selection {
        Selection { tasks: graph.with_needs(&graph.named(names)), why: HashMap::new() }
    }

    /// The tasks that the command line selects. Fails when git can't tell what has changed since `--since`.
    pub fn of(graph: &Graph, names: &[String], args: &SelectionArgs) -> Result<Selection> {
        let mut selection = match names {
            [] if args.deep => Selection::deep(graph),
            [] => Selection::all(graph),
            _ if args.only => Selection { tasks: graph.named(names), why: HashMap::new() },
            _ => Selection::named(graph, names),
        };
        if args.failed {
            selection = Selection::failed(graph);
        }
        if let Some(revision) = &args.since {
            selection.narrow_to_changes(graph, revision)?;
        }
        let skipped = graph.with_dependents(&graph.named(&args.skip));
        selection.tasks.retain(|at| !skipped.contains(at));
        Ok(selection)
    }

    /// The tasks whose last run failed, those that were skipped because of them, and what both need.
    fn failed(graph: &Graph) -> Selection {
        let failed = store().failed_tasks().0;
        let names: Vec<&String> = failed.keys().collect();
        let mut selection = Selection::named(graph, &names);
        for (name, how) in &failed {
            for at in graph.named(&[name]) {
                let why = if how == "failed" {
                    "it failed the last time".to_owned()
                } else {
                    format!("it was skipped the last time, {how}")
                };
                selection.why.insert(at, why);
            }
        }
        if selection.tasks.is_empty() {
            terminal::note("nothing failed the last time");
        }
        selection
    }

    /// Keeps the tasks that the changes since this revision can affect, and what they need.
    fn narrow_to_changes(&mut self, graph: &Graph, revision: &str) -> Result<()> {
        let Some(base) = find_base(revision)? else { return Ok(()) };
        let changed = changes::paths_since(workspace::root(), &base)?;
        let affected = affected(graph, OWN_SOURCES, &changed);
        terminal::note(format_args!(
            "{} files differ from {}, where this left {revision}; they affect {} tasks",
            changed.len(),
            &base[..base.len().min(12)],
            affected.len()
        ));
        let wanted: Vec<usize> = self.tasks.iter().copied().filter(|at| affected.contains_key(at)).collect();
        let with_needs = graph.with_needs(&wanted);
        self.tasks.retain(|at| with_needs.contains(at));
        self.why.extend(affected);
        Ok(())
    }
}

/// The commit to compare with: where this branch left the revision. Without one all tasks stay selected, and a warning says
/// why.
fn find_base(revision: &str) -> Result<Option<String>> {
    let root = workspace::root();
    let everything = |why: &str| {
        terminal::warn(format_args!("{why}: all tasks are selected"));
        Ok(None)
    };
    let mut base = changes::base(root, revision)?;
    if base == MergeBase::Shallow {
        let question = format!(
            "This clone is too shallow to tell where it left {revision}. Fetch the history (git fetch --unshallow origin)?"
        );
        if !terminal::confirm(&question) {
            return everything(&format!(
                "this clone is too shallow to tell where it left {revision} (`git fetch --unshallow origin` brings what \
                 it lacks)"
            ));
        }
        changes::fetch_history(root)?;
        base = changes::base(root, revision)?;
    }
    match base {
        MergeBase::Commit(base) => Ok(Some(base)),
        MergeBase::Shallow => everything("the clone is still too shallow"),
        MergeBase::None => everything(&format!("this tree and {revision} have no commit in common")),
    }
}
