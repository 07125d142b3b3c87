//! Reminders: days that passed without what was to happen on them. A worker raises them; here they are read.

use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Caller;
use super::extract::{Id, Json, Path};
use super::role::Role;
use super::{App, Error};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_reminders))
}

#[derive(Serialize, ToSchema)]
pub struct Reminder {
    kind: ReminderKind,
    /// The day on which it was to happen.
    due_on: NaiveDate,
    /// When it was noticed.
    created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, Serialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ReminderKind {
    DepartureOverdue,
    ArrivalOverdue,
}

#[derive(Serialize, ToSchema)]
pub struct Reminders {
    items: Vec<Reminder>,
}

/// What a shipment's people are reminded of, the latest day first
#[utoipa::path(
    get, path = "/api/shipments/{id}/reminders", tag = "shipments", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses(
        (status = OK, body = Reminders),
    ),
)]
pub async fn list_reminders(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<Json<Reminders>, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    sqlx::query_scalar!("SELECT id FROM shipments WHERE id = $1", id)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(Error::NotFound)?;
    let items = sqlx::query_as!(
        Reminder,
        r#"SELECT kind AS "kind: ReminderKind", due_on, created_at
           FROM reminders WHERE shipment_id = $1 ORDER BY due_on DESC"#,
        id
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(Json(Reminders { items }))
}
