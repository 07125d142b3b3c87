//! What a migration declares in its first line, and what follows from it.
//!
//! `-- expand` adds: releases from before it go on working. `-- contract: unused since <commit on the default branch>`
//! takes something away that no commit uses from that one on. A release from before it must not serve afterwards: it is
//! *incompatible* until the migration is taken back. `-- data` changes rows, and nothing else.

use serde::{Deserialize, Serialize};

use super::release::ReleaseId;

/// sqlx's own word for a file that must not run in a transaction. It has to come first where it is needed.
pub const NO_TRANSACTION: &str = "-- no-transaction";
const CONTRACT: &str = "-- contract: unused since ";

/// What a migration does to the releases from before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declares {
    /// Nothing: they go on working.
    Expand,
    /// It takes away what no commit from this one on uses any more.
    Contract {
        /// A commit, as it is written in the file.
        unused_since: String,
    },
    /// It changes rows, in batches; releases from before it go on working.
    Data,
}

/// A migration that does not say what it does to the releases from before it.
#[derive(Debug, thiserror::Error)]
#[error(
    "its first line must be '-- expand', when it only adds and the releases from before it go on working, '-- contract: unused \
     since <commit>', when they do not, or '-- data', when it changes rows; it is {0:?}"
)]
pub struct Undeclared(String);

impl Declares {
    /// Reads the text of an up-migration, or its beginning.
    pub fn parse(text: &str) -> Result<Declares, Undeclared> {
        let mut lines = text.lines().map(str::trim_end);
        let mut first = lines.next().unwrap_or_default();
        if first == NO_TRANSACTION {
            first = lines.next().unwrap_or_default();
        }
        if first == "-- expand" {
            return Ok(Declares::Expand);
        }
        if first == "-- data" {
            return Ok(Declares::Data);
        }
        let commit = first.strip_prefix(CONTRACT).filter(|commit| is_commit(commit));
        commit
            .map(|commit| Declares::Contract { unused_since: commit.to_owned() })
            .ok_or_else(|| Undeclared(first.to_owned()))
    }
}

fn is_commit(text: &str) -> bool {
    (7..=40).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A migration that takes something away, and the releases that would miss it. In the ledger from right before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// The migration's version.
    pub migration: i64,
    /// The commit from which on nothing uses what it takes away.
    pub unused_since: String,
    /// Kept releases from before that commit. The ledgers of hosts have it by this name, which drivers from before read too.
    #[serde(rename = "shuts_out")]
    pub incompatible_with: Vec<ReleaseId>,
}
