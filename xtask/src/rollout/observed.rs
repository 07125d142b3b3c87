//! What is seen of a host, and what follows from it: who is ready, what is pending, what nobody needs any more.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::host::{Files, Host, Part};
use super::journal::since;
use super::state::contract::Contract;
use super::state::guard::Traffic;
use super::state::history::Applied;
use super::state::ledger::damage::Damage;
use super::state::ledger::{Event, Kind, Ledger, Outcome, RecordedAttempt};
use super::state::release::{BrokenRelease, Release, ReleaseId};
use crate::rollout::limits::Limits;

/// Who sees a bad release and types a rollback needs no longer than that: meanwhile the watch may have undone it.
const RECENT: Duration = Duration::from_secs(300);

/// What is seen of a host.
#[derive(Debug)]
pub struct Observed {
    /// The live folder.
    pub traffic: Traffic,
    /// The ledger.
    pub ledger: Ledger,
    /// The releases that are kept whole.
    pub kept: Vec<Release>,
    /// What is kept of others, and can't be used.
    pub broken: Vec<BrokenRelease>,
    /// The containers of all releases.
    pub parts: Vec<Part>,
    /// The migrations that the database has.
    pub schema: Applied,
    /// The engine was not asked: there are no parts, and the database is taken to have all that ever took something away.
    pub is_engine_silent: bool,
    /// Kept releases of which an image is gone, and can't be pulled again; empty where nobody has looked.
    pub images_gone: BTreeSet<ReleaseId>,
}

impl From<Files> for Observed {
    /// The files alone: who has the traffic, what was, what is kept. Enough to refuse a wrong word.
    fn from(Files { traffic, ledger, kept, broken }: Files) -> Observed {
        Observed {
            traffic,
            ledger,
            kept,
            broken,
            parts: Vec::new(),
            schema: Applied::new(),
            is_engine_silent: false,
            images_gone: BTreeSet::new(),
        }
    }
}

/// What there is of a release before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing, or what has stopped, or what is warm.
    Idle,
    /// A part of it runs that may be about to stop: then it has stopped before it starts.
    Stopping,
    /// It has the traffic, and a part of it is not well.
    Live,
}

impl Observed {
    /// What is wrong with the ledger.
    pub fn damage(&self) -> Vec<Damage> {
        self.ledger.damage(&self.traffic, &self.kept)
    }

    /// Looks at everything.
    pub fn of(host: &dyn Host) -> Result<Observed> {
        Observed::beyond(host.files()?, host)
    }

    /// Looks at everything beyond the files, which were looked at already.
    pub fn beyond(files: Files, host: &dyn Host) -> Result<Observed> {
        Ok(Observed { parts: host.parts()?, schema: host.schema()?, ..files.into() })
    }

    /// Looks at everything, for somebody who wants to know: a database that does not answer hides nothing else. Then no
    /// migration is seen, and `silent` is told why.
    pub fn for_looking(host: &dyn Host, silent: impl FnOnce(anyhow::Error)) -> Result<Observed> {
        let schema = host.schema().unwrap_or_else(|why| {
            silent(why);
            Applied::new()
        });
        Ok(Observed { parts: host.parts()?, schema, ..host.files()?.into() })
    }

    /// Looks at everything but the database: one that does not answer can be stopped, too.
    pub fn without_database(files: Files, host: &dyn Host) -> Result<Observed> {
        Ok(Observed { parts: host.parts()?, ..files.into() })
    }

    /// Looks at what a rollback needs: the database is not asked for its migrations unless one has ever taken something
    /// away, since that question alone takes as long as the rest. Without the engine, the files are all there is.
    pub fn of_rollback(files: Files, host: &dyn Host) -> Result<Observed> {
        if !host.engine_answers() {
            let contracts = files.ledger.contracts();
            let schema = contracts.into_keys().map(|version| (version, String::new())).collect();
            return Ok(Observed { schema, is_engine_silent: true, ..files.into() });
        }
        let seen = Observed::without_database(files, host)?;
        let asks = !seen.ledger.contracts().is_empty();
        Ok(Observed { schema: if asks { host.schema()? } else { Applied::new() }, ..seen })
    }

    /// What a rollback to this release goes without because the engine does not answer, in words.
    pub fn unchecked(&self, to: &ReleaseId) -> Vec<String> {
        if !self.is_engine_silent {
            return Vec::new();
        }
        let mut unchecked = vec![
            format!("whether each part of {to} is well: users' own way was asked, right behind the switch"),
            "whether anything else runs that ought to be stopped: the next deploy stops it".to_owned(),
        ];
        if !self.schema.is_empty() {
            let taken = "which migrations the database has: by the ledger, none has taken away what it uses";
            unchecked.push(taken.to_owned());
        }
        unchecked
    }

    /// Whether the release has the traffic, for good, and is well: a deploy of it has nothing to do.
    pub fn is_settled(host: &dyn Host, release: &Release) -> Result<bool> {
        let live = host.live()?;
        if live.active.as_ref() != Some(&release.id) || live.guard.is_some() {
            return Ok(false);
        }
        let seen = Observed::of(host)?;
        // One that was started a moment ago has not been checked yet: then it is asked, as the step `ready` does.
        let is_well = || seen.is_ready(release) || (seen.is_up(release) && host.check_ready(release).is_ok());
        Ok(seen.ledger.expected_active().as_ref() == Some(&release.id)
            && seen.ledger.unfinished().is_none()
            && is_well())
    }

    /// Migrations that the release carries and the database does not have.
    pub fn pending(&self, release: &Release) -> Vec<i64> {
        release.migrations.iter().filter(|version| !self.schema.contains_key(version)).copied().collect()
    }

    /// What the release can't work without and the database does not have. That something is still there which a contract
    /// would take away harms nobody.
    pub fn lacking(&self, release: &Release) -> Vec<i64> {
        let pending = self.pending(release).into_iter();
        pending.filter(|version| !release.contracts.contains_key(version)).collect()
    }

    /// The pending migrations that take something away, each with the kept releases that still use it: those that
    /// `predates` the commit from which on nothing does.
    pub fn contracts(&self, release: &Release, predates: impl Fn(&Release, &str) -> bool) -> Vec<Contract> {
        let pending = self.pending(release);
        let contracts = release.contracts.iter().filter(|(version, _)| pending.contains(version));
        contracts
            .map(|(version, since)| {
                let others = self.kept.iter().filter(|kept| kept.id != release.id);
                let shut = others.filter(|kept| predates(kept, since)).map(|kept| kept.id.clone());
                Contract {
                    migration: *version,
                    unused_since: since.clone(),
                    incompatible_with: shut.collect(),
                }
            })
            .collect()
    }

    /// The migrations, newest first, that took away what this release still uses: it can't serve before they are undone.
    pub fn incompatible_with(&self, id: &ReleaseId) -> Vec<i64> {
        let contracts = self.ledger.contracts();
        let shut = contracts.values().rev().filter(|it| it.incompatible_with.contains(id));
        shut.map(|contract| contract.migration).filter(|version| self.schema.contains_key(version)).collect()
    }

    /// The newest kept release whose images carry all of these migrations, and so their way back.
    pub fn carrier(&self, versions: &[i64]) -> Option<&Release> {
        let carries = |release: &&Release| versions.iter().all(|it| release.migrations.contains(it));
        self.kept.iter().filter(carries).max_by(|a, b| a.id.cmp(&b.id))
    }

    /// Whether all of the release's containers run and pass their checks.
    pub fn is_ready(&self, release: &Release) -> bool {
        self.has_all(release, Part::is_ready)
    }

    /// Whether all of the release's containers run, and no check says otherwise.
    pub fn is_up(&self, release: &Release) -> bool {
        self.has_all(release, Part::is_up)
    }

    fn has_all(&self, release: &Release, is_so: impl Fn(&Part) -> bool) -> bool {
        let is_part = |part: &Part, service: &String| part.release == release.id && &part.service == service;
        let has = |service| self.parts.iter().any(|part| is_part(part, service) && is_so(part));
        release.contents.images.keys().all(has)
    }

    /// Whether it is ready, and nobody has asked the host to stop it.
    pub(super) fn is_warm(&self, release: &Release) -> bool {
        self.traffic.holds(&release.id) && self.is_ready(release)
    }

    /// What there is of a release that has not the traffic. One that runs without being warm may be about to stop: an
    /// earlier driver's stop may still be on its way through the engine.
    pub(super) fn before(&self, release: &Release) -> Before {
        let runs_unasked = !self.traffic.holds(&release.id) && self.running().contains(&release.id);
        if runs_unasked { Before::Stopping } else { Before::Idle }
    }

    /// The release that has the traffic, when it is kept.
    pub fn active_release(&self) -> Option<&Release> {
        self.kept.iter().find(|release| Some(&release.id) == self.traffic.active.as_ref())
    }

    pub(super) fn kept_release(&self, id: Option<&ReleaseId>) -> Option<Release> {
        self.kept.iter().find(|release| Some(&release.id) == id).cloned()
    }

    /// Releases with a container that is not stopped.
    pub fn running(&self) -> BTreeSet<ReleaseId> {
        self.parts.iter().filter(|part| part.is_running()).map(|part| part.release.clone()).collect()
    }

    /// Where a rollback goes that names no release: the newest confirmed one that is kept whole, has not the traffic,
    /// was not taken back, and got ready when it was last tried.
    pub fn rollback_target(&self) -> Option<ReleaseId> {
        self.ways_back().find(|(_, unfit)| unfit.is_none()).map(|(id, _)| id)
    }

    /// Those that would be newer than that target and are not fit for it, each with the reason.
    pub fn passed_over(&self) -> Vec<(ReleaseId, String)> {
        self.ways_back().map_while(|(id, unfit)| Some((id, unfit?))).collect()
    }

    /// The releases that there is something of and that have not the traffic, the last one that was tried first, and why one is
    /// not fit to have it again.
    fn ways_back(&self) -> impl Iterator<Item = (ReleaseId, Option<String>)> {
        let (confirmed, taken_back) = (self.ledger.confirmed(), self.ledger.taken_back());
        let mut seen: BTreeSet<ReleaseId> = self.traffic.active.iter().cloned().collect();
        self.ledger.attempts().into_iter().rev().filter_map(move |attempt| {
            let (id, is_confirmed) = (attempt.to?, attempt.confirmed);
            // That one more attempt to go back to it failed says nothing of when it had the traffic.
            if (!is_confirmed && confirmed.contains(&id)) || !seen.insert(id.clone()) {
                return None;
            }
            let broken = self.broken.iter().find(|broken| broken.id == id);
            let kept = self.kept.iter().find(|kept| kept.id == id);
            let unfit = if let Some(by) = taken_back.get(&id) {
                Some(by.how_taken_back())
            } else if let Some(broken) = broken {
                Some(format!("it is damaged: {}", broken.why))
            } else if !is_confirmed {
                let never_ready = self.ledger.never_ready(&id);
                Some(never_ready.unwrap_or_else(|| "its switch was never confirmed".to_owned()))
            } else if let Some(kept) = kept {
                self.why_not_again(kept)
            } else {
                Some("its files are gone".to_owned())
            };
            let is_there = kept.is_some() || broken.is_some() || self.traffic.holds(&id);
            is_there.then_some((id, unfit))
        })
    }

    /// Why a release that was confirmed, and is kept, would not get ready again. One that is warm and well does, whatever was.
    fn why_not_again(&self, kept: &Release) -> Option<String> {
        if self.traffic.holds(&kept.id) && (self.parts.is_empty() || self.is_ready(kept)) {
            return None;
        }
        let images_gone = self.images_gone.contains(&kept.id).then(|| "its images are gone".to_owned());
        images_gone.or_else(|| self.ledger.not_ready_again(&kept.id))
    }

    /// What somebody means to take back who asks for a rollback without a word: what has the traffic, or what a deploy
    /// has given it to that is under way, or was undone while they made up their mind.
    pub fn rollback_suspect(&self, now: SystemTime) -> Option<ReleaseId> {
        let is_behind_its_switch = |attempt: &RecordedAttempt| {
            let step = attempt.step.as_ref().map(|(step, _)| step.as_str());
            attempt.kind == Kind::Deploy && matches!(step, Some("switch" | "watch" | "confirm" | "retire"))
        };
        let is_undone_just_now = |attempt: &RecordedAttempt| {
            matches!(attempt.outcome, Some(Outcome::Undone | Outcome::UndoneByGuard))
                && self.ledger.entries.last().is_some_and(|last| {
                    matches!(last.event, Event::Ended { .. })
                        && since(&last.at, now).is_some_and(|ago| ago < RECENT)
                })
        };
        let last = self.ledger.attempts().pop().filter(is_behind_its_switch);
        match last.filter(|attempt| attempt.outcome.is_none() || is_undone_just_now(attempt)) {
            Some(attempt) => attempt.to,
            None => self.traffic.active.clone(),
        }
    }

    /// Kept releases that nobody needs any more: beyond the newest confirmed ones, and those that were never
    /// confirmed. Never the live one, the warm one, or the one that is about to be deployed.
    ///
    /// None on the word of a damaged ledger.
    pub fn superfluous(&self, limits: &Limits, deploying: &ReleaseId) -> Vec<ReleaseId> {
        let newest = self.confirmed_and_kept().into_iter().take(limits.kept_releases).collect();
        self.kept_without(newest, |id| self.traffic.holds(id) || id == deploying)
    }

    /// The same once that one has the traffic for good: then it is the newest, and the live one is warm.
    pub(super) fn superfluous_then(&self, limits: &Limits, deploying: &ReleaseId) -> Vec<ReleaseId> {
        let others = self.confirmed_and_kept().into_iter().filter(|id| id != deploying);
        let newest = others.take(limits.kept_releases.saturating_sub(1)).collect();
        self.kept_without(newest, |id| self.traffic.active.as_ref() == Some(id) || id == deploying)
    }

    fn confirmed_and_kept(&self) -> Vec<ReleaseId> {
        let mut confirmed = self.ledger.confirmed();
        confirmed.retain(|id| self.kept.iter().any(|kept| &kept.id == id));
        confirmed
    }

    fn kept_without(&self, newest: Vec<ReleaseId>, is_needed: impl Fn(&ReleaseId) -> bool) -> Vec<ReleaseId> {
        if !self.damage().is_empty() {
            return Vec::new();
        }
        let kept = self.kept.iter().map(|release| &release.id);
        let broken = self.broken.iter().map(|broken| &broken.id).filter(|id| !self.traffic.holds(id));
        kept.chain(broken).filter(|id| !newest.contains(id) && !is_needed(id)).cloned().collect()
    }

    /// Running releases that are neither of these two.
    pub(super) fn others(&self, live: &ReleaseId, warm: Option<&ReleaseId>) -> Vec<ReleaseId> {
        self.running().into_iter().filter(|id| id != live && Some(id) != warm).collect()
    }
}
