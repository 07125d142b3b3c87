//! `psql`, with a script.

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use crate::tools::locate;
use crate::tools::process::{Run, shell};

/// Runs a script in the database at `url`, up to the first statement that fails: what it printed, bare. `postgres` is the
/// server's program, in whose folder psql is.
pub fn script(postgres: &Utf8Path, url: &str, sql: &str) -> Result<String> {
    let program = postgres.with_file_name("psql");
    let psql = cmd!(
        shell(),
        "{program} --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname={url} --file=-"
    );
    Ok(Run::new(locate::with_libraries(psql, &program)).stdin(sql).text()?)
}
