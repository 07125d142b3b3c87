//! Somebody who is told: a webhook on this machine, where hosts of a lab reach it, that keeps what it is sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xshell::cmd;

use super::Vps;
use crate::tools::process::{Run, interrupt, shell};

/// This machine's address, as a machine of the lab reaches it.
const GATEWAY: &str = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}";
/// Nobody sends more.
const MAX_BODY: u64 = 64 << 10;

type Kept = Arc<Mutex<Vec<(Instant, String)>>>;

/// What was sent to it, and when. It listens until the program ends.
pub struct Inbox {
    /// Where it is told.
    pub url: String,
    kept: Kept,
}

impl Inbox {
    /// Listens on the engine's network, on a port of its own.
    pub fn open(host: &Vps) -> Result<Inbox> {
        let container = &host.container;
        let gateway = Run::new(cmd!(shell(), "docker inspect --format {GATEWAY} {container}")).text()?;
        let listener = TcpListener::bind((gateway.trim(), 0))
            .with_context(|| format!("listening at {}", gateway.trim()))?;
        let inbox = Inbox { url: format!("http://{}/alarms", listener.local_addr()?), kept: Arc::default() };
        let kept = Arc::clone(&inbox.kept);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || drop(take(stream, &kept)));
            }
        });
        Ok(inbox)
    }

    /// Waits for a message with these words that came after `since`, and says when it came.
    pub fn wait_for(&self, words: &str, since: Instant, timeout: Duration) -> Result<Instant> {
        let began = Instant::now();
        loop {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((at, _)) = kept.iter().find(|(at, message)| *at >= since && message.contains(words)) {
                return Ok(*at);
            }
            if began.elapsed() > timeout {
                let all: Vec<&str> = kept.iter().map(|(_, message)| message.as_str()).collect();
                bail!("nobody was told '{words}' within {} s, but: {all:?}", timeout.as_secs());
            }
            interrupt::pause(Duration::from_millis(50))?;
        }
    }
}

/// One POST: its body is kept.
fn take(stream: TcpStream, kept: &Kept) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().to_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = Vec::new();
    reader.by_ref().take(MAX_BODY.min(length)).read_to_end(&mut body)?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let message = (Instant::now(), String::from_utf8_lossy(&body).into_owned());
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(message);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_before_does_not_count() {
        let inbox = Inbox { url: String::new(), kept: Arc::default() };
        let tell = |words: &str| inbox.kept.lock().unwrap().push((Instant::now(), words.to_owned()));
        tell("ALARM: site");
        let since = Instant::now();
        let error = inbox.wait_for("ALARM: site", since, Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains("nobody was told 'ALARM: site'"), "{error}");
        tell("ALARM: site");
        assert!(inbox.wait_for("ALARM: site", since, Duration::ZERO).unwrap() >= since);
    }
}
