use std::fs;
use std::path::Path;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgPool};
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::worker::{Traffic, Worker};

use crate::world::{RELEASE, Tenant, World};

const ANOTHER: &str = "20260104t120000z-6f5e4d3c2b1a";

/// One without a live file, as on a developer's machine.
fn worker(world: &World) -> Worker {
    Worker::new(world.app.clone(), Traffic::new(RELEASE.into(), None))
}

fn worker_of_a_host(world: &World, release: &str, live_file: &Path) -> Worker {
    Worker::new(world.app.clone(), Traffic::new(release.into(), Some(live_file.to_owned())))
}

/// Enters a shipment in this status; gives its address.
async fn shipment(
    owner: &PgPool,
    world: &World,
    of: &Tenant,
    status: &str,
    days: [Option<&str>; 2],
) -> String {
    let [departs_on, arrives_on] = days;
    let entered = json!({
        "reference": format!("{status} {departs_on:?} {arrives_on:?}"), "product": "Cocoa beans", "origin_port": "Tema",
        "destination_port": "Antwerp", "departs_on": departs_on, "arrives_on": arrives_on,
    });
    let created = world.post("/api/shipments", &of.token(), entered).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    let mut tx = OrganisationTx::begin(owner, of.id).await.unwrap();
    let update = "UPDATE shipments SET status = $1 WHERE reference = $2";
    let update = sqlx::query(update).bind(status).bind(created.body["reference"].as_str());
    assert_eq!(update.execute(&mut *tx).await.unwrap().rows_affected(), 1);
    tx.commit().await.unwrap();
    created.headers["location"].to_str().unwrap().to_owned()
}

async fn late(owner: &PgPool, world: &World, of: &Tenant) -> String {
    shipment(owner, world, of, "in_transit", [Some("2020-03-01"), Some("2020-03-21")]).await
}

async fn reminders(world: &World, of: &Tenant, shipment: &str) -> Vec<Value> {
    let answer = world.get(&format!("{shipment}/reminders"), &of.token()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["items"].as_array().unwrap().clone()
}

fn words(reminders: &[Value]) -> Vec<String> {
    let words =
        reminders.iter().map(|it| [&it["kind"], &it["due_on"]].map(|it| it.as_str().unwrap()).join(" "));
    words.collect()
}

#[sqlx::test]
async fn a_day_that_passed_in_vain_is_a_reminder_and_no_other_day_is(owner: PgPool) {
    let world = World::new(&owner).await;
    let (past, ahead) = ([Some("2020-03-01"), Some("2020-03-21")], [Some("2099-03-01"), Some("2099-03-21")]);
    let (departure, arrival) = ("departure_overdue 2020-03-01", "arrival_overdue 2020-03-21");
    let mut expected = Vec::new();
    for (status, days, reminded) in [
        ("draft", past, vec![arrival, departure]),
        ("booked", [past[0], ahead[1]], vec![departure]),
        ("booked", [None, past[1]], vec![arrival]),
        ("booked", ahead, vec![]),
        ("booked", [None, None], vec![]),
        ("in_transit", past, vec![arrival]),
        ("in_transit", [past[0], ahead[1]], vec![]),
        ("arrived", past, vec![]),
        ("delivered", past, vec![]),
    ] {
        expected.push((shipment(&owner, &world, &world.acme, status, days).await, status, days, reminded));
    }
    assert_eq!(worker(&world).round().await.unwrap().reminders, 5);
    for (shipment, status, days, reminded) in expected {
        assert_eq!(words(&reminders(&world, &world.acme, &shipment).await), reminded, "{status} {days:?}");
    }
}

#[sqlx::test]
async fn a_day_is_reminded_of_once_and_a_day_that_was_moved_again(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = late(&owner, &world, &world.acme).await;
    let worker = worker(&world);
    assert_eq!((worker.round().await.unwrap().reminders, worker.round().await.unwrap().reminders), (1, 0));

    let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
    tx.execute("UPDATE shipments SET arrives_on = '2020-04-02'").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(worker.round().await.unwrap().reminders, 1);
    let expected = ["arrival_overdue 2020-04-02", "arrival_overdue 2020-03-21"];
    assert_eq!(words(&reminders(&world, &world.acme, &shipment).await), expected);
}

#[sqlx::test]
async fn every_organisation_is_worked_for_and_sees_its_own_reminders_only(owner: PgPool) {
    let world = World::new(&owner).await;
    let of_acme = late(&owner, &world, &world.acme).await;
    let of_zenith = late(&owner, &world, &world.zenith).await;
    assert_eq!(worker(&world).round().await.unwrap().reminders, 2);
    assert_eq!(reminders(&world, &world.acme, &of_acme).await.len(), 1);
    assert_eq!(reminders(&world, &world.zenith, &of_zenith).await.len(), 1);

    let strangers = world.get(&format!("{of_acme}/reminders"), &world.zenith.token()).await;
    assert_eq!(strangers.status, StatusCode::NOT_FOUND);
    let mut tx = OrganisationTx::begin(&world.app, world.zenith.id).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM reminders").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(seen, 1);
}

#[sqlx::test]
async fn what_fails_for_one_organisation_keeps_none_of_the_others_waiting(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut all = [&world.acme, &world.zenith];
    // They are worked for in this order.
    all.sort_by_key(|of| of.id);
    let [first, second] = all;
    late(&owner, &world, first).await;
    let shipment = late(&owner, &world, second).await;
    let refuse = format!("ALTER TABLE reminders ADD CHECK (organisation_id <> '{}')", first.id);
    owner.execute(AssertSqlSafe(refuse)).await.unwrap();

    assert!(worker(&world).round().await.unwrap_err().to_string().contains("check constraint"));
    assert_eq!(reminders(&world, second, &shipment).await.len(), 1);
}

#[sqlx::test]
async fn only_the_live_release_works(owner: PgPool) {
    let world = World::new(&owner).await;
    let folder = tempfile::tempdir().unwrap();
    let live_file = folder.path().join("live");
    let (ours, another) =
        (worker_of_a_host(&world, RELEASE, &live_file), worker_of_a_host(&world, ANOTHER, &live_file));
    late(&owner, &world, &world.acme).await;

    assert_eq!(ours.round().await.unwrap().reminders, 0, "there is no live file");
    for live in ["none", ANOTHER] {
        fs::write(&live_file, format!("{live}\n")).unwrap();
        assert_eq!(ours.round().await.unwrap().reminders, 0, "{live} is live");
    }
    assert_eq!(another.round().await.unwrap().reminders, 1);

    late(&owner, &world, &world.zenith).await;
    fs::write(&live_file, format!("{RELEASE}\n")).unwrap();
    assert_eq!((another.round().await.unwrap().reminders, ours.round().await.unwrap().reminders), (0, 1));
}

/// Waits until somebody waits for the end of another transaction, as an insert does that meets an uncommitted double.
async fn somebody_waits(owner: &PgPool) {
    let waits = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
                 WHERE NOT granted AND datname = current_database()";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(owner).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Somebody else's transaction that has raised the reminders of this organisation, and has not ended.
async fn raised_and_not_committed(world: &World, of: &Tenant) -> OrganisationTx {
    let mut tx = OrganisationTx::begin(&world.app, of.id).await.unwrap();
    let raise =
        "INSERT INTO reminders SELECT organisation_id, id, 'arrival_overdue', arrives_on FROM shipments";
    tx.execute(raise).await.unwrap();
    tx
}

#[sqlx::test]
async fn a_release_that_loses_the_traffic_in_the_middle_of_a_job_leaves_no_trace_of_it(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = late(&owner, &world, &world.acme).await;
    let folder = tempfile::tempdir().unwrap();
    let live_file = folder.path().join("live");
    fs::write(&live_file, format!("{RELEASE}\n")).unwrap();
    let other = raised_and_not_committed(&world, &world.acme).await;

    let worker = worker_of_a_host(&world, RELEASE, &live_file);
    let round = tokio::spawn(async move { worker.round().await });
    somebody_waits(&owner).await;
    fs::write(&live_file, format!("{ANOTHER}\n")).unwrap();
    drop(other);
    assert_eq!(round.await.unwrap().unwrap().reminders, 0);
    assert!(reminders(&world, &world.acme, &shipment).await.is_empty());
}

#[sqlx::test]
async fn two_workers_at_once_do_a_job_once(owner: PgPool) {
    let world = World::new(&owner).await;
    let shipment = late(&owner, &world, &world.acme).await;
    let first = raised_and_not_committed(&world, &world.acme).await;
    let second = worker(&world);
    let round = tokio::spawn(async move { second.round().await });
    somebody_waits(&owner).await;
    first.commit().await.unwrap();
    assert_eq!(round.await.unwrap().unwrap().reminders, 0);
    assert_eq!(reminders(&world, &world.acme, &shipment).await.len(), 1);
}
