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
    pub headers: Headers,
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
    Ok(ask(&mut connection, &Request::get(path), false)?)
}

pub(crate) fn connect(url: &str) -> std::io::Result<BufReader<TcpStream>> {
    let port: u16 = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// What is sent.
pub(crate) struct Request {
    method: &'static str,
    path: String,
    body: &'static str,
}

impl Request {
    pub(crate) fn get(path: &str) -> Request {
        Request { method: "GET", path: path.to_owned(), body: "" }
    }

    fn post(path: &str, body: &'static str) -> Request {
        Request { method: "POST", path: path.to_owned(), body }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

fn ask(connection: &mut BufReader<TcpStream>, request: &Request, keep: bool) -> std::io::Result<Answer> {
    write(connection, request, keep)?;
    let (status, headers) = head(connection)?;
    let mut body = Vec::new();
    match header(&headers, "content-length").and_then(|length| length.parse().ok()) {
        Some(length) => {
            body.resize(length, 0);
            connection.read_exact(&mut body)?;
        }
        None => drop(connection.read_to_end(&mut body)?),
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status, release: header(&headers, "x-tracehub-release"), headers, body })
}

pub(crate) fn write(
    connection: &mut BufReader<TcpStream>,
    request: &Request,
    keep: bool,
) -> std::io::Result<()> {
    let Request { method, path, body } = request;
    let keep = if keep { "keep-alive" } else { "close" };
    let about_body = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{about_body}Connection: {keep}\r\n\r\n{body}"
    );
    connection.get_mut().write_all(text.as_bytes())
}

pub(crate) type Headers = Vec<(String, String)>;

/// The status and the headers of an answer.
pub(crate) fn head(connection: &mut BufReader<TcpStream>) -> std::io::Result<(u16, Headers)> {
    let mut line = || {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err(std::io::Error::other("the connection ended in the middle of an answer"));
        }
        std::io::Result::Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no answer, but {first:?}")))?;
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        if header.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) =
            header.split_once(':').ok_or_else(|| std::io::Error::other("a header without a name"))?;
        let value = value.trim();
        headers.push((name.to_lowercase(), value.to_owned()));
    }
}

pub(crate) fn header(headers: &Headers, name: &str) -> Option<String> {
    headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
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
    /// When the first and the last failure were seen.
    pub failing: Option<(Instant, Instant)>,
}

impl Seen {
    /// For how long requests failed.
    pub fn failed_for(&self) -> Duration {
        self.failing.map_or(Duration::ZERO, |(first, last)| last - first)
    }

    fn fails(&mut self, failure: String) {
        let now = Instant::now();
        self.failed.push(failure);
        self.failing = Some((self.failing.map_or(now, |(first, _)| first), now));
    }

    fn add(&mut self, other: Seen) {
        self.sent += other.sent;
        self.failed.extend(other.failed);
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

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {} failed within {} ms, slowest {} ms",
            self.sent,
            self.failed.len(),
            self.failed_for().as_millis(),
            self.slowest.as_millis()
        )?;
        self.failed.iter().take(5).try_for_each(|failure| write!(f, "\n      {failure}"))
    }
}

/// How a thread of the client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Each request on a connection of its own.
    New,
    /// All on one connection, which is kept; every other one is a POST, which nobody repeats when it fails.
    Kept,
}

/// Threads that send requests until they are stopped: over new connections, and over a pool of kept ones.
pub struct Client {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Seen>>,
}

impl Client {
    /// Begins.
    pub fn start(url: &str) -> Client {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = [Mode::New, Mode::Kept, Mode::Kept].map(|mode| {
            let (stop, url) = (Arc::clone(&stop), url.to_owned());
            thread::spawn(move || send(&url, mode, &stop))
        });
        Client { stop, threads: threads.into() }
    }

    /// Ends, and says what it saw.
    pub fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for seen in self.threads.into_iter().map(|thread| thread.join().expect("a client does not panic")) {
            all.add(seen);
        }
        all
    }
}

fn send(url: &str, mode: Mode, stop: &AtomicBool) -> Seen {
    const EVERY: Duration = Duration::from_millis(10);
    const AT_MOST: usize = 60_000;
    const GETS: [&str; 3] = ["/api/version", "/health/ready", "/config.json"];
    let mut seen = Seen::default();
    let mut kept = None;
    let keep = mode == Mode::Kept;
    while !stop.load(Ordering::Relaxed) && seen.sent < AT_MOST {
        let began = Instant::now();
        // Without a log-in a POST is refused, by the release and not by the edge: that is its answer.
        let (request, wanted) = if keep && seen.sent % 2 == 1 {
            (Request::post("/api/shipments", "{}"), 401)
        } else {
            (Request::get(GETS[seen.sent % 3]), 200)
        };
        seen.sent += 1;
        let answered = match kept.take() {
            Some(connection) => Ok(connection),
            None => connect(url),
        }
        .and_then(|mut connection| {
            let answer = ask(&mut connection, &request, keep)?;
            kept = keep.then_some(connection);
            Ok(answer)
        });
        match answered {
            Ok(answer) if answer.status == wanted => seen.releases.extend(answer.release),
            Ok(answer) => seen.fails(format!("{request}: {} {}", answer.status, answer.body)),
            Err(error) => seen.fails(format!("{request}, {mode:?} connection: {error}")),
        }
        seen.slowest = seen.slowest.max(began.elapsed());
        thread::sleep(EVERY.saturating_sub(began.elapsed()));
    }
    seen
}
