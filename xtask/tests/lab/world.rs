//! The world around a deploy fails: the power, the registry, the disk; or somebody else deploys at the same moment.

use std::fs;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::call::{Call, run, wait_until};
use crate::client::{Client, get};
use crate::faults::{converges, deploy_until, nothing_failed};
use crate::host::Host;
use crate::project::{DOWNLOAD, DOWNLOAD_BYTES};
use crate::stand::Entry::Begun;
use crate::stand::Moment::Written;
use crate::{Lab, check};

pub fn power_fails_in_the_watch(lab: &Lab) -> Result<(), Failed> {
    let (client, driver, live) = deploy_until(lab, "A release in whose watch the power fails", "watch")?;
    run(Command::new("docker").args(["restart", "--time", "0", &lab.host().container]));
    let told = driver.ends_with(5)?;
    check(told.contains("is lost"), || told)?;
    wait_until("the release before serves again", Duration::from_secs(90), || {
        get(lab.url(), "/health/ready").is_ok_and(|answer| answer.release.as_ref() == Some(&live))
    })?;
    check(lab.host().live() == live, || "the switch was not taken back".into())?;
    converges(lab, "was taken back by its guard")?;
    let seen = client.stop();
    println!("    {seen}");
    // A host without power answers nobody; from then on all is well again.
    check(!seen.failed.is_empty() && seen.failed_for() < Duration::from_secs(90), || format!("{seen}"))
}

pub fn two_in_one_moment(lab: &Lab) -> Result<(), Failed> {
    lab.project.commit("A release that two people deploy in the same moment");
    lab.project.raw(&["image", "push", "--yes"]).succeeds()?;
    let attempts = lab.project.attempts().len();
    let client = Client::start(lab.url());
    let drivers = [(); 2].map(|()| lab.project.deploy().starts());
    let mut ended = drivers.map(|driver| driver.ends());
    ended.sort_by_key(|ended| ended.as_ref().ok().and_then(|(code, _)| *code));
    let [first, second] = ended;
    let ((first, told), (second, refused)) = (first?, second?);
    check(first == Some(0), || told)?;
    check(second == Some(6) && refused.contains("is being changed by"), || refused)?;
    check(lab.project.attempts().len() == attempts + 1, || "the refused one is in the ledger".into())?;
    check(lab.host().ended() == "deploy succeeded", || lab.host().ended())?;
    nothing_failed(client)
}

/// The container of the registry that hosts pull from.
fn registry(lab: &Lab) -> String {
    let publishes = format!("publish={}", lab.project.told("REGISTRY_READ_ONLY_PORT"));
    run(Command::new("docker").args(["ps", "--filter", &publishes, "--format", "{{.Names}}"]))
        .trim()
        .to_owned()
}

pub fn registry_gone_in_mid_pull(lab: &Lab) -> Result<(), Failed> {
    let (project, live) = (&lab.project, lab.host().live());
    // A layer of that size which the host does not have.
    let other = crate::streams::noise().skip(1).take(DOWNLOAD_BYTES).collect::<Vec<_>>();
    fs::write(project.folder().join("tracehub/frontend/public").join(&DOWNLOAD[1..]), other)?;
    project.commit("A big file that the host does not have");
    project.raw(&["image", "push", "--yes"]).succeeds()?;
    let (registry, client) = (registry(lab), Client::start(lab.url()));
    let before = lab.link.sent();
    let driver = project.deploy().starts();
    let half = u64::try_from(DOWNLOAD_BYTES / 4)?;
    let pulling = wait_until("a part of it is there", Duration::from_secs(120), || {
        lab.link.sent() - before > half || driver.has_ended()
    });
    run(Command::new("docker").args(["kill", &registry]));
    let told = driver.ends_with(4);
    run(Command::new("docker").args(["start", &registry]));
    pulling?;
    let told = told?;
    check(told.contains("'pull'") && told.contains("pulling localhost:"), || told)?;
    check(lab.host().live() == live && lab.host().running() == 2, || "something moved".into())?;
    check(lab.host().ended() == "deploy undone", || lab.host().ended())?;
    project.deploy().succeeds()?;
    check(lab.host().live() != live, || "the next deploy did not converge".into())?;
    // The tests behind this one compare downloads with the file as it was.
    project.back();
    check(lab.host().ended() == "deploy succeeded", || lab.host().ended())?;
    nothing_failed(client)
}

/// A machine of its own for the lab's environment, with a small disk under the environment's root folder.
struct SmallDisk<'a> {
    lab: &'a Lab,
    host: &'a Host,
}

const ROOT: &str = "/opt/tracehub-app";

impl SmallDisk<'_> {
    fn xtask(&self, arguments: &[&str]) -> Call {
        let call = self.lab.project.xtask(arguments);
        let (port, host) = (self.host.ssh.to_string(), self.host);
        call.with("LAB_PORT", &port).with("LAB_HOST_KEY", &host.key).with("LAB_URL", &host.url)
    }

    fn deploy(&self) -> Call {
        self.xtask(&["deploy", "--yes"])
    }

    fn fill(&self) {
        // To the last byte, also for who may use what is kept for root.
        self.host
            .sh(&format!("dd if=/dev/zero of={ROOT}/fill bs=1M; dd if=/dev/zero of={ROOT}/fill.more bs=512"));
    }

    fn empty(&self) {
        self.host.sh(&format!("rm -f {ROOT}/fill {ROOT}/fill.more"));
    }

    fn release(&self, what: &str) -> Result<(), Failed> {
        self.lab.project.commit(what);
        self.lab.project.raw(&["image", "push", "--yes"]).succeeds().map(drop)
    }

    /// With room again, the next deploy converges.
    fn converges(&self) -> Result<(), Failed> {
        self.empty();
        self.deploy().succeeds()?;
        check(self.host.ended() == "deploy succeeded", || self.host.ended())?;
        check(self.host.running() == 2, || format!("{} releases run", self.host.running()))?;
        let answer = get(&self.host.url, "/health/ready")?;
        check(answer.status == 200 && answer.release == Some(self.host.live()), || format!("{answer:?}"))
    }
}

pub fn disk_full(lab: &Lab) -> Result<(), Failed> {
    let small = SmallDisk { lab, host: &lab.hosts[2] };
    small.xtask(&["host", "setup", "--yes"]).succeeds()?;
    small.host.sh(&format!("mount -t tmpfs -o size=1200m tmpfs {ROOT} && chown deploy {ROOT}"));
    let result = full_before_the_switch(&small)
        .and_then(|()| full_behind_the_switch(&small))
        .and_then(|()| full_at_a_rollback(&small));
    small.empty();
    small.xtask(&["down", "--volumes", "--yes"]).succeeds()?;
    small.host.sh(&format!("umount {ROOT}"));
    result
}

fn full_before_the_switch(small: &SmallDisk) -> Result<(), Failed> {
    small.deploy().succeeds()?;
    small.release("The second release on a small disk")?;
    small.deploy().succeeds()?;
    small.release("A release before whose switch the disk is full")?;
    let (client, live) = (Client::start(&small.host.url), small.host.live());
    small.host.stand_at(Written(Begun("guard")));
    let driver = small.deploy().starts();
    small.host.wait_until_it_stands(&driver)?;
    small.fill();
    small.host.let_go(false);
    let (code, told) = driver.ends()?;
    // The ledger may have room left in its last block, or not: then a person is told.
    check(code == Some(4) || code == Some(5) && told.contains("ledger:"), || format!("{code:?}: {told}"))?;
    check(told.contains("'guard'") && told.contains("has 0 MiB free: free some"), || told)?;
    check(small.host.live() == live, || "the traffic moved without a guard".into())?;
    // A dump would take the last of it, and the database needs some.
    let told = small.xtask(&["db", "backup"]).fails_with(10)?;
    check(told.contains("a dump of the database needs") && told.contains("has 0 MiB free"), || told)?;
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("20260103t120000z-1-1.dump.age").to_string_lossy().into_owned();
    fs::write(&copy, vec![0; 1 << 20])?;
    let told = small.xtask(&["db", "take", &copy, "--identity", &copy]).fails_with(10)?;
    check(told.contains("the copy needs 2 MiB"), || told)?;
    small.converges()?;
    nothing_failed(client)
}

fn full_behind_the_switch(small: &SmallDisk) -> Result<(), Failed> {
    small.release("A release that dies while the disk is full")?;
    let (client, live) = (Client::start(&small.host.url), small.host.live());
    small.host.stand_at(Written(Begun("watch")));
    let driver = small.deploy().starts();
    small.host.wait_until_it_stands(&driver)?;
    let new = small.host.live();
    small.fill();
    small.host.sh(&format!("docker kill tracehub-lab-{new}-backend-1"));
    small.host.let_go(false);
    let ended = driver.ends();
    let seen = client.stop();
    println!("    {seen}");
    let (code, told) = ended?;
    check(code == Some(4) || code == Some(5) && told.contains("ledger:"), || format!("{code:?}: {told}"))?;
    check(new != live && small.host.live() == live, || format!("it was not taken back: {told}"))?;
    check(get(&small.host.url, "/health/ready")?.status == 200, || "nobody serves".into())?;
    check(seen.failed.len() <= 12, || format!("{seen}"))?;
    small.converges()
}

fn full_at_a_rollback(small: &SmallDisk) -> Result<(), Failed> {
    let (client, warm) = (Client::start(&small.host.url), small.host.sh(&format!("cat {ROOT}/live/warm")));
    small.fill();
    let told = small.xtask(&["rollback"]).succeeds();
    let (live, ended) = (small.host.live(), small.host.ended());
    told?;
    check(live == warm && ended == "rollback succeeded", || format!("{live} instead of {warm}: {ended}"))?;
    small.converges()?;
    nothing_failed(client)
}
