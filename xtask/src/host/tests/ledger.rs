//! The ledger's file: appended to, copied, replaced, and read beside others.

use super::*;
use crate::host::environment_files;
use crate::host::ledger::{REPLACE, copies};

#[test]
fn an_entry_is_appended_once_and_a_torn_line_spoils_nothing_but_itself() {
    let host = Host::with_live(OLD);
    let entry = |id: &str| {
        format!(
            r#"{{"v":1,"id":"{id}","at":"","attempt":"a","prev":"","event":"noted","what":"it's \"$(reboot)\" * [!]"}}"#
        )
    };
    let [first, second, third, fourth] = ["a-0", "a-1", "a-2", "a-3"].map(entry);
    // Longer than an argument may be.
    let third = third.replace("it's", &"it's ".repeat(50_000));
    host.append(&[&first]);
    host.append(&[&first]);
    assert_eq!(fs::read_to_string(host.path("ledger")).unwrap(), format!("{first}\n"), "once");
    let tear = |line: &str| {
        let text = fs::read_to_string(host.path("ledger")).unwrap();
        fs::write(host.path("ledger"), text + &line[..line.len() / 2]).unwrap();
    };
    // Of two, the first one, the last one, or neither may have come whole: whoever had no answer says both again.
    tear(&second);
    host.append(&[&second, &third]);
    host.append(&[&second, &third]);
    tear(&fourth);
    host.append(&[&third, &fourth]);
    let read = Ledger::parse(&fs::read_to_string(host.path("ledger")).unwrap());
    let ids: Vec<&str> = read.entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["a-0", "a-1", "a-2", "a-3"]);
}

#[test]
fn an_entry_that_comes_late_from_a_driver_without_the_lease_is_refused() {
    let host = Host::with_live(OLD);
    host.append(&["{}"]);
    assert_eq!(host.append_under("6", &["{\"late\":1}"]), 11);
    assert_eq!(fs::read_to_string(host.path("ledger")).unwrap(), "{}\n");
}

#[test]
fn a_release_that_is_confirmed_gets_a_copy_of_the_ledger_unless_it_has_a_longer_one() {
    let host = Host::with_live(OLD);
    let folder = host.path("releases").join(OLD);
    fs::create_dir_all(&folder).unwrap();
    let copy = || fs::read_to_string(folder.join("ledger.jsonl")).unwrap();
    let append = |line: &str, to: &str| assert_eq!(host.append_and_copy("7", &[line], to), 0);
    append("{}", host.path("gone").as_str());
    append("{\"v\":1}", folder.as_str());
    assert_eq!(copy(), "{}\n{\"v\":1}\n");
    fs::remove_file(host.path("ledger")).unwrap();
    append("{}", folder.as_str());
    assert_eq!(copy(), "{}\n{\"v\":1}\n");
    fs::create_dir(host.path("releases").join(NEW)).unwrap();
    fs::write(host.path("releases").join(NEW).join("ledger.jsonl"), "\u{1e}").unwrap();
    let copies = copies(&HostShell::here(), &host.path("releases")).unwrap();
    let damaged: Vec<_> = copies.iter().map(|copy| copy.damaged.len()).collect();
    assert_eq!(damaged, [1, 1], "the first line of one, and all of the other");
}

#[test]
fn a_ledger_is_replaced_whole_by_who_holds_the_lease_and_the_one_before_is_kept() {
    let host = Host::with_live(OLD);
    let (file, lease) = (host.path("ledger"), host.path("lease"));
    let replace = |number: &str, size: &str| {
        let words = ["-c", REPLACE.text, "xtask", file.as_str(), lease.as_str(), number, size];
        let mut child =
            Command::new("sh").args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"new\n");
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    assert_eq!(replace("7", "4"), (0, String::new()), "there was none");
    fs::write(&file, b"old \x1d \xff").unwrap();
    assert_eq!(
        (replace("6", "4").0, replace("7", "9").0),
        (11, 1),
        "the lease has passed on; the text was cut"
    );
    assert_eq!(fs::read(&file).unwrap(), b"old \x1d \xff");
    let (code, aside) = replace("7", "4");
    assert_eq!((code, fs::read(&aside).unwrap()), (0, b"old \x1d \xff".to_vec()));
    assert_eq!(fs::read_to_string(&file).unwrap(), "new\n");
}

#[test]
fn an_entry_that_waited_for_a_ledger_to_be_replaced_stands_in_the_new_one() {
    let host = Host::with_live(OLD);
    fs::write(host.path("ledger"), "").unwrap();
    let held = fs::File::open(host.path("ledger")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    std::thread::scope(|scope| {
        let late = scope.spawn(|| host.append(&["{}"]));
        // It waits for the lock of the file that it has opened.
        let inode = std::os::unix::fs::MetadataExt::ino(&held.metadata().unwrap());
        let waits = |line: &str| line.contains("->") && line.contains(&format!(":{inode} "));
        while !fs::read_to_string("/proc/locks").unwrap().lines().any(waits) {
            std::thread::yield_now();
        }
        fs::write(host.path("ledger.next"), "new\n").unwrap();
        fs::rename(host.path("ledger.next"), host.path("ledger")).unwrap();
        rustix::fs::flock(&held, rustix::fs::FlockOperation::Unlock).unwrap();
        late.join().unwrap();
    });
    assert_eq!(fs::read_to_string(host.path("ledger")).unwrap(), "new\n{}\n");
}

#[test]
fn no_byte_of_a_file_hides_what_another_one_says() {
    let host = Host::with_live(OLD);
    let (kept, spoiled) = (release(1, 1), release(2, 1));
    for (release, text) in
        [(&kept, serde_json::to_string(&kept).unwrap()), (&spoiled, "\u{1d}\u{1e}".to_owned())]
    {
        let folder = host.path("releases").join(release.id.as_str());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("release.json"), text).unwrap();
    }
    let every_byte: Vec<u8> = (0..=255).collect();
    fs::write(host.path("ledger.jsonl"), [b"{}\n".to_vec(), every_byte, vec![0x1d]].concat()).unwrap();
    let [live, ledger, releases] = environment_files::read(&HostShell::here(), &host.path("")).unwrap();
    assert_eq!(Traffic::parse(&live).unwrap().active.unwrap().as_str(), OLD);
    assert_eq!(releases::parse(&releases).0, [kept]);
    assert!(!Ledger::parse(&ledger).damaged.is_empty());
}
