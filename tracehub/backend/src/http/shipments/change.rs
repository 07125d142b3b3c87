//! Changing a shipment: some of its fields, by somebody who has seen the version that is changed.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::QueryBuilder;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use uuid::Uuid;

use super::fields::{
    BILL_OF_LADING, BOOKING, BUYER, Check, Incoterm, PORT, PRODUCT, REFERENCE, VESSEL, VOYAGE,
};
use super::history::{self, Change, What};
use super::row::Lock;
use super::word::Word;
use super::{Shipment, Stage, reference_is_taken};
use crate::database::OrganisationTx;
use crate::day::{self, Day};
use crate::http::auth::Caller;
use crate::http::change::{ChangedSince, Header, Seen, as_object, changed_since, etag, given};
use crate::http::error::Explained;
use crate::http::extract::{Id, Json, Path};
use crate::http::role::Role;
use crate::http::{App, Error, Problem};
use crate::text;

/// What of a shipment is to be another: a field that is left out stays, and `null` empties one that may be empty.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShipmentChange {
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::schema::<REFERENCE>)]
    reference: Option<String>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::schema::<PRODUCT>)]
    product: Option<String>,
    /// Where it goes from where it stands: one of its `next_stages`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = stage)]
    stage: Option<Stage>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = container_number)]
    container_number: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::schema::<PORT>)]
    origin_port: Option<String>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::schema::<PORT>)]
    destination_port: Option<String>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = day::optional)]
    departs_on: Option<Option<Day>>,
    /// Not before the departure.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = day::optional)]
    arrives_on: Option<Option<Day>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = incoterm)]
    incoterm: Option<Option<Incoterm>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<BUYER>)]
    buyer: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<BILL_OF_LADING>)]
    bill_of_lading: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<BOOKING>)]
    booking: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<VESSEL>)]
    vessel: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<VOYAGE>)]
    voyage: Option<Option<String>>,
}

/// The fields that can be changed, and of which type their columns are.
const COLUMNS: [(&str, &str); 14] = [
    ("reference", "text"),
    ("product", "text"),
    ("stage", "text"),
    ("container_number", "text"),
    ("origin_port", "text"),
    ("destination_port", "text"),
    ("departs_on", "date"),
    ("arrives_on", "date"),
    ("incoterm", "text"),
    ("buyer", "text"),
    ("bill_of_lading", "text"),
    ("booking", "text"),
    ("vessel", "text"),
    ("voyage", "text"),
];

fn stage() -> RefOr<Schema> {
    Ref::from_schema_name("Stage").into()
}

fn incoterm() -> RefOr<Schema> {
    let none = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new().item(none).item(Ref::from_schema_name("Incoterm")).into()
}

fn container_number() -> Object {
    let text = ObjectBuilder::new().schema_type(SchemaType::Array(vec![Type::String, Type::Null]));
    text.max_length(Some(32)).pattern(Some("^[A-Za-z0-9 -]*$")).build()
}

/// That it can't be so.
#[derive(Serialize, ToSchema)]
pub struct ChangeRefused {
    #[serde(flatten)]
    problem: Problem,
    /// Where the shipment may go, when it may not go where it was sent.
    #[schema(required = false)]
    allowed: Vec<Stage>,
}

/// Change some of a shipment's fields
#[utoipa::path(
    patch, path = "/api/shipments/{id}", tag = "shipments", request_body = ShipmentChange, security(("bearer" = [])),
    params(("id" = Uuid, Path), Header),
    responses(
        (status = OK, body = Shipment, headers(("etag" = String, description = "For the next change's If-Match"))),
        (
            status = CONFLICT, body = ChangeRefused, content_type = "application/problem+json",
            description = "There already is one with the reference, it can't go to that stage from where it stands, or more is \
                           known of the container than the number that would go",
        ),
        (
            status = PRECONDITION_FAILED, body = ChangedSince<Shipment>, content_type = "application/problem+json",
            description = "It is another one by now than the one that was seen",
        ),
    ),
)]
pub async fn change_shipment(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    seen: Seen,
    Json(mut change): Json<ShipmentChange>,
) -> Result<([(HeaderName, String); 1], Json<Shipment>), Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    let current = Shipment::find(&mut tx, id, Lock::ForChange).await?.ok_or(Error::NotFound)?;
    if !seen.is(current.version) {
        return Err(changed_since(&current)?);
    }
    change.check(&current)?;
    let changes = differences(&current, &change)?;
    if changes.is_empty() {
        return Ok((etag(current.version), Json(current)));
    }
    if let Some(stage) = change.stage.filter(|stage| Word::Known(*stage) != current.stage) {
        may_go(&current, stage)?;
    }
    write(&mut tx, id, &changes, change.stage)
        .await
        .map_err(reference_is_taken(change.reference.as_deref()))?;
    history::note(&mut tx, id, What::Changed, &changes).await?;
    let changed = Shipment::find(&mut tx, id, Lock::No).await?.ok_or(Error::NotFound)?;
    let is_other = changes.iter().any(|change| change.field == "container_number");
    if is_other && changed.container_number == current.container_number {
        let why =
            "of this container more is known than its number: remove it among the shipment's containers";
        return Err(Error::of(StatusCode::CONFLICT, "/problems/container-known", why));
    }
    tx.commit().await?;
    Ok((etag(changed.version), Json(changed)))
}

impl ShipmentChange {
    /// Puts its fields right, or says everything that is wrong with them. What is not changed may be from before there were
    /// rules, and is asked about only where the database does: when one text, or one day, is written, it looks at all four
    /// texts, or at both days.
    fn check(&mut self, current: &Shipment) -> Result<(), Error> {
        let mut check = Check::default();
        let mut texts = [
            ("reference", &mut self.reference, &current.reference, REFERENCE),
            ("product", &mut self.product, &current.product, PRODUCT),
            ("origin_port", &mut self.origin_port, &current.origin_port, PORT),
            ("destination_port", &mut self.destination_port, &current.destination_port, PORT),
        ];
        for (field, text, _, longest) in &mut texts {
            check.optional(field, text, *longest);
        }
        if texts.iter().any(|(_, text, kept, _)| text.as_ref().is_some_and(|text| text != *kept)) {
            for (field, text, kept, longest) in texts {
                if text.is_none() {
                    *text = check.kept(field, kept, longest);
                }
            }
        }
        let optional = [
            ("buyer", &mut self.buyer, BUYER),
            ("bill_of_lading", &mut self.bill_of_lading, BILL_OF_LADING),
            ("booking", &mut self.booking, BOOKING),
            ("vessel", &mut self.vessel, VESSEL),
            ("voyage", &mut self.voyage, VOYAGE),
        ];
        for (field, text, longest) in optional {
            check.optional(field, text.as_mut().unwrap_or(&mut None), longest);
        }
        if let Some(number) = &mut self.container_number {
            check.container("container_number", number);
        }
        let kept = (current.departs_on.map(Day::kept), current.arrives_on.map(Day::kept));
        let days = (self.departs_on.unwrap_or(kept.0), self.arrives_on.unwrap_or(kept.1));
        if days != kept {
            check.days(days.0, days.1);
        }
        check.done()
    }
}

/// The fields that would be others.
fn differences(current: &Shipment, change: &ShipmentChange) -> Result<Vec<Change>, Error> {
    let (before, after) = (as_object(current)?, as_object(change)?);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let changes = COLUMNS.iter().filter_map(|(field, _)| {
        let (before, after) = (text(&before[*field]), text(after.get(*field)?));
        (before != after).then(|| Change { field: (*field).to_owned(), before, after })
    });
    Ok(changes.collect())
}

fn may_go(current: &Shipment, to: Stage) -> Result<(), Error> {
    if current.next_stages.contains(&to) {
        return Ok(());
    }
    let words = |stage: &Word<Stage>| {
        serde_json::to_value(stage).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let allowed: Vec<String> = current.next_stages.iter().map(|next| words(&Word::Known(*next))).collect();
    let (from, to) = (words(&current.stage), words(&Word::Known(to)));
    Err(Error::Explained(Box::new(Explained {
        status: StatusCode::CONFLICT,
        kind: "/problems/stage-refused",
        detail: if allowed.is_empty() {
            format!("this release does not know where a shipment goes from {from}, and can't move it to {to}")
        } else {
            format!("from {from} it goes to {}, and not to {to}", allowed.join(", "))
        },
        more: Some(("allowed", allowed.into())),
    })))
}

/// Writes these fields and no others: the database looks closely at what is written, and rows from before its rules may
/// have more that it would refuse.
async fn write(
    tx: &mut OrganisationTx,
    id: Uuid,
    changes: &[Change],
    stage: Option<Stage>,
) -> sqlx::Result<()> {
    let mut update = QueryBuilder::new("UPDATE shipments SET version = version + 1, updated_at = now()");
    for (column, kind) in COLUMNS {
        if let Some(change) = changes.iter().find(|change| change.field == column) {
            update
                .push(format_args!(", {column} = "))
                .push_bind(&change.after)
                .push(format_args!("::{kind}"));
        }
    }
    if let Some(stage) = stage {
        update.push(", status = ").push_bind(stage.status());
    }
    update.push(" WHERE id = ").push_bind(id);
    update.build().execute(&mut **tx).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn each_field_that_may_be_given_is_written() {
        let RefOr::T(Schema::Object(change)) = ShipmentChange::schema() else { panic!("an object") };
        let given: BTreeSet<&str> = change.properties.keys().map(String::as_str).collect();
        assert_eq!(given, COLUMNS.iter().map(|(field, _)| *field).collect());
    }
}
