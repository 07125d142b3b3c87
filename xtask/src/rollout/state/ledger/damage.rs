//! What is wrong with a ledger. While something is, nothing is removed on its word.

use std::fmt;

use super::{Event, Ledger};
use crate::rollout::state::guard::Traffic;
use crate::rollout::state::release::{Release, ReleaseId};

/// How many releases, or lines, are named at the most.
const NAMED: usize = 3;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It is gone or empty, and there is this number of releases.
    Missing(usize),
    /// Nothing in it is an entry.
    Unreadable,
    /// These lines are no entries, or stand behind others than they were written behind.
    Lines(Vec<usize>),
    /// These releases are here, and it does not know them.
    Short(Vec<ReleaseId>),
}

impl Damage {
    /// Whether it is not even known what came last.
    pub fn hides_the_end(&self) -> bool {
        !matches!(self, Damage::Lines(_))
    }
}

impl Ledger {
    /// What is wrong with it, by its own lines and by what there is. A last line that was cut off is nothing: the next entry
    /// stands behind it.
    pub fn damage(&self, traffic: &Traffic, kept: &[Release]) -> Vec<Damage> {
        let there = traffic.active.iter().chain(&traffic.warm).chain(kept.iter().map(|release| &release.id));
        let mut there: Vec<&ReleaseId> = there.collect();
        there.sort_unstable();
        there.dedup();
        match (self.entries.is_empty(), self.damaged.is_empty()) {
            (true, true) if there.is_empty() => return Vec::new(),
            (true, true) => return vec![Damage::Missing(there.len())],
            (true, false) => return vec![Damage::Unreadable],
            (false, _) => {}
        }
        let unknown: Vec<ReleaseId> = there.into_iter().filter(|id| !self.knows(id)).cloned().collect();
        let lines = (!self.damaged.is_empty()).then(|| Damage::Lines(self.damaged.clone()));
        let short = (!unknown.is_empty()).then_some(Damage::Short(unknown));
        lines.into_iter().chain(short).collect()
    }

    /// Whether an attempt was to give it the traffic.
    pub fn knows(&self, id: &ReleaseId) -> bool {
        self.entries.iter().any(|entry| matches!(&entry.event, Event::Began { to: Some(to), .. } if to == id))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Missing(releases) => {
                write!(f, "the ledger is gone or empty, and {releases} releases are here that it should know")
            }
            Damage::Unreadable => f.write_str("nothing in the ledger can be read"),
            Damage::Lines(lines) => {
                let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
                write!(f, "the ledger is damaged in line {}", first(&lines))
            }
            Damage::Short(unknown) => {
                let unknown: Vec<String> = unknown.iter().map(ReleaseId::to_string).collect();
                write!(
                    f,
                    "the ledger lacks its end, or is an older one: it does not know {}",
                    first(&unknown)
                )
            }
        }
    }
}

/// The first of them, and how many there are more.
fn first(all: &[String]) -> String {
    let (named, more) = all.split_at(all.len().min(NAMED));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("{}{more}", named.join(", "))
}
