//! One task, from its locks to its record.

use std::collections::HashMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use camino::Utf8PathBuf;

use super::context::{Context, Findings};
use super::decide::{Judge, Verdict};
use super::mask::Mask;
use super::options::RunOptions;
use super::outcome::{FinishedTask, INTERRUPTED, Outcome};
use super::report::Report;
use super::services::Services;
use super::store::{LastRun, Pass, now};
use super::task::{Task, Unavailable};
use super::temp_folders::TempFolders;
use crate::setup;
use crate::terminal::{self, Activity};
use crate::tools::files::lock::Lock;
use crate::tools::process::interrupt::{self, Stop};
use crate::tools::process::is_interrupt;
use crate::tools::process::tracking::{self, Scope};

/// How much later than its own timeout a task is stopped, so that the timeout of its command comes first: that error
/// names the command.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Held while tools are installed: one person is asked one question at a time, and one machine is changed.
static INSTALL_LOCK: Mutex<()> = Mutex::new(());

/// Runs single tasks, on behalf of one run.
pub struct Executor<'a> {
    judge: &'a Judge<'a>,
    options: &'a RunOptions,
    report: &'a Report,
    temp_folders: &'a TempFolders,
    services: &'a Services,
    mask: &'a Mask,
    why: HashMap<usize, Vec<String>>,
    began: Instant,
    running: Mutex<HashMap<usize, Running>>,
}

/// A task that has been started.
struct Running {
    stop: Stop,
    /// When it is stopped; none while it waits for another run, which does not count as its own time.
    deadline: Option<Instant>,
    since: Instant,
    stop_reason: Option<StopReason>,
}

/// Why a running task was stopped.
#[derive(Debug, Clone, Copy)]
enum StopReason {
    /// It ran longer than its timeout.
    Timeout,
    /// This other task failed, and the run ends.
    Failure(&'static str),
}

impl<'a> Executor<'a> {
    /// For one run. `why` has the reasons why each task runs.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different part of the run, and there is one caller"
    )]
    pub fn new(
        judge: &'a Judge<'a>,
        options: &'a RunOptions,
        report: &'a Report,
        temp_folders: &'a TempFolders,
        services: &'a Services,
        mask: &'a Mask,
        why: HashMap<usize, Vec<String>>,
        began: Instant,
    ) -> Executor<'a> {
        let running = Mutex::default();
        Executor { judge, options, report, temp_folders, services, mask, why, began, running }
    }

    /// Runs one task to its end and reports it. Never fails: an error of xtask's own is a failed task.
    pub fn execute(&self, at: usize) -> FinishedTask {
        let task: &'a Task = &self.judge.graph.tasks()[at];
        let stop = self.begin(at);
        let finished = interrupt::stoppable(&stop, || self.execute_locked(at, task));
        let finished = finished.unwrap_or_else(|error| self.could_not_start(at, task, &error));
        self.running.lock().expect("no holder panics").remove(&at);
        self.report.finished(&finished);
        finished
    }

    /// Stops every running task, because this one failed.
    pub fn stop_all(&self, failed: &'static str) {
        for running in self.running.lock().expect("no holder panics").values_mut() {
            running.stop_reason.get_or_insert(StopReason::Failure(failed));
            running.stop.set();
        }
    }

    /// Stops the tasks that are past their timeouts.
    pub fn stop_overdue(&self) {
        let now = Instant::now();
        for running in self.running.lock().expect("no holder panics").values_mut() {
            if running.deadline.is_some_and(|deadline| now >= deadline) {
                running.stop_reason.get_or_insert(StopReason::Timeout);
                running.stop.set();
            }
        }
    }

    /// The running tasks, and for how many seconds each has run.
    pub fn running(&self) -> Vec<(usize, f64)> {
        let running = self.running.lock().expect("no holder panics");
        running.iter().map(|(at, running)| (*at, running.since.elapsed().as_secs_f64())).collect()
    }

    fn begin(&self, at: usize) -> Stop {
        let stop = Stop::default();
        let running =
            Running { stop: stop.clone(), deadline: None, since: Instant::now(), stop_reason: None };
        self.running.lock().expect("no holder panics").insert(at, running);
        stop
    }

    /// It waits for no other run any more: its time begins.
    fn start_clock(&self, at: usize, timeout: Duration) {
        if let Some(running) = self.running.lock().expect("no holder panics").get_mut(&at) {
            running.since = Instant::now();
            running.deadline = Some(running.since + timeout + CLEANUP_TIMEOUT);
        }
    }

    fn execute_locked(&self, at: usize, task: &Task) -> Result<FinishedTask> {
        let (_locks, waited) = self.locks(task)?;
        // The run that it waited for may have run this very task.
        if waited && let Verdict::Cached { pass, restore: false } = self.judge.decide(at) {
            return Ok(FinishedTask::cached(at, task.name, &pass));
        }
        self.start_clock(at, task.timeout);
        self.report.started(task);
        let started = self.began.elapsed();
        let began = Instant::now();
        let log = self.options.logs.join(format!(".{}.{}.log", task.name, std::process::id()));
        let (context, result) = self.work(at, task, &log)?;
        let outcome = self.outcome_of(at, task, result, &context);
        let (findings, shown) = context.end();
        let took = began.elapsed();
        self.record(at, task, &outcome, took, &findings);
        end_activity(shown, &outcome, &findings.figures);
        let file = self.log_file(task);
        let log = if fs::rename(&log, &file).is_ok() { file } else { log };
        let Findings { figures, mut diagnostics, .. } = findings;
        if outcome != Outcome::Failed {
            diagnostics.clear();
        }
        let (started, log) = (Some(started), Some(log));
        Ok(FinishedTask { at, name: task.name, outcome, took, started, log, figures, diagnostics })
    }

    /// Takes the locks by which several runs on one machine share tasks and lanes. Says whether it had to wait for one.
    fn locks(&self, task: &Task) -> Result<(Vec<Lock>, bool)> {
        let lanes = task.lanes.iter().filter(|lane| lane.capacity == 1);
        let mut names: Vec<String> = lanes.map(|lane| format!("lane-{}", lane.name)).collect();
        names.push(format!("task-{}", task.name));
        // Always in the same order, so that two runs never wait for each other.
        names.sort();
        let mut waited = false;
        let mut locks = Vec::new();
        for name in names {
            let waiting = || {
                waited = true;
                terminal::note(format_args!("  {} waits for another run ({name})", task.name));
            };
            match Lock::hold(&self.judge.store.lock(&name), waiting) {
                Ok(lock) => locks.push(lock),
                Err(error) if is_interrupt(&error) => return Err(error),
                // No lock can be written here, so no other run can hold one either.
                Err(_) => {}
            }
        }
        Ok((locks, waited))
    }

    fn work(&self, at: usize, task: &Task, log: &Utf8PathBuf) -> Result<(Context<'a>, Result<()>)> {
        let shown = self.report.activity(task);
        let ready = self.ensure_tools(task);
        let folder = &self.options.folder;
        let context = Context::new(task.timeout, task.service, folder, log, self.services, self.mask, shown)?;
        for why in self.why.get(&at).into_iter().flatten().take(3) {
            context.line(&format!("# {why}"));
        }
        let mut result = ready.and_then(|()| self.work_in_scope(task, &context));
        if let Err(error) = &result
            && !is_interrupt(error)
        {
            format!("{error:#}").lines().for_each(|line| context.line(line));
        }
        let left = self.temp_folders.remove(task.name);
        if !left.is_empty() && result.is_ok() {
            let words = format!("left in its folder for temporary files: {}", left.join(", "));
            context.line(&words);
            if !task.kills {
                result = Err(anyhow::anyhow!(words));
            }
        }
        Ok((context, result))
    }

    fn work_in_scope(&self, task: &Task, context: &Context<'_>) -> Result<()> {
        let folder = self.temp_folders.create(task.name)?;
        let mark = self.temp_folders.mark(task.name);
        let variables = vec![
            ("TMPDIR".to_owned(), folder.into_string()),
            // Node would keep its compile cache in the temporary folder, which must be empty at the end.
            ("NODE_DISABLE_COMPILE_CACHE".to_owned(), "1".to_owned()),
        ];
        self.judge.store.forget_unstored_outputs(task);
        let scope = Scope { id: Some(mark.clone()), variables };
        let result = tracking::within(scope, || without_panic(|| (task.work)(context)));
        let left = tracking::end_work(&mark);
        if !left.is_empty() {
            let (count, names) = (left.len(), left.join(", "));
            context.line(&format!("processes that it left behind and that were ended: {count}, {names}"));
            terminal::warn(format_args!(
                "{} left {count} processes behind, which were ended: {names}",
                task.name
            ));
        }
        result
    }

    /// Installs the tools that are missing, and computes the fingerprints again, since versions of tools are part of them.
    fn ensure_tools(&self, task: &Task) -> Result<()> {
        if setup::survey(&task.tools).iter().all(|(_, found)| found.is_some()) {
            return Ok(());
        }
        let _one = INSTALL_LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let ready = setup::ensure(&task.tools, self.options.yes);
        tracking::exempt_orphans();
        match ready {
            Ok(()) => {
                self.judge.refresh();
                Ok(())
            }
            Err(error) if is_interrupt(&error) => Err(error),
            Err(error) => Err(Unavailable(format!("{error:#}")).into()),
        }
    }

    fn record(&self, at: usize, task: &Task, outcome: &Outcome, took: Duration, findings: &Findings) {
        let (Ok(fingerprints), false) = (&self.judge.fingerprints, matches!(outcome, Outcome::Skipped(_)))
        else {
            return;
        };
        let fingerprints = fingerprints.read().expect("no holder panics");
        let (fingerprint, manifest) = (fingerprints.of(at), fingerprints.manifest(at));
        let seconds = (took.as_secs_f64() * 1000.0).round() / 1000.0;
        let passed = *outcome == Outcome::Passed;
        if passed {
            match fingerprints.changed_since(at) {
                Ok(changed) if changed.is_empty() => {
                    let (images, figures) = (findings.images.clone(), findings.figures.clone());
                    let pass = Pass { seconds, at: now(), outputs: Vec::new(), images, figures };
                    self.judge.store.record(task, self.judge.root, fingerprint, &manifest, pass);
                }
                Ok(changed) => terminal::warn(format_args!(
                    "{} is not remembered: {} changed while it ran",
                    task.name,
                    changed.iter().take(3).copied().collect::<Vec<_>>().join(", ")
                )),
                Err(error) => terminal::warn(format_args!("{} is not remembered: {error:#}", task.name)),
            }
        }
        if !passed {
            // `--force` and `--audit` run what has passed before, and it may fail now.
            self.judge.store.remove_pass(task.name, fingerprint);
        }
        let why = self.why.get(&at).cloned().unwrap_or_default();
        let last = LastRun { passed, fingerprint: fingerprint.to_owned(), seconds, at: now(), why };
        self.judge.store.note_last_run(task.name, &last, &manifest);
    }

    /// Its log could not be created, or it was stopped while it waited for another run.
    fn could_not_start(&self, at: usize, task: &Task, error: &anyhow::Error) -> FinishedTask {
        if !is_interrupt(error) {
            terminal::warn(format_args!("{}: {error:#}", task.name));
        }
        let outcome =
            if is_interrupt(error) { Outcome::Skipped(self.skip_reason(at)) } else { Outcome::Failed };
        FinishedTask::without_run(at, task.name, outcome)
    }

    /// How it ended. When xtask stopped it and not the user, the outcome says why.
    fn outcome_of(&self, at: usize, task: &Task, result: Result<()>, context: &Context<'_>) -> Outcome {
        let outcome = Outcome::of(result, self.options.must_run && !task.network);
        let is_interrupted = outcome == Outcome::Skipped(INTERRUPTED.to_owned());
        if !is_interrupted || interrupt::is_users() {
            return outcome;
        }
        if let Some(StopReason::Timeout) = self.stop_reason(at) {
            let timeout = humantime::format_duration(task.timeout);
            context.line(&format!("it was stopped at its timeout of {timeout}"));
            return Outcome::Failed;
        }
        Outcome::Skipped(self.skip_reason(at))
    }

    fn stop_reason(&self, at: usize) -> Option<StopReason> {
        self.running.lock().expect("no holder panics").get(&at).and_then(|running| running.stop_reason)
    }

    fn skip_reason(&self, at: usize) -> String {
        match self.stop_reason(at) {
            Some(StopReason::Failure(name)) if !interrupt::is_users() => format!("because {name} failed"),
            _ => INTERRUPTED.to_owned(),
        }
    }

    fn log_file(&self, task: &Task) -> Utf8PathBuf {
        self.options.logs.join(format!("{}.log", task.name))
    }
}

fn end_activity(shown: Option<Activity>, outcome: &Outcome, figures: &[String]) {
    let Some(activity) = shown else { return };
    match outcome {
        Outcome::Passed | Outcome::Cached => activity.done(figures.join(", ")),
        Outcome::Failed => activity.failed(),
        Outcome::Skipped(reason) => activity.done(format_args!("skipped: {reason}")),
    }
}

/// Turns a panic in a task's function into that task's failure, so that the other tasks go on.
fn without_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words");
        Err(anyhow::anyhow!("xtask itself panicked, which is a bug in it: {words}"))
    })
}
