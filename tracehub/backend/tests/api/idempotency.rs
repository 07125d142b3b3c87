//! Requests that are sent again because their answer got lost, or because somebody clicked twice.

use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use sqlx::{Executor, PgPool};
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::worker::{Done, Traffic, Worker};

use crate::world::{Answer, Tenant, World, request};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

async fn create(world: &World, tenant: &Tenant, key: &str, body: &Value) -> Answer {
    let request = request("POST", "/api/shipments", &tenant.token())
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key);
    world.ask(request.body(body.to_string().into()).unwrap()).await
}

fn cocoa(reference: &str) -> Value {
    json!({ "reference": reference, "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp" })
}

async fn shipments(world: &World, tenant: &Tenant) -> usize {
    world.get("/api/shipments", &tenant.token()).await.body["items"].as_array().unwrap().len()
}

#[sqlx::test]
async fn a_request_that_is_sent_again_makes_nothing_and_is_answered_the_same(owner: PgPool) {
    let world = World::new(&owner).await;
    let first = create(&world, &world.acme, KEY, &cocoa("A-1")).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    // The same, though it is written in another way.
    for again in [cocoa("A-1"), cocoa(" A-1 ")] {
        let again = create(&world, &world.acme, KEY, &again).await;
        assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
        assert_eq!(again.headers["location"], first.headers["location"]);
        assert_eq!(again.headers["content-type"], "application/json");
        assert_eq!(again.headers["idempotency-replayed"], "true");
    }
    assert_eq!(shipments(&world, &world.acme).await, 1);

    let other = create(&world, &world.acme, KEY, &cocoa("A-2")).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.body);
    assert!(other.body["detail"].as_str().unwrap().contains("another request"), "{}", other.body);
    // It is nobody else's key.
    assert_eq!(create(&world, &world.zenith, KEY, &cocoa("A-2")).await.status, StatusCode::CREATED);
    assert_eq!(shipments(&world, &world.acme).await, 1);
}

#[sqlx::test]
async fn a_refusal_is_not_kept_and_the_request_may_be_put_right(owner: PgPool) {
    let world = World::new(&owner).await;
    create(&world, &world.acme, "another-key", &cocoa("A-1")).await;
    assert_eq!(create(&world, &world.acme, KEY, &cocoa("A-1")).await.status, StatusCode::CONFLICT);
    assert_eq!(create(&world, &world.acme, KEY, &cocoa("A-2")).await.status, StatusCode::CREATED);
}

#[sqlx::test]
async fn of_two_at_once_one_is_done_and_the_other_told_so(owner: PgPool) {
    let world = World::new(&owner).await;
    // A lock keeps the first in flight for as long as we like.
    let mut lock = owner.begin().await.unwrap();
    lock.execute("LOCK TABLE shipments IN EXCLUSIVE MODE").await.unwrap();
    let body = cocoa("A-1");
    let first = create(&world, &world.acme, KEY, &body);
    let second = async {
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'shipments'::regclass";
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&owner).await.unwrap() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let second = create(&world, &world.acme, KEY, &body).await;
        lock.rollback().await.unwrap();
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::CONFLICT), "{}", second.body);
    assert!(second.body["detail"].as_str().unwrap().contains("still being answered"), "{}", second.body);
    assert_eq!(create(&world, &world.acme, KEY, &body).await.body, first.body);
}

#[sqlx::test]
async fn a_key_is_forgotten_after_a_day(owner: PgPool) {
    let world = World::new(&owner).await;
    create(&world, &world.acme, KEY, &cocoa("A-1")).await;
    create(&world, &world.zenith, KEY, &cocoa("A-1")).await;
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    tx.execute("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'").await.unwrap();
    tx.commit().await.unwrap();
    // Also before anybody has cleaned up.
    assert_eq!(create(&world, &world.acme, KEY, &cocoa("A-2")).await.status, StatusCode::CREATED);
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    tx.execute("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'").await.unwrap();
    tx.commit().await.unwrap();
    let worker = Worker::new(world.app.clone(), Traffic::new("development".into(), None));
    assert_eq!(worker.round().await.unwrap(), Done { answers: 1, ..Done::default() });
    let again = create(&world, &world.zenith, KEY, &cocoa("A-1")).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
}

#[sqlx::test]
async fn a_key_is_a_short_text_that_can_be_seen(owner: PgPool) {
    let world = World::new(&owner).await;
    for wrong in ["", "two words", "\u{e9}", &"x".repeat(65)] {
        let answer = create(&world, &world.acme, wrong, &cocoa("A-1")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong:?}");
    }
    assert_eq!(create(&world, &world.acme, &"x".repeat(64), &cocoa("A-1")).await.status, StatusCode::CREATED);
}
