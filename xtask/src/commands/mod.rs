//! One file a verb: what the user sees, top to bottom.

mod bench;
mod ci;
mod db;
mod deploy;
mod doctor;
mod down;
mod engine;
mod fmt;
mod host;
mod image;
mod lab;
mod lint;
mod logs;
mod maintenance;
mod migrate;
pub mod output;
mod platform;
pub mod progress;
mod recover;
mod releases;
mod rollback;
mod secrets;
mod status;
pub mod target;
mod test;
mod workflows;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use crate::exit::{Exit, Failure, refuse};
use crate::terminal;
use crate::tools::process::is_interrupt;

/// TraceHub's delivery: everything between a keystroke and a customer.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Deploy(deploy::Deploy),
    Rollback(rollback::Rollback),
    Recover(recover::Recover),
    Maintenance(maintenance::Maintenance),
    Status(status::Status),
    Releases(releases::Releases),
    Logs(logs::Logs),
    Down(down::Down),
    Db(db::Db),
    Secrets(secrets::SecretsVerb),
    Platform(platform::PlatformVerb),
    Host(host::HostVerb),
    Lab(lab::LabVerb),
    Ci(ci::Ci),
    Lint(lint::Lint),
    Test(test::Test),
    Fmt(fmt::Fmt),
    Image(image::Image),
    Bench(bench::Bench),
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    Engine(engine::Engine),
    Workflows(workflows::Workflows),
}

impl Cli {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Deploy(deploy) => deploy.run(),
            Verb::Rollback(rollback) => rollback.run(),
            Verb::Maintenance(maintenance) => maintenance.run(),
            Verb::Recover(recover) => recover.run(),
            Verb::Status(status) => status.run(),
            Verb::Releases(releases) => releases.run(),
            Verb::Logs(logs) => logs.run(),
            Verb::Down(down) => down.run(),
            Verb::Db(db) => db.run(),
            Verb::Secrets(secrets) => secrets.run(),
            Verb::Platform(platform) => platform.run(),
            Verb::Host(host) => host.run(),
            Verb::Lab(lab) => lab.run(),
            Verb::Ci(ci) => ci.run(),
            Verb::Lint(lint) => lint.run(),
            Verb::Test(test) => test.run(),
            Verb::Fmt(fmt) => fmt.run(),
            Verb::Image(image) => image.run(),
            Verb::Bench(bench) => bench.run(),
            Verb::Migrate(migrate) => migrate.run(),
            Verb::Doctor(doctor) => doctor.run(),
            Verb::Engine(engine) => engine.run(),
            Verb::Workflows(workflows) => workflows.run(),
        }
    }
}

/// Names that a person may have meant, those that begin alike first.
fn near<'a>(names: impl Iterator<Item = &'a str>, word: &str) -> String {
    let alike = |name: &str| name.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
    let mut names: Vec<&str> = names.collect();
    names.sort_by_key(|name| std::cmp::Reverse((alike(name), *name)));
    names.truncate(8);
    if names.is_empty() { "There is none.".to_owned() } else { format!("There are: {}", names.join(", ")) }
}

/// Says what went wrong, and gives the exit code for it.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let exit = match error.chain().find_map(|cause| cause.downcast_ref::<Failure>()) {
        Some(failure) => failure.exit,
        None if is_interrupt(error) => Exit::Interrupted,
        None => Exit::Failed,
    };
    // A verb that has said everything, and whose last line is its answer, ends with no words.
    let words = format!("{error:#}");
    if !words.is_empty() {
        terminal::note(format_args!("{} {words}", terminal::paint::bad("error:")));
    }
    ExitCode::from(exit as u8)
}
