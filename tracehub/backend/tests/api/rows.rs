//! What the role that serves can do when it is asked in SQL, whatever the code above it forgets or gets wrong.

use axum::http::StatusCode;
use sqlx::{AssertSqlSafe, PgPool};
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::text;
use uuid::Uuid;

use crate::world::{Tenant, World};

/// PostgreSQL's codes.
const INSUFFICIENT_PRIVILEGE: &str = "42501";
const FOREIGN_KEY_VIOLATION: &str = "23503";
const CHECK_VIOLATION: &str = "23514";

async fn insert(tx: &mut OrganisationTx, of: &Tenant, reference: &str) -> sqlx::Result<()> {
    let insert =
        "INSERT INTO shipments (id, organisation_id, reference, product, origin_port, destination_port)
                  VALUES ($1, $2, $3, 'Cocoa', 'Tema', 'Antwerp')";
    sqlx::query(insert).bind(Uuid::now_v7()).bind(of.id).bind(reference).execute(&mut **tx).await.map(drop)
}

async fn remind(tx: &mut OrganisationTx) -> sqlx::Result<()> {
    let insert =
        "INSERT INTO reminders SELECT organisation_id, id, 'arrival_overdue', '2026-03-21' FROM shipments";
    sqlx::query(insert).execute(&mut **tx).await.map(drop)
}

async fn note(tx: &mut OrganisationTx, of: Uuid, shipment: Uuid, user: Uuid) -> sqlx::Result<()> {
    let insert = "INSERT INTO history (organisation_id, id, shipment_id, user_id, what, changes)
                  VALUES ($1, gen_random_uuid(), $2, $3, 'changed', '[]')";
    sqlx::query(insert).bind(of).bind(shipment).bind(user).execute(&mut **tx).await.map(drop)
}

async fn shipment(tx: &mut OrganisationTx) -> Uuid {
    sqlx::query_scalar("SELECT id FROM shipments").fetch_one(&mut **tx).await.unwrap()
}

async fn count(tx: &mut OrganisationTx, table: &str) -> i64 {
    let count = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(&mut **tx).await.unwrap()
}

fn code<T>(result: sqlx::Result<T>) -> String {
    let error = result.err().expect("it was allowed");
    error.as_database_error().unwrap().code().unwrap().into_owned()
}

#[sqlx::test]
async fn a_transaction_sees_its_own_organisation_only(owner: PgPool) {
    let world = World::new(&owner).await;
    for tenant in [&world.acme, &world.zenith] {
        let mut tx = OrganisationTx::begin(&world.app, tenant.id).await.unwrap();
        insert(&mut tx, tenant, "A-1").await.unwrap();
        let shipment = shipment(&mut tx).await;
        note(&mut tx, tenant.id, shipment, tenant.user).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    for table in ["shipments", "history", "users", "organisations"] {
        assert_eq!(count(&mut tx, table).await, 1, "{table}");
    }
}

#[sqlx::test]
async fn without_an_organisation_nothing_is_seen_not_even_by_the_owner(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    insert(&mut tx, &world.acme, "A-1").await.unwrap();
    remind(&mut tx).await.unwrap();
    let shipment = shipment(&mut tx).await;
    note(&mut tx, world.acme.id, shipment, world.acme.user).await.unwrap();
    tx.commit().await.unwrap();
    // Also on a connection that has had one before.
    for (pool, tables) in [
        (&world.app, &["shipments", "reminders", "history", "users", "organisations"][..]),
        (&owner, &["shipments", "reminders", "history"]),
    ] {
        for table in tables {
            let count = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let seen: i64 = sqlx::query_scalar(count).fetch_one(pool).await.unwrap();
            assert_eq!(seen, 0, "{table}");
        }
    }
}

#[sqlx::test]
async fn nothing_is_written_for_another_organisation(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    assert_eq!(code(insert(&mut tx, &world.zenith, "A-1").await), INSUFFICIENT_PRIVILEGE);
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    let noted = note(&mut tx, world.zenith.id, Uuid::now_v7(), world.zenith.user).await;
    assert_eq!(code(noted), INSUFFICIENT_PRIVILEGE);
}

/// Foreign keys look past row-level security.
#[sqlx::test]
async fn a_row_points_at_nothing_of_another_organisation(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut tx = OrganisationTx::begin(&world.app, world.zenith.id).await.unwrap();
    insert(&mut tx, &world.zenith, "Z-1").await.unwrap();
    let theirs = shipment(&mut tx).await;
    tx.commit().await.unwrap();
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    let point = "INSERT INTO reminders VALUES ($1, $2, 'arrival_overdue', '2026-03-21')";
    let pointed = sqlx::query(point).bind(world.acme.id).bind(theirs).execute(&mut *tx).await;
    assert_eq!(code(pointed), FOREIGN_KEY_VIOLATION);

    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    insert(&mut tx, &world.acme, "A-1").await.unwrap();
    let ours = shipment(&mut tx).await;
    tx.commit().await.unwrap();
    for (shipment, user) in [(theirs, world.acme.user), (ours, world.zenith.user)] {
        let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
        let noted = note(&mut tx, world.acme.id, shipment, user).await;
        assert_eq!(code(noted), FOREIGN_KEY_VIOLATION);
    }
}

/// Tables that are of no organisation, each with why.
const OF_NOBODY: [(&str, &str); 2] = [
    ("_sqlx_migrations", "what was applied to the database as a whole"),
    ("log_in_failures", "who fails to log in is nobody yet; of addresses it has hashes"),
];

/// What a table must be so that no organisation sees or touches another's rows; also one that is made tomorrow.
#[sqlx::test]
async fn every_table_is_of_one_organisation_or_says_why_not(owner: PgPool) {
    let wrong = "
        WITH tables AS (
            SELECT oid, relname::text AS name, relrowsecurity AND relforcerowsecurity AS is_held,
                   CASE relname WHEN 'organisations' THEN 'id' ELSE 'organisation_id' END AS whose
            FROM pg_class
            WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND relname <> ALL ($1)
        ), own AS (
            SELECT tables.*, attnum FROM tables LEFT JOIN pg_attribute ON attrelid = oid AND attname = whose AND attnotnull
        )
        SELECT name || ': row-level security is not on, and forced' FROM own WHERE NOT is_held
        UNION ALL SELECT name || ': nothing says whose its rows are' FROM own WHERE attnum IS NULL
        UNION ALL SELECT name || ': no policy keeps the role that serves to its organisation' FROM own WHERE NOT EXISTS (
            SELECT FROM pg_policies WHERE tablename = name AND policyname = 'own_organisation' AND cmd = 'ALL'
            AND roles = '{public}')
        UNION ALL SELECT name || ': ' || policyname || ' lets the role that serves see more' FROM own JOIN pg_policies ON tablename = name
        WHERE roles <> '{tracehub_owner}' AND permissive = 'PERMISSIVE'
            AND (qual <> '(' || whose || ' = current_organisation_id())' OR with_check IS NOT NULL)
        UNION ALL SELECT own.name || ': ' || conname || ' may point at a row of another organisation'
        FROM own JOIN pg_constraint ON conrelid = own.oid AND contype = 'f' JOIN own AS other ON other.oid = confrelid
        -- Beside one key there may be another that says the same, and whose.
        WHERE NOT EXISTS (
            SELECT FROM pg_constraint AS whole
            WHERE (whole.conrelid, whole.confrelid, whole.contype) = (own.oid, other.oid, 'f') AND whole.conkey @> pg_constraint.conkey
                AND EXISTS (SELECT FROM unnest(whole.conkey, whole.confkey) AS pair (here, there)
                            WHERE here = own.attnum AND there = other.attnum))
        UNION ALL SELECT name || ': the role that serves may ' || privilege FROM own, unnest('{TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS privilege
        WHERE has_table_privilege('tracehub_app', oid, privilege)";
    let of_nobody = OF_NOBODY.map(|(table, _)| table.to_owned()).to_vec();
    let wrong: Vec<String> = sqlx::query_scalar(wrong).bind(&of_nobody).fetch_all(&owner).await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[sqlx::test]
async fn nobody_logs_out_somebody_of_another_organisation(owner: PgPool) {
    let world = World::new(&owner).await;
    let mut tx = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    sqlx::query("SELECT log_out($1)").bind(world.zenith.user).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.get("/api/auth/me", &world.zenith.token()).await.status, StatusCode::OK);
}

#[sqlx::test]
async fn the_serving_role_can_change_no_table_and_read_no_hash(owner: PgPool) {
    let world = World::new(&owner).await;
    for forbidden in [
        "ALTER TABLE shipments DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE shipments ADD COLUMN extra text",
        "DROP TABLE shipments",
        "TRUNCATE shipments",
        "DELETE FROM shipments",
        "UPDATE shipments SET organisation_id = gen_random_uuid()",
        "UPDATE shipments SET id = gen_random_uuid()",
        "UPDATE shipments SET created_at = now()",
        "UPDATE shipments SET reference_folded = 'a-1'",
        "DELETE FROM reminders",
        "UPDATE history SET what = 'created'",
        "DELETE FROM history",
        "TRUNCATE history",
        "UPDATE organisation_history SET what = 'created'",
        "DELETE FROM organisation_history",
        "CREATE TABLE mine (id int)",
        "DROP POLICY own_organisation ON shipments",
        "SELECT password_hash FROM users",
        "INSERT INTO organisations (id, name) VALUES (gen_random_uuid(), 'mine')",
        "UPDATE users SET token_version = 0",
        "UPDATE _sqlx_migrations SET success = false",
        "SET ROLE tracehub_owner",
        "CREATE OR REPLACE FUNCTION find_credentials(address text)
            RETURNS TABLE (user_id uuid, organisation_id uuid, password_hash text) LANGUAGE sql AS 'SELECT 1'",
    ] {
        assert_eq!(code(sqlx::raw_sql(forbidden).execute(&world.app).await), INSUFFICIENT_PRIVILEGE, "{forbidden}");
    }
}

#[sqlx::test]
async fn the_database_itself_refuses_what_makes_no_sense(owner: PgPool) {
    let world = World::new(&owner).await;
    for wrong in [
        "UPDATE shipments SET status = 'lost'",
        "UPDATE shipments SET container_number = 'CSQX3054383'",
        "UPDATE shipments SET departs_on = '2026-03-21', arrives_on = '2026-03-01'",
        "UPDATE shipments SET reference = ''",
        "UPDATE shipments SET reference = U&'A\\200B1'",
        "UPDATE shipments SET product = U&'a\\202Efdp.exe'",
        "UPDATE shipments SET product = U&'\\3164'",
        "UPDATE shipments SET product = U&'e\\0301'",
        "UPDATE shipments SET origin_port = ' Tema'",
        "UPDATE shipments SET origin_port = E'Te\\nma'",
        "UPDATE shipments SET destination_port = 'x' || repeat(U&'\\0317', 5)",
        "UPDATE shipments SET departs_on = '1999-12-31'",
        "UPDATE shipments SET departs_on = '4713-01-01 BC'",
        "UPDATE shipments SET arrives_on = '262142-01-01'",
        "UPDATE shipments SET arrives_on = 'infinity'",
        "UPDATE organisations SET name = U&'acme\\00AD'",
        "UPDATE users SET name = ' '",
        "UPDATE users SET email = U&'ada\\200B@acme.example'",
        "UPDATE users SET email = 'ADA@acme.example'",
        "UPDATE users SET password_hash = 'in the clear'",
    ] {
        let mut tx = OrganisationTx::begin(&owner, world.acme.id).await.unwrap();
        insert(&mut tx, &world.acme, "A-1").await.unwrap();
        assert_eq!(code(sqlx::raw_sql(wrong).execute(&mut *tx).await), CHECK_VIOLATION, "{wrong}");
    }
}

/// Unicode 16 composes them with others of their kind, and so does the API. The database's Unicode may be older.
const COMPOSED_SINCE: [u32; 2] = [0x1_13C2, 0x1_6D67];

/// What the API takes is what the database takes, character by character: once and in a heap, since marks are counted.
#[sqlx::test]
async fn one_rule_for_texts_holds_in_both_places(owner: PgPool) {
    for times in [1, 5] {
        let taken = "SELECT c FROM generate_series(1, 1114111) c
                     WHERE CASE WHEN c < 55296 OR c BETWEEN 57344 AND 131072 OR c % 65536 >= 65534 OR c BETWEEN 917504 AND 983050
                                THEN is_plain('x' || repeat(chr(c), $1), 64) END";
        let taken: Vec<i32> = sqlx::query_scalar(taken).bind(times).fetch_all(&owner).await.unwrap();
        let here = (1..=0x10_FFFF_u32).filter(|code| {
            let is_asked = (..0xD800).contains(code)
                || (0xE000..=0x2_0000).contains(code)
                || code % 0x1_0000 >= 0xFFFE
                || (0xE_0000..=0xE_FFFA).contains(code);
            let character = char::from_u32(*code).filter(|_| is_asked);
            let text = character.map(|it| format!("x{}", it.to_string().repeat(times as usize)));
            text.is_some_and(|text| text::plain(&text, 64).as_ref() == Ok(&text))
        });
        let here: Vec<i32> = here.map(|code| code as i32).collect();
        let differ: Vec<String> = here
            .iter()
            .filter(|code| taken.binary_search(code).is_err())
            .chain(taken.iter().filter(|code| here.binary_search(code).is_err()))
            .filter(|code| !COMPOSED_SINCE.contains(&code.unsigned_abs()))
            .map(|code| format!("U+{code:04X}"))
            .collect();
        assert!(differ.is_empty(), "{times} times: {}", differ.join(" "));
    }
}
