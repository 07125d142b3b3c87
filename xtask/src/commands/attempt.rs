//! What every verb that changes an environment does the same way: it takes the lease, settles what a killed attempt
//! left, runs a plan, and says what state things are in.

use std::cell::Cell;
use std::time::Instant;

use anyhow::{Context, Result};

use super::moves::{Move, Moves};
use super::{Exit, Failure};
use crate::rollout::guard::written;
use crate::rollout::host::{Holder, Host, Lease, LeaseError};
use crate::rollout::journal::{Journal, attempt_id, timestamp};
use crate::rollout::ledger::{Event, Kind, Outcome};
use crate::rollout::machine::Machine;
use crate::rollout::plan::{Plan, Run, Stopped};
use crate::rollout::recover::recover;
use crate::rollout::release::ReleaseId;
use crate::terminal::{self, paint};
use crate::tools::interrupt;
use crate::tools::process::{driver_mark, is_interrupt};

/// An attempt under the lease.
pub struct Attempt<'a> {
    machine: &'a Machine,
    lease: Box<dyn Lease>,
    journal: Journal<'a>,
    began: Instant,
}

/// How long a plan took, from its beginning.
#[derive(Debug, Default)]
pub struct Times {
    /// Until users had the release.
    pub to_switch: Option<std::time::Duration>,
    /// Until it could not be taken back any more.
    pub to_confirm: Option<std::time::Duration>,
    /// Until the releases before had ended what they had, and everything was over.
    pub to_retire: std::time::Duration,
    /// What each move took.
    pub moves: Vec<Move>,
}

impl<'a> Attempt<'a> {
    /// Takes the lease of the environment, and finishes or undoes what a killed attempt left.
    pub fn begin(machine: &'a Machine, doing: String) -> Result<Attempt<'a>> {
        let began = Instant::now();
        let now = machine.now();
        let holder = Holder { by: who(), doing, since: timestamp(now) };
        let environment = &machine.environment().name;
        let lease = machine.lease(&holder).map_err(|error| match error {
            LeaseError::Held(by) => Failure {
                exit: Exit::LeaseHeld,
                message: format!("{environment} is being changed by {by}{}", step_of_other(machine)),
            }
            .into(),
            LeaseError::Other(error) => error.context(format!("taking the lease of {environment}")),
        })?;
        let ledger = machine.ledger()?;
        let journal = Journal::new(machine, attempt_id(now, driver_mark()), &ledger);
        for line in recover(machine, &ledger, &journal).context("settling what an earlier attempt left")? {
            terminal::note(paint::warn(line));
        }
        Ok(Attempt { machine, lease, journal, began })
    }

    /// Its id, as the ledger has it.
    pub fn id(&self) -> &str {
        &self.journal.attempt
    }

    /// Runs the plan, with everything in the ledger. When it fails, the error says which step, why, and what state
    /// things are in now; the exit code says whether a person must act.
    pub fn run(
        &self,
        kind: Kind,
        from: Option<&ReleaseId>,
        to: Option<&ReleaseId>,
        plan: &Plan,
        overrides: Vec<String>,
    ) -> Result<Times> {
        self.journal.write(Event::Began {
            kind,
            by: who(),
            lease: self.lease.number(),
            from: from.cloned(),
            to: to.cloned(),
            plan: plan.names(),
            overrides,
        })?;
        let moves = Moves::of(plan);
        let run = Run {
            host: self.machine,
            lease: self.lease.as_ref(),
            journal: &self.journal,
            report: &moves,
            began: self.began,
            to_switch: Cell::new(None),
            to_confirm: Cell::new(None),
            counts_before: Cell::new(self.machine.edge_counts().ok()),
        };
        plan.run(&run).map_err(|stopped| self.explain(kind, to, stopped))?;
        let (to_switch, to_confirm) = (run.to_switch.get(), run.to_confirm.get());
        let times =
            Times { to_switch, to_confirm, to_retire: self.began.elapsed(), moves: moves.into_list() };
        let to_switch_ms = times.to_switch.and_then(|time| time.as_millis().try_into().ok());
        self.journal.write(Event::Ended { outcome: Outcome::Succeeded, detail: None, to_switch_ms })?;
        Ok(times)
    }

    fn explain(&self, kind: Kind, to: Option<&ReleaseId>, stopped: Stopped) -> anyhow::Error {
        let Stopped { step, cause, left } = stopped;
        let (interrupted, environment) = (is_interrupt(&cause), &self.machine.environment().name);
        if self.machine.is_cut_off() {
            let message = format!(
                "the {kind} stopped at '{step}': the connection to the host of {environment} is lost\n  Users are \
                 served all the same: a switch that nobody confirms is taken back by its guard at its deadline, and the \
                 lease is free 20 s after the link fell silent at the latest.\n  When the link is back, run the command \
                 again: it settles what is left before it begins. `cargo xtask status --env {environment}` shows what runs."
            );
            return Failure { exit: Exit::NotUndone, message }.into();
        }
        let live = interrupt::shielded(|| self.machine.live());
        let serves = match live.as_ref().map(|live| live.live.as_ref()) {
            Ok(Some(id)) => format!("{id} has the traffic"),
            Ok(None) => "no release has the traffic".to_owned(),
            Err(error) => format!("it can't be seen which release has the traffic: {error}"),
        };
        let of = if kind == Kind::Deploy { format!(" of {}", written(to)) } else { String::new() };
        let what = format!("the {kind}{of} failed at '{step}': {cause:#}");
        if left.is_empty() {
            let exit = if interrupted { Exit::Interrupted } else { Exit::Undone };
            let message = format!("{what}\n  Now: everything that it had begun is undone; {serves}.");
            return Failure { exit, message }.into();
        }
        let left = left.join("\n    ");
        let message = format!(
            "{what}\n  Now: {serves}, but not everything could be undone:\n    {left}\n  Mend what these lines name, then run \
             the command again: it settles what is left before it begins. `cargo xtask status --env {environment}` shows \
             what runs."
        );
        Failure { exit: Exit::NotUndone, message }.into()
    }
}

/// What the one who has the lease is doing right now, as far as the ledger tells.
fn step_of_other(machine: &Machine) -> String {
    let unfinished = machine.ledger().ok().and_then(|ledger| ledger.unfinished());
    match unfinished.and_then(|attempt| attempt.step) {
        Some((step, Some(until))) => format!("; at the step '{step}', and over by {until} at the latest"),
        Some((step, None)) => format!("; at the step '{step}'"),
        None => String::new(),
    }
}

/// User and machine, as the ledger has them: in a workflow, who started it.
pub fn who() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("GITHUB_ACTOR").or_else(|| variable("SUDO_USER")).or_else(|| variable("USER"));
    let user = user.unwrap_or_else(|| match rustix::process::getuid() {
        uid if uid.is_root() => "root".to_owned(),
        uid => format!("uid {}", uid.as_raw()),
    });
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{machine}")
}
