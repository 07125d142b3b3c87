//! Why a command did not do what it was asked to.

use std::fmt::Write as _;
use std::time::Duration;

use super::interrupt;

/// How many lines of a failed command's output its error carries.
const TAIL_LINES: usize = 12;

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The program is not on the PATH (or not at the path it was called by).
    #[error("`{program}` was not found on this machine")]
    NotFound {
        /// As it was spelled.
        program: String,
    },
    /// It ran and ended with another exit code than 0, or by a signal.
    #[error("`{command}` {ending}{}", indented(.tail))]
    Failed {
        /// The command line.
        command: String,
        /// 'exit code 2', 'killed by signal 9'.
        ending: String,
        /// The exit code, unless a signal ended it.
        code: Option<i32>,
        /// The last lines of its output.
        tail: String,
    },
    /// It was still running at its time limit, and was killed with all its children.
    #[error("`{command}` was ended at its time limit of {}{}", humantime::format_duration(*.timeout), indented(.tail))]
    TimedOut {
        /// The command line.
        command: String,
        /// The limit.
        timeout: Duration,
        /// The last lines of its output.
        tail: String,
    },
    /// Ctrl-C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// It could not be started or waited for.
    #[error("`{command}` could not be run: {source}")]
    Io {
        /// The command line.
        command: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl CommandError {
    /// A command that ended with another exit code than 0.
    pub fn of_exit_code(command: &str, code: i32, stdout: &str, stderr: &str) -> CommandError {
        let output = if stderr.trim().is_empty() { stdout } else { stderr };
        let ending = format!("ended with exit code {code}");
        CommandError::Failed { command: command.to_owned(), ending, code: Some(code), tail: tail(output) }
    }

    /// A command whose way to here is gone.
    pub fn cut_off(command: &str) -> CommandError {
        let ending = "was cut off: the connection is gone".to_owned();
        CommandError::Failed { command: command.to_owned(), ending, code: None, tail: String::new() }
    }
}

/// Whether somebody's wish to stop is behind an error, wherever it was noticed.
pub fn is_interrupt(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<interrupt::Interrupted>()
            || matches!(cause.downcast_ref(), Some(CommandError::Interrupted))
    })
}

fn indented(tail: &str) -> String {
    tail.lines().fold(String::new(), |mut out, line| {
        let _ = write!(out, "\n    {line}");
        out
    })
}

/// The last lines that say something.
pub fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
