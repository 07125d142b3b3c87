//! A host changes from HTTP to HTTPS, and back.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Failed;
use rustls::crypto::ring;
use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use crate::environment::Lab;
use crate::support::http::get;
use crate::support::xtask::XtaskCommand;
use crate::support::{check, wait_until};

/// For names under `localhost` the edge issues its own certificate, which no public authority has signed.
const NAME: &str = "tracehub.localhost";

pub fn there_and_back(lab: &Lab) -> Result<(), Failed> {
    let (host, url) = (&lab.hosts[1], format!("https://{NAME}:{}", lab.hosts[1].https));
    let up = |url: &str, more: &[&str]| -> XtaskCommand {
        let arguments: Vec<&str> =
            ["platform", "up", "--env", "staging"].iter().chain(more).copied().collect();
        lab.project.xtask_verbatim(&arguments).env("STAGING_URL", url)
    };
    let files = || host.sh("cd /opt/tracehub-app/platform && ls *.yaml");

    let output = up(&host.url, &[]).succeeds()?;
    check(output.contains("Nothing to do"), || output)?;
    let output = up(&url, &["--plan"]).succeeds()?;
    check(output.contains("start edge anew") && !output.contains("start postgres anew"), || output)?;
    // Compose must read the files that the platform was started with, and not those of the change.
    lab.project.xtask_verbatim(&["logs", "edge", "--env", "staging"]).env("STAGING_URL", &url).succeeds()?;
    up(&url, &["--yes"]).succeeds()?;
    let ready = || answer(host.https).filter(|answer| answer.status() == 200);
    wait_until("it answers by HTTPS", Duration::from_secs(30), || ready().is_some())?;
    let security = ready().and_then(|answer| answer.headers().get("strict-transport-security").cloned());
    check(security.as_ref().is_some_and(|it| it.as_bytes().starts_with(b"max-age=31536000")), || {
        format!("browsers are not told to stay with HTTPS: {security:?}")
    })?;
    // By whatever else the host is called: nothing is said for a name that is not its own.
    let plain = get(&host.url, "/health/ready")?;
    check(plain.status == 421 && plain.header("strict-transport-security").is_none(), || {
        format!("{plain:?}")
    })?;
    let output = up(&url, &[]).succeeds()?;
    check(output.contains("Nothing to do"), || output)?;

    up(&host.url, &["--yes"]).succeeds()?;
    check(files() == "platform.yaml", files)?;
    check(get(&host.url, "/health/ready")?.status == 200, || "it does not answer by HTTP".into())?;
    let output = up(&host.url, &[]).succeeds()?;
    check(output.contains("Nothing to do"), || output)
}

/// Its answer, whoever has signed the certificate; none when it gives none.
fn answer(port: u16) -> Option<Response<Body>> {
    let tls = TlsConfig::builder()
        .disable_verification(true)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .proxy(None)
        .tls_config(tls)
        .build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), Loopback);
    agent.get(format!("https://{NAME}:{port}/health/ready")).call().ok()
}

/// Every name is this machine: not each knows the names under `localhost`.
#[derive(Debug)]
struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        found.push(([127, 0, 0, 1], uri.port_u16().unwrap_or(443)).into());
        Ok(found)
    }
}
