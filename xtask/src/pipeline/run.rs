//! A run: what is cached is settled at once, the rest runs on as many threads as there are jobs.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;

use super::decide::{Judge, Verdict};
use super::execute::Executor;
use super::mask::Mask;
use super::outcome::{Ended, Outcome, Tally};
use super::report::Report;
use super::schedule::Schedule;
use super::services::Services;
use super::store::FailedTasks;
use super::temporary::{self, Temporary};
use crate::setup;
use crate::terminal;
use crate::tools::process::{interrupt, tracking};

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where commands run.
    pub folder: Utf8PathBuf,
    /// Where each task's output is kept.
    pub logs: Utf8PathBuf,
    /// Goes on after a failure with whatever does not need what failed.
    pub keep_going: bool,
    /// A task that can't run here is a failure, unless its row says that it needs a network.
    pub must_run: bool,
    /// What a task lacks is installed without asking.
    pub yes: bool,
    /// How many tasks run at once.
    pub jobs: usize,
    /// Values that are covered in everything that tasks print.
    pub secrets: Vec<String>,
    /// What may be remembered, in bytes.
    pub store_limit: u64,
    /// When the run began, the look at the tree included.
    pub began: Instant,
    /// This process does nothing but this run: orphans that come to it are the run's.
    pub alone: bool,
}

/// How long to wait for an end before looking whether something else is to be done.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// What a task is taken to last that nobody has seen.
const UNKNOWN: f64 = 30.0;

/// Runs these tasks of the judge's graph, which are in order.
pub fn run(judge: &Judge<'_>, tasks: &[usize], options: &Options, report: &Report) -> Result<Tally> {
    let began = options.began;
    temporary::sweep_killed();
    let verdicts: HashMap<usize, Verdict> = tasks.iter().map(|&at| (at, judge.decide(at))).collect();
    let mut schedule = Schedule::new(judge.graph, tasks, |at| match &verdicts[&at] {
        Verdict::Cached { .. } => 0.0,
        Verdict::Runs(_) => judge.estimate(at).unwrap_or(UNKNOWN),
    });
    let mut why = HashMap::new();
    let mut ended = Vec::new();
    let mut leftover = 0;
    for (&at, verdict) in tasks.iter().map(|at| (at, &verdicts[at])) {
        match settle(judge, at, verdict) {
            Ok(cached) => {
                schedule.settle(at);
                report.finished(&cached);
                ended.push(cached);
            }
            Err(reasons) => drop(why.insert(at, reasons)),
        }
    }
    if !why.is_empty() {
        std::fs::create_dir_all(&options.logs).with_context(|| format!("creating {}", options.logs))?;
        let (rest, is_left) = run_rest(judge, schedule, why, options, report, began)?;
        ended.extend(rest);
        leftover = usize::from(is_left);
        judge.store.prune(options.store_limit);
    }
    setup::save_versions();
    ended.sort_by_key(|task| task.at);
    judge.store.note_unwell(&still_unwell(judge.store.unwell(), &ended));
    let mut tally = Tally::of(&ended);
    tally.failed += leftover;
    report.summary(judge.graph, &ended, tally, began.elapsed());
    Ok(tally)
}

/// A cached task is over when its outputs are there; otherwise the reasons why it runs.
fn settle(judge: &Judge<'_>, at: usize, verdict: &Verdict) -> Result<Ended, Vec<String>> {
    let task = &judge.graph.tasks()[at];
    match verdict {
        Verdict::Runs(why) => Err(why.clone()),
        Verdict::Cached { pass, restore } => {
            if *restore && let Err(error) = judge.store.restore(task, judge.root, pass) {
                return Err(vec![format!("{error:#}")]);
            }
            Ok(Ended::cached(at, task.name, pass))
        }
    }
}

/// Runs what is not cached. Says too whether something was left behind that could not be removed, which is a failure.
fn run_rest(
    judge: &Judge<'_>,
    mut schedule: Schedule,
    why: HashMap<usize, Vec<String>>,
    options: &Options,
    report: &Report,
    began: Instant,
) -> Result<(Vec<Ended>, bool)> {
    if options.alone {
        tracking::adopt_orphans();
    }
    let temporary = Temporary::new()?;
    let services = Services::default();
    let mask = Mask::new(options.secrets.iter().cloned());
    let executor = Executor::new(judge, options, report, &temporary, &services, &mask, why, began);
    let mut ended = Vec::new();
    let overall = report.overall(schedule.rest().len());
    let mut first_failure = None;
    drive(
        &mut schedule,
        options.jobs,
        |at| executor.execute(at),
        |schedule, event| {
            match event {
                Event::Ended(task) => {
                    let is_failure = task.outcome == Outcome::Failed;
                    if !task.outcome.is_pass() {
                        ended.extend(skip_dependents(judge, schedule, &task, report));
                    }
                    if is_failure && !options.keep_going && first_failure.is_none() {
                        first_failure = Some(task.name);
                        executor.stop_all(task.name);
                    }
                    ended.push(task);
                }
                Event::Nothing => executor.watch_limits(),
            }
            overall.set(ended.len(), schedule.left(&executor.running(), options.jobs));
            if interrupt::is_users() || first_failure.is_some() { Flow::Stop } else { Flow::Go }
        },
    );
    for at in schedule.rest() {
        let reason = first_failure.map_or("interrupted".to_owned(), |name| format!("because {name} failed"));
        ended.push(skip(judge, at, reason, report));
    }
    overall.end();
    // Shielded: they end after Ctrl-C too.
    interrupt::shielded(|| drop(services));
    end_what_is_left(&temporary, options.alone);
    // What the tasks came to is told all the same.
    let left = temporary.end().map_err(|error| terminal::warn(format_args!("{error:#}"))).is_err();
    Ok((ended, left))
}

fn end_what_is_left(temporary: &Temporary, alone: bool) {
    let mut left = tracking::end_tracked(|mark| temporary.is_mine(mark));
    if alone {
        left.extend(tracking::end_orphans());
    }
    if !left.is_empty() {
        let (count, names) = (left.len(), left.join(", "));
        terminal::warn(format_args!(
            "processes that the run left behind and that were ended: {count}, {names}"
        ));
    }
}

fn skip_dependents(judge: &Judge<'_>, schedule: &mut Schedule, task: &Ended, report: &Report) -> Vec<Ended> {
    let rest = schedule.rest();
    let mut dependents = judge.graph.with_dependents(&[task.at]);
    dependents.retain(|at| rest.contains(at));
    let how = if task.outcome == Outcome::Failed { "failed" } else { "was skipped" };
    let mut skipped = vec![(task.at, format!("because {} {how}", task.name))];
    for at in dependents {
        // Whoever waits only for what is skipped names that.
        let through = judge.graph.needs(at).iter().find_map(|need| skipped.iter().find(|(at, _)| at == need));
        let reason = match through {
            Some((need, _)) if *need != task.at => {
                format!("because {} was skipped", judge.graph.tasks()[*need].name)
            }
            _ => skipped[0].1.clone(),
        };
        schedule.settle(at);
        skipped.push((at, reason));
    }
    skipped.into_iter().skip(1).map(|(at, reason)| skip(judge, at, reason, report)).collect()
}

fn skip(judge: &Judge<'_>, at: usize, reason: String, report: &Report) -> Ended {
    let ended = Ended::without_run(at, judge.graph.tasks()[at].name, Outcome::Skipped(reason));
    report.finished(&ended);
    ended
}

/// What of a run is not well, beside what earlier runs left so and this one did not touch.
fn still_unwell(mut unwell: FailedTasks, ended: &[Ended]) -> FailedTasks {
    for task in ended {
        match &task.outcome {
            Outcome::Passed | Outcome::Cached => drop(unwell.0.remove(task.name)),
            Outcome::Failed => drop(unwell.0.insert(task.name.to_owned(), "failed".to_owned())),
            Outcome::Skipped(reason) if reason.starts_with("because ") => {
                drop(unwell.0.insert(task.name.to_owned(), reason.clone()));
            }
            Outcome::Skipped(_) => {}
        }
    }
    unwell
}

/// Whether anything more may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It may.
    Go,
    /// What runs comes to its end, and nothing starts.
    Stop,
}

/// What [`drive`] tells.
pub enum Event<E> {
    /// A task has ended.
    Ended(E),
    /// A while has passed.
    Nothing,
}

/// Starts what can start, `jobs` at once, each on a thread of its own, until nothing is left or `tell` says stop.
pub fn drive<E: Send>(
    schedule: &mut Schedule,
    jobs: usize,
    work: impl Fn(usize) -> E + Sync,
    mut tell: impl FnMut(&mut Schedule, Event<E>) -> Flow,
) {
    let (send, receive) = channel();
    let work = &work;
    thread::scope(|scope| {
        let (mut running, mut flow) = (0, Flow::Go);
        loop {
            while flow == Flow::Go && running < jobs.max(1) {
                let Some(at) = schedule.start() else { break };
                let send = send.clone();
                running += 1;
                scope.spawn(move || drop(send.send((at, work(at)))));
            }
            if running == 0 {
                return;
            }
            flow = match receive.recv_timeout(POLL_INTERVAL) {
                Ok((at, ended)) => {
                    running -= 1;
                    schedule.finish(at);
                    tell(schedule, Event::Ended(ended))
                }
                Err(RecvTimeoutError::Timeout) => tell(schedule, Event::Nothing),
                Err(RecvTimeoutError::Disconnected) => unreachable!("one sender is held here"),
            };
        }
    });
}

/// A bug of xtask's in one task is that task's failure and not the end of the run.
pub fn without_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words");
        Err(anyhow::anyhow!("xtask itself panicked, which is a mistake in it: {words}"))
    })
}

/// One question and one installation at a time: they speak to one person, and change one machine.
pub static INSTALLING: Mutex<()> = Mutex::new(());

#[cfg(test)]
mod tests;
