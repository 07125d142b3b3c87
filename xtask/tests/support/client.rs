//! A client that sends requests all along and counts every failure: no retries, over new connections and over ones
//! that are kept alive. It calls the loopback only, and each of its three threads at most 100 times a second.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use super::check;
use super::http::{self, Request};

/// What became of a client's requests.
#[derive(Debug, Default)]
pub struct TrafficReport {
    /// Requests sent.
    pub requests: usize,
    /// Each failure, in words.
    pub failures: Vec<String>,
    /// The releases that answered.
    pub releases: BTreeSet<String>,
    /// The slowest response.
    pub slowest: Duration,
    /// When the first and the last failure were seen.
    failing: Option<(Instant, Instant)>,
}

impl TrafficReport {
    /// From the first failure to the last one.
    pub fn failed_for(&self) -> Duration {
        self.failing.map_or(Duration::ZERO, |(first, last)| last - first)
    }

    /// Fails when a request failed.
    pub fn has_no_failures(&self) -> Result<(), Failed> {
        check(self.failures.is_empty(), || format!("{self}"))
    }

    /// Fails when a request failed, or when not as many releases as this have answered.
    pub fn has_no_failures_from(&self, releases: usize) -> Result<(), Failed> {
        self.has_no_failures()?;
        check(self.releases.len() == releases, || format!("{self}, by {:?}", self.releases))
    }

    fn add_failure(&mut self, failure: String) {
        let now = Instant::now();
        self.failures.push(failure);
        self.failing = Some((self.failing.map_or(now, |(first, _)| first), now));
    }

    fn merge(&mut self, other: TrafficReport) {
        self.requests += other.requests;
        self.failures.extend(other.failures);
        self.releases.extend(other.releases);
        self.slowest = self.slowest.max(other.slowest);
        self.failing = match (self.failing, other.failing) {
            (Some((first, last)), Some((other_first, other_last))) => {
                Some((first.min(other_first), last.max(other_last)))
            }
            (one, other) => one.or(other),
        };
    }
}

impl fmt::Display for TrafficReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {} failed within {} ms, slowest {} ms",
            self.requests,
            self.failures.len(),
            self.failed_for().as_millis(),
            self.slowest.as_millis()
        )?;
        self.failures.iter().take(5).try_for_each(|failure| write!(f, "\n      {failure}"))
    }
}

/// How a thread of the client connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Each request on a connection of its own.
    New,
    /// All on one connection, which is kept alive; every other one is a POST, which nobody repeats when it fails.
    KeepAlive,
}

/// Threads that send requests until they are stopped: one over new connections, two over connections that are kept
/// alive.
pub struct Client {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<TrafficReport>>,
}

impl Client {
    /// Starts to send.
    pub fn start(url: &str) -> Client {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = [Mode::New, Mode::KeepAlive, Mode::KeepAlive].map(|mode| {
            let (stop, url) = (Arc::clone(&stop), url.to_owned());
            thread::spawn(move || send_until(&stop, &url, mode))
        });
        Client { stop, threads: threads.into() }
    }

    /// Stops, and prints and gives what became of the requests.
    pub fn stop(self) -> TrafficReport {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = TrafficReport::default();
        for thread in self.threads {
            all.merge(thread.join().expect("a client does not panic"));
        }
        println!("    {all}");
        all
    }
}

fn send_until(stop: &AtomicBool, url: &str, mode: Mode) -> TrafficReport {
    const INTERVAL: Duration = Duration::from_millis(10);
    const MAX_REQUESTS: usize = 60_000;
    const GETS: [&str; 3] = ["/api/version", "/health/ready", "/config.json"];
    let mut report = TrafficReport::default();
    let mut kept = None;
    let keep_alive = mode == Mode::KeepAlive;
    while !stop.load(Ordering::Relaxed) && report.requests < MAX_REQUESTS {
        let began = Instant::now();
        // Without a log-in a POST is refused with 401 by the release, not by the edge: that is the right response.
        let (request, expected) = if keep_alive && report.requests % 2 == 1 {
            (Request::post("/api/shipments", "{}"), 401)
        } else {
            (Request::get(GETS[report.requests % 3]), 200)
        };
        report.requests += 1;
        let response = match kept.take() {
            Some(connection) => Ok(connection),
            None => http::connect(url),
        }
        .and_then(|mut connection| {
            let response = http::exchange(&mut connection, &request, keep_alive)?;
            kept = keep_alive.then_some(connection);
            Ok(response)
        });
        match response {
            Ok(response) if response.status == expected => report.releases.extend(response.release()),
            Ok(response) => report.add_failure(format!("{request}: {} {}", response.status, response.body)),
            Err(error) => report.add_failure(format!("{request}, {mode:?} connection: {error}")),
        }
        report.slowest = report.slowest.max(began.elapsed());
        thread::sleep(INTERVAL.saturating_sub(began.elapsed()));
    }
    report
}
