//! Why a command did not do what it was asked to.

use std::fmt::Write as _;
use std::time::Duration;

use super::interrupt;

/// How many lines of a failed command's output its error carries.
const TAIL_LINES: usize = 12;

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The program is not on the PATH, or not at its path.
    #[error("`{program}` was not found on this machine")]
    NotFound {
        /// Its name or path.
        program: String,
    },
    /// It ran and ended with another exit code than 0, or by a signal.
    #[error("`{command}` {ending}{}", indented(.tail))]
    Failed {
        /// The command line.
        command: String,
        /// 'ended with exit code 2', 'was killed by signal 9'.
        ending: String,
        /// The exit code, unless a signal ended it.
        code: Option<i32>,
        /// The last lines of its output.
        tail: String,
    },
    /// It was still running at its timeout, and was killed with its process group.
    #[error("`{command}` was stopped at its timeout of {}{}", humantime::format_duration(*.timeout), indented(.tail))]
    TimedOut {
        /// The command line.
        command: String,
        /// The timeout.
        timeout: Duration,
        /// The last lines of its output.
        tail: String,
    },
    /// Somebody wanted this program to end: Ctrl-C, SIGTERM or SIGHUP.
    #[error("interrupted")]
    Interrupted,
    /// It could not be started or waited for.
    #[error("`{command}` could not be run: {source}")]
    Io {
        /// The command line.
        command: String,
        /// The reason.
        source: std::io::Error,
    },
}

/// How a command ends whose connection does.
const CUT_OFF: &str = "was cut off: the connection is gone";

impl CommandError {
    /// Whether its connection has ended, rather than that it failed.
    pub fn is_cut_off(&self) -> bool {
        matches!(self, CommandError::Failed { ending, .. } if ending == CUT_OFF)
    }

    /// A command that ended with another exit code than 0.
    pub fn of_exit_code(command: &str, code: i32, stdout: &str, stderr: &str) -> CommandError {
        let output = if stderr.trim().is_empty() { stdout } else { stderr };
        let ending = format!("ended with exit code {code}");
        CommandError::Failed { command: command.to_owned(), ending, code: Some(code), tail: tail(output) }
    }

    /// A command on another machine, or a request, whose connection has ended.
    pub fn cut_off(command: &str) -> CommandError {
        let ending = CUT_OFF.to_owned();
        CommandError::Failed { command: command.to_owned(), ending, code: None, tail: String::new() }
    }
}

/// Whether the cause of an error is that somebody wanted this program to end.
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

/// The last lines that are not blank.
pub fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
