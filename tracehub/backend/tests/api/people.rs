use std::io::Write;
use std::process::{Output, Stdio};

use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::world::{World, binary, change};

const FIRST: &str = "a first password";
const SECOND: &str = "another password";

/// The verb, as the role that owns the schema, with this on standard input.
fn user(owner: &PgPool, words: &[&str], password: &str) -> Output {
    let mut command = binary(&[&["user"], words].concat(), &owner.connect_options());
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = piped.spawn().unwrap();
    // One that reads nothing has ended already.
    let _ = process.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes());
    process.wait_with_output().unwrap()
}

pub fn succeeds(owner: &PgPool, words: &[&str], password: &str) -> String {
    let output = user(owner, words, password);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(owner: &PgPool, words: &[&str], password: &str) -> String {
    let output = user(owner, words, password);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

fn add<'a>(organisation: &'a str, email: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words = ["add", "--organisation", organisation, "--email", email, "--name", "Grace"];
    [&words, more].concat()
}

async fn log_in(world: &World, email: &str, password: &str) -> (StatusCode, Value) {
    let answer = world.post("/api/auth/login", "", json!({ "email": email, "password": password })).await;
    (answer.status, answer.body)
}

#[sqlx::test]
async fn somebody_is_made_logs_in_gets_another_password_and_is_suspended(owner: PgPool) {
    let world = World::new(&owner).await;
    let email = "grace@harbour.example";
    succeeds(&owner, &add("Harbour", "Grace@Harbour.example", &["--new-organisation"]), FIRST);
    let (status, body) = log_in(&world, email, FIRST).await;
    assert_eq!((status, &body["organisation"]["name"]), (StatusCode::OK, &json!("Harbour")));
    let token = body["token"].as_str().unwrap();

    succeeds(&owner, &["reset", "--email", email], SECOND);
    assert_eq!(world.get("/api/auth/me", token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(log_in(&world, email, FIRST).await.0, StatusCode::UNAUTHORIZED);
    let (status, body) = log_in(&world, email, SECOND).await;
    assert_eq!(status, StatusCode::OK);

    let token = body["token"].as_str().unwrap();
    let invitation = json!({ "email": "hopper@harbour.example", "role": "owner" });
    let link =
        world.post("/api/invitations", token, invitation).await.body["path"].as_str().unwrap().to_owned();
    let link = json!({ "token": link.strip_prefix("/welcome#") });
    assert_eq!(world.post("/api/links/look", "", link.clone()).await.status, StatusCode::OK);

    succeeds(&owner, &["suspend", "--email", email], "");
    assert_eq!(world.post("/api/links/look", "", link).await.status, StatusCode::GONE, "a way back in");
    assert_eq!(world.get("/api/auth/me", token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(log_in(&world, email, SECOND).await.0, StatusCode::UNAUTHORIZED);
    let listed: Value = serde_json::from_str(&succeeds(&owner, &["list"], "")).unwrap();
    let suspended: Vec<bool> =
        listed.as_array().unwrap().iter().map(|user| user["is_suspended"].as_bool().unwrap()).collect();
    assert_eq!(suspended, [false, true, false], "{listed}");
    assert_eq!(listed[1]["email"], email);
}

#[sqlx::test]
async fn what_can_t_be_is_refused_with_what_there_is(owner: PgPool) {
    let _world = World::new(&owner).await;
    let cases = [
        (
            add("acm", "new@acme.example", &[]),
            FIRST,
            "there is no organisation acm (made here: acme, zenith)",
        ),
        (add("ACME", "new@acme.example", &["--new-organisation"]), FIRST, "an organisation ACME already"),
        (add("acme", "ada@zenith.example", &[]), FIRST, "ada@zenith.example has a user already"),
        (add("acme", "nowhere", &[]), FIRST, "nowhere must be a mail address"),
        (add("acme", "new@acme.example", &[]), "short", "must have 12 characters at least"),
        (vec!["reset", "--email", "new@acme.example"], FIRST, "nobody has the address new@acme.example"),
        (vec!["suspend", "--email", "new@acme.example"], "", "nobody has the address new@acme.example"),
    ];
    for (words, password, expected) in cases {
        let why = fails(&owner, &words, password);
        assert!(why.contains(expected) && !why.contains(FIRST), "{words:?}: {why}");
    }
    let listed: Value = serde_json::from_str(&succeeds(&owner, &["list"], "")).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[sqlx::test]
async fn a_name_under_which_a_stranger_signed_up_is_nobody_s_and_an_id_is(owner: PgPool) {
    let world = World::new(&owner).await;
    change(&owner, world.zenith.id, "UPDATE organisations SET kind = 'other', country = 'CI'").await;
    for more in [&[][..], &["--new-organisation"]] {
        let why = fails(&owner, &add("Zenith", "grace@zenith.example", more), FIRST);
        assert!(
            why.contains("zenith, owner ada@zenith.example, CI, signed up by itself 0 days ago"),
            "{why}"
        );
        assert!(!why.contains("leave"), "{why}");
    }
    let ids = [world.acme.id.to_string(), world.zenith.id.to_string()];
    succeeds(&owner, &add(&ids[1], "grace@zenith.example", &[]), FIRST);
    change(&owner, world.zenith.id, "UPDATE organisations SET name = 'acme', kind = NULL").await;
    let why = fails(&owner, &add("acme", "grace@acme.example", &[]), FIRST);
    assert!(ids.iter().all(|id| why.contains(id.as_str())), "{why}");
}
