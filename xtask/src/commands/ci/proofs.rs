//! `--audit` and `--strict`, which check that the cache can be trusted: a sample of cached tasks runs again, and tasks run where
//! only what they declare can be found.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use xshell::cmd;

use super::cache::store;
use super::run_args::{RunArgs, exit_code_of};
use super::selection::Selection;
use crate::pipeline::{Graph, Judge, Sandbox, Tally, Variables, audit};
use crate::terminal::{self, Activity};
use crate::tools::process::{CommandError, Run, interrupt, shell_in};
use crate::workspace;

impl RunArgs {
    /// Runs `count` of the cached tasks again.
    pub fn audit(&self, graph: &Graph, selection: &Selection, count: usize) -> Result<()> {
        let store = store();
        let judge = self.judge(graph, &store, &selection.tasks);
        let forced = Judge { force: true, ..self.judge(graph, &store, &selection.tasks) };
        let tally = audit(&judge, &forced, count, &self.options(), &self.report())?;
        terminal::say(tally);
        exit_code_of(tally)
    }

    /// Runs each task in a tree of its own that holds only what it declares to read, with the variables that it declares.
    pub fn strict(&self, graph: &Graph, selection: &Selection) -> Result<()> {
        let store = store();
        let judge = self.judge(graph, &store, &selection.tasks);
        let mut tally = Tally::default();
        for &at in &selection.tasks {
            interrupt::check()?;
            let name = graph.tasks()[at].name;
            let activity = Activity::start(format!("{name}, with only what it declares"));
            match run_in_sandbox(&judge, at, &activity)? {
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
        exit_code_of(tally)
    }
}

/// None when the task passes; otherwise what to print.
fn run_in_sandbox(judge: &Judge<'_>, at: usize, activity: &Activity) -> Result<Option<String>> {
    let task = &judge.graph.tasks()[at];
    let name = task.name;
    let sandbox = Sandbox::of(judge, at)?;
    let sh = shell_in(sandbox.root());
    let program = std::env::current_exe()?;
    let variables = Variables::of(task, std::env::vars());
    let run = cmd!(sh, "{program} ci --only --force --quiet {name}");
    let run = std::env::vars_os().fold(run, |run, (name, _)| run.env_remove(name));
    let run = run
        .envs(variables.given.iter().map(|(name, value)| (name, value)))
        .env("XTASK_TOOLS_DIR", workspace::tools_dir())
        // A target folder of its own, which stays warm: files in the usual one hold paths of the repository.
        .env("CARGO_TARGET_DIR", workspace::target_dir().join("strict"));
    let lines = |line: &str| activity.line(line);
    let run = Run::new(run).timeout(task.timeout + Duration::from_secs(60)).each_line(&lines);
    let failed = match run.run() {
        Ok(()) => return sandbox.remove().map(|()| None),
        Err(error @ (CommandError::Failed { .. } | CommandError::TimedOut { .. })) => error,
        Err(error) => return Err(error.into()),
    };
    let log = fs::read_to_string(sandbox.root().join(format!(".local/ci/{name}.log")));
    let log = log.unwrap_or_else(|_| failed.to_string());
    let (mut files, variables) = (sandbox.missing(judge, &log), variables.missing(&log));
    files.truncate(MAX_FILES);
    sandbox.remove()?;
    Ok(Some(format!("{}    {}", tail(&log), undeclared(&files, &variables))))
}

/// How many undeclared files are named.
const MAX_FILES: usize = 5;

/// What a row does not declare, as a sentence.
fn undeclared(files: &[String], variables: &[&str]) -> String {
    let reads = (!files.is_empty()).then(|| format!("that it reads {}", files.join(", ")));
    let depends = (!variables.is_empty()).then(|| format!("that it depends on {}", variables.join(", ")));
    match [reads, depends].into_iter().flatten().collect::<Vec<_>>().join(", nor ") {
        nothing if nothing.is_empty() => {
            "its output names no undeclared file or variable; it may fail outside the sandbox too".to_owned()
        }
        undeclared => format!("its row does not say {undeclared}"),
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].iter().map(|line| format!("    {line}\n")).collect()
}
