//! What takes the server's WAL on a disk that has little of everything, and what archives it, with programs of the test's where
//! pgBackRest and the server would be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::host::archiver::{SCRIPT, SPOOL_SPARES};
use crate::project::DATABASE_SERVICE;
use crate::rollout::state::archived::Archived;

const SPOOL: &str = include_str!("../scripts/spool-for-pgbackrest.sh");

/// Notes which WAL it was given; its `backup` is what the test says.
const PGBACKREST: &str = r#"for word; do last=$word; done
case "$*" in
*archive-push*) if [ -e "$HERE/away" ]; then echo "the store is away" >&2; exit 1; fi; echo "${last##*/}" >>"$HERE/pushed" ;;
*" backup") sh "$HERE/backup" ;;
*) echo "$last" >>"$HERE/verbs" ;;
esac"#;

/// The server's settings, its file of WAL that is being written, and the last that it has let go.
const PSQL: &str = r#"case "$*" in
*current_setting*) cat "$HERE/settings" ;;
*pg_walfile_name*) cat "$HERE/written" ;;
*last_archived_wal*) ;;
*) echo "$*" >>"$HERE/asked" ;;
esac"#;

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for name in ["backups/wal", "bin", "tmp", "state", "scripts"] {
            fs::create_dir_all(folder.path(name)).unwrap();
        }
        for (name, text) in [("pgbackrest", PGBACKREST), ("psql", PSQL)] {
            folder.program(name, text);
        }
        let moments = include_str!("../scripts/moments.sh");
        for (name, text) in [
            ("scripts/moments.sh", moments),
            ("tmp/stanza", "1"),
            ("tmp/greeted", ""),
            ("settings", "on|1min|f\n"),
            ("backup", "exit 0"),
            ("written", &wal(1)),
        ] {
            fs::write(folder.path(name), text).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let file = self.path("bin").join(name);
        fs::write(&file, format!("#!/bin/sh\nHERE={}\n{text}\n", self.path(""))).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// It waits for the store.
    fn spool(&self, names: &[String]) {
        names.iter().for_each(|name| fs::write(self.path("backups/wal").join(name), "WAL").unwrap());
    }

    /// A base backup of then is there.
    fn base(&self) {
        for name in ["state/.base", "state/.full"] {
            fs::write(self.path(name), r#"{"at":"2100-01-01T00:00:00Z","kind":"full"}"#).unwrap();
        }
    }

    /// Functions of the script, and nothing that they are called by.
    fn call(&self, calls: &str) -> Output {
        let functions = SCRIPT.split("\ncase $1 in\ninfo)").next().unwrap();
        let functions = self.moved(functions);
        self.run(&format!("{functions}\nhour=1 start=s1 stanza=1\n{calls}\n"), &["run"])
    }

    /// A script, where what is mounted lies in this folder: the first one first, where it is.
    fn moved(&self, text: &str) -> String {
        let here = self.path("");
        let paths = ["/tmp/", "/state", "/backups", "/scripts/"];
        paths.iter().fold(text.to_owned(), |text, path| text.replace(path, &format!("{here}{}", &path[1..])))
    }

    fn run(&self, text: &str, words: &[&str]) -> Output {
        let path = format!("{}:{}", self.path("bin"), std::env::var("PATH").unwrap());
        let words = ["-c", text, "archiver"].into_iter().chain(words.iter().copied());
        Command::new("sh").args(words).env("PATH", path).output().unwrap()
    }

    fn look(&self) -> Output {
        self.call("look")
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn told(&self) -> Archived {
        serde_json::from_str(&self.read("backups/archived.json")).unwrap()
    }
}

/// The name of a file of WAL.
fn wal(number: u32) -> String {
    format!("00000001{:08X}{:08X}", number / 256, number % 256)
}

fn well(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

fn fails(output: &Output, words: &str) {
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains(words),
        "{output:?}"
    );
}

/// Calls the script as the server does, on a disk of 4 MiB that is its own.
const ON_A_SMALL_DISK: &str = r#"set -eu
here=$1 put=$2
mount -t tmpfs -o size=4m,nr_inodes=12 tmpfs "$here/disk"
mkdir "$here/pg_wal"
for name in a b c d; do head -c 600000 /dev/urandom >"$here/pg_wal/$name"; done
put() { # NAME MOST LEAST KEPT
    sed "s/^most=.*/most=$2 least=$3 kept=$4/" "$put" >"$here/put"
    if sh "$here/put" "$here/pg_wal/$1" "$1" 2>/dev/null; then rc=0; else rc=$?; fi
    echo "$1 $rc: $(cd "$here/disk" && ls -A wal 2>/dev/null | tr '\n' ' ')"
}
anew() { rm -rf "$here/disk/wal"; mkdir "$here/disk/wal"; }
put a 1000 1 9999
anew
put a 1000 1 9999
put a 1000 1 9999
cmp "$here/pg_wal/a" "$here/disk/wal/a"
put b 1000 1 9999
put c 1000 1 9999
anew
put a 9999 3000 9999
put b 9999 3600 9999
anew
# No file more, so neither the copy nor the mark.
i=0
while true 2>/dev/null >"$here/disk/$i"; do i=$((i + 1)); done
put a 9999 1 99999
put a 9999 1 1000
rm "$here"/disk/[0-9]*
put a 9999 1 99999
anew
mount -o remount,ro "$here/disk"
put a 9999 1 99999
put a 9999 1 1000
"#;

#[test]
fn the_server_is_never_stopped_by_wal_that_can_not_be_kept() {
    let folder = Folder::new();
    fs::create_dir(folder.path("disk")).unwrap();
    let disk = folder.path("disk/wal");
    fs::write(folder.path("spool.sh"), SPOOL.replace("/backups/wal", disk.as_str())).unwrap();
    let (here, script) = (folder.path(""), folder.path("spool.sh"));
    // As root of a namespace of its own; where these are forbidden, as root.
    let own = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).status().unwrap();
    let output = Command::new("unshare")
        .args(own.success().then_some("--map-root-user"))
        .args(["--mount", "sh", "-c", ON_A_SMALL_DISK, "disk"])
        .args([here.as_str(), script.as_str()])
        .output()
        .unwrap();
    well(&output);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = told.lines().map(str::trim_end).collect();
    assert_eq!(
        lines,
        [
            "a 0:",          // nobody archives: nothing is kept
            "a 0: a",        // it is
            "a 0: a",        // the same again
            "b 0: a b",      //
            "c 0: a b lost", // more waits than may
            "a 0: a",        //
            "b 0: a lost",   // too little of the disk is free
            "a 1:",          // neither copy nor mark, and the server keeps little yet
            "a 0:",          // it keeps too much
            "a 0: a",        //
            "a 1:",          // the same where nothing can be written
            "a 0:",
        ],
        "{told}"
    );
}

#[test]
fn what_a_deploy_leaves_free_is_what_both_scripts_want() {
    let least = format!("least={} ", SPOOL_SPARES >> 10);
    assert!(SPOOL.contains(&least) && SCRIPT.contains(&least));
}

#[test]
fn a_hole_is_found_by_the_names_of_what_comes() {
    let folder = Folder::new();
    folder.base();
    let pushed = |names: &[u32]| {
        folder.spool(&names.iter().map(|number| wal(*number)).collect::<Vec<_>>());
        well(&folder.call("push"));
        let found = folder.has("state/.lost");
        let _ = fs::remove_file(folder.path("state/.lost"));
        found
    };
    assert!(!pushed(&[254, 255, 256]), "what follows, also from one number to the next");
    assert!(!pushed(&[256]), "the server has called again");
    folder.spool(&[format!("{}.00000028.backup", wal(300)), "00000002.history".to_owned()]);
    assert!(!pushed(&[257]), "what is no file of WAL");
    assert!(pushed(&[259]), "258 is missing");
    assert!(!pushed(&[260]), "the hole is behind");
    assert_eq!(folder.read("pushed").lines().count(), 9, "all were sent");
    assert_eq!(fs::read_dir(folder.path("backups/wal")).unwrap().count(), 0, "and are gone");
    // A base backup is due, and `status` says why.
    fs::write(folder.path("written"), wal(262)).unwrap();
    folder.spool(&[wal(262)]);
    fs::write(folder.path("backup"), "exit 1").unwrap();
    assert!(!folder.look().status.success());
    well(&folder.call("tell null"));
    assert!(folder.told().lost.is_some(), "also when it could not be made");
    fs::write(folder.path("backup"), "exit 0").unwrap();
    well(&folder.look());
    assert_eq!(folder.told().lost, None);
}

#[test]
fn what_waits_is_sent_whatever_the_server_says() {
    for (settings, words, lost) in
        [("on|1min|t", "its log says why", false), ("off|1min|f", "platform up", true)]
    {
        let folder = Folder::new();
        folder.base();
        fs::write(folder.path("settings"), settings).unwrap();
        folder.spool(&[wal(1)]);
        fails(&folder.look(), words);
        assert_eq!(folder.read("pushed").trim(), wal(1));
        assert_eq!(folder.has("state/.lost"), lost, "{settings}");
    }
}

#[test]
fn a_file_of_wal_a_minute_is_asked_for_by_who_archives() {
    for (settings, asks) in [("on|0|f", true), ("on|1min|f", false)] {
        let folder = Folder::new();
        folder.base();
        fs::write(folder.path("settings"), settings).unwrap();
        well(&folder.look());
        assert_eq!(folder.read("asked").contains("SET archive_timeout = '60s'"), asks, "{settings}");
    }
}

#[test]
fn how_far_the_archive_is_was_measured() {
    let folder = Folder::new();
    folder.base();
    folder.spool(&[wal(7)]);
    fs::write(folder.path("written"), wal(9)).unwrap();
    well(&folder.look());
    assert_eq!(folder.told().last_good, None, "8 is still on its way");
    folder.spool(&[wal(8)]);
    well(&folder.look());
    let until = folder.told().last_good.unwrap();
    // Nothing is written: it goes on all the same.
    fs::write(folder.path("state/.until"), r#"{"at":"2026-01-01T00:00:00Z"}"#).unwrap();
    well(&folder.look());
    assert!(folder.told().last_good.unwrap().at >= until.at);
}

#[test]
fn a_base_backup_is_no_silence_and_a_hole_beside_it_is_another() {
    let folder = Folder::new();
    folder.base();
    fs::write(folder.path("state/.last"), wal(3)).unwrap();
    fs::write(folder.path("written"), wal(4)).unwrap();
    let here = folder.path("");
    let waits = "i=0; until CONDITION; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.1; done";
    // It ends when somebody has told while it was made.
    let told = waits.replace("CONDITION", &format!("[ -e {here}/backups/archived.json ]"));
    fs::write(folder.path("backup"), told).unwrap();
    well(&folder.call("back_up"));
    assert!(folder.told().last_good.is_some() && folder.told().lost.is_none());
    assert!(folder.read("verbs").contains("expire"));
    // One that closes a hole, while another comes.
    fs::write(folder.path("state/.lost"), r#"{"at":"2026-01-01T00:00:00Z"}"#).unwrap();
    fs::remove_file(folder.path("backups/archived.json")).unwrap();
    let file = format!("{here}/backups/wal/{}", wal(6));
    let gone = waits.replace("CONDITION", &format!("! [ -e {file} ]"));
    fs::write(folder.path("backup"), format!("echo WAL >{file}\n{gone}")).unwrap();
    well(&folder.call("back_up\ntell null"));
    let lost = folder.told().lost.expect("the second hole");
    assert_ne!(lost.at, "2026-01-01T00:00:00Z");
    // None is begun where what it needs would be let go.
    fails(&folder.call("free() { echo 524287; }\nback_up"), "511 MiB of the disk are free");
}

#[test]
fn nothing_is_removed_that_a_moment_is_recovered_from() {
    let folder = Folder::new();
    let asked = folder.path("state/.recovering");
    let beside = |lock: &str, calls: &str| {
        let text = format!("exec 7>>{}\nflock --shared 7\n{calls} 7>&-", folder.path(lock));
        folder.call(&text)
    };
    well(&beside("state/.expiring", "back_up"));
    assert!(!folder.read("verbs").contains("expire"));
    well(&folder.call("back_up"));
    assert!(folder.read("verbs").contains("expire"));
    let yes = |output: Output| String::from_utf8(output.stdout).unwrap().trim() == "yes";
    assert!(!yes(folder.run(&folder.moved(SCRIPT), &["recovering"])));
    let script = folder.path("script");
    fs::write(&script, folder.moved(SCRIPT)).unwrap();
    assert!(yes(folder.run(&format!("flock {asked} sh {script} recovering"), &[])));
}

#[test]
fn a_recovery_ends_before_the_disk_is_full() {
    let folder = Folder::new();
    folder.program("pg_isready", "exit 1");
    folder.program(DATABASE_SERVICE.name, "echo 524287 >$HERE/free; exec sleep 3");
    let recover = |free: u64| {
        fs::write(folder.path("free"), free.to_string()).unwrap();
        let free = format!("free() {{ cat {}; }}", folder.path("free"));
        folder.call(&format!("{free}\nrecover 2026-01-01T00:00:00Z 1073741824 name db live papers"))
    };
    // In KiB: 2 GiB for the cluster and its dump, 1 for WAL, and a half that stays free.
    fails(&recover((3 << 20) + (1 << 19) - 1), "need 3584 MiB, and 3583 MiB are free");
    fails(&recover((3 << 20) + (1 << 19)), "is not recovered any further");
    assert!(!folder.has("state/beside"), "what was recovered is left");
}

#[test]
fn of_another_cluster_there_is_no_base_backup_and_no_wal_that_waits() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(temporary.path()).unwrap();
    let moments = include_str!("../scripts/moments.sh");
    let text = format!("{moments}\n{SCRIPT}")
        .replace(". /scripts/moments.sh", "")
        .replace("/tmp/", &format!("{folder}/"));
    let text = ["/backups/", "/state/", "/run/secrets/"]
        .iter()
        .fold(text, |text, path| text.replace(path, &format!("{folder}/")));
    let functions = text.split("\ncase $1 in\n").next().unwrap();
    for secret in ["backup_s3_key_id", "backup_s3_secret", "backup_cipher_key"] {
        fs::write(folder.join(secret), "hidden").unwrap();
    }
    let configure = |cluster: &str| {
        let script = format!(
            "{functions}\npg_controldata() {{ echo 'Database system identifier:  {cluster}'; }}\nconfigure bucket/here/lab store us-east-1 '' 0a1b 14"
        );
        assert!(Command::new("sh").args(["-c", &script, "archiver"]).status().unwrap().success());
    };
    let waits = folder.join("wal/01");
    configure("1");
    fs::create_dir(folder.join("wal")).unwrap();
    fs::write(&waits, "").unwrap();
    fs::write(folder.join(".base"), "").unwrap();
    configure("1");
    assert!(waits.exists() && folder.join(".base").exists(), "it was only started again");
    configure("2");
    assert!(!waits.exists() && !folder.join(".base").exists());
    let told = fs::read_to_string(folder.join("pgbackrest.conf")).unwrap();
    for line in
        ["repo1-path=/here/lab/archive-0a1b", "repo1-s3-bucket=bucket", "[2]", "repo1-s3-uri-style=path"]
    {
        assert!(told.lines().any(|it| it == line), "{line}: {told}");
    }
}
