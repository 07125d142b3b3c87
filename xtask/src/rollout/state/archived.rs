//! The archive of the database's WAL off the host, as what archives it says, and as pgBackRest does.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::backup::Failure;

/// How long a base backup is kept in the store, with the WAL since: what can be restored begins with the oldest.
pub const ARCHIVED_FOR_DAYS: u32 = 14;

/// How far the archive is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// When that was written, RFC 3339 in UTC.
    pub at: String,
    /// The id of the start since which it looks.
    pub start: String,
    /// The moment until which all was archived; nothing before the first base backup.
    pub last_good: Option<Moment>,
    /// The newest base backup.
    pub base: Option<Moment>,
    /// Since when some WAL is missing: nothing can be restored from then on until the next base backup.
    pub lost: Option<Moment>,
    /// Why the last try failed; nothing when it did not.
    pub failure: Option<Failure>,
}

/// A moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// RFC 3339 in UTC.
    pub at: String,
}

impl Archived {
    /// The file, in the folder of backups.
    pub const FILE: &str = "archived.json";
}

/// What pgBackRest says of one cluster's archive.
#[derive(Debug, Deserialize)]
pub struct Stanza {
    #[serde(default)]
    backup: Vec<Base>,
}

#[derive(Debug, Deserialize)]
struct Base {
    timestamp: Span,
    info: Size,
    /// Whether a page of it was damaged.
    error: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Span {
    /// Seconds since 1970, at which it was whole.
    stop: u64,
}

#[derive(Debug, Deserialize)]
struct Size {
    /// Bytes of the cluster.
    size: u64,
}

impl Stanza {
    /// Since when moments can be restored: since the oldest base backup that is whole.
    pub fn since(&self) -> Option<SystemTime> {
        let whole = self.backup.iter().filter(|base| base.error != Some(true));
        whole.map(|base| SystemTime::UNIX_EPOCH + Duration::from_secs(base.timestamp.stop)).min()
    }

    /// How many bytes the cluster of a moment takes: by the base backup that it is recovered from, which is the newest before it.
    pub fn bytes(&self, at: SystemTime) -> u64 {
        let before = |base: &&Base| {
            base.error != Some(true) && SystemTime::UNIX_EPOCH + Duration::from_secs(base.timestamp.stop) < at
        };
        let newest = self.backup.iter().filter(before).max_by_key(|base| base.timestamp.stop);
        newest.map_or(0, |base| base.info.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_restored_begins_with_the_oldest_base_backup_that_is_whole() {
        let base = |stop: u64, error: bool| {
            format!(
                r#"{{"timestamp":{{"start":1,"stop":{stop}}},"info":{{"size":7{stop},"delta":1}},"error":{error},"label":"x"}}"#
            )
        };
        let told = |bases: &[String]| -> Stanza {
            serde_json::from_str(&format!(r#"{{"name":"1","backup":[{}]}}"#, bases.join(","))).unwrap()
        };
        let since = told(&[base(10, true), base(20, false), base(30, false)]).since();
        assert_eq!(since, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(20)));
        assert_eq!(told(&[]).since(), None);
        let bases = told(&[base(10, false), base(20, false), base(25, true), base(30, false)]);
        let bytes = |at| bases.bytes(SystemTime::UNIX_EPOCH + Duration::from_secs(at));
        assert_eq!([10, 11, 20, 30, 31].map(bytes), [0, 710, 710, 720, 730]);
    }
}
