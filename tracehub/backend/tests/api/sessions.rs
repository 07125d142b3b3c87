//! Log-ins of browsers: a cookie that no script reads, and what ends it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::http::{self, Claims};
use tracehub_backend::worker::{Traffic, Worker};

use crate::roles::person;
use crate::world::{Answer, PASSWORD, RELEASE, Tenant, World, change, keys};

/// What a browser at the API's own host sends.
fn browser(method: &str, path: &str, cookie: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "tracehub.example")
        .header(header::COOKIE, format!("theme=dark; {cookie}"))
        .header("sec-fetch-site", "same-origin")
}

async fn ask(world: &World, method: &str, path: &str, cookie: &str, body: Value) -> Answer {
    let asked = browser(method, path, cookie).header(header::CONTENT_TYPE, "application/json");
    world.ask(asked.body(if body.is_null() { Body::empty() } else { body.to_string().into() }).unwrap()).await
}

async fn status(world: &World, cookie: &str) -> u16 {
    ask(world, "GET", "/api/auth/me", cookie, Value::Null).await.status.as_u16()
}

/// The cookie of the session, as a browser sends it from then on.
fn session(answer: &Answer) -> String {
    let set = answer.headers.get_all(header::SET_COOKIE).iter().map(|set| set.to_str().unwrap());
    let session = set.filter(|set| set.starts_with("tracehub_session=")).collect::<Vec<_>>();
    assert_eq!(session.len(), 1, "{:?}", answer.headers);
    session[0].split(';').next().unwrap().to_owned()
}

async fn log_in(world: &World, who: &Tenant, cookie: &str) -> Answer {
    let credentials = json!({ "email": who.email, "password": PASSWORD });
    let answer = ask(world, "POST", "/api/auth/login", cookie, credentials).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer
}

async fn sessions(world: &World, cookie: &str) -> Vec<Value> {
    let answer = ask(world, "GET", "/api/auth/sessions", cookie, Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["items"].as_array().unwrap().clone()
}

#[sqlx::test]
async fn who_logs_in_is_known_by_a_cookie_of_which_the_database_has_the_hash(owner: PgPool) {
    let world = World::new(&owner).await;
    let login = log_in(&world, &world.acme, "").await;
    let cookie = session(&login);
    let me = ask(&world, "GET", "/api/auth/me", &cookie, Value::Null).await;
    assert_eq!((me.status, &me.body["user"]["email"]), (StatusCode::OK, &json!(world.acme.email)));
    // What is written is written as who came with it.
    let new = json!({ "reference": "A-1", "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp" });
    let made = ask(&world, "POST", "/api/shipments", &cookie, new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let path = format!("/api/shipments/{}/history", made.body["id"].as_str().unwrap());
    assert_eq!(ask(&world, "GET", &path, &cookie, Value::Null).await.body["items"][0]["by"]["name"], "Ada");
    // A search, which has its place before a transaction begins.
    assert_eq!(ask(&world, "GET", "/api/shipments?search=cocoa", &cookie, Value::Null).await.status, 200);

    let secret = cookie.split_once('=').unwrap().1;
    let kept = "SELECT string_agg(sessions::text, ' ') FROM sessions";
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    let kept: String = sqlx::query_scalar(kept).fetch_one(&mut *tx).await.unwrap();
    assert!(!kept.contains(secret) && !kept.contains(&hex::encode(secret)), "{kept}");
    for wrong in ["", "x", &"A".repeat(43), &secret[1..]] {
        assert_eq!(status(&world, &format!("tracehub_session={wrong}")).await, 401, "{wrong}");
    }
}

#[sqlx::test]
async fn each_end_of_a_session_counts_at_once_also_for_the_token_that_came_with_it(owner: PgPool) {
    let world = World::new(&owner).await;
    let (phone, laptop) = (log_in(&world, &world.acme, "").await, log_in(&world, &world.acme, "").await);
    let both = [session(&phone), session(&laptop)];
    let token = |login: &Answer| login.body["token"].as_str().unwrap().to_owned();
    let listed = sessions(&world, &both[0]).await;
    assert_eq!(listed.len(), 2);
    let current: Vec<_> = listed.iter().filter(|it| it["is_current"] == true).map(|it| &it["id"]).collect();
    assert_eq!(current, [&phone.body["session"]["id"]]);

    // Somebody else's is not there, whoever asks: of the same organisation, or of another.
    let path =
        |login: &Answer| format!("/api/auth/sessions/{}", login.body["session"]["id"].as_str().unwrap());
    let grace = person(&owner, &world.acme, "owner").await;
    let grace = keys().sign(&Claims::new(grace, world.acme.id, 0, Utc::now())).unwrap();
    for stranger in [&grace, &world.zenith.token()] {
        let asked = crate::world::request("DELETE", &path(&laptop), stranger).body(Body::empty()).unwrap();
        assert_eq!(world.ask(asked).await.status, 404);
        assert_eq!(world.get("/api/auth/sessions", stranger).await.body["items"], json!([]));
    }

    assert_eq!(ask(&world, "DELETE", &path(&laptop), &both[0], Value::Null).await.status, 204);
    assert_eq!((status(&world, &both[0]).await, status(&world, &both[1]).await), (200, 401));
    assert_eq!(world.get("/api/auth/me", &token(&laptop)).await.status, 401);
    assert_eq!(world.get("/api/auth/me", &token(&phone)).await.status, 200);

    // A log-out by the cookie is that browser's alone, and takes the cookie from it.
    let other = session(&log_in(&world, &world.acme, "").await);
    let out = ask(&world, "POST", "/api/auth/logout", &both[0], Value::Null).await;
    assert_eq!((out.status.as_u16(), session(&out).as_str()), (204, "tracehub_session="));
    assert_eq!((status(&world, &both[0]).await, status(&world, &other).await), (401, 200));
    assert_eq!(world.get("/api/auth/me", &token(&phone)).await.status, 401);

    // One by a token, as pages of releases from before send it, is everybody's.
    assert_eq!(world.post("/api/auth/logout", &world.acme.token(), Value::Null).await.status, 204);
    assert_eq!(status(&world, &other).await, 401);
}

#[sqlx::test]
async fn all_others_end_and_the_one_that_asks_goes_on(owner: PgPool) {
    let world = World::new(&owner).await;
    let (here, there) = (log_in(&world, &world.acme, "").await, log_in(&world, &world.acme, "").await);
    // Of a release from before there were sessions.
    let old = world.acme.token();
    assert_eq!(ask(&world, "DELETE", "/api/auth/sessions", &session(&here), Value::Null).await.status, 204);
    assert_eq!((status(&world, &session(&here)).await, status(&world, &session(&there)).await), (200, 401));
    assert_eq!(world.get("/api/auth/me", here.body["token"].as_str().unwrap()).await.status, 200);
    assert_eq!(world.get("/api/auth/me", &old).await.status, 401);
    assert_eq!(sessions(&world, &session(&here)).await.len(), 1);
}

#[sqlx::test]
async fn another_password_and_a_suspension_end_sessions(owner: PgPool) {
    let world = World::new(&owner).await;
    let (here, there) =
        (session(&log_in(&world, &world.acme, "").await), session(&log_in(&world, &world.acme, "").await));
    let body = json!({ "current": PASSWORD, "new": "correct horse battery" });
    let changed = ask(&world, "POST", "/api/auth/password", &here, body).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    // The one that goes on has another secret: who had found the one before is out.
    let after = session(&changed);
    assert_eq!((status(&world, &here).await, status(&world, &there).await), (401, 401));
    assert_eq!(status(&world, &after).await, 200);
    // Suspended by whatever release, also one that knows no sessions.
    change(&owner, world.acme.id, "UPDATE users SET token_version = token_version + 1").await;
    assert_eq!(status(&world, &after).await, 401);
}

#[sqlx::test]
async fn a_session_ends_by_its_time_and_is_forgotten(owner: PgPool) {
    let world = World::new(&owner).await;
    let cookie = session(&log_in(&world, &world.acme, "").await);
    // In use, it is good beyond a week; that is written down beside the request that may come to nothing.
    change(&owner, world.acme.id, "UPDATE sessions SET seen_at = now() - interval '6 days'").await;
    let is_seen = async || {
        let seen = sessions(&world, &cookie).await[0]["seen_at"].as_str().unwrap().parse::<DateTime<Utc>>();
        Utc::now() - seen.unwrap() < TimeDelta::days(1)
    };
    let mut times = 0;
    while !is_seen().await {
        times += 1;
        assert!(times < 1000, "nobody wrote down that the session is in use");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let worker = Worker::new(world.app.clone(), Traffic::new(RELEASE.into(), None));
    for ended in ["seen_at = now() - interval '8 days'", "expires_at = now()"] {
        let cookie = session(&log_in(&world, &world.acme, "").await);
        let end = sqlx::AssertSqlSafe(format!("UPDATE sessions SET {ended}"));
        let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
        sqlx::query(end).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(status(&world, &cookie).await, 401, "{ended}");
        assert_ne!(worker.round().await.unwrap().log_ins, 0, "{ended}");
    }
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(left, 0);
}

#[sqlx::test]
async fn a_browser_has_one_session_and_a_person_twenty(owner: PgPool) {
    let world = World::new(&owner).await;
    let first = session(&log_in(&world, &world.acme, "").await);
    // Also when somebody else logs in there.
    let other = session(&log_in(&world, &world.zenith, &first).await);
    assert_eq!((status(&world, &first).await, status(&world, &other).await), (401, 200));
    let mut all = Vec::new();
    for _ in 0..21 {
        all.push(session(&log_in(&world, &world.acme, "").await));
    }
    assert_eq!((status(&world, &all[0]).await, status(&world, &all[1]).await), (401, 200));
    assert_eq!(sessions(&world, &all[20]).await.len(), 20);
}

/// A page of another site has the browser send what it likes, with our cookie.
#[sqlx::test]
async fn no_other_site_changes_anything(owner: PgPool) {
    let world = World::new(&owner).await;
    let cookie = session(&log_in(&world, &world.acme, "").await);
    let sent = async |path: &str, headers: &[(&str, &str)]| {
        let mut asked = Request::builder()
            .method("POST")
            .uri(path)
            .header(header::HOST, "tracehub.example")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::COOKIE, &cookie);
        for (name, value) in headers {
            asked = asked.header(*name, *value);
        }
        let answer = world.ask(asked.body("{}".into()).unwrap()).await;
        (answer.status.as_u16(), answer.body["type"].clone())
    };
    let refused = (403, json!("/problems/other-site"));
    for path in ["/api/auth/logout", "/api/shipments", "/api/auth/login"] {
        for headers in [
            &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..],
            &[("sec-fetch-site", "same-site"), ("origin", "https://other.tracehub.example")],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
        ] {
            assert_eq!(sent(path, headers).await, refused, "{path} {headers:?}");
        }
    }
    // Browsers that say no more than where they come from, and programs.
    assert_eq!(sent("/api/shipments", &[("origin", "https://tracehub.example")]).await.0, 422);
    assert_eq!(sent("/api/shipments", &[]).await.0, 422);
    assert_eq!(sent("/api/auth/logout", &[("sec-fetch-site", "same-origin")]).await.0, 204);
}

#[test]
fn every_operation_that_wants_somebody_takes_the_cookie_as_well() {
    let document = serde_json::to_value(http::openapi()).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let secured: Vec<_> = operations.filter_map(|it| it.get("security")).collect();
    assert!(!secured.is_empty());
    assert!(secured.iter().all(|it| **it == json!([{ "bearer": [] }, { "session": [] }])));
}
