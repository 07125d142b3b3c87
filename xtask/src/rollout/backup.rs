//! A backup: a dump of the database that was read back and found whole, and what is known of it.

use serde::{Deserialize, Serialize};

/// What is known of a backup. The dump itself stays on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Its name, which sorts by time.
    pub name: String,
    /// When it was begun, RFC 3339 in UTC.
    pub at: String,
    /// What it was made for: deploy, restore, by hand.
    pub made_by: String,
    /// The release that had the traffic, or `none`.
    pub live: String,
    /// The newest migration that the database had; 0 before the first one.
    pub schema: i64,
    /// How many tables' data it holds.
    pub tables: u64,
    /// The dump's size.
    pub bytes: u64,
    /// The dump's SHA-256, in hexadecimal.
    pub sha256: String,
}

/// What the database that a restore has replaced is called afterwards: by the time of the attempt.
pub fn aside(database: &str, attempt: &str) -> String {
    let time = attempt.split('-').next().unwrap_or(attempt);
    format!("{database}_replaced_{time}")
}

/// What a dump is restored into, before it takes the database's place.
pub fn beside(database: &str) -> String {
    format!("{database}_restoring")
}
