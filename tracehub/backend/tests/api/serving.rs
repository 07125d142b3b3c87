use std::future::pending;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;
use sqlx::{Executor, PgPool};
use tokio::sync::Semaphore;
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::http::router;
use tracehub_backend::password::{AT_WORK, MEMORY};
use tracehub_backend::serve::serve_until;

use crate::world::{JWT_SECRET, World, app, app_options, bare_binary, binary};

/// A serving process, and the address that it says it listens on.
pub struct Serving {
    process: Child,
    pub address: String,
    /// Kept open: it goes on logging.
    _logs: BufReader<ChildStdout>,
}

impl Serving {
    pub fn start(mut command: Command) -> Self {
        command.env("JWT_SECRET", JWT_SECRET).env("LISTEN_ADDRESS", "127.0.0.1:0").env("LOG_FORMAT", "json");
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        let mut logs = BufReader::new(process.stdout.take().unwrap());
        logs.read_line(&mut first).unwrap();
        let line: serde_json::Value = serde_json::from_str(&first).unwrap();
        Self { process, address: line["address"].as_str().unwrap().into(), _logs: logs }
    }

    fn ask(&self, path: &str, token: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n").unwrap();
        stream
    }

    /// Tells it to stop, and says whether it did so without a complaint.
    pub fn stop(&mut self) -> bool {
        self.terminate();
        self.process.wait().unwrap().success()
    }

    fn terminate(&self) {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn status(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    answer.trim().to_owned()
}

#[sqlx::test]
async fn told_to_stop_it_finishes_what_is_in_flight(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut serving = Serving::start(binary(&["serve"], &app_options(&owner)));
    // A lock keeps the request in flight for as long as we like.
    let mut lock = owner.begin().await.unwrap();
    lock.execute("LOCK TABLE shipments IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut in_flight = serving.ask("/api/shipments", &world.acme.token());
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'shipments'::regclass";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&owner).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    serving.terminate();
    while TcpStream::connect(&serving.address).is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(serving.process.try_wait().unwrap().is_none(), "it did not wait for the request");
    lock.rollback().await.unwrap();
    assert_eq!(status(&mut in_flight), "HTTP/1.1 200 OK");
    assert!(serving.process.wait().unwrap().success());
}

/// One that is answered before its body has come is the end of its connection, and of what the edge sends on it next.
#[sqlx::test]
async fn who_is_too_many_is_told_so_and_keeps_the_connection(owner: PgPool) {
    let mut app = app(PgPool::connect_lazy_with(app_options(&owner)));
    app.in_flight = Arc::new(Semaphore::new(0));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    tokio::spawn(serve_until(listener, router(app), pending(), Duration::ZERO));
    let answers = tokio::task::spawn_blocking(move || {
        write!(stream, "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n").unwrap();
        std::thread::sleep(Duration::from_millis(200));
        write!(stream, "{{}}GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answers = String::new();
        let _ = stream.read_to_string(&mut answers);
        answers
    });
    let answers = answers.await.unwrap();
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["503", "200"], "{answers}");
}

#[sqlx::test]
async fn told_to_stop_it_drops_the_work_that_it_is_in_the_middle_of(owner: PgPool) {
    let world = World::new(&owner).await;
    let late = json!({ "reference": "A-1", "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp",
                       "departs_on": "2020-03-01" });
    assert_eq!(world.post("/api/shipments", &world.acme.token(), late).await.status, StatusCode::CREATED);
    let mut lock = owner.begin().await.unwrap();
    lock.execute("LOCK TABLE reminders IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut serving = Serving::start(binary(&["serve"], &app_options(&owner)));
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'reminders'::regclass";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&owner).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    serving.terminate();
    assert!(serving.process.wait().unwrap().success());
    lock.rollback().await.unwrap();
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    let raised: i64 = sqlx::query_scalar("SELECT count(*) FROM reminders").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(raised, 0);
}

#[test]
fn it_starts_without_a_database_and_an_idle_connection_does_not_keep_it() {
    let nowhere = no_database_options();
    let mut serving = Serving::start(binary(&["serve"], &nowhere));
    let mut idle = serving.ask("/health/live", "");
    assert_eq!(status(&mut idle), "HTTP/1.1 200 OK");
    assert_eq!(status(&mut serving.ask("/health/ready", "")), "HTTP/1.1 503 Service Unavailable");
    let began = Instant::now();
    serving.terminate();
    assert!(serving.process.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// The edge keeps its connections; one that was closed under a request can't be used for another that must not be repeated.
#[test]
fn a_post_that_is_refused_leaves_its_connection_to_the_next_one() {
    let nowhere = no_database_options();
    let serving = Serving::start(binary(&["serve"], &nowhere));
    let mut stream = TcpStream::connect(&serving.address).unwrap();
    for number in 0..3 {
        write!(stream, "POST /api/shipments HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n")
            .unwrap();
        // Late, as over a network.
        std::thread::sleep(Duration::from_millis(50));
        write!(stream, "{{}}").unwrap();
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]);
        assert!(answer.starts_with("HTTP/1.1 401"), "request {number}: {answer:?}");
    }
}

fn no_database_options() -> sqlx::postgres::PgConnectOptions {
    "postgres://nobody@127.0.0.1:1/nothing".parse().unwrap()
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_it_for_ever() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, has_arrived) = tokio::sync::oneshot::channel();
    let arrived = std::sync::Arc::new(std::sync::Mutex::new(Some(arrived)));
    let router = Router::new().route(
        "/",
        get(move || {
            arrived.lock().unwrap().take().unwrap().send(()).unwrap();
            pending::<()>()
        }),
    );
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let stop = async { has_arrived.await.unwrap() };
    let served = serve_until(listener, router, stop, Duration::from_millis(100));
    let ended = tokio::time::timeout(Duration::from_secs(5), served).await.expect("it waits for ever");
    assert_eq!(ended.unwrap_err().to_string(), "1 requests were not finished in 100ms, and were cut off");
}

/// What a process has held at most, in MiB.
#[cfg(target_os = "linux")]
fn most_memory(process: &Child) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

#[cfg(target_os = "linux")]
#[sqlx::test]
async fn a_storm_of_wrong_log_ins_takes_the_memory_that_is_written_down_and_no_more(owner: PgPool) {
    let mut command = binary(&["serve"], &app_options(&owner));
    // Nobody reads a line for each of them, and a pipe holds so many.
    command.env("RUST_LOG", "off,tracehub_backend::serve=info");
    let serving = Serving::start(command);
    let before = most_memory(&serving.process);
    let storm: Vec<TcpStream> = (0..300)
        .map(|number| {
            let body =
                json!({ "email": format!("nobody-{number}@acme.example"), "password": "not it" }).to_string();
            let mut stream = TcpStream::connect(&serving.address).unwrap();
            write!(
                stream,
                "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
            stream
        })
        .collect();
    let mut checked = 0;
    for mut stream in storm {
        let status = status(&mut stream);
        checked += usize::from(status == "HTTP/1.1 401 Unauthorized");
        assert!(!status.contains("500"), "{status}");
    }
    assert!(checked > AT_WORK, "only {checked} passwords were checked");
    // Besides the hashes: a connection, a body and a few tasks each.
    let taken = most_memory(&serving.process) - before;
    assert!(taken <= MEMORY + 32, "{taken} MiB");
}

#[test]
fn what_is_missing_is_said_before_anything_starts() {
    let output = bare_binary(&["serve"]).output().unwrap();
    let mut said = String::new();
    output.stderr.as_slice().read_to_string(&mut said).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("DATABASE_URL") && said.contains("JWT_SECRET"), "{said}");
}
