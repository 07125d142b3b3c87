//! Drivers that meet another one, are killed or interrupted, or lose their connection.

use std::time::Duration;

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::pause_points::Entry::Begun;
use crate::pause_points::PausePoint::{Done, Written};
use crate::support::client::Client;
use crate::support::{check, wait_until};

pub fn two_at_once(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    lab.push_release("Another release, for two drivers at once")?;
    let first = project.deploy().spawn();
    lab.wait_for_step("start")?;
    // For less than the 20 s of silence after which the lease ends.
    first.signal("-STOP");
    let images = lab.host().sh("docker images --quiet | wc -l");
    let output = project.deploy().fails_with(6);
    let pulled = lab.host().sh("docker images --quiet | wc -l") != images;
    let waiting = project.xtask(&["recover", "--wait=2m"]).spawn();
    let waits = wait_until("recover waits for the lease", Duration::from_secs(10), || {
        waiting.output().contains("waiting: lab is being changed by")
    });
    first.signal("-CONT");
    let output = output?;
    check(output.contains("is being changed by") && output.contains("at the latest"), || output)?;
    check(!pulled, || "the refused deploy has pulled images".into())?;
    waits?;
    first.succeeds()?;
    waiting.succeeds()?;
    lab.host().last_attempt_is("deploy succeeded")
}

pub fn two_in_the_same_moment(lab: &Lab) -> Result<(), Failed> {
    lab.push_release("A release that two people deploy in the same moment")?;
    let attempts = lab.project.attempts().len();
    let client = Client::start(lab.url());
    let drivers = [(); 2].map(|()| lab.project.deploy().spawn());
    let mut results = drivers.map(|driver| driver.wait());
    results.sort_by_key(|result| result.as_ref().ok().and_then(|(code, _)| *code));
    let [first, second] = results;
    let ((first, output), (second, refusal)) = (first?, second?);
    check(first == Some(0), || output)?;
    check(second == Some(6) && refusal.contains("is being changed by"), || refusal)?;
    check(lab.project.attempts().len() == attempts + 1, || "the refused deploy is in the ledger".into())?;
    lab.host().last_attempt_is("deploy succeeded")?;
    client.stop().has_no_failures()
}

pub fn killed_before_the_switch(lab: &Lab) -> Result<(), Failed> {
    let (client, driver, live) = lab.deploy_until("A release whose driver dies early", "ready")?;
    driver.kill();
    lab.wait_for_lease()?;
    check(lab.host().live() == live, || "the traffic moved".into())?;
    let output = lab.project.xtask(&["recover"]).succeeds()?;
    check(output.contains("never came to its switch") && output.contains(&live), || output)?;
    lab.host().last_attempt_is("deploy undone")?;
    lab.host().two_releases_run()?;
    lab.converges("has the traffic")?;
    client.stop().has_no_failures()
}

pub fn killed_after_the_switch(lab: &Lab) -> Result<(), Failed> {
    let live = lab.host().live();
    lab.push_release("A release whose driver dies right after the switch")?;
    let client = Client::start(lab.url());
    let driver = lab.project.deploy().spawn();
    wait_until("the switch is made", Duration::from_secs(180), || lab.host().live() != live)?;
    driver.kill();
    lab.wait_for_lease()?;
    check(lab.project.status()["unconfirmed"] == true, || "status does not say 'unconfirmed'".into())?;
    lab.wait_for_guard(&live)?;
    lab.converges("was taken back by its guard")?;
    client.stop().has_no_failures()
}

pub fn killed_in_the_watch(lab: &Lab) -> Result<(), Failed> {
    let (client, driver, live) = lab.deploy_until("A release whose driver dies in the watch", "watch")?;
    driver.kill();
    lab.wait_for_lease()?;
    // The next deploy does not wait for the guard: it trips it.
    lab.converges("was not confirmed, and is undone now")?;
    check(lab.host().live() != live, || "the next deploy did not converge".into())?;
    client.stop().has_no_failures()
}

pub fn cut_before_the_switch(lab: &Lab) -> Result<(), Failed> {
    let (client, driver, live) = lab.deploy_until("A release whose driver loses its link", "ready")?;
    lab.link.cut();
    lab.wait_for_lease()?;
    let output = driver.exits_with(5);
    lab.link.mend();
    let output = output?;
    check(output.contains("is lost") && output.contains("`cargo xtask status --env lab`"), || output)?;
    check(lab.host().live() == live, || "the traffic moved".into())?;
    lab.converges("never came to its switch")?;
    client.stop().has_no_failures()
}

pub fn silent_in_the_watch(lab: &Lab) -> Result<(), Failed> {
    let (client, driver, live) = lab.deploy_until("A release whose link falls silent", "watch")?;
    lab.link.freeze();
    lab.wait_for_lease()?;
    lab.wait_for_guard(&live)?;
    let output = driver.exits_with(5)?;
    check(output.contains("is lost"), || output)?;
    lab.link.mend();
    lab.converges("was taken back by its guard")?;
    client.stop().has_no_failures()
}

/// Ctrl-C when the switch of a rollback is made and not in the ledger yet.
pub fn interrupted_at_a_rollbacks_rename(lab: &Lab) -> Result<(), Failed> {
    let (host, warm) = (lab.host(), lab.project.warm().ok_or("nothing is warm")?);
    let client = Client::start(lab.url());
    host.pause_at(Done(Begun("switch")));
    let driver = lab.project.xtask(&["rollback", "--to", &warm]).spawn();
    host.wait_until_paused(&driver)?;
    let moved = host.live() == warm;
    driver.interrupt();
    host.resume();
    driver.exits_with(0)?;
    check(moved && host.live() == warm, || "the traffic did not move".into())?;
    host.last_attempt_is("rollback succeeded")?;
    let status = lab.project.status();
    check(status["expected_active"] == warm.as_str(), || format!("{status}"))?;
    client.stop().has_no_failures()
}

/// Ctrl-C when a deploy is confirmed, and the release from before is about to be retired.
pub fn interrupted_after_the_confirm(lab: &Lab) -> Result<(), Failed> {
    lab.push_release("A release whose driver is interrupted after its confirm")?;
    let (host, live) = (lab.host(), lab.host().live());
    let client = Client::start(lab.url());
    host.pause_at(Written(Begun("retire")));
    let driver = lab.project.deploy().spawn();
    host.wait_until_paused(&driver)?;
    driver.interrupt();
    host.resume();
    let output = driver.exits_with(0)?;
    check(output.contains("retire: ") && host.live() != live, || output)?;
    host.last_attempt_is("deploy succeeded")?;
    let output = lab.project.xtask(&["status"]).succeeds()?;
    check(!output.contains("is damaged"), || output)?;
    // What it did not stop, the next attempt stops.
    lab.project.xtask(&["recover"]).succeeds()?;
    host.two_releases_run()?;
    client.stop().has_no_failures()
}
