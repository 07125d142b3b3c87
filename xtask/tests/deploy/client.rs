//! A client that sends requests all along and counts every failure: no retries, over new connections and over one that
//! is kept. It asks the loopback only, and at most twice 100 times a second.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The release that gave it, by its header.
    pub release: Option<String>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// One request on a connection of its own.
pub fn get(url: &str, path: &str) -> Result<Answer, Failed> {
    let mut connection = connect(url)?;
    Ok(ask(&mut connection, path, false)?)
}

fn connect(url: &str) -> std::io::Result<BufReader<TcpStream>> {
    let port: u16 = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

fn ask(connection: &mut BufReader<TcpStream>, path: &str, keep: bool) -> std::io::Result<Answer> {
    let keep = if keep { "keep-alive" } else { "close" };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {keep}\r\n\r\n");
    connection.get_mut().write_all(request.as_bytes())?;
    let mut line = || {
        let mut line = String::new();
        connection.read_line(&mut line)?;
        std::io::Result::Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no answer, but {first:?}")))?;
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let header = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    let mut body = Vec::new();
    match header("content-length").and_then(|length| length.parse().ok()) {
        Some(length) => {
            body.resize(length, 0);
            connection.read_exact(&mut body)?;
        }
        None => drop(connection.read_to_end(&mut body)?),
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status, release: header("x-tracehub-release"), headers, body })
}

/// What the client saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Requests sent.
    pub sent: usize,
    /// Each failure, in words.
    pub failed: Vec<String>,
    /// The releases that answered.
    pub releases: BTreeSet<String>,
    /// The slowest answer.
    pub slowest: Duration,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {} failed, slowest {} ms",
            self.sent,
            self.failed.len(),
            self.slowest.as_millis()
        )?;
        self.failed.iter().take(5).try_for_each(|failure| write!(f, "\n      {failure}"))
    }
}

/// Two threads that send requests until they are stopped.
pub struct Client {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Seen>>,
}

impl Client {
    /// Begins.
    pub fn start(url: &str) -> Client {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = [false, true].map(|keep| {
            let (stop, url) = (Arc::clone(&stop), url.to_owned());
            thread::spawn(move || send(&url, keep, &stop))
        });
        Client { stop, threads: threads.into() }
    }

    /// Ends, and says what it saw.
    pub fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for seen in self.threads.into_iter().map(|thread| thread.join().expect("a client does not panic")) {
            all.sent += seen.sent;
            all.failed.extend(seen.failed);
            all.releases.extend(seen.releases);
            all.slowest = all.slowest.max(seen.slowest);
        }
        all
    }
}

fn send(url: &str, keep: bool, stop: &AtomicBool) -> Seen {
    const EVERY: Duration = Duration::from_millis(10);
    const AT_MOST: usize = 60_000;
    let mut seen = Seen::default();
    let mut kept = None;
    while !stop.load(Ordering::Relaxed) && seen.sent < AT_MOST {
        let began = Instant::now();
        let path = ["/api/version", "/health/ready", "/config.json"][seen.sent % 3];
        seen.sent += 1;
        let answered = match kept.take() {
            Some(connection) => Ok(connection),
            None => connect(url),
        }
        .and_then(|mut connection| {
            let answer = ask(&mut connection, path, keep)?;
            kept = keep.then_some(connection);
            Ok(answer)
        });
        match answered {
            Ok(answer) if answer.status == 200 => seen.releases.extend(answer.release),
            Ok(answer) => seen.failed.push(format!("{path}: {} {}", answer.status, answer.body)),
            Err(error) => seen
                .failed
                .push(format!("{path} on a {} connection: {error}", if keep { "kept" } else { "new" })),
        }
        seen.slowest = seen.slowest.max(began.elapsed());
        thread::sleep(EVERY.saturating_sub(began.elapsed()));
    }
    seen
}
