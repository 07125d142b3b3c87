//! Whether a release is ready: each of its front doors is asked on the edge's network, under the name by which the edge will
//! dial it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Releases;
use crate::project::{self, Component};
use crate::rollout::state::release::ReleaseId;
use crate::tools::docker::exec::{self, Running};
use crate::tools::docker::socket::Socket;

/// The longest that one smoke request may take.
const SMOKE_TIMEOUT: Duration = Duration::from_secs(30);

impl Releases<'_> {
    /// Begins to ask each part of a release, by one program in its backend's container: to start one takes nearly all of the
    /// time. None when that container does not run.
    pub(in crate::host) fn begin_smoke(&self, id: &ReleaseId) -> Result<Option<Running>> {
        let (socket, user) = (Socket::of(self.machine.docker())?, project::APP_UID.to_string());
        let (program, addresses) = (project::SMOKE_PROGRAM.iter().copied(), smoke_addresses(id));
        let urls = addresses.iter().flat_map(|url| ["--url", url]);
        let words: Vec<&str> = program.chain(["--release", id.as_str()]).chain(urls).collect();
        let name = "the smoke requests";
        Ok(exec::start(&socket, name, &self.smoke_container(id), &user, &words, SMOKE_TIMEOUT)?)
    }

    /// An error unless each part answers that it is this release and is ready.
    pub(in crate::host) fn smoke(&self, id: &ReleaseId) -> Result<()> {
        let asked = match self.machine.prefetched_smoke(id) {
            Some(asked) => Some(asked),
            None => self.begin_smoke(id)?,
        };
        let told = asked.map_or(Ok(None), Running::finish)?;
        let told = told.with_context(|| format!("{} does not run any more", self.smoke_container(id)))?;
        let said = format!("{} {}", told.stdout.trim(), told.stderr.trim());
        ensure!(told.status.success(), "{id}, asked on the edge's network: {}", said.trim());
        Ok(())
    }

    fn smoke_container(&self, id: &ReleaseId) -> String {
        self.machine.named(&format!("{id}-{}-1", project::BACKEND.name))
    }
}

/// Each front door, by the name by which the edge will dial it.
fn smoke_addresses(id: &ReleaseId) -> Vec<String> {
    let address = |(component, path): &(Component, &str)| {
        format!("http://{}-{id}:{}{path}", component.name, component.port)
    };
    project::SMOKE.iter().map(address).collect()
}
