//! Whether whoever a value is for takes it: asked before a new one is written, while the one before still works.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::product::probes;
use crate::project::{Environment, NAME, PROBE_SECRETS, WATCHER_SECRETS};
use crate::tools::http::{self, Client};

const TIMEOUT: Duration = Duration::from_secs(15);
const SLACK: &str = WATCHER_SECRETS[0];
const HEARTBEAT: &str = WATCHER_SECRETS[2];

/// Whether xtask has a way to ask.
pub fn are_asked(variable: &str) -> bool {
    [SLACK, HEARTBEAT].contains(&variable) || PROBE_SECRETS.contains(&variable)
}

/// Asks by this new value. Slack's people see it, which is the proof.
pub fn check(environment: &Environment, variable: &str, value: &str) -> Result<()> {
    match variable {
        SLACK => {
            let words = format!("{NAME} {}: this webhook takes the place of another one.", environment.name);
            http::post(value, &[], &json!({ "text": words })).context("asking Slack")
        }
        HEARTBEAT => beats(value),
        _ => probes::takes(environment, variable, value),
    }
}

fn beats(url: &str) -> Result<()> {
    match Client::default().get(url, TIMEOUT).context("asking the address of the heartbeat")?.status {
        200..=299 => Ok(()),
        status => bail!("the address of the heartbeat answers {status}"),
    }
}

/// How the new value comes to where it is used, once it is committed.
pub fn taken_over_by(environment: &Environment, variable: &str) -> String {
    let name = &environment.name;
    match variable {
        SLACK | HEARTBEAT => format!(
            "`cargo xtask monitor up --env {name}` takes it to the watcher, `cargo xtask monitor test --env {name}` says whether \
             people hear it"
        ),
        _ => "the next command that needs it reads it".to_owned(),
    }
}
