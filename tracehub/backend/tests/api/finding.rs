//! Finding shipments: what is asked for is what is found, and quickly.

use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sqlx::{Executor, PgPool, Row};
use tower::ServiceExt;
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::http;

use crate::parts::{change, shipment};
use crate::world::{World, request, router};

async fn found(world: &World, query: &str) -> Vec<String> {
    let answer = world.get(&format!("/api/shipments{query}"), &world.acme.token()).await;
    let items = answer.body["items"].as_array().unwrap_or_else(|| panic!("{query}: {}", answer.body));
    items.iter().map(|it| it["reference"].as_str().unwrap().to_owned()).collect()
}

/// Three shipments, of which each has something that the others have not.
async fn three(world: &World) -> String {
    let first = json!({ "reference": "A", "departs_on": "2026-03-01", "arrives_on": "2026-04-09", "container_number": "CSQU3054383" });
    let second = json!({ "reference": "B", "origin_port": "Lekki", "departs_on": "2026-03-05", "arrives_on": "2026-04-01" });
    let first = shipment(world, &world.acme, first).await;
    let second = shipment(world, &world.acme, second).await;
    let third = shipment(world, &world.acme, json!({ "reference": "C" })).await;
    let token = world.acme.token();
    world.post(&format!("{second}/items"), &token, json!({ "goods": "Dried ginger" })).await;
    world.post(&format!("{first}/containers"), &token, json!({ "number": "MSKU9070323" })).await;
    change(world, &world.acme, "PATCH", &second, 1, json!({ "stage": "docs_pending" })).await;
    let partner = json!({ "kind": "agent", "name": "Freight & Söhne" });
    let partner = world.post("/api/partners", &token, partner).await.body["id"].as_str().unwrap().to_owned();
    change(world, &world.acme, "PUT", &format!("{third}/partners/{partner}"), 1, Value::Null).await;
    partner
}

#[sqlx::test]
async fn shipments_are_found_by_what_belongs_to_them_and_by_when_they_travel(owner: PgPool) {
    let world = World::new(&owner).await;
    let partner = three(&world).await;
    let by_partner = format!("?partner={partner}");
    for (query, references) in [
        ("", vec!["C", "B", "A"]),
        ("?search=GINGER", vec!["B"]),
        ("?search=msku%20907032-3", vec!["A"]),
        ("?search=s%C3%B6hne", vec!["C"]),
        ("?search=%25", vec![]),
        (&by_partner, vec!["C"]),
        ("?partner=01946c1a-0000-7000-8000-000000000001", vec![]),
        ("?stage=docs_pending", vec!["B"]),
        ("?stage=draft", vec!["C", "A"]),
        ("?port=LEK", vec!["B"]),
        ("?port=antwerp&search=cocoa", vec!["C", "B", "A"]),
        ("?departs_from=2026-03-02", vec!["B"]),
        ("?departs_until=2026-03-01", vec!["A"]),
        ("?arrives_from=2026-04-01&arrives_until=2026-04-01", vec!["B"]),
        ("?sort=departure", vec!["B", "A", "C"]),
        ("?sort=arrival", vec!["A", "B", "C"]),
    ] {
        assert_eq!(found(&world, query).await, references, "{query}");
    }
    // A release that knows no stages has written the status alone.
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    tx.execute("UPDATE shipments SET status = 'arrived', stage = NULL WHERE reference = 'A'").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(found(&world, "?stage=arrived").await, ["A"]);
    for wrong in ["?stage=lost", "?departs_from=2026", "?sort=random", "?limit=0", "?port=a%E2%80%8Bb"] {
        let status = world.get(&format!("/api/shipments{wrong}"), &world.acme.token()).await.status.as_u16();
        assert!([400, 422].contains(&status), "{wrong}: {status}");
    }
}

#[sqlx::test]
async fn pages_follow_each_other_in_each_order_without_gap_or_repeat(owner: PgPool) {
    let world = World::new(&owner).await;
    for (reference, day) in [
        ("A", json!("2026-03-01")),
        ("B", Value::Null),
        ("C", json!("2026-03-05")),
        ("D", json!("2026-03-01")),
        ("E", Value::Null),
    ] {
        shipment(&world, &world.acme, json!({ "reference": reference, "departs_on": day })).await;
    }
    let (mut path, mut all) = ("/api/shipments?limit=2&sort=departure".to_owned(), Vec::new());
    loop {
        let page = world.get(&path, &world.acme.token()).await.body;
        all.extend(
            page["items"].as_array().unwrap().iter().map(|it| it["reference"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/shipments?limit=2&sort=departure&after={next}");
    }
    assert_eq!(all, ["C", "D", "A", "E", "B"]);
}

#[sqlx::test]
async fn a_spreadsheet_gets_what_was_found_and_runs_none_of_it(owner: PgPool) {
    let world = World::new(&owner).await;
    three(&world).await;
    shipment(&world, &world.acme, json!({ "reference": "=1+1", "product": "Nuts, \"raw\"" })).await;
    let asked = request("GET", "/api/shipments/csv?stage=draft", &world.acme.token());
    let answer = router(world.app.clone()).oneshot(asked.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    let text = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let lines: Vec<&str> = text.trim_start_matches('\u{FEFF}').trim_end().split("\r\n").collect();
    assert!(lines[0].starts_with("reference,product,stage,"), "{text}");
    assert!(lines[1].starts_with("\"'=1+1\",\"Nuts, \"\"raw\"\"\",draft,"), "{text}");
    assert_eq!(lines.len(), 4, "{text}");
}

/// As the role that serves, so that row-level security is in the plan: among the rows of many organisations.
#[sqlx::test]
async fn a_list_reads_no_more_rows_than_it_shows_and_a_search_reads_each_table_once(owner: PgPool) {
    let world = World::new(&owner).await;
    for tenant in [&world.acme, &world.zenith] {
        let mut tx = OrganisationTx::begin(&owner, tenant.id).await.unwrap();
        let rows = "INSERT INTO shipments (id, organisation_id, reference, product, origin_port, destination_port, departs_on, arrives_on, container_number)
            SELECT gen_random_uuid(), current_organisation_id(), 'R-' || n, 'Cocoa beans', 'Tema', 'Antwerp', date '2026-01-01' + n % 300,
                   date '2026-02-01' + n % 300, 'MSKU' || lpad(n::text, 7, '0') FROM generate_series(1, 3000) n";
        tx.execute(rows).await.unwrap();
        tx.execute("INSERT INTO items (organisation_id, id, shipment_id, goods) SELECT organisation_id, gen_random_uuid(), id, 'Cocoa' FROM shipments").await.unwrap();
        tx.commit().await.unwrap();
    }
    owner.execute("ANALYZE").await.unwrap();
    let plan = async |query: Value| {
        let query = serde_json::from_value(query).unwrap();
        let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
        let lines = http::list_statement("EXPLAIN ", &query, 51).build().fetch_all(&mut *tx).await.unwrap();
        lines.iter().map(|line| line.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
    };
    // Right below the limit is the index: nothing is sorted, and nothing is read that is not shown.
    for (query, indexes) in [
        (json!({}), ["shipments_by_organisation", "shipments_of_their_organisation"]),
        (json!({ "sort": "departure" }), ["shipments_by_departure"; 2]),
        (json!({ "sort": "arrival" }), ["shipments_by_arrival"; 2]),
    ] {
        let plan = plan(query).await;
        let below = plan.lines().nth(1).unwrap_or_default();
        assert!(indexes.iter().any(|index| below.contains(&format!("using {index} on"))), "{plan}");
    }
    let plan = plan(json!({ "search": "cocoa" })).await;
    assert_eq!(plan.matches("hashed SubPlan").count(), 3, "{plan}");
}
