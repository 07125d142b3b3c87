//! Changing a shipment, moving it on, and what is written down about it.

use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use sqlx::{Executor, PgPool};
use tracehub_backend::database::OrganisationTx;
use uuid::Uuid;

use crate::world::{Answer, Tenant, World, request};

async fn cocoa(world: &World, tenant: &Tenant) -> (String, Value) {
    let new = json!({
        "reference": "A-1", "product": "Cocoa beans", "origin_port": "Tema", "destination_port": "Antwerp",
        "departs_on": "2026-03-01", "vessel": "MSC Ada", "incoterm": "FOB",
    });
    let created = world.post("/api/shipments", &tenant.token(), new).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    (created.headers["location"].to_str().unwrap().to_owned(), created.body)
}

async fn change(world: &World, tenant: &Tenant, at: &str, seen: &str, change: Value) -> Answer {
    let patch = request("PATCH", at, &tenant.token())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::IF_MATCH, seen);
    world.ask(patch.body(change.to_string().into()).unwrap()).await
}

async fn history(world: &World, tenant: &Tenant, at: &str) -> Vec<Value> {
    let answer = world.get(&format!("{at}/history"), &tenant.token()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["items"].as_array().unwrap().clone()
}

#[sqlx::test]
async fn what_is_changed_is_another_and_what_is_left_out_stays(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, before) = cocoa(&world, &world.acme).await;
    let found = world.get(&at, &world.acme.token()).await;
    let changes = json!({
        "product": " Cocoa  beans, 25 t ", "buyer": "Kakao & Söhne", "bill_of_lading": "MEDU1234567", "booking": "EBKG0815",
        "vessel": null, "voyage": "FA612R", "incoterm": "CIF", "container_number": "csqu 305438-3",
        "departs_on": null, "arrives_on": "2026-03-21", "destination_port": "Hamburg",
    });
    let changed = change(&world, &world.acme, &at, found.headers["etag"].to_str().unwrap(), changes).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    let mut expected = before;
    for (field, value) in [
        ("product", json!("Cocoa beans, 25 t")),
        ("buyer", json!("Kakao & Söhne")),
        ("bill_of_lading", json!("MEDU1234567")),
        ("booking", json!("EBKG0815")),
        ("vessel", Value::Null),
        ("voyage", json!("FA612R")),
        ("incoterm", json!("CIF")),
        ("container_number", json!("CSQU3054383")),
        ("departs_on", Value::Null),
        ("arrives_on", json!("2026-03-21")),
        ("destination_port", json!("Hamburg")),
        ("version", json!(2)),
        ("updated_at", changed.body["updated_at"].clone()),
    ] {
        expected[field] = value;
    }
    assert_eq!(changed.body, expected);
    assert!(changed.body["updated_at"].is_string());
    assert_eq!(changed.headers["etag"], "\"2\"");
    assert_eq!(world.get(&at, &world.acme.token()).await.body, expected);
}

#[sqlx::test]
async fn nobody_writes_over_what_they_have_not_seen(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, _) = cocoa(&world, &world.acme).await;
    let unseen = request("PATCH", &at, &world.acme.token()).header(header::CONTENT_TYPE, "application/json");
    let unseen = world.ask(unseen.body("{}".into()).unwrap()).await;
    assert_eq!(unseen.status, StatusCode::PRECONDITION_REQUIRED);
    for nonsense in ["3", "*", "\"1\", \"2\""] {
        let answer = change(&world, &world.acme, &at, nonsense, json!({})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{nonsense}");
    }
    let first = change(&world, &world.acme, &at, "\"1\"", json!({ "vessel": "MSC Zoe" })).await;
    assert_eq!(first.status, StatusCode::OK);
    let second = change(&world, &world.acme, &at, "\"1\"", json!({ "vessel": "Maersk Tema" })).await;
    assert_eq!(second.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(second.body["type"], "/problems/changed-since");
    assert_eq!(second.body["current"], first.body);
    assert_eq!(world.get(&at, &world.acme.token()).await.body["vessel"], "MSC Zoe");
    assert_eq!(history(&world, &world.acme, &at).await.len(), 2);
}

#[sqlx::test]
async fn of_many_who_change_the_same_version_at_once_one_succeeds(owner: PgPool) {
    let world = std::sync::Arc::new(World::new(&owner).await);
    let (at, _) = cocoa(&world, &world.acme).await;
    let crowd = (0..8).map(|number| {
        let (world, at) = (world.clone(), at.clone());
        tokio::spawn(async move {
            let voyage = json!({ "voyage": format!("V{number}") });
            change(&world, &world.acme, &at, "\"1\"", voyage).await.status.as_u16()
        })
    });
    let mut answered = Vec::new();
    for one in crowd.collect::<Vec<_>>() {
        answered.push(one.await.unwrap());
    }
    answered.sort_unstable();
    assert_eq!(answered, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[sqlx::test]
async fn what_is_the_same_already_is_no_change(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, before) = cocoa(&world, &world.acme).await;
    for same in [
        json!({}),
        json!({ "vessel": "MSC Ada", "buyer": null, "stage": "draft", "departs_on": "2026-03-01" }),
    ] {
        let answer = change(&world, &world.acme, &at, "\"1\"", same).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &before));
    }
    assert_eq!(history(&world, &world.acme, &at).await.len(), 1);
}

#[sqlx::test]
async fn a_shipment_is_moved_on_and_an_older_release_reads_where_it_stands(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, _) = cocoa(&world, &world.acme).await;
    for (number, (stage, status)) in [
        ("docs_pending", "booked"),
        ("docs_complete", "booked"),
        ("in_transit", "in_transit"),
        ("arrived", "arrived"),
        ("customs", "arrived"),
        ("delivered", "delivered"),
        ("archived", "delivered"),
        ("draft", "draft"),
    ]
    .into_iter()
    .enumerate()
    {
        let seen = format!("\"{}\"", number + 1);
        let moved = change(&world, &world.acme, &at, &seen, json!({ "stage": stage })).await;
        assert_eq!(moved.status, StatusCode::OK, "{}", moved.body);
        assert_eq!((&moved.body["stage"], &moved.body["status"]), (&json!(stage), &json!(status)));
    }
    let refused =
        change(&world, &world.acme, &at, "\"9\"", json!({ "stage": "delivered", "voyage": "1" })).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.body["type"], "/problems/stage-refused");
    assert_eq!(refused.body["allowed"], json!(["docs_pending", "docs_complete", "archived"]));
    // All of it or nothing.
    assert_eq!(world.get(&at, &world.acme.token()).await.body["voyage"], Value::Null);
}

/// What it has written has no stage, and it goes on writing beside this one.
#[sqlx::test]
async fn what_a_release_without_stages_has_written_stands_where_it_says(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    for (status, stage) in [
        ("draft", "draft"),
        ("booked", "docs_pending"),
        ("in_transit", "in_transit"),
        ("arrived", "arrived"),
        ("delivered", "delivered"),
    ] {
        let insert = "INSERT INTO shipments (id, organisation_id, reference, product, status, origin_port, destination_port)
                      VALUES ($1, $2, $3, 'Cocoa', $3, 'Tema', 'Antwerp')";
        let id = Uuid::now_v7();
        sqlx::query(insert).bind(id).bind(world.acme.id).bind(status).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let found = world.get(&format!("/api/shipments/{id}"), &world.acme.token()).await.body;
        assert_eq!((&found["stage"], &found["version"]), (&json!(stage), &json!(1)), "{status}");
        tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    }
}

#[sqlx::test]
async fn what_is_wrong_with_a_change_is_said_field_by_field_and_nothing_is_changed(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, before) = cocoa(&world, &world.acme).await;
    let other = json!({ "reference": "B-1", "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp" });
    world.post("/api/shipments", &world.acme.token(), other).await;
    for (wrong, field) in [
        (json!({ "reference": null }), "reference"),
        (json!({ "product": " " }), "product"),
        (json!({ "buyer": "a\u{202E}fdp.exe" }), "buyer"),
        (json!({ "bill_of_lading": "x".repeat(65) }), "bill_of_lading"),
        (json!({ "booking": "" }), "booking"),
        (json!({ "vessel": "a\nb" }), "vessel"),
        (json!({ "voyage": "x".repeat(33) }), "voyage"),
        (json!({ "incoterm": "fob" }), "incoterm"),
        (json!({ "stage": "lost" }), "stage"),
        (json!({ "container_number": "CSQU3054384" }), "container_number"),
        (json!({ "arrives_on": "2026-02-28" }), "arrives_on"),
        (json!({ "status": "arrived" }), "status"),
        (json!({ "version": 7 }), "version"),
    ] {
        let answer = change(&world, &world.acme, &at, "\"1\"", wrong).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.body);
        assert_eq!(answer.body["errors"][0]["field"], field, "{}", answer.body);
    }
    let taken = change(&world, &world.acme, &at, "\"1\"", json!({ "reference": "b-1" })).await;
    assert_eq!(
        (taken.status, &taken.body["type"]),
        (StatusCode::CONFLICT, &json!("/problems/reference-taken"))
    );
    assert_eq!(world.get(&at, &world.acme.token()).await.body, before);
}

/// Its texts and days are none that would be taken today.
#[sqlx::test]
async fn a_shipment_from_before_the_rules_can_be_changed_in_its_other_fields(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, _) = cocoa(&world, &world.acme).await;
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    tx.execute("ALTER TABLE shipments DISABLE TRIGGER USER").await.unwrap();
    tx.execute("UPDATE shipments SET product = U&'Cocoa\\200B', departs_on = '1999-12-31'").await.unwrap();
    tx.execute("ALTER TABLE shipments ENABLE TRIGGER USER").await.unwrap();
    tx.commit().await.unwrap();
    let changed =
        change(&world, &world.acme, &at, "\"1\"", json!({ "buyer": "Kakao", "stage": "docs_pending" })).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);

    // The database looks at all texts when one is written, and at both days.
    for (wrong, field) in [
        (json!({ "reference": "A-2" }), "product"),
        (json!({ "origin_port": "Takoradi" }), "product"),
        (json!({ "arrives_on": "2026-03-21" }), "departs_on"),
    ] {
        let refused = change(&world, &world.acme, &at, "\"2\"", wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
        assert_eq!(refused.body["errors"][0]["field"], field, "{}", refused.body);
        assert_eq!(refused.body["errors"].as_array().unwrap().len(), 1, "{}", refused.body);
    }
    // The same as it was is written nowhere.
    let same = change(&world, &world.acme, &at, "\"2\"", json!({ "reference": "A-1", "voyage": "1" })).await;
    assert_eq!(same.status, StatusCode::OK, "{}", same.body);
    let both = json!({ "reference": "A-2", "product": "Cocoa", "departs_on": "2026-03-01", "arrives_on": "2026-03-21" });
    let both = change(&world, &world.acme, &at, "\"3\"", both).await;
    assert_eq!(both.status, StatusCode::OK, "{}", both.body);
}

/// What would be put right when it is typed needs nobody to type it.
#[sqlx::test]
async fn a_text_from_before_the_rules_is_put_right_beside_one_that_is_changed(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, _) = cocoa(&world, &world.acme).await;
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    tx.execute("ALTER TABLE shipments DISABLE TRIGGER USER").await.unwrap();
    tx.execute("UPDATE shipments SET product = ' Cocoa  beans'").await.unwrap();
    tx.execute("ALTER TABLE shipments ENABLE TRIGGER USER").await.unwrap();
    tx.commit().await.unwrap();
    let changed = change(&world, &world.acme, &at, "\"1\"", json!({ "reference": "A-2" })).await;
    assert_eq!((changed.status, &changed.body["product"]), (StatusCode::OK, &json!("Cocoa beans")));
    let noted = &history(&world, &world.acme, &at).await[0]["changes"][1];
    assert_eq!(noted, &json!({ "field": "product", "before": " Cocoa  beans", "after": "Cocoa beans" }));
}

#[sqlx::test]
async fn what_is_archived_goes_back_only_to_where_it_stood_or_begins_anew(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, _) = cocoa(&world, &world.acme).await;
    let go = async |seen: i64, stage: &str, next: Value| {
        let moved = change(&world, &world.acme, &at, &format!("\"{seen}\""), json!({ "stage": stage })).await;
        assert_eq!((moved.status, &moved.body["next_stages"]), (StatusCode::OK, &next), "{stage}");
        let list = world.get("/api/shipments", &world.acme.token()).await.body;
        assert_eq!(list["items"][0], moved.body, "{stage}");
    };
    let of_pending = json!(["docs_complete", "in_transit", "draft", "archived"]);
    go(1, "archived", json!(["draft"])).await;
    for elsewhere in ["delivered", "docs_pending"] {
        let refused = change(&world, &world.acme, &at, "\"2\"", json!({ "stage": elsewhere })).await;
        assert_eq!((refused.status, &refused.body["allowed"]), (StatusCode::CONFLICT, &json!(["draft"])));
    }
    go(2, "draft", json!(["docs_pending", "docs_complete", "archived"])).await;
    go(3, "docs_pending", of_pending.clone()).await;
    go(4, "archived", json!(["docs_pending", "draft"])).await;
    go(5, "docs_pending", of_pending).await;
}

/// A later release may know more words, and this one has the traffic again after a rollback.
#[sqlx::test]
async fn words_of_a_later_release_are_passed_on_as_they_are(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, _) = cocoa(&world, &world.acme).await;
    for later in [
        "ALTER TABLE shipments DROP CONSTRAINT shipments_stage_check, DROP CONSTRAINT shipments_incoterm_check",
        "ALTER TABLE history DROP CONSTRAINT history_what_check",
    ] {
        owner.execute(later).await.unwrap();
    }
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    tx.execute("UPDATE shipments SET stage = 'on_rail', incoterm = 'DDX'").await.unwrap();
    tx.execute(
        r#"UPDATE history SET what = 'printed', changes = '[{"field": "weight", "after": 25}, {"copies": 2}, "all"]'"#,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();

    let found = world.get(&at, &world.acme.token()).await;
    assert_eq!(found.status, StatusCode::OK, "{}", found.body);
    assert_eq!((&found.body["stage"], &found.body["incoterm"]), (&json!("on_rail"), &json!("DDX")));
    assert_eq!(found.body["next_stages"], json!([]));
    let list = world.get("/api/shipments", &world.acme.token()).await;
    assert_eq!((list.status, &list.body["items"][0]), (StatusCode::OK, &found.body));
    let entry = &history(&world, &world.acme, &at).await[0];
    assert_eq!(entry["what"], "printed");
    assert_eq!(entry["changes"][0], json!({ "field": "weight", "before": null, "after": "25" }));

    let moved = change(&world, &world.acme, &at, "\"1\"", json!({ "stage": "arrived" })).await;
    assert_eq!((moved.status, &moved.body["allowed"]), (StatusCode::CONFLICT, &json!([])));
    let changed = change(&world, &world.acme, &at, "\"1\"", json!({ "voyage": "1" })).await;
    assert_eq!((changed.status, &changed.body["stage"]), (StatusCode::OK, &json!("on_rail")));
}

#[sqlx::test]
async fn the_whole_history_is_reached_page_by_page(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, _) = cocoa(&world, &world.acme).await;
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    tx.execute(
        "INSERT INTO history (organisation_id, id, shipment_id, user_id, what, changes)
         SELECT organisation_id, gen_random_uuid(), shipment_id, user_id, 'changed', '[]' FROM history, generate_series(1, 400)",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let mut seen = std::collections::HashSet::new();
    let mut pages = Vec::new();
    let mut address = format!("{at}/history");
    loop {
        let page = world.get(&address, &world.acme.token()).await.body;
        let ids = page["items"].as_array().unwrap().iter().map(|entry| entry["id"].to_string());
        pages.push(ids.clone().count());
        seen.extend(ids);
        let Some(next) = page["next"].as_str() else { break };
        address = format!("{at}/history?after={next}");
    }
    assert_eq!((pages, seen.len()), (vec![200, 200, 1], 401));
    let unknown = world.get(&format!("{at}/history?before=1"), &world.acme.token()).await;
    assert!(unknown.status.is_client_error(), "{}", unknown.status);
}

#[sqlx::test]
async fn a_stranger_changes_nothing_and_learns_nothing(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, before) = cocoa(&world, &world.acme).await;
    let theirs = change(&world, &world.zenith, &at, "\"1\"", json!({ "vessel": "x" })).await;
    let nobodys =
        change(&world, &world.zenith, &format!("/api/shipments/{}", Uuid::now_v7()), "\"1\"", json!({}))
            .await;
    for answer in [theirs, nobodys, world.get(&format!("{at}/history"), &world.zenith.token()).await] {
        assert_eq!(
            (answer.status, &answer.body["detail"]),
            (StatusCode::NOT_FOUND, &json!("there is nothing here"))
        );
    }
    assert_eq!(world.get(&at, &world.acme.token()).await.body, before);
}

#[sqlx::test]
async fn the_history_says_who_did_what_and_nobody_who_serves_can_change_it(owner: PgPool) {
    let world = World::new(&owner).await;
    let (at, _) = cocoa(&world, &world.acme).await;
    change(
        &world,
        &world.acme,
        &at,
        "\"1\"",
        json!({ "vessel": null, "voyage": "FA612R", "stage": "docs_pending" }),
    )
    .await;
    let found = history(&world, &world.acme, &at).await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["by"], json!({ "id": world.acme.user, "name": "Ada" }));
    assert_eq!(found[0]["what"], "changed");
    assert_eq!(
        found[0]["changes"],
        json!([
            { "field": "stage", "before": "draft", "after": "docs_pending" },
            { "field": "vessel", "before": "MSC Ada", "after": null },
            { "field": "voyage", "before": null, "after": "FA612R" },
        ])
    );
    assert_eq!((&found[1]["what"], &found[1]["changes"]), (&json!("created"), &json!([])));
    for forged in ["UPDATE history SET what = 'created'", "DELETE FROM history", "TRUNCATE history"] {
        let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
        let error = tx.execute(forged).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{forged}");
    }
}
