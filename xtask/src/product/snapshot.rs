//! The schema as one file, `schema.sql`: what all migrations come to, for people to read, and for reviews to see what a
//! migration changes.

use std::fs;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;

use crate::project;
use crate::setup::{self, Tool};
use crate::tools::database::pg_dump;
use crate::workspace;

/// Where it is.
pub fn path() -> Utf8PathBuf {
    workspace::root().join(project::BACKEND.folder).join("schema.sql")
}

/// What the file must say when the database at `url` is migrated.
pub fn taken(url: &str) -> Result<String> {
    let schema = pg_dump::schema(&setup::require(Tool::Postgres)?, url)?;
    Ok(format!(
        "-- What all migrations come to. Written by `cargo xtask migrate snapshot`.\n\n{}\n",
        schema.trim()
    ))
}

/// What the file says; nothing when there is none.
pub fn read() -> Result<String> {
    match fs::read_to_string(path()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.with_context(|| format!("reading {}", path())),
    }
}

/// Writes the file. Gives whether it says something else now.
pub fn write(url: &str) -> Result<bool> {
    let (before, now) = (read()?, taken(url)?);
    fs::write(path(), &now).with_context(|| format!("writing {}", path()))?;
    Ok(before != now)
}
