//! The ledger on the simulated host: whole lines, and torn ones; and what is written there must be true.

use anyhow::{Result, ensure};

use super::World;
use super::change::{UNFENCED, entry_words};
use crate::rollout::state::guard::GuardState;
use crate::rollout::state::ledger::{Entry, Event, Ledger, Outcome, hash};

/// The ledger.
#[derive(Debug, Clone, Default)]
pub struct Book(Vec<Line>);

#[derive(Debug, Clone)]
enum Line {
    Whole(Box<Entry>),
    Torn(String),
    /// Something was written over it.
    Garbage,
}

impl Book {
    /// As it is read.
    pub fn read(&self) -> Ledger {
        if self.0.iter().any(|line| matches!(line, Line::Garbage)) {
            return Ledger::parse(&self.text());
        }
        let entries = self.entries().cloned().collect();
        let is_cut = matches!(self.0.last(), Some(Line::Torn(_)));
        Ledger { entries, head: self.head(), damaged: Vec::new(), is_cut }
    }

    /// Whether one of the last lines is this entry: its answer was lost.
    pub fn has_lately(&self, entry: &Entry) -> bool {
        let is_it = |line: &Line| matches!(line, Line::Whole(it) if it.id == entry.id);
        self.0.iter().rev().take(8).any(is_it)
    }

    /// How many there are.
    pub fn lines(&self) -> usize {
        self.0.len()
    }

    /// Adds a line, and says whether it is chained to the one before.
    pub fn add(&mut self, entry: &Entry) -> bool {
        // One journal chains its lines by itself, and hashing takes time: where another one takes over, it is looked at.
        let writer = |entry: &Entry| entry.id.rsplit_once('-').map(|(writer, _)| writer.to_owned());
        let same = self.entries().last().is_some_and(|last| writer(last) == writer(entry));
        let chained = same || entry.prev == self.head();
        self.0.push(Line::Whole(entry.clone().into()));
        chained
    }

    /// The first half of a line, without its end.
    pub fn tear(&mut self, entry: &Entry) {
        let line = text(entry);
        self.0.push(Line::Torn(line[..line.len() / 2].to_owned()));
    }

    /// Somebody removes it, or a disk does: all behind the first lines is gone.
    pub fn lose(&mut self, but: usize) {
        self.0.truncate(but);
    }

    /// Something is written over a line.
    pub fn spoil(&mut self, number: usize) {
        self.0[number] = Line::Garbage;
    }

    /// Puts another one in its place.
    pub fn replace(&mut self, entries: &[Entry]) {
        self.0 = entries.iter().map(|entry| Line::Whole(entry.clone().into())).collect();
    }

    /// Keeps of each attempt how it began and ended.
    pub fn forget_steps(&mut self) {
        let mut head = String::new();
        self.0
            .retain(|line| matches!(line, Line::Whole(entry) if !matches!(entry.event, Event::Step { .. })));
        for line in &mut self.0 {
            let Line::Whole(entry) = line else { continue };
            entry.prev.clone_from(&head);
            head = hash(&text(entry));
        }
    }

    /// Whether the file's text, read as it is on a real host, says the same.
    pub fn is_sound(&self) -> bool {
        let (parsed, read) = (Ledger::parse(&self.text()), self.read());
        parsed.entries == read.entries
            && (parsed.damaged, parsed.is_cut, parsed.head) == (read.damaged, read.is_cut, read.head)
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.0.iter().filter_map(|line| match line {
            Line::Whole(entry) => Some(&**entry),
            Line::Torn(_) | Line::Garbage => None,
        })
    }

    fn text(&self) -> String {
        let lines = self.0.iter().map(|line| match line {
            Line::Whole(entry) => text(entry) + "\n",
            Line::Torn(text) => text.clone() + "\n",
            Line::Garbage => "\u{1}garbage\n".to_owned(),
        });
        lines.collect()
    }

    fn head(&self) -> String {
        self.entries().next_back().map(|last| hash(&text(last))).unwrap_or_default()
    }
}

impl World {
    /// Lines come, under the lease with this number.
    pub fn append(&mut self, entries: &[Entry], lease: u64) -> Result<()> {
        ensure!([self.lease, UNFENCED].contains(&lease), "the lease has passed to somebody else");
        entries.iter().for_each(|entry| self.append_one(entry));
        Ok(())
    }

    fn append_one(&mut self, entry: &Entry) {
        if self.book.has_lately(entry) {
            return;
        }
        self.check_entry(entry);
        if matches!(entry.event, Event::Began { .. }) {
            self.backed_up = false;
        }
        if !self.book.add(entry) {
            self.breaks(format!("the ledger's chain breaks at: {}", entry_words(&entry.event)));
        }
        if let Event::Confirmed { release, .. } = &entry.event {
            let before = self.copies.get(release).map_or(0, Book::lines);
            if self.book.lines() >= before {
                self.copies.insert(release.clone(), self.book.clone());
            }
        }
    }

    /// Of several lines, now the first one is torn, and now the last one.
    pub fn append_half(&mut self, entries: &[Entry]) {
        let Some((last, before)) = entries.split_last() else { return };
        match before.first().filter(|_| self.book.lines().is_multiple_of(2)) {
            Some(first) => self.book.tear(first),
            None => {
                before.iter().for_each(|entry| self.append_one(entry));
                self.book.tear(last);
            }
        }
    }

    /// What is written down is true.
    fn check_entry(&mut self, entry: &Entry) {
        let state = self.guard.as_ref().map(|file| file.guard.state);
        let is_provisional = matches!(state, Some(GuardState::Armed | GuardState::Tripping));
        match &entry.event {
            Event::Confirmed { .. } if is_provisional => {
                self.breaks("the ledger calls confirmed what the guard can still take back".to_owned());
            }
            Event::Confirmed { release, .. } if self.live.as_ref() != Some(release) => {
                self.breaks(format!("the ledger calls {release} confirmed, which has not the traffic"));
            }
            Event::Ended { outcome: Outcome::Undone | Outcome::UndoneByGuard, .. } => {
                let told =
                    self.book.read().attempts().into_iter().find(|attempt| attempt.id == entry.attempt);
                let Some(attempt) = told.filter(|attempt| attempt.from != attempt.to) else { return };
                if attempt.to.is_some() && self.live == attempt.to {
                    self.breaks("the ledger calls it undone, and its release has the traffic".to_owned());
                }
                let to = attempt.to.filter(|to| self.left_over().contains(to));
                if let Some(to) = to {
                    self.breaks(format!("the ledger calls it undone, and {to} still runs"));
                }
            }
            _ => {}
        }
    }
}

fn text(entry: &Entry) -> String {
    serde_json::to_string(entry).unwrap_or_default()
}
