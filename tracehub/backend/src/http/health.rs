//! How this process is, and which one it is.

use std::time::{Duration, Instant};

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{ConnectOptions, PgPool};
use tokio::sync::Mutex;
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
/// How long what it said is told to whoever else asks.
const KEPT: Duration = Duration::from_millis(100);

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
    /// Whether anybody may sign up with an organisation.
    signs_up: bool,
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
    app.readiness.of(&app.database).await.map_err(Error::Unavailable)?;
    Ok(Health::ok())
}

/// Whether requests can be answered, as far as the database was asked about it. Anybody may want to know, as often as they
/// like, and no limit holds for them; so it is asked for one at a time, and all who come meanwhile are told the same.
#[derive(Debug, Default)]
pub struct Readiness {
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Readiness {
    /// Of this database; or why not, in words for anybody.
    async fn of(&self, database: &PgPool) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((at, told)) = &*last
            && at.elapsed() < KEPT
        {
            return told.clone();
        }
        let told = ask(database).await;
        *last = Some((Instant::now(), told.clone()));
        told
    }
}

async fn ask(database: &PgPool) -> Result<(), String> {
    // What a contract would take away harms nobody by being there: a rollback may have brought it back.
    let versions: Vec<i64> = migrate::needed().map(|migration| migration.version).collect();
    let applied = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM _sqlx_migrations WHERE success AND version = ANY ($1)"#,
        &versions
    )
    .fetch_one(database);
    // Anybody may ask. What a database says names hosts, roles and databases, and is for the log.
    let away = |reason: String| {
        tracing::warn!("not ready: {reason}");
        Err("the database does not answer".to_owned())
    };
    match tokio::time::timeout(DATABASE_LIMIT, applied).await {
        Err(_) => away(reason(database).await),
        Ok(Err(error)) => away(format!("the database can't be asked: {error}")),
        Ok(Ok(applied)) if applied < versions.len() as i64 => {
            Err(format!("{} migrations of this release are pending", versions.len() as i64 - applied))
        }
        Ok(Ok(_)) => Ok(()),
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
        signs_up: app.signs_up(),
    })
}
