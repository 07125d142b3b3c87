//! One file a verb: what the user sees, top to bottom.

mod approve;
mod bench;
mod ci;
mod config;
mod db;
mod deploy;
mod dev;
mod doctor;
mod down;
mod drill;
mod engine;
mod fmt;
mod github;
mod host;
mod image;
mod incident;
mod lab;
mod lint;
mod logs;
mod maintenance;
mod metrics;
mod migrate;
mod monitor;
pub mod output;
mod picture;
mod platform;
pub mod progress;
mod prune;
mod recover;
mod releases;
mod rollback;
mod secrets;
mod status;
mod support;
pub mod target;
mod test;
mod update;
mod user;
mod workflows;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::output::help::{self, Group};
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
    Dev(dev::Dev),
    Ci(ci::Ci),
    Lint(lint::Lint),
    Test(test::Test),
    Fmt(fmt::Fmt),
    Image(image::Image),
    Update(update::Update),
    Deploy(deploy::Deploy),
    Approve(approve::Approve),
    Rollback(rollback::Rollback),
    Recover(recover::Recover),
    Status(status::Status),
    #[command(alias = "release")]
    Releases(releases::Releases),
    Logs(logs::Logs),
    Support(support::Support),
    Metrics(metrics::Metrics),
    Incident(incident::IncidentVerb),
    Maintenance(maintenance::Maintenance),
    Monitor(monitor::Monitor),
    Down(down::Down),
    Prune(prune::Prune),
    Platform(platform::PlatformVerb),
    Db(db::Db),
    Migrate(migrate::Migrate),
    Secrets(secrets::SecretsVerb),
    Config(config::Config),
    User(user::UserVerb),
    Host(host::HostVerb),
    Lab(lab::LabVerb),
    Drill(drill::DrillVerb),
    Engine(engine::Engine),
    Doctor(doctor::Doctor),
    Workflows(workflows::Workflows),
    Github(github::Github),
    Bench(bench::Bench),
    Picture(picture::Picture),
}

/// The verbs as `--help` shows them.
const GROUPS: &[Group] = &[
    ("Build and check", &["dev", "ci", "lint", "test", "fmt", "image", "update"]),
    (
        "Deploy",
        &[
            "deploy",
            "approve",
            "rollback",
            "recover",
            "status",
            "releases",
            "logs",
            "support",
            "metrics",
            "incident",
            "maintenance",
            "monitor",
            "down",
            "prune",
            "platform",
        ],
    ),
    ("Data", &["db", "migrate", "secrets", "config", "user"]),
    ("Machines", &["host", "lab", "drill", "engine", "doctor"]),
    ("This repository", &["workflows", "github", "bench", "picture"]),
];

impl Cli {
    /// Reads the command line. What it can't understand ends the program with an error, as does a question for help.
    pub fn read() -> Cli {
        let command = Cli::command();
        let template = help::template(&command, GROUPS);
        let matches = command.help_template(template).get_matches();
        Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        let result = self.dispatch();
        progress::tell::wait();
        result
    }

    fn dispatch(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Dev(dev) => dev.run(),
            Verb::Ci(ci) => ci.run(),
            Verb::Lint(lint) => lint.run(),
            Verb::Test(test) => test.run(),
            Verb::Fmt(fmt) => fmt.run(),
            Verb::Image(image) => image.run(),
            Verb::Update(update) => update.run(),
            Verb::Deploy(deploy) => deploy.run(),
            Verb::Approve(approve) => approve.run(),
            Verb::Rollback(rollback) => rollback.run(),
            Verb::Recover(recover) => recover.run(),
            Verb::Status(status) => status.run(),
            Verb::Releases(releases) => releases.run(),
            Verb::Logs(logs) => logs.run(),
            Verb::Support(support) => support.run(),
            Verb::Metrics(metrics) => metrics.run(),
            Verb::Incident(incident) => incident.run(),
            Verb::Maintenance(maintenance) => maintenance.run(),
            Verb::Monitor(monitor) => monitor.run(),
            Verb::Down(down) => down.run(),
            Verb::Prune(prune) => prune.run(),
            Verb::Platform(platform) => platform.run(),
            Verb::Db(db) => db.run(),
            Verb::Migrate(migrate) => migrate.run(),
            Verb::Secrets(secrets) => secrets.run(),
            Verb::Config(config) => config.run(),
            Verb::User(user) => user.run(),
            Verb::Host(host) => host.run(),
            Verb::Lab(lab) => lab.run(),
            Verb::Drill(drill) => drill.run(),
            Verb::Engine(engine) => engine.run(),
            Verb::Doctor(doctor) => doctor.run(),
            Verb::Workflows(workflows) => workflows.run(),
            Verb::Github(github) => github.run(),
            Verb::Bench(bench) => bench.run(),
            Verb::Picture(picture) => picture.run(),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_is_in_one_group_of_the_help() {
        let command = Cli::command();
        let mut verbs: Vec<&str> = command.get_subcommands().map(|verb| verb.get_name()).collect();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, verbs)| *verbs).copied().collect();
        verbs.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, verbs);
    }

    #[test]
    fn the_help_has_a_line_for_each_verb_and_fits_80_columns() {
        let command = Cli::command();
        let template = help::template(&command, GROUPS);
        let help = command.help_template(template).render_help().to_string();
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        for verb in Cli::command().get_subcommands() {
            let about = verb.get_about().expect("each verb says what it does").to_string();
            let listed =
                |line: &str| line.starts_with(&format!("  {} ", verb.get_name())) && line.ends_with(&about);
            assert!(help.lines().any(listed), "{}: {help}", verb.get_name());
            assert!(!about.contains('{'), "braces mean something in a template: {about}");
        }
        assert!(help.contains("--version"), "{help}");
    }
}
