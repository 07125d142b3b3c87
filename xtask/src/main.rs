//! `cargo xtask`: TraceHub's delivery as typed functions. Parses, dispatches, and turns an error into words and an
//! exit code; nothing else.

mod commands;
mod exit;
mod host;
mod lab;
mod pipeline;
mod product;
mod project;
mod rollout;
#[cfg(test)]
mod rooms;
mod setup;
mod terminal;
mod tools;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before any program is started.
    tools::process::withhold(project::is_secret_variable);
    let command = commands::Cli::read();
    if let Err(error) = tools::process::interrupt::listen() {
        terminal::warn(format_args!("signals can't be listened to: {error}"));
    }
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => commands::report(&error),
    }
}
