//! The rules for texts and days, and what was written before there were any.

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgPool, Postgres};
use tracehub_backend::database::MIGRATIONS;

use crate::world::{World, app_options};

const ORGANISATION: &str = "01946c1a-0000-7000-8000-000000000001";

/// An organisation as it may have been before there were rules for texts and days, and a connection that sees it.
async fn from_before_the_rules(owner: &PgPool) -> PoolConnection<Postgres> {
    MIGRATIONS.run_to(20261129000200, owner).await.unwrap();
    let insert = format!(
        "SELECT set_config('app.organisation_id', '{ORGANISATION}', false);
        INSERT INTO organisations (id, name) VALUES ('{ORGANISATION}', U&'acme\\200B');
        INSERT INTO users (id, organisation_id, email, name, password_hash)
        SELECT gen_random_uuid(), '{ORGANISATION}', email, U&'Ada\\200B', '$argon2id$'
        FROM (VALUES ('ada@acme.example'), (U&'a\\200Bda@acme.example')) AS before (email);
        INSERT INTO shipments (id, organisation_id, reference, product, origin_port, destination_port, departs_on, arrives_on)
        SELECT gen_random_uuid(), '{ORGANISATION}', reference, U&'Cocoa\\200B', 'Tema', 'Antwerp',
               departs_on::date, arrives_on::date
        FROM (VALUES ('A-1', '2026-03-01', '262142-01-01'), ('a-1', '4713-01-01 BC', '2026-03-01'),
                     (U&'A\\200B-1', NULL, NULL), ('B-1', '1999-12-31', NULL)) AS before (reference, departs_on, arrives_on)"
    );
    let mut connection = owner.acquire().await.unwrap();
    connection.execute(AssertSqlSafe(insert)).await.unwrap();
    connection
}

const SHIPMENT: &str =
    "INSERT INTO shipments (id, organisation_id, reference, product, origin_port, destination_port)
    SELECT gen_random_uuid(), current_organisation_id(), $1, 'Cocoa' || $2, 'Tema', 'Antwerp'";

/// Until then a reference was another one when its case was, a text held what was sent, and a day could be any.
#[sqlx::test(migrations = false)]
async fn rows_from_before_the_rules_for_texts_and_days_stay_and_are_in_nobody_s_way(owner: PgPool) {
    let mut connection = from_before_the_rules(&owner).await;
    MIGRATIONS.run(&owner).await.unwrap();

    let rows =
        "SELECT count(*), count(reference_folded), count(departs_on), count(arrives_on) FROM shipments";
    let counted: (i64, i64, i64, i64) = sqlx::query_as(rows).fetch_one(&mut *connection).await.unwrap();
    assert_eq!(counted, (4, 2, 2, 1));
    let users: (i64, i64) = sqlx::query_as("SELECT count(*), count(email_folded) FROM users")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(users, (2, 1));
    for reference in ["A-1", "a-1", "b-1"] {
        let error =
            sqlx::query(SHIPMENT).bind(reference).bind("").execute(&mut *connection).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().constraint(), Some("shipments_reference_is_unique"));
    }
    sqlx::query(SHIPMENT).bind("C-1").bind("").execute(&mut *connection).await.unwrap();
    // Nobody is asked about the texts of a row when it is about something else: a log-out, say.
    for update in ["UPDATE users SET token_version = 1", "UPDATE shipments SET status = 'arrived'"] {
        connection.execute(update).await.unwrap();
    }
}

/// It writes beside the new one while that is deployed, and after a rollback; it does not know the rules.
#[sqlx::test]
async fn a_release_from_before_the_rules_goes_on_writing_and_meets_no_error_that_it_does_not_know(
    owner: PgPool,
) {
    let world = World::new(&owner).await;
    let named = async |name: &str| {
        let mut connection = app_options(&owner).application_name(name).connect().await.unwrap();
        let organisation = format!("SET app.organisation_id = '{}'", world.acme.id);
        connection.execute(AssertSqlSafe(organisation)).await.unwrap();
        connection
    };
    let mut before = named("tracehub 20260103t120000z-1a2b3c4d5e6f").await;
    sqlx::query(SHIPMENT).bind("A-1").bind("\u{200B}").execute(&mut before).await.unwrap();
    let again = sqlx::query(SHIPMENT).bind("a-1").bind("").execute(&mut before).await.unwrap_err();
    assert_eq!(again.as_database_error().unwrap().constraint(), Some("shipments_reference_is_unique"));
    let mut now = named("tracehub-backend 20260103t120000z-1a2b3c4d5e6f").await;
    let refused = sqlx::query(SHIPMENT).bind("B-1").bind("\u{200B}").execute(&mut now).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().constraint(), Some("shipments_texts_are_plain"));
}
