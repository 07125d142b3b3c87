//! What is watched from outside, at providers, as code: a probe of each site at UptimeRobot, and at Healthchecks a check that the
//! watcher on the host is alive. Only what carries the environment's own tag is touched.

mod call;
mod healthchecks;
#[cfg(test)]
mod tests;
mod uptimerobot;

use std::fmt;

use anyhow::Result;
use serde_json::{Value, json};

pub use self::healthchecks::Healthchecks;
pub use self::uptimerobot::UptimeRobot;

use crate::exit::refuse;
use crate::project::{Environment, NAME, PROBE_PATH, PROBE_SECRETS, READY_WORDS, Site};

/// How often a probe asks at UptimeRobot for no money, in seconds.
const INTERVAL: u32 = 300;
/// How often the watcher says that it is alive, and how late it may be, in seconds.
pub const BEAT: [u32; 2] = [60, 300];

/// A probe that ought to be at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Whose it is.
    pub tag: String,
    /// What people are told of.
    pub name: String,
    /// What is asked.
    pub url: String,
    /// What the answer must hold. A status says too little: a provider's own page, or a stranger's, is answered 200 too.
    pub keyword: String,
}

/// One that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The provider's number.
    pub id: u64,
    /// As the provider has it, but for what it has escaped.
    pub probe: Value,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is not there.
    Create(Probe),
    /// It is there, and these fields differ.
    Update(u64, Probe, Vec<&'static str>),
    /// It has our tag, and nobody wants it any more.
    Delete(u64, String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Create(probe) => {
                write!(f, "create {}: {} holds {:?}", probe.name, probe.url, probe.keyword)
            }
            Change::Update(_, probe, fields) => write!(f, "change {}: {}", probe.name, fields.join(", ")),
            Change::Delete(_, name) => write!(f, "delete {name}"),
        }
    }
}

/// Whether the provider that this variable's key is for takes it: a look, and no change.
pub fn takes(environment: &Environment, variable: &str, key: &str) -> Result<()> {
    let [robot, _] = PROBE_SECRETS;
    match variable == robot {
        true => UptimeRobot::new(key).found(&tag(environment)).map(drop),
        false => Healthchecks::of_operator(key).is_right(environment).map(drop),
    }
}

/// The probe of an environment.
pub fn wanted(environment: &Environment) -> Result<Probe> {
    let Site::Remote { domain, .. } = environment.site else {
        return Err(refuse(format!(
            "{} is on this machine, where nobody comes from outside",
            environment.name
        )));
    };
    Ok(Probe {
        tag: tag(environment),
        name: format!("{NAME} {}", environment.name),
        // Its answer is the same in maintenance and through a deploy, so that neither of them is an alarm.
        url: format!("https://{domain}{PROBE_PATH}"),
        keyword: READY_WORDS.to_owned(),
    })
}

fn tag(environment: &Environment) -> String {
    format!("{NAME}-{}", environment.name)
}

impl Probe {
    /// As UptimeRobot takes it.
    fn body(&self) -> Value {
        json!({
            "friendlyName": self.name,
            "url": self.url,
            "type": "KEYWORD",
            "interval": INTERVAL,
            "keywordType": "ALERT_NOT_EXISTS",
            "keywordValue": self.keyword,
            "sslExpirationReminder": true,
            "domainExpirationReminder": false,
            "followRedirections": false,
            "tagNames": [self.tag],
        })
    }
}

/// What makes what is there what is wanted.
pub fn plan(wanted: &Probe, found: &[Found]) -> Vec<Change> {
    let body = wanted.body();
    let fields = |found: &Found| -> Vec<&'static str> {
        let compared = [
            "friendlyName",
            "url",
            "type",
            "interval",
            "keywordType",
            "keywordValue",
            "sslExpirationReminder",
        ];
        compared.into_iter().filter(|field| found.probe[field] != body[field]).collect()
    };
    // The one that is most like it stays, with what it has measured so far.
    let kept = found.iter().min_by_key(|it| fields(it).len());
    let mut changes = match kept {
        None => vec![Change::Create(wanted.clone())],
        Some(it) if fields(it).is_empty() => Vec::new(),
        Some(it) => vec![Change::Update(it.id, wanted.clone(), fields(it))],
    };
    let others = found.iter().filter(|it| kept.is_some_and(|kept| kept.id != it.id));
    let name = |it: &Found| it.probe["friendlyName"].as_str().unwrap_or_default().to_owned();
    changes.extend(others.map(|it| Change::Delete(it.id, name(it))));
    changes
}
