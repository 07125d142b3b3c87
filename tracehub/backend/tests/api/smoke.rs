use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

use sqlx::{Executor, PgPool};

use crate::serving::Serving;
use crate::world::{JWT_SECRET, app_options, bare_binary, binary};

const RELEASE: &str = "20260103t120001z-1a2b3c4d5e6f";
const PAGE: &str = r#"<!doctype html><script type="module" src="/assets/index-abc.js"></script>"#;

/// Of a list that can be read.
const OPTIONS: &str = "405 Method Not Allowed\r\nallow: GET,HEAD\r\n\r\n";

/// A server of pages: this at `/`, a script where the page says, and nothing else.
fn page(html: &'static str) -> String {
    server(move |asked| match asked {
        root if root.starts_with("GET / ") => format!("200 OK\r\ncontent-type: text/html\r\n\r\n{html}"),
        script if script.starts_with("GET /assets/index-abc.js ") => {
            "200 OK\r\ncontent-type: text/javascript\r\n\r\nlet a;".into()
        }
        _ => "404 Not Found\r\n\r\n".into(),
    })
}

/// A server that answers so, until the test's process ends.
fn server(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            let mut asked = [0; 1024];
            let length = stream.read(&mut asked).unwrap();
            let answer = answer(std::str::from_utf8(&asked[..length]).unwrap());
            write!(stream, "HTTP/1.1 {answer}").unwrap();
        }
    });
    url
}

/// A backend that serves, and the smoke test of it with such a page.
fn smoke(owner: &PgPool, html: &'static str) -> Output {
    let mut serve = binary(&["serve"], &app_options(owner));
    serve.env("RELEASE", RELEASE);
    let (serving, page) = (Serving::start(serve), page(html));
    let api = format!("http://{}", serving.address);
    smoke_test(owner, &page, &api)
}

fn smoke_test(owner: &PgPool, page: &str, api: &str) -> Output {
    let words = ["smoke", "--release", RELEASE, "--page", page, "--api", api];
    binary(&words, &app_options(owner)).env("JWT_SECRET", JWT_SECRET).output().unwrap()
}

fn complaint(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(1));
    std::str::from_utf8(&output.stderr).unwrap()
}

#[sqlx::test]
async fn a_release_that_serves_its_users_passes_and_the_user_it_was_tried_as_is_gone(owner: PgPool) {
    let output = smoke(&owner, PAGE);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut seen = owner.begin().await.unwrap();
    seen.execute("SELECT set_config('app.organisation_id', '01946c1a-0000-7000-8000-00000000000a', true)")
        .await
        .unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut *seen).await.unwrap();
    assert_eq!(left, 0);
}

/// The address that it logs in with is no secret.
#[sqlx::test]
async fn strangers_who_guess_do_not_decide_whether_a_release_passes(owner: PgPool) {
    let guesses = "INSERT INTO log_in_failures (address, client)
                   SELECT sha256(convert_to($1, 'UTF8')), '127.0.0.1' FROM generate_series(1, 100)";
    let address = format!("monitoring-{RELEASE}@tracehub.invalid");
    sqlx::query(guesses).bind(address).execute(&owner).await.unwrap();
    let output = smoke(&owner, PAGE);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[sqlx::test]
async fn a_page_that_would_stay_blank_is_found(owner: PgPool) {
    let blank = smoke(&owner, "<!doctype html><div id=\"root\"></div>");
    assert!(complaint(&blank).contains("the page names no script of ours"), "{}", complaint(&blank));
    let gone = smoke(&owner, "<!doctype html><script src=\"/assets/index-old.js\"></script>");
    assert!(complaint(&gone).contains("/assets/index-old.js is answered 404"), "{}", complaint(&gone));
}

#[sqlx::test]
async fn a_release_that_nobody_can_log_in_to_is_found(owner: PgPool) {
    owner.execute("REVOKE EXECUTE ON FUNCTION credentials_of FROM tracehub_app").await.unwrap();
    let output = smoke(&owner, PAGE);
    assert!(complaint(&output).contains("a log-in is answered 500"), "{}", complaint(&output));
}

/// By this a deploy knows a release from before there were smoke tests, and takes it at its word.
#[test]
fn a_command_that_it_does_not_know_ends_with_2() {
    let output = bare_binary(&["smoke-tests-of-next-year"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[sqlx::test]
async fn a_token_is_shown_to_nobody_whatever_comes_with_it(owner: PgPool) {
    let api = server(|asked| match asked {
        version if version.starts_with("GET /api/version ") => {
            format!("200 OK\r\ncontent-type: application/json\r\n\r\n{RELEASE}")
        }
        options if options.starts_with("OPTIONS ") => OPTIONS.to_owned(),
        _ => {
            "500 Internal Server Error\r\ncontent-type: application/json\r\n\r\n{\"token\":\"secret\"}".into()
        }
    });
    let output = smoke_test(&owner, &page(PAGE), &api);
    assert_eq!(complaint(&output).trim(), "tracehub-backend: a log-in is answered 500");
}

/// As one whose routes are not those that the page knows.
#[sqlx::test]
async fn a_release_that_does_not_know_its_list_is_found(owner: PgPool) {
    let api = server(|asked| match asked {
        version if version.starts_with("GET /api/version ") => {
            format!("200 OK\r\ncontent-type: application/json\r\n\r\n{RELEASE}")
        }
        _ => "404 Not Found\r\n\r\n".into(),
    });
    let output = smoke_test(&owner, &page(PAGE), &api);
    assert!(
        complaint(&output).contains("OPTIONS of the list of shipments is answered 404"),
        "{}",
        complaint(&output)
    );
}

#[sqlx::test]
async fn a_release_whose_list_fails_is_found(owner: PgPool) {
    owner.execute("REVOKE SELECT ON shipments FROM tracehub_app").await.unwrap();
    let output = smoke(&owner, PAGE);
    assert!(complaint(&output).contains("the list of shipments is answered 500"), "{}", complaint(&output));
}

#[sqlx::test]
async fn answers_of_two_releases_are_timed_in_turns(owner: PgPool) {
    let mut serve = binary(&["serve"], &app_options(&owner));
    serve.env("RELEASE", RELEASE);
    let serving = Serving::start(serve);
    let api = format!("http://{}", serving.address);
    let slow = server(|_| {
        std::thread::sleep(Duration::from_millis(30));
        "200 OK\r\ncontent-type: application/json\r\n\r\n{}".into()
    });
    let other = server(|_| "401 Unauthorized\r\n\r\n".into());
    let timed = |before: &str| {
        let words = ["latency", "--release", RELEASE, "--api", &api, "--before", before, "--samples", "3"];
        let output = binary(&words, &app_options(&owner)).env("JWT_SECRET", JWT_SECRET).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        ["release", "before"].map(|of| {
            let micros = answers[of].as_array().unwrap().iter().map(|micros| micros.as_u64().unwrap());
            micros.collect::<Vec<_>>()
        })
    };
    let [release, before] = timed(&slow);
    assert_eq!((release.len(), before.len()), (3, 3));
    assert!(before.iter().all(|micros| *micros >= 30_000), "{before:?}");
    assert_eq!(timed(&other), [[0; 0]; 2], "a release that takes no token of ours is not compared");
}
