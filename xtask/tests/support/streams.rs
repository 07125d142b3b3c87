//! Requests that go on for long: downloads, uploads, streams of events and upgraded connections. None of them may be cut
//! by a switch.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use libtest_mimic::Failed;

use crate::client::{Request, connect, head, header, write};

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
        // Each with an address of its own: one with which too many log-ins have failed is not answered 401.
        let port = connection.get_ref().local_addr()?.port();
        let log_in = format!(r#"{{"email":"nobody-{port}@example.org","password":"wrong"}}"#);
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

    /// Begins to read events, which a release of the suites sends for as long as somebody listens. Told to finish, it waits
    /// for one more.
    pub fn events(url: &str) -> Result<Stream, Failed> {
        let mut connection = connect(url)?;
        write(&mut connection, &Request::get("/api/mood/events"), false)?;
        let (status, headers) = head(&mut connection)?;
        let kind = header(&headers, "content-type").unwrap_or_default();
        let release = header(&headers, "x-tracehub-release");
        let (200, "text/event-stream", Some(release)) = (status, kind.as_str(), release) else {
            return Err(format!("no stream of events, but {status} {headers:?}").into());
        };
        Ok(Stream::start(move |hurry| {
            for number in 0.. {
                let last = hurry.load(Ordering::Relaxed);
                // It comes in chunks, whose sizes are lines of their own.
                let wanted = format!("data: {number}");
                while line(&mut connection, &format!("event {number}"))? != wanted {}
                if last {
                    break;
                }
            }
            Ok(release)
        }))
    }

    /// Begins to talk over an upgraded connection, as a web socket does; a release of the suites says everything again.
    pub fn socket(url: &str) -> Result<Stream, Failed> {
        let mut connection = connect(url)?;
        let upgrade = "GET /api/mood/echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        connection.get_mut().write_all(upgrade.as_bytes())?;
        let (status, headers) = head(&mut connection)?;
        let (101, Some(release)) = (status, header(&headers, "x-tracehub-release")) else {
            return Err(format!("not upgraded, but {status} {headers:?}").into());
        };
        Ok(Stream::start(move |hurry| {
            for number in 0.. {
                let (last, word) = (hurry.load(Ordering::Relaxed), format!("word {number}"));
                connection.get_mut().write_all(format!("{word}\n").as_bytes())?;
                let said = line(&mut connection, &word)?;
                if said != word {
                    return Err(format!("{word:?} came back as {said:?}").into());
                }
                if last {
                    break;
                }
                wait(hurry);
            }
            Ok(release)
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

/// The next line; that there is none is an error that says what was waited for.
fn line(connection: &mut BufReader<TcpStream>, what: &str) -> Result<String, Failed> {
    let mut line = String::new();
    match connection.read_line(&mut line) {
        Ok(0) => Err(format!("it was cut before {what}").into()),
        Ok(_) => Ok(line.trim_end().to_owned()),
        Err(error) => Err(format!("{what} did not come: {error}").into()),
    }
}

/// A little, or not at all when it has to hurry.
fn wait(hurry: &AtomicBool) {
    if !hurry.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(100));
    }
}
