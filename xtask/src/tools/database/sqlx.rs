//! sqlx's command line: migrations, and the query data with which a crate compiles without a database.

use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Cmd, Shell, cmd};

use crate::tools::process::{Run, shell_in};

/// The longest that a check of the query data may take: it compiles all targets of the crate.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(900);

/// The program, and the folder of migrations.
#[derive(Debug, Clone)]
pub struct Sqlx {
    /// `sqlx`; `cargo-sqlx` is in the same folder.
    pub program: Utf8PathBuf,
    /// The folder with the migrations.
    pub migrations: Utf8PathBuf,
}

impl Sqlx {
    /// Creates the two files of a new migration, up and down, named by the time.
    pub fn add<'a>(&self, sh: &'a Shell, name: &str) -> Cmd<'a> {
        let Sqlx { program, migrations } = self;
        cmd!(sh, "{program} migrate add --source {migrations} -r --timestamp {name}")
    }

    /// Runs the migrations that the database lacks.
    pub fn run<'a>(&self, sh: &'a Shell, database: &str) -> Cmd<'a> {
        let Sqlx { program, migrations } = self;
        cmd!(sh, "{program} migrate run --source {migrations}").env("DATABASE_URL", database)
    }

    /// Reverts the newest migration.
    pub fn revert<'a>(&self, sh: &'a Shell, database: &str) -> Cmd<'a> {
        let Sqlx { program, migrations } = self;
        cmd!(sh, "{program} migrate revert --source {migrations}").env("DATABASE_URL", database)
    }

    /// Lists all migrations, and whether the database has each.
    pub fn info<'a>(&self, sh: &'a Shell, database: &str) -> Cmd<'a> {
        let Sqlx { program, migrations } = self;
        cmd!(sh, "{program} migrate info --source {migrations}").env("DATABASE_URL", database)
    }

    /// Checks that the folder `.sqlx` of the crate is what a migrated database gives.
    pub fn check_prepared(&self, krate: &Utf8Path, database: &str) -> anyhow::Result<()> {
        let sh = shell_in(krate);
        // It has to be called by cargo, which looks for its subcommands on the PATH.
        let folder = self.program.parent().context("a program is in a folder")?;
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
        let prepare = cmd!(sh, "cargo sqlx prepare --check -- --all-targets")
            .env("PATH", path)
            .env("DATABASE_URL", database);
        Ok(Run::new(prepare).timeout(PREPARE_TIMEOUT).run()?)
    }
}
