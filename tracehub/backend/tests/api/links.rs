//! Invitations, links for another password, roles that are given and taken.

use axum::body::Body;
use axum::http::header;
use serde_json::{Value, json};
use sqlx::{Executor, PgPool};
use tracehub_backend::database::OrganisationTx;
use uuid::Uuid;

use crate::roles::{person, token};
use crate::world::{PASSWORD, Tenant, World, request};

const NEW: &str = "correct horse battery";

async fn ask(world: &World, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
    let asked = request(method, path, token).header(header::CONTENT_TYPE, "application/json");
    let answer = world.ask(asked.body(Body::from(body.to_string())).unwrap()).await;
    (answer.status.as_u16(), answer.body)
}

fn secret(link: &Value) -> String {
    link["path"].as_str().unwrap().strip_prefix("/welcome#").unwrap().to_owned()
}

async fn invited(world: &World, of: &Tenant, email: &str, role: &str) -> String {
    let (status, link) =
        ask(world, "POST", "/api/invitations", &of.token(), json!({ "email": email, "role": role })).await;
    assert_eq!(status, 201, "{link}");
    secret(&link)
}

async fn used(world: &World, token: &str, name: Option<&str>, password: &str) -> (u16, Value) {
    ask(world, "POST", "/api/links/use", "", json!({ "token": token, "name": name, "password": password }))
        .await
}

async fn log_in(world: &World, email: &str, password: &str) -> (u16, Value) {
    ask(world, "POST", "/api/auth/login", "", json!({ "email": email, "password": password })).await
}

#[sqlx::test]
async fn who_is_invited_joins_that_organisation_in_that_role_and_the_link_works_once(owner: PgPool) {
    let world = World::new(&owner).await;
    let link = invited(&world, &world.acme, "Grace@Example.com", "viewer").await;
    let (status, seen) = ask(&world, "POST", "/api/links/look", "", json!({ "token": link })).await;
    assert_eq!(status, 200);
    let expected = json!({ "kind": "invitation", "organisation": "acme", "email": "grace@example.com", "role": "viewer" });
    assert_eq!(seen, expected);

    let (status, answer) = used(&world, &link, Some(" Grace  Hopper "), NEW).await;
    assert_eq!((status, answer), (200, json!({ "email": "grace@example.com" })));
    let (status, login) = log_in(&world, "grace@example.com", NEW).await;
    assert_eq!(status, 200, "{login}");
    assert_eq!(login["user"]["name"], "Grace Hopper");
    assert_eq!(login["user"]["role"], "viewer");
    assert_eq!(login["organisation"]["name"], "acme");

    for again in ["/api/links/look", "/api/links/use"] {
        let body = json!({ "token": link, "name": "Eve", "password": NEW });
        let body = if again.ends_with("look") { json!({ "token": link }) } else { body };
        let (status, problem) = ask(&world, "POST", again, "", body).await;
        assert_eq!((status, &problem["type"]), (410, &json!("/problems/link-gone")));
    }
    assert_eq!(
        used(&world, &link, Some("Eve"), "short").await.0,
        422,
        "what can't be is told before the link is asked"
    );
    assert_eq!(
        ask(&world, "GET", "/api/invitations", &world.acme.token(), json!({})).await.1["items"],
        json!([])
    );
}

#[sqlx::test]
async fn of_many_who_use_a_link_at_once_one_succeeds(owner: PgPool) {
    let world = std::sync::Arc::new(World::new(&owner).await);
    let link = invited(&world, &world.acme, "grace@example.com", "member").await;
    let crowd: Vec<_> = (0..4)
        .map(|_| {
            let (world, link) = (world.clone(), link.clone());
            tokio::spawn(async move { used(&world, &link, Some("Grace"), NEW).await.0 })
        })
        .collect();
    let mut answered = Vec::new();
    for one in crowd {
        answered.push(one.await.unwrap());
    }
    answered.sort_unstable();
    assert_eq!(answered, [200, 410, 410, 410]);
}

#[sqlx::test]
async fn a_link_that_has_expired_or_was_taken_back_opens_nothing(owner: PgPool) {
    let world = World::new(&owner).await;
    let expired = invited(&world, &world.acme, "grace@example.com", "member").await;
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    tx.execute("UPDATE links SET expires_at = now()").await.unwrap();
    tx.commit().await.unwrap();
    let withdrawn = invited(&world, &world.acme, "grace@example.com", "member").await;
    let open = ask(&world, "GET", "/api/invitations", &world.acme.token(), json!({})).await.1;
    let path = format!("/api/invitations/{}", open["items"][0]["id"].as_str().unwrap());
    assert_eq!(ask(&world, "DELETE", &path, &world.acme.token(), json!({})).await.0, 204);
    let never_was = "A".repeat(43);
    for link in [expired.as_str(), &withdrawn, &never_was] {
        assert_eq!(used(&world, link, Some("Grace"), NEW).await.0, 410, "{link}");
    }
    // As when a messenger has cut the address.
    assert_eq!(used(&world, "nonsense", Some("Grace"), NEW).await.0, 422);
    // What lies in the table opens nothing, and the role that serves does not even see it.
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    let error = tx.execute("SELECT token_hash FROM links").await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501");
}

#[sqlx::test]
async fn what_is_wrong_is_said_and_the_link_stays_good(owner: PgPool) {
    let world = World::new(&owner).await;
    let link = invited(&world, &world.acme, "grace@example.com", "member").await;
    for (name, password, field) in
        [(None, NEW, "name"), (Some("a\u{202E}b"), NEW, "name"), (Some("Grace"), "too short", "password")]
    {
        let (status, problem) = used(&world, &link, name, password).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{problem}");
    }
    assert_eq!(used(&world, &link, Some("Grace"), NEW).await.0, 200);
    let token = world.acme.token();
    for (email, status) in [("nobody", 422), ("a\u{200B}@b.example", 422), ("GRACE@example.com", 409)] {
        let new = json!({ "email": email, "role": "member" });
        assert_eq!(ask(&world, "POST", "/api/invitations", &token, new).await.0, status, "{email}");
    }
    // An address is one person's: who invites is not told whose, who is invited is told that.
    let taken = invited(&world, &world.acme, &world.zenith.email, "member").await;
    assert_eq!(used(&world, &taken, Some("Ada"), NEW).await.0, 409);
}

#[sqlx::test]
async fn a_forgotten_password_is_replaced_by_a_link_and_every_log_in_ends(owner: PgPool) {
    let world = World::new(&owner).await;
    let grace = person(&owner, &world.acme, "member").await;
    let before = token(grace, &world.acme);
    let path = format!("/api/people/{grace}/password-link");
    let first = secret(&ask(&world, "POST", &path, &world.acme.token(), json!({})).await.1);
    let second = secret(&ask(&world, "POST", &path, &world.acme.token(), json!({})).await.1);
    assert_eq!(used(&world, &first, None, NEW).await.0, 410, "there is a newer one");
    assert_eq!(world.get("/api/auth/me", &before).await.status, 200);
    let (status, answer) = used(&world, &second, None, NEW).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(world.get("/api/auth/me", &before).await.status, 401);
    assert_eq!(log_in(&world, answer["email"].as_str().unwrap(), NEW).await.0, 200);
}

#[sqlx::test]
async fn who_is_suspended_is_out_at_once_until_a_link_lets_them_in_again(owner: PgPool) {
    let world = World::new(&owner).await;
    let grace = person(&owner, &world.acme, "member").await;
    let (ada, hers) = (world.acme.token(), token(grace, &world.acme));
    let (at, link_at) = (format!("/api/people/{grace}"), format!("/api/people/{grace}/password-link"));
    let from_before = secret(&ask(&world, "POST", &link_at, &ada, json!({})).await.1);
    let (status, suspended) = ask(&world, "PATCH", &at, &ada, json!({ "is_suspended": true })).await;
    assert_eq!((status, &suspended["is_suspended"]), (200, &json!(true)), "{suspended}");
    assert_eq!(world.get("/api/shipments", &hers).await.status, 401);
    assert_eq!(used(&world, &from_before, None, NEW).await.0, 410, "it would let her in again");
    let list = ask(&world, "GET", "/api/people", &ada, json!({})).await.1;
    let suspended = list["items"].as_array().unwrap().iter().filter(|person| person["is_suspended"] == true);
    assert_eq!(suspended.map(|person| person["id"].clone()).collect::<Vec<_>>(), [json!(grace)]);

    assert_eq!(ask(&world, "PATCH", &at, &ada, json!({ "is_suspended": false })).await.0, 422);
    let link = secret(&ask(&world, "POST", &link_at, &ada, json!({})).await.1);
    let email = used(&world, &link, None, NEW).await.1["email"].clone();
    assert_eq!(log_in(&world, email.as_str().unwrap(), NEW).await.0, 200);
}

/// Who was shown out would come back by an invitation of their own making, as whoever they like.
#[sqlx::test]
async fn what_somebody_has_handed_out_ends_when_they_may_do_less(owner: PgPool) {
    let world = World::new(&owner).await;
    let (ada, below) = (world.acme.token(), person(&owner, &world.acme, "member").await);
    let less = [
        ("manager", json!({ "is_suspended": true })),
        ("manager", json!({ "role": "member" })),
        ("owner", json!({ "role": "manager" })),
    ];
    for (role, change) in less {
        let grace = person(&owner, &world.acme, role).await;
        let hers = token(grace, &world.acme);
        let invitation = json!({ "email": format!("{grace}@else.example"), "role": "member" });
        let invitation = secret(&ask(&world, "POST", "/api/invitations", &hers, invitation).await.1);
        let link_at = format!("/api/people/{below}/password-link");
        let link = secret(&ask(&world, "POST", &link_at, &hers, json!({})).await.1);
        let at = format!("/api/people/{grace}");
        assert_eq!(ask(&world, "PATCH", &at, &ada, change.clone()).await.0, 200);
        for open in [invitation, link] {
            assert_eq!(used(&world, &open, Some("Grace"), NEW).await.0, 410, "{role}: {change}");
        }
    }
    // Who may do more than before goes on with what they have begun.
    let grace = person(&owner, &world.acme, "manager").await;
    let invitation = json!({ "email": "new@else.example", "role": "viewer" });
    let invitation = ask(&world, "POST", "/api/invitations", &token(grace, &world.acme), invitation).await.1;
    let at = format!("/api/people/{grace}");
    assert_eq!(ask(&world, "PATCH", &at, &ada, json!({ "role": "owner" })).await.0, 200);
    assert_eq!(used(&world, &secret(&invitation), Some("New"), NEW).await.0, 200);
}

/// Whoever knew the password has perhaps invited themselves.
#[sqlx::test]
async fn what_somebody_has_handed_out_ends_with_their_password(owner: PgPool) {
    let world = World::new(&owner).await;
    for by_link in [false, true] {
        let ada = log_in(&world, &world.acme.email, if by_link { NEW } else { PASSWORD }).await.1;
        let ada = ada["token"].as_str().unwrap();
        let invitation = json!({ "email": format!("mallory-{by_link}@else.example"), "role": "member" });
        let invitation = secret(&ask(&world, "POST", "/api/invitations", ada, invitation).await.1);
        let changed = if by_link {
            let grace = token(person(&owner, &world.acme, "owner").await, &world.acme);
            let at = format!("/api/people/{}/password-link", world.acme.user);
            let link = secret(&ask(&world, "POST", &at, &grace, json!({})).await.1);
            used(&world, &link, None, "another correct horse").await
        } else {
            let body = json!({ "current": PASSWORD, "new": NEW });
            ask(&world, "POST", "/api/auth/password", ada, body).await
        };
        assert_eq!(changed.0, 200, "{}", changed.1);
        assert_eq!(used(&world, &invitation, Some("Mallory"), NEW).await.0, 410, "by link: {by_link}");
    }
}

/// A manager makes a link for a member, keeps it, and the member becomes an owner; or chooses a password without it.
#[sqlx::test]
async fn a_link_makes_nobody_more_than_they_were_and_ends_with_another_password(owner: PgPool) {
    let world = World::new(&owner).await;
    let ada = world.acme.token();
    let grace = person(&owner, &world.acme, "member").await;
    let link_at = format!("/api/people/{grace}/password-link");
    let kept = secret(&ask(&world, "POST", &link_at, &ada, json!({})).await.1);
    let at = format!("/api/people/{grace}");
    assert_eq!(ask(&world, "PATCH", &at, &ada, json!({ "role": "owner" })).await.0, 200);
    assert_eq!(used(&world, &kept, None, NEW).await.0, 410, "it would make its holder an owner");

    let link_at = format!("/api/people/{}/password-link", world.acme.user);
    let kept = secret(&ask(&world, "POST", &link_at, &ada, json!({})).await.1);
    let change = json!({ "current": PASSWORD, "new": NEW });
    assert_eq!(ask(&world, "POST", "/api/auth/password", &ada, change).await.0, 200);
    assert_eq!(used(&world, &kept, None, "another good password").await.0, 410);
}

#[sqlx::test]
async fn a_role_counts_from_the_next_request_on(owner: PgPool) {
    let world = World::new(&owner).await;
    let grace = person(&owner, &world.acme, "viewer").await;
    let hers = token(grace, &world.acme);
    let new = json!({ "reference": "A-1", "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp" });
    assert_eq!(world.post("/api/shipments", &hers, new.clone()).await.status, 403);
    let at = format!("/api/people/{grace}");
    assert_eq!(ask(&world, "PATCH", &at, &world.acme.token(), json!({ "role": "member" })).await.0, 200);
    assert_eq!(world.post("/api/shipments", &hers, new).await.status, 201);
}

/// Nobody changes their own role, so whoever is last stays an owner, also when two begin at once.
#[sqlx::test]
async fn there_is_always_an_owner(owner: PgPool) {
    let world = std::sync::Arc::new(World::new(&owner).await);
    let ada = world.acme.user;
    let own = format!("/api/people/{ada}");
    for change in [json!({ "role": "viewer" }), json!({ "is_suspended": true })] {
        assert_eq!(ask(&world, "PATCH", &own, &world.acme.token(), change).await.0, 403);
    }
    for _ in 0..5 {
        let grace = person(&owner, &world.acme, "owner").await;
        let demote = |whom: Uuid, by: String| {
            let world = world.clone();
            tokio::spawn(async move {
                ask(&world, "PATCH", &format!("/api/people/{whom}"), &by, json!({ "role": "member" })).await.0
            })
        };
        let (one, other) = (demote(grace, world.acme.token()), demote(ada, token(grace, &world.acme)));
        let mut answered = [one.await.unwrap(), other.await.unwrap()];
        answered.sort_unstable();
        assert_eq!(answered, [200, 403]);
        let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
        let owners =
            sqlx::query_scalar("SELECT count(*) FROM users WHERE role = 'owner' AND organisation_id = $1");
        let owners: i64 = owners.bind(world.acme.id).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(owners, 1);
        tx.execute("UPDATE users SET role = 'owner' WHERE name = 'Ada'").await.unwrap();
        tx.execute("UPDATE users SET role = 'member' WHERE name = 'Grace'").await.unwrap();
        tx.commit().await.unwrap();
    }
}
