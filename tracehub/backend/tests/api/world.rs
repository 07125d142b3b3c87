//! A world of two organisations, and the ways to ask it something.

use std::path::PathBuf;
use std::process::Command;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::Utc;
use http_body_util::BodyExt;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Executor, PgPool};
use tower::ServiceExt;
use tracehub_backend::client::Edge;
use tracehub_backend::database::{self, OrganisationTx};
use tracehub_backend::http::{self, App, Claims, Keys};
use tracehub_backend::outbox::Bell;
use tracehub_backend::papers::Store;
use tracehub_backend::settings::Release;
use uuid::Uuid;

pub const JWT_SECRET: &str = "the key of the tests, 32 bytes or more";
pub const RELEASE: &str = "20260103t120000z-1a2b3c4d5e6f";
pub const EDGE: &str = "127.0.0.1";
pub const PASSWORD: &str = "a password of the tests";

/// Two organisations with a user each, the API in front of them, and both roles behind it.
pub struct World {
    pub acme: Tenant,
    pub zenith: Tenant,
    /// The role that serves.
    pub app: PgPool,
    router: Router,
}

pub struct Tenant {
    pub id: Uuid,
    pub user: Uuid,
    pub email: String,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

/// Does this to what is an organisation's own.
pub async fn change(owner: &PgPool, organisation: Uuid, statement: &'static str) {
    let mut tx = OrganisationTx::begin(owner, organisation).await.unwrap();
    assert_ne!(tx.execute(statement).await.unwrap().rows_affected(), 0, "{statement}");
    tx.commit().await.unwrap();
}

impl World {
    pub async fn new(owner: &PgPool) -> Self {
        let app = PgPoolOptions::new().connect_with(app_options(owner)).await.unwrap();
        Self {
            acme: Tenant::new(owner, "acme").await,
            zenith: Tenant::new(owner, "zenith").await,
            router: router(app.clone()),
            app,
        }
    }

    /// The same, where mail is sent by whoever hears this bell, and anybody may sign up where it is open.
    pub fn mailing(self, bell: Bell, is_open: bool) -> Self {
        Self { router: http::router(app(self.app.clone()).mailing(Some(bell), is_open)), ..self }
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        ask(&self.router, request("GET", path, token).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        let request = request("POST", path, token).header(header::CONTENT_TYPE, "application/json");
        ask(&self.router, request.body(body.to_string().into()).unwrap()).await
    }

    pub async fn ask(&self, request: Request<Body>) -> Answer {
        ask(&self.router, request).await
    }
}

impl Tenant {
    async fn new(owner: &PgPool, name: &str) -> Self {
        let tenant = Self { id: Uuid::now_v7(), user: Uuid::now_v7(), email: format!("ada@{name}.example") };
        let mut tx = OrganisationTx::begin(owner, tenant.id).await.unwrap();
        sqlx::query("INSERT INTO organisations (id, name) VALUES ($1, $2)")
            .bind(tenant.id)
            .bind(name)
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO users (id, organisation_id, email, name, password_hash) VALUES ($1, $2, $3, 'Ada', $4)",
        )
        .bind(tenant.user)
        .bind(tenant.id)
        .bind(&tenant.email)
        .bind(cheap_hash())
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        tenant
    }

    /// A good token of its user.
    pub fn token(&self) -> String {
        keys().sign(&Claims::new(self.user, self.id, 0, Utc::now())).unwrap()
    }
}

/// Argon2's cost is for attackers, and a test has none.
fn cheap_hash() -> String {
    let params = argon2::Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    argon2.hash_password(PASSWORD.as_bytes()).unwrap().to_string()
}

pub fn keys() -> Keys {
    Keys::new(&JWT_SECRET.into())
}

/// The API over this pool.
pub fn router(database: PgPool) -> Router {
    http::router(app(database))
}

/// What it stands on.
pub fn app(database: PgPool) -> App {
    let release = Release { id: RELEASE.into(), commit: Some("c0ffee".into()), built_at: None };
    let papers = Store::open_folder(papers()).unwrap();
    App::new(database, keys(), release, Edge::named(Some(EDGE.into()))).keeping(Some(papers))
}

/// Where all tests keep papers: whose they are, each organisation's id says.
pub fn papers() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("papers")
}

/// A server that nobody runs.
pub fn no_database() -> PgPool {
    database::pool("postgres://nobody@127.0.0.1:1/nothing".parse().unwrap(), RELEASE)
}

pub fn request(method: &str, path: &str, token: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {token}"))
}

pub async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    // A file that is fetched is no JSON.
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).unwrap_or_else(|_| text())
    };
    Answer { status: parts.status, headers: parts.headers, body }
}

/// The test's own database, as the role that serves.
pub fn app_options(owner: &PgPool) -> PgConnectOptions {
    PgConnectOptions::clone(&owner.connect_options()).username("tracehub_app")
}

/// The binary, with an environment that holds the database and nothing else.
pub fn binary(arguments: &[&str], options: &PgConnectOptions) -> Command {
    let mut command = bare_binary(arguments);
    command.env("DATABASE_URL", options.to_url_lossy().as_str());
    command
}

/// The binary, with an environment that holds nothing.
pub fn bare_binary(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracehub-backend"));
    command.args(arguments).env_clear();
    // Where coverage is measured, the binary must still be able to say what ran.
    if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
        command.env("LLVM_PROFILE_FILE", profile);
    }
    command
}
