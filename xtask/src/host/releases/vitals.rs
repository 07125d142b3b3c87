//! How a release does, as far as its answers do not say it: how long they take beside those of the one before it, its memory,
//! the errors in its log.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::smoke::{WATCH_TIMEOUT, is_unknown, succeeded};
use super::{LeasedReleases, Releases};
use crate::project::{self, LOGGED_ERROR, RELEASE_LABEL};
use crate::rollout::host::{Memory, Vitals};
use crate::rollout::state::release::ReleaseId;
use crate::tools::docker::container::{self, Container};
use crate::tools::docker::socket::Socket;

/// The most lines of a log that are looked at: one that writes more has said enough.
const LINES: usize = 2000;

/// What the program prints.
#[derive(Deserialize)]
struct Answers {
    /// In microseconds.
    release: Vec<u64>,
    /// See `release`.
    before: Vec<u64>,
}

impl LeasedReleases<'_> {
    /// As [`LeasedHost::vitals`](crate::rollout::host::LeasedHost::vitals) has it. A release from before this could be asked
    /// says nothing of its latency.
    pub(in crate::host) fn vitals(
        &self,
        id: &ReleaseId,
        before: Option<&ReleaseId>,
        since: Duration,
    ) -> Result<Vitals> {
        let latency = before.map_or(Ok(Vec::new()), |before| self.latency(id, before))?;
        let machine = self.leased.fenced()?;
        let (now, socket) = (machine.engine_time(), Socket::of(machine.docker())?);
        let mut memory = BTreeMap::new();
        for (service, container) in containers(&machine.releases(), id)? {
            if let Some((used, limit)) = container::memory(&socket, &container)? {
                memory.insert(service, Memory { used, limit });
            }
        }
        let errors = |id: &ReleaseId, span| -> Result<u64> {
            let logs = containers(&machine.releases(), id)?.into_iter().map(|(_, container)| {
                Ok(errors_in(&container::lines_between(&socket, &container, span, LINES)?))
            });
            logs.sum()
        };
        let switched = now - since;
        let of_release = errors(id, [switched, now])?;
        let of_before = before.map_or(Ok(0), |before| errors(before, [switched - since, switched]))?;
        Ok(Vitals { latency, memory, logged_errors: (of_release, of_before) })
    }

    fn latency(&self, id: &ReleaseId, before: &ReleaseId) -> Result<Vec<(Duration, Duration)>> {
        let [api, of_before] =
            [id, before].map(|id| format!("http://{}-{id}:{}", project::BACKEND.name, project::BACKEND.port));
        let words = ["latency", "--release", id.as_str(), "--api", &api, "--before", &of_before];
        let told = self.in_backend(id, "timing answers", &words, WATCH_TIMEOUT)?;
        if is_unknown(&told) {
            return Ok(Vec::new());
        }
        ensure!(succeeded(&told), "timing answers: {}", told.stderr.trim());
        let Answers { release, before } = serde_json::from_str(&told.stdout)?;
        Ok(release
            .into_iter()
            .map(Duration::from_micros)
            .zip(before.into_iter().map(Duration::from_micros))
            .collect())
    }
}

/// Service and name of each container of a release.
fn containers(releases: &Releases, id: &ReleaseId) -> Result<Vec<(String, String)>> {
    let named = |it: &Container| {
        Some((it.label("com.docker.compose.service")?.to_owned(), it.plain_name().to_owned()))
    };
    Ok(releases.containers(&format!("{RELEASE_LABEL}={id}"))?.iter().filter_map(named).collect())
}

fn errors_in(log: &str) -> u64 {
    log.lines().filter(|line| LOGGED_ERROR.iter().any(|mark| line.contains(mark))).count() as u64
}
