//! Links for a buyer: what they show, to whom, and for how long.

use std::io::{Cursor, Read};

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tracehub_backend::database::OrganisationTx;

use crate::papers::{PDF, bring, fetch, papers, shipment};
use crate::world::{self, World, request};

/// Makes one; gives what stands behind `link=`.
pub async fn made(world: &World, shipment: &str, more: Value) -> String {
    let ids: Vec<Value> = papers(world, shipment).await.iter().map(|paper| paper["id"].clone()).collect();
    let mut new = json!({ "language": "fr", "days": 7, "papers": ids[..1] });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = world.post(&format!("/api/shipments/{shipment}/shares"), &world.acme.token(), new).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.body["path"].as_str().unwrap().strip_prefix("/shared?link=").unwrap().to_owned()
}

pub async fn list(world: &World, shipment: &str) -> Vec<Value> {
    let answer = world.get(&format!("/api/shipments/{shipment}/shares"), &world.acme.token()).await;
    answer.body["items"].as_array().unwrap().clone()
}

/// The id of a link of acme's.
pub async fn shared(world: &World) -> String {
    let shipment = shipment(world).await;
    bring(world, &shipment, PDF, &[]).await;
    made(world, &shipment, json!({})).await;
    list(world, &shipment).await[0]["id"].as_str().unwrap().to_owned()
}

struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Seen {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// As a browser without an account asks.
async fn see(world: &World, path: &str, headers: &[(&str, &str)]) -> Seen {
    let asked = axum::http::Request::get(path);
    let asked = headers.iter().fold(asked, |asked, (name, value)| asked.header(*name, *value));
    let (status, headers, body) =
        fetch(&world::router(world.app.clone()), asked.body(Body::empty()).unwrap()).await;
    Seen { status: status.as_u16(), headers, body }
}

async fn enter(world: &World, link: &str, passcode: &str) -> Seen {
    let asked = axum::http::Request::post("/api/shared/open")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("link={link}&passcode={passcode}")));
    let (status, headers, body) = fetch(&world::router(world.app.clone()), asked.unwrap()).await;
    Seen { status: status.as_u16(), headers, body }
}

#[sqlx::test]
async fn a_link_shows_the_chosen_papers_and_says_that_it_was_opened(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    bring(&world, &shipment, PDF, &[("filename", "<b>'1'.pdf")]).await;
    bring(&world, &shipment, b"%PDF-1.7\nsecret", &[("kind", "contract")]).await;
    let link = made(&world, &shipment, json!({ "buyer": "Chocolaterie" })).await;
    let page = see(&world, &format!("/api/shared?link={link}"), &[]).await;
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    assert!(
        text.contains("lang=\"fr\"") && text.contains("Connaissement") && !text.contains("Contrat"),
        "{text}"
    );
    assert!(text.contains("&lt;b&gt;&#39;1&#39;.pdf") && !text.contains("<script"), "{text}");
    // The page may have its own style, and nothing else.
    let style = text.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(style));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains(&format!("style-src 'sha256-{hash}'")) && policy.starts_with("default-src 'none'"),
        "{policy}"
    );
    assert_eq!(page.headers["referrer-policy"], "no-referrer");

    let all = papers(&world, &shipment).await;
    let id = |kind: &str| {
        all.iter().find(|paper| paper["kind"] == kind).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let file =
        see(&world, &format!("/api/shared/paper?link={link}&paper={}", id("bill_of_lading")), &[]).await;
    assert_eq!((file.status, file.body.as_slice()), (200, PDF));
    let other = see(&world, &format!("/api/shared/paper?link={link}&paper={}", id("contract")), &[]).await;
    assert_eq!(other.status, 404);

    see(&world, &format!("/api/shared?link={link}"), &[("user-agent", "WhatsApp/2.23")]).await;
    let share = &list(&world, &shipment).await[0];
    assert_eq!(
        (&share["opened"], &share["buyer"], &share["papers"]),
        (&json!(1), &json!("Chocolaterie"), &json!(1))
    );
    assert!(share["opened_at"].is_string());
}

#[sqlx::test]
async fn a_link_that_is_over_says_no_more_than_one_that_never_was(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    bring(&world, &shipment, PDF, &[]).await;
    let (expired, revoked) =
        (made(&world, &shipment, json!({})).await, made(&world, &shipment, json!({})).await);
    let id = list(&world, &shipment).await[0]["id"].as_str().unwrap().to_owned();
    let asked =
        request("DELETE", &format!("/api/shares/{id}"), &world.acme.token()).body(Body::empty()).unwrap();
    assert_eq!(world.ask(asked).await.status, StatusCode::NO_CONTENT);
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    sqlx::query("UPDATE shares SET expires_at = now() WHERE revoked_at IS NULL")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let never = "A".repeat(43);
    let mut told = Vec::new();
    for link in [expired, revoked, never, "short".into(), String::new()] {
        for path in ["", "/paper", "/pack"] {
            let seen =
                see(&world, &format!("/api/shared{path}?link={link}"), &[("accept-language", "fr-CI")]).await;
            assert_eq!(seen.status, 410, "{path} {link}");
            told.push(seen.text());
        }
    }
    assert!(told[0].contains("Ce lien n’est plus valable") && told.iter().all(|text| *text == told[0]));
}

#[sqlx::test]
async fn a_passcode_is_asked_for_before_anything_and_can_not_be_guessed(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    bring(&world, &shipment, PDF, &[]).await;
    let link = made(&world, &shipment, json!({ "passcode": "cacao-7" })).await;
    let paper = papers(&world, &shipment).await[0]["id"].as_str().unwrap().to_owned();
    let page = format!("/api/shared?link={link}");
    let asks = see(&world, &page, &[]).await;
    assert!(
        asks.status == 200 && asks.text().contains("type=\"password\"") && !asks.text().contains("Cocoa")
    );
    for path in
        [format!("/api/shared/paper?link={link}&paper={paper}"), format!("/api/shared/pack?link={link}")]
    {
        assert_eq!(see(&world, &path, &[]).await.status, 403, "{path}");
    }
    assert_eq!(list(&world, &shipment).await[0]["opened"], 0);

    let right = enter(&world, &link, "cacao-7").await;
    assert_eq!(right.status, 303);
    let cookie = right.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("Path=/shared"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    assert!(see(&world, &page, &[("cookie", cookie)]).await.text().contains("Cocoa"));
    let other = made(&world, &shipment, json!({ "passcode": "cacao-8" })).await;
    let other = see(&world, &format!("/api/shared?link={other}"), &[("cookie", cookie)]).await;
    assert!(!other.text().contains("Cocoa"), "one link's pass opens another");

    for _ in 0..10 {
        let wrong = enter(&world, &link, "cacao-9").await;
        assert_eq!(
            (wrong.status, wrong.headers["location"].to_str().unwrap()),
            (303, format!("/shared?link={link}&wrong=true").as_str())
        );
    }
    assert_eq!(enter(&world, &link, "cacao-7").await.status, 429, "who guesses waits, also when it is right");
}

#[sqlx::test]
async fn a_pack_holds_every_paper_as_it_was_brought(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    let big: Vec<u8> = PDF.iter().copied().chain((0..400_000_u32).map(|n| (n % 251) as u8)).collect();
    bring(&world, &shipment, &big, &[("number", "../1")]).await;
    bring(&world, &shipment, b"%PDF-1.7\nsecret", &[("kind", "contract")]).await;
    let link = made(&world, &shipment, json!({})).await;
    let asked =
        request("GET", &format!("/api/shipments/{shipment}/pack"), &world.acme.token()).body(Body::empty());
    let (status, headers, own) = fetch(&world::router(world.app.clone()), asked.unwrap()).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, "application/zip"));
    let buyers = see(&world, &format!("/api/shared/pack?link={link}"), &[]).await;
    for (bytes, papers, has_history) in [(own, 2, true), (buyers.body, 1, false)] {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names.len(), 1 + papers + usize::from(has_history), "{names:?}");
        assert!(names.iter().all(|name| !name.contains('/')), "{names:?}");
        assert_eq!(names.iter().any(|name| name.contains("History")), has_history, "{names:?}");
        let name = names.iter().find(|name| name.contains("B-L 1.pdf") && name.starts_with("01")).unwrap();
        let mut content = Vec::new();
        zip.by_name(name).unwrap().read_to_end(&mut content).unwrap();
        assert!(content == big);
    }
}
