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
mod setup;
mod terminal;
mod tools;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let command = commands::Cli::parse();
    if let Err(error) = tools::process::interrupt::listen() {
        terminal::warn(format_args!("signals can't be listened to: {error}"));
    }
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => commands::report(&error),
    }
}
