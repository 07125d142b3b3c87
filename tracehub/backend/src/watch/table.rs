//! What is watched, as xtask's table has it.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use axum::http::Uri;
use serde::Deserialize;

/// All of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// `production`: what stands in front of each message.
    pub environment: String,
    /// Where users go: `https://tracehub.example`.
    pub site: String,
    /// The edge's name on the network that it is asked on.
    pub edge: String,
    /// The certificate, in PEM, of an authority that is trusted beside the known ones.
    #[serde(default)]
    pub authority: Option<String>,
    /// In front of each row's page.
    pub runbook: String,
    /// From which hour to which hour, in UTC, only rows that wake people are told.
    pub quiet: Option<[i64; 2]>,
    /// How many messages an hour are sent at most.
    pub per_hour: usize,
    /// What is watched.
    pub rows: Vec<Row>,
}

/// One thing that must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What must hold.
    pub look: Look,
    /// Seconds from one look to the next.
    pub every: u64,
    /// For how many seconds it must have been so before it is told, and before it is told that it is over.
    pub after: i64,
    /// When it is nobody's fault.
    #[serde(default)]
    pub excuses: Vec<Excuse>,
    /// Whether it is told in quiet hours.
    pub wakes: bool,
    /// The runbook's page.
    pub page: String,
}

/// What is looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case", deny_unknown_fields)]
pub enum Look {
    /// Each of these, through the edge, is answered 200 by the live release.
    Site {
        /// The paths that are asked for.
        paths: Vec<String>,
        /// The header with the release's id.
        header: String,
    },
    /// The edge's certificate would be taken in so many days.
    Certificate {
        /// How many.
        days: u64,
    },
    /// Less of a disk is used.
    Disk {
        /// Hundredths.
        percent: u64,
    },
    /// So much of the memory can still be had.
    Memory {
        /// Hundredths.
        percent: u64,
    },
    /// Fewer processes wait for a core, in the average of 5 minutes.
    Load {
        /// For each core.
        per_core: f64,
    },
    /// The live release's parts, and the edge, keep their connections.
    Parts {
        /// Name and port of each; `{release}` stands for the live one.
        parts: Vec<String>,
        /// How many seconds a connection that broke is remembered.
        within: i64,
    },
    /// The last good backup, as a file of the backups' folder tells, is not too old, and neither is the ledger that was sent, where
    /// the file tells of one.
    Backup {
        /// Its name.
        file: String,
        /// How many hours old it may be.
        hours: i64,
        /// Whether it is wrong that there is none yet, and no file that tells of one; else that says nothing.
        #[serde(default)]
        needed: bool,
    },
    /// The host's clock goes as that of who is told, whose answers have a date.
    Clock {
        /// How many seconds it may be wrong.
        seconds: i64,
    },
    /// Nothing was known to be wrong when whoever started the watcher looked: of what can't be seen from here.
    Known {
        /// What was, in words; nothing at all when nobody could look.
        wrong: Option<Vec<String>>,
    },
    /// No figure of the live release is above what it may be. A release that does not know one has none.
    Figures {
        /// Where they are answered; `{release}` stands for the live one.
        address: String,
        /// By their names: the most that each may be, and what it means when it is more.
        most: BTreeMap<String, (f64, String)>,
    },
    /// The guard has taken nothing back.
    Guard,
    /// No attempt has outlasted the time that its step may take.
    Attempt,
}

/// Why something need not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excuse {
    /// Users are asked to wait.
    Maintenance,
    /// An attempt is under way that starts and stops parts of releases, or has just ended.
    Attempt,
    /// An attempt is under way that interrupts users by intent: of the platform, of the data, or that stops everything.
    Interruption,
}

impl Table {
    /// Reads it; what makes no sense is refused before anything is looked at.
    pub fn parse(text: &str) -> anyhow::Result<Table> {
        let table: Table = serde_json::from_str(text).context("--table")?;
        let site: Uri = table.site.parse().with_context(|| format!("--table: site: {:?}", table.site))?;
        if site.host().is_none() || !matches!(site.scheme_str(), Some("http" | "https")) {
            bail!("--table: site: {:?} is not an address like https://example.org", table.site);
        }
        if table.per_hour == 0 {
            bail!("--table: per_hour: with 0, nobody would ever be told");
        }
        Ok(table)
    }

    /// Whether only what wakes people is told at this time, in seconds since 1970.
    pub fn is_quiet(&self, now: i64) -> bool {
        let hour = now.div_euclid(3600).rem_euclid(24);
        self.quiet.is_some_and(|[from, to]| {
            if from <= to { (from..to).contains(&hour) } else { hour >= from || hour < to }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As xtask writes it: a test there holds that.
    const TABLE: &str = include_str!("../../tests/alarms.json");

    #[test]
    fn the_table_of_xtask_is_understood_and_what_makes_no_sense_is_refused() {
        let table = Table::parse(TABLE).unwrap();
        assert!(table.rows.iter().any(|row| row.name == "site" && row.wakes));
        for (right, wrong, words) in [
            ("https://tracehub.example", "ftp://tracehub.example", "is not an address"),
            (r#""at": "guard""#, r#""at": "gard""#, "unknown variant `gard`"),
            (r#""per_hour": 12"#, r#""per_hour": 0"#, "nobody would ever be told"),
            (r#""wakes""#, r#""woke""#, "unknown field `woke`"),
        ] {
            assert!(TABLE.contains(right), "{right}");
            let error = format!("{:#}", Table::parse(&TABLE.replace(right, wrong)).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_night_may_go_over_midnight() {
        let hours = |quiet: Option<[i64; 2]>| -> Vec<i64> {
            let table = Table { quiet, ..Table::parse(TABLE).unwrap() };
            (0..24).filter(|hour| table.is_quiet(hour * 3600 + 1800)).collect()
        };
        assert_eq!(hours(Some([21, 2])), [0, 1, 21, 22, 23]);
        assert_eq!(hours(Some([1, 3])), [1, 2]);
        assert_eq!(hours(None), [0; 0]);
    }
}
