use std::fs;

use anyhow::Context;
use clap::Subcommand;
use xshell::Shell;

use crate::exit::refuse;
use crate::project;
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity};
use crate::tools::postgres::{Kind, Server};
use crate::tools::process::Run;
use crate::tools::sqlx;

/// Migrations of the development database: write one, run them, take one back.
///
/// The database is the one of `DATABASE_URL`, or else a server of this repository's own, whose data stays in
/// `.local/development`. Databases of environments are migrated by `deploy`.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the files of a new migration.
    New {
        /// What it does, in words joined by `_`: `add_port_of_loading`.
        name: String,
    },
    /// Run what the database lacks.
    Run,
    /// Take back the newest one that the database has.
    Revert,
    /// List them all, and which of them the database has.
    Info,
}

impl Migrate {
    pub fn run(self) -> anyhow::Result<()> {
        if let What::New { name } = &self.what {
            return new(name);
        }
        setup::ensure(&[Tool::SqlxCli], false)?;
        let database = Database::open()?;
        let (sh, url) = (Shell::new()?, database.url());
        let cmd = match self.what {
            What::Run => sqlx::run(&sh, &url),
            What::Revert => sqlx::revert(&sh, &url),
            What::Info | What::New { .. } => sqlx::info(&sh, &url),
        };
        let said = Run::new(cmd).text()?;
        terminal::say(if said.is_empty() { "nothing to do" } else { &said });
        Ok(())
    }
}

/// What expands is safe while the old release still runs; what contracts must wait until nothing needs it any more.
const FIRST_LINE: &str = "-- expand\n";

fn new(name: &str) -> anyhow::Result<()> {
    let wanted = file_name(name);
    if wanted != name || name.is_empty() {
        let hint = if wanted.is_empty() { "add_port_of_loading" } else { &wanted };
        return Err(refuse(format!(
            "`{name}` can't be a migration's name: small letters, digits and `_` only, such as `{hint}`"
        )));
    }
    setup::ensure(&[Tool::SqlxCli], false)?;
    let sh = Shell::new()?;
    fs::create_dir_all(sqlx::migrations())?;
    let before = sh.read_dir(sqlx::migrations())?;
    Run::new(sqlx::add(&sh, name)).run()?;
    for file in sh.read_dir(sqlx::migrations())?.iter().filter(|file| !before.contains(file)) {
        if file.to_string_lossy().ends_with(".up.sql") {
            fs::write(file, FIRST_LINE)?;
        }
        terminal::say(file.strip_prefix(project::root()).unwrap_or(file).display());
    }
    Ok(())
}

/// The nearest name that a migration can have.
fn file_name(words: &str) -> String {
    let plain: String =
        words.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    plain.split('_').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

/// The database that a developer works on.
enum Database {
    Named(String),
    Own(Server),
}

impl Database {
    fn open() -> anyhow::Result<Database> {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            return Ok(Database::Named(url));
        }
        setup::ensure(&[Tool::Postgres], false)?;
        let server = Activity::of("starting the development database", |_| Server::start(Kind::Development))
            .context("`DATABASE_URL` names another one")?;
        Ok(Database::Own(server))
    }

    fn url(&self) -> String {
        match self {
            Database::Named(url) => url.clone(),
            Database::Own(server) => server.owner_url(project::DATABASE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest_right_one() {
        assert_eq!(file_name("Add port-of loading!"), "add_port_of_loading");
        assert_eq!(file_name("add_port"), "add_port");
        assert_eq!(file_name("--"), "");
    }
}
