//! What the ledger answers: which release ought to have the traffic, which were confirmed, never ready.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Contract, Entry, Event, Kind, Ledger, MIGRATE, Outcome, PlatformRecord, RecordedAttempt, ReleaseId,
};

/// The steps by whose end a release is known to be ready; none is begun yet in an attempt that failed at once.
const UNTIL_READY: [&str; 8] = ["", "prune", "pull", "backup", "drain", "migrate", "start", "ready"];

/// Whether it has ended without having come beyond `ready`.
fn failed_until_ready(attempt: &RecordedAttempt) -> bool {
    let step = attempt.step.as_ref().map_or("", |(step, _)| step);
    !attempt.confirmed && attempt.outcome.is_some() && UNTIL_READY.contains(&step)
}

/// Its last step, and the first line of why that failed.
fn step_and_cause(attempt: &RecordedAttempt) -> Option<(&str, &str)> {
    let (step, _) = attempt.step.as_ref()?;
    let detail = attempt.detail.as_deref().unwrap_or_default();
    let cause = detail.strip_prefix(step.as_str()).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(detail);
    Some((step, cause.lines().next().unwrap_or_default()))
}

impl Ledger {
    /// The last attempt, when nothing says how it ended.
    pub fn unfinished(&self) -> Option<RecordedAttempt> {
        self.attempts().pop().filter(|attempt| attempt.outcome.is_none())
    }

    /// The release that ought to have the traffic: the last one confirmed, unless everything was taken down since.
    pub fn expected_active(&self) -> Option<ReleaseId> {
        let attempts = self.attempts();
        let last = attempts.iter().rev().find(|attempt| attempt.confirmed)?;
        if last.kind == Kind::Down { None } else { last.to.clone() }
    }

    /// Whether the last attempt was a deploy that gave this release the traffic, for good.
    pub fn was_deployed_last(&self, id: &ReleaseId) -> bool {
        let is_it = |last: RecordedAttempt| {
            last.kind == Kind::Deploy && last.confirmed && last.to.as_ref() == Some(id)
        };
        self.attempts().pop().is_some_and(is_it)
    }

    /// Why a release never got ready, when every attempt to give it the traffic failed before that.
    pub fn never_ready(&self, id: &ReleaseId) -> Option<String> {
        let attempts = self.attempts().into_iter().filter(|attempt| attempt.to.as_ref() == Some(id));
        let attempts: Vec<RecordedAttempt> = attempts.collect();
        let last = attempts.last().filter(|_| attempts.iter().all(failed_until_ready))?;
        let (step, cause) = step_and_cause(last)?;
        let why = if step == "ready" { "it never got ready" } else { "it was never started whole" };
        Some(format!("{why}, '{step}' failed: {cause}"))
    }

    /// Why the last attempt to give a release the traffic again failed before it was ready. That it was stopped, or its driver
    /// died, says nothing of the release.
    pub fn not_ready_again(&self, id: &ReleaseId) -> Option<String> {
        let last = self.attempts().into_iter().rfind(|attempt| attempt.to.as_ref() == Some(id))?;
        let (step, cause) = step_and_cause(&last).filter(|_| failed_until_ready(&last))?;
        let says_nothing = !last.detail.as_ref()?.starts_with(step) || cause.ends_with("interrupted");
        let what = if last.kind == Kind::Rollback { "rollback to" } else { "deploy of" };
        (!says_nothing).then(|| format!("the last {what} it failed at '{step}': {cause}"))
    }

    /// Releases that were confirmed, the newest first, each once.
    pub fn confirmed(&self) -> Vec<ReleaseId> {
        let mut seen = BTreeSet::new();
        let attempts = self.attempts();
        let confirmed = attempts
            .iter()
            .rev()
            .filter(|attempt| attempt.confirmed)
            .filter_map(|attempt| attempt.to.clone());
        confirmed.filter(|id| seen.insert(id.clone())).collect()
    }

    /// The commit of a release that was confirmed, and its images, as far as was written down.
    pub fn confirmed_as(&self, id: &ReleaseId) -> Option<(&str, &BTreeMap<String, String>)> {
        self.entries.iter().rev().find_map(|entry| match &entry.event {
            Event::Confirmed { release, images, commit } if release == id && !commit.is_empty() => {
                Some((commit.as_str(), images))
            }
            _ => None,
        })
    }

    /// The migrations that took something away, or were about to, as they were last written down, by version.
    pub fn contracts(&self) -> BTreeMap<i64, &Contract> {
        let contracts = self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Contract(contract) => Some((contract.migration, contract)),
            _ => None,
        });
        contracts.collect()
    }

    /// Whether an attempt that did not succeed has come as far as to migrate: what it added to the database stays.
    pub fn has_migrated_for_nothing(&self) -> bool {
        let is_migrate = |entry: &&Entry| matches!(&entry.event, Event::Step { step, .. } if step == MIGRATE);
        let succeeded = |attempt: &str| {
            let ended = |entry: &Entry| {
                entry.attempt == attempt
                    && matches!(entry.event, Event::Ended { outcome: Outcome::Succeeded, .. })
            };
            self.entries.iter().any(ended)
        };
        self.entries.iter().filter(is_migrate).any(|entry| !succeeded(&entry.attempt))
    }

    /// What the platform was made of last; nothing when that is not known.
    pub fn platform(&self) -> Option<&PlatformRecord> {
        self.platform_entry().map(|(_, record)| record).filter(|record| record.is_known())
    }

    /// Like `platform`, when an attempt has come to a good end with it since.
    pub fn proven_platform(&self) -> Option<&PlatformRecord> {
        let (at, record) = self.platform_entry().filter(|(_, record)| record.is_known())?;
        let is_good = |entry: &Entry| matches!(entry.event, Event::Ended { outcome: Outcome::Succeeded, .. });
        self.entries[at..].iter().any(is_good).then_some(record)
    }

    fn platform_entry(&self) -> Option<(usize, &PlatformRecord)> {
        self.entries.iter().enumerate().rev().find_map(|(at, entry)| match &entry.event {
            Event::Platform(record) => Some((at, record)),
            _ => None,
        })
    }
}
