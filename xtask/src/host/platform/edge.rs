//! The edge: where users go, what it answers them, and how many it has answered.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{ANSWER_TIMEOUT, Platform};
use crate::exit::{Exit, Failure};
use crate::host::{Machine, PublicSite};
use crate::project::{self, EDGE, Site};
use crate::rollout::edge_counts::EdgeCounts;
use crate::rollout::host::ProbeResponse;
use crate::rollout::state::release::ReleaseId;
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container;
use crate::tools::docker::exec::Running;
use crate::tools::http::{Client, Trust};

/// The longest that an answer through the edge may take to be a good one.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest that an answer by a release that has not the traffic may take.
const REACH_TIMEOUT: Duration = Duration::from_secs(3);
/// The edge's own metrics, which nobody outside its container can ask for.
const COUNTS: [&str; 5] = ["wget", "-q", "-O", "-", "http://127.0.0.1:2019/metrics"];

impl Machine {
    /// Where users go.
    pub fn url(&self) -> Result<String> {
        if let Some(site) = &self.site {
            return Ok(site.url.clone());
        }
        let port = self.platform().edge_port()?.with_context(|| {
            format!("{} has no edge yet: `cargo xtask deploy` starts one", self.environment.name)
        })?;
        Ok(format!("http://localhost:{port}"))
    }

    /// Where users go, when that is another machine.
    pub fn site(&self) -> Option<&PublicSite> {
        self.site.as_ref()
    }

    /// By which the edge is asked as a user would ask it.
    pub fn client(&self) -> Client {
        let client = self.site.as_ref().map(|site| site.client().clone()).unwrap_or_default();
        Client { trust: self.trust.get(), ..client }
    }

    /// Whether users are shown a certificate that is refused is told to people; from here on it is no verdict on a release.
    pub fn take_any_certificate(&self) {
        self.trust.set(Trust::Any);
    }
}

impl Platform<'_> {
    /// One request through the edge, as a user sends it.
    pub(in crate::host) fn probe(&self) -> Result<ProbeResponse> {
        let url = format!("{}{}", self.machine.url()?, project::PROBE_PATH);
        let answer =
            self.machine.client().get(&url, PROBE_TIMEOUT).with_context(|| format!("asking {url}"))?;
        let excerpt = answer.header("location").map_or_else(
            || answer.body.chars().take(200).collect(),
            |location| format!("redirect to {location}"),
        );
        let release = answer.header(project::RELEASE_HEADER).and_then(|id| id.parse().ok());
        Ok(ProbeResponse { status: answer.status, release, excerpt })
    }

    /// An error when the edge does not reach this release, which is warm, as far as its answers tell: for files that the live
    /// release has not, it asks the warm one. While the live one answers nothing either, nobody can tell.
    pub(in crate::host) fn check_reached(&self, id: &ReleaseId) -> Result<()> {
        let url = self.machine.url()?;
        let answered_by = |path: &str| -> Option<ReleaseId> {
            let answer = self.machine.client().get(&format!("{url}{path}"), REACH_TIMEOUT).ok()?;
            answer.header(project::RELEASE_HEADER)?.parse().ok()
        };
        if answered_by(&format!("{}{id}", project::SMOKE_TEST.scripts)).as_ref() == Some(id) {
            return Ok(());
        }
        match answered_by(project::SMOKE_TEST.page).filter(|live| live != id) {
            None => Ok(()),
            Some(live) => bail!(
                "the edge reaches {live}, and not {id}: the engine that does not answer also tells it where a release is"
            ),
        }
    }

    /// How many requests it has answered since it started.
    pub(in crate::host) fn edge_counts(&self) -> Result<EdgeCounts> {
        let asked = match self.machine.prefetched_counts() {
            Some(asked) => asked,
            None => self.ask_counts()?,
        };
        let told = asked.map_or(Ok(None), Running::finish)?.ok_or_else(|| self.is_not_running(&EDGE))?;
        ensure!(told.status.success(), "reading the edge's numbers: {}", told.stderr.trim());
        Ok(counts(&told.stdout))
    }

    /// Begins to ask it for that.
    pub(in crate::host) fn ask_counts(&self) -> Result<Option<Running>> {
        self.begin_in(&EDGE, "wget", &COUNTS, ANSWER_TIMEOUT)
    }

    /// Where the edge of an environment on this machine listens.
    fn edge_port(&self) -> Result<Option<u16>> {
        let text =
            self.machine.read(&self.machine.folder("platform").join("variables.env"))?.unwrap_or_default();
        Ok(text.lines().find_map(|line| line.strip_prefix("EDGE_LISTEN=127.0.0.1:")?.parse().ok()))
    }

    /// What the edge listens on, as compose spells the host's side of a port: on a host of its own, its port 80; here
    /// the port that it had, or the environment's own, or the next free one.
    pub(super) fn edge_listens(&self) -> Result<String> {
        let Site::Here { port } = self.machine.environment.site else {
            let beside = self.machine.site.as_ref().and_then(|site| site.beside);
            return Ok(beside.map_or("80".to_owned(), |port| format!("127.0.0.1:{port}")));
        };
        let first = self.edge_port()?.unwrap_or(port);
        let edge = container::named(self.machine.docker(), &self.container(EDGE.name))?;
        if edge.is_some_and(|edge| edge.state.status == Condition::Running) {
            return Ok(format!("127.0.0.1:{first}"));
        }
        let free =
            (first..=first.saturating_add(100)).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let port = free.ok_or_else(|| Failure {
            exit: Exit::HostUnfit,
            message: format!(
                "no port from {first} to {} is free on 127.0.0.1 for the edge: stop what uses them",
                first.saturating_add(100)
            ),
        })?;
        Ok(format!("127.0.0.1:{port}"))
    }

    /// What the edge serves, as its configuration has it: a name, for which it gets certificates by itself, or, where
    /// users come by plain HTTP, whatever they ask for.
    pub(super) fn edge_site(&self) -> &str {
        self.machine.site.as_ref().and_then(PublicSite::name).unwrap_or(":80")
    }
}

/// Sums `caddy_http_request_duration_seconds` over handlers; the label `code` is the status. Requests pass through several
/// handlers, so only the outermost one counts.
fn counts(metrics: &str) -> EdgeCounts {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix("caddy_http_request_duration_seconds_"));
    lines.filter_map(of_line).fold(EdgeCounts::default(), EdgeCounts::and)
}

fn of_line(line: &str) -> Option<EdgeCounts> {
    let (what, rest) = line.split_once('{')?;
    let (labels, value) = rest.rsplit_once("} ")?;
    let label = |name: &str| {
        labels.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
    };
    if label("handler") != Some("subroute") {
        return None;
    }
    let status = label("code").and_then(|code| code.parse().ok()).unwrap_or(0);
    let (value, is_served) = (value.trim().parse::<f64>().ok()?, (200..300).contains(&status));
    match what {
        "count" => {
            let all = value as u64;
            // The body of a PATCH may go on to a release as it comes. One that its client cuts looks like a release that hung
            // up (502, tried with a client that ends its side) or did not answer (504): no stranger may undo a deploy so.
            if label("method") == Some("PATCH") && matches!(status, 502 | 504) {
                return Some(EdgeCounts { all, ..EdgeCounts::default() });
            }
            Some(EdgeCounts { served: if is_served { all } else { 0 }, ..EdgeCounts::some(all, status) })
        }
        "sum" if is_served => {
            Some(EdgeCounts { took: Duration::try_from_secs_f64(value).ok()?, ..EdgeCounts::default() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_numbers_are_read_and_each_request_counts_once() {
        let metrics = "# TYPE caddy_http_request_duration_seconds histogram\n\
            caddy_http_request_duration_seconds_count{code=\"200\",handler=\"subroute\",method=\"GET\",server=\"srv0\"} 40\n\
            caddy_http_request_duration_seconds_sum{code=\"200\",handler=\"subroute\",method=\"GET\",server=\"srv0\"} 1.5\n\
            caddy_http_request_duration_seconds_count{code=\"429\",handler=\"subroute\",method=\"POST\",server=\"srv0\"} 7\n\
            caddy_http_request_duration_seconds_sum{code=\"429\",handler=\"subroute\",method=\"POST\",server=\"srv0\"} 70\n\
            caddy_http_request_duration_seconds_count{code=\"502\",handler=\"subroute\",method=\"GET\",server=\"srv0\"} 2\n\
            caddy_http_request_duration_seconds_count{code=\"503\",handler=\"subroute\",method=\"POST\",server=\"srv0\"} 900\n\
            caddy_http_request_duration_seconds_count{code=\"507\",handler=\"subroute\",method=\"PATCH\",server=\"srv0\"} 1\n\
            caddy_http_request_duration_seconds_count{code=\"502\",handler=\"subroute\",method=\"PATCH\",server=\"srv0\"} 50\n\
            caddy_http_request_duration_seconds_count{code=\"200\",handler=\"reverse_proxy\",method=\"GET\",server=\"srv0\"} 40\n";
        // Those that were too much at that moment, or for the disk, are no errors, nor is a body that was cut.
        let took = Duration::from_millis(1500);
        assert_eq!(counts(metrics), EdgeCounts { all: 1000, errors: 2, turned_away: 7, served: 40, took });
    }
}
