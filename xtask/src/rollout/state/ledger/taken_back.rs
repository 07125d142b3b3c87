//! Which releases the traffic was taken back from because of what they are, and which are known to be right because a deploy
//! has watched them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Ledger, Outcome, RecordedAttempt, ReleaseId};

/// How the detail of a deploy begins that a person took back while it was watched, behind the step's name.
const BY_A_PERSON: &str = "rolled back by ";
/// Causes at the watch that say nothing of the release: the guard's own, and that the driver was told to stop.
const OF_THE_GUARD: &str = "the guard took the switch back";
const OF_THE_DRIVER: &str = "interrupted";

impl RecordedAttempt {
    /// Whether it watches the release that gets the traffic, so that its confirm says something of that release. A rollback does
    /// not, and neither does a deploy of what has the traffic already.
    pub fn is_watched(&self) -> bool {
        self.kind == Kind::Deploy && self.from != self.to
    }

    /// Why users had its release, and lost it again because of what it is. That a driver died or was stopped says nothing of
    /// a release.
    fn verdict(&self) -> Option<&str> {
        let is_undone = matches!(self.outcome, Some(Outcome::Undone | Outcome::UndoneByGuard));
        if !is_undone || self.confirmed || !self.is_watched() {
            return None;
        }
        let detail = self.detail.as_deref()?;
        let (step, cause) = detail.split_once(": ").unwrap_or(("", detail));
        let is_of_release =
            step == "watch" && !cause.contains(OF_THE_GUARD) && !cause.ends_with(OF_THE_DRIVER);
        // A person's word is the first cause, whichever step has met it; where the driver had died, it is all there is.
        let is_of_person = detail.starts_with(BY_A_PERSON) || cause.contains(BY_A_PERSON);
        let cause = if detail.starts_with(BY_A_PERSON) { detail } else { cause };
        (is_of_release || is_of_person).then(|| cause.lines().next().unwrap_or_default())
    }

    /// Who took the release back, when, and why, as far as is known. Of an attempt that [`Ledger::taken_back`] gave.
    pub fn how_taken_back(&self) -> String {
        match self.verdict() {
            Some(why) => {
                format!("the deploy of it by {} at {} was undone while users had it: {why}", self.by, self.at)
            }
            None => format!("{} rolled back from it at {}", self.by, self.at),
        }
    }
}

impl Ledger {
    /// Releases that were taken back, each with the attempt that did so: somebody rolled back from it and nobody gave it the
    /// traffic since, or a deploy of it was undone once users had it, and none that watched it was confirmed since.
    ///
    /// Who leaves a release for one that was taken back says nothing against the one that is left.
    pub fn taken_back(&self) -> BTreeMap<ReleaseId, RecordedAttempt> {
        let mut bad = BTreeMap::<ReleaseId, RecordedAttempt>::new();
        for attempt in self.attempts() {
            let Some(to) = attempt.to.clone() else { continue };
            if attempt.verdict().is_some() {
                bad.insert(to, attempt);
                continue;
            }
            if !attempt.confirmed {
                continue;
            }
            let was_bad = bad.get(&to).map(|by| by.kind == Kind::Rollback);
            if was_bad.is_some_and(|by_rollback| by_rollback || attempt.is_watched()) {
                bad.remove(&to);
            }
            if let (Kind::Rollback, None, Some(from)) = (attempt.kind, was_bad, attempt.from.clone()) {
                bad.entry(from).or_insert(attempt);
            }
        }
        bad
    }

    /// Whether a deploy by such an attempt was watched, and confirmed.
    pub fn has_proven(&self, is_such: impl Fn(&RecordedAttempt) -> bool) -> bool {
        self.attempts().iter().any(|attempt| attempt.confirmed && attempt.is_watched() && is_such(attempt))
    }

    /// The last attempt that took back a release of such attempts, when every one of those that users had was taken back.
    pub fn taken_back_all(&self, is_such: impl Fn(&RecordedAttempt) -> bool) -> Option<RecordedAttempt> {
        let (attempts, mut bad) = (self.attempts(), self.taken_back());
        let such = attempts.iter().filter(|attempt| is_such(attempt));
        let such: BTreeSet<&ReleaseId> = such.filter_map(|attempt| attempt.to.as_ref()).collect();
        bad.retain(|id, _| such.contains(id));
        let stayed = |attempt: &RecordedAttempt| {
            let to = attempt.to.as_ref();
            attempt.confirmed
                && attempt.is_watched()
                && to.is_some_and(|to| such.contains(to) && !bad.contains_key(to))
        };
        if attempts.iter().any(stayed) {
            return None;
        }
        let took_back = |attempt: &&RecordedAttempt| bad.values().any(|by| by.id == attempt.id);
        attempts.iter().rev().find(took_back).cloned()
    }
}
