//! Who may do what: one table of every operation, and of everybody who may ask for it.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::header;
use chrono::Utc;
use serde_json::{Value, json};
use sqlx::PgPool;
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::http::{self, Claims};
use uuid::Uuid;

use crate::papers;
use crate::shares;
use crate::world::{Tenant, World, keys, request};

/// Who asks. A stranger is the owner of another organisation; the suspended one has a token from before.
const ASKING: [&str; 7] = ["nobody", "stranger", "viewer", "member", "manager", "owner", "suspended"];

const EVERYBODY: [u16; 7] = [200; 7];
const READS: [u16; 7] = [401, 200, 200, 200, 200, 200, 401];
const READS_OWN: [u16; 7] = [401, 404, 200, 200, 200, 200, 401];
const ADDS_OWN: [u16; 7] = [401, 404, 403, 201, 201, 201, 401];
const CHANGES_OWN: [u16; 7] = [401, 404, 403, 200, 200, 200, 401];
const REMOVES_OWN: [u16; 7] = [401, 404, 403, 204, 204, 204, 401];
const MANAGES: [u16; 7] = [401, 200, 403, 403, 200, 200, 401];

/// An operation; with what it is asked; how each of them is answered.
#[rustfmt::skip]
const TABLE: [(&str, &str, &str, [u16; 7]); 61] = [
    ("GET", "/api/version", "", EVERYBODY),
    ("GET", "/api/health", "", EVERYBODY),
    ("GET", "/api/health/live", "", EVERYBODY),
    ("GET", "/api/health/ready", "", EVERYBODY),
    ("POST", "/api/auth/login", "{}", [422; 7]),
    ("POST", "/api/auth/forgotten", r#"{"email": "ada@acme.example"}"#, [409; 7]),
    ("POST", "/api/sign-ups", r#"{"organisation": "Obi Export", "country": "NG", "kind": "exporter", "email": "obi@example.com"}"#, [409; 7]),
    ("GET", "/api/auth/me", "", READS),
    ("PATCH", "/api/auth/me", r#"{"name": "Grace"}"#, READS),
    ("POST", "/api/auth/password", r#"{"current": "", "new": ""}"#, [401, 422, 422, 422, 422, 422, 401]),
    ("POST", "/api/auth/logout", "", [401, 204, 204, 204, 204, 204, 401]),
    ("GET", "/api/auth/sessions", "", READS),
    ("DELETE", "/api/auth/sessions", "", [401, 204, 204, 204, 204, 204, 401]),
    ("DELETE", "/api/auth/sessions/{id}", "", [401, 404, 404, 404, 404, 404, 401]),
    ("GET", "/api/shipments", "", READS),
    ("GET", "/api/shipments/csv", "", READS),
    ("POST", "/api/shipments", r#"{"reference": "UNIQUE", "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp"}"#,
        [401, 201, 403, 201, 201, 201, 401]),
    ("GET", "/api/shipments/{id}", "", READS_OWN),
    ("PATCH", "/api/shipments/{id}", r#"{"vessel": "MSC Ada"}"#, CHANGES_OWN),
    ("GET", "/api/shipments/{id}/history", "", READS_OWN),
    ("GET", "/api/shipments/{id}/reminders", "", READS_OWN),
    ("GET", "/api/shipments/{id}/papers", "", READS_OWN),
    ("POST", "/api/shipments/{id}/papers", "", [401, 404, 403, 201, 201, 201, 401]),
    ("HEAD", "/api/uploads/{id}", "", [401, 404, 403, 200, 200, 200, 401]),
    ("PATCH", "/api/uploads/{id}", "%PDF-", [401, 404, 403, 204, 204, 204, 401]),
    ("DELETE", "/api/uploads/{id}", "", [401, 404, 403, 204, 204, 204, 401]),
    ("GET", "/api/papers/{id}/content", "", READS_OWN),
    ("DELETE", "/api/papers/{id}", "", [401, 404, 403, 403, 204, 204, 401]),
    ("POST", "/api/shipments/{id}/copy", r#"{"reference": "UNIQUE"}"#, ADDS_OWN),
    ("GET", "/api/shipments/{id}/containers", "", READS_OWN),
    ("POST", "/api/shipments/{id}/containers", r#"{"number": "CSQU3054383"}"#, ADDS_OWN),
    ("PATCH", "/api/shipments/{id}/containers/{container}", r#"{"seal": "EU-4711"}"#, CHANGES_OWN),
    ("DELETE", "/api/shipments/{id}/containers/{container}", "", REMOVES_OWN),
    ("GET", "/api/shipments/{id}/items", "", READS_OWN),
    ("POST", "/api/shipments/{id}/items", r#"{"goods": "Cocoa beans"}"#, ADDS_OWN),
    ("PATCH", "/api/shipments/{id}/items/{item}", r#"{"hs_code": "180100"}"#, CHANGES_OWN),
    ("DELETE", "/api/shipments/{id}/items/{item}", "", REMOVES_OWN),
    ("GET", "/api/shipments/{id}/partners", "", READS_OWN),
    ("PUT", "/api/shipments/{id}/partners/{partner}", "", REMOVES_OWN),
    ("DELETE", "/api/shipments/{id}/partners/{partner}", "", REMOVES_OWN),
    ("GET", "/api/partners", "", READS),
    ("POST", "/api/partners", r#"{"kind": "agent", "name": "UNIQUE"}"#, [401, 201, 403, 201, 201, 201, 401]),
    ("GET", "/api/partners/{id}", "", READS_OWN),
    ("PATCH", "/api/partners/{id}", r#"{"country": "DE"}"#, CHANGES_OWN),
    ("DELETE", "/api/partners/{id}", "", REMOVES_OWN),
    ("GET", "/api/shipments/{id}/pack", "", READS_OWN),
    ("GET", "/api/shipments/{id}/shares", "", READS_OWN),
    ("POST", "/api/shipments/{id}/shares", r#"{"language": "fr", "days": 7, "papers": ["01946c1a-0000-7000-8000-000000000001"]}"#,
        [401, 404, 403, 422, 422, 422, 401]),
    ("DELETE", "/api/shares/{id}", "", [401, 404, 403, 204, 204, 204, 401]),
    ("GET", "/api/history", "", READS),
    ("GET", "/api/people", "", READS),
    ("PATCH", "/api/people/{id}", r#"{"role": "viewer"}"#, [401, 404, 403, 403, 200, 200, 401]),
    ("PATCH", "/api/people/{id}", r#"{"is_suspended": true}"#, [401, 404, 403, 403, 200, 200, 401]),
    ("PATCH", "/api/people/{id}", r#"{"role": "manager"}"#, [401, 404, 403, 403, 403, 200, 401]),
    ("POST", "/api/people/{id}/password-link", "", [401, 404, 403, 403, 201, 201, 401]),
    ("GET", "/api/invitations", "", MANAGES),
    ("POST", "/api/invitations", r#"{"email": "new@example.com", "role": "member"}"#, [401, 201, 403, 403, 201, 201, 401]),
    ("POST", "/api/invitations", r#"{"email": "new@example.com", "role": "manager"}"#, [401, 201, 403, 403, 403, 201, 401]),
    ("DELETE", "/api/invitations/{id}", "", [401, 404, 403, 403, 204, 204, 401]),
    ("POST", "/api/links/look", r#"{"token": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#, [410; 7]),
    ("POST", "/api/links/use", r#"{"token": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "password": "a long password"}"#, [410; 7]),
];

#[test]
fn no_operation_is_without_a_row() {
    let document = serde_json::to_value(http::openapi()).unwrap();
    let operations = document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let rows = TABLE.iter().map(|(method, path, ..)| format!("{method} {path}"));
    assert_eq!(operations.collect::<BTreeSet<_>>(), rows.collect());
}

/// Somebody of acme's with this role; gives their id.
pub async fn person(owner: &PgPool, of: &Tenant, role: &str) -> Uuid {
    let id = Uuid::now_v7();
    let mut tx = OrganisationTx::begin(owner, of.id).await.unwrap();
    let insert = "INSERT INTO users (id, organisation_id, email, name, role, password_hash)
                  VALUES ($1, $2, $1 || '@acme.example', 'Grace', $3, '$argon2id$')";
    sqlx::query(insert).bind(id).bind(of.id).bind(role).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    id
}

pub fn token(user: Uuid, of: &Tenant) -> String {
    keys().sign(&Claims::new(user, of.id, 0, Utc::now())).unwrap()
}

#[sqlx::test]
async fn each_is_answered_what_their_role_allows(owner: PgPool) {
    let world = World::new(&owner).await;
    let ada = world.acme.token();
    let mut wrong = Vec::new();
    for (method, path, body, expected) in TABLE {
        for (who, expected) in ASKING.into_iter().zip(expected) {
            let token = match who {
                "nobody" => String::new(),
                // Of one who logs out here, there is another one next time.
                "stranger" => token(person(&owner, &world.zenith, "owner").await, &world.zenith),
                "suspended" => {
                    let id = person(&owner, &world.acme, "owner").await;
                    let change = json!({ "is_suspended": true }).to_string();
                    assert_eq!(
                        ask(&world, "PATCH", &format!("/api/people/{id}"), &ada, &change).await.0,
                        200
                    );
                    token(id, &world.acme)
                }
                role => token(person(&owner, &world.acme, role).await, &world.acme),
            };
            // What it is about is there anew each time.
            let id = match path {
                path if path.starts_with("/api/shipments/") => {
                    let new = json!({ "reference": Uuid::now_v7(), "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp" });
                    ask(&world, "POST", "/api/shipments", &ada, &new.to_string()).await.1["id"].clone()
                }
                // Nobody's: whose it is, `sessions` asks.
                path if path.starts_with("/api/auth/sessions/") => json!(Uuid::now_v7()),
                path if path.starts_with("/api/uploads/") => json!(papers::begun(&world, 9).await),
                path if path.starts_with("/api/papers/") => json!(papers::paper(&world).await),
                path if path.starts_with("/api/partners/") => {
                    let new = json!({ "kind": "buyer", "name": Uuid::now_v7() }).to_string();
                    ask(&world, "POST", "/api/partners", &ada, &new).await.1["id"].clone()
                }
                path if path.starts_with("/api/shares/") => json!(shares::shared(&world).await),
                path if path.starts_with("/api/people/") => {
                    json!(person(&owner, &world.acme, "member").await)
                }
                path if path.starts_with("/api/invitations/") => {
                    let new = json!({ "email": "grace@example.com", "role": "viewer" }).to_string();
                    assert_eq!(ask(&world, "POST", "/api/invitations", &ada, &new).await.0, 201);
                    let open = ask(&world, "GET", "/api/invitations", &ada, "").await.1;
                    open["items"][0]["id"].clone()
                }
                _ => Value::Null,
            };
            let id = id.as_str().unwrap_or_default();
            let asked = with_part(&world, &ada, &path.replace("{id}", id)).await;
            let body = body.replace("UNIQUE", &Uuid::now_v7().to_string());
            let (status, answer) = ask(&world, method, &asked, &token, &body).await;
            if status != expected {
                wrong.push(format!("{who}: {method} {path} {body}: {status} and not {expected}: {answer}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The path, with something that is there where it names a part of a shipment, or a partner.
async fn with_part(world: &World, token: &str, path: &str) -> String {
    let Some((before, part)) = path.split_once('{') else { return path.to_owned() };
    let partner = json!({ "kind": "buyer", "name": Uuid::now_v7() });
    let (at, new) = match part {
        "container}" => (before, json!({ "number": "CSQU3054383" })),
        "item}" => (before, json!({ "goods": "Cocoa beans" })),
        _ => ("/api/partners", partner),
    };
    let (status, made) = ask(world, "POST", at.trim_end_matches('/'), token, &new.to_string()).await;
    assert_eq!(status, 201, "{made}");
    let asked = format!("{before}{}", made["id"].as_str().unwrap());
    if part == "partner}" {
        assert_eq!(ask(world, "PUT", &asked, token, "").await.0, 204);
    }
    asked
}

async fn ask(world: &World, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
    let kind = if body.starts_with('%') { papers::PART } else { "application/json" };
    let asked = request(method, path, token)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_LENGTH, body.len())
        .header(header::IF_MATCH, "\"1\"")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", 9)
        .header("upload-offset", 0)
        .header("upload-metadata", papers::metadata(&[]));
    let answer = world.ask(asked.body(Body::from(body.to_owned())).unwrap()).await;
    (answer.status.as_u16(), answer.body)
}
