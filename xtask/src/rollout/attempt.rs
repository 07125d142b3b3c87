//! An attempt, from the lease to its end: what every driver does, whatever it says of it to whom.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Error, Result};

use super::host::{Holder, Holding, Host, Leasable, LeaseError, LeasedHost};
use super::journal::{Journal, attempt_id};
use super::observed::Observed;
use super::plan::{Goal, Plan, Report, Step, StepContext, Stopped, apply_all};
use super::recover::{Recovery, recover};
use super::rollback::RollbackRequest;
use super::state::ledger::{Event, IncidentMark, Outcome};
use super::state::platform::PlatformRecord;
use super::state::release::ReleaseId;

/// How often a lease is asked for that somebody else has.
const LEASE_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// An attempt under the lease.
pub struct Attempt<'a> {
    leased: &'a dyn LeasedHost,
    journal: Journal<'a>,
    by: String,
    began: Duration,
    /// What was left by others and is settled now.
    pub settled: Recovery,
}

/// A plan whose steps all succeeded.
#[derive(Debug)]
pub struct Completed {
    /// How long it took until users had the release.
    pub to_switch: Option<Duration>,
    /// The same until it could not be taken back any more.
    pub to_confirm: Option<Duration>,
    /// The same until everything was over.
    pub took: Duration,
    /// Why its end could not be written down: it is made all the same.
    pub unwritten: Option<Error>,
}

/// Why a plan did not complete.
#[derive(Debug)]
pub enum AttemptError {
    /// It could not even be written down that it begins.
    Unwritten(Error),
    /// A step failed.
    Stopped(Stopped),
}

/// How long the lease of a driver that died is waited for: it is free 20 s after that driver was last heard of, and once what it
/// had begun has ended.
const DEATH_TIMEOUT: Duration = Duration::from_secs(40);

/// Takes the lease, or waits for it; `waiting` is called with the holder's description whenever that changes. With no time to wait,
/// it asks once.
pub fn take_lease<'h, H: Leasable>(
    host: &'h H,
    holder: &Holder,
    wait: Option<Duration>,
    waiting: &mut dyn FnMut(&str),
) -> Result<H::Leased<'h>, LeaseError> {
    let began = host.clock();
    loop {
        let held = match host.lease(holder) {
            Err(LeaseError::Held(held)) if held.is_ending => held,
            Err(LeaseError::Held(held)) => {
                Holding { by: format!("{}{}", held.by, step_of_other(host)), ..held }
            }
            taken => return taken,
        };
        // Who has died is waited for without being asked to.
        let patience = if held.is_ending { DEATH_TIMEOUT } else { Duration::ZERO };
        if host.clock() - began >= wait.unwrap_or_default().max(patience) {
            return Err(LeaseError::Held(held));
        }
        waiting(&held.by);
        host.pause(LEASE_RETRY_INTERVAL)?;
    }
}

/// Writes into the ledger what somebody does by hand, and settles nothing of what an earlier driver left: whoever looks into a
/// database in the night must not undo a deploy by that.
pub fn note_without_attempt(
    leased: &dyn LeasedHost,
    by: String,
    what: &str,
    why: Option<&str>,
) -> Result<()> {
    let (now, ledger) = (leased.host().now(), leased.host().ledger()?);
    let journal = Journal::new(leased, attempt_id(now, &leased.number().to_string()), &ledger);
    journal.write(Event::by_hand(what.to_owned(), by, why.unwrap_or_default().to_owned()))
}

/// What the one who has the lease is doing right now, as far as the ledger tells.
fn step_of_other(host: &dyn Host) -> String {
    let unfinished = host.ledger().ok().and_then(|ledger| ledger.unfinished());
    match unfinished.and_then(|attempt| attempt.step) {
        Some((step, Some(until))) => format!("; at the step '{step}', and over by {until} at the latest"),
        Some((step, None)) => format!("; at the step '{step}'"),
        None => String::new(),
    }
}

impl<'a> Attempt<'a> {
    /// Finishes or undoes what a killed attempt left, before anything of its own.
    pub fn begin(leased: &'a dyn LeasedHost, by: String) -> Result<Attempt<'a>> {
        // The times of an attempt are its own, and not those of whom it waited for.
        let (began, now) = (leased.host().clock(), leased.host().now());
        let files = leased.host().files()?;
        let journal = Journal::new(leased, attempt_id(now, &leased.number().to_string()), &files.ledger);
        let settled = recover(leased, files, &journal);
        let settled = settled.context("settling what an earlier attempt left")?;
        Ok(Attempt { leased, journal, by, began, settled })
    }

    /// Its id, as the ledger has it.
    pub fn id(&self) -> &str {
        &self.journal.attempt
    }

    /// Who makes it.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// How long it has been under way.
    pub fn took(&self) -> Duration {
        self.leased.host().clock() - self.began
    }

    /// Whether what somebody asks for was done before the lease was there, or by settling what was left: to go on would be
    /// one step too far. Without a word that is to take back the release `rollback_suspect`. That they were told is written
    /// down: who says it again means it.
    pub fn already_rolled_back(
        &self,
        back: &RollbackRequest,
        rollback_suspect: Option<&ReleaseId>,
        seen: &Observed,
    ) -> Result<bool> {
        let (live, rolled_back) = (seen.traffic.active.as_ref(), self.settled.rolled_back);
        let is_done = match back.to {
            Some(to) => rolled_back && live.is_some_and(|live| live.as_str() == to),
            None => rolled_back || live != rollback_suspect,
        };
        if is_done {
            self.note(&format!("a rollback by {} came after what it asked for", self.by))?;
        }
        Ok(is_done)
    }

    /// Writes into the ledger what was done without a plan.
    pub fn note(&self, what: &str) -> Result<()> {
        self.journal.write(Event::found(what.to_owned()))
    }

    /// Writes down what the platform is made of now.
    pub fn note_platform(&self, record: PlatformRecord) -> Result<()> {
        self.journal.write(Event::Platform(record))
    }

    /// Writes into the ledger what this driver's user did by hand, and why.
    pub fn note_done(&self, what: &str, why: Option<&str>) -> Result<()> {
        let why = why.unwrap_or_default().to_owned();
        self.journal.write(Event::by_hand(what.to_owned(), self.by.clone(), why))
    }

    /// Writes into the ledger that an incident has begun, or is over.
    pub fn note_incident(&self, what: &str, why: Option<&str>, incident: IncidentMark) -> Result<()> {
        let (what, by, why) = (what.to_owned(), self.by.clone(), why.unwrap_or_default().to_owned());
        self.journal.write(Event::Noted { what, by, why, incident: Some(incident) })
    }

    /// Takes a step without which no plan can be made yet, with everything in the ledger: the plan comes behind it, in the same
    /// attempt.
    pub fn run_ahead(
        &self,
        goal: &Goal,
        step: &dyn Step,
        overrides: Vec<String>,
        report: &dyn Report,
    ) -> Result<(), AttemptError> {
        let names = vec![step.name().to_owned()];
        self.journal
            .write(self.began(goal, names, overrides, BTreeMap::new()))
            .map_err(AttemptError::Unwritten)?;
        apply_all(&[step], &self.of(report)).map_err(AttemptError::Stopped)
    }

    /// Runs the plan, with everything in the ledger.
    pub fn run(
        &self,
        plan: &Plan,
        overrides: Vec<String>,
        report: &dyn Report,
    ) -> Result<Completed, AttemptError> {
        let began = self.began(&plan.goal, plan.names(), overrides, plan.watched.clone());
        self.journal.write(began).map_err(AttemptError::Unwritten)?;
        let (host, context) = (self.leased.host(), self.of(report));
        let counts = plan.is_watched().then(|| host.edge_counts().ok()).flatten();
        context.counts_before.set(counts.map(|counts| (host.clock(), counts)));
        plan.run(&context).map_err(AttemptError::Stopped)?;
        let (to_switch, to_confirm, took) = (context.to_switch.get(), context.to_confirm.get(), self.took());
        let to_switch_ms = to_switch.and_then(|time| time.as_millis().try_into().ok());
        let ended = Event::Ended { outcome: Outcome::Succeeded, detail: None, to_switch_ms };
        // It is made, whatever becomes of this line: to call it failed would have people undo what works.
        let unwritten = host.shielded(|| self.journal.write(ended)).err();
        Ok(Completed { to_switch, to_confirm, took, unwritten })
    }

    fn began(
        &self,
        goal: &Goal,
        plan: Vec<String>,
        overrides: Vec<String>,
        images: BTreeMap<String, String>,
    ) -> Event {
        let (Goal { kind, from, to }, lease) = (goal.clone(), self.leased.number());
        Event::Began { kind, by: self.by.clone(), lease, from, to, plan, overrides, images }
    }

    fn of<'r>(&'r self, report: &'r dyn Report) -> StepContext<'r> {
        StepContext {
            host: self.leased.host(),
            leased: self.leased,
            journal: &self.journal,
            report,
            began: self.began,
            to_switch: Cell::new(None),
            to_confirm: Cell::new(None),
            counts_before: Cell::new(None),
        }
    }
}
