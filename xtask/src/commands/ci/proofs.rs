//! Proofs that a cache can be believed: a sample of what is remembered runs again, and tasks run where only what they
//! declare is.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use xshell::cmd;

use super::run_args::{self, RunArgs};
use super::selection::Selection;
use crate::pipeline::{Graph, Judge, Sandbox, Tally, Variables, audit};
use crate::terminal::{self, Activity};
use crate::tools::process::{CommandError, Run, interrupt, shell_in};
use crate::workspace;

impl RunArgs {
    /// Runs so many of what is cached again.
    pub fn audit(&self, graph: &Graph, selection: &Selection, count: usize) -> Result<()> {
        let store = run_args::store();
        let judge = self.judge(graph, &store, &selection.tasks);
        let sceptic = Judge { force: true, ..self.judge(graph, &store, &selection.tasks) };
        let tally = audit(&judge, &sceptic, count, &self.options(), &self.report())?;
        terminal::say(tally);
        run_args::verdict(tally)
    }

    /// Runs each task in a tree of its own that holds only what it declares to read, with the variables that it declares.
    pub fn strict(&self, graph: &Graph, selection: &Selection) -> Result<()> {
        let store = run_args::store();
        let judge = self.judge(graph, &store, &selection.tasks);
        let mut tally = Tally::default();
        for &at in &selection.tasks {
            interrupt::check()?;
            let name = graph.tasks()[at].name;
            let activity = Activity::start(format!("{name}, with only what it declares"));
            match run_bare(&judge, at, &activity)? {
                None => {
                    activity.done("");
                    tally.passed += 1;
                }
                Some(words) => {
                    activity.failed();
                    terminal::note(words);
                    tally.failed += 1;
                }
            }
        }
        terminal::say(tally);
        run_args::verdict(tally)
    }
}

/// None when it passes; otherwise what is to be said.
fn run_bare(judge: &Judge<'_>, at: usize, activity: &Activity) -> Result<Option<String>> {
    let task = &judge.graph.tasks()[at];
    let name = task.name;
    let bare = Sandbox::of(judge, at)?;
    let sh = shell_in(bare.root());
    let program = std::env::current_exe()?;
    let variables = Variables::of(task, std::env::vars());
    let run = cmd!(sh, "{program} ci --only --force --quiet {name}");
    let run = std::env::vars_os().fold(run, |run, (name, _)| run.env_remove(name));
    let run = run
        .envs(variables.given.iter().map(|(name, value)| (name, value)))
        .env("XTASK_TOOLS_DIR", workspace::tools_dir())
        // Warm from one time to the next, and not the one whose files name the repository.
        .env("CARGO_TARGET_DIR", workspace::target_dir().join("strict"));
    let lines = |line: &str| activity.line(line);
    let run = Run::new(run).timeout(task.timeout + Duration::from_secs(60)).each_line(&lines);
    let failed = match run.run() {
        Ok(()) => return bare.remove().map(|()| None),
        Err(error @ (CommandError::Failed { .. } | CommandError::TimedOut { .. })) => error,
        Err(error) => return Err(error.into()),
    };
    let log = fs::read_to_string(bare.root().join(format!(".local/ci/{name}.log")));
    let log = log.unwrap_or_else(|_| failed.to_string());
    let (mut files, variables) = (bare.missing(judge, &log), variables.missing(&log));
    files.truncate(NAMED);
    bare.remove()?;
    Ok(Some(format!("{}    {}", tail(&log), undeclared(&files, &variables))))
}

/// How many files are named that a row leaves out.
const NAMED: usize = 5;

/// What a row leaves out, in words.
fn undeclared(files: &[String], variables: &[&str]) -> String {
    let reads = (!files.is_empty()).then(|| format!("that it reads {}", files.join(", ")));
    let depends = (!variables.is_empty()).then(|| format!("that it depends on {}", variables.join(", ")));
    match [reads, depends].into_iter().flatten().collect::<Vec<_>>().join(", nor ") {
        nothing if nothing.is_empty() => {
            "it names no file and no variable that its row leaves out; it may pass nowhere".to_owned()
        }
        left_out => format!("its row does not say {left_out}"),
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].iter().map(|line| format!("    {line}\n")).collect()
}
