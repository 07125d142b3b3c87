//! The containers and items of a shipment.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgPool};
use tracehub_backend::database::OrganisationTx;

use crate::world::{Answer, Tenant, World, request};

pub async fn shipment(world: &World, tenant: &Tenant, more: Value) -> String {
    let mut new = json!({
        "reference": "A-1", "product": "Cocoa beans", "origin_port": "Tema", "destination_port": "Antwerp",
    });
    for (field, value) in more.as_object().unwrap() {
        new[field] = value.clone();
    }
    let made = world.post("/api/shipments", &tenant.token(), new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    made.headers["location"].to_str().unwrap().to_owned()
}

pub async fn change(
    world: &World,
    tenant: &Tenant,
    method: &str,
    at: &str,
    seen: i64,
    body: Value,
) -> Answer {
    let asked = request(method, at, &tenant.token())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::IF_MATCH, format!("\"{seen}\""));
    let body = if body.is_null() { Body::empty() } else { body.to_string().into() };
    world.ask(asked.body(body).unwrap()).await
}

async fn add(world: &World, at: &str, part: &str, new: Value) -> Answer {
    world.post(&format!("{at}/{part}"), &world.acme.token(), new).await
}

async fn numbers(world: &World, at: &str) -> (Value, Vec<String>) {
    let token = world.acme.token();
    let listed = world.get(&format!("{at}/containers"), &token).await.body;
    let numbers =
        listed["items"].as_array().unwrap().iter().map(|it| it["number"].as_str().unwrap().to_owned());
    (world.get(at, &token).await.body["container_number"].clone(), numbers.collect())
}

fn wrong_fields(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect()
}

#[sqlx::test]
async fn a_shipment_s_own_container_number_is_that_of_its_first_container(owner: PgPool) {
    let world = World::new(&owner).await;
    let at = shipment(&world, &world.acme, json!({ "container_number": "CSQU3054383" })).await;
    assert_eq!(numbers(&world, &at).await, (json!("CSQU3054383"), vec!["CSQU3054383".to_owned()]));

    let second = add(
        &world,
        &at,
        "containers",
        json!({ "number": "msku 907032-3", "kind": "45g1", "seal": "EU-4711", "gross_grams": 24_000_500 }),
    )
    .await;
    assert_eq!(second.status, StatusCode::CREATED, "{}", second.body);
    assert_eq!((&second.body["number"], &second.body["kind"]), (&json!("MSKU9070323"), &json!("45G1")));
    assert_eq!(
        numbers(&world, &at).await,
        (json!("CSQU3054383"), vec!["CSQU3054383".to_owned(), "MSKU9070323".to_owned()])
    );

    // A page from before there were several gives the first one another number, and then none.
    let version = world.get(&at, &world.acme.token()).await.body["version"].as_i64().unwrap();
    let other =
        change(&world, &world.acme, "PATCH", &at, version, json!({ "container_number": "TEMU6079348" }))
            .await;
    assert_eq!(other.body["container_number"], "TEMU6079348", "{}", other.body);
    assert_eq!(
        numbers(&world, &at).await,
        (json!("TEMU6079348"), vec!["TEMU6079348".to_owned(), "MSKU9070323".to_owned()])
    );
    let version = other.body["version"].as_i64().unwrap();
    let none = change(&world, &world.acme, "PATCH", &at, version, json!({ "container_number": null })).await;
    assert_eq!(none.status, StatusCode::OK, "{}", none.body);
    assert_eq!(numbers(&world, &at).await, (json!("MSKU9070323"), vec!["MSKU9070323".to_owned()]));

    // The shipment is another one by that, and its ETag too.
    let seen = world.get(&at, &world.acme.token()).await;
    let left = second.headers["location"].to_str().unwrap();
    assert_eq!(
        change(&world, &world.acme, "DELETE", left, 1, Value::Null).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(numbers(&world, &at).await, (Value::Null, vec![]));
    assert_ne!(world.get(&at, &world.acme.token()).await.headers["etag"], seen.headers["etag"]);
}

/// Rows that it has written, as the role that serves: neither knows of containers.
#[sqlx::test]
async fn a_release_from_before_containers_goes_on_writing_its_one_number(owner: PgPool) {
    let world = World::new(&owner).await;
    let at = shipment(&world, &world.acme, json!({})).await;
    for (written, is_there) in
        [("'CSQU3054383'", vec!["CSQU3054383"]), ("'MSKU9070323'", vec!["MSKU9070323"]), ("NULL", vec![])]
    {
        let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
        tx.execute(AssertSqlSafe(format!("UPDATE shipments SET container_number = {written}")))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&world, &at).await.1, is_there);
    }
}

/// Whoever writes the one number does not see what else is known: emptied, or given the second one's number, it stays.
#[sqlx::test]
async fn a_container_of_which_more_is_known_than_its_number_goes_only_when_it_is_removed_itself(
    owner: PgPool,
) {
    let world = World::new(&owner).await;
    let at = shipment(&world, &world.acme, json!({})).await;
    for (number, seal) in [("CSQU3054383", json!("EU-4711")), ("MSKU9070323", Value::Null)] {
        let added = add(&world, &at, "containers", json!({ "number": number, "seal": seal })).await;
        assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    }
    let there = (json!("CSQU3054383"), vec!["CSQU3054383".to_owned(), "MSKU9070323".to_owned()]);
    let version = world.get(&at, &world.acme.token()).await.body["version"].as_i64().unwrap();
    for other in [Value::Null, json!("MSKU9070323")] {
        let body = json!({ "container_number": other, "vessel": "Ever Given" });
        let refused = change(&world, &world.acme, "PATCH", &at, version, body).await;
        let said = (refused.status, &refused.body["type"]);
        assert_eq!(said, (StatusCode::CONFLICT, &json!("/problems/container-known")), "{other}");
    }
    assert_eq!(
        world.get(&at, &world.acme.token()).await.body["vessel"],
        Value::Null,
        "nothing of it was written"
    );
    for written in ["NULL", "'MSKU9070323'"] {
        let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
        let written = format!("UPDATE shipments SET container_number = {written}");
        tx.execute(AssertSqlSafe(written)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&world, &at).await, there);
    }
}

#[sqlx::test]
async fn a_change_that_changes_nothing_makes_no_version(owner: PgPool) {
    let world = World::new(&owner).await;
    let at = shipment(&world, &world.acme, json!({})).await;
    let item = add(&world, &at, "items", json!({ "goods": "Cocoa" })).await;
    let container = add(&world, &at, "containers", json!({ "number": "CSQU3054383" })).await;
    let new = json!({ "kind": "buyer", "name": "Kakao" });
    let partner = world.post("/api/partners", &world.acme.token(), new).await;
    for (made, same) in [
        (item, json!({ "goods": " Cocoa " })),
        (container, json!({ "number": "CSQU 305438-3" })),
        (partner, json!({ "name": "Kakao" })),
    ] {
        let at = made.headers["location"].to_str().unwrap();
        for change_to in [json!({}), same] {
            let answer = change(&world, &world.acme, "PATCH", at, 1, change_to).await;
            assert_eq!(
                (answer.status, &answer.body["version"]),
                (StatusCode::OK, &json!(1)),
                "{}",
                answer.body
            );
        }
    }
}

#[sqlx::test]
async fn what_is_wrong_with_a_container_or_an_item_is_named(owner: PgPool) {
    let world = World::new(&owner).await;
    let at = shipment(&world, &world.acme, json!({})).await;
    let right = json!({ "number": "CSQU3054383" });
    assert_eq!(add(&world, &at, "containers", right.clone()).await.status, StatusCode::CREATED);
    assert_eq!(add(&world, &at, "containers", right).await.status, StatusCode::CONFLICT);
    for (part, new, fields) in [
        ("containers", json!({ "number": "" }), vec!["number"]),
        (
            "containers",
            json!({ "number": "CSQU3054383", "kind": "40HC", "seal": "a\tb", "gross_grams": 0 }),
            vec!["kind", "seal", "gross_grams"],
        ),
        (
            "items",
            json!({ "goods": " ", "hs_code": "1801", "packages": 0, "net_grams": -1 }),
            vec!["goods", "hs_code", "packages", "net_grams"],
        ),
        ("items", json!({ "goods": "Cocoa", "net_grams": 2, "gross_grams": 1 }), vec!["gross_grams"]),
    ] {
        let answer = add(&world, &at, part, new).await;
        assert_eq!((answer.status, wrong_fields(&answer.body)), (StatusCode::UNPROCESSABLE_ENTITY, fields));
    }
    let told = add(&world, &at, "containers", json!({ "number": "MSKU9070324" })).await;
    assert!(told.body["errors"][0]["message"].as_str().unwrap().contains("MSKU9070323"), "{}", told.body);
}

#[sqlx::test]
async fn an_item_is_changed_by_who_has_seen_it_and_the_history_says_what_it_was(owner: PgPool) {
    let world = World::new(&owner).await;
    let at = shipment(&world, &world.acme, json!({})).await;
    let new = json!({ "goods": " Cocoa  beans ", "hs_code": "1801.00", "packages": 400, "package_kind": "bags", "net_grams": 24_800_000 });
    let made = add(&world, &at, "items", new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!((&made.body["goods"], &made.body["hs_code"]), (&json!("Cocoa beans"), &json!("180100")));
    let item = made.headers["location"].to_str().unwrap();

    let unseen = request("PATCH", item, &world.acme.token()).header(header::CONTENT_TYPE, "application/json");
    let unseen = world.ask(unseen.body("{}".into()).unwrap()).await;
    assert_eq!(unseen.status, StatusCode::PRECONDITION_REQUIRED);
    let changed =
        change(&world, &world.acme, "PATCH", item, 1, json!({ "gross_grams": 25_000_000, "hs_code": null }))
            .await;
    assert_eq!((changed.status, &changed.body["version"]), (StatusCode::OK, &json!(2)), "{}", changed.body);
    assert_eq!((&changed.body["packages"], &changed.body["hs_code"]), (&json!(400), &Value::Null));
    for (method, body) in [("PATCH", json!({ "packages": 1 })), ("DELETE", Value::Null)] {
        let late = change(&world, &world.acme, method, item, 1, body).await;
        assert_eq!((late.status, &late.body["current"]), (StatusCode::PRECONDITION_FAILED, &changed.body));
    }
    assert_eq!(
        change(&world, &world.acme, "DELETE", item, 2, Value::Null).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        change(&world, &world.acme, "DELETE", item, 2, Value::Null).await.status,
        StatusCode::NOT_FOUND
    );

    let history = world.get(&format!("{at}/history"), &world.acme.token()).await.body;
    let lines: Vec<&Value> =
        history["items"].as_array().unwrap().iter().map(|entry| &entry["changes"]).collect();
    let (first, then) =
        ("Cocoa beans · 180100 · 400 bags · 24800 kg", "Cocoa beans · 400 bags · 24800 kg / 25000 kg");
    assert_eq!(
        json!(lines),
        json!([
            [{ "field": "item", "before": then, "after": null }],
            [{ "field": "item", "before": first, "after": then }],
            [{ "field": "item", "before": null, "after": first }],
            [],
        ])
    );
}

#[sqlx::test]
async fn one_that_was_asked_for_twice_is_added_once(owner: PgPool) {
    let world = World::new(&owner).await;
    let at = shipment(&world, &world.acme, json!({})).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let asked = request("POST", &format!("{at}/items"), &world.acme.token())
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", "once");
        let answer = world.ask(asked.body(json!({ "goods": "Cocoa" }).to_string().into()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        ids.push(answer.body["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    let listed = world.get(&format!("{at}/items"), &world.acme.token()).await.body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[sqlx::test]
async fn a_copy_has_the_goods_and_the_partners_and_nothing_of_one_journey_alone(owner: PgPool) {
    let world = World::new(&owner).await;
    let more = json!({
        "departs_on": "2026-03-01", "container_number": "CSQU3054383", "booking": "EBKG0815", "bill_of_lading": "MEDU1",
        "vessel": "MSC Ada", "incoterm": "FOB",
    });
    let at = shipment(&world, &world.acme, more).await;
    let token = world.acme.token();
    add(&world, &at, "items", json!({ "goods": "Cocoa", "net_grams": 1000 })).await;
    let partner = world.post("/api/partners", &token, json!({ "kind": "buyer", "name": "Kakao" })).await;
    let given = format!("{at}/partners/{}", partner.body["id"].as_str().unwrap());
    change(&world, &world.acme, "PUT", &given, 1, Value::Null).await;

    let copy = add(&world, &at, "copy", json!({ "reference": " A-2 " })).await;
    assert_eq!(copy.status, StatusCode::CREATED, "{}", copy.body);
    let kept = json!({ "reference": "A-2", "product": "Cocoa beans", "origin_port": "Tema", "incoterm": "FOB", "buyer": "Kakao", "stage": "draft", "version": 1 });
    for (field, value) in kept.as_object().unwrap() {
        assert_eq!(&copy.body[field], value, "{field}");
    }
    for field in ["departs_on", "container_number", "booking", "bill_of_lading", "vessel"] {
        assert_eq!(copy.body[field], Value::Null, "{field}");
    }
    let new = copy.headers["location"].to_str().unwrap();
    let items = world.get(&format!("{new}/items"), &token).await.body;
    assert_eq!(items["items"][0]["goods"], "Cocoa");
    let partners = world.get(&format!("{new}/partners"), &token).await.body;
    assert_eq!(
        (&partners["items"][0]["name"], &partners["items"][0]["shipments"]),
        (&json!("Kakao"), &json!(2))
    );
    assert_eq!(numbers(&world, new).await.1, Vec::<String>::new());
    assert_eq!(add(&world, &at, "copy", json!({ "reference": "a-2" })).await.status, StatusCode::CONFLICT);
}
