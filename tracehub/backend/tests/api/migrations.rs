use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use sqlx::migrate::{Migrate, Migration, MigrationType};
use sqlx::{Acquire, AssertSqlSafe, Executor, PgPool, SqlStr};
use tracehub_backend::database::MIGRATIONS;
use tracehub_backend::migrate::{self, Limits, Runner};
use tracehub_backend::settings::Database;

use crate::world::binary;

fn migrate(owner: &PgPool) -> Output {
    migration(owner, &["migrate"], 1).output().unwrap()
}

fn migration(owner: &PgPool, words: &[&str], tries: u32) -> Command {
    let mut command = binary(words, &owner.connect_options());
    command.env("MIGRATE_LOCK_TIMEOUT", "500ms").env("MIGRATE_LOCK_TRIES", tries.to_string());
    command
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
    // What changes rows says how many, in a line of its own.
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("  ")).collect();
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
fn none_asks_for_limits_that_are_none() {
    let limits = Limits { lock: "1s".into(), statement: "60s".into(), tries: 10 };
    for migration in MIGRATIONS.iter() {
        assert!(limits.for_file(migration.sql.as_str()).is_ok(), "{}", migration.version);
    }
}

#[sqlx::test]
async fn one_is_taken_back_by_its_version_and_the_others_stay(owner: PgPool) {
    let all = tables(&owner).await;
    let (code, text) =
        said(&migration(&owner, &["migrate", "--undo", "20261127000000"], 1).output().unwrap());
    assert!(code == Some(0) && text.starts_with("took back 20261127000000 reminders ("), "{text}");
    assert_eq!(tables(&owner).await, all - 1);
    let again = said(&migration(&owner, &["migrate", "--undo", "20261127000000"], 1).output().unwrap());
    assert_eq!(again, (Some(0), "20261127000000 is not applied\n".into()));
    let (code, text) = said(&migration(&owner, &["migrate", "--undo", "1"], 1).output().unwrap());
    assert!(code == Some(1) && text.contains("no way back of migration 1"), "{text}");
    assert_eq!(said(&migrate(&owner)).0, Some(0));
    assert_eq!(tables(&owner).await, all);
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

#[sqlx::test(migrations = false)]
async fn a_lock_that_is_not_given_is_asked_for_again_and_meanwhile_nobody_waits_behind_it(owner: PgPool) {
    MIGRATIONS.run_to(20_260_101_000_000, &owner).await.unwrap();
    let mut other = owner.acquire().await.unwrap();
    let mut report = other.begin().await.unwrap();
    // It lets readers pass, and not the foreign key that a migration makes.
    report.execute("LOCK TABLE organisations IN SHARE UPDATE EXCLUSIVE MODE").await.unwrap();
    let mut waiting = owner.acquire().await.unwrap();

    let mut child = migration(&owner, &["migrate"], 10).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("got no lock within 500ms") && first.contains("again in"), "{first}");
    waiting.execute("SELECT count(*) FROM organisations").await.unwrap();
    report.rollback().await.unwrap();
    assert!(lines.any(|line| line.unwrap().starts_with("applied 20260101000100")));
    assert!(child.wait().unwrap().success());
}

/// `CREATE UNIQUE INDEX CONCURRENTLY` fails on doubles, and leaves its index behind.
#[sqlx::test]
async fn an_index_that_could_not_be_made_beside_the_traffic_is_not_left_half_made(owner: PgPool) {
    const SQL: &str =
        "-- no-transaction\n-- expand\nCREATE UNIQUE INDEX CONCURRENTLY one_each ON things (name);";
    const INVALID: &str = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    owner.execute("CREATE TABLE things (name text)").await.unwrap();
    owner.execute("INSERT INTO things VALUES ('a'), ('a')").await.unwrap();
    let kind = MigrationType::ReversibleUp;
    let index = Migration::new(29_990_101_000_000, "index".into(), kind, SqlStr::from_static(SQL), true);
    let limits = Limits { lock: "500ms".into(), statement: "10s".into(), tries: 1 };
    let invalid = async || sqlx::query_scalar::<_, i64>(INVALID).fetch_one(&owner).await.unwrap();

    let database = Database((*owner.connect_options()).clone());
    let mut runner = Runner::start(database, limits).await.unwrap();
    let error = runner.run(&index).await.unwrap_err();
    assert!(format!("{error:#}").contains("could not create unique index"), "{error:#}");
    assert_eq!(invalid().await, 0);

    // One that was killed could not remove it.
    let left =
        sqlx::raw_sql("CREATE UNIQUE INDEX CONCURRENTLY one_each ON things (name)").execute(&owner).await;
    assert!(left.is_err() && invalid().await == 1);
    owner.execute("TRUNCATE things").await.unwrap();
    runner.run(&index).await.unwrap();
    assert_eq!(invalid().await, 0);
}

/// Two organisations with 25 things each, which only their own transactions see; ten were changed by a run that was cut.
const THINGS: &str = "
    CREATE TABLE things (organisation_id uuid NOT NULL, n int, name text);
    ALTER TABLE things ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own_organisation ON things USING (organisation_id = current_organisation_id());
    DO $$ DECLARE organisation uuid; BEGIN
        FOR i IN 1..2 LOOP
            organisation := gen_random_uuid();
            PERFORM set_config('app.organisation_id', organisation::text, true);
            INSERT INTO organisations (id, name) VALUES (organisation, 'One of ' || i);
            INSERT INTO things SELECT organisation, n, CASE WHEN i = 1 AND n <= 10 THEN 'named' END FROM generate_series(1, 25) n;
        END LOOP;
    END $$";

#[sqlx::test]
async fn rows_are_changed_in_batches_for_each_organisation_and_counted_before_and_after(owner: PgPool) {
    owner.execute(THINGS).await.unwrap();
    let limits = Limits { lock: "500ms".into(), statement: "10s".into(), tries: 1 };
    let database = Database((*owner.connect_options()).clone());
    let mut runner = Runner::start(database, limits).await.unwrap();
    let told = async |change: &str, remaining: &str| {
        let mut connection = owner.acquire().await.unwrap();
        let call = format!("CALL in_batches($q${change}$q$, $q${remaining}$q$)");
        connection.execute(AssertSqlSafe(call)).await.map_err(|error| error.to_string())?;
        let told = "SELECT current_setting('app.changed_in_batches')";
        Ok::<String, String>(sqlx::query_scalar(told).fetch_one(&mut *connection).await.unwrap())
    };
    let change = "UPDATE things SET name = 'named' WHERE n IN (SELECT n FROM things WHERE name IS NULL ORDER BY n LIMIT 10)";
    let remaining = "SELECT count(*) FROM things WHERE name IS NULL";

    let endless = "UPDATE things SET n = n WHERE n IN (SELECT n FROM things LIMIT 10)";
    let why = told(endless, remaining).await.unwrap_err();
    assert!(why.contains("it would never end"), "{why}");
    let why =
        told("DELETE FROM things WHERE n IN (SELECT 1 WHERE false LIMIT 10)", remaining).await.unwrap_err();
    assert!(why.contains("leaves rows that it ought to change: 40 rows to change before, 40 after"), "{why}");
    assert_eq!(told(change, remaining).await.unwrap(), "40 rows to change before, 0 after, in 5 batches");
    assert_eq!(told(change, remaining).await.unwrap(), "0 rows to change before, 0 after, in 0 batches");

    // As a migration, which can't be inside a transaction.
    const SQL: &str = "-- no-transaction\n-- data\nCALL in_batches(
        $$DELETE FROM things WHERE n IN (SELECT n FROM things LIMIT 20)$$, $$SELECT count(*) FROM things$$);";
    let kind = MigrationType::ReversibleUp;
    let rows = Migration::new(29_990_101_000_000, "rows".into(), kind, SqlStr::from_static(SQL), true);
    runner.run(&rows).await.unwrap();
    assert_eq!(
        told(change, "SELECT count(*) FROM things").await.unwrap(),
        "0 rows to change before, 0 after, in 0 batches"
    );
}

/// What the API may be told of a shipment's status, and what the database takes.
#[sqlx::test]
async fn the_values_of_an_enumeration_are_those_that_the_database_takes_and_no_others(owner: PgPool) {
    let document = serde_json::to_value(tracehub_backend::http::openapi()).unwrap();
    let words = document["components"]["schemas"]["Status"]["enum"].as_array().expect("an enumeration");
    let of_code: BTreeSet<&str> = words.iter().filter_map(serde_json::Value::as_str).collect();
    let check =
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'shipments_status_check'";
    let check: String = sqlx::query_scalar(check).fetch_one(&owner).await.unwrap();
    let of_database: BTreeSet<&str> = check.split('\'').skip(1).step_by(2).collect();
    assert_eq!(of_code, of_database);
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
