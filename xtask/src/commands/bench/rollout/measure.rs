//! What users saw while something was done, and what it took.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::RATE;
use crate::lab::load::{Load, Seen};
use crate::project::RELEASE_HEADER;
use crate::tools::http;

/// Users go on so long at most after the command has ended, until they have what was asked for.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Or so long when what was asked for can't work.
const LINGER_TIME: Duration = Duration::from_secs(5);
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// What a command told of itself.
#[derive(Debug, Default)]
pub struct Done {
    /// Its exit code.
    pub code: i32,
    /// The release that is to have the traffic; none when none can.
    pub release: Option<String>,
    /// Commands and scripts on the host, over one connection.
    pub calls: Option<u32>,
    /// Bytes from here to the host.
    pub bytes: Option<u64>,
    /// Step and milliseconds.
    pub steps: Vec<(String, u64)>,
    /// The operator's memory at its highest, in KiB.
    pub memory: Option<u64>,
    /// What it said where it failed.
    pub error: String,
}

/// What there is to say of it.
#[derive(Debug)]
pub struct Measured {
    /// From the command's start to the last answer of the release before; none when that went on.
    pub to_switch: Option<Duration>,
    /// From the command's start to its end.
    pub over: Duration,
    /// What users saw.
    pub seen: Seen,
    /// What the command told.
    pub done: Done,
}

/// Does it while users send requests to this port; `before` has the traffic until then.
pub fn under_load(port: u16, before: &str, work: impl FnOnce() -> Result<Done>) -> Result<Measured> {
    under_load_of(RATE, port, before, work)
}

/// Like `under_load`, with so many requests a second.
pub fn under_load_of(
    rate: u32,
    port: u16,
    before: &str,
    work: impl FnOnce() -> Result<Done>,
) -> Result<Measured> {
    let load = Load::start(port, rate);
    let began = Instant::now();
    let done = work();
    let over = began.elapsed();
    if let Ok(done) = &done {
        settle(port, done.release.as_deref());
    }
    let (seen, done) = (load.stop(), done?);
    let has_it = done.release.as_deref().is_some_and(|release| seen.first_of(release).is_some());
    let last = seen.last_of(before).filter(|_| has_it);
    Ok(Measured { to_switch: last.map(|last| last.saturating_duration_since(began)), over, seen, done })
}

fn settle(port: u16, release: Option<&str>) {
    let Some(release) = release else { return thread::sleep(LINGER_TIME) };
    let ended = Instant::now();
    let has_it = |path: &str| {
        let answer =
            http::Client::default().get(&format!("http://127.0.0.1:{port}{path}"), Duration::from_secs(2));
        answer.is_ok_and(|answer| answer.status == 200 && answer.header(RELEASE_HEADER) == Some(release))
    };
    while ended.elapsed() < SETTLE_TIMEOUT && !["/api/version", "/config.json"].into_iter().all(has_it) {
        thread::sleep(PROBE_INTERVAL);
    }
    // So that the last requests to either release are counted.
    thread::sleep(Duration::from_secs(1));
}

/// Runs a child of this process, and gives the most memory that any child had meanwhile, in KiB; none where the kernel
/// does not tell.
pub fn with_memory<T>(run: impl FnOnce() -> T) -> (T, Option<u64>) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = None;
            while !over.load(Ordering::Relaxed) {
                most = most.max(children().filter_map(|id| peak(&id)).max());
                thread::sleep(PROBE_INTERVAL);
            }
            most
        });
        let result = run();
        over.store(true, Ordering::Relaxed);
        (result, watching.join().unwrap_or_default())
    })
}

fn children() -> impl Iterator<Item = String> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

fn peak(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}
