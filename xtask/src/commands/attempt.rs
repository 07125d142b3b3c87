//! What every verb that changes an environment does the same way: it takes the lease, settles what a killed attempt
//! left, runs a plan, and says what state things are in.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;

use super::steps::{Over, Progress};
use super::tell::{News, State, Teller};
use super::{Exit, Failure};
use crate::project;
use crate::rollout::guard::written;
use crate::rollout::host::{Holder, Host, Lease, LeaseError};
use crate::rollout::journal::{Journal, attempt_id, timestamp};
use crate::rollout::ledger::{Event, Kind, Outcome};
use crate::rollout::machine::Machine;
use crate::rollout::plan::{Plan, Run, Stopped};
use crate::rollout::recover::recover;
use crate::rollout::release::ReleaseId;
use crate::terminal::{self, paint};
use crate::tools::process::{driver_mark, is_interrupt};
use crate::tools::{git, interrupt};

/// With fewer bytes free, a disk is full.
const FULL: u64 = 4 << 20;
/// How often a lease is asked for that somebody else has.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// An attempt under the lease.
pub struct Attempt<'a> {
    machine: &'a Machine,
    lease: Box<dyn Lease>,
    journal: Journal<'a>,
    began: Instant,
    settled: Vec<String>,
}

/// The option of every verb that changes an environment.
#[derive(Debug, Clone, Copy, Args)]
pub struct Patience {
    /// When somebody else holds the lease, wait for it: --wait, or for so long at most: --wait=5m
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30m",
          value_parser = humantime::parse_duration)]
    wait: Option<Duration>,
}

/// How long a plan took, from its beginning.
#[derive(Debug, Default)]
pub struct Times {
    /// Until users had the release.
    pub to_switch: Option<Duration>,
    /// Until it could not be taken back any more.
    pub to_confirm: Option<Duration>,
    /// Until the releases before had ended what they had, and everything was over.
    pub to_retire: Duration,
    /// What each step took.
    pub steps: Vec<Over>,
}

impl<'a> Attempt<'a> {
    /// Takes the lease of the environment, and finishes or undoes what a killed attempt left.
    pub fn begin(machine: &'a Machine, doing: String, patience: Patience) -> Result<Attempt<'a>> {
        let lease = take_lease(machine, doing, patience)?;
        // The times of an attempt are its own, and not those of whom it waited for.
        let (began, now) = (Instant::now(), machine.now());
        let ledger = machine.ledger()?;
        let journal = Journal::new(machine, attempt_id(now, driver_mark()), &ledger);
        let settled = recover(machine, &ledger, &journal, lease.as_ref());
        let settled = settled.context("settling what an earlier attempt left")?;
        settled.iter().for_each(|line| terminal::note(paint::warn(line)));
        Ok(Attempt { machine, lease, journal, began, settled })
    }

    /// Writes into the ledger what was done without a plan.
    pub fn note(&self, what: &str) -> Result<()> {
        self.journal.write(Event::Noted { what: what.to_owned() })
    }

    /// What was left by others and is settled now, in words.
    pub fn settled(&self) -> &[String] {
        &self.settled
    }

    /// The number of its lease.
    pub fn lease_number(&self) -> u64 {
        self.lease.number()
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
        let news = |state| self.news(kind, from, to, state);
        let teller =
            if self.machine.environment().is_here() { Teller::silent() } else { Teller::of_process() };
        teller.tell(|| news(State::Started));
        let result = self.run_plan(kind, from, to, plan, overrides);
        teller.tell(|| match &result {
            Ok(_) => news(State::Succeeded { took: self.began.elapsed() }),
            Err(error) => news(State::Failed { why: format!("{error:#}") }),
        });
        result
    }

    fn news(&self, kind: Kind, from: Option<&ReleaseId>, to: Option<&ReleaseId>, state: State) -> News {
        // What can't be found out is not told.
        let kept = self.machine.kept().unwrap_or_default();
        let commit = |id: Option<&ReleaseId>| {
            kept.iter().find(|release| Some(&release.id) == id).map(|it| it.commit.clone())
        };
        let commits =
            commit(from).zip(commit(to)).map(|(from, to)| git::commits_between(project::root(), &from, &to));
        News {
            environment: self.machine.environment().name.clone(),
            kind: kind.to_string(),
            state,
            release: written(to).to_owned(),
            by: who(),
            url: self.machine.url().unwrap_or_default(),
            commits: commits.and_then(Result::ok).unwrap_or_default(),
        }
    }

    fn run_plan(
        &self,
        kind: Kind,
        from: Option<&ReleaseId>,
        to: Option<&ReleaseId>,
        plan: &Plan,
        overrides: Vec<String>,
    ) -> Result<Times> {
        let began = self.journal.write(Event::Began {
            kind,
            by: who(),
            lease: self.lease.number(),
            from: from.cloned(),
            to: to.cloned(),
            plan: plan.names(),
            overrides,
        });
        began.map_err(|error| match self.disk_if_full() {
            Some(why) => error.context(why),
            None => error,
        })?;
        let progress = Progress::of(plan);
        let run = Run {
            host: self.machine,
            lease: self.lease.as_ref(),
            journal: &self.journal,
            report: &progress,
            began: self.began,
            to_switch: Cell::new(None),
            to_confirm: Cell::new(None),
            counts_before: Cell::new(plan.is_watched().then(|| self.machine.edge_counts().ok()).flatten()),
        };
        plan.run(&run).map_err(|stopped| self.explain(kind, to, stopped))?;
        let (to_switch, to_confirm) = (run.to_switch.get(), run.to_confirm.get());
        let times =
            Times { to_switch, to_confirm, to_retire: self.began.elapsed(), steps: progress.into_list() };
        let to_switch_ms = times.to_switch.and_then(|time| time.as_millis().try_into().ok());
        let ended = Event::Ended { outcome: Outcome::Succeeded, detail: None, to_switch_ms };
        // It is made, whatever becomes of this line: to call it failed would have people undo what works.
        if let Err(error) = interrupt::shielded(|| self.journal.write(ended)) {
            let to = to.map_or(String::new(), |to| format!(": {to} has the traffic for good"));
            terminal::warn(format_args!(
                "the {kind} is made{to}, but its end could not be written down: {error:#}\n  The next command settles the rest."
            ));
        }
        Ok(times)
    }

    fn explain(&self, kind: Kind, to: Option<&ReleaseId>, stopped: Stopped) -> anyhow::Error {
        let Stopped { step, cause, mut left, stays } = stopped;
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
        let disk = self.disk_if_full().map(|why| format!("\n  Besides, {why}.")).unwrap_or_default();
        let what = format!("the {kind}{of} failed at '{step}': {cause:#}{disk}");
        let stays = match stays.as_slice() {
            [] => String::new(),
            some => format!("\n  What stays, by intent: {}.", some.join("; ")),
        };
        // The ledger's lines, each with the same reason.
        left.dedup();
        if left.is_empty() {
            let exit = if interrupted { Exit::Interrupted } else { Exit::Undone };
            let message = format!("{what}\n  Now: everything that it had begun is undone; {serves}.{stays}");
            return Failure { exit, message }.into();
        }
        let left = left.join("\n    ");
        let message = format!(
            "{what}\n  Now: {serves}, but not everything could be undone:\n    {left}{stays}\n  Mend what these lines name, then run \
             the command again: it settles what is left before it begins. `cargo xtask status --env {environment}` shows \
             what runs."
        );
        Failure { exit: Exit::NotUndone, message }.into()
    }

    /// What to say of the disk when nothing can be written there any more: programs only call it an I/O error.
    fn disk_if_full(&self) -> Option<String> {
        let free = interrupt::shielded(|| self.machine.free_disk()).ok()?;
        let (root, mib) = (self.machine.root(), free >> 20);
        (free < FULL).then(|| {
            format!("the disk under {root} has {mib} MiB free: free some, or everything there fails")
        })
    }
}

/// Takes the lease, or waits for it, saying for whom.
fn take_lease(machine: &Machine, doing: String, patience: Patience) -> Result<Box<dyn Lease>> {
    let environment = &machine.environment().name;
    let holder = Holder { by: who(), doing, since: timestamp(machine.now()) };
    let (began, mut said) = (Instant::now(), String::new());
    loop {
        let words = match machine.lease(&holder) {
            Ok(lease) => return Ok(lease),
            Err(LeaseError::Held(by)) => {
                format!("{environment} is being changed by {by}{}", step_of_other(machine))
            }
            Err(LeaseError::Other(error)) => {
                return Err(error.context(format!("taking the lease of {environment}")));
            }
        };
        if patience.wait.is_none_or(|wait| began.elapsed() >= wait) {
            let message = format!("{words}\n  Nothing was changed. `--wait` waits for it.");
            return Err(Failure { exit: Exit::LeaseHeld, message }.into());
        }
        if words != said {
            terminal::note(paint::dim(format_args!("  waiting: {words}")));
            said = words;
        }
        machine.pause(ASK_AGAIN)?;
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
