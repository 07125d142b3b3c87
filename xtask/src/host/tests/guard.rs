//! What the guard's container runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::{Host, NEW, OLD};
use crate::host::live_folder::SCRIPT;
use crate::rollout::state::guard::GuardState;

/// Killed when it is dropped.
struct Guarding(Child);

impl Guarding {
    /// Comes back when it is there.
    fn of(host: &Host, path: &str) -> Guarding {
        let folder = host.path("live");
        let script = ["-c", SCRIPT.text, "guard", "guard", folder.as_str()];
        let guard = Guarding(Command::new("sh").args(script).env("PATH", path).spawn().unwrap());
        let began = Instant::now();
        while !folder.join("wake").exists() {
            assert!(began.elapsed() < Duration::from_secs(30), "it does not begin");
        }
        guard
    }
}

impl Drop for Guarding {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).unwrap();
    }
}

impl Host {
    /// As a deploy asks its guard.
    fn ask_to_arm(&self, attempt: &str, seconds: u32) -> i32 {
        let (lease, seconds) = (self.path("lease"), seconds.to_string());
        self.call("arm", &[lease.as_str(), "7", attempt, OLD, NEW, "none", &seconds])
    }

    fn wait_for(&self, state: GuardState) {
        let began = Instant::now();
        while self.live().guard.is_none_or(|guard| guard.state != state) {
            assert!(began.elapsed() < Duration::from_secs(30), "it is not {state:?} in the end");
        }
    }
}

#[test]
fn a_guard_trips_at_its_deadline_also_when_somebody_sets_the_clock_back() {
    let host = Host::with_live(OLD);
    // A clock that is an hour earlier each time that it is asked.
    let date = "#!/bin/sh\nhour=$(cat \"$0.hour\" 2>/dev/null || echo 999)\necho $((hour - 1)) >\"$0.hour\"\n\
                echo $((hour * 3600))\n";
    fs::create_dir(host.path("bin")).unwrap();
    fs::write(host.path("bin/date"), date).unwrap();
    fs::set_permissions(host.path("bin/date"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", host.path("bin"), std::env::var("PATH").unwrap());
    let _guard = Guarding::of(&host, &path);
    assert_eq!(host.ask_to_arm("a1", 2), 0);
    fs::write(host.path("live/live"), format!("{NEW}\n")).unwrap();
    host.wait_for(GuardState::Tripped);
    assert_eq!(host.live().active.unwrap().as_str(), OLD);
}

#[test]
fn one_container_guards_one_attempt_after_the_other_and_is_missed_when_it_is_gone() {
    let host = Host::with_live(OLD);
    let guard = Guarding::of(&host, &std::env::var("PATH").unwrap());
    let lease = host.path("lease");
    for attempt in ["a1", "a2"] {
        assert_eq!(host.ask_to_arm(attempt, 60), 0);
        assert_eq!(host.switch(OLD, NEW, "7", "a0"), 12, "it guards {attempt} alone");
        assert_eq!(host.call("confirm", &[attempt]), 0);
        assert_eq!(host.call("dismiss", &[lease.as_str(), "6"]), 11, "the lease has passed on");
        assert_eq!(host.call("dismiss", &[lease.as_str(), "7"]), 0);
        assert_eq!(host.live().guard, None);
    }
    assert_eq!(host.call("arm", &[lease.as_str(), "6", "a3", OLD, NEW, "none", "60"]), 11);
    drop(guard);
    assert_eq!(host.ask_to_arm("a3", 60), 14);
    assert_eq!((host.live().guard, host.switch(OLD, NEW, "7", "a3")), (None, 12));
}

#[test]
fn a_guard_that_is_started_again_takes_back_what_it_finds_unconfirmed() {
    let host = Host::with_live(OLD);
    let path = std::env::var("PATH").unwrap();
    let guard = Guarding::of(&host, &path);
    assert_eq!((host.ask_to_arm("a1", 60), host.switch(OLD, NEW, "7", "a1")), (0, 0));
    drop(guard);
    assert_eq!(host.live().active.unwrap().as_str(), NEW);
    let _guard = Guarding::of(&host, &path);
    host.wait_for(GuardState::Tripped);
    assert_eq!(host.live().active.unwrap().as_str(), OLD);
    assert_eq!(host.live().guard.unwrap().reason, "restarted");
}
