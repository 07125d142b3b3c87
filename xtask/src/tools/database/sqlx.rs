//! sqlx's command line: migrations, and the query data by which a crate compiles without a database.

use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Cmd, Shell, cmd};

use crate::tools::process::{Run, shell_in};

/// The compiler is called for all targets of the crate.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(900);

/// The program, and the migrations that it works on.
#[derive(Debug, Clone)]
pub struct Sqlx {
    /// `sqlx`, with `cargo-sqlx` beside it.
    pub program: Utf8PathBuf,
    /// The folder with the migrations.
    pub migrations: Utf8PathBuf,
}

impl Sqlx {
    /// Makes the two files of a new migration, the way there and the way back, named by the time.
    pub fn add<'a>(&self, sh: &'a Shell, name: &str) -> Cmd<'a> {
        let Sqlx { program, migrations } = self;
        cmd!(sh, "{program} migrate add --source {migrations} -r --timestamp {name}")
    }

    /// Runs what the database lacks.
    pub fn run<'a>(&self, sh: &'a Shell, database: &str) -> Cmd<'a> {
        let Sqlx { program, migrations } = self;
        cmd!(sh, "{program} migrate run --source {migrations}").env("DATABASE_URL", database)
    }

    /// Takes the newest one back.
    pub fn revert<'a>(&self, sh: &'a Shell, database: &str) -> Cmd<'a> {
        let Sqlx { program, migrations } = self;
        cmd!(sh, "{program} migrate revert --source {migrations}").env("DATABASE_URL", database)
    }

    /// Lists all with what the database says about each.
    pub fn info<'a>(&self, sh: &'a Shell, database: &str) -> Cmd<'a> {
        let Sqlx { program, migrations } = self;
        cmd!(sh, "{program} migrate info --source {migrations}").env("DATABASE_URL", database)
    }

    /// Checks that the `.sqlx` of the crate in this folder is what a migrated database gives.
    pub fn check_prepared(&self, krate: &Utf8Path, database: &str) -> anyhow::Result<()> {
        let sh = shell_in(krate);
        // It insists on being called by cargo, which looks for its subcommands on the PATH.
        let folder = self.program.parent().context("a program is in a folder")?;
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
        let prepare = cmd!(sh, "cargo sqlx prepare --check -- --all-targets")
            .env("PATH", path)
            .env("DATABASE_URL", database);
        Ok(Run::new(prepare).timeout(PREPARE_TIMEOUT).run()?)
    }
}
