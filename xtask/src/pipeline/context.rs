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
use super::services::Services;
use super::task::{Service, Task};
use crate::terminal::Activity;
use crate::tools::diagnostics::diagnostic::{Diagnostic, ParsedLine};
use crate::tools::process::{CommandError, Run, shell_in};

/// What a task's function gets.
pub struct Context<'a> {
    /// A shell in the repository's root.
    pub sh: Shell,
    output: Output<'a>,
    deadline: Instant,
    service: Option<Service>,
    services: &'a Services,
}

/// What a task hands over beside its result.
#[derive(Debug, Default)]
pub struct Made {
    /// The images that it made, by their ids.
    pub images: Vec<String>,
    /// What it has found out, in a few words each.
    pub figures: Vec<String>,
    /// What it found fault with: files as from the repository's root.
    pub places: Vec<Diagnostic>,
}

impl<'a> Context<'a> {
    /// `shown` is where its last line is seen while it runs.
    pub(super) fn new(
        task: &Task,
        folder: &'a Utf8Path,
        log: &Utf8Path,
        services: &'a Services,
        mask: &'a Mask,
        shown: Option<Activity>,
    ) -> Result<Context<'a>> {
        let sh = shell_in(folder);
        let log = File::create(log).with_context(|| format!("creating {log}"))?;
        let output = Output { log: Mutex::new(log), shown, mask, root: folder, made: Mutex::default() };
        let deadline = Instant::now() + task.timeout;
        Ok(Context { sh, output, deadline, service: task.service, services })
    }

    /// Runs a command for its effect. Its output goes to the task's log.
    pub fn run(&self, cmd: Cmd<'_>) -> Result<()> {
        self.run_each(cmd, &self.lines())
    }

    /// Runs a command that also speaks to programs: `read` tells of each line what people read, and what is found fault
    /// with. `folder` is where the command runs, as the tool names files from there.
    pub fn run_read(
        &self,
        cmd: Cmd<'_>,
        folder: &str,
        read: impl Fn(&str) -> ParsedLine + Sync,
    ) -> Result<()> {
        let output = &self.output;
        self.run_each(cmd, &|line| {
            let ParsedLine { text, place } = read(line);
            text.iter().flat_map(|text| text.split('\n')).for_each(|line| output.line(line));
            output.found(folder, place);
        })
    }

    fn run_each(&self, cmd: Cmd<'_>, each_line: &(dyn Fn(&str) + Sync)) -> Result<()> {
        self.line(&format!("$ {cmd}"));
        let run = Run::new(cmd).timeout(self.left()).each_line(each_line).run();
        run.map_err(|error| without_tail(error).into())
    }

    /// What is found fault with, shown beside the code when the task fails; `folder` is where the tool ran, from the root.
    pub fn found(&self, folder: &str, places: impl IntoIterator<Item = Diagnostic>) {
        self.output.found(folder, places);
    }

    /// What the task has found out, in a few words that stand beside its name.
    pub fn figure(&self, words: &str) {
        self.line(words);
        self.output.made.lock().expect("no holder panics").figures.push(words.to_owned());
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

    /// What the service of the task's row lends; started by the first task that asks.
    pub fn service<T: Any + Send + Sync>(&self) -> Result<Arc<T>> {
        let service = self.service.context("the task's row names no service")?;
        let lent = self.services.lend(service)?;
        lent.downcast()
            .map_err(|_| anyhow::anyhow!("{} lends something else than is asked for", service.name))
    }

    /// The pass holds only as long as the engine has the image of this id.
    pub fn made_image(&self, id: String) {
        self.output.made.lock().expect("no holder panics").images.push(id);
    }

    /// What is left of it when it has ended: what it hands over, and where it was seen.
    pub(super) fn end(self) -> (Made, Option<Activity>) {
        (self.output.made.into_inner().expect("no holder panics"), self.output.shown)
    }
}

/// The last lines are in the log already, with all that came before them.
fn without_tail(mut error: CommandError) -> CommandError {
    if let CommandError::Failed { tail, .. } | CommandError::TimedOut { tail, .. } = &mut error {
        tail.clear();
    }
    error
}

/// Where a task's lines go (all of them into its log, the last one to who looks on), and what it hands over.
struct Output<'a> {
    log: Mutex<File>,
    shown: Option<Activity>,
    mask: &'a Mask,
    /// The repository's, or what stands for it.
    root: &'a Utf8Path,
    made: Mutex<Made>,
}

impl Output<'_> {
    fn found(&self, folder: &str, places: impl IntoIterator<Item = Diagnostic>) {
        let folder = self.root.join(folder);
        let seen = places.into_iter().filter_map(|place| place.seen_from(self.root, &folder));
        let covered = seen.map(|place| Diagnostic { message: self.clean(&place.message), ..place });
        self.made.lock().expect("no holder panics").places.extend(covered);
    }

    /// Some tools colour what no terminal will show, and some tell what they should not.
    fn clean(&self, text: &str) -> String {
        self.mask.cover(&console::strip_ansi_codes(text)).into_owned()
    }

    fn line(&self, line: &str) {
        let line = self.clean(line);
        // A full disk fails the task itself soon enough; it must not end the run.
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
