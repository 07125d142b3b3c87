//! Shipments: what an organisation sends, from where to where.

use axum::extract::State;
use axum::http::{StatusCode, header};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Caller;
use super::extract::{Json, Path, Query};
use super::{App, Error, FieldError, Problem};
use crate::container_number;

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
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 100)]
    #[serde(default = "default_limit")]
    limit: i64,
    /// The `next` of the page before.
    after: Option<Uuid>,
    /// A part of the reference, product, container number or a port.
    search: Option<String>,
}

fn default_limit() -> i64 {
    50
}

#[derive(Serialize, ToSchema)]
pub struct ShipmentPage {
    items: Vec<Shipment>,
    /// What to ask the following page with, if there is one.
    next: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct NewShipment {
    reference: String,
    product: String,
    container_number: Option<String>,
    origin_port: String,
    destination_port: String,
    departs_on: Option<NaiveDate>,
    arrives_on: Option<NaiveDate>,
}

/// The organisation's shipments, newest first
#[utoipa::path(
    get, path = "/api/shipments", tag = "shipments", params(ListQuery), security(("bearer" = [])),
    responses(
        (status = OK, body = ShipmentPage),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
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
    let search = search.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
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
        after,
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
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub async fn get_shipment(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
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
    responses(
        (status = CREATED, body = Shipment, headers(("location" = String))),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub async fn create_shipment(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewShipment>,
) -> Result<(StatusCode, [(header::HeaderName, String); 1], Json<Shipment>), Error> {
    let new = new.checked()?;
    let mut tx = caller.begin(&app).await?;
    let shipment = sqlx::query_as!(
        Shipment,
        r#"INSERT INTO shipments (id, organisation_id, reference, product, container_number, origin_port,
                                  destination_port, departs_on, arrives_on)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           RETURNING id, reference, product, status AS "status: Status", container_number, origin_port,
                     destination_port, departs_on, arrives_on, created_at"#,
        Uuid::now_v7(),
        caller.organisation(),
        new.reference,
        new.product,
        new.container_number,
        new.origin_port,
        new.destination_port,
        new.departs_on,
        new.arrives_on
    )
    .fetch_one(&mut *tx)
    .await
    .map_err(|error| match error.as_database_error().and_then(|error| error.constraint()) {
        Some("shipments_reference_is_unique") => {
            Error::Conflict(format!("there already is a shipment with the reference {:?}", new.reference))
        }
        _ => error.into(),
    })?;
    tx.commit().await?;
    let location = [(header::LOCATION, format!("/api/shipments/{}", shipment.id))];
    Ok((StatusCode::CREATED, location, Json(shipment)))
}

impl NewShipment {
    /// With its texts trimmed and its container number as it is stored; or everything that is wrong with it.
    fn checked(mut self) -> Result<Self, Error> {
        let mut errors = Vec::new();
        let texts = [
            ("reference", &mut self.reference, 64),
            ("product", &mut self.product, 200),
            ("origin_port", &mut self.origin_port, 100),
            ("destination_port", &mut self.destination_port, 100),
        ];
        for (field, text, longest) in texts {
            *text = text.trim().to_owned();
            if text.is_empty() {
                errors.push(FieldError::new(field, "must not be empty"));
            } else if text.chars().count() > longest {
                errors.push(FieldError::new(field, format!("must not be longer than {longest} characters")));
            } else if text.chars().any(char::is_control) {
                errors.push(FieldError::new(field, "must be a single line of text"));
            }
        }
        let written = self.container_number.map(|number| container_number::normalise(&number));
        self.container_number = written.filter(|number| !number.is_empty());
        if self.container_number.as_deref().is_some_and(|number| !container_number::is_valid(number)) {
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
}
