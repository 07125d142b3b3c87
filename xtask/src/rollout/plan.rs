//! A plan: steps as data, run in order with a journal, undone backwards when one fails.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Error, Result};

use super::edge_counts::EdgeCounts;
use super::host::{Host, LeasedHost};
use super::journal::{Journal, timestamp};
use super::state::ledger::{Event, Kind, Outcome, StepState};
use super::state::release::ReleaseId;

/// One step of a rollout.
pub trait Step {
    /// One word, as in the ledger.
    fn name(&self) -> &'static str;
    /// What it will touch, for `--plan`.
    fn describe(&self) -> String;
    /// The longest that it may take.
    fn timeout(&self) -> Duration;
    /// Does it. May have been done before, wholly or in part.
    fn apply(&self, context: &StepContext) -> Result<()>;
    /// Undoes it, also when it was done only in part, or not at all. `cause` is why the attempt failed.
    fn revert(&self, _context: &StepContext, _cause: &Error) -> Result<()> {
        Ok(())
    }
    /// Whether that does something: else it is not called undone.
    fn has_way_back(&self) -> bool {
        false
    }
    /// What of it is there for good although the attempt is undone, in words; nothing for most. It was done, or a part of it.
    fn stays(&self, _context: &StepContext) -> Option<String> {
        None
    }
    /// Whether it compares the edge's numbers with those from before the attempt.
    fn is_watching(&self) -> bool {
        false
    }
    /// What goes wrong in tidying up is a warning: it neither stops nor undoes the attempt.
    fn is_tidying(&self) -> bool {
        false
    }
}

/// What a plan is for, as the ledger has it.
#[derive(Debug, Clone)]
pub struct Goal {
    /// Which verb's.
    pub kind: Kind,
    /// The release that has the traffic.
    pub from: Option<ReleaseId>,
    /// The release that is to have it.
    pub to: Option<ReleaseId>,
}

/// The steps of one attempt, in order.
pub struct Plan {
    /// What they are for.
    pub goal: Goal,
    /// The images of the release that it watches; none where it watches none.
    pub watched: BTreeMap<String, String>,
    steps: Vec<Box<dyn Step>>,
    /// Why a step that one might expect is not needed.
    pub not_needed: Vec<String>,
}

impl Plan {
    /// Without a step yet.
    pub fn to(goal: Goal) -> Plan {
        Plan { goal, watched: BTreeMap::new(), steps: Vec::new(), not_needed: Vec::new() }
    }

    /// It watches a release that is made of these.
    pub fn watching(self, images: BTreeMap<String, String>) -> Plan {
        Plan { watched: images, ..self }
    }

    /// Adds a step.
    pub fn then(mut self, step: impl Step + 'static) -> Plan {
        self.steps.push(Box::new(step));
        self
    }

    /// Adds what `more` adds, or the reason why it is not needed.
    pub fn when(mut self, needed: bool, otherwise: &str, more: impl FnOnce(Plan) -> Plan) -> Plan {
        if needed {
            return more(self);
        }
        self.not_needed.push(otherwise.to_owned());
        self
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Box<dyn Step>] {
        &self.steps
    }

    /// Whether one of them compares the edge's numbers with those from before.
    pub fn is_watched(&self) -> bool {
        self.steps.iter().any(|step| step.is_watching())
    }

    /// Their names, in order.
    pub fn names(&self) -> Vec<String> {
        self.steps.iter().map(|step| step.name().to_owned()).collect()
    }
}

/// What a running plan's steps see of it.
pub struct StepContext<'a> {
    /// The host, to look at.
    pub host: &'a dyn Host,
    /// The same, to change.
    pub leased: &'a dyn LeasedHost,
    /// Writes this attempt's ledger entries.
    pub journal: &'a Journal<'a>,
    /// Told what happens, as it happens.
    pub report: &'a dyn Report,
    /// When the attempt began, by the host's clock.
    pub began: Duration,
    /// When users had the release, counted from the beginning.
    pub to_switch: Cell<Option<Duration>>,
    /// When it was confirmed, counted from the beginning.
    pub to_confirm: Cell<Option<Duration>>,
    /// The edge's numbers when the attempt began, and when that was by the host's clock: what the watch compares with.
    pub counts_before: Cell<Option<(Duration, EdgeCounts)>>,
}

impl StepContext<'_> {
    /// How long the attempt has been under way.
    pub fn took(&self) -> Duration {
        self.host.clock() - self.began
    }
}

/// Who is told what happens, as it happens.
pub trait Report {
    /// A step is about to be applied.
    fn begun(&self, step: &dyn Step);
    /// The step was applied.
    fn done(&self, step: &dyn Step);
    /// The step failed; what was begun is reverted next.
    fn failed(&self, step: &dyn Step);
    /// A step is undone.
    fn reverted(&self, step: &dyn Step, result: &Result<()>);
    /// What a step has to say while it runs.
    fn says(&self, line: &str);
    /// A step went wrong without stopping the attempt.
    fn warns(&self, step: &dyn Step, line: &str);
}

/// Why a plan stopped, and what state things are in now.
#[derive(Debug)]
pub struct Stopped {
    /// The step that failed.
    pub step: &'static str,
    /// Why.
    pub cause: Error,
    /// Steps that could not be undone, and why: empty when everything is undone.
    pub left: Vec<String>,
    /// What stays by intent of what was begun: migrations, since those before them work with them.
    pub stays: Vec<String>,
}

impl Plan {
    /// Applies the steps in order. When one fails, it and those before it are undone, the last one first.
    pub fn run(&self, context: &StepContext) -> Result<(), Stopped> {
        let steps: Vec<&dyn Step> = self.steps.iter().map(AsRef::as_ref).collect();
        apply_all(&steps, context)
    }
}

/// See [`Plan::run`].
pub(super) fn apply_all(steps: &[&dyn Step], context: &StepContext) -> Result<(), Stopped> {
    for (number, step) in steps.iter().enumerate() {
        let until = context.host.now() + steps[number..].iter().map(|step| step.timeout()).sum::<Duration>();
        context.report.begun(*step);
        match apply(*step, context, timestamp(until)) {
            Ok(()) => context.report.done(*step),
            Err(cause) if step.is_tidying() => {
                context.report.warns(*step, &format!("{}: {cause:#}", step.name()))
            }
            Err(cause) => {
                context.report.failed(*step);
                let (left, stays) = match context.leased.check() {
                    Ok(()) => context.host.shielded(|| {
                        let stays = steps[..=number].iter().filter_map(|step| step.stays(context));
                        (undo(&steps[..=number], context, &cause), stays.collect())
                    }),
                    // Somebody else may be at work already, perhaps with the same release.
                    Err(lost) => {
                        let left = format!("{lost:#}: whoever takes the lease next settles what is left");
                        (vec![left], Vec::new())
                    }
                };
                return Err(Stopped { step: step.name(), cause, left, stays });
            }
        }
    }
    Ok(())
}

/// Undoes the steps backwards, of which the last one has failed, and says which could not be undone.
fn undo(steps: &[&dyn Step], context: &StepContext, cause: &Error) -> Vec<String> {
    let Some(failed) = steps.last() else { return Vec::new() };
    let mut left = Vec::new();
    let write = |event| {
        // The ledger is told when it can be; not being able to write it must not stop the undoing.
        context.journal.write(event).err().map(|error| format!("ledger: {error:#}"))
    };
    left.extend(write(step_event(*failed, StepState::Failed, Some(format!("{cause:#}")))));
    for step in steps.iter().rev() {
        let result = step.revert(context, cause);
        if step.has_way_back() || result.is_err() {
            context.report.reverted(*step, &result);
        }
        let state = if result.is_ok() { StepState::Reverted } else { StepState::RevertFailed };
        let detail = result.err().map(|error| format!("{error:#}"));
        left.extend(detail.as_ref().map(|detail| format!("{}: {detail}", step.name())));
        left.extend(write(step_event(*step, state, detail)));
    }
    let outcome = if left.is_empty() { Outcome::Undone } else { Outcome::NotUndone };
    let detail = Some(format!("{}: {cause:#}", failed.name()));
    left.extend(write(Event::Ended { outcome, detail, to_switch_ms: None }));
    left
}

fn apply(step: &dyn Step, context: &StepContext, until: String) -> Result<()> {
    context.host.check_interrupt()?;
    context.leased.check().context("the lease was lost, and nothing may be changed without it")?;
    let begun = Event::Step {
        step: step.name().to_owned(),
        state: StepState::Begun,
        detail: None,
        until: Some(until),
    };
    context.journal.write(begun)?;
    step.apply(context)?;
    // Right behind it comes the next step's beginning, or the end. Whether the ledger can still be written is their question:
    // what is done is not to be undone for the want of a line.
    context.journal.write_with_next(step_event(step, StepState::Done, None));
    Ok(())
}

fn step_event(step: &dyn Step, state: StepState, detail: Option<String>) -> Event {
    Event::Step { step: step.name().to_owned(), state, detail, until: None }
}
