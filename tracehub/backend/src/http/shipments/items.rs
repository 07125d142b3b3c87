//! What is in a shipment: goods of one kind each, as they stand on the packing list.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::fields::{Check, HEAVIEST, PRODUCT, code, counted};
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
const PACKAGE_KIND: usize = 40;
const PACKAGES: usize = 10_000_000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_items, add_item)).routes(routes!(change_item, remove_item))
}

#[derive(Clone, Serialize, ToSchema)]
pub struct Item {
    id: Uuid,
    goods: String,
    /// Of the Harmonized System: six to eight digits.
    hs_code: Option<String>,
    /// How many.
    packages: Option<i64>,
    /// Bags, cartons, drums.
    package_kind: Option<String>,
    net_grams: Option<i64>,
    gross_grams: Option<i64>,
    /// Counts its changes. In quotes, it is the ETag.
    version: i64,
}

#[derive(Serialize, ToSchema)]
pub struct Items {
    /// In the order in which they were added; at most 100.
    items: Vec<Item>,
}

#[derive(PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// As they stand on the invoice.
    #[schema(schema_with = text::schema::<PRODUCT>)]
    goods: String,
    /// Of the Harmonized System: six to eight digits; dots and spaces may be in it.
    #[schema(schema_with = code)]
    hs_code: Option<String>,
    /// How many.
    #[schema(schema_with = counted::<PACKAGES>)]
    packages: Option<i64>,
    /// Bags, cartons, drums.
    #[schema(schema_with = text::optional::<PACKAGE_KIND>)]
    package_kind: Option<String>,
    /// Of the goods alone.
    #[schema(schema_with = counted::<HEAVIEST>)]
    net_grams: Option<i64>,
    /// With what they are packed in.
    #[schema(schema_with = counted::<HEAVIEST>)]
    gross_grams: Option<i64>,
}

/// What of an item is to be another: a field that is left out stays, and `null` empties one that may be empty.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ItemChange {
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::schema::<PRODUCT>)]
    goods: Option<String>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = code)]
    hs_code: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = counted::<PACKAGES>)]
    packages: Option<Option<i64>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<PACKAGE_KIND>)]
    package_kind: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = counted::<HEAVIEST>)]
    net_grams: Option<Option<i64>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = counted::<HEAVIEST>)]
    gross_grams: Option<Option<i64>>,
}

/// The items of a shipment
#[utoipa::path(
    get, path = "/api/shipments/{id}/items", tag = "shipments", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = OK, body = Items)),
)]
pub async fn list_items(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<Json<Items>, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    is_there(&mut tx, id).await?;
    let items = sqlx::query_as!(
        Item,
        "SELECT id, goods, hs_code, packages, package_kind, net_grams, gross_grams, version FROM items
         WHERE shipment_id = $1 ORDER BY created_at, id",
        id
    );
    Ok(Json(Items { items: items.fetch_all(&mut *tx).await? }))
}

/// Add an item
#[utoipa::path(
    post, path = "/api/shipments/{id}/items", tag = "shipments", request_body = NewItem, security(("bearer" = [])),
    params(("id" = Uuid, Path), idempotency::Header),
    responses(
        (
            status = CREATED, body = Item,
            headers(
                ("location" = String),
                ("idempotency-replayed" = Option<bool>, description = "That this was answered before"),
            ),
        ),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "The shipment has as many as it may, or the same request is still being answered",
        ),
    ),
)]
pub async fn add_item(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    key: idempotency::Key,
    Json(new): Json<NewItem>,
) -> Result<Created, Error> {
    let new = new.checked()?;
    let mut tx = caller.begin(&app, Role::Member).await?;
    let once = match key.begin(&mut tx, &format!("an item of {id}"), &new).await? {
        Begun::New(once) => once,
        Begun::Done(created) => return Ok(created),
    };
    lock(&mut tx, id).await?;
    let there = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM items WHERE shipment_id = $1"#, id);
    if there.fetch_one(&mut *tx).await? >= MOST {
        return Err(too_many(format!("a shipment has at most {MOST} items")));
    }
    let added = sqlx::query_as!(
        Item,
        r#"INSERT INTO items (organisation_id, id, shipment_id, goods, hs_code, packages, package_kind, net_grams, gross_grams)
           VALUES (current_organisation_id(), $1, $2, $3, $4, $5, $6, $7, $8)
           RETURNING id, goods, hs_code, packages, package_kind, net_grams, gross_grams, version"#,
        Uuid::now_v7(),
        id,
        new.goods,
        new.hs_code,
        new.packages,
        new.package_kind,
        new.net_grams,
        new.gross_grams
    );
    let added = added.fetch_one(&mut *tx).await?;
    note(&mut tx, id, None, Some(&new)).await?;
    let created = Created::new(format!("/api/shipments/{id}/items/{}", added.id), &added)?;
    once.keep(&mut tx, &created).await?;
    tx.commit().await?;
    Ok(created)
}

/// Change some of an item's fields
#[utoipa::path(
    patch, path = "/api/shipments/{id}/items/{item}", tag = "shipments", request_body = ItemChange,
    security(("bearer" = [])), params(("id" = Uuid, Path), ("item" = Uuid, Path), Header),
    responses(
        (status = OK, body = Item, headers(("etag" = String, description = "For the next change's If-Match"))),
        (
            status = PRECONDITION_FAILED, body = ChangedSince<Item>, content_type = "application/problem+json",
            description = "It is another one by now than the one that was seen",
        ),
    ),
)]
pub async fn change_item(
    State(app): State<App>,
    caller: Caller,
    Path((Id(id), Id(item))): Path<(Id, Id)>,
    seen: Seen,
    Json(change): Json<ItemChange>,
) -> Result<([(HeaderName, String); 1], Json<Item>), Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    let current = find(&mut tx, id, item, &seen).await?;
    let before = NewItem::from(current.clone());
    let after = merged(&before, &change)?.checked()?;
    if after == before {
        return Ok((etag(current.version), Json(current)));
    }
    let changed = sqlx::query_as!(
        Item,
        r#"UPDATE items SET goods = $3, hs_code = $4, packages = $5, package_kind = $6, net_grams = $7, gross_grams = $8,
               version = version + 1
           WHERE shipment_id = $1 AND id = $2
           RETURNING id, goods, hs_code, packages, package_kind, net_grams, gross_grams, version"#,
        id,
        item,
        after.goods,
        after.hs_code,
        after.packages,
        after.package_kind,
        after.net_grams,
        after.gross_grams
    );
    let changed = changed.fetch_one(&mut *tx).await?;
    note(&mut tx, id, Some(&before), Some(&after)).await?;
    tx.commit().await?;
    Ok((etag(changed.version), Json(changed)))
}

/// Remove an item
#[utoipa::path(
    delete, path = "/api/shipments/{id}/items/{item}", tag = "shipments", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("item" = Uuid, Path), Header),
    responses(
        (status = NO_CONTENT),
        (
            status = PRECONDITION_FAILED, body = ChangedSince<Item>, content_type = "application/problem+json",
            description = "It is another one by now than the one that was seen",
        ),
    ),
)]
pub async fn remove_item(
    State(app): State<App>,
    caller: Caller,
    Path((Id(id), Id(item))): Path<(Id, Id)>,
    seen: Seen,
) -> Result<StatusCode, Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    let before = find(&mut tx, id, item, &seen).await?;
    sqlx::query!("DELETE FROM items WHERE shipment_id = $1 AND id = $2", id, item).execute(&mut *tx).await?;
    note(&mut tx, id, Some(&before.into()), None).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The one that was seen, which nobody else changes until the transaction ends.
async fn find(tx: &mut OrganisationTx, shipment: Uuid, id: Uuid, seen: &Seen) -> Result<Item, Error> {
    lock(tx, shipment).await?;
    let found = sqlx::query_as!(
        Item,
        "SELECT id, goods, hs_code, packages, package_kind, net_grams, gross_grams, version FROM items
         WHERE shipment_id = $1 AND id = $2",
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
    before: Option<&NewItem>,
    after: Option<&NewItem>,
) -> Result<(), Error> {
    history::note_part(tx, shipment, "item", before.map(line), after.map(line)).await
}

/// An item in one line that needs no translation.
fn line(item: &NewItem) -> String {
    let NewItem { goods, hs_code, packages, package_kind, net_grams, gross_grams } = item;
    let count = packages.map(|packages| match package_kind {
        Some(kind) => format!("{packages} {kind}"),
        None => packages.to_string(),
    });
    let weights = [net_grams, gross_grams].into_iter().flatten().map(|grams| kilograms(*grams));
    let weights = Some(weights.collect::<Vec<_>>().join(" / ")).filter(|weights| !weights.is_empty());
    let parts = [Some(goods.clone()), hs_code.clone(), count, weights];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

impl NewItem {
    /// As it is stored; or everything that is wrong with it.
    fn checked(mut self) -> Result<Self, Error> {
        let mut check = Check::default();
        check.text("goods", &mut self.goods, PRODUCT);
        check.code("hs_code", &mut self.hs_code, Rule::HsCode);
        check.within("packages", self.packages, 1..=PACKAGES as i64);
        check.optional("package_kind", &mut self.package_kind, PACKAGE_KIND);
        check.within("net_grams", self.net_grams, 1..=HEAVIEST as i64);
        check.within("gross_grams", self.gross_grams, 1..=HEAVIEST as i64);
        if self.net_grams.zip(self.gross_grams).is_some_and(|(net, gross)| gross < net) {
            check.wrong("gross_grams", Rule::LessThanNet, "must not be less than what the goods alone weigh");
        }
        check.done()?;
        Ok(self)
    }
}

impl From<Item> for NewItem {
    fn from(it: Item) -> Self {
        let Item { goods, hs_code, packages, package_kind, net_grams, gross_grams, .. } = it;
        Self { goods, hs_code, packages, package_kind, net_grams, gross_grams }
    }
}
