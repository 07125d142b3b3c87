//! A shipment like one that is there: the same goods by the same way for the same partners, and nothing of one journey alone.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::fields::{Check, REFERENCE};
use super::history::{self, What};
use super::row::{Lock, is_there};
use super::{Shipment, reference_is_taken};
use crate::http::auth::Caller;
use crate::http::extract::{Id, Json, Path};
use crate::http::idempotency::{self, Begun, Created};
use crate::http::role::Role;
use crate::http::{App, Error, Problem};
use crate::text;

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// What the copy is called, unique in the organisation whatever its case.
    #[schema(schema_with = text::schema::<REFERENCE>)]
    reference: String,
}

/// Copy a shipment
///
/// The copy is a draft with the same product, ports, incoterm, partners and items. Days, containers, vessel and the numbers of
/// papers are those of one journey, and stay behind.
#[utoipa::path(
    post, path = "/api/shipments/{id}/copy", tag = "shipments", request_body = Copy, security(("bearer" = [])),
    params(("id" = Uuid, Path), idempotency::Header),
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
pub async fn copy_shipment(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    key: idempotency::Key,
    Json(mut copy): Json<Copy>,
) -> Result<Created, Error> {
    let mut check = Check::default();
    check.text("reference", &mut copy.reference, REFERENCE);
    check.done()?;
    let mut tx = caller.begin(&app, Role::Member).await?;
    let once = match key.begin(&mut tx, &format!("a copy of {id}"), &copy).await? {
        Begun::New(once) => once,
        Begun::Done(created) => return Ok(created),
    };
    is_there(&mut tx, id).await?;
    let new = Uuid::now_v7();
    sqlx::query!(
        r#"INSERT INTO shipments (id, organisation_id, reference, product, origin_port, destination_port, incoterm, buyer)
           SELECT $2, organisation_id, $3, product, origin_port, destination_port, incoterm, buyer
           FROM shipments WHERE id = $1"#,
        id,
        new,
        copy.reference
    )
    .execute(&mut *tx)
    .await
    .map_err(reference_is_taken(Some(&copy.reference)))?;
    sqlx::query!(
        r#"INSERT INTO shipment_partners (organisation_id, shipment_id, partner_id, kind)
           SELECT organisation_id, $2, partner_id, kind FROM shipment_partners WHERE shipment_id = $1"#,
        id,
        new
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO items (organisation_id, id, shipment_id, goods, hs_code, packages, package_kind, net_grams,
                              gross_grams, created_at)
           SELECT organisation_id, gen_random_uuid(), $2, goods, hs_code, packages, package_kind, net_grams, gross_grams,
                  created_at
           FROM items WHERE shipment_id = $1"#,
        id,
        new
    )
    .execute(&mut *tx)
    .await?;
    history::note(&mut tx, new, What::Created, &[]).await?;
    let shipment = Shipment::find(&mut tx, new, Lock::No).await?.ok_or(Error::NotFound)?;
    let created = Created::new(format!("/api/shipments/{new}"), &shipment)?;
    once.keep(&mut tx, &created).await?;
    tx.commit().await?;
    Ok(created)
}
