//! A program that is written to and read from while it runs: ssh, a shell at its other end, the holder of a lock.

use std::io::PipeWriter;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use xshell::Cmd;

use super::{CommandError, Group, lines};

/// A program that runs, and its streams. It has no timeout, and is not ended when this is dropped, though its input is.
#[derive(Debug)]
pub struct Session {
    /// The program, and what it starts.
    pub group: Group,
    /// Its standard input. It ends when this is dropped.
    pub input: PipeWriter,
    /// The lines of its standard output, with their ends.
    pub output: Receiver<String>,
    /// The lines of its standard error, with their ends.
    pub errors: Receiver<String>,
}

impl Session {
    /// Starts a program; `name` is what errors call it.
    pub fn start(cmd: Cmd<'_>, name: &str) -> Result<Session, CommandError> {
        let io = |source| CommandError::Io { command: name.to_owned(), source };
        let ((tell_output, output), (tell_errors, errors)) = (channel(), channel());
        let stdout = lines::pipe(move |line| drop(tell_output.send(line))).map_err(io)?;
        let stderr = lines::pipe(move |line| drop(tell_errors.send(line))).map_err(io)?;
        let (stdin, input) = std::io::pipe().map_err(io)?;
        let group = Group::start(Command::from(cmd), name, Some(stdin), stdout, stderr)?;
        Ok(Session { group, input, output, errors })
    }
}
