//! The script that makes backups by itself: when one is due, what it keeps, and what is left of one that was killed. A program
//! of the test's stands where the server would answer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use crate::host::platform::BACKUP_SCRIPTS;
use crate::rollout::state::backup::{Backup, Scheduled};
use crate::tools::files::hex::hex;

/// A folder of backups, with the scripts beside it.
struct Folder(tempfile::TempDir);

impl Folder {
    /// `psql` says this.
    fn with(psql: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for name in ["backups", "bin", "tmp", "live", "papers"] {
            fs::create_dir(folder.path(name)).unwrap();
        }
        let here = folder.path("");
        for (name, text) in BACKUP_SCRIPTS {
            // The first one first: the folder's own path may begin with it.
            let moved = text.replace("/scripts/", "/bin/");
            let moved = ["/tmp/", "/backups", "/bin/", "/live/", "/papers/"]
                .iter()
                .fold(moved, |text, path| text.replace(path, &format!("{here}{}", &path[1..])));
            fs::write(folder.path("bin").join(name), moved).unwrap();
        }
        folder.program("psql", psql);
        fs::write(folder.path("tmp/told"), "nothing\n").unwrap();
        folder
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let file = self.path("bin").join(name);
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn backup(&self, name: &str, schema: u64) {
        let facts = format!(
            r#"{{"name":"{name}","at":"2026-01-03T01:00:00Z","made_by":"night","live":"none","schema":{schema},"tables":1,"bytes":1,"loaded_bytes":1,"sha256":"00"}}"#
        );
        fs::write(self.path("backups").join(format!("{name}.json")), facts + "\n").unwrap();
        for kind in ["dump", "counts", "papers"] {
            fs::write(self.path("backups").join(format!("{name}.{kind}")), "").unwrap();
        }
    }

    fn call(&self, words: &[&str]) -> Output {
        let path = format!("{}:{}", self.path("bin"), std::env::var("PATH").unwrap());
        let script = self.path("bin/backups.sh");
        let arguments = ["app", "owner", "user", "1", "120", "3", "5", "90"];
        Command::new("sh").arg(script).args(arguments).args(words).env("PATH", path).output().unwrap()
    }

    /// What is done inside the database's own container.
    fn script(&self, words: &[&str]) -> Output {
        let path = format!("{}:{}", self.path("bin"), std::env::var("PATH").unwrap());
        Command::new("sh").arg(self.path("bin/database.sh")).args(words).env("PATH", path).output().unwrap()
    }

    /// Functions of the script that makes them by itself, and nothing that they are called by.
    fn alone(&self, calls: &str) -> String {
        let text = fs::read_to_string(self.path("bin/backups.sh")).unwrap();
        format!("{}\ncd {}\n{calls}\n", text.split("\ncase ${9:-} in").next().unwrap(), self.path("backups"))
    }

    fn functions(&self, calls: &str) {
        let words = ["xtask", "app", "owner", "user", "1", "120", "3", "5", "90"];
        let output = Command::new("sh").args(["-c", &self.alone(calls)]).args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .path("backups")
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        names.sort();
        names
    }

    fn told(&self) -> Scheduled {
        serde_json::from_str(&fs::read_to_string(self.path("backups").join(Scheduled::FILE)).unwrap())
            .unwrap()
    }
}

#[test]
fn a_backup_is_due_when_the_night_s_hour_has_passed_since_the_last_one() {
    let folder = Folder::with("exit 1");
    // 2026-01-04, half past midnight, one o'clock, and noon.
    for (now, last, due) in [
        ("1767486600", "20260103010000", ""),
        ("1767486600", "20260103005959", "night"),
        ("1767488400", "20260103010000", "night"),
        ("1767528000", "20260104010000", ""),
        ("1767528000", "20260104005959", "night"),
        ("1767528000", "00", "night"),
    ] {
        let output = folder.call(&["due", now, last]);
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), due, "{now} {last} {output:?}");
    }
}

/// `psql` that answers for a database with this newest migration, which is so many seconds old; for its size; and then fails.
fn server(schema: u64, age: u64) -> String {
    format!(
        r#"case "$*" in *_sqlx_migrations*) echo "{schema}|{age}" ;; *pg_database_size*) echo 1000 ;; *) echo "it is \"away\"" >&2; exit 2 ;; esac"#
    )
}

#[test]
fn what_is_due_is_tried_and_a_failure_leaves_nothing_that_counts() {
    let folder = Folder::with(&server(7, 3600));
    // Nothing yet: the night has passed.
    let output = folder.call(&["look"]);
    assert!(!output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is \"away\""), "{output:?}");
    assert_eq!(folder.names(), [""; 0]);
    // One of today, and what it has: nothing is due, and it is told of.
    let today = of_now(0);
    folder.backup(&today, 7);
    let output = folder.call(&["look"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(folder.told().last_good.unwrap().name, today);
    // A migration since.
    folder.program("psql", &server(8, 3600));
    assert!(!folder.call(&["look"]).status.success());
    // It is too young.
    folder.program("psql", &server(8, 60));
    assert!(folder.call(&["look"]).status.success());
    // Nobody has migrated it yet; the server is away, and nothing is wanted of it.
    folder.program("psql", "echo 'connection refused' >&2; exit 2");
    assert!(folder.call(&["look"]).status.success());
    // It was there, and is not any more.
    folder.program("psql", "echo 'database \"app\" does not exist' >&2; exit 2");
    assert!(!folder.call(&["look"]).status.success());
    let empty = Folder::with("echo 'database \"app\" does not exist' >&2; exit 2");
    assert!(empty.call(&["look"]).status.success());
}

#[test]
fn a_database_that_was_made_by_other_means_is_backed_up_too() {
    let server = |holds: &str| {
        format!(
            r#"case "$*" in *pg_tables*) echo {holds} ;; *_sqlx_migrations*) echo 'ERROR:  relation "_sqlx_migrations" does not exist' >&2; exit 1 ;; *) echo "it is tried" >&2; exit 2 ;; esac"#
        )
    };
    let folder = Folder::with(&server("f"));
    assert!(folder.call(&["look"]).status.success(), "there is nothing in it");
    folder.program("psql", &server("t"));
    let output = folder.call(&["look"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is tried"), "{output:?}");
}

#[test]
fn a_name_that_is_ahead_of_the_clock_hides_nothing_and_does_not_want_dump_after_dump() {
    let folder = Folder::with(&server(8, 3600));
    let today = of_now(0);
    for (name, schema) in [(today.as_str(), 8), (of_now(86_400).as_str(), 7)] {
        folder.backup(name, schema);
    }
    let output = folder.call(&["look"]);
    assert!(output.status.success(), "a backup has the migration: {output:?}");
    assert_eq!(folder.told().last_good.unwrap().name, today);
    // It is from before the migration was taken back, and came again.
    folder.program("psql", &server(8, 130));
    let before = Folder::with(&server(8, 130));
    before.backup(&of_before(140), 8);
    assert!(!before.call(&["look"]).status.success());
    // Only the one ahead is there: the night has passed.
    let ahead = Folder::with(&server(8, 3600));
    ahead.backup(&of_now(86_400), 8);
    assert!(!ahead.call(&["look"]).status.success());
}

/// Whoever migrates finds by this name what reads the tables.
#[test]
fn what_reads_the_tables_says_who_it_is_and_is_ended_by_that() {
    let folder = Folder::with(&server(7, 3600));
    let said = folder.path("said");
    folder.program("psql", &format!("echo \"$PGAPPNAME: $*\" >>{said}; exit 2"));
    folder.call(&["look"]);
    assert!(fs::read_to_string(&said).unwrap().starts_with("scheduled_backup: "));
    folder.script(&["make-way", "app"]);
    let said = fs::read_to_string(&said).unwrap();
    let words = "pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'app' AND application_name IN ('scheduled_backup', 'copies')";
    assert!(said.contains(words), "{said}");
}

/// A backup's name by a clock that is so many seconds ahead.
fn of_now(ahead: u64) -> String {
    name_of(std::time::SystemTime::now() + std::time::Duration::from_secs(ahead))
}

fn of_before(ago: u64) -> String {
    name_of(std::time::SystemTime::now() - std::time::Duration::from_secs(ago))
}

fn name_of(now: std::time::SystemTime) -> String {
    let name = humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "").to_lowercase();
    format!("{name}-1-1")
}

#[test]
fn as_many_are_kept_as_the_rule_says_and_what_a_killed_one_left_is_removed() {
    let folder = Folder::with(&server(7, 3600));
    for name in ["20200101t010000z-1-1", "20200102t010000z-1-1", "20200103t010000z-scheduled"] {
        folder.backup(name, 7);
    }
    let prune = |folder: &Folder| folder.functions("sweep\nprune");
    let kept = |folder: &Folder| folder.names().into_iter().filter(|name| name.ends_with(".dump")).count();
    for left in [
        ".20200104t010000z-scheduled.next",
        "20200104t010000z-scheduled.dump",
        "20200104t010000z-scheduled.json.next",
    ] {
        fs::write(folder.path("backups").join(left), "half").unwrap();
    }
    // Of a copy that came from off the host: it is removed when whoever brings one would be done.
    let taken = [
        ".20200104t010000z-1.part",
        ".20200104t010000z-1.list",
        "20200104t010000z-1.papers",
        "rehearsed.dump",
    ];
    let write = |age: u64| {
        for left in taken {
            let file = fs::File::create(folder.path("backups").join(left)).unwrap();
            file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
        }
    };
    write(23 * 3600);
    prune(&folder);
    assert!(taken.iter().all(|left| folder.path("backups").join(left).exists()), "{:?}", folder.names());
    write(25 * 3600);
    prune(&folder);
    assert!(!folder.names().iter().any(|name| name.contains("rehearsed")), "{:?}", folder.names());
    assert_eq!(kept(&folder), 3, "the last three, however old");
    assert!(!folder.names().iter().any(|name| name.contains("20200104")), "{:?}", folder.names());
    let now = of_now(0);
    folder.backup(&now, 7);
    prune(&folder);
    assert_eq!(kept(&folder), 3, "the fourth is too old");
    for number in 0..6 {
        folder.backup(&format!("{}-{number}-1", now.split('-').next().unwrap()), 7);
    }
    // While one is being loaded, none goes.
    let loading = fs::File::create(folder.path("backups/.loading")).unwrap();
    loading.lock_shared().unwrap();
    prune(&folder);
    assert_eq!(kept(&folder), 8);
    drop(loading);
    prune(&folder);
    assert_eq!(kept(&folder), 5, "at most");
}

#[test]
fn what_is_taken_or_wanted_is_not_swept_and_is_as_new_as_that() {
    let folder = Folder::with(&server(7, 3600));
    let of_long_ago = ["20200101t010000z-scheduled", "20200102t010000z-1-1"];
    // While it gets its name, what makes backups by itself sweeps.
    let sweep = folder.alone("sweep");
    fs::write(folder.path("bin/sweep.sh"), sweep).unwrap();
    let sweeps =
        format!("sh {} app owner user 1 120 3 5 90 && exec /bin/sync \"$@\"", folder.path("bin/sweep.sh"));
    folder.program("sync", &sweeps);
    let list = "; Archive created at 2020-01-01 01:00:00 UTC\n1; 2; 3 TABLE DATA public shipments owner";
    let tells = |history: &str| {
        let told = format!(
            r#"case "$*" in *--list*) printf '{list}\n' ;; *--data-only*) printf '{history}' ;; esac"#
        );
        folder.program("pg_restore", &told);
    };
    // What was counted and listed with it comes in one.
    let (counts, papers) = ("public.users|7\n", "0-1/0a 5\n0-2/0b 6\n");
    let counted = folder.path("backups").join(format!(".{}.list", of_long_ago[0]));
    let take_dump = |dump: &str| {
        fs::write(folder.path("backups").join(format!(".{}.part", of_long_ago[0])), dump).unwrap();
        let sum = hex(&Sha256::digest("dump"));
        fs::write(&counted, format!(".sha256|{sum}\n{counts}{papers}")).unwrap();
        folder.script(&["take", of_long_ago[0], "db take"])
    };
    let take = || take_dump("dump");
    tells("");
    let output = take();
    assert!(String::from_utf8_lossy(&output.stderr).contains("a dump of another database"), "{output:?}");
    assert_eq!(
        folder.names().iter().filter(|name| name.contains(of_long_ago[0])).count(),
        0,
        "it is no backup"
    );
    tells("20260101000000 a row\\n");
    let output = take_dump("another's");
    assert!(String::from_utf8_lossy(&output.stderr).contains("not the dump that its list"), "{output:?}");
    assert_eq!(folder.names().iter().filter(|name| name.contains(of_long_ago[0])).count(), 0);
    let output = take();
    assert!(output.status.success(), "{output:?}");
    let taken: Backup = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((taken.papers, taken.papers_bytes), (Some(2), Some(11)));
    let read =
        |kind: &str| fs::read_to_string(folder.path("backups").join(format!("{}.{kind}", of_long_ago[0])));
    assert_eq!((read("counts").unwrap().as_str(), read("papers").unwrap().as_str()), (counts, papers));
    assert!(!counted.exists());
    // Before those that are wanted; the rule keeps five.
    for number in 0..6 {
        folder.backup(&format!("{}-{number}", of_before(60)), 7);
    }
    folder.backup(of_long_ago[1], 7);
    assert!(folder.script(&["want", of_long_ago[1]]).status.success());
    folder.functions("prune");
    let names = folder.names();
    assert_eq!(names.iter().filter(|name| name.ends_with(".dump")).count(), 5, "{names:?}");
    for name in of_long_ago {
        assert!(names.contains(&format!("{name}.dump")), "{names:?}");
    }
    let output = folder.script(&["want", "20200103t010000z-1-1"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no longer there"), "{output:?}");
}
