//! What a task's function gets when it runs.

use std::any::Any;
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use xshell::{Cmd, Shell};

use super::mask::Mask;
use super::services::{Service, Services};
use crate::terminal::Activity;
use crate::tools::diagnostics::diagnostic::{Diagnostic, ParsedLine};
use crate::tools::process::{CommandError, Run, shell_in};

/// What a task's function gets.
pub struct Context<'a> {
    /// A shell in the repository's root.
    pub sh: Shell,
    output: LogSink<'a>,
    deadline: Instant,
    service: Option<Service>,
    services: &'a Services,
}

/// What a task reports besides whether it passed.
#[derive(Debug, Default)]
pub struct Findings {
    /// The container images that it built, by their ids.
    pub images: Vec<String>,
    /// What it measured, in a few words each: coverage, the size of an image.
    pub figures: Vec<String>,
    /// What its tools found wrong, with files as seen from the repository's root.
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> Context<'a> {
    /// `timeout` and `service` are the row's; `shown` displays its last line while it runs.
    pub(super) fn new(
        timeout: Duration,
        service: Option<Service>,
        folder: &'a Utf8Path,
        log: &Utf8Path,
        services: &'a Services,
        mask: &'a Mask,
        shown: Option<Activity>,
    ) -> Result<Context<'a>> {
        let sh = shell_in(folder);
        let log = File::create(log).with_context(|| format!("creating {log}"))?;
        let output = LogSink { log: Mutex::new(log), shown, mask, root: folder, findings: Mutex::default() };
        let deadline = Instant::now() + timeout;
        Ok(Context { sh, output, deadline, service, services })
    }

    /// Runs a command. Its output goes to the task's log. Fails when the command does, or when the task's time is over.
    pub fn run(&self, cmd: Cmd<'_>) -> Result<()> {
        self.run_each(cmd, &self.lines())
    }

    /// Runs a command whose output is made for programs: `parse` gives for each line what people read, and the diagnostic in
    /// it, if any. `folder` is where the command runs, from the repository's root: the tool names files from there.
    pub fn run_parsed(
        &self,
        cmd: Cmd<'_>,
        folder: &str,
        parse: impl Fn(&str) -> ParsedLine + Sync,
    ) -> Result<()> {
        let output = &self.output;
        self.run_each(cmd, &|line| {
            let ParsedLine { text, diagnostic } = parse(line);
            text.iter().flat_map(|text| text.split('\n')).for_each(|line| output.line(line));
            output.add_diagnostics(folder, diagnostic);
        })
    }

    fn run_each(&self, cmd: Cmd<'_>, each_line: &(dyn Fn(&str) + Sync)) -> Result<()> {
        self.line(&format!("$ {cmd}"));
        let run = Run::new(cmd).timeout(self.left()).each_line(each_line).run();
        run.map_err(|error| without_tail(error).into())
    }

    /// Adds what a tool found wrong, which is shown beside the code when the task fails; `folder` is where the tool ran, from
    /// the repository's root.
    pub fn add_diagnostics(&self, folder: &str, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.output.add_diagnostics(folder, diagnostics);
    }

    /// Adds what the task measured, in a few words that are shown beside its name.
    pub fn add_figure(&self, words: &str) {
        self.line(words);
        self.output.findings.lock().expect("no holder panics").figures.push(words.to_owned());
    }

    /// Adds a line to the task's output.
    pub fn line(&self, line: &str) {
        self.output.line(line);
    }

    /// [`Context::line`] as a closure, for functions that run commands themselves.
    pub fn lines(&self) -> impl Fn(&str) + Sync {
        let output = &self.output;
        |line| output.line(line)
    }

    /// The time that the task has left, in whole seconds: an error message names it.
    pub fn left(&self) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Duration::from_secs(left.as_secs_f64().ceil() as u64)
    }

    /// The service of the task's row, which the first task that asks starts. Fails when the row names none, when it does not
    /// start, and when it is not a `T`.
    pub fn service<T: Any + Send + Sync>(&self) -> Result<Arc<T>> {
        let service = self.service.context("the task's row names no service")?;
        let handle = self.services.get_or_start(service)?;
        handle.downcast().map_err(|_| anyhow::anyhow!("{} is a service of another type", service.name))
    }

    /// Adds an image that the task built: the task counts as cached only while the engine has the image of this id.
    pub fn add_image(&self, id: String) {
        self.output.findings.lock().expect("no holder panics").images.push(id);
    }

    /// Ends it: gives what the task reported, and what displayed its lines.
    pub(super) fn end(self) -> (Findings, Option<Activity>) {
        (self.output.findings.into_inner().expect("no holder panics"), self.output.shown)
    }
}

/// Drops the last lines of the command's output, since the log has them already.
fn without_tail(mut error: CommandError) -> CommandError {
    if let CommandError::Failed { tail, .. } | CommandError::TimedOut { tail, .. } = &mut error {
        tail.clear();
    }
    error
}

/// Takes a task's lines (all go into its log, the last one to the terminal), and what it reports.
struct LogSink<'a> {
    log: Mutex<File>,
    shown: Option<Activity>,
    mask: &'a Mask,
    /// The repository's root, or in a test another folder.
    root: &'a Utf8Path,
    findings: Mutex<Findings>,
}

impl LogSink<'_> {
    fn add_diagnostics(&self, folder: &str, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        let folder = self.root.join(folder);
        let seen = diagnostics.into_iter().filter_map(|diagnostic| diagnostic.seen_from(self.root, &folder));
        let masked =
            seen.map(|diagnostic| Diagnostic { message: self.clean(&diagnostic.message), ..diagnostic });
        self.findings.lock().expect("no holder panics").diagnostics.extend(masked);
    }

    /// Without colours and without secrets: some tools print both into a log.
    fn clean(&self, text: &str) -> String {
        self.mask.apply(&console::strip_ansi_codes(text)).into_owned()
    }

    fn line(&self, line: &str) {
        let line = self.clean(line);
        // Ignored, so that a full disk fails tasks and not the run.
        let _ = writeln!(self.log.lock().expect("no holder panics"), "{line}");
        if let Some(shown) = &self.shown {
            shown.line(&line);
        }
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
