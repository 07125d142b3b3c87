use axum::http::StatusCode;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::http::{Claims, Keys};

use crate::world::{PASSWORD, World, keys};

#[sqlx::test]
async fn logging_in_gives_a_token_that_says_who_one_is(owner: PgPool) {
    let world = World::new(&owner).await;
    // The address in whatever case it is typed.
    let credentials = json!({ "email": "ADA@acme.example", "password": PASSWORD });
    let login = world.post("/api/auth/login", "", credentials).await;
    assert_eq!(login.status, StatusCode::OK, "{}", login.body);
    assert_eq!(login.body["user"]["email"], "ada@acme.example");
    assert_eq!(login.body["organisation"], json!({ "id": world.acme.id, "name": "acme" }));

    let me = world.get("/api/auth/me", login.body["token"].as_str().unwrap()).await;
    assert_eq!(me.status, StatusCode::OK);
    assert_eq!(me.body, json!({ "user": login.body["user"], "organisation": login.body["organisation"] }));
}

#[sqlx::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer(owner: PgPool) {
    let world = World::new(&owner).await;
    let refused = async |email: &str, password: &str| -> Value {
        let answer = world.post("/api/auth/login", "", json!({ "email": email, "password": password })).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        json!({ "title": answer.body["title"], "detail": answer.body["detail"], "errors": answer.body["errors"] })
    };
    assert_eq!(refused(&world.acme.email, "not it").await, refused("nobody@acme.example", PASSWORD).await);
}

#[sqlx::test]
async fn only_a_good_token_opens_the_door(owner: PgPool) {
    let world = World::new(&owner).await;
    let claims = |age| Claims::new(world.acme.user, world.acme.id, 0, Utc::now() - age);
    let forged =
        Keys::new(&"somebody else's key, also 32 bytes".into()).sign(&claims(TimeDelta::zero())).unwrap();
    let expired = keys().sign(&claims(TimeDelta::minutes(31))).unwrap();
    let mut tampered = world.acme.token();
    tampered.replace_range(60..61, if tampered.as_bytes()[60] == b'A' { "B" } else { "A" });
    for token in ["", "nonsense", &forged, &expired, &tampered] {
        for path in ["/api/auth/me", "/api/shipments", "/api/shipments/01946c1a-0000-7000-8000-000000000001"]
        {
            let answer = world.get(path, token).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} with {token:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
}

#[sqlx::test]
async fn a_deleted_user_is_nobody(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    sqlx::query("DELETE FROM users").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    is_nobody(&world, &world.acme.token()).await;
    let credentials = json!({ "email": world.acme.email, "password": PASSWORD });
    assert_eq!(world.post("/api/auth/login", "", credentials).await.status, StatusCode::UNAUTHORIZED);
}

/// Nothing of the organisation's is answered to this token.
async fn is_nobody(world: &World, token: &str) {
    for path in ["/api/auth/me", "/api/shipments", "/api/shipments/01946c1a-0000-7000-8000-000000000001"] {
        assert_eq!(world.get(path, token).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let shipment = json!({ "reference": "A-1", "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp" });
    assert_eq!(world.post("/api/shipments", token, shipment).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.post("/api/auth/logout", token, Value::Null).await.status, StatusCode::UNAUTHORIZED);
}

#[sqlx::test]
async fn logging_out_ends_every_token_of_that_user_at_once_and_nobody_else_s(owner: PgPool) {
    let world = World::new(&owner).await;
    let credentials = json!({ "email": world.acme.email, "password": PASSWORD });
    let log_in = async || {
        let login = world.post("/api/auth/login", "", credentials.clone()).await;
        login.body["token"].as_str().unwrap().to_owned()
    };
    let (phone, laptop) = (log_in().await, log_in().await);
    assert_eq!(world.get("/api/auth/me", &laptop).await.status, StatusCode::OK);
    let answer = world.post("/api/auth/logout", &phone, Value::Null).await;
    assert_eq!((answer.status, answer.body), (StatusCode::NO_CONTENT, Value::Null));
    for token in [phone, laptop, world.acme.token()] {
        is_nobody(&world, &token).await;
    }
    assert_eq!(world.get("/api/auth/me", &world.zenith.token()).await.status, StatusCode::OK);
    assert_eq!(world.get("/api/auth/me", &log_in().await).await.status, StatusCode::OK);
}

#[sqlx::test]
async fn what_can_be_no_address_or_no_password_is_said_field_by_field(owner: PgPool) {
    let world = World::new(&owner).await;
    for (email, password, fields) in [
        ("", "", json!(["email", "password"])),
        ("a\u{200B}da@acme.example", "x", json!(["email"])),
        (&"x".repeat(255), "x", json!(["email"])),
        ("ada@acme.example", &"x".repeat(1025), json!(["password"])),
    ] {
        let answer = world.post("/api/auth/login", "", json!({ "email": email, "password": password })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let wrong = answer.body["errors"].as_array().unwrap().iter().map(|error| error["field"].clone());
        assert_eq!(Value::from_iter(wrong), fields);
    }
}
