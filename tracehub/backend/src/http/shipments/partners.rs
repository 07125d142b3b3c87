//! The partners of a shipment: one buyer, and others. The buyer's name is the shipment's `buyer` as well, which releases from
//! before there were partners read and write.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::history;
use super::row::{is_there, lock};
use super::too_many;
use crate::database::OrganisationTx;
use crate::http::auth::Caller;
use crate::http::extract::{Id, Json, Path};
use crate::http::partners::{self, Partner, PartnerKind};
use crate::http::role::Role;
use crate::http::{App, Error, Problem};

/// How many a shipment may have.
const MOST: usize = 20;
/// Of how many shipments a buyer is renamed, in one transaction.
const MOST_OF_BUYER: i64 = 10_000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(shipment_partners)).routes(routes!(give_partner, take_partner))
}

#[derive(Serialize, ToSchema)]
pub struct ShipmentPartners {
    /// The buyer first; at most 20.
    items: Vec<Partner>,
}

/// The partners of a shipment
#[utoipa::path(
    get, path = "/api/shipments/{id}/partners", tag = "shipments", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = OK, body = ShipmentPartners)),
)]
pub async fn shipment_partners(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<Json<ShipmentPartners>, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    is_there(&mut tx, id).await?;
    Ok(Json(ShipmentPartners { items: of(&mut tx, id).await? }))
}

/// Give a shipment a partner; a buyer takes the place of the buyer before
#[utoipa::path(
    put, path = "/api/shipments/{id}/partners/{partner}", tag = "shipments", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("partner" = Uuid, Path)),
    responses(
        (status = NO_CONTENT, description = "It has it now, or had it already"),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "The shipment has as many as it may",
        ),
    ),
)]
pub async fn give_partner(
    State(app): State<App>,
    caller: Caller,
    Path((Id(id), Id(partner))): Path<(Id, Id)>,
) -> Result<StatusCode, Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    partners::lock(&mut tx, partner).await?;
    lock(&mut tx, id).await?;
    let there = of(&mut tx, id).await?;
    if there.iter().any(|it| it.id == partner) {
        return Ok(StatusCode::NO_CONTENT);
    }
    if there.len() >= MOST {
        return Err(too_many(format!("a shipment has at most {MOST} partners")));
    }
    let given =
        sqlx::query!(r#"SELECT kind AS "kind: PartnerKind", name FROM partners WHERE id = $1"#, partner);
    let given = given.fetch_one(&mut *tx).await?;
    let mut before = None;
    if given.kind == PartnerKind::Buyer {
        sqlx::query!("DELETE FROM shipment_partners WHERE shipment_id = $1 AND kind = 'buyer'", id)
            .execute(&mut *tx)
            .await?;
        before =
            sqlx::query_scalar!("SELECT buyer FROM shipments WHERE id = $1", id).fetch_one(&mut *tx).await?;
    }
    sqlx::query!(
        r#"INSERT INTO shipment_partners (organisation_id, shipment_id, partner_id, kind)
           VALUES (current_organisation_id(), $1, $2, $3)"#,
        id,
        partner,
        given.kind as PartnerKind
    )
    .execute(&mut *tx)
    .await?;
    if given.kind == PartnerKind::Buyer {
        name_buyer(&mut tx, id, Some(&given.name)).await?;
    }
    history::note_part(&mut tx, id, given.kind.word(), before, Some(given.name)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a partner from a shipment
#[utoipa::path(
    delete, path = "/api/shipments/{id}/partners/{partner}", tag = "shipments", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("partner" = Uuid, Path)),
    responses((status = NO_CONTENT)),
)]
pub async fn take_partner(
    State(app): State<App>,
    caller: Caller,
    Path((Id(id), Id(partner))): Path<(Id, Id)>,
) -> Result<StatusCode, Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    lock(&mut tx, id).await?;
    let taken = of(&mut tx, id).await?.into_iter().find(|it| it.id == partner).ok_or(Error::NotFound)?;
    sqlx::query!("DELETE FROM shipment_partners WHERE shipment_id = $1 AND partner_id = $2", id, partner)
        .execute(&mut *tx)
        .await?;
    if taken.kind == PartnerKind::Buyer {
        name_buyer(&mut tx, id, None).await?;
    }
    history::note_part(&mut tx, id, taken.kind.word(), Some(taken.name), None).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn of(tx: &mut OrganisationTx, shipment: Uuid) -> Result<Vec<Partner>, Error> {
    let found = sqlx::query_as!(
        Partner,
        r#"SELECT id, partners.kind AS "kind: PartnerKind", name, address, country, eori, email, version, created_at,
                  (SELECT count(*) FROM shipment_partners WHERE partner_id = partners.id) AS "shipments!"
           FROM partners JOIN shipment_partners ON partner_id = id
           WHERE shipment_id = $1 ORDER BY array_position('{buyer,carrier,agent}'::text[], partners.kind), name_folded, id"#,
        shipment
    );
    Ok(found.fetch_all(&mut **tx).await?)
}

async fn name_buyer(tx: &mut OrganisationTx, shipment: Uuid, name: Option<&str>) -> Result<(), Error> {
    sqlx::query!(
        r#"UPDATE shipments SET buyer = $2, version = version + 1, updated_at = now()
           WHERE id = $1 AND buyer IS DISTINCT FROM $2"#,
        shipment,
        name
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The shipments that have the partner as their buyer name it so, for releases that know no partners; and their history says
/// so.
pub async fn rename_buyer(tx: &mut OrganisationTx, partner: Uuid, name: &str) -> Result<(), Error> {
    let locked = sqlx::query!(
        r#"SELECT id FROM shipments WHERE id IN (SELECT shipment_id FROM shipment_partners WHERE partner_id = $1)
           ORDER BY id LIMIT $2 FOR UPDATE"#,
        partner,
        MOST_OF_BUYER + 1
    );
    if locked.fetch_all(&mut **tx).await?.len() as i64 > MOST_OF_BUYER {
        let why =
            format!("more than {MOST_OF_BUYER} shipments have this buyer: they keep the name that they have");
        return Err(Error::of(StatusCode::CONFLICT, "/problems/buyer-of-many", why));
    }
    // On its own: a statement that had to wait for a shipment would still see the buyer that it had before.
    let its = sqlx::query!(
        r#"SELECT id, buyer FROM shipments JOIN shipment_partners ON shipment_id = id
           WHERE partner_id = $1 AND buyer IS DISTINCT FROM $2 ORDER BY id"#,
        partner,
        name
    );
    let its = its.fetch_all(&mut **tx).await?;
    let (ids, before): (Vec<_>, Vec<_>) = its.into_iter().map(|it| (it.id, it.buyer)).unzip();
    sqlx::query!(
        "UPDATE shipments SET buyer = $2, version = version + 1, updated_at = now() WHERE id = ANY ($1)",
        &ids,
        name
    )
    .execute(&mut **tx)
    .await?;
    let entries: Vec<_> = ids.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query!(
        r#"INSERT INTO history (organisation_id, id, shipment_id, user_id, what, changes, is_caused)
           SELECT current_organisation_id(), entry, shipment, $4, 'changed',
                  jsonb_build_array(jsonb_build_object('field', 'buyer', 'before', before, 'after', $5::text)), true
           FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS it (entry, shipment, before)"#,
        &entries,
        &ids,
        &before as &[Option<String>],
        tx.user(),
        name
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
