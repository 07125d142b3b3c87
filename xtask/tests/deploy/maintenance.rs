//! Maintenance: users are asked to wait.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use libtest_mimic::Failed;
use sha2::{Digest, Sha256};

use crate::support::http::get;
use crate::support::project::Project;
use crate::support::{check, wait_until};

pub fn on_and_off(project: &Project) -> Result<(), Failed> {
    project.xtask(&["maintenance", "on", "--until", "10m"]).succeeds()?;
    let (page, api, health) = (
        get(&project.url(), "/")?,
        get(&project.url(), "/api/version")?,
        get(&project.url(), "/health/ready")?,
    );
    check(page.status == 503 && page.body.contains("is being looked after"), || format!("{page:?}"))?;
    let until = page.header("retry-after").unwrap_or_default().to_owned();
    check(until.ends_with(" GMT") && project.status()["maintenance"] == until.as_str(), || until)?;
    check(api.status == 503 && health.status == 200, || format!("{api:?} {health:?}"))?;
    check(api.header("content-type") == Some("application/problem+json"), || format!("{api:?}"))?;
    // Browsers take no other style than the one that the policy names.
    let style = page.body.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
    let hash = BASE64_STANDARD.encode(Sha256::digest(style.ok_or("the page has no style")?));
    let policy = page.header("content-security-policy").unwrap_or_default().to_owned();
    check(policy.contains(&format!("style-src 'sha256-{hash}'")), || format!("{policy} is not of {hash}"))?;
    project.xtask(&["maintenance", "on", "--until", "yesterday"]).fails_with(3)?;
    project.xtask(&["maintenance", "off"]).succeeds()?;
    let page = get(&project.url(), "/")?;
    check(page.status == 200 && project.status()["maintenance"].is_null(), || format!("{page:?}"))?;
    project.xtask(&["maintenance", "on", "--until", "3s"]).succeeds()?;
    wait_until("maintenance is over by itself", Duration::from_secs(10), || {
        get(&project.url(), "/").is_ok_and(|page| page.status == 200)
    })?;
    check(project.status()["maintenance"].is_null(), || project.status().to_string())?;
    // The edge looks for the maintenance file at each request: that it is not there must not be logged as an error.
    let log = project.xtask(&["logs", "edge", "--tail", "100000"]).succeeds()?;
    check(log.contains("handled request") && !log.contains("/live/maintenance"), || log)
}
