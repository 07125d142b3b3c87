//! What has happened in an organisation, and who is told.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use sqlx::{Executor, PgPool, Row};
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::http;
use uuid::Uuid;

use crate::parts::{change, shipment};
use crate::roles::{person, token};
use crate::world::{Tenant, World, request};

async fn activity(world: &World, query: &str, token: &str) -> Value {
    let answer = world.get(&format!("/api/history{query}"), token).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.body);
    answer.body
}

/// What it says, each entry in short; the latest first.
async fn said(world: &World, query: &str, token: &str) -> Vec<String> {
    let page = activity(world, query, token).await;
    let items = page["items"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
    let in_short = items.iter().map(|it| {
        let changes = it["changes"].as_array().unwrap().iter();
        let changes = changes.map(|change| {
            format!(" {}:{}>{}", text(&change["field"]), text(&change["before"]), text(&change["after"]))
        });
        let subject = &it["subject"];
        let head = [&it["by"]["name"], &it["what"], &subject["kind"], &subject["name"]].map(text).join(" ");
        let gone = if subject["exists"] == true { "" } else { " (gone)" };
        format!("{head}{gone}{}", changes.collect::<String>())
    });
    in_short.collect()
}

async fn ask(world: &World, method: &str, path: &str, token: &str, body: Value) -> Value {
    let asked = request(method, path, token).header(header::CONTENT_TYPE, "application/json");
    let answer = world.ask(asked.body(Body::from(body.to_string())).unwrap()).await;
    assert!(answer.status.is_success(), "{method} {path}: {}", answer.body);
    answer.body
}

async fn named(owner: &PgPool, of: &Tenant, role: &str, name: &str) -> Uuid {
    let id = person(owner, of, role).await;
    let mut tx = OrganisationTx::begin(owner, of.id).await.unwrap();
    let rename = sqlx::query("UPDATE users SET name = $2 WHERE id = $1").bind(id).bind(name);
    rename.execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    id
}

#[sqlx::test]
async fn what_happens_to_a_partner_is_told_also_when_it_is_gone(owner: PgPool) {
    let world = World::new(&owner).await;
    let ada = world.acme.token();
    let at = shipment(&world, &world.acme, json!({})).await;
    let new = json!({ "kind": "buyer", "name": "Kakao", "address": ["Speicherstadt 4"] });
    let made = world.post("/api/partners", &ada, new).await.body;
    let partner = format!("/api/partners/{}", made["id"].as_str().unwrap());
    let linked = format!("{at}/partners/{}", made["id"].as_str().unwrap());
    assert!(change(&world, &world.acme, "PUT", &linked, 1, Value::Null).await.status.is_success());
    let other = json!({ "name": "Kakao B.V.", "address": ["Speicherstadt 4", "Hamburg"], "country": "DE" });
    assert_eq!(change(&world, &world.acme, "PATCH", &partner, 1, other).await.status, StatusCode::OK);
    // What changes nothing, and what is refused, is no news.
    change(&world, &world.acme, "PATCH", &partner, 2, json!({ "country": "de" })).await;
    change(&world, &world.acme, "DELETE", &partner, 2, Value::Null).await;
    assert!(change(&world, &world.acme, "DELETE", &linked, 1, Value::Null).await.status.is_success());
    let removed = change(&world, &world.acme, "DELETE", &partner, 2, Value::Null).await.status;
    assert_eq!(removed, StatusCode::NO_CONTENT);

    // The buyer's new name is a line of its own on the shipment, and one with the partner's where both are told.
    let of_partner = [
        "Ada removed partner Kakao B.V. (gone) kind:buyer>nothing",
        "Ada changed partner Kakao (gone) address:Speicherstadt 4>Speicherstadt 4, Hamburg country:nothing>DE name:Kakao>Kakao B.V.",
        "Ada created partner Kakao (gone) kind:nothing>buyer",
    ];
    let of_shipment = [
        "Ada changed shipment A-1 buyer:Kakao B.V.>nothing",
        "Ada changed shipment A-1 buyer:nothing>Kakao",
        "Ada created shipment A-1",
    ];
    let all = [of_partner[0], of_shipment[0], of_partner[1], of_shipment[1], of_partner[2], of_shipment[2]];
    assert_eq!(said(&world, "", &ada).await, all);
    assert_eq!(said(&world, "?kind=partner", &ada).await, of_partner);
    let by = format!("?by={}", world.acme.user);
    assert_eq!(said(&world, &by, &ada).await, all);
    let [removed, linked, created] = of_shipment;
    let of_shipment = [removed, "Ada changed shipment A-1 buyer:Kakao>Kakao B.V.", linked, created];
    assert_eq!(said(&world, "?kind=shipment", &ada).await, of_shipment);
    assert_eq!(said(&world, &format!("{by}&kind=shipment"), &ada).await, of_shipment);
    assert_eq!(said(&world, &format!("?about={}", made["id"].as_str().unwrap()), &ada).await, of_partner);
    assert_eq!(said(&world, &format!("?about={}", at.rsplit('/').next().unwrap()), &ada).await, of_shipment);
    let of_history = world.get(&format!("{at}/history"), &ada).await.body;
    assert_eq!(of_history["items"].as_array().unwrap().len(), 4, "the shipment's own has the new name, too");

    // Page by page it is the same.
    let (mut paged, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        paged.extend(said(&world, &query, &ada).await);
        let next = activity(&world, &query, &ada).await["next"].clone();
        let Some(next) = next.as_str() else { break };
        query = format!("?limit=1&after={next}");
    }
    assert_eq!(paged, all);
    assert!(said(&world, "", &world.zenith.token()).await.is_empty());
}

/// As the role that serves, so that row-level security is in the plan. The latest lines of shipments are all a new name's.
#[sqlx::test]
async fn a_page_reads_past_none_of_what_many_new_names_have_caused(owner: PgPool) {
    let world = World::new(&owner).await;
    for tenant in [&world.acme, &world.zenith] {
        shipment(&world, tenant, json!({})).await;
        let mut tx = OrganisationTx::begin(&world.app, tenant.id).await.unwrap();
        let rows = "INSERT INTO history (organisation_id, id, shipment_id, user_id, what, changes, is_caused)
            SELECT current_organisation_id(), ('01946c1a-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, shipments.id, users.id, 'changed', '[]', n > 300
            FROM shipments, users, generate_series(1, 20000) n";
        tx.execute(rows).await.unwrap();
        let rows = "INSERT INTO organisation_history (organisation_id, id, user_id, kind, about, name, what, changes)
            SELECT current_organisation_id(), gen_random_uuid(), id, 'partner', id, 'Kakao', 'changed', '[]' FROM users, generate_series(1, 3000)";
        tx.execute(rows).await.unwrap();
        tx.commit().await.unwrap();
    }
    owner.execute("ANALYZE").await.unwrap();
    let ada = world.acme.user;
    for (query, index) in [
        (json!({}), "history_not_caused"),
        (json!({ "after": "01946c1a-0000-7000-8000-000000019000" }), "history_not_caused"),
        (json!({ "by": ada }), "history_not_caused_of_user"),
        (json!({ "by": ada, "kind": "shipment" }), "history_of_user"),
        (json!({ "kind": "shipment" }), "history_pkey"),
    ] {
        let asked = serde_json::from_value(query.clone()).unwrap();
        let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
        let mut explain = http::activity_statement("EXPLAIN ANALYZE ", &asked, true, 51);
        let lines = explain.build().fetch_all(&mut *tx).await.unwrap();
        let plan = lines.iter().map(|line| line.get::<String, _>(0)).collect::<Vec<_>>().join("\n");
        assert!(plan.contains(&format!("using {index} on history")), "{query}: {plan}");
        // Of the small tables, the other organisation's few.
        let passed = plan.lines().filter_map(|line| line.trim().strip_prefix("Rows Removed by Filter: "));
        assert!(passed.map(|rows| rows.parse::<u32>().unwrap()).sum::<u32>() < 10, "{query}: {plan}");
    }
}

#[sqlx::test]
async fn what_happens_to_people_is_told_to_managers_and_owners(owner: PgPool) {
    let world = World::new(&owner).await;
    let ada = world.acme.token();
    let grace = named(&owner, &world.acme, "viewer", "Grace").await;
    let manager = token(named(&owner, &world.acme, "manager", "Mary").await, &world.acme);

    let invite = |email: &str| json!({ "email": email, "role": "member" });
    ask(&world, "POST", "/api/invitations", &manager, invite("eve@example.com")).await;
    let open = world.get("/api/invitations", &ada).await.body["items"][0]["id"].clone();
    ask(&world, "DELETE", &format!("/api/invitations/{}", open.as_str().unwrap()), &ada, Value::Null).await;
    let link = ask(&world, "POST", "/api/invitations", &ada, invite("joan@example.com")).await;
    let using = |link: &Value, name: Option<&str>| json!({ "token": link["path"].as_str().unwrap().strip_prefix("/welcome#"), "name": name, "password": "a long password" });
    ask(&world, "POST", "/api/links/use", "", using(&link, Some("Joan"))).await;

    let at = format!("/api/people/{grace}");
    for role in ["member", "member"] {
        ask(&world, "PATCH", &at, &ada, json!({ "role": role })).await;
    }
    for _ in 0..2 {
        ask(&world, "PATCH", &at, &ada, json!({ "is_suspended": true })).await;
    }
    // The first lets her in again; who was not suspended is only given another password.
    for _ in 0..2 {
        let link = ask(&world, "POST", &format!("{at}/password-link"), &manager, Value::Null).await;
        ask(&world, "POST", "/api/links/use", "", using(&link, None)).await;
    }

    let of_people = [
        "Mary password_link_made person Grace",
        "Grace reinstated person Grace",
        "Mary password_link_made person Grace",
        "Ada suspended person Grace",
        "Ada changed person Grace role:viewer>member",
        "Joan joined person Joan role:nothing>member",
        "Ada invited person joan@example.com (gone) role:nothing>member",
        "Ada invitation_removed person eve@example.com (gone)",
        "Mary invited person eve@example.com (gone) role:nothing>member",
    ];
    assert_eq!(said(&world, "", &ada).await, of_people);
    assert_eq!(said(&world, "?kind=person", &manager).await, of_people);
    assert_eq!(said(&world, &format!("?by={grace}"), &ada).await, [of_people[1]]);
    for role in ["member", "viewer"] {
        let lower = token(person(&owner, &world.acme, role).await, &world.acme);
        assert!(said(&world, "", &lower).await.is_empty(), "{role}");
        assert!(said(&world, &format!("?about={grace}"), &lower).await.is_empty(), "{role}");
        let refused = world.get("/api/history?kind=person", &lower).await;
        assert_eq!(refused.body["type"], "/problems/role-too-low", "{role}");
    }
    assert!(said(&world, &format!("?about={grace}"), &world.zenith.token()).await.is_empty());
}

#[sqlx::test]
async fn what_a_later_release_notes_is_passed_on_as_it_is(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    let later = "INSERT INTO organisation_history (organisation_id, id, user_id, kind, about, name, what, changes)
        SELECT current_organisation_id(), gen_random_uuid(), id, kind, id, 'Hall 4', 'moved_house', '[{\"field\": \"weight\", \"after\": 25}]'
        FROM users, (VALUES ('partner'), ('warehouse')) AS later (kind)";
    tx.execute(later).await.unwrap();
    tx.commit().await.unwrap();
    let mut owners = said(&world, "", &world.acme.token()).await;
    owners.sort();
    let of_partner = "Ada moved_house partner Hall 4 (gone) weight:nothing>25";
    assert_eq!(owners, [of_partner, "Ada moved_house warehouse Hall 4 (gone) weight:nothing>25"]);
    // Whom that is for, this release does not know.
    let viewer = token(person(&owner, &world.acme, "viewer").await, &world.acme);
    assert_eq!(said(&world, "", &viewer).await, [of_partner]);
    for wrong in ["?limit=0", "?limit=101", "?kind=warehouse", "?by=ada", "?before=1"] {
        let status = world.get(&format!("/api/history{wrong}"), &world.acme.token()).await.status.as_u16();
        assert!([400, 422].contains(&status), "{wrong}: {status}");
    }
}
