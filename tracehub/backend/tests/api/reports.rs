use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use chrono::Utc;
use serde_json::{Value, json};
use tracehub_backend::http::{Claims, Keys};
use tracehub_backend::settings::Release;
use tracehub_backend::{logs, reports, settings};
use uuid::Uuid;

use crate::serving::Serving;
use crate::world::{JWT_SECRET, bare_binary};

/// A Sentry on loopback: it keeps what it gets, or takes it and never answers.
struct Ingest {
    port: u16,
    envelopes: Arc<Mutex<Vec<String>>>,
}

impl Ingest {
    fn open(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, envelopes) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
        let kept = Arc::clone(&envelopes);
        thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                while let Some(body) = body(&mut stream) {
                    kept.lock().unwrap().push(body);
                    if !answers {
                        break;
                    }
                    stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
                }
                silent.push(stream);
            }
        });
        Self { port, envelopes }
    }

    fn dsn(&self) -> String {
        format!("http://public@127.0.0.1:{}/7", self.port)
    }

    /// Everything that was sent, and the items of this type in it.
    fn kept(&self, kind: &str) -> (String, Vec<Value>) {
        let all = self.envelopes.lock().unwrap().join("\n");
        let lines: Vec<Value> = all.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let items = lines.windows(2).filter(|pair| pair[0]["type"] == kind).map(|pair| pair[1].clone());
        (all.clone(), items.collect())
    }
}

fn body(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut length, mut line) = (0, String::new());
    while stream.read_line(&mut line).ok().filter(|read| *read > 0).is_some() && line != "\r\n" {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    (length > 0 && stream.read_exact(&mut body).is_ok()).then(|| String::from_utf8(body).unwrap())
}

/// A release whose database is away.
fn serving(ingest: &Ingest) -> Serving {
    let mut command = bare_binary(&["serve"]);
    command.env("DATABASE_URL", "postgres://tracehub_app@127.0.0.1:1/nowhere");
    command.env("DATABASE_PASSWORD", "planted-password-of-the-database");
    command.env("SENTRY_DSN", ingest.dsn()).env("SENTRY_TRACES_PERCENT", "100");
    command.env("ENVIRONMENT", "staging").env("RELEASE", "release-7");
    Serving::start(command)
}

fn ask(serving: &Serving, request: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(&serving.address).unwrap();
    let length = body.len();
    write!(stream, "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_fails_is_told_with_its_request_and_without_who_asked_or_what_they_sent() {
    let ingest = Ingest::open(true);
    let mut serving = serving(&ingest);
    let organisation = Uuid::now_v7();
    let claims = Claims::new(Uuid::now_v7(), organisation, 1, Utc::now());
    let token = Keys::new(&JWT_SECRET.into()).sign(&claims).unwrap();
    let headers = format!(
        "authorization: Bearer {token}\r\ncookie: planted-cookie\r\ncontent-type: application/json\r\nx-request-id: request-1\r\n"
    );
    let person = json!({ "name": "planted-name" }).to_string();
    assert!(ask(&serving, "PATCH /api/auth/me?planted-search", &headers, &person).contains(" 503 "));

    let event = json!({
        "message": "it was planted@example.com",
        "user": { "email": "planted-user" },
        "request": { "url": "https://x/?planted-url", "headers": { "cookie": "planted-header" } },
        "contexts": { "culture": { "of_a_later_library": "planted-context" } },
        "exception": { "values": [{
            "type": "Error", "stacktrace": { "frames": [{ "filename": "https://x/assets/a.js", "lineno": 1, "colno": 7 }] },
        }] },
        "debug_meta": { "images": [
            { "type": "sourcemap", "code_file": "https://x/assets/a.js", "debug_id": "0197f3b0-7c1d-7000-8000-000000000001" },
            { "type": "sourcemap", "code_file": "planted-file", "debug_id": "0197f3b0-7c1d-7000-8000-000000000002" },
        ] },
        "release": "release-6", "environment": "planted-environment", "tags": { "request_id": "request-0" },
    });
    let envelope = format!(
        "{}\n{}\n{event}\n",
        json!({ "dsn": "https://other@example.com/1" }),
        json!({ "type": "event" })
    );
    assert!(ask(&serving, "POST /api/telemetry", "", &envelope).contains(" 204 "));
    let visit = json!({
        "route": "/shipments/$id", "release": "release-6", "user": "planted-user",
        "measured": { "LCP": 812.5, "INP": 1e9, "planted-figure": 1 },
    });
    let stranger = json!({ "route": "/planted?x=1", "release": "planted release", "measured": {} });
    let envelope = format!("{{}}\n{{\"type\":\"vitals\"}}\n{visit}\n{{\"type\":\"vitals\"}}\n{stranger}\n");
    assert!(ask(&serving, "POST /api/telemetry", "", &envelope).contains(" 204 "));
    assert!(ask(&serving, "POST /api/telemetry", "", "planted").contains(" 422 "));
    assert!(serving.stop(), "it ends with what is told, and well");

    let (all, events) = ingest.kept("event");
    assert!(!all.contains("planted") && !all.contains(&token), "{all}");
    let told = |name: &str, value: &str| events.iter().find(|it| it[name] == value).unwrap();
    // The worker, which the database does not answer either, may have told of that before.
    let failed = told("transaction", "PATCH /api/auth/me");
    assert!(failed["message"].as_str().unwrap().starts_with("the database does not answer"), "{failed}");
    assert_eq!((&failed["release"], &failed["environment"]), (&json!("release-7"), &json!("staging")));
    assert_eq!(failed["tags"]["request_id"], "request-1");
    assert_eq!(failed["tags"]["organisation"], json!(organisation));
    let page = told("logger", "page");
    assert_eq!(page["message"], "it was [address]");
    assert_eq!((&page["release"], &page["environment"]), (&json!("release-6"), &json!("staging")));
    assert_eq!(page["tags"], json!({ "request_id": "request-0" }));
    // By which the source map is found.
    let images = page["debug_meta"]["images"].as_array().unwrap();
    assert_eq!(images.len(), 1, "{page}");
    assert_eq!(images[0]["debug_id"], "0197f3b0-7c1d-7000-8000-000000000001");
    assert_eq!(images[0]["type"], "sourcemap");
    let (_, traces) = ingest.kept("transaction");
    assert!(traces.iter().any(|it| it["transaction"] == "PATCH /api/auth/me"), "{traces:?}");
    let visit = traces.iter().find(|it| it["transaction"] == "/shipments/$id").unwrap();
    assert_eq!(visit["measurements"], json!({ "lcp": { "value": 812.5, "unit": "millisecond" } }));
    assert_eq!((&visit["release"], &visit["environment"]), (&json!("release-6"), &json!("staging")));
    let stranger = traces.iter().find(|it| it["transaction"] == "(another)").unwrap();
    assert_eq!(stranger["release"], "release-7");
}

#[test]
fn where_nobody_takes_it_a_release_ends_all_the_same() {
    let ingest = Ingest::open(false);
    let mut serving = serving(&ingest);
    assert!(ask(&serving, "POST /api/telemetry", "", "{}\n{\"type\":\"event\"}\n{}\n").contains(" 204 "));
    assert!(serving.stop());
}

#[test]
fn a_panic_is_told_with_its_place() {
    let ingest = Ingest::open(true);
    let target =
        reports::Target { dsn: ingest.dsn().into(), environment: "staging".into(), traces_percent: 0 };
    let release = Release { id: "release-7".into(), commit: None, built_at: None };
    let telling = reports::start(&target, &release, vec!["a-planted-key".to_owned().into()]);
    logs::start(settings::LogFormat::Json);
    thread::spawn(|| panic!("with a-planted-key")).join().unwrap_err();
    drop(telling);

    let (all, events) = ingest.kept("event");
    let message = events[0]["message"].as_str().unwrap();
    assert!(message.contains("api/reports.rs:") && message.ends_with("with [secret]"), "{message}");
    assert!(!all.contains("planted"), "{all}");
}
