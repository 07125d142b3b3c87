//! What goes wrong in the middle: two drivers, a killed one, a link that is cut or falls silent, a reboot.

use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::call::{Running, wait_until};
use crate::client::{Client, get};
use crate::stand::Entry::Begun;
use crate::stand::Moment::{Done, Written};
use crate::{Lab, check};

pub fn two_at_once(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    project.commit("Another release, for two drivers at once");
    project.raw(&["image", "push", "--yes"]).succeeds()?;
    let first = project.deploy().starts();
    lab.wait_for_step("start")?;
    // The lease outlives 20 s of silence.
    first.stand_still();
    let images = lab.host().sh("docker images --quiet | wc -l");
    let told = project.deploy().fails_with(6);
    let pulled = lab.host().sh("docker images --quiet | wc -l") != images;
    let patient = project.xtask(&["recover", "--wait=2m"]).starts();
    let waits = wait_until("the patient one waits", Duration::from_secs(10), || {
        patient.told().contains("waiting: lab is being changed by")
    });
    first.go_on();
    let told = told?;
    check(told.contains("is being changed by") && told.contains("at the latest"), || told)?;
    check(!pulled, || "the refused one pulled something".into())?;
    waits?;
    first.succeeds()?;
    patient.succeeds()?;
    check(lab.host().ended() == "deploy succeeded", || lab.host().ended())
}

/// A deploy that waits at the step, with clients all along.
pub fn deploy_until(lab: &Lab, what: &str, step: &str) -> Result<(Client, Running, String), Failed> {
    let live = lab.host().live();
    lab.project.commit(what);
    lab.project.raw(&["image", "push", "--yes"]).succeeds()?;
    let client = Client::start(lab.url());
    let driver = lab.project.deploy().starts();
    lab.wait_for_step(step)?;
    Ok((client, driver, live))
}

/// Waits for the lease, and says how long that took.
pub fn lease_is_freed(lab: &Lab) -> Result<(), Failed> {
    let began = Instant::now();
    wait_until("the lease is free", Duration::from_secs(40), || lab.host().is_free())?;
    println!("    the lease is free after {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// The next deploy settles what is left, says so, and leaves nothing over.
pub fn converges(lab: &Lab, words: &str) -> Result<(), Failed> {
    let told = lab.project.deploy().succeeds()?;
    check(told.contains(words), || told)?;
    check(lab.host().running() == 2, || format!("{} releases run", lab.host().running()))?;
    check(
        lab.host().sh("cat /opt/tracehub-app/live/guard /opt/tracehub-app/live/arming").is_empty(),
        || "something is guarded still".into(),
    )?;
    check(get(lab.url(), "/health/ready")?.release == Some(lab.host().live()), || {
        "another one answers".into()
    })?;
    check(lab.host().ended() == "deploy succeeded", || lab.host().ended())
}

pub fn nothing_failed(client: Client) -> Result<(), Failed> {
    let seen = client.stop();
    println!("    {seen}");
    check(seen.failed.is_empty(), || format!("{seen}"))
}

fn back_by_guard(lab: &Lab, live: &str) -> Result<(), Failed> {
    wait_until("the guard has undone it", Duration::from_secs(60), || lab.host().live() == live)
}

pub fn killed_before_the_switch(lab: &Lab) -> Result<(), Failed> {
    let (client, driver, live) = deploy_until(lab, "A release whose driver dies early", "ready")?;
    driver.kill();
    lease_is_freed(lab)?;
    check(lab.host().live() == live, || "the traffic moved".into())?;
    let told = lab.project.xtask(&["recover"]).succeeds()?;
    check(told.contains("never came to its switch") && told.contains(&live), || told)?;
    check(lab.host().ended() == "deploy undone" && lab.host().running() == 2, || lab.host().ended())?;
    converges(lab, "has the traffic")?;
    nothing_failed(client)
}

pub fn killed_after_the_switch(lab: &Lab) -> Result<(), Failed> {
    let live = lab.host().live();
    lab.project.commit("A release whose driver dies right after the switch");
    lab.project.raw(&["image", "push", "--yes"]).succeeds()?;
    let client = Client::start(lab.url());
    let driver = lab.project.deploy().starts();
    wait_until("the switch is made", Duration::from_secs(180), || lab.host().live() != live)?;
    driver.kill();
    lease_is_freed(lab)?;
    check(lab.project.status()["unconfirmed"] == true, || "status does not say 'unconfirmed'".into())?;
    back_by_guard(lab, &live)?;
    converges(lab, "was taken back by its guard")?;
    nothing_failed(client)
}

pub fn killed_in_the_watch(lab: &Lab) -> Result<(), Failed> {
    let (client, driver, live) = deploy_until(lab, "A release whose driver dies in the watch", "watch")?;
    driver.kill();
    lease_is_freed(lab)?;
    // The next deploy does not wait for the guard: it trips it.
    converges(lab, "was not confirmed, and is undone now")?;
    check(lab.host().live() != live, || "the next deploy did not converge".into())?;
    nothing_failed(client)
}

pub fn cut_before_the_switch(lab: &Lab) -> Result<(), Failed> {
    let (client, driver, live) = deploy_until(lab, "A release whose driver loses its link", "ready")?;
    lab.link.cut();
    lease_is_freed(lab)?;
    let told = driver.ends_with(5);
    lab.link.mend();
    let told = told?;
    check(told.contains("is lost") && told.contains("`cargo xtask status --env lab`"), || told)?;
    check(lab.host().live() == live, || "the traffic moved".into())?;
    converges(lab, "never came to its switch")?;
    nothing_failed(client)
}

pub fn silent_in_the_watch(lab: &Lab) -> Result<(), Failed> {
    let (client, driver, live) = deploy_until(lab, "A release whose link falls silent", "watch")?;
    lab.link.freeze();
    lease_is_freed(lab)?;
    back_by_guard(lab, &live)?;
    let told = driver.ends_with(5)?;
    check(told.contains("is lost"), || told)?;
    lab.link.mend();
    converges(lab, "was taken back by its guard")?;
    nothing_failed(client)
}

/// Ctrl-C when the switch of a rollback is made and not yet written down.
pub fn interrupted_at_a_rollbacks_rename(lab: &Lab) -> Result<(), Failed> {
    let (host, warm) = (lab.host(), lab.project.warm().ok_or("nothing is warm")?);
    let client = Client::start(lab.url());
    host.stand_at(Done(Begun("switch")));
    let driver = lab.project.xtask(&["rollback", "--to", &warm]).starts();
    host.wait_until_it_stands(&driver)?;
    let moved = host.live() == warm;
    driver.interrupt();
    host.let_go(false);
    driver.ends_with(0)?;
    check(moved && host.live() == warm && host.ended() == "rollback succeeded", || host.ended())?;
    let status = lab.project.status();
    check(status["expected_active"] == warm.as_str(), || format!("{status}"))?;
    nothing_failed(client)
}

/// Ctrl-C when a deploy counts already, and what it has left behind is about to stop.
pub fn interrupted_behind_the_confirm(lab: &Lab) -> Result<(), Failed> {
    lab.project.commit("A release whose driver is interrupted when it counts already");
    lab.project.raw(&["image", "push", "--yes"]).succeeds()?;
    let (host, live) = (lab.host(), lab.host().live());
    let client = Client::start(lab.url());
    host.stand_at(Written(Begun("retire")));
    let driver = lab.project.deploy().starts();
    host.wait_until_it_stands(&driver)?;
    driver.interrupt();
    host.let_go(false);
    let told = driver.ends_with(0)?;
    check(told.contains("retire: ") && host.live() != live, || told)?;
    check(host.ended() == "deploy succeeded", || host.ended())?;
    let told = lab.project.xtask(&["status"]).succeeds()?;
    check(!told.contains("is damaged"), || told)?;
    // What it did not stop, the next one stops.
    lab.project.xtask(&["recover"]).succeeds()?;
    check(host.running() == 2, || format!("{} releases run", host.running()))?;
    nothing_failed(client)
}

pub fn reboot(lab: &Lab) -> Result<(), Failed> {
    let (host, live) = (lab.host(), lab.host().live());
    let restarted = Command::new("docker").args(["restart", &host.container]).output()?;
    check(restarted.status.success(), || String::from_utf8_lossy(&restarted.stderr).into_owned())?;
    let serves =
        || get(lab.url(), "/health/ready").is_ok_and(|answer| answer.release.as_ref() == Some(&live));
    wait_until("the right release serves", Duration::from_secs(60), serves)?;
    // The guard alone has no check.
    let ill = "docker ps --quiet --filter health=starting --filter health=unhealthy";
    let well = || host.sh(ill).is_empty();
    wait_until("all its parts are healthy", Duration::from_secs(60), well)?;
    let told = lab.project.deploy().succeeds()?;
    check(told.contains("Nothing to do"), || told)
}
