//! The ledger on the simulated host: whole lines, and torn ones.

use crate::rollout::ledger::{Entry, Event, Ledger, hash};

/// The ledger.
#[derive(Debug, Clone, Default)]
pub struct Book(Vec<Line>);

#[derive(Debug, Clone)]
enum Line {
    Whole(Box<Entry>),
    Torn(String),
}

impl Book {
    /// As it is read.
    pub fn read(&self) -> Ledger {
        let entries = self.entries().cloned().collect();
        let torn = self.0.iter().enumerate().filter(|(_, line)| matches!(line, Line::Torn(_)));
        Ledger { entries, head: self.head(), damaged: torn.map(|(number, _)| number + 1).collect() }
    }

    /// Whether the last line is this entry: its answer was lost.
    pub fn has_just(&self, entry: &Entry) -> bool {
        matches!(self.0.last(), Some(Line::Whole(last)) if last.id == entry.id)
    }

    /// Adds a line, and says whether it is chained to the one before.
    pub fn add(&mut self, entry: &Entry) -> bool {
        // One pen chains its lines by itself, and hashing takes time: where another one takes over, it is looked at.
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
        let lines = self.0.iter().map(|line| match line {
            Line::Whole(entry) => text(entry) + "\n",
            Line::Torn(text) => text.clone() + "\n",
        });
        let (parsed, read) = (Ledger::parse(&lines.collect::<String>()), self.read());
        parsed.entries == read.entries && parsed.damaged == read.damaged && parsed.head == read.head
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.0.iter().filter_map(|line| match line {
            Line::Whole(entry) => Some(&**entry),
            Line::Torn(_) => None,
        })
    }

    fn head(&self) -> String {
        self.entries().next_back().map(|last| hash(&text(last))).unwrap_or_default()
    }
}

fn text(entry: &Entry) -> String {
    serde_json::to_string(entry).unwrap_or_default()
}
