#![expect(
    clippy::disallowed_methods,
    reason = "a host starts them without a runner, and kills them as it likes"
)]
//! The scripts that run on a host, run by this machine's own `sh`: what must hold without any container.

mod archiver;
mod backups;
mod guard;
mod ledger;
mod papers;
mod sender;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use super::drift::PLATFORM;
use super::ledger::APPEND;
use super::live_folder::SCRIPT;
use super::platform::NOTE;
use super::{lease, releases};
use crate::rollout::host::{Holder, LeaseError};
use crate::rollout::simulation::release;
use crate::rollout::state::guard::{GuardState, Traffic};
use crate::rollout::state::ledger::Ledger;
use crate::rollout::state::release::Release;
use crate::tools::ssh::host_shell::{HostShell, Script};

const OLD: &str = "20260103t120000z-1a2b3c4d5e6f";
const NEW: &str = "20260104t120000z-1a2b3c4d5e6f";

/// A folder with a live folder and a lease file, as on a host.
struct Host(tempfile::TempDir);

impl Host {
    fn with_live(live: &str) -> Host {
        let host = Host(tempfile::tempdir().unwrap());
        fs::create_dir(host.path("live")).unwrap();
        fs::write(host.path("live/live"), format!("{live}\n")).unwrap();
        fs::write(host.path("lease"), "7\nada\n").unwrap();
        host
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    /// A call of the live script; its exit code.
    fn call(&self, verb: &str, arguments: &[&str]) -> i32 {
        self.output(verb, arguments).status.code().unwrap()
    }

    fn output(&self, verb: &str, arguments: &[&str]) -> Output {
        let folder = self.path("live");
        let script = ["-c", SCRIPT.text, "xtask", verb, folder.as_str()];
        Command::new("sh").args(script).args(arguments).output().unwrap()
    }

    fn switch(&self, from: &str, to: &str, lease: &str, attempt: &str) -> i32 {
        self.call("switch", &[from, to, self.path("lease").as_str(), lease, attempt, "10"])
    }

    fn arm(&self, deadline_in: i64) {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        let guard = format!("armed a1 {OLD} {NEW} none {}\n", now + deadline_in);
        fs::write(self.path("live/guard"), guard).unwrap();
    }

    fn live(&self) -> Traffic {
        Traffic::parse(&String::from_utf8(self.output("read", &[]).stdout).unwrap()).unwrap()
    }

    fn append(&self, lines: &[&str]) {
        assert_eq!(self.append_under("7", lines), 0);
    }

    fn append_under(&self, lease: &str, lines: &[&str]) -> i32 {
        self.append_and_copy(lease, lines, "")
    }

    fn append_and_copy(&self, lease: &str, lines: &[&str], copy_to: &str) -> i32 {
        let (ledger, lease_file) = (self.path("ledger"), self.path("lease"));
        let script = ["-c", APPEND.text, "xtask", ledger.as_str(), lease_file.as_str(), lease, copy_to];
        let mut child = Command::new("sh").args(script).stdin(Stdio::piped()).spawn().unwrap();
        // One whose lease has passed on reads nothing.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.join("\n").as_bytes());
        child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn a_switch_needs_the_old_release_the_lease_and_an_armed_guard_with_time_left() {
    let host = Host::with_live(OLD);
    assert_eq!(host.switch(OLD, NEW, "7", "a1"), 12, "no guard");
    host.arm(60);
    assert_eq!(host.switch(OLD, NEW, "7", "a2"), 12, "another attempt's guard");
    assert_eq!(host.switch(NEW, OLD, "7", "a1"), 10, "another release has the traffic");
    assert_eq!(host.switch(OLD, NEW, "6", "a1"), 11, "the lease has passed on");
    assert_eq!(host.switch(OLD, NEW, "7", "-"), 12, "a rollback goes through that guard, not past it");
    host.arm(5);
    assert_eq!(host.switch(OLD, NEW, "7", "a1"), 13, "the guard would trip in the middle of the watch");
    assert_eq!(host.live().active.unwrap().as_str(), OLD, "nothing moved so far");
    host.arm(60);
    assert_eq!(host.switch(OLD, NEW, "7", "a1"), 0);
    assert_eq!(host.live().active.unwrap().as_str(), NEW);
    assert_eq!(host.live().warm.unwrap().as_str(), OLD);
}

#[test]
fn a_rollback_that_is_cut_between_its_renames_has_moved_the_traffic_and_who_is_warm_can_be_mended() {
    let host = Host::with_live(NEW);
    fs::write(host.path("live/warm"), format!("{OLD}\n")).unwrap();
    // Where a folder is, no file can be written.
    fs::create_dir(host.path("live/warm.next")).unwrap();
    assert_ne!(host.switch(NEW, OLD, "7", "-"), 0);
    assert_eq!(fs::read_to_string(host.path("live/live")).unwrap(), format!("{OLD}\n"));
    fs::remove_dir(host.path("live/warm.next")).unwrap();
    let lease = host.path("lease");
    assert_eq!(host.call("warm", &[NEW, lease.as_str(), "7", NEW]), 10, "another release has the traffic");
    assert_eq!(host.call("warm", &[OLD, lease.as_str(), "6", NEW]), 11, "the lease has passed on");
    assert_eq!(host.call("warm", &[OLD, lease.as_str(), "7", NEW]), 0);
    assert_eq!((host.live().active.unwrap().as_str(), host.live().warm.unwrap().as_str()), (OLD, NEW));
}

#[test]
fn the_edge_can_read_what_a_careful_operator_writes() {
    let host = Host::with_live(OLD);
    host.arm(60);
    let (folder, lease) = (host.path("live"), host.path("lease"));
    let script = format!("umask 077; {}", SCRIPT.text);
    let arguments = ["switch", folder.as_str(), OLD, NEW, lease.as_str(), "7", "a1", "10"];
    assert!(Command::new("sh").args(["-c", &script, "xtask"]).args(arguments).status().unwrap().success());
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(host.path("live/live")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn either_the_confirm_or_the_trip_wins_and_never_both() {
    for first in ["confirm", "trip"] {
        let host = Host::with_live(OLD);
        host.arm(60);
        host.switch(OLD, NEW, "7", "a1");
        let second = if first == "confirm" { "trip" } else { "confirm" };
        assert_eq!(host.call(first, &["a1", "test"]), 0);
        assert_eq!(host.call(first, &["a1", "test"]), 0, "{first} again: its answer may have been lost");
        assert_eq!(host.call(second, &["a1", "test"]), 12, "{second} after {first}");
        let (live, state) =
            if first == "confirm" { (NEW, GuardState::Disarmed) } else { (OLD, GuardState::Tripped) };
        assert_eq!(host.live().active.unwrap().as_str(), live);
        assert_eq!(host.live().guard.unwrap().state, state);
    }
}

#[test]
fn a_switch_that_comes_after_its_undoing_finds_the_guard_tripped() {
    let host = Host::with_live(OLD);
    host.arm(60);
    assert_eq!(host.call("trip", &["a1", "undo"]), 0, "the undoing was faster than the switch");
    assert_eq!(host.switch(OLD, NEW, "7", "a1"), 12);
    assert_eq!(host.live().active.unwrap().as_str(), OLD);
}

#[test]
fn a_guard_writes_only_while_its_own_release_has_the_traffic() {
    let host = Host::with_live(OLD);
    host.arm(60);
    fs::write(host.path("live/live"), "20260105t120000z-000000000000\n").unwrap();
    assert_eq!(host.call("trip", &["a1", "test"]), 0);
    assert_eq!(host.live().active.unwrap().as_str(), "20260105t120000z-000000000000");
}

#[test]
fn nobody_takes_the_traffic_away_without_the_lease() {
    let host = Host::with_live(OLD);
    let clear = |lease: &str| host.call("clear", &[host.path("lease").as_str(), lease]);
    assert_eq!((clear("6"), host.live().active.unwrap().as_str()), (11, OLD));
    assert_eq!((clear("7"), host.live().active), (0, None));
}

#[test]
fn a_trip_that_was_cut_in_the_middle_gives_the_warm_release_back_too() {
    let host = Host::with_live(OLD);
    let warm = "20260102t120000z-1a2b3c4d5e6f";
    fs::write(host.path("live/warm"), format!("{OLD}\n")).unwrap();
    fs::write(host.path("live/guard"), format!("tripping a1 {OLD} {NEW} {warm} 0 deadline\n")).unwrap();
    assert_eq!(host.call("trip", &["a1", "test"]), 0);
    assert_eq!((host.live().active.unwrap().as_str(), host.live().warm.unwrap().as_str()), (OLD, warm));
}

#[test]
fn one_holds_the_lease_at_a_time_and_each_holder_has_a_higher_number() {
    let host = Host::with_live(OLD);
    let shell = HostShell::here();
    let holder =
        Holder { by: "ada@compose_dir".into(), doing: "a test; \"$(reboot)\"".into(), since: "now".into() };
    let take = || lease::take(&shell, &host.path("lease"), &holder);
    let first = take().unwrap();
    assert_eq!(first.number(), 8);
    match take() {
        Err(LeaseError::Held(held)) => {
            assert_eq!(held.by, "ada@compose_dir since now, for: a test; \"$(reboot)\"")
        }
        other => panic!("{:?}", other.map(|lease| lease.number())),
    }
    first.check().unwrap();
    drop(first);
    assert_eq!(take().unwrap().number(), 9, "given back when it is dropped, and never deleted");
}

#[test]
fn a_lease_is_written_over_the_one_before_and_never_shorter() {
    let host = Host::with_live(OLD);
    let shell = HostShell::here();
    let take = |by: &str| {
        let holder = Holder { by: by.into(), doing: "a test".into(), since: "now".into() };
        let held = lease::take(&shell, &host.path("lease"), &holder).unwrap();
        let told = lease::held_by(&shell, &host.path("lease")).unwrap();
        (held.number(), told.unwrap(), fs::metadata(host.path("lease")).unwrap().len())
    };
    let (number, told, length) = take(&"somebody with a long name ".repeat(30));
    assert!(number == 8 && told.starts_with("somebody with a long name somebody") && length > 400);
    assert_eq!(take("ada"), (9, "ada since now, for: a test".to_owned(), length));
}

#[test]
fn what_is_kept_free_for_a_full_disk_is_left_to_an_armed_guard() {
    for (guard, taken) in [(true, false), (false, true)] {
        let host = Host::with_live(OLD);
        fs::write(host.path("live/reserve"), "room").unwrap();
        if guard {
            host.arm(60);
        }
        // What can never be written to fails as a full disk does.
        std::os::unix::fs::symlink("/dev/full", host.path("ledger")).unwrap();
        assert_ne!(host.append_under("7", &["{}"]), 0);
        assert_eq!(host.path("live/reserve").exists(), !taken, "with a guard: {guard}");
    }
}

#[test]
fn a_manifest_that_can_not_be_read_hides_no_other_release() {
    let host = Host::with_live(OLD);
    let kept = [1, 2, 3].map(|number| release(number, 1));
    let write = |release: &Release, manifest: &str| {
        let folder = host.path("releases").join(release.id.as_str());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("release.json"), manifest).unwrap();
    };
    kept.iter().for_each(|release| write(release, &serde_json::to_string_pretty(release).unwrap()));
    for torn in ["", "{", "{}", "\"", "}\0"] {
        write(&kept[1], torn);
        let found = releases::read(&HostShell::here(), &host.path("releases")).unwrap();
        let broken: Vec<_> = found.1.iter().map(|broken| &broken.id).collect();
        assert_eq!(
            (found.0, broken),
            (vec![kept[0].clone(), kept[2].clone()], vec![&kept[1].id]),
            "{torn:?}"
        );
    }
}

#[test]
fn who_only_looks_at_the_lease_has_nobody_refused() {
    let host = Host::with_live(OLD);
    let file = host.path("lease");
    std::fs::write(&file, "7\n").unwrap();
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&file).unwrap());
    let mut look = std::process::Command::new("flock")
        .args(["--shared", file.as_str(), "sh", "-c", "echo; cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Read::read_exact(look.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let taker = std::thread::spawn(move || {
        let holder = Holder { by: "ada@compose_dir".into(), doing: "a test".into(), since: "now".into() };
        lease::take(&HostShell::here(), &file, &holder).map(|lease| lease.number()).is_ok()
    });
    let waits = |line: &str| line.contains("->") && line.contains(&format!(":{inode} "));
    while !taker.is_finished() && !std::fs::read_to_string("/proc/locks").unwrap().lines().any(waits) {
        std::thread::yield_now();
    }
    drop(look.stdin.take());
    assert!(taker.join().unwrap(), "it was refused because somebody looked");
    look.wait().unwrap();
}

#[test]
fn the_platform_s_changed_files_are_named_also_by_a_host_that_speaks_another_language() {
    let host = Host::with_live(OLD);
    let sha256sum = "#!/bin/sh\nPATH=${PATH#*:} sha256sum \"$@\" | sed 's/FAILED/FEHLSCHLAG/'\n";
    for folder in ["bin", "platform"] {
        fs::create_dir(host.path(folder)).unwrap();
    }
    fs::write(host.path("bin/sha256sum"), sha256sum).unwrap();
    fs::set_permissions(host.path("bin/sha256sum"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", host.path("bin"), std::env::var("PATH").unwrap());
    let told = |script: Script| {
        let words = ["-c", script.text, "xtask", host.path("platform").as_str()].map(str::to_owned);
        let output = Command::new("sh").args(words).env("PATH", &path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(told(PLATFORM), "", "an older xtask has noted nothing");
    for file in ["platform.yaml", "platform.https.yaml", "variables.env"] {
        fs::write(host.path("platform").join(file), "services: {}\n").unwrap();
    }
    assert_eq!((told(NOTE), told(PLATFORM)), (String::new(), String::new()));
    fs::write(host.path("platform/variables.env"), "SOMEBODY=was here\n").unwrap();
    fs::remove_file(host.path("platform/platform.https.yaml")).unwrap();
    assert_eq!(told(PLATFORM), "platform.https.yaml\nvariables.env\n");
}

#[test]
fn only_an_engine_that_nobody_hears_of_is_gone_without() {
    use std::io::{Error, ErrorKind};

    use super::{ENGINE_PATIENCE, is_silence};
    use crate::tools::process::CommandError;

    let io = |kind: ErrorKind| CommandError::Io { command: "GET".into(), source: Error::from(kind) };
    let timed_out =
        CommandError::TimedOut { command: "GET".into(), timeout: ENGINE_PATIENCE, tail: String::new() };
    for silence in
        [timed_out, io(ErrorKind::NotFound), io(ErrorKind::ConnectionRefused), CommandError::cut_off("GET")]
    {
        assert!(is_silence(&silence), "{silence}");
    }
    let answered = CommandError::of_exit_code("GET", 1, "", "500");
    for other in [io(ErrorKind::PermissionDenied), io(ErrorKind::Other), answered, CommandError::Interrupted]
    {
        assert!(!is_silence(&other), "{other}");
    }
}
