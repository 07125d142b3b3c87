//! Who did what to a shipment, and when. What is written here stays: the role that serves may add, and nothing else.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::row::is_there;
use super::word::Word;
use crate::database::OrganisationTx;
use crate::http::auth::Caller;
use crate::http::extract::{Id, Json, Path, Query};
use crate::http::role::Role;
use crate::http::{App, Error};

/// How many are answered at once.
const PAGE: i64 = 200;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// The `next` of the page before.
    #[param(value_type = Option<Uuid>)]
    after: Option<Id>,
}

#[derive(Serialize, ToSchema)]
pub struct History {
    /// The latest 200; or those before `after`.
    items: Vec<Entry>,
    /// What to ask for the older ones with, if there are some.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Entry {
    id: Uuid,
    at: DateTime<Utc>,
    by: Author,
    #[schema(value_type = What)]
    what: Word<What>,
    /// None of what was created: the shipment says it.
    changes: Vec<Change>,
}

#[derive(Serialize, ToSchema)]
pub struct Author {
    pub id: Uuid,
    pub name: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum What {
    Created,
    Changed,
}

/// What was in a field, and what is in it since.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// Its name, as a shipment has it.
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Who did what to a shipment, the latest first
#[utoipa::path(
    get, path = "/api/shipments/{id}/history", tag = "shipments", params(("id" = Uuid, Path), HistoryQuery),
    security(("bearer" = [])),
    responses(
        (status = OK, body = History),
    ),
)]
pub async fn shipment_history(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    Query(HistoryQuery { after }): Query<HistoryQuery>,
) -> Result<Json<History>, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    is_there(&mut tx, id).await?;
    let found = sqlx::query!(
        r#"SELECT history.id, at, user_id, name, what, changes::text AS "changes!"
           FROM history JOIN users ON users.id = user_id
           WHERE shipment_id = $1 AND ($2::uuid IS NULL OR history.id < $2) ORDER BY history.id DESC LIMIT $3"#,
        id,
        after.map(|Id(after)| after),
        // One more tells whether there are older ones.
        PAGE + 1
    );
    let mut items = Vec::new();
    for row in found.fetch_all(&mut *tx).await? {
        items.push(Entry {
            id: row.id,
            at: row.at,
            by: Author { id: row.user_id, name: row.name },
            what: row.what.into(),
            changes: changes_of(&row.changes)?,
        });
    }
    let is_last = items.len() as i64 <= PAGE;
    items.truncate(PAGE as usize);
    let next = items.last().filter(|_| !is_last).map(|entry| entry.id.to_string());
    Ok(Json(History { items, next }))
}

/// What the database has of it, as JSON.
pub fn changes_of(kept: &str) -> Result<Vec<Change>, Error> {
    let changes: Vec<Value> = serde_json::from_str(kept).map_err(anyhow::Error::from)?;
    Ok(changes.iter().map(Change::from).collect())
}

impl From<&Value> for Change {
    /// As it lies in the database. A later release may have written there what is no text.
    fn from(kept: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        Self {
            field: text(&kept["field"]).unwrap_or_default(),
            before: text(&kept["before"]),
            after: text(&kept["after"]),
        }
    }
}

/// Writes down what the caller does, in the transaction that does it.
pub async fn note(
    tx: &mut OrganisationTx,
    shipment: Uuid,
    what: What,
    changes: &[Change],
) -> Result<(), Error> {
    sqlx::query!(
        r#"INSERT INTO history (organisation_id, id, shipment_id, user_id, what, changes)
           VALUES (current_organisation_id(), $1, $2, $3, $4, $5::text::jsonb)"#,
        Uuid::now_v7(),
        shipment,
        tx.user(),
        what as What,
        serde_json::to_string(changes).map_err(anyhow::Error::from)?
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes down what has become of one of the parts of a shipment: in one line each, what it was and what it is.
pub async fn note_part(
    tx: &mut OrganisationTx,
    shipment: Uuid,
    part: &str,
    before: Option<String>,
    after: Option<String>,
) -> Result<(), Error> {
    if before == after {
        return Ok(());
    }
    note(tx, shipment, What::Changed, &[Change { field: part.into(), before, after }]).await
}
