//! Tells others what happens to an environment: Slack, the job's step summary, Sentry. Telling fails softly: a deploy
//! does not.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Mutex;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::product::secrets::Supplied;
use crate::product::sentry::Sentry;
use crate::project::Environment;
use crate::terminal::{self, seconds};
use crate::tools::http;
use crate::tools::process::interrupt;

/// What there is to tell.
#[derive(Debug, Clone)]
pub struct News {
    /// staging, production.
    pub environment: String,
    /// What it was for: 'deploy', 'rollback'.
    pub kind: String,
    /// How it stands.
    pub state: State,
    /// The release that gets the traffic.
    pub release: String,
    /// User and machine.
    pub by: String,
    /// Where users go.
    pub url: String,
    /// The commits that the release before does not have, a line each.
    pub commits: Vec<String>,
}

/// How it stands.
#[derive(Debug, Clone)]
pub enum State {
    /// It has begun.
    Started,
    /// The release has the traffic, for good.
    Succeeded {
        /// Since it had begun.
        took: Duration,
    },
    /// What an attempt had left whose driver died is finished or undone: by this one's way to the lease.
    Settled {
        /// What was found, and done.
        what: String,
    },
    /// The attempt failed.
    Failed {
        /// The step, the cause, and what state things are in now.
        why: String,
    },
}

/// Tells it beside the work, and waits for nobody before the end.
pub struct Teller {
    channels: Vec<Channel>,
    talking: RefCell<Vec<JoinHandle<Result<()>>>>,
}

#[derive(Debug, Clone)]
enum Channel {
    /// An incoming webhook; its address is a secret.
    Slack { webhook: String },
    /// The file that a job's page shows.
    Summary { path: String },
    /// Releases and deploys.
    Sentry(Sentry),
}

impl Teller {
    /// The channels that the operator names, by variables or in the environment's encrypted file; nobody is told of what
    /// happens on this machine.
    pub fn of(environment: &Environment) -> Teller {
        if environment.is_here() {
            return Teller::silent();
        }
        let supplied = Supplied::of(environment)
            .inspect_err(|error| terminal::warn(format_args!("nobody is told: {error:#}")))
            .ok();
        let secret = |name: &str| supplied.as_ref().and_then(|supplied| supplied.text(name).ok().flatten());
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let slack = secret("SLACK_WEBHOOK_URL").map(|webhook| Channel::Slack { webhook });
        let summary = variable("GITHUB_STEP_SUMMARY").map(|path| Channel::Summary { path });
        let sentry = supplied.as_ref().and_then(Sentry::of).map(Channel::Sentry);
        let channels = [slack, summary, sentry].into_iter().flatten().collect();
        Teller { channels, talking: RefCell::default() }
    }

    /// Nobody is told.
    pub fn silent() -> Teller {
        Teller { channels: Vec::new(), talking: RefCell::default() }
    }

    /// Is waited for at the end of the program, by [`wait`], and not where it is dropped.
    pub fn go_on(self) {
        GOING_ON.lock().expect("no holder panics").push(self);
    }

    /// Begins to tell it. When there is nobody to tell, it is not even found out.
    pub fn tell(&self, news: impl FnOnce() -> News) {
        if self.channels.is_empty() {
            return;
        }
        let news = news();
        for channel in &self.channels {
            let (channel, news) = (channel.clone(), news.clone());
            self.talking.borrow_mut().push(thread::spawn(move || {
                // That somebody stopped it is news too.
                interrupt::shielded(|| channel.tell(&news))
            }));
        }
    }
}

/// Those who tell something that nobody waits for before the end.
static GOING_ON: Mutex<Vec<Teller>> = Mutex::new(Vec::new());

/// Waits until everything is told.
pub fn wait() {
    let going_on = std::mem::take(&mut *GOING_ON.lock().expect("no holder panics"));
    drop(going_on);
}

impl Drop for Teller {
    /// What could not be told is a warning.
    fn drop(&mut self) {
        for talk in self.talking.take() {
            if let Err(error) = talk.join().expect("telling does not panic") {
                terminal::warn(format_args!("{error:#}"));
            }
        }
    }
}

impl Channel {
    fn tell(&self, news: &News) -> Result<()> {
        match self {
            Channel::Slack { webhook } => {
                http::post(webhook, &[], &json!({ "text": news.words(true) })).context("Slack was not told")
            }
            Channel::Summary { path } => {
                write_summary(path, news).context("the job's summary was not written")
            }
            Channel::Sentry(sentry) => match news.state {
                State::Succeeded { .. } if news.kind == "deploy" => {
                    sentry.deployed(&news.release, &news.environment, &news.url)
                }
                _ => Ok(()),
            },
        }
    }
}

fn write_summary(path: &str, news: &News) -> Result<()> {
    if matches!(news.state, State::Started) {
        return Ok(());
    }
    let mut file =
        OpenOptions::new().create(true).append(true).open(path).with_context(|| path.to_owned())?;
    Ok(writeln!(file, "### {}\n", news.words(false))?)
}

impl News {
    /// For people. Both Slack and Markdown take a `*` at the beginning of a line for a list.
    fn words(&self, short: bool) -> String {
        let News { environment, kind, release, by, url, .. } = self;
        let first = match &self.state {
            State::Started => format!("{kind} to {environment} has begun: {release}, by {by}"),
            State::Succeeded { took } => {
                format!("{kind} to {environment} succeeded in {}: {release}, by {by}. {url}", seconds(*took))
            }
            State::Settled { what } => {
                format!(
                    "{environment}: what a dead driver had left is settled, by {by}\n\n{what}\n\nlive: {release}"
                )
            }
            State::Failed { why } => format!("{kind} to {environment} FAILED: {release}, by {by}\n\n{why}"),
        };
        let most = if short { 10 } else { 50 };
        let mut lines: Vec<String> =
            self.commits.iter().take(most).map(|commit| format!("* {commit}")).collect();
        if self.commits.len() > most {
            lines.push(format!("* and {} more", self.commits.len() - most));
        }
        if lines.is_empty() { first } else { format!("{first}\n\n{}", lines.join("\n")) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use serde_json::Value;

    use super::*;
    use crate::tools::http::received::Received;

    fn news(state: State) -> News {
        News {
            environment: "staging".to_owned(),
            kind: "deploy".to_owned(),
            state,
            release: "20260103t120000z-1a2b3c4d5e6f".to_owned(),
            by: "ada@desk".to_owned(),
            url: "https://example.org".to_owned(),
            commits: (0..12).map(|number| format!("abc{number} It's \"quoted\" \\ and @all\tthat")).collect(),
        }
    }

    /// A server of the loopback that answers so many requests, and gives what it was sent.
    fn served(requests: usize, tell: impl FnOnce(&str)) -> Vec<Received> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let server = thread::spawn(move || {
            let one = |_| {
                let mut stream = listener.accept().unwrap().0;
                let received = Received::from(&stream).unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
                received
            };
            (0..requests).map(one).collect()
        });
        tell(&url);
        server.join().unwrap()
    }

    #[test]
    fn slack_is_told_who_and_what_and_how_long() {
        let told = served(1, |url| {
            let channels = vec![Channel::Slack { webhook: format!("{url}/hook") }];
            let teller = Teller { channels, talking: RefCell::default() };
            teller.tell(|| news(State::Succeeded { took: Duration::from_secs(21) }));
        });
        assert_eq!(told[0].line, "POST /hook");
        let body: Value = serde_json::from_str(&told[0].body).unwrap();
        let text = body["text"].as_str().unwrap();
        assert!(text.starts_with("deploy to staging succeeded in 21.0 s: 20260103t120000z"), "{text}");
        assert!(
            text.contains("It's \"quoted\" \\ and @all\tthat") && text.ends_with("* and 2 more"),
            "{text}"
        );
    }

    #[test]
    fn what_a_dead_driver_could_not_tell_is_told_by_whoever_settles_it() {
        let told = served(1, |url| {
            let settled =
                State::Settled { what: "a deploy by bob@laptop was undone by its guard".to_owned() };
            Channel::Slack { webhook: format!("{url}/hook") }.tell(&news(settled)).unwrap();
        });
        let body: Value = serde_json::from_str(&told[0].body).unwrap();
        let text = body["text"].as_str().unwrap();
        assert!(
            text.starts_with(
                "staging: what a dead driver had left is settled, by ada@desk\n\na deploy by bob"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_summary_has_the_cause_of_a_failure_and_one_that_can_t_be_told_is_no_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let nowhere = Channel::Slack { webhook: "http://127.0.0.1:9/secret".to_owned() };
        let channels = vec![Channel::Summary { path }, nowhere.clone()];
        let teller = Teller { channels, talking: RefCell::default() };
        teller.tell(|| news(State::Failed { why: "at 'ready': it does not answer".to_owned() }));
        drop(teller);
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(text.contains("FAILED") && text.contains("at 'ready'"), "{text}");
        let error = format!("{:#}", nowhere.tell(&news(State::Started)).unwrap_err());
        assert!(!error.contains("secret"), "the address of a webhook is a secret: {error}");
    }
}
