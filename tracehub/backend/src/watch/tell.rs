//! The ways to people: Slack, e-mail, and a heartbeat to whoever watches the watcher. Their addresses are secrets: no error
//! says more of one than its way's name.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use lettre::message::Mailbox;
use serde::Serialize;
use serde_json::json;
use ureq::Agent;

use crate::mail::{self, Patience, Server};
use crate::tls;

/// The longest that whoever is told may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The same, of a mail server.
const PATIENCE: Patience = Patience { answer: TIME_LIMIT, whole: Duration::from_secs(60) };
/// The name of the way to Slack.
const SLACK: &str = "slack";
/// The name of the way to a mailbox, in front of its place in the list.
const MAIL: &str = "mail-";
/// The longest secret that is read.
const LONGEST: u64 = 4096;

/// Whom to tell, and how.
#[derive(Clone, Default)]
pub struct Ways {
    slack: Option<String>,
    mail: Option<Mail>,
    heartbeat: Option<String>,
}

#[derive(Clone)]
struct Mail {
    server: Server,
    to: Vec<Mailbox>,
}

/// What people are told.
#[derive(Debug)]
pub struct Letter<'a> {
    /// The same each time that it is sent, and of no other: by it, a mailbox shows one that came twice once.
    pub id: String,
    /// One line.
    pub subject: &'a str,
    /// All of it.
    pub text: &'a str,
}

/// A way that was tried.
#[derive(Debug, Serialize)]
pub struct Tried {
    /// Its name.
    pub way: String,
    /// How long it took, in milliseconds.
    pub ms: u128,
    /// Why it did not arrive.
    pub error: Option<String>,
}

/// Why a message did not arrive.
#[derive(Debug, PartialEq, Eq)]
pub struct NotTold {
    words: String,
    /// For how many seconds whoever is told asks to wait.
    pub retry_after: Option<i64>,
}

impl NotTold {
    /// Nobody said how long to wait.
    pub fn new(words: String) -> NotTold {
        NotTold { words, retry_after: None }
    }
}

impl std::fmt::Display for NotTold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}

impl Ways {
    /// Those of a folder with a file each; one that is missing or empty is off.
    pub fn read(folder: &Path) -> anyhow::Result<Ways> {
        let mail = read(&folder.join("alarm_smtp"))?.map(|url| Mail::parse(&url)).transpose();
        Ok(Ways {
            slack: read(&folder.join("slack_webhook_url"))?,
            mail: mail.context("alarm_smtp")?,
            heartbeat: read(&folder.join("heartbeat_url"))?,
        })
    }

    /// The names of those that people are told by. Each mailbox is one of its own, by its place in the list: one that is
    /// refused holds up no other, and its address is not written down.
    pub fn names(&self) -> Vec<String> {
        let slack = self.slack.iter().map(|_| SLACK.to_owned());
        let boxes = self.mail.iter().flat_map(|mail| 1..=mail.to.len());
        slack.chain(boxes.map(|place| format!("{MAIL}{place}"))).collect()
    }

    /// Sends a message by one of them. A way that is there no more has had it.
    pub fn send(&self, way: &str, letter: &Letter) -> Result<(), NotTold> {
        let place = way.strip_prefix(MAIL).and_then(|place| place.parse::<usize>().ok());
        match (place, &self.mail, &self.slack) {
            (Some(place), Some(mail), _) => match mail.to.get(place.wrapping_sub(1)) {
                Some(to) => mail.send(to, letter),
                None => Ok(()),
            },
            (None, _, Some(url)) if way == SLACK => slack(url, letter.subject, letter.text),
            _ => Ok(()),
        }
    }

    /// Who of them answers requests with the time, without what makes an address a secret.
    pub fn clocks(&self) -> Vec<String> {
        let of = |address: &String| Some(url::Url::parse(address).ok()?.origin().ascii_serialization() + "/");
        self.heartbeat.iter().chain(&self.slack).filter_map(of).collect()
    }

    /// Says to whoever watches from outside that the watcher is alive, and that people would hear.
    pub fn beat(&self) {
        if let Some(Err(error)) = self.heart() {
            tracing::warn!("the heartbeat: {error}");
        }
    }

    /// None when nobody watches from outside.
    fn heart(&self) -> Option<Result<(), NotTold>> {
        let answer = agent().get(self.heartbeat.as_ref()?).call();
        let words = match answer {
            Ok(answer) if answer.status().is_success() => return Some(Ok(())),
            Ok(answer) => format!("it was answered {}", answer.status().as_u16()),
            Err(error) => kind(&error),
        };
        Some(Err(NotTold::new(words)))
    }

    /// Sends a test by each, the heartbeat among them, at the same time.
    pub fn test(&self, environment: &str, id: &str) -> Vec<Tried> {
        let subject = format!("[{environment}] test");
        let text = "A test of the ways by which alarms are told: nothing is wrong.";
        let letter = Letter { id: id.to_owned(), subject: &subject, text };
        let timed = |way: String, send: &dyn Fn() -> Option<Result<(), NotTold>>| {
            let began = Instant::now();
            let error = send()?.err().map(|error| format!("{way}: {error}"));
            Some(Tried { way, ms: began.elapsed().as_millis(), error })
        };
        let (letter, timed) = (&letter, &timed);
        thread::scope(|scope| {
            let names = self.names().into_iter();
            let mut all: Vec<_> = names
                .map(|way| scope.spawn(move || timed(way.clone(), &|| Some(self.send(&way, letter)))))
                .collect();
            all.push(scope.spawn(move || timed("heartbeat".to_owned(), &|| self.heart())));
            all.into_iter().filter_map(|tried| tried.join().ok().flatten()).collect()
        })
    }
}

fn read(file: &Path) -> anyhow::Result<Option<String>> {
    let Ok(found) = fs::metadata(file) else { return Ok(None) };
    if found.len() > LONGEST {
        bail!("{} is longer than {LONGEST} bytes", file.display());
    }
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn slack(url: &str, subject: &str, text: &str) -> Result<(), NotTold> {
    // What these mean to Slack: mentions and links.
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let body = json!({ "text": format!("*{}*\n{}", plain(subject), plain(text)) });
    let request = agent().post(url).header("content-type", "application/json");
    let answer = request.send(body.to_string().as_bytes());
    let answer = answer.map_err(|error| NotTold::new(kind(&error)))?;
    if answer.status().is_success() {
        return Ok(());
    }
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    Err(NotTold { words: format!("it was answered {}", answer.status().as_u16()), retry_after })
}

impl Mail {
    /// The address of a [`Server`], with `&to=ADDRESS` once or more.
    fn parse(url: &str) -> anyhow::Result<Mail> {
        let server = Server::parse(url)?;
        let to = mail::mailboxes(&url::Url::parse(url)?, "to")?;
        if to.is_empty() {
            bail!("it says nobody who is to have it: …&to=ADDRESS");
        }
        Ok(Mail { server, to })
    }

    fn send(&self, to: &Mailbox, letter: &Letter) -> Result<(), NotTold> {
        let (id, subject) = (letter.id.as_str(), letter.subject);
        let mail = mail::Mail { id, to, subject, text: letter.text.to_owned(), html: None };
        let sent = self.server.send(mail, PATIENCE);
        sent.map_err(|error| NotTold::new(error.to_string()))
    }
}

/// An HTTP client that follows nothing and takes every status for an answer.
pub(super) fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(TIME_LIMIT))
        .max_redirects(0)
        .http_status_as_error(false)
        .max_idle_connections(0)
        .proxy(None)
        .tls_config(tls::config(None))
        .build()
        .new_agent()
}

/// What went wrong, without the address.
pub(super) fn kind(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "there was no answer in time".to_owned(),
        ureq::Error::HostNotFound => "its name has no address".to_owned(),
        ureq::Error::ConnectionFailed => "there was no connection".to_owned(),
        ureq::Error::Io(error) => error.kind().to_string(),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        _ => "it was not understood".to_owned(),
    }
}

#[cfg(test)]
mod tests;
