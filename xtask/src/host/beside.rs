//! Containers beside the platform: what each of them may, and how one takes the place of the one before it, which is there again when
//! the new one does not start.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use super::container_folder::ContainerFolder;
use crate::project::INPUTS_LABEL;
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container;
use crate::tools::process::Run;

/// The one before gets so long to end, in seconds.
const STOP: &str = "5";

/// What one takes of the host at most.
pub(super) struct Bounds {
    /// In bytes.
    pub(super) memory: u32,
    pub(super) processes: u32,
    /// Of each 100 ms, in microseconds.
    pub(super) cpu_quota: u32,
}

/// Whether one runs; none when there is none.
pub(super) fn condition(docker: &Shell, name: &str) -> Result<Option<Condition>> {
    Ok(container::named(docker, name)?.map(|found| found.state.status))
}

/// Whether one runs that was started with just that.
pub(super) fn runs_with(docker: &Shell, name: &str, sum: &str) -> Result<bool> {
    let found = container::named(docker, name)?;
    Ok(found.is_some_and(|it| it.state.status == Condition::Running && it.label(INPUTS_LABEL) == Some(sum)))
}

/// The engine's `Healthcheck`, by a command of the container's.
pub(super) fn health(command: &[&str]) -> Value {
    let second: u64 = 1_000_000_000;
    let test: Vec<&str> = ["CMD"].iter().chain(command).copied().collect();
    json!({ "Test": test, "Interval": 30 * second, "Timeout": 5 * second, "Retries": 3, "StartPeriod": 10 * second })
}

/// The engine's `HostConfig`: it writes nowhere but into what is mounted and into its `/tmp`, has no capability, and users come first.
pub(super) fn confined(bounds: &Bounds, network: &str, binds: &[String]) -> Value {
    let Bounds { memory, processes, cpu_quota } = bounds;
    json!({
        "NetworkMode": network,
        "RestartPolicy": { "Name": "always" },
        "Binds": binds,
        "Memory": memory,
        "MemorySwap": memory,
        "PidsLimit": processes,
        "CpuQuota": cpu_quota,
        "CpuShares": 256,
        "ReadonlyRootfs": true,
        "Tmpfs": { "/tmp": "" },
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "LogConfig": small_log(),
    })
}

fn spare(name: &str) -> String {
    format!("{name}-before")
}

/// `start` starts the one of this name, and fails when it does not come up.
pub(super) fn replace(
    docker: &Shell,
    name: &str,
    folder: &ContainerFolder<'_>,
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
    let Err(error) = start() else {
        container::remove(docker, spare)?;
        return folder.forget();
    };
    let there = match put_back(docker, name, spare, folder) {
        Ok(true) => "the one before runs on".to_owned(),
        Ok(false) => "none runs".to_owned(),
        Err(back) => format!("and the one before could not be put back: {back:#}"),
    };
    Err(error.context(format!("{name} could not be started; {there}")))
}

/// Gives whether there was one before.
fn put_back(docker: &Shell, name: &str, spare: &str, folder: &ContainerFolder<'_>) -> Result<bool> {
    container::remove(docker, name)?;
    folder.put_back()?;
    if container::named(docker, spare)?.is_none() {
        return Ok(false);
    }
    container::rename(docker, spare, name)?;
    Run::new(cmd!(docker, "docker start {name}")).run()?;
    Ok(true)
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
