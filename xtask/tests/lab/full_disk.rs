//! A disk that is full before the switch, after it, and at a rollback.

use std::fs;

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::host::Host;
use crate::pause_points::Entry::Begun;
use crate::pause_points::PausePoint::Written;
use crate::support::check;
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::xtask::XtaskCommand;

/// The environment's root folder.
const ROOT: &str = "/opt/tracehub-app";

/// Another machine for the lab's environment, with a small disk mounted at the environment's root folder.
struct SmallDisk<'a> {
    lab: &'a Lab,
    host: &'a Host,
}

impl SmallDisk<'_> {
    fn xtask(&self, arguments: &[&str]) -> XtaskCommand {
        let call = self.lab.project.xtask(arguments);
        let (port, host) = (self.host.ssh.to_string(), self.host);
        call.env("LAB_PORT", &port).env("LAB_HOST_KEY", &host.key).env("LAB_URL", &host.url)
    }

    fn deploy(&self) -> XtaskCommand {
        self.xtask(&["deploy", "--yes"])
    }

    fn fill(&self) {
        // To the last byte, also of what is reserved for root.
        self.host
            .sh(&format!("dd if=/dev/zero of={ROOT}/fill bs=1M; dd if=/dev/zero of={ROOT}/fill.more bs=512"));
    }

    fn empty(&self) {
        self.host.sh(&format!("rm -f {ROOT}/fill {ROOT}/fill.more"));
    }

    /// With room again, the next deploy converges.
    fn converges(&self) -> Result<(), Failed> {
        self.empty();
        self.deploy().succeeds()?;
        self.host.last_attempt_is("deploy succeeded")?;
        self.host.two_releases_run()?;
        let response = get(&self.host.url, "/health/ready")?;
        check(response.is_ok_from(&self.host.live()), || format!("{response:?}"))
    }
}

pub fn costs_users_nothing(lab: &Lab) -> Result<(), Failed> {
    let small = SmallDisk { lab, host: &lab.hosts[2] };
    small.xtask(&["host", "setup", "--yes"]).succeeds()?;
    small.host.sh(&format!("mount -t tmpfs -o size=1200m tmpfs {ROOT} && chown deploy {ROOT}"));
    let result = full_before_the_switch(&small)
        .and_then(|()| full_after_the_switch(&small))
        .and_then(|()| full_at_a_rollback(&small));
    small.empty();
    small.xtask(&["down", "--volumes", "--yes"]).succeeds()?;
    small.host.sh(&format!("umount {ROOT}"));
    result
}

/// The deploy is undone; or, where the last block of the ledger had no room for how it ended, it says so.
fn is_undone_or_says_why(code: Option<i32>, output: &str) -> Result<(), Failed> {
    check(code == Some(4) || code == Some(5) && output.contains("ledger:"), || format!("{code:?}: {output}"))
}

fn full_before_the_switch(small: &SmallDisk) -> Result<(), Failed> {
    small.deploy().succeeds()?;
    small.lab.push_release("The second release on a small disk")?;
    small.deploy().succeeds()?;
    small.lab.push_release("A release before whose switch the disk is full")?;
    let (client, live) = (Client::start(&small.host.url), small.host.live());
    small.host.pause_at(Written(Begun("guard")));
    let driver = small.deploy().spawn();
    small.host.wait_until_paused(&driver)?;
    small.fill();
    small.host.resume();
    let (code, output) = driver.wait()?;
    is_undone_or_says_why(code, &output)?;
    check(output.contains("'guard'") && output.contains("has 0 MiB free: free some"), || output)?;
    check(small.host.live() == live, || "the traffic moved without a guard".into())?;
    // A dump would take the room that the database needs.
    let output = small.xtask(&["db", "backup"]).fails_with(10)?;
    check(output.contains("a dump of the database needs") && output.contains("has 0 MiB free"), || output)?;
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("20260103t120000z-1-1.dump.age").to_string_lossy().into_owned();
    fs::write(&copy, vec![0; 1 << 20])?;
    let output = small.xtask(&["db", "take", &copy, "--identity", &copy]).fails_with(10)?;
    check(output.contains("the copy needs 2 MiB"), || output)?;
    small.converges()?;
    client.stop().has_no_failures()
}

fn full_after_the_switch(small: &SmallDisk) -> Result<(), Failed> {
    small.lab.push_release("A release that dies while the disk is full")?;
    let (client, live) = (Client::start(&small.host.url), small.host.live());
    small.host.pause_at(Written(Begun("watch")));
    let driver = small.deploy().spawn();
    small.host.wait_until_paused(&driver)?;
    let new = small.host.live();
    small.fill();
    small.host.sh(&format!("docker kill tracehub-lab-{new}-backend-1"));
    small.host.resume();
    let result = driver.wait();
    let report = client.stop();
    let (code, output) = result?;
    is_undone_or_says_why(code, &output)?;
    check(new != live && small.host.live() == live, || format!("the switch was not undone: {output}"))?;
    check(get(&small.host.url, "/health/ready")?.status == 200, || {
        "the release from before is not ready".into()
    })?;
    check(report.failures.len() <= 12, || format!("{report}"))?;
    small.converges()
}

fn full_at_a_rollback(small: &SmallDisk) -> Result<(), Failed> {
    let (client, warm) = (Client::start(&small.host.url), small.host.sh(&format!("cat {ROOT}/live/warm")));
    small.fill();
    small.xtask(&["rollback"]).succeeds()?;
    let live = small.host.live();
    check(live == warm, || format!("{live} instead of {warm}"))?;
    small.host.last_attempt_is("rollback succeeded")?;
    small.converges()?;
    client.stop().has_no_failures()
}
