//! sqlx's command line: migrations, and the query data by which the backend compiles without a database.

use std::time::Duration;

use anyhow::Context;
use camino::Utf8PathBuf;
use xshell::{Cmd, Shell, cmd};

use crate::project;
use crate::tools::locate::{self, Tool};
use crate::tools::process::Run;
use crate::workspace;

/// Where the migrations are.
pub fn migrations() -> Utf8PathBuf {
    workspace::root().join(project::MIGRATIONS)
}

/// Makes the two files of a new migration, the way there and the way back, named by the time.
pub fn add<'a>(sh: &'a Shell, name: &str) -> Cmd<'a> {
    let (sqlx, source) = (program("sqlx"), migrations());
    cmd!(sh, "{sqlx} migrate add --source {source} -r --timestamp {name}")
}

/// Runs what the database lacks.
pub fn run<'a>(sh: &'a Shell, database: &str) -> Cmd<'a> {
    let (sqlx, source) = (program("sqlx"), migrations());
    cmd!(sh, "{sqlx} migrate run --source {source}").env("DATABASE_URL", database)
}

/// Takes the newest one back.
pub fn revert<'a>(sh: &'a Shell, database: &str) -> Cmd<'a> {
    let (sqlx, source) = (program("sqlx"), migrations());
    cmd!(sh, "{sqlx} migrate revert --source {source}").env("DATABASE_URL", database)
}

/// Lists all with what the database says about each.
pub fn info<'a>(sh: &'a Shell, database: &str) -> Cmd<'a> {
    let (sqlx, source) = (program("sqlx"), migrations());
    cmd!(sh, "{sqlx} migrate info --source {source}").env("DATABASE_URL", database)
}

/// Writes the backend's `.sqlx` from a migrated database, or checks that it is as it would be written.
pub fn prepare(database: &str, check: bool) -> anyhow::Result<()> {
    let sh = Shell::new()?;
    sh.change_dir(workspace::root().join(project::BACKEND.folder));
    // It insists on being called by cargo, which looks for its subcommands on the PATH.
    let cargo_sqlx = locate::require(Tool::SqlxCli)?.with_file_name("cargo-sqlx");
    let folder = cargo_sqlx.parent().context("a program is in a folder")?;
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let check = check.then_some("--check");
    let prepare = cmd!(sh, "cargo sqlx prepare {check...} -- --all-targets")
        .env("PATH", path)
        .env("DATABASE_URL", database);
    Ok(Run::new(prepare).timeout(Duration::from_secs(900)).run()?)
}

fn program(name: &str) -> Utf8PathBuf {
    let found = locate::find(Tool::SqlxCli).map(|found| found.program.with_file_name(name));
    found.unwrap_or_else(|| name.into())
}
