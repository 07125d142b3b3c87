use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread::{self, JoinHandle};

use super::*;
use crate::tools::process::{Finished, shell};

fn other() -> OtherHost {
    let text = str::to_owned;
    OtherHost {
        to: text("new:22"),
        address: text("203.0.113.9"),
        host_key: text("k"),
        url: text("https://a.example"),
    }
}

/// A root folder in the middle of a pause, and a `docker` that writes down how it was called, and fails once.
fn host() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let record = MoveRecord::of(&other(), MoveState::Cutting);
    fs::write(path(FILE), serde_json::to_string(&record).unwrap()).unwrap();
    fs::create_dir(path("live")).unwrap();
    for name in ["maintenance", "maintenance_ends"] {
        fs::write(path("live").join(name), "x\n").unwrap();
    }
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>{0}/calls\n[ -e {0}/failed ] || {{ : >{0}/failed; exit 1; }}\n",
        folder.path().display()
    );
    fs::write(path("docker"), script).unwrap();
    fs::set_permissions(path("docker"), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn start(folder: &Path, verb: &'static str) -> JoinHandle<Finished> {
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let folder = folder.to_str().unwrap().to_owned();
    thread::spawn(move || {
        let run = cmd!(shell(), "sh -c {SCRIPT} move {verb} {folder} {FILE} ours-postgres-1 999 {DATABASE}");
        Run::new(run.env("PATH", path)).timeout(Duration::from_secs(60)).finish().unwrap()
    })
}

fn state(folder: &Path) -> MoveState {
    parse(&fs::read_to_string(folder.join(FILE)).unwrap()).unwrap().unwrap().state
}

fn waits(folder: &Path) -> Option<String> {
    fs::read_to_string(folder.join("live/maintenance")).ok()
}

#[test]
fn the_guard_of_a_pause_ends_it_when_its_driver_has_died_and_tries_again() {
    let host = host();
    let folder = host.path();
    let lease = fs::File::create(folder.join("lease")).unwrap();
    lease.lock().unwrap();
    let guard = start(folder, "guard");
    thread::sleep(Duration::from_millis(2500));
    assert!(!guard.is_finished() && state(folder) == MoveState::Cutting && waits(folder).is_some());
    drop(lease);
    assert!(guard.join().unwrap().status.success());
    assert_eq!((state(folder), waits(folder)), (MoveState::Undone, None));
    let calls = fs::read_to_string(folder.join("calls")).unwrap();
    assert!(
        calls.matches("RESET default_transaction_read_only").count() == 2
            && calls.contains("exec --user 999 ours-postgres-1 psql"),
        "{calls}"
    );
    // Who would leave after that is told.
    let gone = start(folder, "gone").join().unwrap();
    assert!(!gone.status.success() && gone.stderr.contains("served here again"), "{}", gone.stderr);
    assert_eq!(state(folder), MoveState::Undone);
}

#[test]
fn what_has_left_does_not_come_back_and_asks_to_wait_for_good() {
    let host = host();
    let folder = host.path();
    for verb in ["gone", "gone", "undo", "guard"] {
        assert!(start(folder, verb).join().unwrap().status.success(), "{verb}");
        assert_eq!(state(folder), MoveState::Moved);
    }
    assert!(!folder.join("calls").exists());
    assert_eq!(waits(folder).as_deref(), Some("30\n"));
    assert_eq!(fs::read_to_string(folder.join("live/maintenance_ends")).unwrap(), "9999999999\n");
}

#[test]
fn the_address_of_a_way_is_read() {
    assert_eq!(
        source("203.0.113.9 via 203.0.113.1 dev eth0 src 203.0.113.7 uid 0 \\    cache"),
        Some("203.0.113.7")
    );
    assert_eq!(source(""), None);
}

#[test]
fn the_old_edge_hands_on_by_the_name_or_says_where_the_site_is() {
    let text = caddyfile("2001:db8::9", Some("a.example"), true, true);
    for words in
        ["reverse_proxy https://[2001:db8::9] {", "tls_server_name a.example", "tls_trusted_ca_certs /etc"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(!caddyfile("203.0.113.9", None, false, true).contains("tls_server_name"));
    let blind = caddyfile("203.0.113.9", None, false, false);
    assert!(
        blind.contains("\terror 503\n") && !blind.contains("reverse_proxy") && !blind.contains("HAND ON")
    );
}
