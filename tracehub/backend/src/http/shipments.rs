//! Shipments: what an organisation sends, from where to where.

use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Caller;
use super::extract::{Id, Json, Path, Query};
use super::idempotency::{self, Begun, Created};
use super::{App, Error, FieldError, Problem};
use crate::database::OrganisationTx;
use crate::day::{self, Day};
use crate::{container_number, text};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_shipments, create_shipment)).routes(routes!(get_shipment))
}

#[derive(Serialize, ToSchema)]
pub struct Shipment {
    id: Uuid,
    /// The organisation's own name for it, unique there.
    reference: String,
    product: String,
    status: Status,
    /// As ISO 6346 has it.
    container_number: Option<String>,
    origin_port: String,
    destination_port: String,
    departs_on: Option<NaiveDate>,
    arrives_on: Option<NaiveDate>,
    created_at: DateTime<Utc>,
}

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

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 100)]
    #[serde(default = "default_limit")]
    limit: i64,
    /// The `next` of the page before.
    #[param(value_type = Option<Uuid>)]
    after: Option<Id>,
    /// A part of the reference, product, container number or a port.
    #[param(schema_with = text::searched::<SEARCH>)]
    search: Option<String>,
}

/// What texts may hold, in characters; the database's checks have the same numbers.
const REFERENCE: usize = 64;
const PRODUCT: usize = 200;
const PORT: usize = 100;
/// Longer than anything that may be found.
const SEARCH: usize = 200;
/// A container number as people write it, with spaces and hyphens.
const CONTAINER_NUMBER: usize = 32;

fn default_limit() -> i64 {
    50
}

#[derive(Serialize, ToSchema)]
pub struct ShipmentPage {
    items: Vec<Shipment>,
    /// What to ask the following page with, if there is one.
    next: Option<String>,
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
}

/// The organisation's shipments, newest first
#[utoipa::path(
    get, path = "/api/shipments", tag = "shipments", params(ListQuery), security(("bearer" = [])),
    responses(
        (status = OK, body = ShipmentPage),
        (
            status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json",
            description = "Too many searches of this organisation are under way",
            headers(("retry-after" = u64, description = "In how many seconds it may be tried again")),
        ),
    ),
)]
pub async fn list_shipments(
    State(app): State<App>,
    caller: Caller,
    Query(ListQuery { limit, after, search }): Query<ListQuery>,
) -> Result<Json<ShipmentPage>, Error> {
    if !(1..=100).contains(&limit) {
        return Err(Error::Invalid(vec![FieldError::new("limit", "must be between 1 and 100")]));
    }
    let search = match search.map(|search| text::plain(&search, SEARCH)).transpose() {
        Err(text::Wrong::Empty) => None,
        search => {
            search.map_err(|wrong| Error::Invalid(vec![FieldError::new("search", wrong.to_string())]))?
        }
    };
    // Held until the answer is there. Only who is searching waits, and before a connection is taken.
    let place = search.as_ref().map(|_| app.searches.enter(caller.organisation())).transpose()?;
    let _turn = match &place {
        Some(place) => Some(place.turn().await?),
        None => None,
    };
    let mut tx = caller.begin(&app).await?;
    // One more than asked for tells whether there is another page. The organisation is not mentioned: row-level
    // security adds it. strpos, since in LIKE the user's own % and _ would have a meaning.
    let mut items = sqlx::query_as!(
        Shipment,
        r#"SELECT id, reference, product, status AS "status: Status", container_number, origin_port,
                  destination_port, departs_on, arrives_on, created_at
           FROM shipments
           WHERE ($1::uuid IS NULL OR id < $1)
             AND ($2::text IS NULL OR strpos(lower(concat_ws(chr(10), reference, product, container_number,
                                                             origin_port, destination_port)), lower($2)) > 0)
           ORDER BY id DESC LIMIT $3"#,
        after.map(|Id(after)| after),
        search,
        limit + 1
    )
    .fetch_all(&mut *tx)
    .await?;
    let is_last = items.len() as i64 <= limit;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| !is_last).map(|shipment| shipment.id.to_string());
    Ok(Json(ShipmentPage { items, next }))
}

/// One shipment
#[utoipa::path(
    get, path = "/api/shipments/{id}", tag = "shipments", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = OK, body = Shipment),
    ),
)]
pub async fn get_shipment(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<Json<Shipment>, Error> {
    let mut tx = caller.begin(&app).await?;
    sqlx::query_as!(
        Shipment,
        r#"SELECT id, reference, product, status AS "status: Status", container_number, origin_port,
                  destination_port, departs_on, arrives_on, created_at
           FROM shipments WHERE id = $1"#,
        id
    )
    .fetch_optional(&mut *tx)
    .await?
    .map(Json)
    .ok_or(Error::NotFound)
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
    let mut tx = caller.begin(&app).await?;
    let once = match key.begin(&mut tx, &caller, "a shipment", &new).await? {
        Begun::New(once) => once,
        Begun::Done(created) => return Ok(created),
    };
    let shipment = new.insert(&mut tx, caller.organisation()).await?;
    let created = Created::new(format!("/api/shipments/{}", shipment.id), &shipment)?;
    once.keep(&mut tx, &created).await?;
    tx.commit().await?;
    Ok(created)
}

impl NewShipment {
    /// With its texts and its container number as they are stored; or everything that is wrong with it.
    fn checked(mut self) -> Result<Self, Error> {
        let mut errors = Vec::new();
        let texts = [
            ("reference", &mut self.reference, REFERENCE),
            ("product", &mut self.product, PRODUCT),
            ("origin_port", &mut self.origin_port, PORT),
            ("destination_port", &mut self.destination_port, PORT),
        ];
        for (field, text, longest) in texts {
            match text::plain(text, longest) {
                Ok(plain) => *text = plain,
                Err(wrong) => errors.push(FieldError::new(field, wrong.to_string())),
            }
        }
        let is_written_so = |number: &str| {
            number.len() <= CONTAINER_NUMBER
                && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -".contains(&byte))
        };
        let is_written_so = self.container_number.as_deref().is_none_or(is_written_so);
        let number = self.container_number.map(|number| container_number::normalise(&number));
        self.container_number = number.filter(|number| !number.is_empty());
        let is_valid = self.container_number.as_deref().is_none_or(container_number::is_valid);
        if !is_written_so || !is_valid {
            errors.push(FieldError::new(
                "container_number",
                "must be four letters and seven digits whose last one fits, such as CSQU3054383",
            ));
        }
        if self.departs_on.zip(self.arrives_on).is_some_and(|(departs, arrives)| arrives < departs) {
            errors.push(FieldError::new("arrives_on", "must not be before the departure"));
        }
        if errors.is_empty() { Ok(self) } else { Err(Error::Invalid(errors)) }
    }

    async fn insert(self, tx: &mut OrganisationTx, organisation: Uuid) -> Result<Shipment, Error> {
        sqlx::query_as!(
            Shipment,
            r#"INSERT INTO shipments (id, organisation_id, reference, product, container_number, origin_port,
                                      destination_port, departs_on, arrives_on)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               RETURNING id, reference, product, status AS "status: Status", container_number, origin_port,
                         destination_port, departs_on, arrives_on, created_at"#,
            Uuid::now_v7(),
            organisation,
            self.reference,
            self.product,
            self.container_number,
            self.origin_port,
            self.destination_port,
            self.departs_on as Option<Day>,
            self.arrives_on as Option<Day>
        )
        .fetch_one(&mut **tx)
        .await
        .map_err(|error| match error.as_database_error().and_then(|error| error.constraint()) {
            Some("shipments_reference_is_unique") => Error::Conflict(format!(
                "there already is a shipment with the reference {:?}",
                self.reference
            )),
            _ => error.into(),
        })
    }
}
