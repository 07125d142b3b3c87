//! Our own way: `cargo xtask deploy`, with production's defaults.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::RATE;
use super::measure::{Done, Measured, under_load, under_load_of, with_memory};
use crate::lab::Lab;
use crate::product::checkout::{Checkout, Version};
use crate::terminal::Activity;
use crate::tools::process::Run;

/// The longest that a deploy may take: one that never gets ready waits for two minutes.
const DEPLOY_TIMEOUT: Duration = Duration::from_secs(600);
const WHERE: [&str; 2] = ["--env", "production"];
const DOWN: [&str; 4] = ["down", "--yes", "--env", "production"];
/// The gates would ask for staging and for the default branch.
const GATES: [&str; 9] = [
    "--yes",
    "--override",
    "staging=a benchmark on a throw-away machine",
    "--override",
    "branch=a benchmark on a throw-away machine",
    "--override",
    "rolled-back=a benchmark on a throw-away machine",
    "--override",
    "platform=a benchmark on a throw-away machine",
];

/// The lab's first machine, as production.
pub struct Ours<'a> {
    copy: &'a Checkout,
    port: u16,
}

impl Ours<'_> {
    /// The first release has the traffic.
    pub fn set_up<'a>(copy: &'a Checkout, lab: &Lab, first: &Version) -> Result<Ours<'a>> {
        let port = lab.first()?.http;
        let ours = Ours { copy, port };
        Activity::of("the first deploy to the bare machine", |_| {
            // What a run that was broken off has left there; a bare machine refuses it.
            Run::new(ours.copy.xtask(&DOWN)?).timeout(DEPLOY_TIMEOUT).finish()?;
            Run::new(copy.xtask(&["host", "setup", "--env", "production", "--yes"])?)
                .timeout(DEPLOY_TIMEOUT)
                .run()?;
            anyhow::Ok(Run::new(ours.copy.xtask(&words(first))?).timeout(DEPLOY_TIMEOUT).run()?)
        })?;
        Ok(ours)
    }

    /// A deploy under load, whether it succeeds or not.
    pub fn deploy(&self, version: &Version) -> Result<Measured> {
        self.deploy_under(RATE, version)
    }

    /// Like `deploy`, under so many requests a second.
    pub fn deploy_under(&self, rate: u32, version: &Version) -> Result<Measured> {
        let before = self.live()?;
        let measured = Activity::of(format!("deploy {}", &version.commit[..12]), |_| {
            under_load_of(rate, self.port, &before, || {
                let deploy = self.copy.xtask(&words(version))?;
                let (told, memory) = with_memory(|| Run::new(deploy).timeout(DEPLOY_TIMEOUT).finish());
                let told = told?;
                let code = told.status.code().unwrap_or(-1);
                ensure!([0, 4].contains(&code), "it ended with {code}: {}", told.stderr);
                Ok(Done { memory, error: told.stderr, ..done(code, &told.stdout) })
            })
        })?;
        Ok(measured)
    }

    /// To the warm release, or to the one that is named, under load.
    pub fn rollback(&self, to: Option<&str>) -> Result<Measured> {
        let before = self.live()?;
        Activity::of(format!("rollback to {}", to.unwrap_or("the warm release")), |_| {
            under_load(self.port, &before, || {
                let to = to.iter().flat_map(|to| ["--to", to]).collect::<Vec<_>>();
                let words = [&["rollback", "--json"][..], &WHERE, &to].concat();
                Ok(done(0, &Run::new(self.copy.xtask(&words)?).timeout(DEPLOY_TIMEOUT).text()?))
            })
        })
    }

    /// Nothing of it is left running; the data stay.
    pub fn down(&self) -> Result<()> {
        Ok(Run::new(self.copy.xtask(&DOWN)?).timeout(DEPLOY_TIMEOUT).run()?)
    }

    /// Who has the traffic.
    pub fn live(&self) -> Result<String> {
        let words = [&["status", "--json"][..], &WHERE].concat();
        let told = Run::new(self.copy.xtask(&words)?).text()?;
        let status: Value = serde_json::from_str(&told)?;
        Ok(status["live"]
            .as_str()
            .context("no release has the traffic, and one was just deployed")?
            .to_owned())
    }
}

fn words(version: &Version) -> Vec<&str> {
    [&["deploy", "--json", "--version", &version.commit][..], &WHERE, &GATES].concat()
}

/// What `--json` says.
fn done(code: i32, told: &str) -> Done {
    let told: Value = serde_json::from_str(told).unwrap_or_default();
    let steps = told["steps_ms"].as_object().into_iter().flatten();
    Done {
        code,
        release: told["release"].as_str().map(str::to_owned),
        calls: told["connection"]["calls"].as_u64().and_then(|calls| calls.try_into().ok()),
        bytes: told["connection"]["sent"].as_u64(),
        steps: steps.filter_map(|(name, ms)| Some((name.clone(), ms.as_u64()?))).collect(),
        memory: None,
        error: String::new(),
    }
}
