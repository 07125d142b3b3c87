//! The demo organisation of an environment that is for trying.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::host::Leased;
use crate::rollout::state::release::ReleaseId;
use crate::terminal::{self, Activity};

/// Fills a demo organisation, so that a fresh environment has something to show. Gives its log-in.
pub fn seed(leased: &Leased, release: &ReleaseId) -> Option<String> {
    let seeded = Activity::of("fill a demo organisation", |_| leased.releases().seed(release));
    match seeded.and_then(|said| log_in(&said)) {
        Ok(log_in) => Some(log_in),
        Err(error) => {
            terminal::warn(format_args!("the demo organisation could not be filled: {error:#}"));
            None
        }
    }
}

fn log_in(said: &str) -> Result<String> {
    let line = said.lines().rev().find(|line| line.starts_with('{')).context("it printed no log-in")?;
    let told: Value = serde_json::from_str(line).context("its log-in is not JSON")?;
    let (email, password) = (told["email"].as_str(), told["password"].as_str());
    ensure!(email.is_some() && password.is_some(), "its log-in lacks a part");
    Ok(format!("{}  {}", email.unwrap_or_default(), password.unwrap_or_default()))
}
