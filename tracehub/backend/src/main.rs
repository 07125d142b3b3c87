//! The command line: parse, dispatch, turn an error into words and an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracehub_backend::http::Keys;
use tracehub_backend::settings::{self, Settings};
use tracehub_backend::{
    healthcheck, http, latency, logs, migrate, monitor, people, seed, serve, smoke, watch,
};

/// TraceHub's API. Settings come from environment variables; a secret may come from the file that `<NAME>_FILE` names.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer requests until told to stop
    Serve,
    /// Apply the pending migrations, as the role that owns the schema
    Migrate {
        /// Take these back instead, in this order, and no others
        #[arg(long, value_name = "VERSION", num_args = 1..)]
        undo: Vec<i64>,
    },
    /// List the migrations that this release holds: version, description
    Migrations,
    /// Fill a demo organisation and print its log-in (never in production)
    Seed,
    /// Make, list, suspend users, as the role that owns the schema; a password comes from standard input
    #[command(subcommand)]
    User(people::User),
    /// Print the OpenAPI document
    Openapi,
    /// List the settings: what each is for, and what it is when nobody says
    Settings {
        /// For programs, with what a value may be
        #[arg(long)]
        json: bool,
    },
    /// Ask a running TraceHub how it is; for images that hold no other HTTP client
    Healthcheck(healthcheck::Healthcheck),
    /// Make or remove the user that a deploy logs in as
    #[command(subcommand)]
    Monitor(monitor::Monitor),
    /// Do what a user does, against a release that may have no users yet: open the page, log in, list the shipments
    Smoke(smoke::Smoke),
    /// Print how long the answers of a release and of the one before it take, asked in turns
    Latency(latency::Latency),
    /// Watch over an environment from beside it, and tell people what does not hold
    Watch(watch::Watch),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tracehub-backend: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    let keys = || Ok(Keys::new(&settings::jwt_secret()?));
    match command {
        Command::Serve => {
            logs::start(settings::log_format()?);
            serve::serve(Settings::from_environment()?).await
        }
        Command::Migrate { undo } => {
            let (database, limits) = (settings::database()?, settings::migration_limits()?);
            match undo.as_slice() {
                [] => migrate::migrate(database, limits).await,
                versions => migrate::undo(database, limits, versions).await,
            }
        }
        Command::Migrations => {
            migrate::embedded().for_each(|(version, description)| println!("{version} {description}"));
            Ok(())
        }
        Command::Seed => seed::seed(settings::environment()?, settings::database()?).await,
        Command::User(user) => user.run(settings::database()?).await,
        Command::Openapi => {
            println!("{}", http::openapi().to_pretty_json()?);
            Ok(())
        }
        Command::Settings { json: true } => {
            println!("{}", settings::table::as_json()?);
            Ok(())
        }
        Command::Settings { json: false } => {
            for row in settings::table::SETTINGS {
                let unless_told = row.default.unwrap_or(if row.required { "(required)" } else { "" });
                println!("{:<26} {unless_told:<14} {}", row.name, row.meaning);
            }
            Ok(())
        }
        Command::Healthcheck(healthcheck) => healthcheck.run(),
        Command::Monitor(monitor) => monitor.run(settings::database()?, keys).await,
        Command::Latency(latency) => latency.run(settings::database()?, &keys()?).await,
        Command::Watch(watch) => {
            logs::start(settings::log_format()?);
            // It waits and asks on threads of its own.
            tokio::task::spawn_blocking(|| watch.run()).await?
        }
        Command::Smoke(smoke) => smoke.run(settings::database()?, &keys()?).await,
    }
}
