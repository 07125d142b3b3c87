//! The lines of a child's output, as they come.

use std::io::{self, BufRead, BufReader, PipeWriter};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

/// The longest that the rest of a child's output is waited for when it has ended, and something that left its process group
/// holds the pipe.
pub const OUTPUT_DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The writing end of a pipe. A thread reads the other end and gives each line, with its line end, to `tell`. Nobody waits
/// for the thread: what left a child's process group may hold the pipe for as long as it likes.
pub(super) fn pipe(tell: impl Fn(String) + Send + 'static) -> io::Result<PipeWriter> {
    let (reader, writer) = io::pipe()?;
    thread::spawn(move || {
        let (mut reader, mut line) = (BufReader::new(reader), Vec::new());
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            tell(String::from_utf8_lossy(&line).into_owned());
            line.clear();
        }
    });
    Ok(writer)
}

/// The lines that are still to come when the child has ended, until its pipes are at their end or `timeout` has passed.
pub fn rest<T>(lines: &Receiver<T>, timeout: Duration) -> impl Iterator<Item = T> {
    let until = Instant::now() + timeout;
    std::iter::from_fn(move || lines.recv_timeout(until.saturating_duration_since(Instant::now())).ok())
}
