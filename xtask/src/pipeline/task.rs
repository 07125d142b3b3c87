//! A task: one row of the table, and what its function gets when it runs.

use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use xshell::{Cmd, Shell};

use crate::setup::Tool;
use crate::terminal::Activity;
use crate::tools::process::{CommandError, Run};

/// What a task does. A function and not a closure: everything it depends on is in its row.
pub type Work = fn(&Context) -> Result<()>;

/// One node of the graph.
#[derive(Debug, Clone)]
pub struct Task {
    /// What people type, and what its log is called.
    pub name: &'static str,
    /// What it is for, in one line.
    pub summary: &'static str,
    /// The tasks that must have passed before it starts.
    pub needs: Vec<&'static str>,
    /// The names under which it runs together with others.
    pub groups: Vec<&'static str>,
    /// What is installed before it starts, where it is missing.
    pub tools: &'static [Tool],
    /// When its running command is ended.
    pub timeout: Duration,
    /// What it does.
    pub work: Work,
}

/// A row that has no [`Work`] yet.
#[derive(Debug)]
pub struct Row(Task);

/// Begins a row; [`Row::run`] completes it.
pub fn task(name: &'static str, summary: &'static str) -> Row {
    Row(Task {
        name,
        summary,
        needs: Vec::new(),
        groups: Vec::new(),
        tools: &[],
        timeout: minutes(10),
        work: |_| Ok(()),
    })
}

impl Row {
    /// The tasks that must have passed before it starts.
    pub fn needs<const N: usize>(mut self, needs: [&'static str; N]) -> Row {
        self.0.needs = needs.into();
        self
    }

    /// The groups that it belongs to.
    pub fn groups<const N: usize>(mut self, groups: [&'static str; N]) -> Row {
        self.0.groups = groups.into();
        self
    }

    /// What is installed before it starts, where it is missing.
    pub fn tools(mut self, tools: &'static [Tool]) -> Row {
        self.0.tools = tools;
        self
    }

    /// When its running command is ended; ten minutes unless said otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Row {
        self.0.timeout = timeout;
        self
    }

    /// What it does.
    pub fn run(mut self, work: Work) -> Task {
        self.0.work = work;
        self.0
    }
}

/// So that a row reads `.timeout(minutes(15))`.
pub const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// This machine lacks something that the task can't do without: it has not failed, it could not run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// What a task's function gets.
pub struct Context {
    /// A shell in the repository's root.
    pub sh: Shell,
    output: Output,
    deadline: Instant,
}

impl Context {
    pub(super) fn new(task: &Task, folder: &Utf8Path, log: &Utf8Path) -> Result<Context> {
        let sh = Shell::new()?;
        sh.change_dir(folder);
        let log = File::create(log).with_context(|| format!("creating {log}"))?;
        let output = Output { log: Mutex::new(log), activity: Activity::start(task.name) };
        Ok(Context { sh, output, deadline: Instant::now() + task.timeout })
    }

    /// Runs a command for its effect. Its output goes to the task's log.
    pub fn run(&self, cmd: Cmd<'_>) -> Result<()> {
        self.line(&format!("$ {cmd}"));
        let run = Run::new(cmd).limit(self.left()).each_line(&self.lines()).run();
        run.map_err(|error| without_tail(error).into())
    }

    /// Adds a line to the task's output.
    pub fn line(&self, line: &str) {
        self.output.line(line);
    }

    /// [`Context::line`] for whoever runs commands itself.
    pub fn lines(&self) -> impl Fn(&str) + Sync {
        let output = &self.output;
        |line| output.line(line)
    }

    /// The time that the task has left, in whole seconds so that it reads well where it ran out.
    pub fn left(&self) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Duration::from_secs(left.as_secs_f64().ceil() as u64)
    }

    pub(super) fn end(self) -> Activity {
        self.output.activity
    }
}

/// The last lines are in the log already, with all that came before them.
fn without_tail(mut error: CommandError) -> CommandError {
    if let CommandError::Failed { tail, .. } | CommandError::TimedOut { tail, .. } = &mut error {
        tail.clear();
    }
    error
}

/// Where a task's lines go: all of them into its log, the last one to who looks on.
struct Output {
    log: Mutex<File>,
    activity: Activity,
}

impl Output {
    fn line(&self, line: &str) {
        // Some tools colour what no terminal will show.
        let line = console::strip_ansi_codes(line);
        // A full disk fails the task itself soon enough; it must not end the run.
        let _ = writeln!(self.log.lock().expect("no holder panics"), "{line}");
        self.activity.line(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_a_failed_command_is_not_said_twice() {
        let error = CommandError::Failed {
            command: "cargo test".to_owned(),
            ending: "ended with exit code 101".to_owned(),
            code: Some(101),
            tail: "its last line".to_owned(),
        };
        assert_eq!(without_tail(error).to_string(), "`cargo test` ended with exit code 101");
    }
}
