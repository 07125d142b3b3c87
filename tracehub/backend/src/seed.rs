//! A demo organisation with a user and some shipments, for people and tests to look around in.
//!
//! It connects as the role that owns the schema, since the one that serves can make neither organisations nor users.
//! The owner is held to row-level security as well, so even this writes into one organisation and into no other.

use anyhow::{Context, bail};
use chrono::{Days, Utc};
use sqlx::postgres::PgPoolOptions;
use uuid::{Uuid, uuid};

use crate::database::OrganisationTx;
use crate::password;
use crate::settings::Database;

const ORGANISATION: Uuid = uuid!("01946c1a-0000-7000-8000-000000000001");
const USER: Uuid = uuid!("01946c1a-0000-7000-8000-000000000002");
const EMAIL: &str = "demo@tracehub.example";
/// No secret: it opens the demo organisation, which production does not have.
const PASSWORD: &str = "demo-harbour-crane";

/// Reference, product, status, container, from, to; and how many days from now it departs and arrives.
type Row =
    (&'static str, &'static str, &'static str, Option<&'static str>, &'static str, &'static str, i64, i64);

const SHIPMENTS: [Row; 6] = [
    ("TH-2026-001", "Horn and hoof, 18 t", "delivered", Some("MSKU9070323"), "Lagos", "Hamburg", -62, -31),
    ("TH-2026-002", "Cashew nuts, raw, 24 t", "arrived", Some("TEMU6079348"), "Tema", "Rotterdam", -35, -3),
    ("TH-2026-003", "Cocoa beans, 25 t", "in_transit", Some("HLXU2008419"), "Abidjan", "Antwerp", -29, -2),
    ("TH-2026-004", "Dried ginger, 12 t", "in_transit", Some("CSQU3054383"), "Lagos", "Felixstowe", -4, 19),
    ("TH-2026-005", "Sesame seeds, 19 t", "booked", None, "Mombasa", "Piraeus", 6, 30),
    ("TH-2026-006", "Shea butter, 10 t", "draft", None, "Tema", "Hamburg", 21, 48),
];

/// Fills the demo organisation, once, and prints how to log in as one line of JSON.
pub async fn seed(environment: String, database: Database) -> anyhow::Result<()> {
    if environment == "production" {
        bail!("production gets no demo organisation: anybody could log in to it");
    }
    let database =
        PgPoolOptions::new().max_connections(1).connect_with(database.0).await.context("connecting")?;
    let mut tx = OrganisationTx::begin(&database, ORGANISATION).await?;
    sqlx::query!(
        "INSERT INTO organisations (id, name) VALUES ($1, 'Savanna Exports (demo)') ON CONFLICT DO NOTHING",
        ORGANISATION
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO users (id, organisation_id, email, name, password_hash)
           VALUES ($1, $2, $3, 'Ada Demo', $4) ON CONFLICT DO NOTHING"#,
        USER,
        ORGANISATION,
        EMAIL,
        password::hash(PASSWORD)?
    )
    .execute(&mut *tx)
    .await?;
    for shipment in SHIPMENTS {
        insert(&mut tx, shipment).await.with_context(|| format!("shipment {}", shipment.0))?;
    }
    tx.commit().await?;
    println!("{}", serde_json::json!({ "email": EMAIL, "password": PASSWORD }));
    Ok(())
}

async fn insert(tx: &mut OrganisationTx, shipment: Row) -> anyhow::Result<()> {
    let (reference, product, status, container, origin, destination, departs, arrives) = shipment;
    let today = Utc::now().date_naive();
    let day = |days: i64| match u64::try_from(days) {
        Ok(ahead) => today + Days::new(ahead),
        Err(_) => today - Days::new(days.unsigned_abs()),
    };
    sqlx::query!(
        r#"INSERT INTO shipments (id, organisation_id, reference, product, status, container_number, origin_port,
                                  destination_port, departs_on, arrives_on)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           ON CONFLICT ON CONSTRAINT shipments_reference_is_unique DO NOTHING"#,
        Uuid::now_v7(),
        ORGANISATION,
        reference,
        product,
        status,
        container,
        origin,
        destination,
        day(departs),
        day(arrives)
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
