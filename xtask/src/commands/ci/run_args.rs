//! The flags of every verb that runs tasks, and the runs that they ask for.

use std::sync::RwLock;
use std::thread;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use super::built;
use super::cache::{OWN_SOURCES, STORE_LIMIT, store};
use super::selection::Selection;
use super::table;
use crate::commands::{Exit, Failure};
use crate::pipeline::{
    DiagramFormat, Fingerprints, Format, Graph, Judge, Report, RunOptions, Store, Tally, Verdict, draw, run,
};
use crate::product::database;
use crate::project;
use crate::terminal;
use crate::tools::git::tree::Tree;
use crate::tools::process::interrupt;
use crate::workspace;

/// The flags of every verb that runs tasks.
#[derive(Debug, Default, Args)]
pub struct RunArgs {
    /// Go on after a failure with whatever does not need what failed
    #[arg(long)]
    keep_going: bool,
    /// List what would run, in order and why, and run nothing
    #[arg(long)]
    plan: bool,
    /// Run what has passed before, too
    #[arg(long)]
    force: bool,
    /// Run nothing; fail when something would run
    #[arg(long, conflicts_with_all = ["plan", "force"])]
    cached_only: bool,
    /// How many tasks run at once; as many as there are cores unless said otherwise
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Print one JSON object a line for each event
    #[arg(long)]
    json: bool,
    /// Show the output of tasks that pass, too
    #[arg(long, short, conflicts_with = "json")]
    verbose: bool,
    /// Show nothing but failures, and the last line
    #[arg(long, short, conflicts_with_all = ["json", "verbose"])]
    quiet: bool,
    /// Install what this machine lacks without asking
    #[arg(long, short)]
    yes: bool,
}

impl RunArgs {
    /// Runs the named tasks and groups, and what they need.
    pub fn run<S: AsRef<str>>(&self, names: &[S]) -> Result<()> {
        let graph = Graph::new(table())?;
        let selection = Selection::named(&graph, names);
        self.run_selection(&graph, &selection)
    }

    /// Runs these tasks, or says what would run.
    pub fn run_selection(&self, graph: &Graph, selection: &Selection) -> Result<()> {
        let (store, began) = (store(), Instant::now());
        let judge = self.judge(graph, &store, &selection.tasks);
        let report = self.report();
        if self.plan || self.cached_only {
            let planned: Vec<_> = selection.tasks.iter().map(|&at| (at, judge.decide(at))).collect();
            let runs = planned.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Runs(_))).count();
            if self.plan || runs > 0 {
                report.plan(graph, &planned, &|at| selection.why.get(&at).cloned());
            }
            return if self.plan || runs == 0 { Ok(()) } else { without_message(Exit::Failed) };
        }
        database::sweep_killed();
        exit_code_of(run(&judge, &selection.tasks, &RunOptions { began, ..self.options() }, &report)?)
    }

    /// Says why these tasks would run.
    pub fn explain(&self, graph: &Graph, tasks: &[usize]) -> Result<()> {
        let store = store();
        let judge = self.judge(graph, &store, tasks);
        tasks.iter().for_each(|&at| judge.explain(at));
        Ok(())
    }

    /// Prints these tasks and their needs as a diagram.
    pub fn draw(&self, graph: &Graph, selection: &Selection, format: DiagramFormat) -> Result<()> {
        let store = store();
        let judge = self.judge(graph, &store, &selection.tasks);
        let is_cached = |at| matches!(judge.decide(at), Verdict::Cached { .. });
        terminal::say(draw(graph, &selection.tasks, format, &is_cached).trim_end());
        Ok(())
    }

    /// Prints in the format that these flags ask for.
    pub fn report(&self) -> Report {
        Report::new(self.format(), "cargo xtask ci")
    }

    /// Reads the tree. What has changed since is not seen.
    pub fn judge<'a>(&self, graph: &'a Graph, store: &'a Store, tasks: &[usize]) -> Judge<'a> {
        let tree = built::is_current()
            .and_then(|()| Tree::look(workspace::root()).map_err(|error| format!("{error:#}")));
        let fingerprints = tree.map(|tree| RwLock::new(Fingerprints::new(graph, tasks, OWN_SOURCES, tree)));
        Judge {
            graph,
            root: workspace::root(),
            store,
            fingerprints,
            tasks: tasks.to_vec(),
            force: self.force,
        }
    }

    /// How the run behaves, by these flags.
    pub fn options(&self) -> RunOptions {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let secrets = std::env::vars().filter(|(name, _)| project::is_secret_variable(name));
        RunOptions {
            folder: workspace::root().to_owned(),
            logs: workspace::local_dir().join("ci"),
            keep_going: self.keep_going,
            must_run: terminal::is_in_ci(),
            yes: self.yes,
            jobs: self.jobs.map_or(cores, usize::from),
            secrets: secrets.map(|(_, value)| value).collect(),
            store_limit: STORE_LIMIT,
            began: Instant::now(),
            adopts_orphans: true,
        }
    }

    fn format(&self) -> Format {
        match self {
            RunArgs { json: true, .. } => Format::Json,
            RunArgs { verbose: true, .. } => Format::Full,
            RunArgs { quiet: true, .. } => Format::Quiet,
            _ if is_true("GITHUB_ACTIONS") => Format::GitHub,
            _ => Format::Brief,
        }
    }
}

fn is_true(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| value == "true")
}

/// The exit code of a run, as a result. No message: nothing may be printed below the last line, which counts.
pub fn exit_code_of(tally: Tally) -> Result<()> {
    match tally {
        _ if interrupt::is_set() => without_message(Exit::Interrupted),
        Tally { failed: 0, .. } => Ok(()),
        _ => without_message(Exit::Failed),
    }
}

fn without_message(exit: Exit) -> Result<()> {
    Err(Failure { exit, message: String::new() }.into())
}
