//! One attempt's pen: writes its entries into the ledger, each chained to the one before.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::host::Host;
use super::ledger::{Entry, Event, FORMAT, Ledger, hash};

/// Writes the entries of one attempt.
pub struct Journal<'a> {
    host: &'a dyn Host,
    /// The attempt's id.
    pub attempt: String,
    /// The hash of the last line; none when it can't be known who wrote that.
    head: RefCell<Option<String>>,
    tried: Cell<u32>,
}

impl<'a> Journal<'a> {
    /// Begins behind what the ledger holds. The caller has the lease: nobody else writes.
    pub fn new(host: &'a dyn Host, attempt: String, ledger: &Ledger) -> Journal<'a> {
        Journal { host, attempt, head: RefCell::new(Some(ledger.head.clone())), tried: Cell::new(0) }
    }

    /// Appends what happened in this attempt, and has it on the disk when it comes back.
    pub fn write(&self, event: Event) -> Result<()> {
        self.write_of(&self.attempt, event)
    }

    /// Appends what happened in another attempt: how a killed one ended.
    pub fn write_of(&self, attempt: &str, event: Event) -> Result<()> {
        // An entry that failed may stand there all the same: none gets its id, and whether it is the last line is looked at.
        let id = format!("{}-{}", self.attempt, self.tried.replace(self.tried.get() + 1));
        let prev = match self.head.take() {
            Some(head) => head,
            None => self.host.ledger().context("reading the ledger again, after an entry failed")?.head,
        };
        let at = timestamp(self.host.now());
        let entry = Entry { v: FORMAT, id, at, attempt: attempt.to_owned(), prev, event };
        // The answer may have been lost, and not the entry. The same one is never made twice.
        self.host.append(&entry).or_else(|_| self.host.append(&entry)).context("writing the ledger")?;
        self.head.replace(Some(hash(&serde_json::to_string(&entry)?)));
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
