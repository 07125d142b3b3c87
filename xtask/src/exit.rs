//! Exit codes, and errors that decide them.

/// The exit codes that mean something, as `docs/exit-codes.md` lists them. 2 is clap's own, for words that it does
/// not understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A check, a test or a command failed.
    Failed = 1,
    /// Refused before anything was changed.
    Refused = 3,
    /// Failed, and what was begun is undone, but for migrations.
    Undone = 4,
    /// Failed, and a person must act: the message says how.
    NotUndone = 5,
    /// Somebody else holds the lease.
    LeaseHeld = 6,
    /// The host does not answer.
    Unreachable = 7,
    /// The host does not let us in.
    KeyRefused = 8,
    /// The host shows another key than the pinned one.
    HostKey = 9,
    /// The host lacks something: an engine, disk, a setting of its sshd.
    HostUnfit = 10,
    /// This commit may not go to this environment.
    Gate = 11,
    /// Ctrl-C or SIGTERM; what was begun is undone.
    Interrupted = 130,
}

/// An error that decides the exit code. Anything else ends with [`Exit::Failed`].
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What failed, on what, why, what to do next.
    pub message: String,
}

/// An error that refuses the work before anything was changed.
pub fn refuse(message: impl Into<String>) -> anyhow::Error {
    Failure { exit: Exit::Refused, message: message.into() }.into()
}
