//! Partners, and which of them a shipment has.

use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::{Executor, PgPool};
use tracehub_backend::database::OrganisationTx;

use crate::parts::{change, shipment};
use crate::world::{Answer, World};

async fn partner(world: &World, kind: &str, name: &str) -> Answer {
    world.post("/api/partners", &world.acme.token(), json!({ "kind": kind, "name": name })).await
}

fn at(made: &Answer) -> &str {
    made.headers["location"].to_str().unwrap()
}

async fn give(world: &World, shipment: &str, partner: &Answer) -> StatusCode {
    let at = format!("{shipment}/partners/{}", partner.body["id"].as_str().unwrap());
    change(world, &world.acme, "PUT", &at, 1, Value::Null).await.status
}

async fn of(world: &World, shipment: &str) -> (Value, Vec<String>) {
    let token = world.acme.token();
    let listed = world.get(&format!("{shipment}/partners"), &token).await.body;
    let names = listed["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
    (world.get(shipment, &token).await.body["buyer"].clone(), names.collect())
}

#[sqlx::test]
async fn a_partner_is_found_as_one_types_and_each_name_is_there_once(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    let new = json!({
        "kind": "buyer", "name": " Kakao & Söhne ", "address": ["Speicherstadt 4", "20457 Hamburg"], "country": "de",
        "eori": "de 1234567", "email": "Einkauf@Kakao.example",
    });
    let made = world.post("/api/partners", &token, new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    for (field, kept) in [
        ("name", "Kakao & Söhne"),
        ("country", "DE"),
        ("eori", "DE1234567"),
        ("email", "einkauf@kakao.example"),
    ] {
        assert_eq!(made.body[field], kept);
    }
    assert_eq!(world.get(at(&made), &token).await.body, made.body);
    for (kind, name, status) in [
        ("buyer", "KAKAO & SÖHNE", StatusCode::CONFLICT),
        ("agent", "Kakao & Söhne", StatusCode::CREATED),
        ("carrier", "Maersk", StatusCode::CREATED),
        ("buyer", "Van Dijk Noten B.V.", StatusCode::CREATED),
    ] {
        assert_eq!(partner(&world, kind, name).await.status, status, "{kind} {name}");
    }
    for (asked, found) in [
        ("", vec!["Kakao & Söhne", "Kakao & Söhne", "Maersk", "Van Dijk Noten B.V."]),
        ("?search=S%C3%96HN", vec!["Kakao & Söhne", "Kakao & Söhne"]),
        ("?search=S%C3%B6hn&kind=agent", vec!["Kakao & Söhne"]),
        ("?kind=carrier", vec!["Maersk"]),
        ("?search=%25", vec![]),
    ] {
        let page = world.get(&format!("/api/partners{asked}"), &token).await.body;
        let names: Vec<&str> =
            page["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, found, "{asked}");
    }
    let first = world.get("/api/partners?limit=3", &token).await.body;
    let rest = world
        .get(&format!("/api/partners?limit=3&after={}", first["next"].as_str().unwrap()), &token)
        .await
        .body;
    assert_eq!((&rest["items"][0]["name"], &rest["next"]), (&json!("Van Dijk Noten B.V."), &Value::Null));
    // After one that is gone meanwhile there is no end, but a word.
    let gone = world.get(&format!("/api/partners?after={}", uuid::Uuid::now_v7()), &token).await;
    let said = (gone.status, &gone.body["errors"][0]["field"]);
    assert_eq!(said, (StatusCode::UNPROCESSABLE_ENTITY, &json!("after")));
}

#[sqlx::test]
async fn what_is_wrong_with_a_partner_is_named(owner: PgPool) {
    let world = World::new(&owner).await;
    let wrong = json!({
        "kind": "buyer", "name": "", "address": ["a", "b\tc", "d", "e", "f", "g"], "country": "ZZ", "eori": "X", "email": "nobody",
    });
    let answer = world.post("/api/partners", &world.acme.token(), wrong).await;
    let fields: Vec<&str> =
        answer.body["errors"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["name", "address", "address[1]", "country", "eori", "email"]);
}

#[sqlx::test]
async fn a_shipment_has_one_buyer_whose_name_releases_without_partners_read_and_write(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world, &world.acme, json!({ "buyer": "somebody" })).await;
    let (first, second) = (partner(&world, "buyer", "Kakao").await, partner(&world, "buyer", "Noten").await);
    let carrier = partner(&world, "carrier", "Maersk").await;
    for it in [&carrier, &first, &second, &second] {
        assert_eq!(give(&world, &shipment, it).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(of(&world, &shipment).await, (json!("Noten"), vec!["Noten".to_owned(), "Maersk".to_owned()]));

    // Renamed, it is the same buyer under its new name.
    let renamed = change(&world, &world.acme, "PATCH", at(&second), 1, json!({ "name": "Noten B.V." })).await;
    assert_eq!((renamed.status, &renamed.body["shipments"]), (StatusCode::OK, &json!(1)), "{}", renamed.body);
    assert_eq!(
        of(&world, &shipment).await,
        (json!("Noten B.V."), vec!["Noten B.V.".to_owned(), "Maersk".to_owned()])
    );

    // A release from before partners writes the buyer's name: the same one keeps the partner, another one means another.
    for (written, names) in [("Noten B.V.", vec!["Noten B.V.", "Maersk"]), ("Marlow", vec!["Maersk"])] {
        let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
        tx.execute(sqlx::query("UPDATE shipments SET buyer = $1").bind(written)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(of(&world, &shipment).await.1, names, "{written}");
    }

    assert_eq!(give(&world, &shipment, &second).await, StatusCode::NO_CONTENT);
    let taken = format!("{shipment}/partners/{}", second.body["id"].as_str().unwrap());
    assert_eq!(
        change(&world, &world.acme, "DELETE", &taken, 1, Value::Null).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(of(&world, &shipment).await, (Value::Null, vec!["Maersk".to_owned()]));
    let history = world.get(&format!("{shipment}/history"), &world.acme.token()).await.body;
    let said = history["items"].as_array().unwrap().iter().filter_map(|entry| entry["changes"].get(0));
    let said: Vec<Value> = said.map(|it| json!([it["field"], it["before"], it["after"]])).collect();
    assert_eq!(
        json!(said),
        json!([
            ["buyer", "Noten B.V.", null],
            ["buyer", "Marlow", "Noten B.V."],
            ["buyer", "Noten", "Noten B.V."],
            ["buyer", "Kakao", "Noten"],
            ["buyer", "somebody", "Kakao"],
            ["carrier", null, "Maersk"],
        ])
    );
}

/// The new name waits for a shipment that is just being given another buyer, and then is not its name.
#[sqlx::test]
async fn a_buyer_s_new_name_is_not_that_of_the_buyer_who_came_after_it(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world, &world.acme, json!({})).await;
    let buyer = partner(&world, "buyer", "Kakao").await;
    give(&world, &shipment, &buyer).await;
    let mut other = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    other.execute("UPDATE shipments SET buyer = 'Marlow'").await.unwrap();
    let renamed = change(&world, &world.acme, "PATCH", at(&buyer), 1, json!({ "name": "Kakao B.V." }));
    let (renamed, ()) = tokio::join!(renamed, async {
        let waits = "SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE datname = current_database() AND NOT granted";
        while sqlx::query(waits).fetch_optional(&owner).await.unwrap().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        other.commit().await.unwrap();
    });
    assert_eq!(renamed.status, StatusCode::OK, "{}", renamed.body);
    assert_eq!(of(&world, &shipment).await, (json!("Marlow"), vec![]));
}

#[sqlx::test]
async fn a_buyer_of_more_shipments_than_one_change_may_hold_keeps_its_name(owner: PgPool) {
    let world = World::new(&owner).await;
    let buyer = partner(&world, "buyer", "Kakao").await;
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    let many = "WITH made AS (
            INSERT INTO shipments (id, organisation_id, reference, product, origin_port, destination_port, buyer)
            SELECT gen_random_uuid(), current_organisation_id(), 'A-' || n, 'Cocoa', 'Tema', 'Antwerp', 'Kakao'
            FROM generate_series(1, 10001) AS n RETURNING id)
        INSERT INTO shipment_partners (organisation_id, shipment_id, partner_id, kind)
        SELECT current_organisation_id(), made.id, partners.id, 'buyer' FROM made, partners";
    tx.execute(many).await.unwrap();
    tx.commit().await.unwrap();
    let refused = change(&world, &world.acme, "PATCH", at(&buyer), 1, json!({ "name": "Kakao B.V." })).await;
    let said = (refused.status, &refused.body["type"]);
    assert_eq!(said, (StatusCode::CONFLICT, &json!("/problems/buyer-of-many")), "{}", refused.body);
    let other = change(&world, &world.acme, "PATCH", at(&buyer), 1, json!({ "country": "NL" })).await;
    assert_eq!(other.status, StatusCode::OK, "{}", other.body);
}

#[sqlx::test]
async fn a_partner_that_a_shipment_has_stays(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world, &world.acme, json!({})).await;
    let carrier = partner(&world, "carrier", "Maersk").await;
    give(&world, &shipment, &carrier).await;
    let refused = change(&world, &world.acme, "DELETE", at(&carrier), 1, Value::Null).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    let taken = format!("{shipment}/partners/{}", carrier.body["id"].as_str().unwrap());
    change(&world, &world.acme, "DELETE", &taken, 1, Value::Null).await;
    assert_eq!(
        change(&world, &world.acme, "DELETE", at(&carrier), 1, Value::Null).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        change(&world, &world.acme, "DELETE", at(&carrier), 1, Value::Null).await.status,
        StatusCode::NOT_FOUND
    );
}

#[sqlx::test]
async fn nobody_gives_a_shipment_another_organisation_s_partner(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world, &world.acme, json!({})).await;
    let theirs = world
        .post("/api/partners", &world.zenith.token(), json!({ "kind": "buyer", "name": "Theirs" }))
        .await;
    assert_eq!(give(&world, &shipment, &theirs).await, StatusCode::NOT_FOUND);
    // Nor does the database let it: a foreign key looks past row-level security.
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    let point = "INSERT INTO shipment_partners SELECT organisation_id, id, $1, 'buyer' FROM shipments";
    let pointed = sqlx::query(point).bind(theirs.body["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap());
    let error = pointed.execute(&mut *tx).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "23503");
}
