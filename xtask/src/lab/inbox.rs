//! Somebody who is told: a webhook on this machine, where hosts of a lab reach it, that keeps what it is sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use xshell::cmd;

use super::Vps;
use crate::tools::process::{Run, interrupt, shell};
use crate::tools::smtp;

/// This machine's address, as a machine of the lab reaches it.
const GATEWAY: &str = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}";
/// Nobody sends more.
const MAX_BODY: u64 = 64 << 10;

type Kept = Arc<Mutex<Vec<(Instant, String)>>>;

/// What was sent to it, and when. It listens until the program ends.
pub struct Inbox {
    /// Where it is told as Slack is.
    pub url: String,
    /// Where it is told by mail.
    pub smtp: String,
    kept: Kept,
}

/// The path of who is told as Slack is.
pub const SLACK: &str = "/alarms";
/// What a mail begins with.
pub const MAIL: &str = "mail";
/// The path at which a watcher says that it is alive.
pub const HEARTBEAT: &str = "/heartbeat";

impl Inbox {
    /// Listens on the engine's network, on a port of its own.
    pub fn open(host: &Vps) -> Result<Inbox> {
        Inbox::at(&gateway(host)?)
    }

    /// Like `open`, at this address of this machine's.
    pub fn at(address: &str) -> Result<Inbox> {
        let listener = TcpListener::bind((address, 0)).with_context(|| format!("listening at {address}"))?;
        let mails =
            TcpListener::bind((address, 0)).with_context(|| format!("listening at {address} for mails"))?;
        let inbox = Inbox {
            url: format!("http://{}{SLACK}", listener.local_addr()?),
            smtp: format!("smtp://{}?from=watcher@lab.example&to=ada@lab.example", mails.local_addr()?),
            kept: Arc::default(),
        };
        inbox.serve(listener, take);
        inbox.serve(mails, |stream, kept| {
            let keep = |_: &str, mail: &str| {
                push(kept, format!("{MAIL} {mail}"));
                Ok(())
            };
            smtp::take(&stream, &keep)
        });
        Ok(inbox)
    }

    /// A thread for each who comes. Whoever breaks off has told nothing.
    fn serve(&self, listener: TcpListener, take: fn(TcpStream, &Kept) -> Result<()>) {
        let kept = Arc::clone(&self.kept);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || drop(take(stream, &kept)));
            }
        });
    }

    /// The address of that path.
    pub fn heartbeat(&self) -> String {
        self.url.replace(SLACK, HEARTBEAT)
    }

    /// How many messages came.
    pub fn count(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until no message with these words, of which some came, has come for so long; says from when on that was so.
    pub fn wait_for_silence(&self, words: &str, longest: Duration, timeout: Duration) -> Result<Instant> {
        let began = Instant::now();
        loop {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let last = kept.iter().rev().find(|(_, message)| message.contains(words));
            let (last, _) = last.with_context(|| format!("nobody ever heard '{words}'"))?;
            if last.elapsed() >= longest {
                return Ok(*last + longest);
            }
            ensure!(
                began.elapsed() <= timeout,
                "'{words}' is heard after {} s, too, and was to end",
                timeout.as_secs()
            );
            interrupt::pause(Duration::from_millis(50))?;
        }
    }

    /// Waits for a message with these words that came this way after `since`, and says when it came.
    pub fn wait_for(&self, way: &str, words: &str, since: Instant, timeout: Duration) -> Result<Instant> {
        let began = Instant::now();
        loop {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let is_it = |message: &str| {
                message.lines().next().is_some_and(|it| it.contains(way)) && message.contains(words)
            };
            if let Some((at, _)) = kept.iter().find(|(at, message)| *at >= since && is_it(message)) {
                return Ok(*at);
            }
            if began.elapsed() > timeout {
                let all: Vec<&str> = kept.iter().map(|(_, message)| message.as_str()).collect();
                bail!("nobody was told '{words}' by {way} within {} s, but: {all:?}", timeout.as_secs());
            }
            interrupt::pause(Duration::from_millis(50))?;
        }
    }
}

/// This machine's address, as that machine reaches it.
pub fn gateway(host: &Vps) -> Result<String> {
    let container = &host.container;
    let told = Run::new(cmd!(shell(), "docker inspect --format {GATEWAY} {container}")).text()?;
    Ok(told.trim().to_owned())
}

/// One request: its first line and its body are kept.
fn take(stream: TcpStream, kept: &Kept) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream);
    let (mut length, mut message) = (0, String::new());
    reader.read_line(&mut message)?;
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
    message.push_str(&String::from_utf8_lossy(&body));
    push(kept, message);
    Ok(())
}

fn push(kept: &Kept, message: String) {
    kept.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), message));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_before_does_not_count() {
        let inbox = Inbox { url: String::new(), smtp: String::new(), kept: Arc::default() };
        let tell = |words: &str| inbox.kept.lock().unwrap().push((Instant::now(), words.to_owned()));
        tell("POST /alarms HTTP/1.1\r\nALARM: site");
        let since = Instant::now();
        let wait = |way| inbox.wait_for(way, "ALARM: site", since, Duration::ZERO);
        let error = wait(SLACK).unwrap_err().to_string();
        assert!(error.contains("nobody was told 'ALARM: site'"), "{error}");
        tell("POST /alarms HTTP/1.1\r\nALARM: site");
        assert!(wait(SLACK).unwrap() >= since);
        assert!(wait(MAIL).is_err());
        tell("mail From: watcher\r\nSubject: [lab] ALARM: site");
        assert!(wait(MAIL).unwrap() >= since);
    }

    #[test]
    fn silence_begins_with_the_last_that_was_heard() {
        let inbox = Inbox { url: String::new(), smtp: String::new(), kept: Arc::default() };
        let silence = |longest| inbox.wait_for_silence("/beat", longest, Duration::ZERO);
        assert!(silence(Duration::ZERO).unwrap_err().to_string().contains("nobody ever heard"));
        let now = Instant::now();
        let at = |ago: u64| now.checked_sub(Duration::from_secs(ago)).unwrap();
        for (ago, words) in [(90, "GET /beat"), (70, "GET /beat"), (1, "POST /alarms")] {
            inbox.kept.lock().unwrap().push((at(ago), words.to_owned()));
        }
        assert_eq!(silence(Duration::from_secs(60)).unwrap(), at(10));
        assert!(silence(Duration::from_secs(80)).unwrap_err().to_string().contains("was to end"));
    }
}
