//! Shipments: what an organisation sends, from where to where.

mod change;
mod containers;
mod copy;
mod fields;
pub(super) mod history;
mod items;
mod list;
mod partners;
mod row;
mod stage;
pub(super) mod word;

pub use fields::{Check, Incoterm, code};
pub use list::{ListQuery, statement as list_statement};
pub use partners::rename_buyer;
pub(super) use row::is_there;
pub use stage::Stage;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use self::fields::{BILL_OF_LADING, BOOKING, BUYER, PORT, PRODUCT, REFERENCE, VESSEL, VOYAGE};
use self::history::What;
use self::row::{Lock, Row};
use self::word::Word;
use super::auth::Caller;
use super::change::etag;
use super::extract::{Id, Json, Path};
use super::idempotency::{self, Begun, Created};
use super::role::Role;
use super::{App, Error, Problem};
use crate::database::OrganisationTx;
use crate::day::{self, Day};
use crate::text;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_shipments, create_shipment))
        .routes(routes!(list::shipments_as_csv))
        .routes(routes!(get_shipment, change::change_shipment))
        .routes(routes!(copy::copy_shipment))
        .routes(routes!(history::shipment_history))
        .merge(containers::routes())
        .merge(items::routes())
        .merge(partners::routes())
}

#[derive(Serialize, ToSchema)]
pub struct Shipment {
    id: Uuid,
    /// The organisation's own name for it, unique there.
    reference: String,
    product: String,
    /// The stage, more coarsely: for pages from before there were stages.
    status: Status,
    // A release from before these has none of them, and its answers may be kept for who asks again.
    #[schema(required = false, value_type = Stage)]
    stage: Word<Stage>,
    /// Where it may go from its stage; first what usually comes next.
    #[schema(required = false)]
    next_stages: Vec<Stage>,
    /// Counts its changes. In quotes, it is the ETag.
    #[schema(required = false)]
    version: i64,
    /// As ISO 6346 has it.
    container_number: Option<String>,
    origin_port: String,
    destination_port: String,
    departs_on: Option<NaiveDate>,
    arrives_on: Option<NaiveDate>,
    #[schema(value_type = Option<Incoterm>)]
    incoterm: Option<Word<Incoterm>>,
    buyer: Option<String>,
    bill_of_lading: Option<String>,
    booking: Option<String>,
    vessel: Option<String>,
    voyage: Option<String>,
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: Option<DateTime<Utc>>,
}

/// How releases read a shipment that know no stages.
#[derive(Debug, Clone, Copy, Serialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    Draft,
    Booked,
    InTransit,
    Arrived,
    Delivered,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShipment {
    /// The organisation's own name for it, unique there whatever its case.
    #[schema(schema_with = text::schema::<REFERENCE>)]
    reference: String,
    #[schema(schema_with = text::schema::<PRODUCT>)]
    product: String,
    /// As ISO 6346 has it; spaces and hyphens may be in it.
    #[schema(max_length = 32, pattern = "^[A-Za-z0-9 -]*$")]
    container_number: Option<String>,
    #[schema(schema_with = text::schema::<PORT>)]
    origin_port: String,
    #[schema(schema_with = text::schema::<PORT>)]
    destination_port: String,
    #[schema(schema_with = day::optional)]
    departs_on: Option<Day>,
    /// Not before the departure.
    #[schema(schema_with = day::optional)]
    arrives_on: Option<Day>,
    // What is left out is not serialised, so that a request which a release from before these has answered is the same one.
    #[serde(skip_serializing_if = "Option::is_none")]
    incoterm: Option<Incoterm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<BUYER>)]
    buyer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<BILL_OF_LADING>)]
    bill_of_lading: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<BOOKING>)]
    booking: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<VESSEL>)]
    vessel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<VOYAGE>)]
    voyage: Option<String>,
}

/// One shipment
#[utoipa::path(
    get, path = "/api/shipments/{id}", tag = "shipments", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = OK, body = Shipment, headers(("etag" = String, description = "For the If-Match of a change"))),
    ),
)]
pub async fn get_shipment(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<([(HeaderName, String); 1], Json<Shipment>), Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    let found = Shipment::find(&mut tx, id, Lock::No).await?.ok_or(Error::NotFound)?;
    Ok((etag(found.version), Json(found)))
}

/// Enter a new shipment
#[utoipa::path(
    post, path = "/api/shipments", tag = "shipments", request_body = NewShipment, security(("bearer" = [])),
    params(idempotency::Header),
    responses(
        (
            status = CREATED, body = Shipment,
            headers(
                ("location" = String),
                ("idempotency-replayed" = Option<bool>, description = "That this was answered before"),
            ),
        ),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "There already is one with the reference, or the same request is still being answered",
        ),
    ),
)]
pub async fn create_shipment(
    State(app): State<App>,
    caller: Caller,
    key: idempotency::Key,
    Json(new): Json<NewShipment>,
) -> Result<Created, Error> {
    let new = new.checked()?;
    let mut tx = caller.begin(&app, Role::Member).await?;
    let once = match key.begin(&mut tx, "a shipment", &new).await? {
        Begun::New(once) => once,
        Begun::Done(created) => return Ok(created),
    };
    let shipment = new.insert(&mut tx).await?;
    history::note(&mut tx, shipment.id, What::Created, &[]).await?;
    let created = Created::new(format!("/api/shipments/{}", shipment.id), &shipment)?;
    once.keep(&mut tx, &created).await?;
    tx.commit().await?;
    Ok(created)
}

impl NewShipment {
    /// With its texts and its container number as they are stored; or everything that is wrong with it.
    fn checked(mut self) -> Result<Self, Error> {
        let mut check = Check::default();
        check.text("reference", &mut self.reference, REFERENCE);
        check.text("product", &mut self.product, PRODUCT);
        check.text("origin_port", &mut self.origin_port, PORT);
        check.text("destination_port", &mut self.destination_port, PORT);
        check.optional("buyer", &mut self.buyer, BUYER);
        check.optional("bill_of_lading", &mut self.bill_of_lading, BILL_OF_LADING);
        check.optional("booking", &mut self.booking, BOOKING);
        check.optional("vessel", &mut self.vessel, VESSEL);
        check.optional("voyage", &mut self.voyage, VOYAGE);
        check.container("container_number", &mut self.container_number);
        check.days(self.departs_on, self.arrives_on);
        check.done()?;
        Ok(self)
    }

    async fn insert(self, tx: &mut OrganisationTx) -> Result<Shipment, Error> {
        let inserted = sqlx::query_as!(
            Row,
            r#"INSERT INTO shipments (id, organisation_id, reference, product, container_number, origin_port,
                                      destination_port, departs_on, arrives_on, incoterm, buyer, bill_of_lading,
                                      booking, vessel, voyage)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
               RETURNING id, reference, product, status AS "status: Status", stage, version, container_number,
                         origin_port, destination_port, departs_on, arrives_on, incoterm, buyer, bill_of_lading,
                         booking, vessel, voyage, created_at, updated_at, NULL AS archived_from"#,
            Uuid::now_v7(),
            tx.organisation(),
            self.reference,
            self.product,
            self.container_number,
            self.origin_port,
            self.destination_port,
            self.departs_on as Option<Day>,
            self.arrives_on as Option<Day>,
            self.incoterm as Option<Incoterm>,
            self.buyer,
            self.bill_of_lading,
            self.booking,
            self.vessel,
            self.voyage
        );
        let inserted = inserted.fetch_one(&mut **tx).await;
        Ok(inserted.map_err(reference_is_taken(Some(&self.reference)))?.into())
    }
}

/// That it has as many of something as it may.
fn too_many(why: String) -> Error {
    Error::of(StatusCode::CONFLICT, "/problems/too-many", why)
}

/// What an error of the database's means to who has written this reference.
fn reference_is_taken(reference: Option<&str>) -> impl FnOnce(sqlx::Error) -> Error + '_ {
    move |error| match error.as_database_error().and_then(|error| error.constraint()) {
        Some("shipments_reference_is_unique") => Error::of(
            StatusCode::CONFLICT,
            "/problems/reference-taken",
            format!("there already is a shipment with the reference {:?}", reference.unwrap_or_default()),
        ),
        _ => error.into(),
    }
}

impl Status {
    /// Where a shipment stands that only releases without stages have written.
    fn stage(self) -> Stage {
        match self {
            Self::Draft => Stage::Draft,
            Self::Booked => Stage::DocsPending,
            Self::InTransit => Stage::InTransit,
            Self::Arrived => Stage::Arrived,
            Self::Delivered => Stage::Delivered,
        }
    }
}
