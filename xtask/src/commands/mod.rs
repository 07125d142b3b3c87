//! One file a verb: what the user sees, top to bottom.

mod ci;
mod doctor;
mod engine;
mod migrate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::terminal;
use crate::tools::interrupt;
use crate::tools::process::CommandError;

/// TraceHub's delivery: everything between a keystroke and a customer.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Ci(ci::Ci),
    Lint(ci::Lint),
    Test(ci::Test),
    Fmt(ci::Fmt),
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    Engine(engine::Engine),
}

impl Cli {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Ci(ci) => ci.run(),
            Verb::Lint(lint) => lint.run(),
            Verb::Test(test) => test.run(),
            Verb::Fmt(fmt) => fmt.run(),
            Verb::Migrate(migrate) => migrate.run(),
            Verb::Doctor(doctor) => doctor.run(),
            Verb::Engine(engine) => engine.run(),
        }
    }
}

/// The exit codes that mean something, as `docs/exit-codes.md` lists them. 2 is clap's own, for words that it does
/// not understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A check, a test or a command failed.
    Failed = 1,
    /// Refused before anything was changed.
    Refused = 3,
    /// Failed, and everything is as it was before.
    Undone = 4,
    /// Failed, and a person must act: the message says how.
    NotUndone = 5,
    /// Somebody else holds the lease.
    LeaseHeld = 6,
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

/// Says what went wrong, and gives the exit code for it.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let interrupted = error.chain().any(|cause| {
        cause.is::<interrupt::Interrupted>()
            || matches!(cause.downcast_ref(), Some(CommandError::Interrupted))
    });
    let exit = match error.chain().find_map(|cause| cause.downcast_ref::<Failure>()) {
        Some(failure) => failure.exit,
        None if interrupted => Exit::Interrupted,
        None => Exit::Failed,
    };
    terminal::note(format_args!("{} {error:#}", terminal::paint::bad("error:")));
    ExitCode::from(exit as u8)
}
