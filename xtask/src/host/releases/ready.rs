//! Whether a release is ready: each of its front doors is asked on the edge's network, under the name by which the edge will
//! dial it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Releases;
use crate::project::{self, Component};
use crate::rollout::state::release::ReleaseId;
use crate::tools::docker::exec::{self, Running};
use crate::tools::docker::socket::Socket;

/// The longest that asking all of them may take.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

impl Releases<'_> {
    /// Begins to ask each part of a release, by one program in its backend's container: to start one takes nearly all of the
    /// time. None when that container does not run.
    pub(in crate::host) fn begin_ready_check(&self, id: &ReleaseId) -> Result<Option<Running>> {
        let (socket, user) = (Socket::of(self.machine.docker())?, project::APP_UID.to_string());
        let (program, addresses) =
            ([project::BACKEND_PROGRAM, "healthcheck"].into_iter(), ready_addresses(id));
        let urls = addresses.iter().flat_map(|url| ["--url", url]);
        let words: Vec<&str> = program.chain(["--release", id.as_str()]).chain(urls).collect();
        let name = "asking whether it is ready";
        Ok(exec::start(&socket, name, &self.backend_container(id), &user, &words, READY_TIMEOUT)?)
    }

    /// An error unless each part answers that it is this release and is ready.
    pub(in crate::host) fn check_ready(&self, id: &ReleaseId) -> Result<()> {
        let asked = match self.machine.prefetched_ready_check(id) {
            Some(asked) => Some(asked),
            None => self.begin_ready_check(id)?,
        };
        let told = asked.map_or(Ok(None), Running::finish)?;
        let told = told.with_context(|| format!("{} does not run any more", self.backend_container(id)))?;
        let said = format!("{} {}", told.stdout.trim(), told.stderr.trim());
        ensure!(told.status.success(), "{id}, asked on the edge's network: {}", said.trim());
        Ok(())
    }

    pub(super) fn backend_container(&self, id: &ReleaseId) -> String {
        self.machine.named(&format!("{id}-{}-1", project::BACKEND.name))
    }
}

/// Each front door, by the name by which the edge will dial it.
fn ready_addresses(id: &ReleaseId) -> Vec<String> {
    let address = |(component, path): &(Component, &str)| {
        format!("http://{}-{id}:{}{path}", component.name, component.port)
    };
    project::READY_ADDRESSES.iter().map(address).collect()
}
