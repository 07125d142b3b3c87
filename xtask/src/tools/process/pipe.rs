//! One command's output as the next one's input: for what is too big to be held, or must not lie on a disk.

use std::io::{PipeReader, Read as _};
use std::sync::mpsc::{Receiver, channel};

use super::{CommandError, Finished, Group, Input, Run, Signal, lines};

/// A command whose output goes to the next one.
struct Source {
    group: Group,
    line: String,
    errors: Receiver<String>,
}

impl Source {
    /// Starts it, and gives the end from which its output is read.
    fn start(run: Run<'_>) -> Result<(Source, PipeReader), CommandError> {
        let line = run.line.clone();
        let io = |source| CommandError::Io { command: line.clone(), source };
        let (tell, errors) = channel();
        let (output, stdout) = std::io::pipe().map_err(io)?;
        let stderr = lines::pipe(move |line| drop(tell.send(line))).map_err(io)?;
        let group = run.start(stdout, stderr)?;
        Ok((Source { group, line, errors }, output))
    }

    /// Waits for its end, or makes one.
    fn end(self, kill: bool) -> Result<(), CommandError> {
        if kill {
            self.group.signal(Signal::KILL);
        }
        let status = self.group.wait();
        let status = status.map_err(|source| CommandError::Io { command: self.line.clone(), source })?;
        match status.code() {
            Some(0) => Ok(()),
            // 128 and SIGPIPE, as a shell says it: the next one had ended.
            Some(141) | None => Err(CommandError::cut_off(&self.line)),
            Some(code) => {
                let errors: String = lines::rest(&self.errors, lines::OUTPUT_DRAIN_TIMEOUT).collect();
                Err(CommandError::of_exit_code(&self.line, code, "", &errors))
            }
        }
    }
}

impl Run<'_> {
    /// Runs it and gives its standard output as it is, for what is no text. It has no timeout. Another exit code than 0
    /// is an error.
    pub fn bytes(self) -> Result<Vec<u8>, CommandError> {
        let (source, mut output) = Source::start(self)?;
        let (line, mut bytes) = (source.line.clone(), Vec::new());
        let read = output.read_to_end(&mut bytes);
        source.end(read.is_err())?;
        read.map_err(|source| CommandError::Io { command: line, source })?;
        Ok(bytes)
    }

    /// Runs both at once, this one's output being the other one's input. The other one's timeout is that of both.
    pub fn pipe_into(self, sink: Run<'_>) -> Result<Finished, CommandError> {
        let (first, output) = Source::start(self)?;
        let sunk = Run { input: Input::Pipe(output), ..sink }.checked();
        match (first.end(sunk.is_err()), sunk) {
            (Ok(()), sunk) => sunk,
            (Err(error @ CommandError::Failed { code: Some(_), .. }), _)
            | (_, Err(error))
            | (Err(error), _) => Err(error),
        }
    }

    /// Runs all at once, this one first, each one's output being the next one's input, and gives what `sink` printed. Its
    /// timeout is that of all. When an earlier one fails, so do all, whatever the later ones made of what they got.
    pub fn pipe(self, through: Run<'_>, sink: Run<'_>) -> Result<Finished, CommandError> {
        let (first, output) = Source::start(self)?;
        let (second, output) = Source::start(Run { input: Input::Pipe(output), ..through })?;
        let sunk = Run { input: Input::Pipe(output), ..sink }.checked();
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
}
