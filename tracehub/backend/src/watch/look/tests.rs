use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use super::machine::{clock_at, load_in, memory_in};
use super::*;

const LIVE: &str = "20260103t120000z-1a2b3c4d5e6f";
const BEFORE: &str = "20260102t120000z-000000000000";

/// An edge that answers each path with a status and a release, whatever it is asked: gives where it is.
fn edge(answers: &'static [(&'static str, u16, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut bytes) = (stream.unwrap(), [0; 4096]);
            let read = stream.read(&mut bytes).unwrap();
            let asked = String::from_utf8_lossy(&bytes[..read]).into_owned();
            let path = asked.split(' ').nth(1).unwrap_or_default();
            let known = answers.iter().find(|(known, _, _)| *known == path);
            let (_, status, release) = known.unwrap_or(&("", 404, LIVE));
            let head =
                format!("HTTP/1.1 {status} X\r\nx-tracehub-release: {release}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
        }
    });
    address
}

fn table(edge: &str, look: Value, excuses: &[&str]) -> Table {
    let row = json!({
        "name": "row", "look": look, "every": 5, "after": 15, "excuses": excuses, "wakes": true, "page": "#row"
    });
    let table = json!({
        "environment": "lab", "site": "http://tracehub.example", "edge": edge, "runbook": "https://example.org/",
        "quiet": null, "per_hour": 10, "rows": [row],
    });
    Table::parse(&table.to_string()).unwrap()
}

/// An environment's folder, of which LIVE has the traffic.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("live", LIVE);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn look(&self, table: &Table) -> Finding {
        self.watcher(table).look(&table.rows[0])
    }

    fn watcher<'a>(&self, table: &'a Table) -> Watcher<'a> {
        let root = self.0.path();
        let mounts = Mounts { live: root.into(), ledger: root.join("ledger.jsonl"), backups: root.into() };
        Watcher::at(table, mounts).unwrap()
    }
}

fn words(finding: Finding) -> String {
    match finding {
        Finding::Wrong(words) => words,
        other => panic!("{other:?}"),
    }
}

fn site() -> Value {
    json!({ "at": "site", "paths": ["/", "/health/ready"], "header": "x-tracehub-release" })
}

#[test]
fn a_site_is_well_when_the_live_release_answers_each_path() {
    let folder = Folder::new();
    let look = |edge: &str| folder.look(&table(edge, site(), &[]));
    assert_eq!(look(&edge(&[("/", 200, LIVE), ("/health/ready", 200, LIVE)])), Finding::Right);
    let found = words(look(&edge(&[("/", 200, LIVE), ("/health/ready", 503, LIVE)])));
    assert_eq!(found, "http://tracehub.example/health/ready answers 503");
    let found = words(look(&edge(&[("/", 200, BEFORE)])));
    assert!(found.contains(&format!("release {BEFORE}, and {LIVE} is live")), "{found}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let found = words(look(&nobody));
    assert!(found.starts_with("http://tracehub.example/ does not answer: "), "{found}");
    folder.write("live", "none\n");
    assert_eq!(look(&nobody), Finding::Unknown, "nobody has the traffic: nobody is to answer");
    // Whatever answers, nobody knows whether it is right.
    let of_parts = table(&nobody, json!({ "at": "parts", "parts": [], "within": 600 }), &[]);
    folder.write("live", "\n");
    assert!(words(look(&nobody)).ends_with("which says who has the traffic, is empty"));
    assert!(words(folder.look(&of_parts)).ends_with("is empty"));
    fs::remove_file(folder.0.path().join("live")).unwrap();
    assert!(words(look(&nobody)).contains("can't be read"));
    assert!(words(folder.look(&of_parts)).contains("can't be read"));
}

#[test]
fn maintenance_excuses_until_the_time_that_users_were_told() {
    let (folder, table) = (Folder::new(), table("-", site(), &["maintenance"]));
    let excuses = || folder.watcher(&table).excuses(&table.rows[0], 1000);
    folder.write("maintenance_ends", "2000");
    assert!(!excuses(), "nobody has asked for it");
    folder.write("maintenance", "Sat, 03 Jan 2026 12:00:00 GMT");
    assert!(excuses());
    folder.write("maintenance_ends", "1000");
    assert!(!excuses());
}

#[test]
fn an_attempt_excuses_while_its_step_may_take_and_is_an_alarm_when_it_outlasts_that() {
    let folder = Folder::new();
    let now = super::super::now();
    let stamp = |at: i64| chrono::DateTime::from_timestamp(at, 0).unwrap().to_rfc3339();
    let ledger = |began: i64, until: i64| {
        let began = json!({ "at": stamp(began), "attempt": "a", "event": "began", "kind": "deploy", "by": "ada@desk" });
        let step = json!({
            "at": stamp(until), "attempt": "a", "event": "step", "step": "watch", "state": "begun", "until": stamp(until),
        });
        folder.write("ledger.jsonl", &format!("{began}\n{step}\n"));
    };
    let of_attempt = table("-", json!({ "at": "attempt" }), &["attempt"]);
    ledger(now - 10, now + 10);
    assert_eq!(folder.look(&of_attempt), Finding::Right);
    assert!(folder.watcher(&of_attempt).excuses(&of_attempt.rows[0], now));
    let of_users = table("-", site(), &["interruption"]);
    assert!(!folder.watcher(&of_users).excuses(&of_users.rows[0], now), "a deploy interrupts nobody");
    ledger(now - 500, now - 400);
    let found = words(folder.look(&of_attempt));
    assert!(found.contains("a deploy by ada@desk has not ended, and its step 'watch'"), "{found}");
    assert!(!folder.watcher(&of_attempt).excuses(&of_attempt.rows[0], now));
}

#[test]
fn a_guard_that_took_the_traffic_back_is_an_alarm_and_one_that_waits_is_none() {
    let (folder, table) = (Folder::new(), table("-", json!({ "at": "guard" }), &[]));
    assert_eq!(folder.look(&table), Finding::Right);
    for (state, is_wrong) in [("armed", false), ("disarmed", false), ("tripping", true), ("tripped", true)] {
        folder.write("guard", &format!("{state} a1 {BEFORE} {LIVE} none 1767441600 rollback by ada\n"));
        assert_eq!(folder.look(&table) != Finding::Right, is_wrong, "{state}");
    }
    let found = words(folder.look(&table));
    assert_eq!(
        found,
        format!(
            "the guard has taken the traffic back from {LIVE} to {BEFORE} (rollback by ada): attempt a1 was not confirmed"
        )
    );
}

#[test]
fn a_backup_that_is_too_old_is_an_alarm_and_one_that_is_not_known_says_nothing() {
    let folder = Folder::new();
    let look = |text: &str| {
        folder.write("last.json", text);
        backup(&folder.0.path().join("last.json"), 26, false, 1_767_441_600)
    };
    let none = |needed| backup(&folder.0.path().join("none.json"), 26, needed, 0);
    assert_eq!(none(false), Finding::Unknown);
    assert_eq!(words(none(true)), "there is no backup yet", "copies are to be sent, and nothing ever was");
    assert_eq!(look("half a li"), Finding::Unknown);
    assert_eq!(
        look(r#"{"last_good":{"at":"2026-01-02T10:00:00Z"},"failure":{"words":"no room"}}"#),
        Finding::Right
    );
    assert_eq!(
        words(look(r#"{"last_good":{"at":"2026-01-02T09:00:00Z"},"failure":null}"#)),
        "the last good backup is 27 h old"
    );
    assert_eq!(
        words(look(r#"{"last_good":{"at":"2026-01-03T09:00:00Z"},"host":{"at":"2026-01-02T09:00:00Z"}}"#)),
        "the ledger was sent 27 h ago"
    );
    assert_eq!(look(r#"{"last_good":{"at":"2026-01-03T09:00:00Z"},"host":null}"#), Finding::Right);
    assert_eq!(look(r#"{"last_good":null,"failure":null}"#), Finding::Unknown, "the first is under way");
    let with = |more: &str| look(&format!(r#"{{"last_good":{{"at":"2026-01-03T09:00:00Z"}},{more}}}"#));
    // They are tried each five minutes: the last try says nothing of how long they wait.
    let papers = |left: u64, amiss: u64, day: u64| {
        let since = if left > 0 { format!(r#""since":"2026-01-0{day}T09:00:00Z","#) } else { String::new() };
        with(&format!(
            r#""papers":{{{since}"left":{left},"amiss":{amiss},"at":"2026-01-03T11:00:00Z","first":"damaged a"}}"#
        ))
    };
    assert_eq!(papers(0, 0, 1), Finding::Right);
    assert_eq!(papers(5, 0, 3), Finding::Right, "they are on their way");
    assert_eq!(words(papers(5, 0, 1)), "5 papers are on the host only");
    assert!(words(papers(0, 1, 3)).contains("damaged a"));
    assert_eq!(with(r#""rehearsal":{"failure":null}"#), Finding::Right);
    assert!(words(with(r#""rehearsal":{"failure":"the rows differ"}"#)).contains("the rows differ"));
    // What archives.
    let base = r#""base":{"at":"2026-01-01T01:00:00Z","kind":"full"}"#;
    assert_eq!(with(&format!(r#"{base},"lost":null"#)), Finding::Right);
    assert!(
        words(with(&format!(r#"{base},"lost":{{"at":"2026-01-03T08:00:00Z"}}"#)))
            .starts_with("WAL of the database was lost at 2026-01-03T08:00:00Z"),
        "also when what came then is there"
    );
    assert_eq!(
        words(look(&format!(r#"{{"last_good":{{"at":"2026-01-02T09:00:00Z"}},{base},"lost":null}}"#))),
        "what the database wrote in the last 27 h is not in the archive"
    );
    assert_eq!(
        look(r#"{"last_good":null,"base":null,"lost":{"at":"2026-01-03T08:00:00Z"},"failure":null}"#),
        Finding::Unknown,
        "the first base backup is under way"
    );
    assert_eq!(
        words(look(r#"{"last_good":null,"failure":{"at":"2026-01-02T09:00:00Z","words":"no room"}}"#)),
        "there is no backup yet; the last try failed: no room"
    );
}

#[test]
fn a_machine_without_room_is_told_with_how_much_is_left() {
    let folder = Folder::new();
    words(folder.look(&table("-", json!({ "at": "disk", "percent": 0 }), &[])));
    assert_eq!(folder.look(&table("-", json!({ "at": "disk", "percent": 101 }), &[])), Finding::Right);
    let memory = "MemTotal:        2048000 kB\nMemFree: 1 kB\nMemAvailable:     102400 kB\n";
    assert_eq!(words(memory_in(memory, 10)), "100 MiB of 2000 MiB of memory are left");
    assert_eq!(memory_in(memory, 5), Finding::Right);
    let stat = "cpu  1 2\ncpu0 1 2\ncpu1 1 2\nintr 1\n";
    assert_eq!(
        words(load_in("1.0 8.5 3.0 1/2 3", stat, 4.0)),
        "for 5 minutes, 8.5 processes have wanted 2 cores"
    );
    assert_eq!(load_in("9.0 7.9 3.0 1/2 3", stat, 4.0), Finding::Right);
}

#[test]
fn what_an_attempt_or_maintenance_explains_is_forgotten_and_a_dead_driver_explains_nothing() {
    let folder = Folder::new();
    let now = super::super::now();
    let stamp = |at: i64| chrono::DateTime::from_timestamp(at, 0).unwrap().to_rfc3339();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let part = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            // It answers once, and is gone.
        }
    });
    let of_parts = table("-", json!({ "at": "parts", "parts": [part], "within": 600 }), &[]);
    let mut watcher = folder.watcher(&of_parts);
    let mut look = || {
        thread::sleep(Duration::from_millis(50));
        watcher.look(&of_parts.rows[0])
    };
    assert_eq!(look(), Finding::Right);
    folder.write("maintenance", "");
    assert_eq!(look(), Finding::Right);
    fs::remove_file(folder.0.path().join("maintenance")).unwrap();
    assert!(words(look()).contains("(1 times)"), "only what came after");
    let began =
        json!({ "at": stamp(now), "attempt": "a", "event": "began", "kind": "deploy", "by": "ada@desk" });
    folder.write("ledger.jsonl", &format!("{began}\n"));
    assert_eq!(look(), Finding::Right);
    let began = json!({ "at": stamp(now - 500), "attempt": "a", "event": "began", "kind": "deploy", "by": "bob@desk" });
    folder.write("ledger.jsonl", &format!("{began}\n\n"));
    assert!(words(look()).contains("(1 times)"), "its driver is dead");
}

#[test]
fn a_clock_is_wrong_when_it_differs_by_more_than_an_answer_may_take_and_who_is_asked_learns_no_secret() {
    let answers = |date: Option<String>| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 1024]);
                let date = date.as_ref().map(|date| format!("date: {date}\r\n")).unwrap_or_default();
                let _ = write!(stream, "HTTP/1.1 404 X\r\n{date}content-length: 0\r\n\r\n");
            }
        });
        url
    };
    let at = |offset: i64| {
        let time = chrono::DateTime::from_timestamp(super::super::now() + offset, 0).unwrap();
        answers(Some(time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()))
    };
    let look = |urls: &[String]| clock(urls, 30);
    assert_eq!(look(&[at(0)]), Finding::Right);
    assert!(words(look(&[at(-95)])).contains(" s ahead of that of who is told"));
    assert!(words(look(&[at(95)])).contains(" s behind that of who is told"));
    let nobody = format!("http://{}/", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    assert_eq!(look(std::slice::from_ref(&nobody)), Finding::Unknown);
    assert_eq!(look(&[answers(None)]), Finding::Unknown, "it says no date");
    words(look(&[nobody, answers(None), at(95)]));
    // An answer that took a minute says nothing about less than that.
    assert_eq!(clock_at(1000, 980, 1040, 30), Finding::Right);
    assert!(words(clock_at(1000, 1031, 1090, 30)).starts_with("the host's clock is 31 s ahead"));
    assert!(words(clock_at(1000, 900, 969, 30)).starts_with("the host's clock is 31 s behind"));
}

#[test]
fn what_was_known_to_be_wrong_is_an_alarm_and_what_nobody_could_look_at_says_nothing() {
    let folder = Folder::new();
    let look = |wrong: Value| folder.look(&table("-", json!({ "at": "known", "wrong": wrong }), &[]));
    assert_eq!(look(Value::Null), Finding::Unknown);
    assert_eq!(look(json!([])), Finding::Right);
    assert_eq!(words(look(json!(["a", "b"]))), "a; b");
}

#[test]
fn figures_of_the_live_release_are_no_higher_than_they_may_be_and_one_that_it_does_not_know_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers = ["tracehub_jobs_dead 0\n", "tracehub_jobs_dead 2\ntracehub_jobs_dead_more 9\n", "# EOF\n"];
    thread::spawn(move || {
        for (stream, text) in listener.incoming().zip(answers) {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                text.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
        }
    });
    let most = json!({ "tracehub_jobs_dead": [0.0, "mails that were given up"] });
    let table = table("edge", json!({ "at": "figures", "address": address, "most": most }), &[]);
    let folder = Folder::new();
    assert_eq!(folder.look(&table), Finding::Right);
    assert_eq!(folder.look(&table), Finding::Wrong("mails that were given up: 2".to_owned()));
    assert_eq!(folder.look(&table), Finding::Right);
    assert_eq!(folder.look(&table), Finding::Unknown, "nobody answers any more");
}
