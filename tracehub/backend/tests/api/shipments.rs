use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use sqlx::{Executor, PgPool};
use tracehub_backend::http;
use tracehub_backend::lane::{Lane, Width};
use uuid::Uuid;

use crate::world::{World, app, ask, request};

fn cocoa(reference: &str) -> Value {
    json!({
        "reference": reference, "product": "Cocoa beans", "container_number": "csqu 305438-3",
        "origin_port": " Tema ", "destination_port": "Antwerp", "departs_on": "2026-03-01", "arrives_on": "2026-03-21",
    })
}

fn references(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["reference"].as_str().unwrap()).collect()
}

fn wrong_fields(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect()
}

#[sqlx::test]
async fn what_was_entered_is_where_the_answer_says(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    let created = world.post("/api/shipments", &token, cocoa("A-1")).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    assert_eq!(created.body["status"], "draft");
    assert_eq!(created.body["container_number"], "CSQU3054383");
    assert_eq!(created.body["origin_port"], "Tema");
    assert_eq!(created.body["departs_on"], "2026-03-01");

    let found = world.get(created.headers["location"].to_str().unwrap(), &token).await;
    assert_eq!((found.status, &found.body), (StatusCode::OK, &created.body));
    assert_eq!(
        world.get("/api/shipments", &token).await.body,
        json!({ "items": [created.body], "next": null })
    );
}

#[sqlx::test]
async fn one_organisation_never_sees_another_s(owner: PgPool) {
    let world = World::new(&owner).await;
    let theirs = world.post("/api/shipments", &world.acme.token(), cocoa("A-1")).await;
    let stranger = world.zenith.token();

    let location = theirs.headers["location"].to_str().unwrap();
    assert_eq!(world.get(location, &stranger).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/api/shipments?search=cocoa", &stranger).await.body["items"], json!([]));
    // Not even that the reference is taken.
    assert_eq!(world.post("/api/shipments", &stranger, cocoa("A-1")).await.status, StatusCode::CREATED);
    assert_eq!(references(&world.get("/api/shipments", &world.acme.token()).await.body), ["A-1"]);
}

#[sqlx::test]
async fn pages_follow_each_other_newest_first_without_gap_or_repeat(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    for reference in ["A-1", "A-2", "A-3", "A-4", "A-5"] {
        world.post("/api/shipments", &token, cocoa(reference)).await;
    }
    let mut path = "/api/shipments?limit=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = world.get(&path, &token).await.body;
        pages.push(references(&page).join(" "));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/shipments?limit=2&after={next}");
    }
    assert_eq!(pages, ["A-5 A-4", "A-3 A-2", "A-1"]);
    // A page that is exactly full is the last one when nothing follows.
    assert_eq!(world.get("/api/shipments?limit=5", &token).await.body["next"], Value::Null);
}

#[sqlx::test]
async fn a_search_means_what_it_says(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    world.post("/api/shipments", &token, cocoa("A_1")).await;
    world.post("/api/shipments", &token, cocoa("A-100%")).await;
    for (search, found) in [
        ("COCOA", vec!["A-100%", "A_1"]),
        ("antw", vec!["A-100%", "A_1"]),
        ("3054383", vec!["A-100%", "A_1"]),
        ("%25", vec!["A-100%"]),
        ("A_1", vec!["A_1"]),
        ("+", vec!["A-100%", "A_1"]),
        ("coffee", vec![]),
    ] {
        let page = world.get(&format!("/api/shipments?search={search}"), &token).await.body;
        assert_eq!(references(&page), found, "{search}");
    }
}

#[sqlx::test]
async fn a_reference_is_taken_once(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    world.post("/api/shipments", &token, cocoa("A-1")).await;
    let again = world.post("/api/shipments", &token, cocoa(" A-1 ")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body["detail"].as_str().unwrap().contains("A-1"), "{}", again.body);
}

#[sqlx::test]
async fn a_reference_is_taken_whatever_it_is_written_like(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    for first in ["Größe-1", "Café 7"] {
        assert_eq!(world.post("/api/shipments", &token, cocoa(first)).await.status, StatusCode::CREATED);
    }
    for again in [
        "GRÖSSE-1",
        "größe-1",
        "Gro\u{308}ße-1",
        "Ｇröße－1",
        "CAFÉ 7",
        "Cafe\u{301} 7",
        "Café\u{A0}7",
        "Café  7",
    ] {
        let answer = world.post("/api/shipments", &token, cocoa(again)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{again}");
    }
    // An accent is another letter.
    assert_eq!(world.post("/api/shipments", &token, cocoa("Cafe 7")).await.status, StatusCode::CREATED);
}

#[sqlx::test]
async fn a_text_that_hides_something_is_refused_and_the_field_named(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    for field in ["reference", "product", "origin_port", "destination_port"] {
        for hidden in [
            "A\u{200B}1",
            "a\u{202E}fdp.exe",
            "\u{3164}",
            "a\tb",
            "a\u{2028}b",
            &format!("o{}", "\u{317}".repeat(63)),
        ] {
            let mut shipment = cocoa("A-1");
            shipment[field] = json!(hidden);
            let answer = world.post("/api/shipments", &token, shipment).await;
            assert_eq!(
                (answer.status, wrong_fields(&answer.body)),
                (StatusCode::UNPROCESSABLE_ENTITY, vec![field])
            );
        }
    }
    let search = world.get("/api/shipments?search=a%E2%80%8Bb", &token).await;
    assert_eq!(
        (search.status, wrong_fields(&search.body)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["search"])
    );
    assert_eq!(world.get("/api/shipments?search=%20", &token).await.status, StatusCode::OK);
}

#[sqlx::test]
async fn a_day_is_one_of_this_century_written_in_one_way(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    for field in ["departs_on", "arrives_on"] {
        for wrong in [
            "-4713-01-01",
            "+262142-01-01",
            "1999-12-31",
            "2100-01-01",
            "2026-3-1",
            "2026-02-30",
            "",
            "infinity",
        ] {
            let mut shipment = cocoa("A-1");
            shipment["departs_on"] = Value::Null;
            shipment[field] = json!(wrong);
            let answer = world.post("/api/shipments", &token, shipment).await;
            assert_eq!(
                (answer.status, wrong_fields(&answer.body)),
                (StatusCode::UNPROCESSABLE_ENTITY, vec![field]),
                "{wrong}"
            );
        }
    }
    let mut shipment = cocoa("A-1");
    (shipment["departs_on"], shipment["arrives_on"]) = (json!("2000-01-01"), json!("2099-12-31"));
    assert_eq!(world.post("/api/shipments", &token, shipment).await.status, StatusCode::CREATED);
}

#[sqlx::test]
async fn a_field_that_nobody_knows_is_refused_and_named(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    let mut shipment = cocoa("A-1");
    shipment["container_no"] = json!("CSQU3054383");
    let answer = world.post("/api/shipments", &token, shipment).await;
    assert_eq!(
        (answer.status, wrong_fields(&answer.body)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["container_no"])
    );
    assert!(answer.body["errors"][0]["message"].as_str().unwrap().contains("unknown"), "{}", answer.body);
    let credentials = json!({ "email": world.acme.email, "password": "x", "remember": true });
    let answer = world.post("/api/auth/login", "", credentials).await;
    assert_eq!(
        (answer.status, wrong_fields(&answer.body)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["remember"])
    );
}

#[sqlx::test]
async fn everything_that_is_wrong_is_said_field_by_field(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    let wrong = json!({
        "reference": " ", "product": "x".repeat(201), "container_number": "CSQU3054384", "origin_port": "a\nb",
        "destination_port": "", "departs_on": "2026-03-21", "arrives_on": "2026-03-01",
    });
    let answer = world.post("/api/shipments", &token, wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        wrong_fields(&answer.body),
        ["reference", "product", "origin_port", "destination_port", "container_number", "arrives_on"]
    );

    let mut no_date = cocoa("A-1");
    no_date["departs_on"] = json!("2026-02-30");
    let answer = world.post("/api/shipments", &token, no_date).await;
    assert_eq!(
        (answer.status, wrong_fields(&answer.body)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["departs_on"])
    );

    let answer = world.get("/api/shipments?limit=101", &token).await;
    assert_eq!(
        (answer.status, wrong_fields(&answer.body)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["limit"])
    );
}

#[sqlx::test]
async fn searches_wait_for_each_other_and_nobody_waits_for_searches(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut app = app(world.app.clone());
    let width = Width { at_work: 1, let_in: 2, of_one_kind: 1, patience: Duration::from_secs(5) };
    app.searches = Arc::new(Lane::new(width));
    let router = http::router(app.clone());
    let get = async |path: &str, token: &str| {
        ask(&router, request("GET", path, token).body(Body::empty()).unwrap()).await
    };
    let (search, token) = ("/api/shipments?search=cocoa", world.acme.token());
    assert_eq!(get(search, &token).await.status, StatusCode::OK);
    // One of its own, and another one's.
    let _own = app.searches.enter(world.acme.id).unwrap();
    let refused = get(search, &token).await;
    assert_eq!(
        (refused.status, &refused.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &HeaderValue::from(1))
    );
    assert_eq!(get("/api/shipments", &token).await.status, StatusCode::OK);
    assert_eq!(get(search, &world.zenith.token()).await.status, StatusCode::OK);
    let _other = app.searches.enter(Uuid::now_v7()).unwrap();
    assert_eq!(get(search, &world.zenith.token()).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[sqlx::test]
async fn a_search_whose_client_has_gone_keeps_its_turn_until_the_database_is_done_with_it(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut app = app(world.app.clone());
    let width = Width { at_work: 1, let_in: 3, of_one_kind: 1, patience: Duration::from_millis(200) };
    app.searches = Arc::new(Lane::new(width));
    let mut lock = owner.begin().await.unwrap();
    lock.execute("LOCK TABLE shipments IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let search =
        request("GET", "/api/shipments?search=cocoa", &world.acme.token()).body(Body::empty()).unwrap();
    let router = http::router(app.clone());
    let client = tokio::spawn(async move { ask(&router, search).await.status });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'shipments'::regclass";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&owner).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    assert!(app.searches.enter(world.acme.id).is_err(), "its place is free");
    let next = app.searches.enter(world.zenith.id).unwrap();
    assert!(next.turn().await.is_err(), "its turn is free, and the database still searches");
    lock.rollback().await.unwrap();
    while next.turn().await.is_err() {}
}
