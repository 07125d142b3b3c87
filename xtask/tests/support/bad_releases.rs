//! Releases that are no good: before the switch they cost users nothing, after it the switch is undone. Both suites
//! run these trials.

use std::time::Duration;

use libtest_mimic::Failed;

use super::check;
use super::client::{Client, TrafficReport};
use super::http::get;
use super::project::Project;

/// How long it takes at most to undo the switch to a release that turns bad: 2 s where nothing else keeps the machine
/// busy.
pub const UNDONE_WITHIN: Duration = Duration::from_secs(6);

/// Deploys the last commit, which must fail, with clients all along, and drops it. Gives what xtask printed.
fn fails(project: &Project) -> Result<(String, TrafficReport), Failed> {
    let live = project.live();
    let client = Client::start(&project.url());
    let output = project.deploy().fails_with(4);
    let report = client.stop();
    // Before anything is checked: the trials after this one go on from the release that works.
    project.drop_commit();
    let output = output?;
    is_as_before(project, live)?;
    Ok((output, report))
}

/// The release from before serves, and nothing of the one that failed is left.
pub fn is_as_before(project: &Project, live: Option<String>) -> Result<(), Failed> {
    let status = project.status();
    check(project.live() == live && status["expected_active"] == status["live"], || format!("{status}"))?;
    check(status["unfinished"].is_null() && status["unconfirmed"] == false, || format!("{status}"))?;
    check(project.running_releases() == 2, || "the release that failed still runs".into())?;
    let response = get(&project.url(), "/health/ready")?;
    check(response.status == 200 && response.release() == live, || format!("{response:?}"))?;
    project.last_attempt_is("deploy", "undone")
}

/// The deploy of the last commit fails at the step `ready` with these words.
pub fn costs_nothing(project: &Project, words: &[&str]) -> Result<(), Failed> {
    let (output, report) = fails(project)?;
    check(output.contains("'ready'") && words.iter().all(|word| output.contains(word)), || output.clone())?;
    report.has_no_failures()
}

pub fn crashes(project: &Project) -> Result<(), Failed> {
    project.commit_fault("crash");
    let words = ["exit code 7", "it crashes at its start, on purpose", "cargo xtask logs --release "];
    costs_nothing(project, &words)
}

pub fn redirects(project: &Project) -> Result<(), Failed> {
    project.commit_fault("redirect");
    costs_nothing(project, &["a redirect to https://elsewhere.invalid/"])
}

pub fn never_ready(project: &Project) -> Result<(), Failed> {
    project.commit_without_database();
    costs_nothing(project, &["backend is running, unhealthy"])
}

/// Users get errors from the switch on until it is undone, and no other failures.
fn is_undone(project: &Project, fault: &str, words: &str) -> Result<(), Failed> {
    project.commit_fault(fault);
    let (output, report) = fails(project)?;
    check(output.contains("'watch'") && output.contains(words), || output.clone())?;
    check(
        !report.failures.is_empty() && report.failures.iter().all(|failure| failure.contains(": 500 ")),
        || format!("{report}"),
    )?;
    check(report.failed_for() < UNDONE_WITHIN, || format!("it took too long: {report}"))
}

pub fn errors(project: &Project) -> Result<(), Failed> {
    is_undone(project, "errors", "3 bad answers in a row: it answered 500")
}

pub fn errors_beside_health(project: &Project) -> Result<(), Failed> {
    let words = "2 smoke tests in a row failed: the version, through the edge, is answered 500";
    is_undone(project, "errors-beside-health", words)
}

pub fn slow(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    project.commit_fault("slow");
    let client = Client::start(&project.url());
    let output = project.deploy().succeeds();
    project.drop_commit();
    // To the warm release, at once: the trials after this one go on from a release without a fault.
    let back = output.is_ok().then(|| project.xtask(&["rollback", "--to", &live]).succeeds());
    let report = client.stop();
    output?;
    back.transpose()?;
    check(project.live() == Some(live), || "the rollback went elsewhere".into())?;
    report.has_no_failures_from(2)?;
    project.last_attempt_is("rollback", "succeeded")
}
