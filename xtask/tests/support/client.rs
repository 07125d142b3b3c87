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

fn connect(url: &str) -> std::io::Result<BufReader<TcpStream>> {
    let port: u16 = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// What is sent.
struct Request {
    method: &'static str,
    path: String,
    body: &'static str,
}

impl Request {
    fn get(path: &str) -> Request {
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

fn write(connection: &mut BufReader<TcpStream>, request: &Request, keep: bool) -> std::io::Result<()> {
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

type Headers = Vec<(String, String)>;

/// The status and the headers of an answer.
fn head(connection: &mut BufReader<TcpStream>) -> std::io::Result<(u16, Headers)> {
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

fn header(headers: &Headers, name: &str) -> Option<String> {
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
            all.sent += seen.sent;
            all.failed.extend(seen.failed);
            all.releases.extend(seen.releases);
            all.slowest = all.slowest.max(seen.slowest);
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
            Ok(answer) => seen.failed.push(format!("{request}: {} {}", answer.status, answer.body)),
            Err(error) => seen.failed.push(format!("{request}, {mode:?} connection: {error}")),
        }
        seen.slowest = seen.slowest.max(began.elapsed());
        thread::sleep(EVERY.saturating_sub(began.elapsed()));
    }
    seen
}

/// A slow download or upload that goes on until it is told to finish.
pub struct Stream {
    hurry: Arc<AtomicBool>,
    thread: JoinHandle<Result<String, Failed>>,
}

impl Stream {
    /// Begins to read a big file, a little at a time.
    pub fn download(url: &str, path: &'static str, bytes: usize) -> Result<Stream, Failed> {
        let mut connection = connect(url)?;
        write(&mut connection, &Request::get(path), false)?;
        let (status, headers) = head(&mut connection)?;
        let length = header(&headers, "content-length").and_then(|length| length.parse().ok());
        if status != 200 || length != Some(bytes) {
            return Err(format!("{path}: {status} {headers:?}").into());
        }
        Ok(Stream::start(move |hurry| {
            let (mut read, mut piece, mut wanted) = (0, vec![0; 16 << 10], noise());
            while read < bytes {
                let got = connection.read(&mut piece)?;
                if got == 0 {
                    return Err(format!("the download ended after {read} of {bytes} bytes").into());
                }
                if !piece[..got].iter().all(|byte| wanted.next() == Some(*byte)) {
                    return Err(format!(
                        "the download is another file's between {read} and {} bytes",
                        read + got
                    )
                    .into());
                }
                read += got;
                wait(hurry);
            }
            Ok(header(&headers, "x-tracehub-release").unwrap_or_default())
        }))
    }

    /// Begins to send a log-in, a little at a time: its body is read whole before it is answered.
    pub fn upload(url: &str) -> Result<Stream, Failed> {
        let mut connection = connect(url)?;
        let log_in = r#"{"email":"nobody@example.org","password":"wrong"}"#;
        let body = format!("{log_in}{}", " ".repeat(60_000 - log_in.len()));
        let beginning = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \
             {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        connection.get_mut().write_all(beginning.as_bytes())?;
        connection.get_mut().write_all(&body.as_bytes()[..1000])?;
        Ok(Stream::start(move |hurry| {
            for piece in body.as_bytes()[1000..].chunks(250) {
                connection.get_mut().write_all(piece)?;
                wait(hurry);
            }
            let (status, headers) = head(&mut connection)?;
            match header(&headers, "x-tracehub-release") {
                Some(release) if status == 401 => Ok(release),
                _ => Err(format!("the upload was answered {status} {headers:?}").into()),
            }
        }))
    }

    fn start(run: impl FnOnce(&AtomicBool) -> Result<String, Failed> + Send + 'static) -> Stream {
        let hurry = Arc::new(AtomicBool::new(false));
        let own = Arc::clone(&hurry);
        Stream { hurry, thread: thread::spawn(move || run(&own)) }
    }

    /// Has it go on to its end, and gives the release that answered. One that was over before has proved nothing.
    pub fn finish(self) -> Result<String, Failed> {
        if self.thread.is_finished() {
            let ended = self.thread.join().expect("a stream does not panic")?;
            return Err(format!("the stream ended before it was told to, answered by {ended}").into());
        }
        self.hurry.store(true, Ordering::Relaxed);
        self.thread.join().expect("a stream does not panic")
    }
}

/// Bytes that no compression makes fewer, and always the same ones.
pub fn noise() -> impl Iterator<Item = u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
}

/// A little, or not at all when it has to hurry.
fn wait(hurry: &AtomicBool) {
    if !hurry.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(100));
    }
}
