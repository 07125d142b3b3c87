//! Users: requests at a steady rate, half of them over new connections and half over kept ones, each failure counted and
//! nothing ever sent twice. To this machine's own loopback only.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Threads over new connections, and as many over a kept one each.
const PAIRS: usize = 2;
/// What each thread asks in turn: both halves of the product.
const PATHS: [&str; 2] = ["/api/version", "/config.json"];
/// Longer than this, nobody waits.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// One answer that was good.
#[derive(Debug, Clone)]
struct Answered {
    at: Instant,
    release: String,
}

/// What the users saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Requests sent.
    pub sent: usize,
    /// How each one that failed did.
    pub failed: Vec<String>,
    /// The slowest answer.
    pub slowest: Duration,
    answered: Vec<Answered>,
}

impl Seen {
    /// When the release gave its last answer before another one had taken over for good; none when it gave none.
    pub fn last_of(&self, release: &str) -> Option<Instant> {
        self.answered.iter().filter(|answer| answer.release == release).map(|answer| answer.at).max()
    }

    /// The longest time for which the release gave no answer, between two that it gave.
    pub fn longest_without(&self, release: &str) -> Duration {
        let mut answers: Vec<Instant> =
            self.answered.iter().filter(|answer| answer.release == release).map(|answer| answer.at).collect();
        answers.sort_unstable();
        answers.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default()
    }

    /// When the release gave its first answer.
    pub fn first_of(&self, release: &str) -> Option<Instant> {
        self.answered.iter().filter(|answer| answer.release == release).map(|answer| answer.at).min()
    }
}

/// Users that go on until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Seen>>,
}

impl Load {
    /// So many requests a second, to a port of the loopback.
    pub fn start(port: u16, rate: u32) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = 2 * PAIRS;
        let every = Duration::from_secs(u64::try_from(threads).unwrap_or(1)) / rate;
        let user = |number: usize| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || send(port, number % 2 == 1, every, &stop))
        };
        Load { threads: (0..threads).map(user).collect(), stop }
    }

    /// Ends, and says what they saw.
    pub fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for seen in self.threads.into_iter().filter_map(|thread| thread.join().ok()) {
            all.sent += seen.sent;
            all.failed.extend(seen.failed);
            all.slowest = all.slowest.max(seen.slowest);
            all.answered.extend(seen.answered);
        }
        all
    }
}

fn send(port: u16, keep: bool, every: Duration, stop: &AtomicBool) -> Seen {
    let (mut seen, mut kept) = (Seen::default(), None);
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let path = PATHS[seen.sent % PATHS.len()];
        seen.sent += 1;
        let answer = kept.take().map_or_else(|| connect(port), Ok).and_then(|mut connection| {
            let answer = ask(&mut connection, path, keep)?;
            kept = keep.then_some(connection);
            Ok(answer)
        });
        match answer {
            Ok((200, release)) => seen.answered.push(Answered { at: Instant::now(), release }),
            Ok((status, _)) => seen.failed.push(format!("{path}: {status}")),
            Err(error) => seen.failed.push(format!("{path}: {error}")),
        }
        seen.slowest = seen.slowest.max(began.elapsed());
        thread::sleep(every.saturating_sub(began.elapsed()));
    }
    seen
}

fn connect(port: u16) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), REQUEST_TIMEOUT)?;
    stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// Status, and the release that the answer names.
fn ask(connection: &mut BufReader<TcpStream>, path: &str, keep: bool) -> Result<(u16, String)> {
    let keep = if keep { "keep-alive" } else { "close" };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {keep}\r\n\r\n");
    connection.get_mut().write_all(request.as_bytes())?;
    let mut line = || {
        let mut line = String::new();
        match connection.read_line(&mut line)? {
            0 => Err(Error::other("the connection ended before the answer")),
            _ => Ok(line.trim_end().to_lowercase()),
        }
    };
    let status = line()?.split(' ').nth(1).and_then(|status| status.parse().ok());
    let (mut release, mut length) = (String::new(), None);
    loop {
        let header = line()?;
        match header.split_once(':') {
            None if header.is_empty() => break,
            Some((crate::project::RELEASE_HEADER, value)) => value.trim().clone_into(&mut release),
            Some(("content-length", value)) => length = value.trim().parse().ok(),
            _ => {}
        }
    }
    match length {
        Some(length) => connection.read_exact(&mut vec![0; length])?,
        None => drop(connection.read_to_end(&mut Vec::new())?),
    }
    Ok((status.ok_or_else(|| Error::other("no status"))?, release))
}
