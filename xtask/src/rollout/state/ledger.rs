//! The ledger: the append-only record, on the host, of every attempt and how it ended. One JSON object a line, each
//! with the hash of the line before it.
//!
//! The live file alone says who *has* the traffic; the ledger says who ought to, and what was.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::contract::Contract;
use super::platform::PlatformRecord;
use super::release::ReleaseId;

pub mod damage;
pub mod incidents;
mod queries;
mod taken_back;

/// The version of the format that is written here.
pub const FORMAT: u32 = 1;
/// The step that changes the database's schema.
pub const MIGRATE: &str = "migrate";

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The format's version: 1.
    pub v: u32,
    /// Unique: the attempt, and a number that counts up within it. An append whose answer was lost is not made twice.
    pub id: String,
    /// When, RFC 3339 in UTC, by the driver's clock.
    pub at: String,
    /// Which attempt this belongs to.
    pub attempt: String,
    /// SHA-256 of the line before, in hexadecimal; empty in the first.
    pub prev: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An attempt holds the lease and is about to change something.
    Began {
        /// Deploy, rollback, down, restore, platform.
        kind: Kind,
        /// Who: user and machine.
        by: String,
        /// The lease's number. It grows by one each time the lease is taken; the host refuses a smaller one (fencing).
        lease: u64,
        /// The release that had the traffic.
        from: Option<ReleaseId>,
        /// The release that is to have it.
        to: Option<ReleaseId>,
        /// The names of the steps, in order.
        plan: Vec<String>,
        /// Gates that somebody opened by hand, each with the reason.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        overrides: Vec<String>,
        /// What the release is made of, where it is about to be watched: one that is taken back is known by that, too.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        images: BTreeMap<String, String>,
    },
    /// A step is about to change something, or has.
    Step {
        /// The step's name.
        step: String,
        /// How far it is.
        state: StepState,
        /// What there is to say: the cause of a failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        /// The latest moment at which a begun step has ended, RFC 3339 in UTC.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<String>,
    },
    /// The switch of this attempt counts: from here on the release ought to have the traffic.
    Confirmed {
        /// The release.
        release: ReleaseId,
        /// Its images, so that another environment can ask for those that were confirmed here.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        images: BTreeMap<String, String>,
        /// Its commit, in full, for the same reason; empty when that was not written down.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        commit: String,
    },
    /// The attempt is over.
    Ended {
        /// How.
        outcome: Outcome,
        /// The cause of a failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        /// Milliseconds from the beginning to the switch, when there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to_switch_ms: Option<u64>,
    },
    /// A migration is about to take something away: from here on, and while the database has it, these releases are no
    /// targets of a rollback.
    Contract(Contract),
    /// The platform's files on the host are these from here on.
    Platform(PlatformRecord),
    /// Something that a later holder of the lease found: a change by hand.
    Noted {
        /// In words.
        what: String,
        /// Who did it, where somebody did something by hand.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
        /// Why, as that person says.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
        /// That users suffer from a release, or no longer do, where this is about that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentMark>,
    },
}

/// The beginning or the end of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentMark {
    /// The release that users suffer from.
    pub caused_by: ReleaseId,
    /// Whether this is its end.
    pub is_over: bool,
}

impl Event {
    /// Something that was found.
    pub fn found(what: String) -> Event {
        Event::by_hand(what, String::new(), String::new())
    }

    /// Something that somebody did by hand, and why.
    pub fn by_hand(what: String, by: String, why: String) -> Event {
        Event::Noted { what, by, why, incident: None }
    }
}

/// What an attempt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A new release gets the traffic.
    Deploy,
    /// A kept release gets it back.
    Rollback,
    /// Everything is stopped.
    Down,
    /// A backup takes the database's place; the traffic stays where it is.
    Restore,
    /// Database or edge are started anew; the traffic stays where it is.
    Platform,
    /// Migrations that no release needs are taken back; the traffic stays where it is.
    Revert,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Deploy => "deploy",
            Kind::Rollback => "rollback",
            Kind::Down => "down",
            Kind::Restore => "restore",
            Kind::Platform => "platform up",
            Kind::Revert => "migrate revert",
        })
    }
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// About to be applied.
    Begun,
    /// Applied.
    Done,
    /// Not, or not wholly, applied.
    Failed,
    /// Undone.
    Reverted,
    /// Could not be undone.
    RevertFailed,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it was for.
    Succeeded,
    /// It failed, and everything is as it was before.
    Undone,
    /// It failed, and a person must act.
    NotUndone,
    /// Nobody confirmed its switch, and the guard took it back.
    UndoneByGuard,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Undone => "failed, undone",
            Outcome::NotUndone => "failed, NOT undone",
            Outcome::UndoneByGuard => "undone by guard",
        })
    }
}

/// The whole ledger, as it was read.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// The hash that the next entry carries as `prev`.
    pub head: String,
    /// Lines that are no entries, or whose `prev` is not the line before: something was written over them, or somebody's
    /// editor was there.
    pub damaged: Vec<usize>,
    /// The last line was cut off when it was written, and no entry stands behind it yet.
    pub is_cut: bool,
}

/// One attempt, gathered from its entries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedAttempt {
    /// Its id.
    pub id: String,
    /// When it began, RFC 3339 in UTC.
    pub at: String,
    /// What it was for.
    pub kind: Kind,
    /// Who did it.
    pub by: String,
    /// The release that had the traffic before.
    pub from: Option<ReleaseId>,
    /// The release that was to have it.
    pub to: Option<ReleaseId>,
    /// Whether its switch counts.
    pub confirmed: bool,
    /// How it ended; none yet when it is under way or was killed.
    pub outcome: Option<Outcome>,
    /// The cause of a failure.
    pub detail: Option<String>,
    /// The last step that was begun, and until when at most it takes.
    pub step: Option<(String, Option<String>)>,
    /// What the release is made of, as far as was written down.
    #[serde(skip)]
    pub images: BTreeMap<String, String>,
}

impl Ledger {
    /// Reads what stands in the file. A line that is no entry hides no other: it is passed over, and named in `damaged`
    /// unless it is the beginning of an entry, as an append leaves it that was cut off.
    pub fn parse(text: &str) -> Ledger {
        let mut ledger = Ledger::default();
        for (number, line) in text.lines().enumerate() {
            // A machine that lost its power may leave zeros where it had not written yet: the next line stands behind them.
            let line = line.trim_start_matches('\0');
            match serde_json::from_str::<Entry>(line) {
                Ok(entry) => {
                    if entry.prev != ledger.head {
                        ledger.damaged.push(number + 1);
                    }
                    ledger.head = hash(line);
                    ledger.entries.push(entry);
                    ledger.is_cut = false;
                }
                Err(_) if is_beginning(line) => ledger.is_cut |= !line.is_empty(),
                Err(_) => ledger.damaged.push(number + 1),
            }
        }
        ledger
    }

    /// The attempts, oldest first.
    pub fn attempts(&self) -> Vec<RecordedAttempt> {
        let mut attempts: Vec<RecordedAttempt> = Vec::new();
        for entry in &self.entries {
            if let Event::Began { kind, by, from, to, images, .. } = &entry.event {
                match attempts.last_mut().filter(|last| last.id == entry.attempt) {
                    // What came ahead of the plan is in the same attempt.
                    Some(ahead) => {
                        (ahead.from, ahead.to, ahead.images) = (from.clone(), to.clone(), images.clone());
                    }
                    None => attempts.push(RecordedAttempt {
                        id: entry.attempt.clone(),
                        at: entry.at.clone(),
                        kind: *kind,
                        by: by.clone(),
                        from: from.clone(),
                        to: to.clone(),
                        confirmed: false,
                        outcome: None,
                        detail: None,
                        step: None,
                        images: images.clone(),
                    }),
                }
            }
            let Some(attempt) = attempts.iter_mut().rev().find(|attempt| attempt.id == entry.attempt) else {
                continue;
            };
            match &entry.event {
                Event::Confirmed { images, .. } => {
                    attempt.confirmed = true;
                    if !images.is_empty() {
                        attempt.images.clone_from(images);
                    }
                }
                Event::Step { step, state: StepState::Begun, until, .. } => {
                    attempt.step = Some((step.clone(), until.clone()));
                }
                Event::Ended { outcome, detail, .. } => {
                    attempt.outcome = Some(*outcome);
                    attempt.confirmed |= attempt.kind == Kind::Down && *outcome == Outcome::Succeeded;
                    attempt.detail.clone_from(detail);
                }
                _ => {}
            }
        }
        attempts
    }
}

/// Whether this is what an entry begins with.
fn is_beginning(line: &str) -> bool {
    const BEGINNING: &str = r#"{"v":"#;
    BEGINNING.starts_with(line) || line.starts_with(BEGINNING)
}

/// The hash of a line, without its newline.
pub fn hash(line: &str) -> String {
    format!("{:x}", Sha256::digest(line.as_bytes()))
}

#[cfg(test)]
mod tests;
