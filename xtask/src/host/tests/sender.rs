//! What sends copies off a host, with a folder for a store.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::host::sender::SCRIPT;
use crate::rollout::state::backup::Sent;
use crate::tools::files::hex::hex;

/// `rclone` with a folder for a store. It has one byte less of what is called so.
const RCLONE: &str = r#"while case $1 in -*) ;; *) false ;; esac; do shift; done
at() { echo "$HERE/store/${1#store:}"; }
case $1 in
copyto) mkdir -p "$(dirname "$(at "$3")")" && cp "$2" "$(at "$3")" && case $3 in *short*) truncate -s -1 "$(at "$3")" ;; esac ;;
copy) for a; do :; done; mkdir -p "$(at "$a")" && cp -r "$4/." "$(at "$a")" &&
    if [ -e "$HERE/refused" ]; then read -r name <"$HERE/refused"; if rm "$(at "$a")/$name.age" 2>/dev/null; then echo "AccessDenied" >&2; exit 1; fi; fi &&
    if [ -e "$HERE/half" ]; then find "$(at "$a")" -type f -exec truncate -s -1 {} +; fi ;;
lsf) case "$*" in
    # As the real one does, which names the folders, too.
    *--files-from-raw*) case "$*" in *--files-only*) ;; *) echo "folder/;-1" ;; esac
        while read -r name; do (cd "$(at "$6")" && stat -c '%n;%s' "$name"); done <"${2#*=}" ;;
    *-R*) cd "$(at "$5")" 2>/dev/null || exit 3; find . -type f -exec stat -c '%n;%s' {} + | sed 's,^./,,' ;;
    *--format=s*) stat -c %s "$(at "$3")" ;;
    *) ls -p "$(at "$3")" | sed '/\/$/d' ;; esac ;;
deletefile) rm "$(at "$2")" ;;
delete) while read -r name; do rm "$(at "$3")/$name"; done <"${2#*=}" ;;
esac"#;

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for name in ["backups", "bin", "tmp", "state", "papers", "host/releases/one", "store/there"] {
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
        let moved = ["/tmp/", "/state", "/backups", "/host/", "/papers/"]
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
            .map(Result::unwrap)
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().to_owned())
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
    let output = folder.call("tidy prune .dump.age");
    assert!(output.status.success(), "{output:?}");
    let sent = folder.sent();
    assert_eq!((sent.note.map(|it| it.words).as_deref(), sent.failure), (Some("AccessDenied"), None));
}

/// Of the owner 0a1b, to the key `age1`.
const PAPERS: &str = "store/there/papers-0a1b-53b758d2";
const ORGANISATION: &str = "01946c1a-0000-7000-8000-000000000001";

impl Folder {
    /// A file with this content, and the line of a list that names it.
    fn paper(&self, content: &str) -> String {
        let name = format!("{ORGANISATION}/{}", hex(&Sha256::digest(content)));
        fs::create_dir_all(self.path("papers").join(ORGANISATION)).unwrap();
        fs::write(self.path("papers").join(&name), content).unwrap();
        format!("{name} {}", content.len())
    }

    /// A backup of now that names them.
    fn backup_naming(&self, name: &str, papers: &[&str]) {
        self.backup(name, &hex(&Sha256::digest("a dump")));
        fs::write(self.path("backups").join(format!("{name}.counts")), "users|1\n").unwrap();
        let list: String = papers.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.path("backups").join(format!("{name}.papers")), list).unwrap();
    }

    /// Of the store.
    fn papers(&self) -> usize {
        let folder = self.path(PAPERS).join(ORGANISATION);
        folder.read_dir_utf8().map_or(0, |files| files.count())
    }

    fn in_store(&self, line: &str) -> Utf8PathBuf {
        self.path(PAPERS).join(format!("{}.age", line.split(' ').next().unwrap()))
    }
}

#[test]
fn papers_are_sent_once_and_what_is_not_what_it_was_is_named() {
    let folder = Folder::new();
    let look = || folder.call("tell null; look");
    let (whole, damaged, missing) = (folder.paper("whole"), folder.paper("damaged"), folder.paper("missing"));
    fs::write(folder.path("papers").join(damaged.split(' ').next().unwrap()), "other").unwrap();
    fs::remove_file(folder.path("papers").join(missing.split(' ').next().unwrap())).unwrap();
    let mut lines = [whole.as_str(), &damaged, &missing];
    lines.sort_unstable();
    folder.backup_naming("20260103t010000z-1", &lines);
    // Half of them has come: none counts, and the next look sends all again.
    fs::write(folder.path("half"), "").unwrap();
    let output = look();
    assert!(String::from_utf8_lossy(&output.stderr).contains("the store was sent 1 papers"), "{output:?}");
    assert_eq!(folder.sent().papers.unwrap().left, 1);
    fs::remove_file(folder.path("half")).unwrap();
    let output = look();
    assert!(output.status.success(), "{output:?}");
    let sent = folder.sent().papers.unwrap();
    assert_eq!((sent.backup.as_str(), sent.left, sent.amiss), ("20260103t010000z-1", 0, 2));
    assert_eq!(fs::read_to_string(folder.in_store(&whole)).unwrap(), "whole");
    assert_eq!(folder.papers(), 1);
    // A list that was emptied would have its papers stay here.
    let facts = folder.path("backups/20260102t010000z-1.json");
    folder.backup_naming("20260102t010000z-1", &[]);
    let told = fs::read_to_string(&facts)
        .unwrap()
        .replace('}', &format!(",\"papers_sha256\":\"{}\"}}", "0".repeat(64)));
    fs::write(&facts, told).unwrap();
    let output = folder.call("send_backup 20260102t010000z-1.json");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not the one that was made"), "{output:?}");
    assert!(!folder.path("store/there/20260102t010000z-1-0a1b.dump.age").exists());
    let list = fs::read_to_string(folder.path("store/there/20260103t010000z-1-0a1b.list.age")).unwrap();
    let sum = hex(&Sha256::digest("a dump"));
    assert_eq!(list, format!(".sha256|{sum}\nusers|1\n{}\n", lines.join("\n")));
    // What is there is not sent again; with the next backup the store is asked what it has.
    fs::write(folder.in_store(&whole), "WHOLE").unwrap();
    assert!(look().status.success());
    folder.backup_naming("20260104t010000z-1", &[&whole]);
    assert!(look().status.success());
    assert_eq!(fs::read_to_string(folder.in_store(&whole)).unwrap(), "WHOLE");
    fs::remove_file(folder.in_store(&whole)).unwrap();
    folder.backup_naming("20260105t010000z-1", &[&whole]);
    assert!(look().status.success());
    assert_eq!((folder.papers(), folder.sent().papers.unwrap().amiss), (1, 0));
    // One of which less has come than was sent is none, also to a sender that was started since.
    fs::write(folder.in_store(&whole), "who").unwrap();
    fs::remove_file(folder.path("tmp/settled")).unwrap();
    fs::remove_file(folder.path("tmp/asked")).unwrap();
    assert!(look().status.success());
    assert_eq!(fs::read_to_string(folder.in_store(&whole)).unwrap(), "whole");
}

#[test]
fn a_paper_that_the_store_refuses_keeps_no_other_here_and_it_is_said_since_when_it_waits() {
    let folder = Folder::new();
    let look = || folder.call("batch=1; tell null; look");
    let mut lines = ["one", "two", "three"].map(|content| folder.paper(content));
    lines.sort_unstable();
    folder.backup_naming("20260103t010000z-1", &lines.each_ref().map(String::as_str));
    let refused = lines[0].split(' ').next().unwrap();
    fs::write(folder.path("refused"), format!("{refused}\n")).unwrap();
    assert!(!look().status.success());
    let since = folder.sent().papers.unwrap().since;
    std::thread::sleep(Duration::from_millis(1100));
    let output = look();
    assert!(String::from_utf8_lossy(&output.stderr).contains("AccessDenied"), "{output:?}");
    let told = folder.sent().papers.unwrap();
    assert_eq!((told.left, folder.papers()), (1, 2));
    assert!(since.is_some() && told.since == since && Some(&told.at) != since.as_ref(), "{told:?}");
    fs::remove_file(folder.path("refused")).unwrap();
    assert!(look().status.success());
    let told = folder.sent().papers.unwrap();
    assert_eq!((told.left, told.since, folder.papers()), (0, None, 3));
}

#[test]
fn to_another_key_all_is_sent_again_and_what_older_copies_name_is_known_still() {
    let folder = Folder::new();
    let paper = folder.paper("a paper");
    folder.backup_naming("20260103t010000z-1", &[&paper]);
    assert!(folder.call("begin; tell null; look").status.success());
    let copy = folder.path("store/there/20260103t010000z-1-0a1b.dump.age");
    fs::write(&copy, "to the key of before").unwrap();
    // A start of the sender, with the same.
    let _ = fs::remove_file(folder.path("tmp/greeted"));
    assert!(folder.call("begin; tell null; look").status.success());
    assert_eq!(fs::read_to_string(&copy).unwrap(), "to the key of before");
    for file in ["greeted", "asked", "settled"] {
        let _ = fs::remove_file(folder.path("tmp").join(file));
    }
    fs::remove_dir_all(folder.path(PAPERS)).unwrap();
    assert!(folder.call("recipient=age2; begin; tell null; look").status.success());
    assert_eq!(fs::read_to_string(&copy).unwrap(), "a dump");
    assert!(folder.in_store(&paper).exists() && folder.path("state/lists/20260103t010000z-1").exists());
}

#[test]
fn a_list_leaves_the_store_with_its_dump_and_no_earlier() {
    let folder = Folder::new();
    let write = |name: &str| fs::write(folder.path("store/there").join(name), "").unwrap();
    // The last two were sent by a platform that had no lists.
    (1..=5).for_each(|day| write(&format!("2020010{day}t010000z-1-0a1b.dump.age")));
    (1..=3).for_each(|day| write(&format!("2020010{day}t010000z-1-0a1b.list.age")));
    write("20200101t010000z-1-ffff.list.age");
    assert!(folder.call("tidy prune_copies").status.success());
    let lists: Vec<String> = folder.names().into_iter().filter(|it| it.ends_with(".list.age")).collect();
    assert_eq!(lists, ["20200101t010000z-1-ffff.list.age", "20200103t010000z-1-0a1b.list.age"]);
}

#[test]
fn a_paper_leaves_the_store_when_no_kept_copy_names_it_and_while_that_is_not_known_none_does() {
    let folder = Folder::new();
    let look = || assert!(folder.call("tell null; look").status.success());
    let (old, new) = (folder.paper("old"), folder.paper("new"));
    // Three are kept in any case.
    for (day, papers) in [(1, [&old]), (2, [&new]), (3, [&new]), (4, [&new])] {
        let name = format!("2020010{day}t010000z-1");
        folder.backup_naming(&name, &[papers[0]]);
        // As one of a sender from before.
        if day == 3 {
            fs::remove_file(folder.path("backups").join(format!("{name}.papers"))).unwrap();
        }
        look();
        for kind in ["json", "dump", "papers"] {
            let _ = fs::remove_file(folder.path("backups").join(format!("{name}.{kind}")));
        }
    }
    assert_eq!(folder.names().iter().filter(|name| name.ends_with(".dump.age")).count(), 3);
    assert_eq!(folder.papers(), 2, "nobody knows what the third one names");
    // That one has left, and a backup on the host, of which no copy was sent, names the old one.
    for day in 5..=7 {
        folder.backup_naming(&format!("2020010{day}t010000z-1"), &[&new]);
        fs::write(folder.path("backups/20200101t000000z-hand.papers"), format!("{old}\n")).unwrap();
        look();
    }
    assert_eq!(folder.papers(), 2, "a backup names it");
    fs::remove_file(folder.path("backups/20200101t000000z-hand.papers")).unwrap();
    folder.backup_naming("20200108t010000z-1", &[&new]);
    look();
    assert!(!folder.in_store(&old).exists() && folder.in_store(&new).exists());
}
