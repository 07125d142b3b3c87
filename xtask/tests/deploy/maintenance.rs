//! Maintenance: users are asked to wait.

use libtest_mimic::Failed;

use crate::support::check;
use crate::support::http::get;
use crate::support::project::Project;

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
    project.xtask(&["maintenance", "on", "--until", "yesterday"]).fails_with(3)?;
    project.xtask(&["maintenance", "off"]).succeeds()?;
    let page = get(&project.url(), "/")?;
    check(page.status == 200 && project.status()["maintenance"].is_null(), || format!("{page:?}"))?;
    // The edge looks for the maintenance file at each request: that it is not there must not be logged as an error.
    let log = project.xtask(&["logs", "edge", "--tail", "100000"]).succeeds()?;
    check(log.contains("server running") && !log.contains("/live/maintenance"), || log)
}
