//! A backup: a dump of the database that was read back and found whole, and what is known of it.

use std::time::{Duration, SystemTime};

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
    /// How many bytes the database took that it was made of; 0 when that was not written down.
    #[serde(default)]
    pub loaded_bytes: u64,
    /// How many papers it names; nothing when nobody has listed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub papers: Option<u64>,
    /// How many bytes their files have together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub papers_bytes: Option<u64>,
    /// The SHA-256 of their list, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub papers_sha256: Option<String>,
    /// The dump's SHA-256, in hexadecimal.
    pub sha256: String,
    /// When it came onto the host as a copy, or when a restore began to need it, RFC 3339 in UTC: it is kept as if it were of
    /// then. Nothing for most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// The copy that is off the host, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<Copied>,
}

impl Backup {
    /// One of this name, of which nothing else is known.
    pub fn named(name: &str) -> Backup {
        let nothing = String::new;
        Backup {
            name: name.to_owned(),
            at: nothing(),
            made_by: nothing(),
            live: nothing(),
            schema: 1,
            tables: 1,
            bytes: 1,
            loaded_bytes: 1,
            papers: None,
            papers_bytes: None,
            papers_sha256: None,
            sha256: nothing(),
            wanted: None,
            copied: None,
        }
    }
}

/// An encrypted copy, off the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Machine and file.
    pub to: String,
    /// Its size.
    pub bytes: u64,
}

/// What became of the backups that are made by themselves, as their container writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    /// When that was written, RFC 3339 in UTC.
    pub at: String,
    /// The newest backup at that time, whoever made it.
    pub last_good: Option<Backup>,
    /// Why the last try failed; nothing when it did not.
    pub failure: Option<Failure>,
    /// The last time that one was restored to see that it can be.
    #[serde(default)]
    pub rehearsal: Option<Rehearsal>,
}

/// A backup that was restored, or could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Which one.
    pub backup: String,
    /// What was wrong with it; nothing when it has every row, and the schema.
    pub failure: Option<String>,
}

/// A backup that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What the programs said.
    pub words: String,
}

/// What was sent off the host by nobody's hand, as what sends it writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// When that was written, RFC 3339 in UTC.
    pub at: String,
    /// The id of the start since which it looks.
    #[serde(default)]
    pub start: String,
    /// The newest backup of which a copy is off the host.
    pub last_good: Option<SentCopy>,
    /// How far the files of the papers are that this backup names; nothing where nobody has listed them.
    #[serde(default)]
    pub papers: Option<SentPapers>,
    /// The ledger and the manifests, as they were sent last.
    pub host: Option<SentHost>,
    /// Why older copies could not be removed the last time; nothing when they could.
    #[serde(default)]
    pub note: Option<Failure>,
    /// Why the last try failed; nothing when it did not.
    pub failure: Option<Failure>,
}

/// A copy that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCopy {
    /// The backup's name.
    pub name: String,
    /// When the backup was begun, RFC 3339 in UTC.
    pub at: String,
    /// Where the copy is.
    pub to: String,
    /// Its size.
    pub bytes: u64,
}

/// The files of the papers that a backup names, as they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentPapers {
    /// The backup's name.
    pub backup: String,
    /// When that was so, RFC 3339 in UTC.
    pub at: String,
    /// Since when some are to be sent, RFC 3339 in UTC; nothing when none are.
    #[serde(default)]
    pub since: Option<String>,
    /// How many are to be sent still.
    pub left: u64,
    /// How many are not what they were, or not there: these are not sent.
    pub amiss: u64,
    /// The first of these: `missing NAME` or `damaged NAME`.
    pub first: String,
}

/// The ledger and the manifests, as they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentHost {
    /// When, RFC 3339 in UTC.
    pub at: String,
}

impl Sent {
    /// The file, in the sender's folder.
    pub const FILE: &str = "sent.json";
}

impl Scheduled {
    /// The file, in the folder of backups.
    pub const FILE: &str = "scheduled.json";
}

/// So much of the id of a host's data stands in the names of the copies that leave it by themselves.
pub const OWNER_DIGITS: usize = 8;

/// How many backups are kept, and for how long; never fewer than the least.
pub const KEPT_AT_MOST: usize = 30;
/// See [`KEPT_AT_MOST`].
pub const KEPT_AT_LEAST: usize = 3;
/// See [`KEPT_AT_MOST`].
pub const KEPT_FOR: Duration = Duration::from_secs(90 * 86_400);

/// Of these the names of those that need not be kept any longer.
pub fn superfluous(backups: &[Backup], now: SystemTime) -> Vec<&str> {
    let since =
        |backup: &Backup| humantime::parse_rfc3339_weak(backup.wanted.as_ref().unwrap_or(&backup.at)).ok();
    let mut named: Vec<_> = backups.iter().map(|backup| (backup.name.as_str(), since(backup))).collect();
    named.sort_by_key(|(_, since)| *since);
    over(named.into_iter(), now)
}

/// Like `superfluous`, where only their names are known, oldest first. A name that has no time is somebody else's: it neither counts nor
/// goes.
pub fn superfluous_names(names: &[String], now: SystemTime) -> Vec<&str> {
    let timed = names.iter().map(|name| (name.as_str(), time_of(name))).filter(|(_, at)| at.is_some());
    over(timed.collect::<Vec<_>>().into_iter(), now)
}

fn over<'a>(
    oldest_first: impl DoubleEndedIterator<Item = (&'a str, Option<SystemTime>)>,
    now: SystemTime,
) -> Vec<&'a str> {
    let is_old = |at: Option<SystemTime>| at.is_some_and(|at| at + KEPT_FOR < now);
    let from_the_newest = oldest_first.rev().enumerate();
    let over = from_the_newest
        .filter(|(number, (_, at))| *number >= KEPT_AT_LEAST && (*number >= KEPT_AT_MOST || is_old(*at)));
    over.map(|(_, (name, _))| name).collect()
}

/// The time with which a backup's name begins: `20260103t120000z-…`.
pub fn time_of(name: &str) -> Option<SystemTime> {
    if name.get(8..9)? != "t" || name.get(15..17)? != "z-" {
        return None;
    }
    let (date, time) = (name.get(..8)?, name.get(9..15)?);
    let part = |text: &str, at: usize| text.get(at..at + 2).map(str::to_owned);
    let (year, month, day) = (date.get(..4)?, part(date, 4)?, part(date, 6)?);
    let (hour, minute, second) = (part(time, 0)?, part(time, 2)?, part(time, 4)?);
    humantime::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

/// What a dump is restored into to see that it can be.
pub fn scratch(database: &str) -> String {
    format!("{database}_rehearsal")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_are_kept_by_number_and_age_and_the_last_ones_always() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let backup = |days: u64| Backup {
            at: humantime::format_rfc3339_seconds(now - Duration::from_secs(days * 86_400)).to_string(),
            ..Backup::named(&days.to_string())
        };
        let of = |days: &[u64]| days.iter().map(|days| backup(*days)).collect::<Vec<_>>();
        assert_eq!(superfluous(&of(&[400, 300, 200]), now), [""; 0], "the last three, however old");
        assert_eq!(superfluous(&of(&[300, 200, 100, 80, 1]), now), ["200", "300"]);
        let many: Vec<u64> = (1..=40).rev().collect();
        assert_eq!(superfluous(&of(&many), now).len(), 10);
        // One that came back yesterday is as new as that.
        let mut backups = of(&[400, 300, 200, 100, 80]);
        backups[0].wanted = Some(backup(1).at);
        assert_eq!(superfluous(&backups, now), ["200", "300"]);
        // 2033-05-18. What has another name is not counted, and does not go.
        let names = [
            "20330101t010000z-1",
            "20330201t010000z-1",
            "20330301t010000z-1",
            "20330517t010000z-1",
            "a-name",
            "zz",
        ];
        assert_eq!(superfluous_names(&names.map(str::to_owned), now), ["20330101t010000z-1"]);
        assert_eq!(superfluous_names(&vec!["2033-01-01-010000-one".to_owned(); 9], now), [""; 0]);
    }
}
