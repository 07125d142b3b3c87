//! Drivers that meet another one, are killed, or are interrupted.

use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::call::wait_until;
use crate::check;
use crate::client::Client;
use crate::project::Project;

pub fn two_at_once(project: &Project) -> Result<(), Failed> {
    project.commit("Another release, for two deploys at once");
    let first = project.deploy().starts();
    wait_until("the first deploy has begun", Duration::from_secs(120), || project.unfinished())?;
    let told =
        project.xtask(&["rollback", "--to", project.warm().unwrap_or_default().as_str()]).fails_with(6)?;
    check(told.contains("is being changed by") && told.contains("at the latest"), || told.clone())?;
    first.succeeds()?;
    project.ends_as("deploy", "succeeded")
}

pub fn killed_in_the_watch(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    project.commit("A release whose driver dies");
    let client = Client::start(&project.url());
    let driver = project.deploy().starts();
    wait_until("the switch is made", Duration::from_secs(120), || {
        project.live_file() != live.clone().unwrap_or_default()
    })?;
    driver.kill();
    wait_until("the lease's process has ended what the driver had started", Duration::from_secs(10), || {
        driver.left_behind() == 0
    })?;
    let unconfirmed = project.status()["unconfirmed"] == true;
    let undone =
        wait_until("the guard has undone it", Duration::from_secs(60), || Some(project.live_file()) == live);
    let seen = client.stop();
    println!("    {seen}");
    undone?;
    check(unconfirmed, || "status did not say that it was unconfirmed".into())?;
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    let told = project.deploy().succeeds()?;
    check(told.contains("was taken back by its guard"), || told.clone())?;
    check(project.live() != live, || "the next deploy did not converge".into())?;
    let outcomes: Vec<Value> =
        project.attempts().iter().rev().take(2).map(|attempt| attempt["outcome"].clone()).collect();
    check(outcomes == ["succeeded", "undone_by_guard"], || format!("{outcomes:?}"))
}

pub fn interrupted(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    project.replace(
        "tracehub/deploy/release.yaml",
        "tracehub_app@postgres:5432/tracehub",
        "tracehub_app@postgres:5432/nowhere",
    );
    project.commit("Ask for a database that is not there, and be interrupted");
    let driver = project.deploy().starts();
    wait_until("it waits for the release to be ready", Duration::from_secs(120), || {
        project.running_releases() == 3
    })?;
    driver.interrupt();
    let told = driver.ends_with(130)?;
    check(driver.left_behind() == 0, || "a child process is left behind".into())?;
    check(told.contains("everything that it had begun is undone"), || told.clone())?;
    check(project.live() == live && project.running_releases() == 2, || "something is left".into())?;
    project.back();
    project.ends_as("deploy", "undone")
}
