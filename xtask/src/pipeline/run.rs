//! A run: cached tasks are finished at once, the others run on as many threads as there are jobs.

use std::collections::HashMap;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::decide::{Judge, Verdict};
use super::execute::Executor;
use super::mask::Mask;
use super::options::RunOptions;
use super::outcome::{FinishedTask, Outcome, Tally};
use super::report::Report;
use super::schedule::Schedule;
use super::services::Services;
use super::store::FailedTasks;
use super::temp_folders::{self, TempFolders};
use crate::setup;
use crate::terminal;
use crate::tools::process::{interrupt, tracking};

/// How often a run looks for timeouts and interrupts while it waits for a task to end.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The estimate for a task that has never run here.
const UNKNOWN_SECONDS: f64 = 30.0;

/// Runs these tasks of the judge's graph; they must be in the graph's order. Fails only where the run itself can't go on: what
/// happens to tasks is in the tally.
pub fn run(judge: &Judge<'_>, tasks: &[usize], options: &RunOptions, report: &Report) -> Result<Tally> {
    let began = options.began;
    temp_folders::sweep_killed();
    let verdicts: HashMap<usize, Verdict> = tasks.iter().map(|&at| (at, judge.decide(at))).collect();
    let mut schedule = Schedule::new(judge.graph, tasks, |at| match &verdicts[&at] {
        Verdict::Cached { .. } => 0.0,
        Verdict::Runs(_) => judge.estimate(at).unwrap_or(UNKNOWN_SECONDS),
    });
    let mut why = HashMap::new();
    let mut finished = Vec::new();
    let mut leftover = 0;
    for (&at, verdict) in tasks.iter().map(|at| (at, &verdicts[at])) {
        match finish_cached(judge, at, verdict) {
            Ok(cached) => {
                schedule.complete(at);
                report.finished(&cached);
                finished.push(cached);
            }
            Err(reasons) => drop(why.insert(at, reasons)),
        }
    }
    if !why.is_empty() {
        std::fs::create_dir_all(&options.logs).with_context(|| format!("creating {}", options.logs))?;
        let (rest, is_left) = run_rest(judge, schedule, why, options, report, began)?;
        finished.extend(rest);
        leftover = usize::from(is_left);
        judge.store.prune(options.store_limit);
    }
    setup::save_versions();
    finished.sort_by_key(|task| task.at);
    judge.store.note_failed_tasks(&merge_failed_tasks(judge.store.failed_tasks(), &finished));
    let mut tally = Tally::of(&finished);
    tally.failed += leftover;
    report.summary(judge.graph, &finished, tally, began.elapsed());
    Ok(tally)
}

/// Brings back what a cached task wrote. The error has the reasons why the task must run instead.
fn finish_cached(judge: &Judge<'_>, at: usize, verdict: &Verdict) -> Result<FinishedTask, Vec<String>> {
    let task = &judge.graph.tasks()[at];
    match verdict {
        Verdict::Runs(why) => Err(why.clone()),
        Verdict::Cached { pass, restore } => {
            if *restore && let Err(error) = judge.store.restore(task, judge.root, pass) {
                return Err(vec![format!("{error:#}")]);
            }
            Ok(FinishedTask::cached(at, task.name, pass))
        }
    }
}

/// Runs the tasks that are not cached. Also says whether something was left in the run's temporary folder, which is a
/// failure.
fn run_rest(
    judge: &Judge<'_>,
    mut schedule: Schedule,
    why: HashMap<usize, Vec<String>>,
    options: &RunOptions,
    report: &Report,
    began: Instant,
) -> Result<(Vec<FinishedTask>, bool)> {
    if options.adopts_orphans {
        tracking::adopt_orphans();
    }
    let temp_folders = TempFolders::new()?;
    let services = Services::default();
    let mask = Mask::new(options.secrets.iter().cloned());
    let executor = Executor::new(judge, options, report, &temp_folders, &services, &mask, why, began);
    let mut finished = Vec::new();
    let overall = report.overall(schedule.pending().len());
    let mut first_failure = None;
    drive(
        &mut schedule,
        options.jobs,
        |at| executor.execute(at),
        |schedule, event| {
            match event {
                WorkerEvent::Finished(task) => {
                    let is_failure = task.outcome == Outcome::Failed;
                    if !task.outcome.is_pass() {
                        finished.extend(skip_dependents(judge, schedule, &task, report));
                    }
                    if is_failure && !options.keep_going && first_failure.is_none() {
                        first_failure = Some(task.name);
                        executor.stop_all(task.name);
                    }
                    finished.push(task);
                }
                WorkerEvent::Tick => executor.stop_overdue(),
            }
            overall.set(finished.len(), schedule.seconds_left(&executor.running(), options.jobs));
            if interrupt::is_users() || first_failure.is_some() { Flow::Stop } else { Flow::Go }
        },
    );
    for at in schedule.pending() {
        let reason = first_failure.map_or("interrupted".to_owned(), |name| format!("because {name} failed"));
        finished.push(skip(judge, at, reason, report));
    }
    overall.end();
    // Shielded, so that services are stopped after Ctrl-C too.
    interrupt::shielded(|| drop(services));
    end_leftover_processes(&temp_folders, options.adopts_orphans);
    // A warning and not an error: the outcomes of the tasks must still be reported.
    let left = temp_folders.close().map_err(|error| terminal::warn(format_args!("{error:#}"))).is_err();
    Ok((finished, left))
}

fn end_leftover_processes(temp_folders: &TempFolders, adopts_orphans: bool) {
    let mut left = tracking::end_tracked(|mark| temp_folders.is_mine(mark));
    if adopts_orphans {
        left.extend(tracking::end_orphans());
    }
    if !left.is_empty() {
        let (count, names) = (left.len(), left.join(", "));
        terminal::warn(format_args!(
            "processes that the run left behind and that were ended: {count}, {names}"
        ));
    }
}

fn skip_dependents(
    judge: &Judge<'_>,
    schedule: &mut Schedule,
    task: &FinishedTask,
    report: &Report,
) -> Vec<FinishedTask> {
    let rest = schedule.pending();
    let mut dependents = judge.graph.with_dependents(&[task.at]);
    dependents.retain(|at| rest.contains(at));
    let how = if task.outcome == Outcome::Failed { "failed" } else { "was skipped" };
    let mut skipped = vec![(task.at, format!("because {} {how}", task.name))];
    for at in dependents {
        // The reason names the task that it needs itself: the failed one, or one that was skipped because of that.
        let through = judge.graph.needs(at).iter().find_map(|need| skipped.iter().find(|(at, _)| at == need));
        let reason = match through {
            Some((need, _)) if *need != task.at => {
                format!("because {} was skipped", judge.graph.tasks()[*need].name)
            }
            _ => skipped[0].1.clone(),
        };
        schedule.complete(at);
        skipped.push((at, reason));
    }
    skipped.into_iter().skip(1).map(|(at, reason)| skip(judge, at, reason, report)).collect()
}

fn skip(judge: &Judge<'_>, at: usize, reason: String, report: &Report) -> FinishedTask {
    let finished = FinishedTask::without_run(at, judge.graph.tasks()[at].name, Outcome::Skipped(reason));
    report.finished(&finished);
    finished
}

/// The failed tasks after this run: those of earlier runs that it did not run again, and its own.
fn merge_failed_tasks(mut failed_tasks: FailedTasks, finished: &[FinishedTask]) -> FailedTasks {
    for task in finished {
        match &task.outcome {
            Outcome::Passed | Outcome::Cached => drop(failed_tasks.0.remove(task.name)),
            Outcome::Failed => drop(failed_tasks.0.insert(task.name.to_owned(), "failed".to_owned())),
            Outcome::Skipped(reason) if reason.starts_with("because ") => {
                drop(failed_tasks.0.insert(task.name.to_owned(), reason.clone()));
            }
            Outcome::Skipped(_) => {}
        }
    }
    failed_tasks
}

/// Whether more tasks may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They may.
    Go,
    /// None may; those that run come to their end.
    Stop,
}

/// What [`drive`] reports.
pub enum WorkerEvent<E> {
    /// A task is over.
    Finished(E),
    /// [`POLL_INTERVAL`] has passed.
    Tick,
}

/// Runs the schedule's tasks, `jobs` at once, each on a thread of its own, until none is left or `tell` says stop.
pub fn drive<E: Send>(
    schedule: &mut Schedule,
    jobs: usize,
    work: impl Fn(usize) -> E + Sync,
    mut tell: impl FnMut(&mut Schedule, WorkerEvent<E>) -> Flow,
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
                Ok((at, finished)) => {
                    running -= 1;
                    schedule.finish(at);
                    tell(schedule, WorkerEvent::Finished(finished))
                }
                Err(RecvTimeoutError::Timeout) => tell(schedule, WorkerEvent::Tick),
                Err(RecvTimeoutError::Disconnected) => unreachable!("one sender is held here"),
            };
        }
    });
}

#[cfg(test)]
mod tests;
