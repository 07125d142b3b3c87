//! Papers, when many are brought, much, or at once; and what becomes of files that no paper has.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use std::{io, pin};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, StatusCode};
use http_body::Frame;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::http::{self, App};
use tracehub_backend::papers::Store;
use tracehub_backend::worker::{Traffic, Worker};
use uuid::Uuid;

use crate::papers::{PDF, begin, begun, bring, location, look, offset, papers, part, send, shipment};
use crate::world::{self, Answer, RELEASE, World, request};

fn store() -> Store {
    Store::open_folder(world::papers()).unwrap()
}

fn kind(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["type"].as_str().unwrap_or_default())
}

/// Uploads that have begun each found a place, and only together they don't.
#[sqlx::test]
async fn a_disk_that_has_no_more_to_spare_takes_no_part_more(owner: PgPool) {
    let world = World::new(&owner).await;
    let upload = begun(&world, 9).await;
    let full = App::keeping(world::app(world.app.clone()), Some(store().sparing(u64::MAX)));
    let sent = part(&world.acme.token(), &upload, 0, 9).body(Body::from(PDF)).unwrap();
    let refused = world::ask(&http::router(full), sent).await;
    assert_eq!(kind(&refused), (507, "/problems/disk-full"));
    assert_eq!(offset(&look(&world, &upload).await), "0");
    assert_eq!(send(&world, &upload, 0, PDF).await.status, StatusCode::NO_CONTENT);
}

#[sqlx::test]
async fn two_that_begin_at_once_do_not_both_get_the_last_place(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    let mut other = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('papers ' || current_organisation_id(), 0))")
        .execute(&mut *other)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO uploads (organisation_id, id, shipment_id, paper_id, kind, name, size, user_id)
         VALUES (current_organisation_id(), $1, $2::uuid, $1, 'other', 'a.pdf', 10 * 1024::bigint ^ 3 - 5, $3)",
    )
    .bind(Uuid::now_v7())
    .bind(&shipment)
    .bind(world.acme.user)
    .execute(&mut *other)
    .await
    .unwrap();
    let mut asking = pin::pin!(begin(&world, &shipment, 9, &[]));
    assert!(timeout(Duration::from_millis(500), &mut asking).await.is_err(), "it did not wait");
    other.commit().await.unwrap();
    assert_eq!(kind(&asking.await), (413, "/problems/papers-full"));
}

#[sqlx::test]
async fn a_shipment_has_only_so_many_papers_and_a_paper_so_many_versions(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    bring(&world, &shipment, PDF, &[]).await;
    let paper = papers(&world, &shipment).await[0]["id"].as_str().unwrap().to_owned();
    let do_as_acme = async |sql: &'static str, id: &str| {
        let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
        sqlx::query(sql).bind(id).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    do_as_acme(
        "INSERT INTO papers (organisation_id, id, shipment_id, kind)
         SELECT current_organisation_id(), gen_random_uuid(), $1::uuid, 'other' FROM generate_series(1, 499)",
        &shipment,
    )
    .await;
    assert_eq!(kind(&begin(&world, &shipment, 9, &[]).await), (409, "/problems/too-many-papers"));
    let version = [("paper", paper.as_str())];
    assert_eq!(begin(&world, &shipment, 9, &version).await.status, StatusCode::CREATED);
    // With the one that is there, and the one that is on its way.
    do_as_acme(
        "INSERT INTO paper_versions (organisation_id, paper_id, version, name, size, sha256, content_type, user_id)
         SELECT organisation_id, paper_id, n, name, size, sha256, content_type, user_id
         FROM paper_versions, generate_series(2, 99) AS n WHERE paper_id = $1::uuid",
        &paper,
    )
    .await;
    assert_eq!(kind(&begin(&world, &shipment, 9, &version).await), (409, "/problems/too-many-versions"));
}

#[sqlx::test]
async fn one_organisation_leaves_others_room_to_bring_parts(owner: PgPool) {
    let world = World::new(&owner).await;
    let upload = begun(&world, 9).await;
    let app = world::app(world.app.clone());
    let router = http::router(app.clone());
    let all = (0..).map_while(|_| app.parts.enter(world.acme.id).ok()).collect::<Vec<_>>();
    assert!(all.len() >= 8, "{}", all.len());
    let sent = |token: &str| part(token, &upload, 0, 9).body(Body::from(PDF)).unwrap();
    assert_eq!(world::ask(&router, sent(&world.acme.token())).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world::ask(&router, sent(&world.zenith.token())).await.status, StatusCode::NOT_FOUND);
    drop(all);
    assert_eq!(world::ask(&router, sent(&world.acme.token())).await.status, StatusCode::NO_CONTENT);
}

#[sqlx::test]
async fn while_a_part_comes_in_no_other_one_does(owner: PgPool) {
    let world = World::new(&owner).await;
    let upload = begun(&world, 9).await;
    let held = store().open(Uuid::parse_str(&upload).unwrap()).unwrap().unwrap();
    assert_eq!(send(&world, &upload, 0, PDF).await.status, StatusCode::LOCKED);
    fs::write(incoming(&upload), PDF).unwrap();
    assert_eq!(look(&world, &upload).await.status, StatusCode::LOCKED);
    drop(held);
    assert_eq!(offset(&look(&world, &upload).await), "9");
}

fn incoming(upload: &str) -> PathBuf {
    world::papers().join("incoming").join(upload)
}

/// Who asks while another request makes a paper of it reads a row from before, and finds no file: that is no empty one.
#[sqlx::test]
async fn who_asks_while_an_upload_becomes_a_paper_is_never_told_that_nothing_is_there(owner: PgPool) {
    let world = World::new(&owner).await;
    let (asked_for, sent_again) = (begun(&world, 9).await, begun(&world, 9).await);
    for upload in [&asked_for, &sent_again] {
        fs::write(incoming(upload), PDF).unwrap();
    }
    // Whoever serves reads a row, and is slow to answer.
    for sql in [
        "CREATE FUNCTION slow() RETURNS boolean LANGUAGE plpgsql AS
         $$BEGIN IF current_user = 'tracehub_app' THEN PERFORM pg_sleep(0.6); END IF; RETURN true; END$$",
        "CREATE POLICY slow ON uploads AS RESTRICTIVE USING (slow())",
    ] {
        sqlx::query(sql).execute(&owner).await.unwrap();
    }
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
        sqlx::query("UPDATE uploads SET version = 1").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        for upload in [&asked_for, &sent_again] {
            fs::remove_file(incoming(upload)).unwrap();
        }
    };
    let (looked, sent, ()) =
        tokio::join!(look(&world, &asked_for), send(&world, &sent_again, 4, &PDF[4..]), meanwhile);
    let status = looked.status.as_u16();
    assert!(status == 423 || status == 200 && offset(&looked) == "9", "{status}");
    assert_eq!((sent.status, offset(&sent)), (StatusCode::CONFLICT, "9"));
}

fn files(of: Uuid) -> PathBuf {
    world::papers().join(of.to_string())
}

/// A file of this content that no row names.
fn stray(of: Uuid, content: &[u8]) -> PathBuf {
    fs::create_dir_all(files(of)).unwrap();
    let path = files(of).join(hex::encode(Sha256::digest(content)));
    fs::write(&path, content).unwrap();
    path
}

fn age(path: &Path) {
    let old = SystemTime::now() - Duration::from_secs(91 * 24 * 60 * 60);
    File::open(path).unwrap().set_modified(old).unwrap();
}

#[sqlx::test]
async fn a_version_of_a_paper_that_was_taken_away_leaves_no_file(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = shipment(&world).await;
    bring(&world, &shipment, PDF, &[]).await;
    let paper = papers(&world, &shipment).await[0]["id"].as_str().unwrap().to_owned();
    let new = b"%PDF-1.7\nnew";
    let upload = location(&begin(&world, &shipment, new.len() as u64, &[("paper", &paper)]).await);
    let removed = request("DELETE", &format!("/api/papers/{paper}"), &world.acme.token()).body(Body::empty());
    assert_eq!(world.ask(removed.unwrap()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(kind(&send(&world, &upload, 0, new).await), (409, "/problems/paper-gone"));
    assert_eq!(fs::read_dir(files(world.acme.id)).unwrap().count(), 1);
}

#[sqlx::test]
async fn files_that_no_paper_has_are_swept_up_and_one_that_resists_keeps_nobody_else_waiting(owner: PgPool) {
    let world = World::new(&owner).await;
    bring(&world, &shipment(&world).await, PDF, &[]).await;
    let used = files(world.acme.id).join(hex::encode(Sha256::digest(PDF)));
    let (old, new) = (stray(world.acme.id, b"old"), stray(world.acme.id, b"new"));
    let others = stray(world.zenith.id, b"old");
    // A folder is not removed as a file is, whoever tries.
    let resists = [world.acme.id, world.zenith.id].map(|of| files(of).join(hex::encode([7; 32])));
    for path in &resists {
        fs::create_dir(path).unwrap();
    }
    for path in [&used, &old, &others].into_iter().chain(&resists) {
        // As an earlier round has left it: no paper had this then.
        let mark = path.with_extension("unneeded");
        File::create(&mark).unwrap();
        age(path);
        age(&mark);
    }
    let worker = Worker::new(world.app.clone(), Traffic::new(RELEASE.into(), None)).keeping(Some(store()));
    assert!(worker.round().await.is_err(), "it says nothing of the one that resists");
    assert_eq!([&used, &old, &new, &others].map(|path| path.exists()), [true, false, true, false]);
}

/// A body of so many KiB that knows how much of it was asked for.
struct Asked {
    left: usize,
    read: Arc<AtomicUsize>,
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.read.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 1024])))))
    }
}

/// Else hyper closes the connection, just when the edge has begun to send somebody else's request on it.
#[sqlx::test]
async fn a_part_is_read_to_its_end_whatever_it_is_answered(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut busy = world::app(world.app.clone());
    busy.in_flight = Arc::new(Semaphore::new(0));
    let upload = begun(&world, 9).await;
    let (usual, busy) = (world::router(world.app.clone()), http::router(busy));
    for (router, path, kib, status, closes) in [
        (&usual, "/api/uploads/a/b".to_owned(), 400, 404, false),
        (&busy, format!("/api/uploads/{upload}"), 400, 503, false),
        (&usual, format!("/api/uploads/{upload}"), 400, 412, false),
        (&usual, format!("/api/uploads/{upload}"), usize::MAX, 412, true),
    ] {
        let read = Arc::new(AtomicUsize::new(0));
        let body = Body::new(Asked { left: kib, read: Arc::clone(&read) });
        let asked: Request<Body> = request("PATCH", &path, &world.acme.token()).body(body).unwrap();
        let answer = world::ask(router, asked).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.headers.contains_key("connection"), closes, "{path}");
        assert!(closes || read.load(Ordering::SeqCst) == kib, "{path}: {read:?}");
    }
}
