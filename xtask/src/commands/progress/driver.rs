//! What every verb that changes an environment says the same way: whom it waits for, what was settled, how its plan went
//! and what state things are in.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;

use super::steps::{Ahead, Over, Progress};
use super::tell::{News, State, Teller};
use super::unsettled;
use crate::commands::{Exit, Failure};
use crate::host::{Leased, Machine};
use crate::project::Environment;
use crate::rollout::attempt::{Attempt, AttemptError, Completed, note_without_attempt, take_lease};
use crate::rollout::host::{Holder, Host, LeaseError};
use crate::rollout::journal::timestamp;
use crate::rollout::plan::{Goal, Plan, Step, Stopped};
use crate::rollout::state::guard::written;
use crate::rollout::state::ledger::Kind;
use crate::rollout::state::ledger::damage::Damage;
use crate::rollout::state::release::ReleaseId;
use crate::terminal::{self, Activity, paint};
use crate::tools::git;
use crate::tools::process::{interrupt, is_interrupt};
use crate::workspace;

/// With fewer bytes free, a disk is full.
const FULL: u64 = 4 << 20;

/// The option of every verb that changes an environment.
#[derive(Debug, Clone, Copy, Args)]
pub struct LockWaitArgs {
    /// When somebody else holds the lease, wait for it: --wait, or for so long at most: --wait=5m
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30m",
          value_parser = humantime::parse_duration)]
    wait: Option<Duration>,
}

/// The option of every verb by which somebody looks or reaches in by hand.
#[derive(Debug, Clone, Args)]
pub struct ReasonArgs {
    /// Why, for the ledger
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl ReasonArgs {
    /// What was given.
    pub fn text(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

impl LockWaitArgs {
    /// For somebody who wants the lease for a moment, at the end of long work of another kind.
    pub const PATIENT: LockWaitArgs = LockWaitArgs { wait: Some(Duration::from_secs(1800)) };
    /// For somebody who must not be kept waiting, as in the night.
    const HASTY: LockWaitArgs = LockWaitArgs { wait: Some(Duration::from_secs(2)) };
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

/// Takes the lease of the environment, and does nothing under it yet: [`settle`] comes first.
pub fn lease(machine: &Machine, doing: String, lock_wait: LockWaitArgs) -> Result<Leased<'_>> {
    let environment = &machine.environment().name;
    let holder = Holder { by: who(), doing, since: timestamp(machine.now()) };
    let mut said = String::new();
    let lease = take_lease(machine, &holder, lock_wait.wait, &mut |words| {
        if words != said {
            let words = format_args!("  waiting: {environment} is being changed by {words}");
            terminal::note(paint::dim(words));
        }
        words.clone_into(&mut said);
    });
    lease.map_err(|error| match error {
        LeaseError::Held(held) => {
            let by = held.by;
            let message = format!(
                "{environment} is being changed by {by}\n  Nothing was changed. `--wait` waits for it."
            );
            Failure { exit: Exit::LeaseHeld, message }.into()
        }
        LeaseError::Other(error) => error.context(format!("taking the lease of {environment}")),
    })
}

/// Writes into the ledger what somebody is about to do by hand that needs no lease. Who has the lease keeps nobody from it:
/// then it is said that it is not written down.
pub fn record(machine: &Machine, what: &str, reason: &ReasonArgs) {
    let write = || {
        let leased = lease(machine, what.to_owned(), LockWaitArgs::HASTY)?;
        note_without_attempt(&leased, who(), what, reason.text())
    };
    if let Err(error) = write() {
        terminal::warn(format_args!("the ledger does not know of it: {error:#}"));
    }
}

/// Begins an attempt under the lease that was just taken: finishes or undoes what a killed one left. While an adoption is in its
/// cut-over, nobody is served: that is undone first.
pub fn settle<'l>(leased: &'l Leased<'_>) -> Result<Attempt<'l>> {
    let undone = unsettled::undo_pauses(leased)?;
    let upgraded = leased.upgrade().settle().context("settling a change of PostgreSQL that was cut off")?;
    let is_upgraded = upgraded.is_some();
    let attempt = begin(leased, upgraded.or(undone))?;
    if is_upgraded {
        attempt.note_platform(leased.upgrade().platform_record()?)?;
    }
    Ok(attempt)
}

/// Writes into the ledger what is done under the lease that was just taken, by `work`, which needs no engine. While that does not
/// answer, what an earlier driver left stays for whoever comes when it does.
pub fn note_done(
    machine: &Machine,
    leased: &Leased<'_>,
    what: &str,
    reason: &ReasonArgs,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    unsettled::ask_engine_again(machine)?;
    if machine.engine_answers() {
        let attempt = settle(leased)?;
        work()?;
        return attempt.note_done(what, reason.text());
    }
    unsettled::undo_pauses(leased)?;
    work()?;
    note_without_attempt(leased, who(), what, reason.text())?;
    terminal::warn(
        "the container engine does not answer: whether an earlier command left something was not looked at",
    );
    Ok(())
}

/// Like [`settle`], within a cut-over of `host adopt`, which goes on: it is not undone.
pub fn settle_in_cut_over<'l>(leased: &'l Leased<'_>) -> Result<Attempt<'l>> {
    begin(leased, None)
}

fn begin<'l>(leased: &'l Leased<'_>, undone: Option<String>) -> Result<Attempt<'l>> {
    let mut attempt = Attempt::begin(leased, who())?;
    if let Some(words) = undone {
        attempt.note(&words)?;
        attempt.settled.words.push(words);
    }
    attempt.settled.words.iter().for_each(|line| terminal::note(paint::warn(line)));
    if !attempt.settled.words.is_empty() {
        tell_settled(leased.environment(), &attempt);
    }
    let damage = attempt.settled.files.damage();
    damage.iter().for_each(|damage| terminal::warn(of_ledger(damage, leased.environment())));
    Ok(attempt)
}

/// What a dead driver could not tell, whoever comes after it does. Nobody waits for that before the end: it may be a rollback.
fn tell_settled(environment: &Environment, attempt: &Attempt) {
    let teller = Teller::of(environment);
    teller.tell(|| News {
        environment: environment.name.to_string(),
        kind: "recover".to_owned(),
        state: State::Settled { what: attempt.settled.words.join("\n") },
        release: written(attempt.settled.files.traffic.active.as_ref()).to_owned(),
        by: attempt.by().to_owned(),
        url: String::new(),
        commits: Vec::new(),
    });
    teller.go_on();
}

/// What is wrong with a ledger, and what to do about it.
pub fn of_ledger(damage: &Damage, environment: &Environment) -> String {
    let name = &environment.name;
    format!(
        "{damage}; nothing is removed on its word. `cargo xtask recover --ledger --env {name}` makes it anew"
    )
}

/// Runs the plan, and tells of it. When it fails, the error says which step, why, and what state things are in now; the
/// exit code says whether a person must act.
pub fn run(machine: &Machine, attempt: &Attempt, plan: &Plan, overrides: Vec<String>) -> Result<Times> {
    let news = |state| news(machine, &plan.goal, attempt.by(), state);
    let teller = Teller::of(machine.environment());
    teller.tell(|| news(State::Started));
    let progress = Progress::of(plan);
    let result = match attempt.run(plan, overrides, &progress) {
        Ok(made) => Ok(times(&plan.goal, made, progress)),
        Err(AttemptError::Stopped(stopped)) => Err(explain(machine, &plan.goal, stopped)),
        Err(AttemptError::Unwritten(error)) => Err(match disk_if_full(machine) {
            Some(why) => error.context(why),
            None => error,
        }),
    };
    teller.tell(|| match &result {
        Ok(_) => news(State::Succeeded { took: attempt.took() }),
        Err(error) => news(State::Failed { why: format!("{error:#}") }),
    });
    result
}

/// Takes the step that comes ahead of a plan. When it fails, it is told and explained as a step of the plan would be.
pub fn run_ahead(
    machine: &Machine,
    attempt: &Attempt,
    goal: &Goal,
    step: &dyn Step,
    overrides: Vec<String>,
    activity: &Activity,
) -> Result<()> {
    let error = match attempt.run_ahead(goal, step, overrides, &Ahead(activity)) {
        Ok(()) => return Ok(()),
        Err(AttemptError::Stopped(stopped)) => explain(machine, goal, stopped),
        Err(AttemptError::Unwritten(error)) => error,
    };
    let state = State::Failed { why: format!("{error:#}") };
    Teller::of(machine.environment()).tell(|| news(machine, goal, attempt.by(), state));
    Err(error)
}

fn news(machine: &Machine, goal: &Goal, by: &str, state: State) -> News {
    // What can't be found out is not told.
    let kept = machine.kept().unwrap_or_default();
    let commit = |id: Option<&ReleaseId>| {
        kept.iter().find(|release| Some(&release.id) == id).map(|it| it.commit.clone())
    };
    let commits = commit(goal.from.as_ref()).zip(commit(goal.to.as_ref()));
    let commits = commits.map(|(from, to)| git::commits_between(workspace::root(), &from, &to));
    News {
        environment: machine.environment().name.to_string(),
        kind: goal.kind.to_string(),
        state,
        release: written(goal.to.as_ref()).to_owned(),
        by: by.to_owned(),
        url: machine.url().unwrap_or_default(),
        commits: commits.and_then(Result::ok).unwrap_or_default(),
    }
}

fn times(goal: &Goal, made: Completed, progress: Progress) -> Times {
    let Completed { to_switch, to_confirm, took: to_retire, unwritten } = made;
    if let Some(error) = unwritten {
        let to = goal.to.as_ref().map_or(String::new(), |to| format!(": {to} has the traffic for good"));
        terminal::warn(format_args!(
            "the {} is made{to}, but its end could not be written down: {error:#}\n  The next command settles the rest.",
            goal.kind
        ));
    }
    Times { to_switch, to_confirm, to_retire, steps: progress.into_list() }
}

fn explain(machine: &Machine, goal: &Goal, stopped: Stopped) -> anyhow::Error {
    let (kind, to) = (goal.kind, goal.to.as_ref());
    let Stopped { step, cause, mut left, stays } = stopped;
    let (interrupted, environment) = (is_interrupt(&cause), &machine.environment().name);
    let live = interrupt::shielded(|| machine.live());
    if live.is_err() && machine.is_cut_off() {
        let message = format!(
            "the {kind} stopped at '{step}': the connection to the host of {environment} is lost\n  Users are \
             served all the same: a switch that nobody confirms is taken back by its guard at its deadline, and the \
             lease is free 20 s after the link fell silent at the latest.\n  When the link is back, run the command \
             again: it settles what is left before it begins. `cargo xtask status --env {environment}` shows what runs."
        );
        return Failure { exit: Exit::NotUndone, message }.into();
    }
    let serves = match live.as_ref().map(|live| live.active.as_ref()) {
        Ok(Some(id)) => format!("{id} has the traffic"),
        Ok(None) => "no release has the traffic".to_owned(),
        Err(error) => format!("it can't be seen which release has the traffic: {error}"),
    };
    let of = if kind == Kind::Deploy { format!(" of {}", written(to)) } else { String::new() };
    let disk = disk_if_full(machine).map(|why| format!("\n  Besides, {why}.")).unwrap_or_default();
    let what = format!("the {kind}{of} failed at '{step}': {cause:#}{disk}");
    let stays = match stays.as_slice() {
        [] => String::new(),
        some => format!("\n  What stays, by intent: {}.", some.join("; ")),
    };
    let logs = to.and_then(|id| logs_of_failed(machine, id, step)).unwrap_or_default();
    // The ledger's lines, each with the same reason.
    left.dedup();
    if left.is_empty() {
        let exit = if interrupted { Exit::Interrupted } else { Exit::Undone };
        let message =
            format!("{what}\n  Now: everything that it had begun is undone; {serves}.{stays}{logs}");
        return Failure { exit, message }.into();
    }
    let left = left.join("\n    ");
    let message = format!(
        "{what}\n  Now: {serves}, but not everything could be undone:\n    {left}{stays}{logs}\n  Mend what these lines name, then run \
         the command again: it settles what is left before it begins. `cargo xtask status --env {environment}` shows \
         what runs."
    );
    Failure { exit: Exit::NotUndone, message }.into()
}

/// How to read what a release wrote that was started, and whose containers are gone since it failed.
fn logs_of_failed(machine: &Machine, id: &ReleaseId, step: &str) -> Option<String> {
    let is_kept =
        || interrupt::shielded(|| machine.releases().with_kept_logs()).is_ok_and(|it| it.contains(id));
    let environment = &machine.environment().name;
    (matches!(step, "start" | "ready" | "watch") && is_kept())
        .then(|| format!("\n  What it wrote: `cargo xtask logs --release {id} --env {environment}`."))
}

/// What to say of the disk when nothing can be written there any more: programs only call it an I/O error.
fn disk_if_full(machine: &Machine) -> Option<String> {
    let free = interrupt::shielded(|| machine.free_disk()).ok()?;
    let (root, mib) = (machine.root(), free >> 20);
    (free < FULL)
        .then(|| format!("the disk under {root} has {mib} MiB free: free some, or everything there fails"))
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
