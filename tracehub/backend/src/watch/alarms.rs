//! What is told, and when: each alarm once, and once that it is over. It knows neither clocks nor networks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table::{Row, Table};

const HOUR: i64 = 3600;
/// What could not be told for so long is given up.
const GIVEN_UP: i64 = 24 * HOUR;
/// The first wait after a failure, and the longest.
const RETRY: [i64; 2] = [10, 600];
/// The longest that whoever is told may ask to wait.
const RETRY_AFTER: i64 = HOUR;
/// What has arrived by no way for so long is heard by nobody.
const MUTE: i64 = 300;
/// The share of an hour's messages that is kept for what wakes people: one in so many.
const KEPT: usize = 4;

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It holds.
    Right,
    /// It does not, and what there is instead, in words.
    Wrong(String),
    /// It can't be said: what was told stays.
    Unknown,
}

/// What was seen and told so far. A file of an older watcher, in which a field is missing, is read too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// When there was a look, in seconds since 1970, as all times here.
    pub looked_at: i64,
    /// What does not hold, by the row's name.
    pub open: BTreeMap<String, Open>,
    /// When messages were put into the outbox, in the last hour.
    pub told_at: Vec<i64>,
    /// What is on its way.
    pub outbox: Vec<Message>,
    /// The number of the next message.
    pub next: u64,
}

/// Something that does not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Open {
    /// Since when.
    pub since: i64,
    /// What there is instead.
    pub words: String,
    /// Whether people have been told.
    pub told: bool,
    /// Since when it holds again.
    pub right_since: Option<i64>,
}

/// Something that people are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    /// Its number.
    pub id: u64,
    /// Since when it is on its way.
    pub at: i64,
    /// One line.
    pub subject: String,
    /// All of it.
    pub text: String,
    /// The row that it is about.
    pub row: String,
    /// Whether somebody has had it.
    pub arrived: bool,
    /// The ways that have not had it yet.
    pub ways: Vec<Due>,
}

/// A way that has not had a message yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Due {
    /// Its name.
    pub way: String,
    /// When it is tried next.
    pub at: i64,
    /// How often it was tried.
    pub tries: u32,
}

impl State {
    /// A row was looked at. What is excused is neither begun nor told; what was told before stays until it holds again.
    pub fn see(&mut self, table: &Table, row: &Row, finding: Finding, excused: bool, now: i64) {
        debug_assert!(table.rows.iter().any(|it| it.name == row.name));
        match (finding, self.open.get_mut(&row.name)) {
            (Finding::Unknown, _) => {}
            (Finding::Right, None) => {}
            (Finding::Right, Some(open)) if open.told => {
                open.right_since.get_or_insert(now);
            }
            (Finding::Right, Some(_)) => drop(self.open.remove(&row.name)),
            (Finding::Wrong(_), Some(open)) if excused && !open.told => drop(self.open.remove(&row.name)),
            (Finding::Wrong(_), None) if excused => {}
            (Finding::Wrong(words), Some(open)) => (open.words, open.right_since) = (words, None),
            (Finding::Wrong(words), None) => {
                let open = Open { since: now, words, told: false, right_since: None };
                self.open.insert(row.name.clone(), open);
            }
        }
    }

    /// Puts into the outbox what is due to be told: as many messages as an hour may have, and in quiet hours only what wakes
    /// people. What is held back is told later, if it is still so. While there is no way, nothing is told.
    pub fn settle(&mut self, table: &Table, ways: &[String], now: i64) {
        self.follow_clock(now);
        self.told_at.retain(|at| now - at < HOUR);
        self.give_up(ways, now);
        // A row that is watched no more has nothing to be said of it.
        self.open.retain(|name, _| table.rows.iter().any(|row| row.name == *name));
        if ways.is_empty() {
            return;
        }
        for row in &table.rows {
            let at_most = if row.wakes { table.per_hour } else { table.per_hour - table.per_hour / KEPT };
            if self.told_at.len() >= at_most || (table.is_quiet(now) && !row.wakes) {
                continue;
            }
            let Some(open) = self.open.get_mut(&row.name) else { continue };
            let (subject, text) = match open.right_since {
                Some(since) if open.told && now - since >= row.after => {
                    let text = over(open, since);
                    self.open.remove(&row.name);
                    (format!("[{}] over: {}", table.environment, row.name), text)
                }
                None if !open.told && now - open.since >= row.after => {
                    open.told = true;
                    (format!("[{}] ALARM: {}", table.environment, row.name), alarm(table, row, open))
                }
                _ => continue,
            };
            self.told_at.push(now);
            let last = match (self.told_at.len() < at_most, row.wakes) {
                (true, _) => "",
                (false, true) => {
                    "\nThis was the last message of this hour: `cargo xtask status` says what else there is."
                }
                (false, false) => {
                    "\nOf what can wait, this was the last of this hour: `cargo xtask status` says what else there is."
                }
            };
            self.put(row, subject, format!("{text}{last}"), ways, now);
        }
    }

    /// A clock that was set back has left times that are still to come: they are taken for now, so that nothing waits for them.
    pub fn follow_clock(&mut self, now: i64) {
        if now < self.looked_at {
            let due = self.outbox.iter_mut().flat_map(|message| {
                std::iter::once(&mut message.at).chain(message.ways.iter_mut().map(|due| &mut due.at))
            });
            let open = self.open.values_mut();
            let open = open.flat_map(|open| std::iter::once(&mut open.since).chain(&mut open.right_since));
            due.chain(open).chain(&mut self.told_at).for_each(|at| *at = now.min(*at));
        }
        self.looked_at = now;
    }

    /// Drops what could not be told for too long, and ways that are there no more. An alarm that has arrived nowhere was not
    /// told: while it is still so, it is begun anew.
    fn give_up(&mut self, ways: &[String], now: i64) {
        for mut message in std::mem::take(&mut self.outbox) {
            message.ways.retain(|due| ways.contains(&due.way));
            if now - message.at < GIVEN_UP && !message.ways.is_empty() {
                self.outbox.push(message);
                continue;
            }
            let missed: Vec<&str> = message.ways.iter().map(|due| due.way.as_str()).collect();
            tracing::error!(?missed, arrived = message.arrived, "given up: {}", message.subject);
            if let Some(open) = self.open.get_mut(&message.row).filter(|_| !message.arrived) {
                open.told = false;
            }
        }
    }

    /// Whether something has arrived by no way for so long that nobody can be said to hear.
    pub fn is_mute(&self, now: i64) -> bool {
        self.outbox.iter().any(|message| !message.arrived && now - message.at > MUTE)
    }

    fn put(&mut self, row: &Row, subject: String, text: String, ways: &[String], now: i64) {
        let ways = ways.iter().map(|way| Due { way: way.clone(), at: now, tries: 0 }).collect();
        let row = row.name.clone();
        self.outbox.push(Message { id: self.next, at: now, subject, text, row, arrived: false, ways });
        self.next += 1;
    }

    /// The next message to send by a way.
    pub fn next_due(&self, way: &str, now: i64) -> Option<&Message> {
        let is_due = |message: &&Message| message.ways.iter().any(|due| due.way == way && due.at <= now);
        self.outbox.iter().find(is_due)
    }

    /// How sending one by one way went.
    pub fn sent(&mut self, id: u64, way: &str, arrived: bool, retry_after: Option<i64>, now: i64) {
        let Some(message) = self.outbox.iter_mut().find(|message| message.id == id) else { return };
        if arrived {
            message.arrived = true;
            message.ways.retain(|due| due.way != way);
        }
        for due in message.ways.iter_mut().filter(|due| due.way == way) {
            let [first, longest] = RETRY;
            let wait = retry_after.map(|wait| wait.clamp(1, RETRY_AFTER));
            due.at = now + wait.unwrap_or_else(|| longest.min(first << due.tries.min(6)));
            due.tries += 1;
        }
        self.outbox.retain(|message| !message.ways.is_empty());
    }
}

fn alarm(table: &Table, row: &Row, open: &Open) -> String {
    let since = utc(open.since);
    format!("{}\nSince {since}. What to do: {}{}", open.words, table.runbook, row.page)
}

fn over(open: &Open, right_since: i64) -> String {
    format!("It was so from {} for {}: {}", utc(open.since), duration(right_since - open.since), open.words)
}

/// `2026-01-03 12:00:00 UTC`.
fn utc(at: i64) -> String {
    chrono::DateTime::from_timestamp(at, 0).map_or_else(String::new, |at| at.format("%F %T UTC").to_string())
}

/// `1 h 2 min`, `3 min 4 s`, `5 s`.
fn duration(seconds: i64) -> String {
    match (seconds / HOUR, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests;
