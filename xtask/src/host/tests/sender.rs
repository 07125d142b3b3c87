//! What sends copies off a host, with a folder for a store.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::host::sender::SCRIPT;
use crate::rollout::state::backup::Sent;

/// `rclone` with a folder for a store. It has one byte less of what is called so.
const RCLONE: &str = r#"while case $1 in -*) ;; *) false ;; esac; do shift; done
at() { echo "$HERE/store/${1#store:}"; }
case $1 in
copyto) mkdir -p "$(dirname "$(at "$3")")" && cp "$2" "$(at "$3")" && case $3 in *short*) truncate -s -1 "$(at "$3")" ;; esac ;;
lsf) case $2 in --format=s) stat -c %s "$(at "$3")" ;; *) ls "$(at "$3")" ;; esac ;;
deletefile) rm "$(at "$2")" ;;
esac"#;

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for name in ["backups", "bin", "tmp", "state", "host/releases/one", "store/there"] {
            fs::create_dir_all(folder.path(name)).unwrap();
        }
        // Encrypted or not is nothing that is tried here.
        for (name, text) in [("rclone", RCLONE), ("age", "cat")] {
            let file = folder.path("bin").join(name);
            fs::write(&file, format!("#!/bin/sh\nHERE={}\n{text}\n", folder.path(""))).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    fn backup(&self, name: &str, sum: &str) {
        let facts = format!(r#"{{"name":"{name}","at":"2026-01-03T01:00:00Z","bytes":1,"sha256":"{sum}"}}"#);
        fs::write(self.path("backups").join(format!("{name}.json")), facts + "\n").unwrap();
        fs::write(self.path("backups").join(format!("{name}.dump")), "a dump").unwrap();
    }

    /// Functions of the script, and nothing that they are called by.
    fn call(&self, calls: &str) -> Output {
        let functions = SCRIPT.split("\ntrap 'exit 0' TERM").next().unwrap();
        self.command(&format!("{functions}\ncd /backups\n{calls}\n")).output().unwrap()
    }

    /// A script, where what is mounted lies in this folder.
    fn command(&self, text: &str) -> Command {
        let here = self.path("");
        let moved = ["/tmp/", "/state", "/backups", "/host/"]
            .iter()
            .fold(text.to_owned(), |text, path| text.replace(path, &format!("{here}{}", &path[1..])));
        let words = ["-c", &moved, "sender", "there", "age1", "3", "5", "90", "{}", "0a1b", "s1"];
        let path = format!("{}:{}", self.path("bin"), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command.args(words).env("PATH", path);
        command
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .path("store/there")
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        names.sort();
        names
    }

    fn sent(&self) -> Sent {
        serde_json::from_str(&fs::read_to_string(self.path("state").join(Sent::FILE)).unwrap()).unwrap()
    }
}

#[test]
fn the_newest_backup_is_sent_once_and_a_damaged_dump_or_half_a_copy_is_none() {
    let folder = Folder::new();
    let look = || folder.call("tell null; look");
    let sum = "8b5c0e8ed4c6ab1b4cb5a9b9f2d7a6ef";
    folder.backup("20260103t010000z-1", sum);
    let output = look();
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not the one that was made"), "{output:?}");
    assert!(folder.names().is_empty() && folder.sent().last_good.is_none());

    let digest =
        Command::new("sha256sum").arg(folder.path("backups/20260103t010000z-1.dump")).output().unwrap();
    let digest = String::from_utf8(digest.stdout).unwrap();
    folder.backup("20260103t010000z-1", &digest[..64]);
    assert!(look().status.success());
    assert_eq!(folder.names(), ["20260103t010000z-1-0a1b.dump.age"]);
    let sent = folder.sent().last_good.unwrap();
    assert_eq!((sent.to.as_str(), sent.bytes), ("s3://there/20260103t010000z-1-0a1b.dump.age", 6));
    // Who has started it anew knows that it has looked since.
    assert_eq!(folder.sent().start, "s1");
    // It is not sent again, until a new start asks the store what it has; and a newer one, of which the store has less than it was sent, is not there.
    fs::remove_file(folder.path("store/there/20260103t010000z-1-0a1b.dump.age")).unwrap();
    assert!(look().status.success() && folder.names().is_empty());
    fs::remove_file(folder.path("tmp/greeted")).unwrap();
    assert!(look().status.success() && folder.names().len() == 1);
    folder.backup("20260104t010000z-short", &digest[..64]);
    let output = look();
    assert!(String::from_utf8_lossy(&output.stderr).contains("was sent 6 bytes"), "{output:?}");
    assert_eq!(folder.sent().last_good.unwrap().name, "20260103t010000z-1");
}

#[test]
fn the_ledger_is_sent_when_it_has_changed_and_is_at_rest() {
    let folder = Folder::new();
    let look = || assert!(folder.call("tell null; look").status.success());
    let write = |text: &str| fs::write(folder.path("host/ledger.jsonl"), text).unwrap();
    fs::write(folder.path("host/releases/one/release.json"), "{}").unwrap();
    write("1\n");
    look();
    assert!(folder.names().is_empty(), "it may be written at this moment");
    look();
    assert_eq!(folder.names().len(), 1);
    let name = folder.names().remove(0);
    assert!(name.ends_with("-host-0a1b.host.age"), "{name}");
    let list = Command::new("tar").arg("-tf").arg(folder.path("store/there").join(&name)).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    for file in ["about.json", "ledger.jsonl", "releases/one/release.json"] {
        assert!(list.contains(file), "{file} is not in {list}");
    }
    fs::remove_file(folder.path("store/there").join(&name)).unwrap();
    look();
    assert!(folder.names().is_empty(), "it is as it was");
    // Nothing has changed for a day: its age would be no news.
    let sent = fs::File::options().append(true).open(folder.path("state/.host")).unwrap();
    sent.set_modified(SystemTime::now() - Duration::from_secs(21 * 3600)).unwrap();
    look();
    fs::remove_file(folder.path("store/there").join(&folder.names()[0])).unwrap();
    write("1\n2\n");
    look();
    look();
    assert_eq!(folder.names().len(), 1);
}

#[test]
fn while_the_first_copy_is_on_its_way_others_can_read_that_nothing_was_sent() {
    let folder = Folder::new();
    fs::write(folder.path("host/ledger.jsonl"), "1\n").unwrap();
    fs::write(folder.path("bin/age"), "#!/bin/sh\nsleep 60\n").unwrap();
    let mut sender = folder.command(SCRIPT).spawn().unwrap();
    let file = folder.path("state").join(Sent::FILE);
    while !file.exists() {
        assert!(sender.try_wait().unwrap().is_none(), "it has ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    let sent = folder.sent();
    sender.kill().unwrap();
    sender.wait().unwrap();
    assert_eq!(mode, 0o644);
    assert!(sent.last_good.is_none() && sent.host.is_none() && sent.failure.is_none(), "{sent:?}");
}

#[test]
fn copies_are_kept_by_the_rule_of_the_host_and_what_is_somebody_else_s_stays() {
    let folder = Folder::new();
    let write = |name: &str| fs::write(folder.path("store/there").join(name), "").unwrap();
    let others = ["20200101t010000z-1-0a1b.host.age", "20200101t010000z-1-ffff.dump.age", "notes.dump.age"];
    others.iter().for_each(|name| write(name));
    (1..=6).for_each(|day| write(&format!("2020010{day}t010000z-1-0a1b.dump.age")));
    // No clock is behind that.
    (1..=2).for_each(|day| write(&format!("2999010{day}t010000z-1-0a1b.dump.age")));
    let output = folder.call("prune .dump.age");
    assert!(output.status.success(), "{output:?}");
    let kept = [
        "20200106t010000z-1-0a1b.dump.age",
        "29990101t010000z-1-0a1b.dump.age",
        "29990102t010000z-1-0a1b.dump.age",
    ];
    let mut all: Vec<&str> = kept.into_iter().chain(others).collect();
    all.sort_unstable();
    assert_eq!(folder.names(), all);
    // A key that can remove nothing sends all the same, and that is noted.
    let rclone = fs::read_to_string(folder.path("bin/rclone")).unwrap();
    fs::write(folder.path("bin/rclone"), rclone.replace("rm \"$(at", "echo AccessDenied >&2; false \"$(at"))
        .unwrap();
    (7..=9).for_each(|day| write(&format!("2020010{day}t010000z-1-0a1b.dump.age")));
    let output = folder.call("tidy .dump.age");
    assert!(output.status.success(), "{output:?}");
    let sent = folder.sent();
    assert_eq!((sent.note.map(|it| it.words).as_deref(), sent.failure), (Some("AccessDenied"), None));
}
