//! Who did what to a shipment, and when. What is written here stays: the role that serves may add, and nothing else.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::database::OrganisationTx;
use crate::http::auth::Caller;
use crate::http::extract::{Id, Json, Path};
use crate::http::role::Role;
use crate::http::{App, Error};

/// More than anybody scrolls through.
const SHOWN: i64 = 200;

#[derive(Serialize, ToSchema)]
pub struct History {
    /// The latest 200.
    items: Vec<Entry>,
}

#[derive(Serialize, ToSchema)]
pub struct Entry {
    id: Uuid,
    at: DateTime<Utc>,
    by: Author,
    what: What,
    /// None of what was created: the shipment says it.
    changes: Vec<Change>,
}

#[derive(Serialize, ToSchema)]
pub struct Author {
    id: Uuid,
    name: String,
}

#[derive(Debug, Clone, Copy, Serialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum What {
    Created,
    Changed,
}

/// What was in a field, and what is in it since.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Its name, as a shipment has it.
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Who did what to a shipment, the latest first
#[utoipa::path(
    get, path = "/api/shipments/{id}/history", tag = "shipments", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses(
        (status = OK, body = History),
    ),
)]
pub async fn shipment_history(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<Json<History>, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    sqlx::query_scalar!("SELECT id FROM shipments WHERE id = $1", id)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(Error::NotFound)?;
    let found = sqlx::query!(
        r#"SELECT history.id, at, user_id, name, what AS "what: What", changes::text AS "changes!"
           FROM history JOIN users ON users.id = user_id
           WHERE shipment_id = $1 ORDER BY history.id DESC LIMIT $2"#,
        id,
        SHOWN
    );
    let mut items = Vec::new();
    for row in found.fetch_all(&mut *tx).await? {
        items.push(Entry {
            id: row.id,
            at: row.at,
            by: Author { id: row.user_id, name: row.name },
            what: row.what,
            changes: serde_json::from_str(&row.changes).map_err(anyhow::Error::from)?,
        });
    }
    Ok(Json(History { items }))
}

/// Writes down what the caller does, in the transaction that does it.
pub async fn note(
    tx: &mut OrganisationTx,
    caller: &Caller,
    shipment: Uuid,
    what: What,
    changes: &[Change],
) -> Result<(), Error> {
    sqlx::query!(
        r#"INSERT INTO history (organisation_id, id, shipment_id, user_id, what, changes)
           VALUES (current_organisation_id(), $1, $2, $3, $4, $5::text::jsonb)"#,
        Uuid::now_v7(),
        shipment,
        caller.user(),
        what as What,
        serde_json::to_string(changes).map_err(anyhow::Error::from)?
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
