use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread::JoinHandle;

use axum::http::StatusCode;
use serde_json::Value;
use sqlx::PgPool;

use crate::world::{World, binary};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A server that gives this one answer, once; where it is.
fn server(answer: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/health/ready", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
        stream.write_all(answer.as_bytes()).unwrap();
    });
    (url, server)
}

/// Runs the health check against a server that gives this one answer.
fn healthcheck(answer: &'static str, arguments: &[&str]) -> (Option<i32>, String) {
    let (url, server) = server(answer);
    let output = run_healthcheck(&[&["--url", &url], arguments].concat());
    server.join().unwrap();
    (output.status.code(), text(&output.stderr).to_owned())
}

fn run_healthcheck(arguments: &[&str]) -> Output {
    let unused = "postgres://nobody@127.0.0.1:1/nothing".parse().unwrap();
    binary(&[&["healthcheck"], arguments].concat(), &unused).output().unwrap()
}

#[sqlx::test]
async fn seeding_twice_leaves_one_demo_organisation_and_the_same_log_in(owner: PgPool) {
    let seed = || binary(&["seed"], &owner.connect_options()).output().unwrap();
    let (first, second) = (seed(), seed());
    assert!(first.status.success() && second.status.success(), "{}", text(&second.stderr));
    assert_eq!(first.stdout, second.stdout);

    let world = World::new(&owner).await;
    let credentials: Value = serde_json::from_slice(&second.stdout).unwrap();
    let login = world.post("/api/auth/login", "", credentials).await;
    assert_eq!(login.status, StatusCode::OK, "{}", login.body);
    let shipments = world.get("/api/shipments", login.body["token"].as_str().unwrap()).await;
    assert_eq!(shipments.body["items"].as_array().unwrap().len(), 6);
}

#[sqlx::test]
async fn production_is_not_seeded(owner: PgPool) {
    let seed = binary(&["seed"], &owner.connect_options()).env("ENVIRONMENT", "production").output().unwrap();
    assert_eq!(seed.status.code(), Some(1));
    assert!(text(&seed.stderr).contains("production"), "{}", text(&seed.stderr));
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&owner).await.unwrap();
    assert_eq!(users, 0);
}

#[test]
fn a_health_check_is_content_with_200() {
    let answer = "HTTP/1.1 200 OK\r\nX-TraceHub-Release: this\r\n\r\n{}";
    assert_eq!(healthcheck(answer, &["--release", "this"]), (Some(0), String::new()));
}

#[test]
fn a_health_check_notices_the_wrong_release() {
    let (code, said) =
        healthcheck("HTTP/1.1 200 OK\r\nx-tracehub-release: that\r\n\r\n{}", &["--release", "this"]);
    assert!(code == Some(1) && said.contains("as release that, not this"), "{said}");
}

#[test]
fn a_health_check_of_several_asks_each_and_names_the_one_that_is_not_well() {
    let answers = ["HTTP/1.1 200 OK\r\n\r\nwell", "HTTP/1.1 503 No\r\n\r\nunwell"];
    let [(well, first), (unwell, second)] = answers.map(server);
    let output = run_healthcheck(&["--url", &well, "--url", &unwell]);
    first.join().unwrap();
    second.join().unwrap();
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains(&format!("{unwell} answered 503")), "{said}");
}

#[test]
fn a_health_check_says_where_a_redirect_leads() {
    let (code, said) = healthcheck("HTTP/1.1 301 Moved\r\nLocation: https://elsewhere/\r\n\r\nmoved", &[]);
    assert!(code == Some(1) && said.contains("301, a redirect to https://elsewhere/: \"moved\""), "{said}");
}

#[test]
fn a_health_check_shows_the_answer_in_one_line() {
    let (code, said) = healthcheck("HTTP/1.1 503 No\r\n\r\nthe database\nis gone", &[]);
    assert!(code == Some(1) && said.contains("503") && said.contains("is gone"), "{said}");
    assert_eq!(said.lines().count(), 1);
}

#[test]
fn a_health_check_says_that_nobody_listens() {
    let output = run_healthcheck(&["--url", "http://127.0.0.1:1/"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("refused"), "{}", text(&output.stderr));
}
