//! What a platform takes of its host: the memory of its services, and the ports that its edge listens on.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::{Container, Platform, bases};
use crate::host::Bases;
use crate::host::guard::GUARD_MEMORY;
use crate::host::{archiver, sender, shipper, watcher};
use crate::project::{EDGE, RELEASE_LABEL};
use crate::tools::docker::compose::{memory_limits, published_ports};
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container;
use crate::tools::process::Run;

/// What runs beside a platform without being of its compose files, and the memory that it may take.
pub const BESIDE: [(&str, u64); 5] = [
    ("guard", GUARD_MEMORY as u64),
    ("watcher", watcher::MEMORY as u64),
    ("sender", sender::MEMORY as u64),
    ("shipper", shipper::MEMORY as u64),
    ("archiver", archiver::MEMORY as u64),
];

/// What it takes.
#[derive(Debug, Clone)]
pub struct PlatformWants {
    /// The images that it runs; none when it is not there whole.
    pub bases: Option<Bases>,
    /// Bytes that each of its services may take at most, as far as they are there.
    pub memory: BTreeMap<String, u64>,
    /// Whether its edge runs, and has its ports.
    pub edge_runs: bool,
    /// Whether all of it is there, and was started from this folder: then its data are this folder's.
    pub is_ours: bool,
}

impl Platform<'_> {
    /// What the platform that is there takes.
    pub fn wants(&self) -> Result<PlatformWants> {
        let containers = self.containers()?;
        let service = |label: Option<&str>| label.unwrap_or_default().to_owned();
        let of = |found: &Container| service(found.label("com.docker.compose.service"));
        let runs = |found: &Container| found.state.status == Condition::Running;
        let folder = self.machine.folder("platform");
        let from_here = |found: &Container| {
            let folder_of = found.label("com.docker.compose.project.working_dir");
            !self.machine.environment.is_here() || folder_of == Some(folder.as_str())
        };
        Ok(PlatformWants {
            is_ours: bases(&containers).is_some() && containers.iter().all(from_here),
            bases: bases(&containers),
            memory: containers.iter().map(|found| (of(found), found.host_config.memory)).collect(),
            edge_runs: containers.iter().any(|found| of(found) == EDGE.name && runs(found)),
        })
    }

    /// Bytes that what runs of the environment's releases may take at most.
    pub fn memory_of_releases(&self) -> Result<u64> {
        let all =
            container::labelled(self.machine.docker(), &[self.machine.label(), RELEASE_LABEL.to_owned()])?;
        let running = all.iter().filter(|found| found.state.status == Condition::Running);
        Ok(running.map(|found| found.host_config.memory).sum())
    }

    /// What the one takes that a deploy would make here: its memory, and the ports of its edge.
    pub fn demand_to_come(&self) -> Result<(BTreeMap<String, u64>, Vec<u16>)> {
        let rendered = self.with_project_to_come(|project| {
            let told = Run::new(project.rendered(self.machine.docker())).text();
            told.context("asking compose what the platform takes")
        })?;
        let rendered =
            serde_json::from_str(&rendered).context("reading the platform as compose renders it")?;
        Ok((memory_limits(&rendered), published_ports(&rendered)))
    }
}
