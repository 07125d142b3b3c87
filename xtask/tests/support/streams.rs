//! Requests that take long: downloads, uploads, streams of events and upgraded connections. None of them may be cut by
//! a switch.

use std::io::{BufRead, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use libtest_mimic::Failed;

use super::check;
use super::http::{Connection, Request, connect, read_head, send};
use super::project::{DOWNLOAD, DOWNLOAD_BYTES};

/// A slow request that goes on in a thread until it is told to finish.
pub struct Stream {
    hurry: Arc<AtomicBool>,
    thread: JoinHandle<Result<String, Failed>>,
}

impl Stream {
    /// Begins to read the big file of the page, a little at a time.
    pub fn download(url: &str) -> Result<Stream, Failed> {
        let mut connection = connect(url)?;
        send(&mut connection, &Request::get(DOWNLOAD), false)?;
        let head = read_head(&mut connection)?;
        let length = head.header("content-length").and_then(|length| length.parse().ok());
        if head.status != 200 || length != Some(DOWNLOAD_BYTES) {
            return Err(format!("{DOWNLOAD}: {head:?}").into());
        }
        Ok(Stream::start(move |hurry| {
            let (mut read, mut piece, mut expected) = (0, vec![0; 16 << 10], noise());
            while read < DOWNLOAD_BYTES {
                let got = connection.read(&mut piece)?;
                if got == 0 {
                    return Err(format!("the download ended after {read} of {DOWNLOAD_BYTES} bytes").into());
                }
                if !piece[..got].iter().all(|byte| expected.next() == Some(*byte)) {
                    let end = read + got;
                    return Err(
                        format!("the download is another file's between {read} and {end} bytes").into()
                    );
                }
                read += got;
                wait(hurry);
            }
            Ok(head.release().unwrap_or_default())
        }))
    }

    /// Begins to send a log-in, a little at a time: the app reads its body whole before it responds.
    pub fn upload(url: &str) -> Result<Stream, Failed> {
        let mut connection = connect(url)?;
        // Each with an e-mail address of its own: one with which too many log-ins have failed is not answered 401.
        let port = connection.get_ref().local_addr()?.port();
        let log_in = format!(r#"{{"email":"nobody-{port}@example.org","password":"wrong"}}"#);
        let body = format!("{log_in}{}", " ".repeat(15_000 - log_in.len()));
        let head = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \
             {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        connection.get_mut().write_all(head.as_bytes())?;
        connection.get_mut().write_all(&body.as_bytes()[..1000])?;
        Ok(Stream::start(move |hurry| {
            for piece in body.as_bytes()[1000..].chunks(64) {
                connection.get_mut().write_all(piece)?;
                wait(hurry);
            }
            let head = read_head(&mut connection)?;
            match head.release() {
                Some(release) if head.status == 401 => Ok(release),
                _ => Err(format!("the upload was answered {head:?}").into()),
            }
        }))
    }

    /// Begins to read server-sent events, which a release with the planted code sends for as long as somebody listens.
    /// Told to finish, it waits for one more.
    pub fn events(url: &str) -> Result<Stream, Failed> {
        let mut connection = connect(url)?;
        send(&mut connection, &Request::get("/api/test/events"), false)?;
        let head = read_head(&mut connection)?;
        let (200, Some("text/event-stream"), Some(release)) =
            (head.status, head.header("content-type"), head.release())
        else {
            return Err(format!("no stream of events, but {head:?}").into());
        };
        Ok(Stream::start(move |hurry| {
            for number in 0.. {
                let last = hurry.load(Ordering::Relaxed);
                // It comes in chunks, whose sizes are lines of their own.
                let expected = format!("data: {number}");
                while line(&mut connection, &format!("event {number}"))? != expected {}
                if last {
                    break;
                }
            }
            Ok(release)
        }))
    }

    /// Begins to talk over an upgraded connection, as a web socket does; a release with the planted code echoes each
    /// line.
    pub fn socket(url: &str) -> Result<Stream, Failed> {
        let mut connection = connect(url)?;
        let upgrade = "GET /api/test/echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        connection.get_mut().write_all(upgrade.as_bytes())?;
        let head = read_head(&mut connection)?;
        let (101, Some(release)) = (head.status, head.release()) else {
            return Err(format!("not upgraded, but {head:?}").into());
        };
        Ok(Stream::start(move |hurry| {
            for number in 0.. {
                let (last, sent) = (hurry.load(Ordering::Relaxed), format!("line {number}"));
                connection.get_mut().write_all(format!("{sent}\n").as_bytes())?;
                let received = line(&mut connection, &sent)?;
                if received != sent {
                    return Err(format!("{sent:?} came back as {received:?}").into());
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
        let shared = Arc::clone(&hurry);
        Stream { hurry, thread: thread::spawn(move || run(&shared)) }
    }

    /// Has it go on to its end without pauses, and gives the release that answered. Fails when it was over before:
    /// then it has proved nothing.
    pub fn finish(self) -> Result<String, Failed> {
        if self.thread.is_finished() {
            let release = self.thread.join().expect("a stream does not panic")?;
            return Err(format!("the stream ended before it was told to, answered by {release}").into());
        }
        self.hurry.store(true, Ordering::Relaxed);
        self.thread.join().expect("a stream does not panic")
    }
}

/// Fails when a stream was cut, or answered by another release than this one.
pub fn all_answered_by<const N: usize>(
    finished: [Result<String, Failed>; N],
    release: &str,
) -> Result<(), Failed> {
    for answered in finished {
        let answered = answered?;
        check(answered == release, || format!("a stream was answered by {answered} instead of {release}"))?;
    }
    Ok(())
}

/// Bytes that do not compress, and always the same ones.
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

/// The next line. Fails at the end of the connection, and says what it was waiting for.
fn line(connection: &mut Connection, what: &str) -> Result<String, Failed> {
    let mut line = String::new();
    match connection.read_line(&mut line) {
        Ok(0) => Err(format!("the connection was cut before {what}").into()),
        Ok(_) => Ok(line.trim_end().to_owned()),
        Err(error) => Err(format!("{what} did not come: {error}").into()),
    }
}

/// 100 ms, or not at all in a hurry.
fn wait(hurry: &AtomicBool) {
    if !hurry.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(100));
    }
}
