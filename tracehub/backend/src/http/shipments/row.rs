//! A shipment as it lies in its table, and how it is found there.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::word::Word;
use super::{Shipment, Status};
use crate::database::OrganisationTx;
use crate::http::Error;

/// A shipment, as it lies in its table.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) reference: String,
    pub(super) product: String,
    pub(super) status: Status,
    /// None while no release that knows stages has changed it.
    pub(super) stage: Option<String>,
    pub(super) version: i64,
    pub(super) container_number: Option<String>,
    pub(super) origin_port: String,
    pub(super) destination_port: String,
    pub(super) departs_on: Option<NaiveDate>,
    pub(super) arrives_on: Option<NaiveDate>,
    pub(super) incoterm: Option<String>,
    pub(super) buyer: Option<String>,
    pub(super) bill_of_lading: Option<String>,
    pub(super) booking: Option<String>,
    pub(super) vessel: Option<String>,
    pub(super) voyage: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: Option<DateTime<Utc>>,
    /// Where it stood before it was archived, while it is.
    pub(super) archived_from: Option<String>,
}

/// Whether nobody else may change what is looked at until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    No,
    ForChange,
}

/// Nobody else changes the shipment, or what belongs to it, until the transaction ends. On its own, since a statement that
/// had to wait sees what was there when it began.
pub(super) async fn lock(tx: &mut OrganisationTx, id: Uuid) -> Result<(), Error> {
    let found = sqlx::query!("SELECT id FROM shipments WHERE id = $1 FOR UPDATE", id);
    found.fetch_optional(&mut **tx).await?.map(drop).ok_or(Error::NotFound)
}

/// Whether there is such a shipment, or an error that there is none.
pub(in crate::http) async fn is_there(tx: &mut OrganisationTx, id: Uuid) -> Result<(), Error> {
    let found = sqlx::query!("SELECT id FROM shipments WHERE id = $1", id);
    found.fetch_optional(&mut **tx).await?.map(drop).ok_or(Error::NotFound)
}

impl Shipment {
    pub(super) async fn find(tx: &mut OrganisationTx, id: Uuid, how: Lock) -> Result<Option<Self>, Error> {
        if how == Lock::ForChange {
            lock(tx, id).await?;
        }
        let found = sqlx::query_as!(
            Row,
            r#"SELECT id, reference, product, status AS "status: Status", stage, version, container_number,
                      origin_port, destination_port, departs_on, arrives_on, incoterm, buyer, bill_of_lading, booking,
                      vessel, voyage, created_at, updated_at,
                      CASE WHEN stage = 'archived' THEN
                          (SELECT change ->> 'before' FROM history, jsonb_array_elements(changes) AS change
                           WHERE shipment_id = shipments.id AND change ->> 'field' = 'stage' AND change ->> 'after' = 'archived'
                           ORDER BY history.id DESC LIMIT 1)
                      END AS archived_from
               FROM shipments WHERE id = $1"#,
            id
        );
        Ok(found.fetch_optional(&mut **tx).await?.map(Self::from))
    }
}

impl From<Row> for Shipment {
    fn from(row: Row) -> Self {
        let stage = row.stage.map_or_else(|| Word::Known(row.status.stage()), Word::from);
        let before = row.archived_from.map(Word::from).and_then(Word::known);
        let next_stages = stage.clone().known().map(|stage| stage.next(before)).unwrap_or_default();
        Self {
            id: row.id,
            reference: row.reference,
            product: row.product,
            status: row.status,
            stage,
            next_stages,
            version: row.version,
            container_number: row.container_number,
            origin_port: row.origin_port,
            destination_port: row.destination_port,
            departs_on: row.departs_on,
            arrives_on: row.arrives_on,
            incoterm: row.incoterm.map(Word::from),
            buyer: row.buyer,
            bill_of_lading: row.bill_of_lading,
            booking: row.booking,
            vessel: row.vessel,
            voyage: row.voyage,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
