//! Writes the ledger entries of one attempt, each with the hash of the one before.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::state::ledger::{Entry, Event, FORMAT, Ledger, hash};
use crate::rollout::host::LeasedHost;

/// Writes the entries of one attempt.
pub struct Journal<'a> {
    leased: &'a dyn LeasedHost,
    /// The attempt's id.
    pub attempt: String,
    /// The hash of the last line; none when it can't be known who wrote that.
    head: RefCell<Option<String>>,
    tried: Cell<u32>,
    /// What goes into the same append as the next entry, and when it happened.
    waiting: RefCell<Vec<(SystemTime, Event)>>,
}

impl<'a> Journal<'a> {
    /// Begins behind what the ledger holds. Nobody else writes while the lease is held.
    pub fn new(leased: &'a dyn LeasedHost, attempt: String, ledger: &Ledger) -> Journal<'a> {
        let head = RefCell::new(Some(ledger.head.clone()));
        Journal { leased, attempt, head, tried: Cell::default(), waiting: RefCell::default() }
    }

    /// Appends what happened in this attempt, and has it on the disk when it comes back.
    pub fn write(&self, event: Event) -> Result<()> {
        self.write_of(&self.attempt, event)
    }

    /// Has the next entry's append bring this too, in front of it: for what comes right before another entry, since each
    /// append is a trip to the host and waits for its disk. It is lost with that append, or with this driver.
    pub fn write_with_next(&self, event: Event) {
        self.waiting.borrow_mut().push((self.leased.host().now(), event));
    }

    /// Appends what happened in another attempt: how a killed one ended.
    pub fn write_of(&self, attempt: &str, event: Event) -> Result<()> {
        let waiting = self.waiting.take().into_iter().map(|(at, event)| (at, self.attempt.as_str(), event));
        let events: Vec<_> = waiting.chain([(self.leased.host().now(), attempt, event)]).collect();
        let mut prev = match self.head.take() {
            Some(head) => head,
            None => {
                self.leased.host().ledger().context("reading the ledger again, after an entry failed")?.head
            }
        };
        let mut entries = Vec::new();
        for (at, attempt, event) in events {
            // An entry that failed may stand there all the same: none gets its id, and whether it is the last line is looked at.
            let id = format!("{}-{}", self.attempt, self.tried.replace(self.tried.get() + 1));
            let entry = Entry { v: FORMAT, id, at: timestamp(at), attempt: attempt.to_owned(), prev, event };
            prev = hash(&serde_json::to_string(&entry)?);
            entries.push(entry);
        }
        // The answer may have been lost, and not the entries. The same one is never made twice.
        self.leased
            .append(&entries)
            .or_else(|_| self.leased.append(&entries))
            .context("writing the ledger")?;
        self.head.replace(Some(prev));
        Ok(())
    }
}

/// The id of an attempt: its time, and enough of the process's own mark that two are never the same.
pub fn attempt_id(now: SystemTime, mark: &str) -> String {
    let time = humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "").to_lowercase();
    format!("{time}-{}", &hash(&format!("{mark} {:?}", now))[..6])
}

/// RFC 3339 in UTC, to the millisecond.
pub fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// How long ago a timestamp of the ledger (or of the engine) was; nothing when it is no timestamp.
pub fn since(timestamp: &str, now: SystemTime) -> Option<Duration> {
    now.duration_since(humantime::parse_rfc3339_weak(timestamp).ok()?).ok()
}
