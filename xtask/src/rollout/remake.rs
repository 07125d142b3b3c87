//! A ledger that was lost or damaged is made anew: from what can still be read of it, from the copies beside the releases,
//! and from what is on the host.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::host::{Files, LeasedHost, Part};
use super::journal::{attempt_id, timestamp};
use super::state::ledger::damage::Damage;
use super::state::ledger::{Entry, Event, FORMAT, Kind, Ledger, Outcome, RecordedAttempt, hash};
use super::state::release::{Release, ReleaseId};
use super::steps::list;

/// Who made an attempt of which nobody knows that.
const UNKNOWN: &str = "unknown";

/// What came of it.
#[derive(Debug)]
pub struct Remade {
    /// The file that it is kept in, when there was one.
    pub set_aside: Option<String>,
    /// What nobody can know any more, in words.
    pub unknown: Vec<String>,
}

/// Makes the ledger anew; none when nothing is wrong with it. What an earlier attempt left is settled by then: a guard that
/// waits would take the traffic from the release that is written down here.
pub fn remake_ledger(leased: &dyn LeasedHost, files: &Files, by: &str) -> Result<Option<Remade>> {
    let (host, damage) = (leased.host(), files.damage());
    if damage.is_empty() {
        return Ok(None);
    }
    let attempt = attempt_id(host.now(), &leased.number().to_string());
    let sources = [host.ledger_copies()?, vec![files.ledger.clone()]].concat();
    let ledger = Ledger { entries: merged(sources), ..Ledger::default() };
    let mut draft = Draft { ledger, attempt, now: timestamp(host.now()), made: 0, unknown: Vec::new() };
    draft.end_attempts();
    draft.add_what_is_there(files, &host.parts()?);
    draft.say_what_is_lost(&damage, files);
    let Draft { ledger, unknown, .. } = draft.noted(by);
    let set_aside = leased.replace_ledger(&chained(ledger.entries))?;
    Ok(Some(Remade { set_aside, unknown }))
}

/// How what is noted of a host that was lost begins.
const LOST: &str = "the host was lost";

/// The same of one that its environment has left for another one.
const LEFT: &str = "the host was left";

/// On a new host, the ledger of the one that was lost goes on: nothing of it runs any more.
pub fn go_on_with_ledger(
    leased: &dyn LeasedHost,
    lost: &Ledger,
    files: &Files,
    by: &str,
    why: &str,
) -> Result<()> {
    let host = leased.host();
    // What this driver does next has the same moment and number.
    let attempt = format!("{}-lost", attempt_id(host.now(), &leased.number().to_string()));
    let ledger = Ledger { entries: merged(vec![lost.clone(), files.ledger.clone()]), ..Ledger::default() };
    let mut draft = Draft { ledger, attempt, now: timestamp(host.now()), made: 0, unknown: Vec::new() };
    draft.end_host(lost.expected_active(), by, leased.number(), &format!("{LOST}; {why}"));
    leased.replace_ledger(&chained(draft.ledger.entries)).map(drop)
}

/// On a new host, the ledger of the one that was left goes on, and what was done here since comes behind it. Done again, it is there
/// already.
pub fn join_ledger(leased: &dyn LeasedHost, left: &Ledger, files: &Files, by: &str, why: &str) -> Result<()> {
    let holds = |ledger: &Ledger, entry: &Entry| {
        ledger.entries.iter().any(|it| (&it.id, &it.event) == (&entry.id, &entry.event))
    };
    if left.entries.last().is_none_or(|last| holds(&files.ledger, last)) {
        return Ok(());
    }
    // What was done here before the environment was elsewhere is told by the other one.
    let own: Vec<Entry> = files.ledger.entries.iter().filter(|entry| !holds(left, entry)).cloned().collect();
    let host = leased.host();
    let attempt = format!("{}-left", attempt_id(host.now(), &leased.number().to_string()));
    let now = own.first().map_or_else(|| timestamp(host.now()), |entry| entry.at.clone());
    let ledger = Ledger { entries: left.entries.clone(), ..Ledger::default() };
    let mut draft = Draft { ledger, attempt, now, made: 0, unknown: Vec::new() };
    draft.end_host(left.expected_active(), by, leased.number(), &format!("{LEFT}; {why}"));
    let entries = [draft.ledger.entries, own].concat();
    leased.replace_ledger(&chained(entries)).map(drop)
}

/// What was done since the host was lost, when this ledger says that it was.
pub fn since_it_was_lost(ledger: &Ledger) -> Option<Vec<RecordedAttempt>> {
    let mut attempts = ledger.attempts();
    let at = attempts.iter().rposition(|attempt| is_end(attempt, &[LOST]))?;
    Some(attempts.split_off(at + 1))
}

/// How often the host of this ledger was lost, and made again, or left for another one: whose ledger says it more often has followed the others.
pub fn times_lost(ledger: &Ledger) -> usize {
    ledger.attempts().iter().filter(|attempt| is_end(attempt, &[LOST, LEFT])).count()
}

fn is_end(attempt: &RecordedAttempt, how: &[&str]) -> bool {
    let begins = |detail: &String| how.iter().any(|how| detail.starts_with(how));
    attempt.kind == Kind::Down && attempt.detail.as_ref().is_some_and(begins)
}

/// What all of them say, each entry once. Of an entry that is not the same everywhere, a ledger that nobody has changed is
/// believed.
fn merged(mut sources: Vec<Ledger>) -> Vec<Entry> {
    sources.sort_by_key(|it| (!it.damaged.is_empty(), Reverse(it.entries.len())));
    let (mut merged, mut seen) = (Vec::<Entry>::new(), BTreeSet::new());
    for source in sources {
        let mut place = None;
        for entry in source.entries {
            if seen.insert(entry.id.clone()) {
                let by_time = || merged.iter().position(|it| it.at > entry.at).unwrap_or(merged.len());
                let at = place.unwrap_or_else(by_time);
                merged.insert(at, entry);
                place = Some(at + 1);
            } else {
                // Mostly the next one.
                let from = place.unwrap_or(0);
                let found = merged[from..].iter().position(|it| it.id == entry.id);
                place = found.map(|found| from + found + 1).or(place);
            }
        }
    }
    merged
}

/// Each behind the one before.
fn chained(mut entries: Vec<Entry>) -> Vec<Entry> {
    let mut head = String::new();
    for entry in &mut entries {
        entry.prev = head;
        head = hash(&serde_json::to_string(entry).expect("an entry is JSON"));
    }
    entries
}

/// A ledger in the making: not chained yet.
struct Draft {
    ledger: Ledger,
    attempt: String,
    now: String,
    made: u32,
    unknown: Vec<String>,
}

impl Draft {
    /// Nothing of that host serves any more.
    fn end_host(&mut self, from: Option<ReleaseId>, by: &str, lease: u64, detail: &str) {
        self.end_attempts();
        let began = Event::Began {
            kind: Kind::Down,
            by: by.to_owned(),
            lease,
            from,
            to: None,
            plan: Vec::new(),
            overrides: Vec::new(),
            images: BTreeMap::new(),
        };
        let detail = Some(detail.to_owned());
        let ended = Event::Ended { outcome: Outcome::Succeeded, detail, to_switch_ms: None };
        for event in [began, ended] {
            let entry = self.entry(&self.attempt.clone(), self.now.clone(), event);
            self.ledger.entries.push(entry);
        }
    }

    /// A copy is made when a release is confirmed, and its attempt ends behind that. None is under way.
    fn end_attempts(&mut self) {
        for attempt in self.ledger.attempts().into_iter().filter(|attempt| attempt.outcome.is_none()) {
            let outcome = if attempt.confirmed { Outcome::Succeeded } else { Outcome::Undone };
            let last = self.ledger.entries.iter().rposition(|entry| entry.attempt == attempt.id);
            let place = last.map_or(self.ledger.entries.len(), |last| last + 1);
            let detail = Some("how it ended was lost with the ledger".to_owned());
            let at = self.ledger.entries[place - 1].at.clone();
            let entry = self.entry(&attempt.id, at, Event::Ended { outcome, detail, to_switch_ms: None });
            self.ledger.entries.insert(place, entry);
        }
    }

    /// What has the traffic or had it before, and what is kept, is known to the ledger.
    fn add_what_is_there(&mut self, files: &Files, parts: &[Part]) {
        let began = |id: &ReleaseId| {
            let starts = parts.iter().filter(|part| &part.release == id).map(|part| part.since.clone());
            let built = files.kept.iter().filter(|kept| &kept.id == id).map(|kept| kept.built_at.clone());
            // An engine calls it year 1 that a container was never started.
            starts.chain(built).filter(|at| humantime::parse_rfc3339_weak(at).is_ok()).min()
        };
        let (live, warm) = (files.traffic.active.as_ref(), files.traffic.warm.as_ref());
        let kept = files.kept.iter().map(|kept| &kept.id).filter(|id| Some(*id) != live);
        let there: BTreeSet<&ReleaseId> = kept.chain(warm).collect();
        let unknown: Vec<_> = there.into_iter().filter(|id| !self.ledger.knows(id)).cloned().collect();
        for id in &unknown {
            let newer = |entry: &Entry| matches!(&entry.event, Event::Began { to: Some(to), .. } if to > id);
            let at = self.ledger.entries.iter().position(newer).unwrap_or(self.ledger.entries.len());
            // Without what it is made of: whether it was ever confirmed is not known, and production's gate would believe it.
            self.add(at, Kind::Deploy, None, id, None, began(id));
        }
        if !unknown.is_empty() {
            self.unknown.push(format!("whether, and when, {} had the traffic", list(&unknown)));
        }
        let Some(live) = live.filter(|live| self.ledger.expected_active().as_ref() != Some(live)) else {
            return;
        };
        let was_rolled_back = warm.is_some_and(|warm| warm > live);
        let kind = if was_rolled_back { Kind::Rollback } else { Kind::Deploy };
        let release = files.kept.iter().find(|kept| &kept.id == live);
        let end = self.ledger.entries.len();
        // It has the traffic by somebody's hand: nothing has watched it since it was taken back.
        let is_taken_back = kind == Kind::Deploy && self.ledger.taken_back().contains_key(live);
        let from = if is_taken_back { Some(live) } else { warm };
        self.add(end, kind, from.cloned(), live, release, began(live));
        self.unknown.push(format!("who gave {live} the traffic, and when"));
        if let Some(warm) = warm.filter(|_| was_rolled_back) {
            self.unknown
                .push(format!("whether somebody rolled back from {warm}: it is newer, and taken for that"));
        }
    }

    /// An attempt of which nothing is known but that it was made.
    fn add(
        &mut self,
        mut place: usize,
        kind: Kind,
        from: Option<ReleaseId>,
        to: &ReleaseId,
        release: Option<&Release>,
        at: Option<String>,
    ) {
        let (attempt, at) = (format!("{}-{}", self.attempt, self.made), at.unwrap_or(self.now.clone()));
        let by = UNKNOWN.to_owned();
        let began = Event::Began {
            kind,
            by,
            lease: 0,
            from,
            to: Some(to.clone()),
            plan: Vec::new(),
            overrides: Vec::new(),
            images: BTreeMap::new(),
        };
        let confirmed = Event::Confirmed {
            release: to.clone(),
            images: release.map(|release| release.contents.images.clone()).unwrap_or_default(),
            commit: release.map(|release| release.commit.clone()).unwrap_or_default(),
        };
        let detail = Some("written when the ledger was made anew".to_owned());
        let ended = Event::Ended { outcome: Outcome::Succeeded, detail, to_switch_ms: None };
        for event in [began, confirmed, ended] {
            let entry = self.entry(&attempt, at.clone(), event);
            self.ledger.entries.insert(place, entry);
            place += 1;
        }
    }

    fn entry(&mut self, attempt: &str, at: String, event: Event) -> Entry {
        let id = format!("{}-{}", self.attempt, self.made);
        self.made += 1;
        Entry { v: FORMAT, id, at, attempt: attempt.to_owned(), prev: String::new(), event }
    }

    fn say_what_is_lost(&mut self, damage: &[Damage], files: &Files) {
        let is_from_before = |entry: &&Entry| !entry.id.starts_with(&self.attempt);
        match self.ledger.entries.iter().rfind(is_from_before) {
            None => self.unknown.push("who deployed and rolled back before, and when".to_owned()),
            Some(last) if damage.iter().any(Damage::hides_the_end) => {
                self.unknown.push(format!("what else was done after {}", last.at));
            }
            Some(_) => {}
        }
        if damage.iter().any(|it| matches!(it, Damage::Lines(_) | Damage::Unreadable)) {
            self.unknown.push("what stood in the damaged lines, unless a copy has it".to_owned());
        }
        let takes_away = files.kept.iter().any(|kept| !kept.contracts.is_empty());
        if takes_away && self.ledger.contracts().is_empty() {
            let what = "which releases can't serve on the database since a migration took something away";
            self.unknown.push(what.to_owned());
        }
    }

    fn noted(mut self, by: &str) -> Draft {
        let what = format!("the ledger was made anew by {by}; not known: {}", self.unknown.join("; "));
        let entry = self.entry(&self.attempt.clone(), self.now.clone(), Event::found(what));
        self.ledger.entries.push(entry);
        self
    }
}
