//! The containers of a shipment. The first one's number is the shipment's `container_number`, by which releases from before
//! there were several know it: the database keeps both the same.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::fields::{Check, HEAVIEST, code, counted, number};
use super::history;
use super::row::{is_there, lock};
use super::too_many;
use crate::codes::kilograms;
use crate::database::OrganisationTx;
use crate::http::auth::Caller;
use crate::http::change::{ChangedSince, Header, Seen, changed_since, etag, given, merged};
use crate::http::extract::{Id, Json, Path};
use crate::http::idempotency::{self, Begun, Created};
use crate::http::role::Role;
use crate::http::{App, Error, Problem, Rule};
use crate::text;

/// How many a shipment may have.
const MOST: i64 = 100;
const SEAL: usize = 32;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_containers, add_container))
        .routes(routes!(change_container, remove_container))
}

#[derive(Clone, Serialize, ToSchema)]
pub struct Container {
    id: Uuid,
    /// As ISO 6346 has it, without spaces.
    number: String,
    /// Size and type, as ISO 6346 codes them: `45G1` is a dry one of 40 feet, and high.
    kind: Option<String>,
    seal: Option<String>,
    gross_grams: Option<i64>,
    /// Counts its changes. In quotes, it is the ETag.
    version: i64,
}

#[derive(Serialize, ToSchema)]
pub struct Containers {
    /// In the order in which they were added; at most 100.
    items: Vec<Container>,
}

#[derive(PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContainer {
    /// As ISO 6346 has it; spaces and hyphens may be in it.
    #[schema(max_length = 32, pattern = "^[A-Za-z0-9 -]*$")]
    number: String,
    /// Size and type, as ISO 6346 codes them: `45G1` is a dry one of 40 feet, and high.
    #[schema(schema_with = code)]
    kind: Option<String>,
    #[schema(schema_with = text::optional::<SEAL>)]
    seal: Option<String>,
    /// With what is in it.
    #[schema(schema_with = counted::<HEAVIEST>)]
    gross_grams: Option<i64>,
}

/// What of a container is to be another: a field that is left out stays, and `null` empties one that may be empty.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContainerChange {
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = number)]
    number: Option<String>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = code)]
    kind: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<SEAL>)]
    seal: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = counted::<HEAVIEST>)]
    gross_grams: Option<Option<i64>>,
}

/// The containers of a shipment
#[utoipa::path(
    get, path = "/api/shipments/{id}/containers", tag = "shipments", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = OK, body = Containers)),
)]
pub async fn list_containers(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<Json<Containers>, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    is_there(&mut tx, id).await?;
    let items = sqlx::query_as!(
        Container,
        "SELECT id, number, kind, seal, gross_grams, version FROM containers WHERE shipment_id = $1 ORDER BY created_at, id",
        id
    );
    Ok(Json(Containers { items: items.fetch_all(&mut *tx).await? }))
}

/// Add a container
#[utoipa::path(
    post, path = "/api/shipments/{id}/containers", tag = "shipments", request_body = NewContainer, security(("bearer" = [])),
    params(("id" = Uuid, Path), idempotency::Header),
    responses(
        (
            status = CREATED, body = Container,
            headers(
                ("location" = String),
                ("idempotency-replayed" = Option<bool>, description = "That this was answered before"),
            ),
        ),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "The shipment has it already, or as many as it may, or the same request is still being answered",
        ),
    ),
)]
pub async fn add_container(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    key: idempotency::Key,
    Json(new): Json<NewContainer>,
) -> Result<Created, Error> {
    let new = new.checked()?;
    let mut tx = caller.begin(&app, Role::Member).await?;
    let once = match key.begin(&mut tx, &format!("a container of {id}"), &new).await? {
        Begun::New(once) => once,
        Begun::Done(created) => return Ok(created),
    };
    lock(&mut tx, id).await?;
    let there = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM containers WHERE shipment_id = $1"#, id);
    if there.fetch_one(&mut *tx).await? >= MOST {
        return Err(too_many(format!("a shipment has at most {MOST} containers")));
    }
    let added = sqlx::query_as!(
        Container,
        r#"INSERT INTO containers (organisation_id, id, shipment_id, number, kind, seal, gross_grams)
           VALUES (current_organisation_id(), $1, $2, $3, $4, $5, $6)
           RETURNING id, number, kind, seal, gross_grams, version"#,
        Uuid::now_v7(),
        id,
        new.number,
        new.kind,
        new.seal,
        new.gross_grams
    );
    let added = added.fetch_one(&mut *tx).await.map_err(is_there_already(&new.number))?;
    note(&mut tx, id, None, Some(&new)).await?;
    let created = Created::new(format!("/api/shipments/{id}/containers/{}", added.id), &added)?;
    once.keep(&mut tx, &created).await?;
    tx.commit().await?;
    Ok(created)
}

/// Change some of a container's fields
#[utoipa::path(
    patch, path = "/api/shipments/{id}/containers/{container}", tag = "shipments", request_body = ContainerChange,
    security(("bearer" = [])), params(("id" = Uuid, Path), ("container" = Uuid, Path), Header),
    responses(
        (status = OK, body = Container, headers(("etag" = String, description = "For the next change's If-Match"))),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "The shipment has another one with this number",
        ),
        (
            status = PRECONDITION_FAILED, body = ChangedSince<Container>, content_type = "application/problem+json",
            description = "It is another one by now than the one that was seen",
        ),
    ),
)]
pub async fn change_container(
    State(app): State<App>,
    caller: Caller,
    Path((Id(id), Id(container))): Path<(Id, Id)>,
    seen: Seen,
    Json(change): Json<ContainerChange>,
) -> Result<([(HeaderName, String); 1], Json<Container>), Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    let current = find(&mut tx, id, container, &seen).await?;
    let before = NewContainer::from(current.clone());
    let after = merged(&before, &change)?.checked()?;
    if after == before {
        return Ok((etag(current.version), Json(current)));
    }
    let changed = sqlx::query_as!(
        Container,
        r#"UPDATE containers SET number = $3, kind = $4, seal = $5, gross_grams = $6, version = version + 1
           WHERE shipment_id = $1 AND id = $2
           RETURNING id, number, kind, seal, gross_grams, version"#,
        id,
        container,
        after.number,
        after.kind,
        after.seal,
        after.gross_grams
    );
    let changed = changed.fetch_one(&mut *tx).await.map_err(is_there_already(&after.number))?;
    note(&mut tx, id, Some(&before), Some(&after)).await?;
    tx.commit().await?;
    Ok((etag(changed.version), Json(changed)))
}

/// Remove a container
#[utoipa::path(
    delete, path = "/api/shipments/{id}/containers/{container}", tag = "shipments", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("container" = Uuid, Path), Header),
    responses(
        (status = NO_CONTENT),
        (
            status = PRECONDITION_FAILED, body = ChangedSince<Container>, content_type = "application/problem+json",
            description = "It is another one by now than the one that was seen",
        ),
    ),
)]
pub async fn remove_container(
    State(app): State<App>,
    caller: Caller,
    Path((Id(id), Id(container))): Path<(Id, Id)>,
    seen: Seen,
) -> Result<StatusCode, Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    let before = find(&mut tx, id, container, &seen).await?;
    sqlx::query!("DELETE FROM containers WHERE shipment_id = $1 AND id = $2", id, container)
        .execute(&mut *tx)
        .await?;
    note(&mut tx, id, Some(&before.into()), None).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The one that was seen, which nobody else changes until the transaction ends.
async fn find(tx: &mut OrganisationTx, shipment: Uuid, id: Uuid, seen: &Seen) -> Result<Container, Error> {
    lock(tx, shipment).await?;
    let found = sqlx::query_as!(
        Container,
        "SELECT id, number, kind, seal, gross_grams, version FROM containers WHERE shipment_id = $1 AND id = $2",
        shipment,
        id
    );
    let found = found.fetch_optional(&mut **tx).await?.ok_or(Error::NotFound)?;
    if seen.is(found.version) { Ok(found) } else { Err(changed_since(&found)?) }
}

/// Writes down which one there was, and which one there is.
async fn note(
    tx: &mut OrganisationTx,
    shipment: Uuid,
    before: Option<&NewContainer>,
    after: Option<&NewContainer>,
) -> Result<(), Error> {
    history::note_part(tx, shipment, "container", before.map(line), after.map(line)).await
}

/// A container in one line that needs no translation.
fn line(container: &NewContainer) -> String {
    let NewContainer { number, kind, seal, gross_grams } = container;
    let parts = [Some(number.clone()), kind.clone(), seal.clone(), gross_grams.map(kilograms)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

impl NewContainer {
    /// As it is stored; or everything that is wrong with it.
    fn checked(mut self) -> Result<Self, Error> {
        let mut check = Check::default();
        let mut number = Some(std::mem::take(&mut self.number));
        check.container("number", &mut number);
        match number {
            Some(number) => self.number = number,
            None => check.wrong("number", Rule::Empty, text::Wrong::Empty.to_string()),
        }
        check.code("kind", &mut self.kind, Rule::ContainerKind);
        check.optional("seal", &mut self.seal, SEAL);
        check.within("gross_grams", self.gross_grams, 1..=HEAVIEST as i64);
        check.done()?;
        Ok(self)
    }
}

impl From<Container> for NewContainer {
    fn from(it: Container) -> Self {
        Self { number: it.number, kind: it.kind, seal: it.seal, gross_grams: it.gross_grams }
    }
}

fn is_there_already(number: &str) -> impl FnOnce(sqlx::Error) -> Error + '_ {
    move |error| match error.as_database_error().and_then(|error| error.constraint()) {
        Some("containers_number_is_unique") => {
            let why = format!("the shipment has the container {number} already");
            Error::of(StatusCode::CONFLICT, "/problems/container-there", why)
        }
        _ => error.into(),
    }
}
