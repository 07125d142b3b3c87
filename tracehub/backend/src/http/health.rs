//! How this process is, and which one it is.

use std::time::Duration;

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{ConnectOptions, PgPool};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Json;
use super::{App, Error};
use crate::migrate;

/// How long the database may take to say that it is there; together with the next, less than who asks will wait.
const DATABASE_LIMIT: Duration = Duration::from_millis(1500);
/// How long finding out why it doesn't may take.
const REASON_LIMIT: Duration = Duration::from_millis(500);

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(version))
}

/// The process is there.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`: anything else is a problem.
    #[schema(example = "ok")]
    status: &'static str,
    timestamp: DateTime<Utc>,
}

/// What runs here.
#[derive(Serialize, ToSchema)]
pub struct Version {
    release: String,
    commit: Option<String>,
    built_at: Option<String>,
}

impl Health {
    fn ok() -> Json<Self> {
        Json(Self { status: "ok", timestamp: Utc::now() })
    }
}

/// The process is there (the same as `/api/health/live`)
#[utoipa::path(get, path = "/api/health", tag = "health", responses((status = OK, body = Health)))]
pub async fn health() -> Json<Health> {
    Health::ok()
}

/// The process is there: says nothing about the database, whose absence is no reason to restart this
#[utoipa::path(get, path = "/api/health/live", tag = "health", responses((status = OK, body = Health)))]
pub async fn live() -> Json<Health> {
    Health::ok()
}

/// Requests can be answered: the database is there, with all that this release was built for
#[utoipa::path(
    get, path = "/api/health/ready", tag = "health",
    responses((status = OK, body = Health)),
)]
pub async fn ready(State(app): State<App>) -> Result<Json<Health>, Error> {
    // What a contract would take away harms nobody by being there: a rollback may have brought it back.
    let versions: Vec<i64> = migrate::needed().map(|migration| migration.version).collect();
    let applied = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM _sqlx_migrations WHERE success AND version = ANY ($1)"#,
        &versions
    )
    .fetch_one(&app.database);
    let unavailable = |reason: String| Err(Error::Unavailable(reason));
    // Anybody may ask. What a database says names hosts, roles and databases, and is for the log.
    let away = |reason: String| {
        tracing::warn!("not ready: {reason}");
        unavailable("the database does not answer".into())
    };
    match tokio::time::timeout(DATABASE_LIMIT, applied).await {
        Err(_) => away(reason(&app.database).await),
        Ok(Err(error)) => away(format!("the database can't be asked: {error}")),
        Ok(Ok(applied)) if applied < versions.len() as i64 => {
            unavailable(format!("{} migrations of this release are pending", versions.len() as i64 - applied))
        }
        Ok(Ok(_)) => Ok(Health::ok()),
    }
}

/// Why there is no answer. The pool tries again when a server refuses, since that may be starting; asked once, and
/// directly, it says what is wrong.
async fn reason(database: &PgPool) -> String {
    match tokio::time::timeout(REASON_LIMIT, database.connect_options().connect()).await {
        Err(_) => format!("the database has not answered for {:?}", DATABASE_LIMIT + REASON_LIMIT),
        Ok(Err(error)) => format!("the database can't be reached: {error}"),
        Ok(Ok(_)) => format!("the database is there, and had no answer for us in {DATABASE_LIMIT:?}"),
    }
}

/// Which release answers
#[utoipa::path(get, path = "/api/version", tag = "health", responses((status = OK, body = Version)))]
pub async fn version(State(app): State<App>) -> Json<Version> {
    let release = &app.release;
    Json(Version {
        release: release.id.clone(),
        commit: release.commit.clone(),
        built_at: release.built_at.clone(),
    })
}
