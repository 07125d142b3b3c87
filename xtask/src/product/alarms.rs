//! What is watched on a host, as a table: what must hold, how often it is looked at, when somebody hears, and the runbook's page.
//! The watcher is the backend's program (`tracehub-backend watch`), which is given the table as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::images::github_repository;
use super::workflows::minutes;
use crate::host::PublicSite;
use crate::project::{BACKEND, DEFAULT_BRANCH, EDGE, FRONTEND, PROBE_PATH, RELEASE_HEADER, SMOKE_TEST};
use crate::rollout::state::archived::Archived;
use crate::rollout::state::backup::Scheduled;
use crate::tools::git;
use crate::workspace;

/// One thing that must hold.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What must hold.
    pub look: Look,
    /// From one look to the next.
    #[serde(serialize_with = "seconds")]
    pub every: Duration,
    /// For how long it must have been wrong before somebody hears, and right before they hear that it is over.
    #[serde(serialize_with = "seconds")]
    pub after: Duration,
    /// When it is nobody's fault.
    pub excuses: &'static [Excuse],
    /// Whether somebody hears it in quiet hours.
    pub wakes: bool,
    /// The runbook's page.
    pub page: &'static str,
}

/// What is looked at.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Look {
    /// Each of these, through the edge, is answered 200 by the live release.
    Site { paths: &'static [&'static str], header: &'static str },
    /// The edge's certificate would be taken in so many days.
    Certificate { days: u64 },
    /// Less of a disk is used, in hundredths.
    Disk { percent: u64 },
    /// So much of the memory can still be had, in hundredths.
    Memory { percent: u64 },
    /// Fewer processes wait for a core, in the average of 5 minutes.
    Load { per_core: f64 },
    /// The live release's parts, and the edge, keep their connections for so many seconds.
    Parts { parts: Vec<String>, within: u64 },
    /// The last good backup, or the newest of which a copy is off the host, as a file of the backups' folder or another one tells,
    /// is at most so many hours old; so is the ledger that was sent with it. Where it is `needed`, one must be there at all.
    Backup {
        file: &'static str,
        hours: u64,
        // The program of an older release does not know it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        needed: bool,
    },
    /// The host's clock differs by at most so many seconds from that of who is told.
    Clock { seconds: u64 },
    /// Nothing is known to be wrong of what can't be seen from the host; nothing at all is known where nobody could look.
    Known {
        #[serde(skip)]
        words: &'static str,
        wrong: Option<Vec<String>>,
    },
    /// No figure of the live release is above the most that it may be; with what it means when it is.
    Figures { address: String, most: BTreeMap<&'static str, (f64, &'static str)> },
    /// The guard has taken nothing back.
    Guard,
    /// No attempt has outlasted its step.
    Attempt,
}

/// Why something need not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Excuse {
    /// Users are asked to wait.
    Maintenance,
    /// An attempt is under way, within the time that its step may take, or has just ended.
    Attempt,
    /// One that interrupts users by intent: of the platform, of the data, or that stops everything.
    Interruption,
}

/// What the watcher can't see and is told when it is started, in words; nothing where nobody could look.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Secrets that somebody knows who has left.
    pub secrets: Option<Vec<String>>,
    /// Packages of the platform's images that a security update mends.
    pub base_images: Option<Vec<String>>,
    /// That most of the month's minutes of workflows are used.
    pub ci_minutes: Option<Vec<String>>,
}
/// Where a backend answers figures, as the release's compose file has it.
const METRICS_PORT: u16 = 9464;

/// What was sent off the host, as the watcher finds it.
const SENT: &str = "/sender/sent.json";

const SECRETS: &str = "nobody who has left knows a secret";
const BASE_IMAGES: &str = "no package of the platform's images has a hole that a security update mends";

const CI_MINUTES: &str = "a fifth of the minutes is left that the workflows have for nothing in this month";

/// Within these hours, in UTC, somebody hears only of what wakes people.
const QUIET: [u8; 2] = [21, 6];
/// So many messages an hour at most.
const PER_HOUR: usize = 12;

/// What is watched, where copies are to leave the host, or not.
pub fn rows(sends: bool, known: &Known) -> Vec<Row> {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let seconds = Duration::from_secs;
    // The aliases by which the edge reaches a release, as its compose file has them.
    let of_release =
        |component: crate::project::Component| format!("{}-{{release}}:{}", component.name, component.port);
    let parts = vec![format!("{}:80", EDGE.name), of_release(BACKEND), of_release(FRONTEND)];
    let row = Row {
        name: "",
        look: Look::Guard,
        every: seconds(5),
        after: seconds(15),
        excuses: &[],
        wakes: true,
        page: "",
    };
    // Told again when the watcher is started anew; a look costs nothing.
    let told = Row { every: minutes(60), after: Duration::ZERO, wakes: false, ..row.clone() };
    vec![
        Row {
            name: "site",
            look: Look::Site { paths: &[SMOKE_TEST.page, PROBE_PATH], header: RELEASE_HEADER },
            excuses: &[Excuse::Maintenance, Excuse::Interruption],
            page: "#nothing-answers",
            ..row.clone()
        },
        Row {
            name: "guard",
            look: Look::Guard,
            // A driver that lives tidies up within that.
            after: minutes(1),
            page: "#the-driver-died-closed-laptop-cancelled-job",
            ..row.clone()
        },
        Row {
            name: "attempt",
            look: Look::Attempt,
            page: "#the-driver-died-closed-laptop-cancelled-job",
            ..row.clone()
        },
        Row {
            name: "parts",
            look: Look::Parts { parts, within: 600 },
            after: Duration::ZERO,
            excuses: &[Excuse::Maintenance, Excuse::Attempt],
            page: "#a-part-is-started-again-and-again",
            ..row.clone()
        },
        Row {
            name: "disk-90",
            look: Look::Disk { percent: 90 },
            every: minutes(1),
            page: "#the-disk-fills",
            ..row.clone()
        },
        Row {
            name: "disk-80",
            look: Look::Disk { percent: 80 },
            every: minutes(1),
            after: minutes(10),
            wakes: false,
            page: "#the-disk-fills",
            ..row.clone()
        },
        Row {
            name: "memory",
            look: Look::Memory { percent: 10 },
            every: seconds(30),
            after: minutes(5),
            page: "#memory-or-processors-are-short",
            ..row.clone()
        },
        Row {
            name: "load",
            look: Look::Load { per_core: 4.0 },
            every: seconds(30),
            after: minutes(5),
            excuses: &[Excuse::Attempt],
            wakes: false,
            page: "#memory-or-processors-are-short",
        },
        Row {
            name: "mail",
            look: Look::Figures {
                address: format!("{}-{{release}}:{METRICS_PORT}", BACKEND.name),
                most: [
                    ("tracehub_jobs_dead", (0.0, "mails that were given up within a day")),
                    ("tracehub_jobs_oldest_seconds", (7200.0, "seconds for which a mail has not been sent")),
                ]
                .into(),
            },
            every: minutes(1),
            after: minutes(5),
            excuses: &[Excuse::Maintenance, Excuse::Attempt],
            wakes: false,
            page: "#mails-are-not-sent",
        },
        Row {
            name: "certificate",
            look: Look::Certificate { days: 14 },
            every: minutes(60),
            after: Duration::ZERO,
            wakes: false,
            page: "#the-certificate",
            ..row.clone()
        },
        Row {
            name: "backup",
            look: Look::Backup { file: Scheduled::FILE, hours: 26, needed: false },
            every: minutes(10),
            after: Duration::ZERO,
            wakes: false,
            page: "#the-last-good-backup-is-old",
            ..row.clone()
        },
        // What sends them follows what makes them. The first may be on its way for long.
        Row {
            name: "copy",
            look: Look::Backup { file: SENT, hours: 27, needed: sends },
            every: minutes(10),
            after: minutes(60),
            wakes: false,
            page: "#the-last-good-backup-is-old",
            ..row.clone()
        },
        // Where nobody archives, there is no such file.
        Row {
            name: "archive",
            look: Look::Backup { file: Archived::FILE, hours: 1, needed: false },
            every: minutes(5),
            after: minutes(15),
            wakes: false,
            page: "#the-last-good-backup-is-old",
            ..row.clone()
        },
        Row {
            name: "clock",
            look: Look::Clock { seconds: 30 },
            every: minutes(10),
            after: minutes(10),
            wakes: false,
            page: "#the-hosts-clock-is-wrong",
            ..row.clone()
        },
        Row {
            name: "secrets",
            look: Look::Known { words: SECRETS, wrong: known.secrets.clone() },
            page: "#a-secret-got-out",
            ..told.clone()
        },
        Row {
            name: "base-images",
            look: Look::Known { words: BASE_IMAGES, wrong: known.base_images.clone() },
            page: "#a-hole-in-a-package-is-known",
            ..told.clone()
        },
        Row {
            name: "ci-minutes",
            look: Look::Known { words: CI_MINUTES, wrong: known.ci_minutes.clone() },
            page: "#the-minutes-of-the-workflows-run-out",
            ..told
        },
    ]
}

/// All that the watcher of an environment is told, as it reads it.
pub fn table(environment: &str, site: &PublicSite, sends: bool, known: &Known) -> Result<String> {
    #[derive(Serialize)]
    struct Table<'a> {
        environment: &'a str,
        site: &'a str,
        edge: &'a str,
        authority: Option<&'a str>,
        runbook: String,
        quiet: [u8; 2],
        per_hour: usize,
        rows: Vec<Row>,
    }
    Ok(serde_json::to_string(&Table {
        environment,
        site: &site.url,
        edge: EDGE.name,
        authority: site.acme.as_ref().and_then(|acme| acme.root.as_deref()),
        runbook: runbook()?,
        quiet: QUIET,
        per_hour: PER_HOUR,
        rows: rows(sends, known),
    })?)
}

/// What is wrong with having used so many minutes of workflows in a month.
pub fn of_ci_minutes(used: u64) -> Vec<String> {
    let most = minutes::FREE * 4 / 5;
    let words = || format!("{used} of the {} minutes of this month are used", minutes::FREE);
    if used > most { vec![words()] } else { Vec::new() }
}

/// Where the runbook is read.
fn runbook() -> Result<String> {
    let origin = git::origin_url(workspace::root())?;
    let repository = origin.as_deref().and_then(github_repository);
    let path = "docs/runbook.md";
    Ok(repository.map_or_else(
        || path.to_owned(),
        |repository| format!("https://github.com/{repository}/blob/{DEFAULT_BRANCH}/{path}"),
    ))
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

impl Look {
    /// What must hold, for people.
    pub fn words(&self) -> String {
        match self {
            Look::Site { paths, .. } => format!("{} answer 200 as the live release", paths.join(" and ")),
            Look::Certificate { days } => format!("the certificate is taken in {days} days"),
            Look::Disk { percent } => format!("the disks are less than {percent} % full"),
            Look::Memory { percent } => format!("{percent} % of the memory can be had"),
            Look::Load { per_core } => format!("less than {per_core} processes want each core (5 min)"),
            Look::Parts { within, .. } => format!("no part was started again within {} min", within / 60),
            Look::Backup { file: SENT, hours, .. } => {
                format!(
                    "the newest backup with a copy off the host, and the ledger there, are at most {hours} h old"
                )
            }
            Look::Backup { file: Archived::FILE, hours, .. } => {
                format!("what the database wrote until {hours} h ago is in the archive, without a hole")
            }
            Look::Backup { hours, .. } => format!("the last good backup is at most {hours} h old"),
            Look::Clock { seconds } => {
                format!("the host's clock differs by at most {seconds} s from that of who is told")
            }
            Look::Known { words, .. } => (*words).to_owned(),
            Look::Figures { most, .. } => {
                let most = most.values().map(|(most, words)| format!("{words}: {most} at most"));
                most.collect::<Vec<_>>().join("; ")
            }
            Look::Guard => "the guard has taken nothing back".to_owned(),
            Look::Attempt => "no attempt has outlasted its step".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::product::drills::page::anchor;

    /// What the backend's own tests read.
    const COPY: &str = "tracehub/backend/tests/alarms.json";

    #[test]
    fn the_backend_is_tested_with_the_table_that_it_is_given() {
        let site = PublicSite::new("https://tracehub.example".to_owned(), "vps".to_owned(), None);
        let known = Known {
            secrets: Some(vec!["JWT_SECRET is known".to_owned()]),
            base_images: None,
            ci_minutes: None,
        };
        let mut table: serde_json::Value =
            serde_json::from_str(&table("lab", &site, true, &known).unwrap()).unwrap();
        table["runbook"] = "docs/runbook.md".into();
        let ours = serde_json::to_string_pretty(&table).unwrap() + "\n";
        let copy = workspace::root().join(COPY);
        let theirs = std::fs::read_to_string(&copy).unwrap_or_default();
        if ours != theirs {
            // Whoever has changed the table has changed it: the copy follows, and the commit shows both.
            std::fs::write(&copy, &ours).unwrap();
            panic!("{COPY} was not what the table says, and is written anew: run the backend's tests");
        }
    }

    #[test]
    fn each_row_has_a_name_of_its_own_a_line_in_the_documents_and_a_page_in_the_runbook() {
        let read = |path: &str| std::fs::read_to_string(workspace::root().join(path)).unwrap();
        let (runbook, alarms) = (read("docs/runbook.md"), read("docs/alarms.md"));
        let pages: BTreeSet<String> = runbook
            .lines()
            .filter_map(|line| Some(format!("#{}", anchor(line.strip_prefix("## ")?))))
            .collect();
        let mut names = BTreeSet::new();
        for row in rows(true, &Known::default()) {
            assert!(names.insert(row.name), "{} twice", row.name);
            assert!(pages.contains(row.page), "{}: the runbook has no {}", row.name, row.page);
            assert!(
                alarms.contains(&format!("| `{}` |", row.name)),
                "docs/alarms.md has no line for {}",
                row.name
            );
        }
    }
}
