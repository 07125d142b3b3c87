use std::process::Output;

use sqlx::migrate::Migrate;
use sqlx::{Acquire, Executor, PgPool};
use tracehub_backend::database::MIGRATIONS;
use tracehub_backend::migrate;

use crate::world::binary;

fn migrate(owner: &PgPool) -> Output {
    let mut command = binary(&["migrate"], &owner.connect_options());
    command.env("MIGRATE_LOCK_TIMEOUT", "500ms").output().unwrap()
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

async fn tables(owner: &PgPool) -> i64 {
    let count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    sqlx::query_scalar(count).fetch_one(owner).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn each_is_applied_once_and_said_line_by_line(owner: PgPool) {
    let (code, text) = said(&migrate(&owner));
    assert_eq!(code, Some(0), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), migrate::embedded().count());
    for (line, (version, description)) in lines.iter().zip(migrate::embedded()) {
        assert!(
            line.starts_with(&format!("applied {version} {description} (")) && line.ends_with(" ms)"),
            "{line}"
        );
    }
    assert_eq!(said(&migrate(&owner)), (Some(0), "nothing to apply\n".into()));
}

#[sqlx::test(migrations = false)]
async fn they_go_up_and_down_and_up_again(owner: PgPool) {
    MIGRATIONS.run(&owner).await.unwrap();
    let up = tables(&owner).await;
    MIGRATIONS.undo(&owner, 0).await.unwrap();
    // What remembers the migrations stays.
    assert_eq!(tables(&owner).await, 1);
    MIGRATIONS.run(&owner).await.unwrap();
    assert_eq!(tables(&owner).await, up);
}

#[test]
fn each_says_what_it_does_to_the_release_before_it() {
    for up in MIGRATIONS.iter().filter(|migration| migration.migration_type.is_up_migration()) {
        let first = up.sql.as_str().lines().next().unwrap();
        assert!(["-- expand", "-- contract"].contains(&first), "{} begins with {first:?}", up.version);
    }
}

#[sqlx::test(migrations = false)]
async fn a_second_one_at_once_is_told_who_is_at_it(owner: PgPool) {
    let mut other = owner.acquire().await.unwrap();
    other.execute("SET application_name = 'another deploy'").await.unwrap();
    other.lock().await.unwrap();
    let (code, text) = said(&migrate(&owner));
    assert_eq!(code, Some(1));
    assert!(text.contains("waiting for its turn") && text.contains("another deploy"), "{text}");
    assert_eq!(tables(&owner).await, 0);
}

#[sqlx::test(migrations = false)]
async fn a_lock_that_is_not_given_is_named_with_its_holder_and_nothing_is_left_half_done(owner: PgPool) {
    let mut versions = migrate::embedded();
    MIGRATIONS.run_to(versions.next().unwrap().0, &owner).await.unwrap();
    let before = tables(&owner).await;
    let mut other = owner.acquire().await.unwrap();
    other.execute("SET application_name = 'a long report'").await.unwrap();
    let mut report = other.begin().await.unwrap();
    report.execute("LOCK TABLE organisations IN ACCESS EXCLUSIVE MODE").await.unwrap();

    let (code, text) = said(&migrate(&owner));
    assert_eq!(code, Some(1));
    let failed = versions.next().unwrap().0.to_string();
    assert!(text.contains(&failed) && text.contains("500ms") && text.contains("a long report"), "{text}");
    assert_eq!(tables(&owner).await, before);

    report.rollback().await.unwrap();
    assert_eq!(said(&migrate(&owner)).0, Some(0));
}

#[sqlx::test]
async fn another_history_is_refused(owner: PgPool) {
    owner
        .execute("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 20260101000100")
        .await
        .unwrap();
    let (code, text) = said(&migrate(&owner));
    assert!(code == Some(1) && text.contains("20260101000100 shipments was changed"), "{text}");

    owner
        .execute("UPDATE _sqlx_migrations SET version = 29990101000000 WHERE version = 20260101000100")
        .await
        .unwrap();
    let (code, text) = said(&migrate(&owner));
    assert!(code == Some(1) && text.contains("29990101000000, which this release does not know"), "{text}");
}

#[test]
fn a_server_that_nobody_runs_is_an_error_and_no_wait() {
    let nowhere = "postgres://nobody@127.0.0.1:1/nothing".parse().unwrap();
    let (code, text) = said(&binary(&["migrate"], &nowhere).output().unwrap());
    assert!(code == Some(1) && text.contains("connecting to the database"), "{text}");
}
