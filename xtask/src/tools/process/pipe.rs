//! One command's output as the next one's input: for what is too big to be held, or must not lie on a disk.

use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use super::{CommandError, Finished, Group, Run, Signal, prepare_environment, read_into, spawn, take};

/// A command whose output goes to the next one.
struct Source {
    child: Child,
    group: Group,
    line: String,
    said: Arc<Mutex<String>>,
}

impl Source {
    fn output(&mut self) -> Stdio {
        self.child.stdout.take().map_or_else(Stdio::null, Stdio::from)
    }

    /// Waits for its end, or makes one.
    fn end(mut self, kill: bool) -> Result<(), CommandError> {
        if kill {
            self.group.kill(Signal::KILL);
        }
        let status = self.child.wait();
        let status = status.map_err(|source| CommandError::Io { command: self.line.clone(), source })?;
        match status.code() {
            Some(0) => Ok(()),
            // 128 and SIGPIPE, as a shell says it: the next one had ended.
            Some(141) | None => Err(CommandError::cut_off(&self.line)),
            Some(code) => Err(CommandError::of_exit_code(&self.line, code, "", &take(&self.said))),
        }
    }
}

impl Run<'_> {
    /// Runs all at once, this one first, each one's output being the next one's input, and gives what `sink` printed. Its
    /// time limit is that of all. When an earlier one fails, so do all, whatever the later ones made of what they got.
    pub fn pipe(self, through: Run<'_>, sink: Run<'_>) -> Result<Finished, CommandError> {
        let mut first = self.start()?;
        let mut second = through.stdin_from(first.output()).start()?;
        let sunk = sink.stdin_from(second.output()).checked();
        let through = second.end(sunk.is_err());
        let read = first.end(sunk.is_err() || through.is_err());
        match (read, through, sunk) {
            (Ok(()), Ok(()), sunk) => sunk,
            // One that writes to nobody is killed for it, and one that reads from nobody has had too little: the one that
            // gave an exit code of its own says why.
            (Err(error @ CommandError::Failed { code: Some(_), .. }), ..) => Err(error),
            (_, Err(error @ CommandError::Failed { code: Some(_), .. }), _) => Err(error),
            (_, _, Err(error)) | (Err(error), ..) | (_, Err(error), _) => Err(error),
        }
    }

    fn start(mut self) -> Result<Source, CommandError> {
        prepare_environment(&mut self.command);
        self.command.process_group(0).stdin(self.source.take().unwrap_or_else(Stdio::null));
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(&mut self.command, &self.line)?;
        let (said, group) = (Arc::default(), Group::of(&child));
        if let Some(stderr) = child.stderr.take() {
            // Read to its end by itself: nobody waits for the lines.
            let (lines, _) = std::sync::mpsc::channel();
            drop(read_into(stderr, Arc::clone(&said), lines));
        }
        Ok(Source { child, group, line: self.line.clone(), said })
    }

    /// What the command reads, as it comes.
    fn stdin_from(mut self, source: Stdio) -> Self {
        self.source = Some(source);
        self
    }
}
