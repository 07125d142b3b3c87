//! One task, from its locks to its record.

use std::collections::HashMap;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use camino::Utf8PathBuf;

use super::context::{Context, Made};
use super::decide::{Judge, Verdict};
use super::mask::Mask;
use super::outcome::{Ended, INTERRUPTED, Outcome};
use super::report::Report;
use super::run::{INSTALLING, Options, without_panic};
use super::services::Services;
use super::store::{Last, Pass, now};
use super::task::{Task, Unavailable};
use super::temporary::Temporary;
use crate::setup;
use crate::terminal::{self, Activity};
use crate::tools::files::lock::Lock;
use crate::tools::process::interrupt::{self, Stop};
use crate::tools::process::is_interrupt;
use crate::tools::process::tracking::{self, Scope};

/// A command's own limit comes first: its error names the command.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs tasks of one run.
pub struct Executor<'a> {
    judge: &'a Judge<'a>,
    options: &'a Options,
    report: &'a Report,
    temporary: &'a Temporary,
    services: &'a Services,
    mask: &'a Mask,
    why: HashMap<usize, Vec<String>>,
    began: Instant,
    running: Mutex<HashMap<usize, Running>>,
}

/// A task that runs.
struct Running {
    stop: Stop,
    /// When it is ended; none while it waits for another run, since that is not its own time.
    deadline: Option<Instant>,
    since: Instant,
    ended: Option<EndedBy>,
}

/// Why a running task was told to end.
#[derive(Debug, Clone, Copy)]
enum EndedBy {
    /// It ran too long.
    Limit,
    /// This task failed.
    Failure(&'static str),
}

impl<'a> Executor<'a> {
    /// For one run, with the reasons why each task runs.
    #[expect(clippy::too_many_arguments, reason = "each is one thing of the run, and made in one place")]
    pub fn new(
        judge: &'a Judge<'a>,
        options: &'a Options,
        report: &'a Report,
        temporary: &'a Temporary,
        services: &'a Services,
        mask: &'a Mask,
        why: HashMap<usize, Vec<String>>,
        began: Instant,
    ) -> Executor<'a> {
        let running = Mutex::default();
        Executor { judge, options, report, temporary, services, mask, why, began, running }
    }

    /// Runs one task to its end.
    pub fn execute(&self, at: usize) -> Ended {
        let task: &'a Task = &self.judge.graph.tasks()[at];
        let stop = self.begin(at);
        let ended = interrupt::stoppable(&stop, || self.execute_locked(at, task));
        let ended = ended.unwrap_or_else(|error| self.could_not_start(at, task, &error));
        self.running.lock().expect("no holder panics").remove(&at);
        self.report.finished(&ended);
        ended
    }

    /// Ends all that runs, because this task failed.
    pub fn stop_all(&self, failed: &'static str) {
        for running in self.running.lock().expect("no holder panics").values_mut() {
            running.ended.get_or_insert(EndedBy::Failure(failed));
            running.stop.set();
        }
    }

    /// Ends what has run too long.
    pub fn watch_limits(&self) {
        let now = Instant::now();
        for running in self.running.lock().expect("no holder panics").values_mut() {
            if running.deadline.is_some_and(|deadline| now >= deadline) {
                running.ended.get_or_insert(EndedBy::Limit);
                running.stop.set();
            }
        }
    }

    /// What runs, and for how long it has.
    pub fn running(&self) -> Vec<(usize, f64)> {
        let running = self.running.lock().expect("no holder panics");
        running.iter().map(|(at, running)| (*at, running.since.elapsed().as_secs_f64())).collect()
    }

    fn begin(&self, at: usize) -> Stop {
        let stop = Stop::default();
        let running = Running { stop: stop.clone(), deadline: None, since: Instant::now(), ended: None };
        self.running.lock().expect("no holder panics").insert(at, running);
        stop
    }

    /// Whatever it waited for is over.
    fn begin_work(&self, at: usize, timeout: Duration) {
        if let Some(running) = self.running.lock().expect("no holder panics").get_mut(&at) {
            running.since = Instant::now();
            running.deadline = Some(running.since + timeout + CLEANUP_TIMEOUT);
        }
    }

    fn execute_locked(&self, at: usize, task: &Task) -> Result<Ended> {
        let (_locks, waited) = self.locks(task)?;
        // The run that was waited for may have done it.
        if waited && let Verdict::Cached { pass, restore: false } = self.judge.decide(at) {
            return Ok(Ended::cached(at, task.name, &pass));
        }
        self.begin_work(at, task.timeout);
        self.report.started(task);
        let started = self.began.elapsed();
        let began = Instant::now();
        let log = self.options.logs.join(format!(".{}.{}.log", task.name, std::process::id()));
        let (context, result) = self.work(at, task, &log)?;
        let outcome = self.judge_result(at, task, result, &context);
        let (made, shown) = context.end();
        let took = began.elapsed();
        self.remember(at, task, &outcome, took, &made);
        end_activity(shown, &outcome, &made.figures);
        let file = self.log_file(task);
        let log = if fs::rename(&log, &file).is_ok() { file } else { log };
        let Made { figures, mut places, .. } = made;
        if outcome != Outcome::Failed {
            places.clear();
        }
        let (started, log) = (Some(started), Some(log));
        Ok(Ended { at, name: task.name, outcome, took, started, log, figures, places })
    }

    /// One run at a time works on a task, and on a lane that takes one.
    fn locks(&self, task: &Task) -> Result<(Vec<Lock>, bool)> {
        let lanes = task.lanes.iter().filter(|lane| lane.capacity == 1);
        let mut names: Vec<String> = lanes.map(|lane| format!("lane-{}", lane.name)).collect();
        names.push(format!("task-{}", task.name));
        // In one order for all, so that nobody waits for each other.
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
                // Where nothing can be written, nobody else can be waited for.
                Err(_) => {}
            }
        }
        Ok((locks, waited))
    }

    fn work(&self, at: usize, task: &Task, log: &Utf8PathBuf) -> Result<(Context<'a>, Result<()>)> {
        let shown = self.report.activity(task);
        let ready = self.ensure_tools(task);
        let folder = &self.options.folder;
        let context = Context::new(task, folder, log, self.services, self.mask, shown)?;
        for why in self.why.get(&at).into_iter().flatten().take(3) {
            context.line(&format!("# {why}"));
        }
        let mut result = ready.and_then(|()| self.work_within(task, &context));
        if let Err(error) = &result
            && !is_interrupt(error)
        {
            format!("{error:#}").lines().for_each(|line| context.line(line));
        }
        let left = self.temporary.close(task.name);
        if !left.is_empty() && result.is_ok() {
            let words = format!("left in its folder for temporary files: {}", left.join(", "));
            context.line(&words);
            if !task.kills {
                result = Err(anyhow::anyhow!(words));
            }
        }
        Ok((context, result))
    }

    fn work_within(&self, task: &Task, context: &Context<'_>) -> Result<()> {
        let folder = self.temporary.of(task.name)?;
        let mark = self.temporary.mark(task.name);
        let variables = vec![
            ("TMPDIR".to_owned(), folder.into_string()),
            // Node keeps compiled code of its own there, for the next time.
            ("NODE_DISABLE_COMPILE_CACHE".to_owned(), "1".to_owned()),
        ];
        self.judge.store.begin(task);
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

    /// Installs what is missing. What is then here is part of the fingerprint.
    fn ensure_tools(&self, task: &Task) -> Result<()> {
        if setup::survey(&task.tools).iter().all(|(_, found)| found.is_some()) {
            return Ok(());
        }
        let _one = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
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

    fn remember(&self, at: usize, task: &Task, outcome: &Outcome, took: Duration, made: &Made) {
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
                    let (images, figures) = (made.images.clone(), made.figures.clone());
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
            // `--force` and the audit may find that a pass is none.
            self.judge.store.forget(task.name, fingerprint);
        }
        let why = self.why.get(&at).cloned().unwrap_or_default();
        let last = Last { passed, fingerprint: fingerprint.to_owned(), seconds, at: now(), why };
        self.judge.store.note(task.name, &last, &manifest);
    }

    /// Not even its log could be made, or it was ended while it waited for another run.
    fn could_not_start(&self, at: usize, task: &Task, error: &anyhow::Error) -> Ended {
        if !is_interrupt(error) {
            terminal::warn(format_args!("{}: {error:#}", task.name));
        }
        let outcome =
            if is_interrupt(error) { Outcome::Skipped(self.reason_of_stop(at)) } else { Outcome::Failed };
        Ended::without_run(at, task.name, outcome)
    }

    /// An interrupt that the user did not make has a better name.
    fn judge_result(&self, at: usize, task: &Task, result: Result<()>, context: &Context<'_>) -> Outcome {
        let outcome = Outcome::of(result, self.options.must_run && !task.network);
        let is_interrupted = outcome == Outcome::Skipped(INTERRUPTED.to_owned());
        if !is_interrupted || interrupt::is_users() {
            return outcome;
        }
        if let Some(EndedBy::Limit) = self.ended_by(at) {
            let timeout = humantime::format_duration(task.timeout);
            context.line(&format!("it was ended at its time limit of {timeout}"));
            return Outcome::Failed;
        }
        Outcome::Skipped(self.reason_of_stop(at))
    }

    fn ended_by(&self, at: usize) -> Option<EndedBy> {
        self.running.lock().expect("no holder panics").get(&at).and_then(|running| running.ended)
    }

    fn reason_of_stop(&self, at: usize) -> String {
        match self.ended_by(at) {
            Some(EndedBy::Failure(name)) if !interrupt::is_users() => format!("because {name} failed"),
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
