//! What a database consists of, as text that two databases can be compared by.

use anyhow::Result;
use camino::Utf8Path;

use super::psql;

/// The question: a line of the answer is one object. Names in it are written with their schema only when the search path holds
/// no other than [`SETTINGS`] sets.
pub const QUESTION: &str = include_str!("catalogue.sql");
/// Comes before the question, in the same session. A migration that runs has locks for as long as it takes: then there is no answer,
/// and who asks is not kept waiting.
pub const SETTINGS: &str = "SET search_path = pg_catalog; SET lock_timeout = '500ms'";

/// Of the database at `url`. `postgres` is the server's program, in whose folder psql is.
pub fn of(postgres: &Utf8Path, url: &str) -> Result<String> {
    psql::script(postgres, url, &format!("{SETTINGS};\n{QUESTION};\n"))
}
