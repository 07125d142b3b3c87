//! Partners: whom an organisation trades with.

mod partner;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use self::partner::{NAME, NewPartner, PartnerChange};
use super::auth::Caller;
use super::change::{ChangedSince, Header, Seen, as_object, changed_since, etag, merged};
use super::extract::{Id, Json, Path, Query};
use super::history::{self, Action, NewEntry, SubjectKind};
use super::idempotency::{self, Begun, Created};
use super::role::Role;
use super::shipments::history::Change;
use super::shipments::rename_buyer;
use super::{App, Error, FieldError, Problem};
use crate::database::OrganisationTx;
use crate::text;

pub use self::partner::{Partner, PartnerKind};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_partners, create_partner)).routes(routes!(
        get_partner,
        change_partner,
        remove_partner
    ))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PartnerQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 100)]
    #[serde(default = "default_limit")]
    limit: i64,
    /// The `next` of the page before.
    #[param(value_type = Option<Uuid>)]
    after: Option<Id>,
    /// Only those of this kind.
    #[param(inline)]
    kind: Option<PartnerKind>,
    /// A part of the name, whatever its case.
    #[param(schema_with = text::searched::<NAME>)]
    search: Option<String>,
}

fn default_limit() -> i64 {
    50
}

#[derive(Serialize, ToSchema)]
pub struct PartnerPage {
    items: Vec<Partner>,
    /// What to ask the following page with, if there is one.
    next: Option<String>,
}

/// The organisation's partners, by name
#[utoipa::path(
    get, path = "/api/partners", tag = "partners", params(PartnerQuery), security(("bearer" = [])),
    responses((status = OK, body = PartnerPage)),
)]
pub async fn list_partners(
    State(app): State<App>,
    caller: Caller,
    Query(PartnerQuery { limit, after, kind, search }): Query<PartnerQuery>,
) -> Result<Json<PartnerPage>, Error> {
    if !(1..=100).contains(&limit) {
        return Err(Error::Invalid(vec![FieldError::new("limit", "must be between 1 and 100")]));
    }
    let search = match search.map(|search| text::plain(&search, NAME)).transpose() {
        Err(text::Wrong::Empty) => None,
        search => search.map_err(|wrong| Error::Invalid(vec![FieldError::of_text("search", wrong)]))?,
    };
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    if let Some(Id(after)) = after
        && find(&mut tx, after).await?.is_none()
    {
        let why = "is a partner that is no more: begin with the first page";
        return Err(Error::Invalid(vec![FieldError::new("after", why)]));
    }
    let mut items = sqlx::query_as!(
        Partner,
        r#"SELECT id, kind AS "kind: PartnerKind", name, address, country, eori, email, version, created_at,
                  (SELECT count(*) FROM shipment_partners WHERE partner_id = partners.id) AS "shipments!"
           FROM partners
           WHERE ($1::uuid IS NULL OR (name_folded, id) > (SELECT name_folded, id FROM partners WHERE id = $1))
             AND ($2::text IS NULL OR kind = $2)
             AND ($3::text IS NULL OR strpos(name_folded, folded($3)) > 0)
           ORDER BY name_folded, id LIMIT $4"#,
        after.map(|Id(after)| after),
        kind as Option<PartnerKind>,
        search,
        limit + 1
    )
    .fetch_all(&mut *tx)
    .await?;
    let is_last = items.len() as i64 <= limit;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| !is_last).map(|partner| partner.id.to_string());
    Ok(Json(PartnerPage { items, next }))
}

/// One partner
#[utoipa::path(
    get, path = "/api/partners/{id}", tag = "partners", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = OK, body = Partner, headers(("etag" = String, description = "For the If-Match of a change"))),
    ),
)]
pub async fn get_partner(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<([(HeaderName, String); 1], Json<Partner>), Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    let found = find(&mut tx, id).await?.ok_or(Error::NotFound)?;
    Ok((etag(found.version), Json(found)))
}

/// Enter a new partner
#[utoipa::path(
    post, path = "/api/partners", tag = "partners", request_body = NewPartner, security(("bearer" = [])),
    params(idempotency::Header),
    responses(
        (
            status = CREATED, body = Partner,
            headers(
                ("location" = String),
                ("idempotency-replayed" = Option<bool>, description = "That this was answered before"),
            ),
        ),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "There already is one of this kind and name, or the same request is still being answered",
        ),
    ),
)]
pub async fn create_partner(
    State(app): State<App>,
    caller: Caller,
    key: idempotency::Key,
    Json(new): Json<NewPartner>,
) -> Result<Created, Error> {
    let new = new.checked()?;
    let mut tx = caller.begin(&app, Role::Member).await?;
    let once = match key.begin(&mut tx, "a partner", &new).await? {
        Begun::New(once) => once,
        Begun::Done(created) => return Ok(created),
    };
    let partner = sqlx::query_as!(
        Partner,
        r#"INSERT INTO partners (organisation_id, id, kind, name, address, country, eori, email)
           VALUES (current_organisation_id(), $1, $2, $3, $4, $5, $6, $7)
           RETURNING id, kind AS "kind: PartnerKind", name, address, country, eori, email, version, created_at,
                     0::bigint AS "shipments!""#,
        Uuid::now_v7(),
        new.kind as PartnerKind,
        new.name,
        &new.address,
        new.country,
        new.eori,
        new.email
    );
    let partner = partner.fetch_one(&mut *tx).await.map_err(is_there_already(&new.name))?;
    let kind = Change { field: "kind".into(), before: None, after: Some(partner.kind.word().into()) };
    note(&mut tx, &partner, Action::Created, vec![kind]).await?;
    let created = Created::new(format!("/api/partners/{}", partner.id), &partner)?;
    once.keep(&mut tx, &created).await?;
    tx.commit().await?;
    Ok(created)
}

/// Change some of a partner's fields
///
/// A buyer's new name is that of its shipments' buyer, too.
#[utoipa::path(
    patch, path = "/api/partners/{id}", tag = "partners", request_body = PartnerChange, security(("bearer" = [])),
    params(("id" = Uuid, Path), Header),
    responses(
        (status = OK, body = Partner, headers(("etag" = String, description = "For the next change's If-Match"))),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "There already is one of this kind and name, or more than 10,000 shipments have this buyer",
        ),
        (
            status = PRECONDITION_FAILED, body = ChangedSince<Partner>, content_type = "application/problem+json",
            description = "It is another one by now than the one that was seen",
        ),
    ),
)]
pub async fn change_partner(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    seen: Seen,
    Json(change): Json<PartnerChange>,
) -> Result<([(HeaderName, String); 1], Json<Partner>), Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    let current = find_seen(&mut tx, id, &seen).await?;
    let before = NewPartner::from(current.clone());
    let after = merged(&before, &change)?.checked()?;
    if after == before {
        return Ok((etag(current.version), Json(current)));
    }
    let changed = sqlx::query!(
        r#"UPDATE partners SET name = $2, address = $3, country = $4, eori = $5, email = $6,
               version = version + 1, updated_at = now()
           WHERE id = $1"#,
        id,
        after.name,
        &after.address,
        after.country,
        after.eori,
        after.email
    );
    changed.execute(&mut *tx).await.map_err(is_there_already(&after.name))?;
    if after.kind == PartnerKind::Buyer && after.name != before.name {
        rename_buyer(&mut tx, id, &after.name).await?;
    }
    note(&mut tx, &current, Action::Changed, differences(&before, &after)?).await?;
    let changed = find(&mut tx, id).await?.ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok((etag(changed.version), Json(changed)))
}

/// Remove a partner that no shipment has
#[utoipa::path(
    delete, path = "/api/partners/{id}", tag = "partners", security(("bearer" = [])), params(("id" = Uuid, Path), Header),
    responses(
        (status = NO_CONTENT),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "Shipments have it",
        ),
        (
            status = PRECONDITION_FAILED, body = ChangedSince<Partner>, content_type = "application/problem+json",
            description = "It is another one by now than the one that was seen",
        ),
    ),
)]
pub async fn remove_partner(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    seen: Seen,
) -> Result<StatusCode, Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    let partner = find_seen(&mut tx, id, &seen).await?;
    if partner.shipments > 0 {
        let why = format!("{} shipments have {}", partner.shipments, partner.name);
        return Err(Error::of(StatusCode::CONFLICT, "/problems/partner-in-use", why));
    }
    sqlx::query!("DELETE FROM partners WHERE id = $1", id).execute(&mut *tx).await?;
    let kind = Change { field: "kind".into(), before: Some(partner.kind.word().into()), after: None };
    note(&mut tx, &partner, Action::Removed, vec![kind]).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn note(
    tx: &mut OrganisationTx,
    partner: &Partner,
    what: Action,
    changes: Vec<Change>,
) -> Result<(), Error> {
    let new = NewEntry { kind: SubjectKind::Partner, about: partner.id, name: &partner.name, what, changes };
    let by = tx.user();
    history::note(tx, by, new).await
}

/// The fields that are others now.
fn differences(before: &NewPartner, after: &NewPartner) -> Result<Vec<Change>, Error> {
    let (before, after) = (as_object(before)?, as_object(after)?);
    let text = |value: &Value| match value {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        value => value.as_str().unwrap_or_default().to_owned(),
    };
    let kept = |value: &Value| Some(text(value)).filter(|text| !text.is_empty());
    let changed = before.iter().filter(|(field, was)| after.get(*field) != Some(*was));
    let changes = changed.map(|(field, was)| Change {
        field: field.clone(),
        before: kept(was),
        after: after.get(field).and_then(kept),
    });
    Ok(changes.collect())
}

async fn find(tx: &mut OrganisationTx, id: Uuid) -> Result<Option<Partner>, Error> {
    let found = sqlx::query_as!(
        Partner,
        r#"SELECT id, kind AS "kind: PartnerKind", name, address, country, eori, email, version, created_at,
                  (SELECT count(*) FROM shipment_partners WHERE partner_id = partners.id) AS "shipments!"
           FROM partners WHERE id = $1"#,
        id
    );
    Ok(found.fetch_optional(&mut **tx).await?)
}

/// The one that was seen, which nobody else changes until the transaction ends.
async fn find_seen(tx: &mut OrganisationTx, id: Uuid, seen: &Seen) -> Result<Partner, Error> {
    lock(tx, id).await?;
    let found = find(tx, id).await?.ok_or(Error::NotFound)?;
    if seen.is(found.version) { Ok(found) } else { Err(changed_since(&found)?) }
}

/// Nobody else changes the partner until the transaction ends, nor gives it to a shipment.
pub async fn lock(tx: &mut OrganisationTx, id: Uuid) -> Result<(), Error> {
    let found = sqlx::query!("SELECT id FROM partners WHERE id = $1 FOR UPDATE", id);
    found.fetch_optional(&mut **tx).await?.map(drop).ok_or(Error::NotFound)
}

fn is_there_already(name: &str) -> impl FnOnce(sqlx::Error) -> Error + '_ {
    move |error| match error.as_database_error().and_then(|error| error.constraint()) {
        Some("partners_name_is_unique") => {
            let why = format!("there already is a partner of this kind with the name {name:?}");
            Error::of(StatusCode::CONFLICT, "/problems/partner-taken", why)
        }
        _ => error.into(),
    }
}
