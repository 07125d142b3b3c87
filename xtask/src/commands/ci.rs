//! `cargo xtask ci`: the checks that decide whether a change may be merged.

mod database;
mod delivery;
mod tasks;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::{Exit, Failure};
use crate::pipeline::{Format, Graph, Options, Report, Tally, run};
use crate::project;
use crate::tools::interrupt;

/// Run the checks that decide whether a change may be merged: all of them, or some
#[derive(Debug, Args)]
pub struct Ci {
    /// Tasks or groups to run, with what they need; all tasks when none is named
    #[arg(value_name = "NAME", value_parser = names())]
    names: Vec<String>,
    #[command(flatten)]
    how: How,
}

impl Ci {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        self.how.run(&self.names)
    }
}

/// The flags of every verb that runs tasks.
#[derive(Debug, Default, Args)]
pub struct How {
    /// Go on after a failure with whatever does not need what failed
    #[arg(long)]
    keep_going: bool,
    /// List what would run, in order, and run nothing
    #[arg(long)]
    plan: bool,
    /// Print one JSON object a line for each event
    #[arg(long)]
    json: bool,
    /// Show the output of tasks that pass, too
    #[arg(long, short, conflicts_with = "json")]
    verbose: bool,
    /// Install what this machine lacks without asking
    #[arg(long, short)]
    yes: bool,
}

impl How {
    /// Runs the named tasks and groups; without a name, all there is.
    pub fn run<S: AsRef<str>>(&self, names: &[S]) -> anyhow::Result<()> {
        let graph = Graph::new(tasks::table())?;
        let tasks = if names.is_empty() { graph.all() } else { graph.select(names) };
        let report = Report { format: self.format(), repeat: "cargo xtask ci" };
        if self.plan {
            report.plan(&tasks);
            return Ok(());
        }
        let options = Options {
            folder: project::root().to_owned(),
            logs: project::local_dir().join("ci"),
            keep_going: self.keep_going,
            strict: std::env::var("CI").is_ok_and(|ci| ci == "true"),
            yes: self.yes,
        };
        verdict(run(&tasks, &options, &report)?)
    }

    fn format(&self) -> Format {
        match (self.json, self.verbose) {
            (true, _) => Format::Json,
            (_, true) => Format::Full,
            _ => Format::Brief,
        }
    }
}

/// The exit code. The words have been said: nothing may stand below the line that counts.
fn verdict(tally: Tally) -> anyhow::Result<()> {
    let said = |exit| Err(Failure { exit, message: String::new() }.into());
    match tally {
        _ if interrupt::is_set() => said(Exit::Interrupted),
        Tally { failed: 0, .. } => Ok(()),
        _ => said(Exit::Failed),
    }
}

/// What may be named, so that a slip of the keyboard is answered with what was meant.
fn names() -> PossibleValuesParser {
    let graph = Graph::new(tasks::table()).expect("a test holds the table to this");
    let groups = graph.groups().into_iter().map(PossibleValue::new);
    let tasks = graph.all().into_iter().map(|task| PossibleValue::new(task.name).help(task.summary));
    PossibleValuesParser::new(tasks.chain(groups).collect::<Vec<_>>())
}
