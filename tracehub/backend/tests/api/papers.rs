//! Papers: brought in parts, kept by their content, fetched, replaced, taken away.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body::Frame;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tower::ServiceExt;
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::papers::Store;
use tracehub_backend::worker::{Traffic, Worker};
use uuid::Uuid;

use crate::roles::{person, token};
use crate::world::{self, Answer, RELEASE, World, request};

pub const PART: &str = "application/offset+octet-stream";
/// Of nine bytes.
pub const PDF: &[u8] = b"%PDF-1.7\n";

/// What is said of a file: a bill of lading's PDF, where nothing else is.
pub fn metadata(pairs: &[(&str, &str)]) -> String {
    let usual = [("kind", "bill_of_lading"), ("filename", "B-L 1.pdf")];
    let all = usual.iter().filter(|(key, _)| !pairs.iter().any(|(other, _)| other == key)).chain(pairs);
    all.map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect::<Vec<_>>().join(",")
}

pub async fn shipment(world: &World) -> String {
    let new = json!({ "reference": Uuid::now_v7(), "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp" });
    let answer = world.post("/api/shipments", &world.acme.token(), new).await;
    answer.body["id"].as_str().unwrap().to_owned()
}

pub async fn begin(world: &World, shipment: &str, size: u64, pairs: &[(&str, &str)]) -> Answer {
    begin_as(&world.acme.token(), world, shipment, size, pairs).await
}

pub async fn begin_as(
    token: &str,
    world: &World,
    shipment: &str,
    size: u64,
    pairs: &[(&str, &str)],
) -> Answer {
    let asked = request("POST", &format!("/api/shipments/{shipment}/papers"), token);
    let asked = asked
        .header("tus-resumable", "1.0.0")
        .header("upload-length", size)
        .header("upload-metadata", metadata(pairs));
    world.ask(asked.body(Body::empty()).unwrap()).await
}

/// An upload of acme's of which nothing has come yet.
pub async fn begun(world: &World, size: u64) -> String {
    let answer = begin(world, &shipment(world).await, size, &[]).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    location(&answer)
}

pub fn location(answer: &Answer) -> String {
    answer.headers["location"].to_str().unwrap().strip_prefix("/api/uploads/").unwrap().to_owned()
}

pub fn part(token: &str, upload: &str, offset: u64, length: usize) -> axum::http::request::Builder {
    request("PATCH", &format!("/api/uploads/{upload}"), token)
        .header("tus-resumable", "1.0.0")
        .header(header::CONTENT_TYPE, PART)
        .header(header::CONTENT_LENGTH, length)
        .header("upload-offset", offset)
}

pub async fn send(world: &World, upload: &str, offset: u64, bytes: &[u8]) -> Answer {
    let part = part(&world.acme.token(), upload, offset, bytes.len());
    world.ask(part.body(Body::from(bytes.to_vec())).unwrap()).await
}

pub async fn look(world: &World, upload: &str) -> Answer {
    let asked = request("HEAD", &format!("/api/uploads/{upload}"), &world.acme.token());
    world.ask(asked.header("tus-resumable", "1.0.0").body(Body::empty()).unwrap()).await
}

pub fn offset(answer: &Answer) -> &str {
    answer.headers["upload-offset"].to_str().unwrap()
}

pub async fn bring(world: &World, shipment: &str, bytes: &[u8], pairs: &[(&str, &str)]) -> Answer {
    let begun = begin(world, shipment, bytes.len() as u64, pairs).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.body);
    send(world, &location(&begun), 0, bytes).await
}

pub async fn papers(world: &World, shipment: &str) -> Vec<Value> {
    let answer = world.get(&format!("/api/shipments/{shipment}/papers"), &world.acme.token()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["items"].as_array().unwrap().clone()
}

async fn bring_as(token: &str, world: &World, shipment: &str, bytes: &[u8], pairs: &[(&str, &str)]) {
    let upload = location(&begin_as(token, world, shipment, bytes.len() as u64, pairs).await);
    let part = part(token, &upload, 0, bytes.len()).body(Body::from(bytes.to_vec())).unwrap();
    assert_eq!(world.ask(part).await.status, StatusCode::NO_CONTENT);
}

/// A paper of acme's.
pub async fn paper(world: &World) -> String {
    let shipment = shipment(world).await;
    assert_eq!(bring(world, &shipment, PDF, &[]).await.status, StatusCode::NO_CONTENT);
    papers(world, &shipment).await[0]["id"].as_str().unwrap().to_owned()
}

/// Status, headers and bytes.
pub async fn fetch(router: &Router, asked: Request<Body>) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
    let (parts, body) = router.clone().oneshot(asked).await.unwrap().into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

#[sqlx::test]
async fn a_file_comes_in_parts_and_is_fetched_whole_and_in_parts(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    let file: Vec<u8> = PDF.iter().copied().chain((0..600_000_u32).map(|n| (n % 251) as u8)).collect();
    let pairs =
        [("number", "MSKU 1"), ("expires_on", "2027-01-31"), ("filename", "../Connaissement n° 1.pdf")];
    let upload = location(&begin(&world, &shipment, file.len() as u64, &pairs).await);
    assert_eq!(offset(&look(&world, &upload).await), "0");
    assert_eq!(offset(&send(&world, &upload, 0, &file[..300_000]).await), "300000");
    assert_eq!(offset(&look(&world, &upload).await), "300000");
    assert_eq!(papers(&world, &shipment).await, [] as [Value; 0]);
    // Whoever lost the answer sends the same again, and is told where it goes on.
    let again = send(&world, &upload, 0, &file[..300_000]).await;
    assert_eq!((again.status, offset(&again)), (StatusCode::CONFLICT, "300000"));
    assert_eq!(
        (again.body["type"].as_str(), &again.body["offset"]),
        (Some("/problems/other-offset"), &json!(300_000))
    );
    let last = send(&world, &upload, 300_000, &file[300_000..]).await;
    assert_eq!((last.status, offset(&last)), (StatusCode::NO_CONTENT, file.len().to_string().as_str()));
    // The last answer may get lost as well.
    assert_eq!(offset(&look(&world, &upload).await), file.len().to_string());

    let listed = papers(&world, &shipment).await;
    let version = &listed[0]["versions"][0];
    assert_eq!(
        (
            &listed[0]["kind"],
            &version["number"],
            &version["name"],
            &version["expires_on"],
            &version["content_type"]
        ),
        (
            &json!("bill_of_lading"),
            &json!("MSKU 1"),
            &json!("Connaissement n° 1.pdf"),
            &json!("2027-01-31"),
            &json!("application/pdf")
        )
    );
    let expected = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(version["sha256"], expected);

    let router = world::router(world.app.clone());
    let path = format!("/api/papers/{}/content", listed[0]["id"].as_str().unwrap());
    let ask = |range: Option<&str>| {
        let asked = request("GET", &path, &world.acme.token());
        range
            .into_iter()
            .fold(asked, |asked, range| asked.header(header::RANGE, range))
            .body(Body::empty())
            .unwrap()
    };
    let (status, headers, whole) = fetch(&router, ask(None)).await;
    assert_eq!((status, whole == file), (StatusCode::OK, true));
    assert_eq!(
        headers["content-disposition"],
        "attachment; filename=\"Connaissement n_ 1.pdf\"; filename*=UTF-8''Connaissement%20n%C2%B0%201.pdf"
    );
    let (status, headers, rest) = fetch(&router, ask(Some("bytes=600000-"))).await;
    assert_eq!((status, rest == file[600_000..]), (StatusCode::PARTIAL_CONTENT, true));
    assert_eq!(headers["content-range"], format!("bytes 600000-{}/{}", file.len() - 1, file.len()));
    assert_eq!(fetch(&router, ask(Some("bytes=9000000-"))).await.0, StatusCode::RANGE_NOT_SATISFIABLE);
    // Whoever has begun to fetch what the paper was before does not glue the two together.
    for (etag, status) in
        [(headers["etag"].to_str().unwrap(), StatusCode::PARTIAL_CONTENT), ("\"another\"", StatusCode::OK)]
    {
        let mut asked = ask(Some("bytes=600000-"));
        asked.headers_mut().insert(header::IF_RANGE, etag.parse().unwrap());
        assert_eq!(fetch(&router, asked).await.0, status, "{etag}");
    }
}

/// A body of which some comes, and then the connection ends.
struct Cut(Option<Vec<u8>>);

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let came = self.0.take().map(|bytes| Frame::data(Bytes::from(bytes)));
        Poll::Ready(Some(came.ok_or_else(|| io::Error::other("cut"))))
    }
}

/// On a bad line the connection is what ends, and not the part.
#[sqlx::test]
async fn what_came_of_a_part_that_was_cut_is_kept(owner: PgPool) {
    let world = World::new(&owner).await;
    let upload = begun(&world, 1_000_000).await;
    let body = Body::new(Cut(Some([PDF, &[b'x'; 99_991]].concat())));
    let cut = world.ask(part(&world.acme.token(), &upload, 0, 400_000).body(body).unwrap()).await;
    assert_eq!((cut.status, offset(&cut)), (StatusCode::NO_CONTENT, "100000"));
    assert_eq!(offset(&look(&world, &upload).await), "100000");
}

#[sqlx::test]
async fn what_is_wrong_is_refused_before_a_byte_is_kept(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    let status =
        async |size, pairs: &[(&str, &str)]| begin(&world, &shipment, size, pairs).await.status.as_u16();
    assert_eq!(status(50 * 1024 * 1024 + 1, &[]).await, 413);
    assert_eq!(status(0, &[]).await, 422);
    assert_eq!(status(9, &[("kind", "passport")]).await, 422);
    assert_eq!(status(9, &[("paper", &Uuid::now_v7().to_string())]).await, 422);
    assert_eq!(status(9, &[("filename", "virus.exe")]).await, 415);
    assert_eq!(status(9, &[("filetype", "text/html")]).await, 415);
    assert_eq!(status(9, &[("filetype", "text/plain"), ("filename", "invoice.hta")]).await, 415);
    assert_eq!(status(9, &[("filetype", "image/jpeg"), ("filename", "a.exe")]).await, 415);
    let upload = begun(&world, 9).await;
    assert_eq!(send(&world, &upload, 0, &[b'x'; 512 * 1024 + 1]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send(&world, &upload, 0, b"%PDF-1.7\nmore").await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send(&world, &upload, 5, b"1.7\n").await.status, StatusCode::CONFLICT);
    let another = request("HEAD", &format!("/api/uploads/{upload}"), &world.acme.token()).body(Body::empty());
    let another = world.ask(another.unwrap()).await;
    assert_eq!((another.status.as_u16(), another.headers["tus-version"].to_str().unwrap()), (412, "1.0.0"));
}

#[sqlx::test]
async fn a_file_that_is_not_what_it_says_is_refused_with_its_first_part_and_gone(owner: PgPool) {
    let world = World::new(&owner).await;
    let upload = begun(&world, 1_000_000).await;
    let refused = send(&world, &upload, 0, &[b"MZ\x90\0".as_slice(), &[0; 8000]].concat()).await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(refused.body["type"], "/problems/other-content");
    assert_eq!(look(&world, &upload).await.status, StatusCode::NOT_FOUND);
    assert!(!world::papers().join("incoming").join(&upload).exists());
}

#[sqlx::test]
async fn a_new_version_stands_before_the_old_one_and_both_are_there(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    bring(&world, &shipment, PDF, &[]).await;
    let paper = papers(&world, &shipment).await[0]["id"].as_str().unwrap().to_owned();
    let pairs = [("paper", paper.as_str()), ("kind", "other"), ("filename", "corrected.pdf")];
    assert_eq!(bring(&world, &shipment, b"%PDF-1.7\ncorrected", &pairs).await.status, StatusCode::NO_CONTENT);
    let listed = papers(&world, &shipment).await;
    let names: Vec<_> =
        listed[0]["versions"].as_array().unwrap().iter().map(|of| of["name"].as_str().unwrap()).collect();
    assert_eq!((listed.len(), names), (1, vec!["corrected.pdf", "B-L 1.pdf"]));
    assert_eq!(listed[0]["kind"], "bill_of_lading", "a version is of its paper's kind");
    let router = world::router(world.app.clone());
    for (query, content) in [("", b"%PDF-1.7\ncorrected".as_slice()), ("?version=1", PDF)] {
        let asked = request("GET", &format!("/api/papers/{paper}/content{query}"), &world.acme.token());
        assert_eq!(fetch(&router, asked.body(Body::empty()).unwrap()).await.2, content);
    }
    let history = world.get(&format!("/api/shipments/{shipment}/history"), &world.acme.token()).await;
    let change = &history.body["items"][0]["changes"][0];
    assert_eq!(
        (&change["field"], &change["before"], &change["after"]),
        (&json!("paper"), &json!("bill_of_lading B-L 1.pdf"), &json!("bill_of_lading corrected.pdf"))
    );
}

#[sqlx::test]
async fn a_double_says_where_the_other_one_is_but_never_another_organisation_s(owner: PgPool) {
    let world = World::new(&owner).await;
    let (here, there) = (shipment(&world).await, shipment(&world).await);
    bring(&world, &there, PDF, &[]).await;
    bring(&world, &here, PDF, &[]).await;
    let same = &papers(&world, &here).await[0]["same_as"];
    assert_eq!(same["shipment_id"], *there);
    let reference = world.get(&format!("/api/shipments/{there}"), &world.acme.token()).await;
    assert_eq!(same["reference"], reference.body["reference"]);
    let folder = world::papers().join(world.acme.id.to_string());
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "one content, one file");
    assert!(!world::papers().join(world.zenith.id.to_string()).exists());
}

#[sqlx::test]
async fn who_brought_a_paper_may_take_it_away_and_a_manager_any(owner: PgPool) {
    let world = World::new(&owner).await;
    let member = token(person(&owner, &world.acme, "member").await, &world.acme);
    let other = paper(&world).await;
    let remove = async |paper: &str| {
        let asked = request("DELETE", &format!("/api/papers/{paper}"), &member).body(Body::empty()).unwrap();
        world.ask(asked).await.status
    };
    assert_eq!(remove(&other).await, StatusCode::FORBIDDEN);
    let shipment = shipment(&world).await;
    bring_as(&member, &world, &shipment, PDF, &[]).await;
    let own = papers(&world, &shipment).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(remove(&own).await, StatusCode::NO_CONTENT);
    assert_eq!(remove(&own).await, StatusCode::NOT_FOUND);
    assert!(papers(&world, &shipment).await.is_empty());
    // Nor does who brings another version of somebody's paper get the right to take that away.
    bring(&world, &shipment, PDF, &[]).await;
    let theirs = papers(&world, &shipment).await[0]["id"].as_str().unwrap().to_owned();
    bring_as(&member, &world, &shipment, b"%PDF-1.7\nmine", &[("paper", &theirs)]).await;
    assert_eq!(remove(&theirs).await, StatusCode::FORBIDDEN);
}

/// A backup from before names files, and is kept for 90 days, and what it names is copied after it; and one content may be two
/// papers'.
#[sqlx::test]
async fn a_file_goes_when_no_backup_names_it_and_a_month_after_the_last_paper_that_needs_it(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    for kind in ["bill_of_lading", "other"] {
        bring(&world, &shipment, PDF, &[("kind", kind)]).await;
    }
    let idle = begun(&world, 1000).await;
    send(&world, &idle, 0, PDF).await;
    let store = Store::open_folder(world::papers()).unwrap();
    // Each one sweeps in its first round.
    let worker =
        || Worker::new(world.app.clone(), Traffic::new(RELEASE.into(), None)).keeping(Some(store.clone()));
    let folder = world::papers().join(world.acme.id.to_string());
    let files = |mark: bool| {
        let all = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        all.filter(|path| path.extension().is_some() == mark).collect::<Vec<_>>()
    };
    let age = |file: &Path, days: u64| {
        let time = SystemTime::now() - Duration::from_secs(days * 86_400);
        fs::File::open(file).unwrap().set_modified(time).unwrap();
    };
    age(&files(false)[0], 200);
    for (removes, days, round, marks) in [(true, 89, 0, 0), (false, 91, 1, 0), (true, 91, 1, 1)] {
        let listed = papers(&world, &shipment).await;
        if let Some(paper) = listed.first().filter(|_| removes) {
            let path = format!("/api/papers/{}", paper["id"].as_str().unwrap());
            let removed = request("DELETE", &path, &world.acme.token()).body(Body::empty()).unwrap();
            assert_eq!(world.ask(removed).await.status, StatusCode::NO_CONTENT);
        }
        let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
        let age =
            "UPDATE papers SET deleted_at = now() - make_interval(days => $1) WHERE deleted_at IS NOT NULL";
        sqlx::query(age).bind(days).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let done = worker().round().await.unwrap().papers;
        assert_eq!((done, files(false).len(), files(true).len()), (round, 1, marks), "after {days} days");
    }
    for (days, round) in [(89, 0), (91, 1)] {
        age(&files(true)[0], days);
        let done = worker().round().await.unwrap().papers;
        let left = 1 - usize::try_from(round).unwrap();
        assert_eq!((done, files(false).len(), files(true).len()), (round, left, left), "after {days} days");
    }
    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    sqlx::query("UPDATE uploads SET created_at = now() - interval '25 hours'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(worker().round().await.unwrap().papers > 0);
    assert_eq!(look(&world, &idle).await.status, StatusCode::NOT_FOUND);
    assert!(!world::papers().join("incoming").join(&idle).exists());
}

#[sqlx::test]
async fn what_the_database_did_not_take_becomes_a_paper_when_it_is_asked_for_again(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    let upload = location(&begin(&world, &shipment, 9, &[]).await);
    sqlx::query("ALTER TABLE paper_versions ADD CONSTRAINT none CHECK (false) NOT VALID")
        .execute(&owner)
        .await
        .unwrap();
    assert!(!send(&world, &upload, 0, PDF).await.status.is_success());
    sqlx::query("ALTER TABLE paper_versions DROP CONSTRAINT none").execute(&owner).await.unwrap();
    assert_eq!(offset(&look(&world, &upload).await), "9");
    assert_eq!(papers(&world, &shipment).await.len(), 1);
}
