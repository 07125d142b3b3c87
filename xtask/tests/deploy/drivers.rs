//! Drivers that meet another one, are killed, or are interrupted.

use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::project::Project;
use crate::support::xtask::Driver;
use crate::support::{check, wait_until};

pub fn two_at_once(project: &Project) -> Result<(), Failed> {
    project.commit("Another release, for two deploys at once");
    let first = project.deploy().spawn();
    wait_until("the first deploy has begun", Duration::from_secs(120), || project.has_unfinished_attempt())?;
    let warm = project.warm().unwrap_or_default();
    let output = project.xtask(&["rollback", "--to", &warm]).fails_with(6)?;
    check(output.contains("is being changed by") && output.contains("at the latest"), || output.clone())?;
    first.succeeds()?;
    project.last_attempt_is("deploy", "succeeded")
}

pub fn killed_in_the_watch(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    project.commit("A release whose driver dies");
    let client = Client::start(&project.url());
    let driver = project.deploy().spawn();
    project.wait_for_switch(&live)?;
    driver.kill();
    wait_until("the lease's process has ended what the driver had started", Duration::from_secs(10), || {
        remaining_processes(&driver) == 0
    })?;
    let unconfirmed = project.status()["unconfirmed"] == true;
    let undone = wait_until("the guard has undone the switch", Duration::from_secs(60), || {
        project.live_file() == live
    });
    let report = client.stop();
    undone?;
    check(unconfirmed, || "status did not say that the switch was unconfirmed".into())?;
    report.has_no_failures()?;
    let output = project.deploy().succeeds()?;
    check(output.contains("was taken back by its guard"), || output.clone())?;
    check(project.live() != Some(live), || "the next deploy did not converge".into())?;
    let outcomes: Vec<Value> =
        project.attempts().iter().rev().take(2).map(|attempt| attempt["outcome"].clone()).collect();
    check(outcomes == ["succeeded", "undone_by_guard"], || format!("{outcomes:?}"))
}

pub fn interrupted(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    project.commit_without_database();
    let driver = project.deploy().spawn();
    wait_until("the deploy waits for the release to be ready", Duration::from_secs(120), || {
        project.running_releases() == 3
    })?;
    driver.interrupt();
    let output = driver.exits_with(130)?;
    check(remaining_processes(&driver) == 0, || "a child process is left behind".into())?;
    check(output.contains("everything that it had begun is undone"), || output.clone())?;
    check(project.live() == live && project.running_releases() == 2, || "something is left".into())?;
    project.drop_commit();
    project.last_attempt_is("deploy", "undone")
}

/// How many of the processes that a driver has started still run.
pub fn remaining_processes(driver: &Driver) -> usize {
    let mark = format!("XTASK_DRIVER={}-", driver.id());
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let environments = processes.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
    let is_marked = |environment: &Vec<u8>| {
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(mark.as_bytes()))
    };
    environments.filter(is_marked).count()
}
