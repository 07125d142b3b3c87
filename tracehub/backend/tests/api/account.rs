//! What people change of themselves.

use axum::body::Body;
use axum::http::header;
use chrono::Utc;
use serde_json::{Value, json};
use sqlx::PgPool;
use tracehub_backend::throttle::Account;

use crate::world::{PASSWORD, World, keys, request};

const NEW: &str = "correct horse battery";

async fn ask(world: &World, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
    let asked = request(method, path, token).header(header::CONTENT_TYPE, "application/json");
    let answer = world.ask(asked.body(Body::from(body.to_string())).unwrap()).await;
    (answer.status.as_u16(), answer.body)
}

#[sqlx::test]
async fn somebody_has_another_password_and_is_logged_in_nowhere_else(owner: PgPool) {
    let world = World::new(&owner).await;
    let before = world.acme.token();
    let change = json!({ "current": PASSWORD, "new": NEW });
    let (status, login) = ask(&world, "POST", "/api/auth/password", &before, change).await;
    assert_eq!(status, 200, "{login}");
    assert_eq!(world.get("/api/auth/me", &before).await.status, 401);
    assert_eq!(world.get("/api/auth/me", login["token"].as_str().unwrap()).await.status, 200);
    for (password, status) in [(PASSWORD, 401), (NEW, 200)] {
        let credentials = json!({ "email": world.acme.email, "password": password });
        assert_eq!(ask(&world, "POST", "/api/auth/login", "", credentials).await.0, status);
    }
    assert_eq!(world.get("/api/auth/me", &world.zenith.token()).await.status, 200);
}

#[sqlx::test]
async fn without_the_password_until_now_there_is_no_other_one_and_guesses_are_counted(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    for (change, field) in [
        (json!({ "current": "not it", "new": NEW }), "current"),
        (json!({ "current": "", "new": NEW }), "current"),
        (json!({ "current": PASSWORD, "new": "too short" }), "new"),
        (json!({ "current": PASSWORD, "new": "x".repeat(1025) }), "new"),
    ] {
        let (status, problem) = ask(&world, "POST", "/api/auth/password", &token, change).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{problem}");
    }
    let guess = json!({ "current": "not it", "new": NEW });
    let mut last = 0;
    for _ in 0..60 {
        last = ask(&world, "POST", "/api/auth/password", &token, guess.clone()).await.0;
        if last == 429 {
            break;
        }
    }
    assert_eq!(last, 429);

    // In a browser that is known for the address nobody waits for that.
    let device = keys().known_device(&Account::of(&world.acme.email), Utc::now());
    let change = json!({ "current": PASSWORD, "new": NEW }).to_string();
    let asked = request("POST", "/api/auth/password", &token)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::COOKIE, device);
    assert_eq!(world.ask(asked.body(change.into()).unwrap()).await.status, 200);
}

#[sqlx::test]
async fn somebody_has_another_name(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    let (status, me) = ask(&world, "PATCH", "/api/auth/me", &token, json!({ "name": " Ada  Obi " })).await;
    assert_eq!((status, &me["user"]["name"]), (200, &json!("Ada Obi")));
    let (status, problem) = ask(&world, "PATCH", "/api/auth/me", &token, json!({ "name": " " })).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("name")));
    assert_eq!(
        ask(&world, "PATCH", "/api/auth/me", &token, json!({ "name": "Ada", "role": "owner" })).await.0,
        422
    );
}
