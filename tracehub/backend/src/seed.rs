//! A demo organisation with a user and some shipments, for people and tests to look around in.
//!
//! It connects as the role that owns the schema, since the one that serves can make neither organisations nor users.
//! The owner is held to row-level security as well, so even this writes into one organisation and into no other.

use anyhow::{Context, bail};
use chrono::{Days, Utc};
use sqlx::postgres::PgPoolOptions;
use uuid::{Uuid, uuid};

use crate::database::OrganisationTx;
use crate::http::{Incoterm, Role, Stage, Status};
use crate::password;
use crate::settings::Database;

const ORGANISATION: Uuid = uuid!("01946c1a-0000-7000-8000-000000000001");
const USER: Uuid = uuid!("01946c1a-0000-7000-8000-000000000002");
const EMAIL: &str = "demo@tracehub.example";
/// No secret: it opens the demo organisation, which production does not have.
const PASSWORD: &str = "demo-harbour-crane";

/// They have the same password.
const COLLEAGUES: [(Uuid, &str, &str, Role); 3] = [
    (uuid!("01946c1a-0000-7000-8000-000000000003"), "Ben Demo", "manager@tracehub.example", Role::Manager),
    (uuid!("01946c1a-0000-7000-8000-000000000004"), "Chidi Demo", "member@tracehub.example", Role::Member),
    (uuid!("01946c1a-0000-7000-8000-000000000005"), "Fatou Demo", "viewer@tracehub.example", Role::Viewer),
];

/// A shipment of the demo; its days are so many from now.
struct Demo {
    reference: &'static str,
    product: &'static str,
    stage: Stage,
    container: Option<&'static str>,
    ports: [&'static str; 2],
    days: [i64; 2],
    buyer: Option<&'static str>,
    incoterm: Option<Incoterm>,
    /// The carrier's number, the bill of lading's, the vessel and its voyage.
    carriage: [Option<&'static str>; 4],
    /// Its HS code, how many packages of which kind, and how many tonnes.
    goods: (&'static str, i64, &'static str, i64),
}

const SHIPMENTS: [Demo; 6] = [
    Demo {
        reference: "TH-2026-001",
        product: "Horn and hoof, 18 t",
        stage: Stage::Delivered,
        container: Some("MSKU9070323"),
        ports: ["Lagos", "Hamburg"],
        days: [-62, -31],
        buyer: Some("Nordkorn Düngemittel GmbH"),
        incoterm: Some(Incoterm::Cfr),
        carriage: [Some("240117553"), Some("MAEU240117553"), Some("Maersk Cabo Verde"), Some("548N")],
        goods: ("050790", 36, "big bags", 18),
    },
    Demo {
        reference: "TH-2026-002",
        product: "Cashew nuts, raw, 24 t",
        stage: Stage::Customs,
        container: Some("TEMU6079348"),
        ports: ["Tema", "Rotterdam"],
        days: [-35, -3],
        buyer: Some("Van Dijk Noten B.V."),
        incoterm: Some(Incoterm::Cif),
        carriage: [Some("EBKG07715230"), Some("MEDUTE118842"), Some("MSC Adu-V"), Some("FA612R")],
        goods: ("080131", 300, "bags", 24),
    },
    Demo {
        reference: "TH-2026-003",
        product: "Cocoa beans, 25 t",
        stage: Stage::InTransit,
        container: Some("HLXU2008419"),
        ports: ["Abidjan", "Antwerp"],
        days: [-29, -2],
        buyer: Some("Chocolaterie Lefèvre SA"),
        incoterm: Some(Incoterm::Fob),
        carriage: [Some("48810277"), Some("HLCUABJ260300417"), Some("Dakar Express"), Some("2609N")],
        goods: ("180100", 400, "bags", 25),
    },
    Demo {
        reference: "TH-2026-004",
        product: "Dried ginger, 12 t",
        stage: Stage::InTransit,
        container: Some("CSQU3054383"),
        ports: ["Lagos", "Felixstowe"],
        days: [-4, 19],
        buyer: Some("Marlow Spice Ltd"),
        incoterm: Some(Incoterm::Fob),
        carriage: [Some("LOS0419928"), None, Some("CMA CGM Lekki"), Some("0WAKEN1MA")],
        goods: ("091011", 480, "cartons", 12),
    },
    Demo {
        reference: "TH-2026-005",
        product: "Sesame seeds, 19 t",
        stage: Stage::DocsPending,
        container: None,
        ports: ["Mombasa", "Piraeus"],
        days: [6, 30],
        buyer: Some("Aegean Foods A.E."),
        incoterm: Some(Incoterm::Fca),
        carriage: [Some("EBKG08120441"), None, None, None],
        goods: ("120740", 380, "bags", 19),
    },
    Demo {
        reference: "TH-2026-006",
        product: "Shea butter, 10 t",
        stage: Stage::Draft,
        container: None,
        ports: ["Tema", "Hamburg"],
        days: [21, 48],
        buyer: None,
        incoterm: None,
        carriage: [None; 4],
        goods: ("151590", 500, "cartons", 10),
    },
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
    let hash = password::hash(PASSWORD)?;
    for (id, name, email, role) in COLLEAGUES {
        sqlx::query!(
            r#"INSERT INTO users (id, organisation_id, email, name, role, password_hash)
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"#,
            id,
            ORGANISATION,
            email,
            name,
            role as Role,
            hash
        )
        .execute(&mut *tx)
        .await?;
    }
    for shipment in SHIPMENTS {
        let reference = shipment.reference;
        insert(&mut tx, shipment).await.with_context(|| format!("shipment {reference}"))?;
    }
    tx.commit().await?;
    println!("{}", serde_json::json!({ "email": EMAIL, "password": PASSWORD }));
    Ok(())
}

async fn insert(tx: &mut OrganisationTx, shipment: Demo) -> anyhow::Result<()> {
    let today = Utc::now().date_naive();
    let [departs_on, arrives_on] = shipment.days.map(|days| match u64::try_from(days) {
        Ok(ahead) => today + Days::new(ahead),
        Err(_) => today - Days::new(days.unsigned_abs()),
    });
    let [booking, bill_of_lading, vessel, voyage] = shipment.carriage;
    let id = Uuid::now_v7();
    let inserted = sqlx::query!(
        r#"INSERT INTO shipments (id, organisation_id, reference, product, status, stage, container_number, origin_port,
                                  destination_port, departs_on, arrives_on, buyer, incoterm, booking, bill_of_lading,
                                  vessel, voyage)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
           ON CONFLICT ON CONSTRAINT shipments_reference_is_unique DO NOTHING"#,
        id,
        ORGANISATION,
        shipment.reference,
        shipment.product,
        shipment.stage.status() as Status,
        shipment.stage as Stage,
        shipment.container,
        shipment.ports[0],
        shipment.ports[1],
        departs_on,
        arrives_on,
        shipment.buyer,
        shipment.incoterm as Option<Incoterm>,
        booking,
        bill_of_lading,
        vessel,
        voyage
    );
    if inserted.execute(&mut **tx).await?.rows_affected() == 0 {
        return Ok(());
    }
    insert_parts(tx, id, &shipment).await?;
    sqlx::query!(
        r#"INSERT INTO history (organisation_id, id, shipment_id, user_id, what, changes)
           VALUES ($1, $2, $3, $4, 'created', '[]')"#,
        ORGANISATION,
        Uuid::now_v7(),
        id,
        USER
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is in it, what of its container is known, and its buyer.
async fn insert_parts(tx: &mut OrganisationTx, id: Uuid, shipment: &Demo) -> anyhow::Result<()> {
    let (hs_code, packages, package_kind, tonnes) = shipment.goods;
    let goods = shipment.product.rsplit_once(", ").map_or(shipment.product, |(goods, _)| goods);
    let (net, gross) = (tonnes * 1_000_000, tonnes * 1_012_000);
    sqlx::query!(
        r#"INSERT INTO items (organisation_id, id, shipment_id, goods, hs_code, packages, package_kind, net_grams, gross_grams)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        ORGANISATION,
        Uuid::now_v7(),
        id,
        goods,
        hs_code,
        packages,
        package_kind,
        net,
        gross
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!("UPDATE containers SET kind = '45G1', gross_grams = $2 WHERE shipment_id = $1", id, gross)
        .execute(&mut **tx)
        .await?;
    let Some(buyer) = shipment.buyer else { return Ok(()) };
    sqlx::query!(
        r#"INSERT INTO partners (organisation_id, id, kind, name) VALUES ($1, $2, 'buyer', $3)
           ON CONFLICT ON CONSTRAINT partners_name_is_unique DO NOTHING"#,
        ORGANISATION,
        Uuid::now_v7(),
        buyer
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO shipment_partners (organisation_id, shipment_id, partner_id, kind)
           SELECT organisation_id, $1, id, kind FROM partners WHERE kind = 'buyer' AND name_folded = folded($2)"#,
        id,
        buyer
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
