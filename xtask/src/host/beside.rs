//! A container beside the platform takes the place of the one before it, which is there again when the new one does not start.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use super::handed::Handed;
use crate::tools::docker::container;
use crate::tools::process::Run;

/// The one before gets so long to end, in seconds.
const STOP: &str = "5";

fn spare(name: &str) -> String {
    format!("{name}-before")
}

/// `start` starts the one of this name, and fails when it does not come up.
pub(super) fn replace(
    docker: &Shell,
    name: &str,
    handed: &Handed<'_>,
    start: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let spare = &spare(name);
    if container::named(docker, name)?.is_some() {
        container::remove(docker, spare)?;
        Run::new(cmd!(docker, "docker stop --time {STOP} {name}"))
            .run()
            .context("stopping the one before")?;
        container::rename(docker, name, spare)?;
    }
    if let Err(error) = start() {
        container::remove(docker, name)?;
        handed.put_back()?;
        if container::named(docker, spare)?.is_some() {
            container::rename(docker, spare, name)?;
            Run::new(cmd!(docker, "docker start {name}")).run()?;
        }
        return Err(error);
    }
    container::remove(docker, spare)?;
    handed.forget()
}

/// Removes it, and what a killed driver has left of the one before.
pub(super) fn remove(docker: &Shell, name: &str) -> Result<()> {
    container::remove(docker, &spare(name))?;
    Ok(container::remove(docker, name)?)
}

/// The log of one that says little. By its name the shipper knows whose lines these are.
pub(super) fn small_log() -> Value {
    json!({ "Type": "json-file", "Config": { "max-size": "1m", "max-file": "2", "tag": "{{.Name}}" } })
}
