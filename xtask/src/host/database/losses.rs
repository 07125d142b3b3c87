//! What running some statements would take away: tried in a transaction that is taken back, with the rows counted.

use std::fmt;

use anyhow::{Context, Result};
use serde::Serialize;

use super::{Database, QUERY_TIMEOUT};
use crate::project::DATABASE;

/// Data that would be gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// `table a`, or `column a.b`.
    pub what: String,
    /// How many rows it has, or values.
    pub count: u64,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lost { what, count } = self;
        let of = if what.starts_with("table ") { "row" } else { "value" };
        write!(f, "the {what} with {count} {of}{}", if *count == 1 { "" } else { "s" })
    }
}

impl Database<'_> {
    /// Tables with their rows, and columns with their values, that these texts would remove, one after the other. One that can't
    /// run in a transaction removes an index at most; one that would end its own is refused by PostgreSQL, and nothing is changed.
    pub fn losses(&self, sql: &[String]) -> Result<Vec<Lost>> {
        let in_transaction = sql.iter().filter(|text| !text.starts_with("-- no-transaction"));
        let tried: Vec<&str> = in_transaction.map(String::as_str).collect();
        if tried.is_empty() {
            return Ok(Vec::new());
        }
        let told = self.ask(&["losses", DATABASE, &tried.join("\n;\n")], QUERY_TIMEOUT);
        let told = told.context("trying what the way back would remove (nothing was changed)")?;
        told.lines()
            .map(|line| parse(line).with_context(|| format!("the database counted {line:?}")))
            .collect()
    }
}

fn parse(line: &str) -> Option<Lost> {
    let (what, count) = line.rsplit_once('|')?;
    Some(Lost { what: what.to_owned(), count: count.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_lost_is_said_with_its_number() {
        let one = parse("table notes|1").unwrap();
        assert_eq!(one.to_string(), "the table notes with 1 row");
        assert_eq!(
            parse("column users.note|12").unwrap().to_string(),
            "the column users.note with 12 values"
        );
        assert_eq!(parse("NOTICE"), None);
    }
}
