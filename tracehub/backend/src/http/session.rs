//! Sessions: browsers in which somebody has logged in. Each has a random token in a cookie that no script reads; the database has
//! its hash, and ends a session when its time has come, with every other log-in of its user, or when its user says so.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Caller;
use super::client::Client;
use super::extract::{Id, Json, Path, cookies};
use super::link_token::hash_of;
use super::role::Role;
use super::{App, Error};
use crate::database::OrganisationTx;

/// A browser takes it over HTTPS alone, for this host alone, and no other host can set one.
pub const COOKIE: &str = "__Host-session";
/// Over plain HTTP none with that prefix is taken.
const PLAIN_COOKIE: &str = "tracehub_session";
/// As the database has it.
const LIFETIME_SECONDS: u32 = 30 * 24 * 60 * 60;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_sessions, end_other_sessions)).routes(routes!(end_session))
}

/// A session that has just begun, as the one who logs in is told of it.
#[derive(Serialize, ToSchema)]
pub struct NewSession {
    pub id: Uuid,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
}

#[derive(Serialize, ToSchema)]
pub struct Session {
    id: Uuid,
    /// When somebody logged in.
    created_at: DateTime<Utc>,
    /// When somebody came with it last, to the hour.
    seen_at: DateTime<Utc>,
    /// When it ends at the latest; a week after it was last seen it ends, too.
    expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    is_current: bool,
}

#[derive(Serialize, ToSchema)]
pub struct Sessions {
    items: Vec<Session>,
}

/// One's own sessions, the last that was seen first
#[utoipa::path(
    get, path = "/api/auth/sessions", tag = "auth", security(("bearer" = [])),
    responses((status = OK, body = Sessions)),
)]
pub async fn list_sessions(State(app): State<App>, caller: Caller) -> Result<Json<Sessions>, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    let items = sqlx::query_as!(
        Session,
        r#"SELECT id AS "id!", created_at AS "created_at!", seen_at AS "seen_at!", expires_at AS "expires_at!",
                  id IS NOT DISTINCT FROM $2 AS "is_current!"
           FROM open_sessions($1) ORDER BY seen_at DESC, id DESC"#,
        tx.user(),
        tx.session()
    );
    Ok(Json(Sessions { items: items.fetch_all(&mut *tx).await? }))
}

/// End one of one's own sessions at once
#[utoipa::path(
    delete, path = "/api/auth/sessions/{id}", tag = "auth", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = NO_CONTENT)),
)]
pub async fn end_session(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<StatusCode, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    if !end(&mut tx, id).await? {
        return Err(Error::NotFound);
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End every log-in of one's own but the one that asks
#[utoipa::path(
    delete, path = "/api/auth/sessions", tag = "auth", security(("bearer" = [])),
    responses((status = NO_CONTENT)),
)]
pub async fn end_other_sessions(State(app): State<App>, caller: Caller) -> Result<StatusCode, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    sqlx::query!("SELECT end_other_sessions($1, $2)", tx.user(), tx.session()).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends this session of whoever the transaction is for; whether there was one.
pub async fn end(tx: &mut OrganisationTx, id: Uuid) -> sqlx::Result<bool> {
    let user = tx.user();
    let ended = sqlx::query!("DELETE FROM sessions WHERE id = $1 AND user_id = $2", id, user);
    Ok(ended.execute(&mut **tx).await?.rows_affected() == 1)
}

/// Begins one of whoever the transaction is for, in place of the one that the browser has; and the header that gives it to the
/// browser.
pub async fn begin(
    tx: &mut OrganisationTx,
    version: i64,
    headers: &HeaderMap,
    client: &Client,
) -> Result<(NewSession, String), Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("no randomness for a session: {error}"))?;
    let token = URL_SAFE_NO_PAD.encode(secret);
    let (id, hash, replaced) = (Uuid::now_v7(), hash_of(&token)?, hash(headers, client));
    let expires_at = sqlx::query_scalar!(
        r#"SELECT begin_session($1, $2, $3, $4, $5) AS "expires_at!""#,
        id,
        tx.user(),
        version,
        &hash[..],
        replaced.as_ref().map(|hash| &hash[..])
    );
    let expires_at = expires_at.fetch_one(&mut **tx).await?;
    Ok((NewSession { id, expires_at }, set_cookie(is_secure(headers, client), &token, LIFETIME_SECONDS)))
}

/// The hash of what the browser's cookie says.
pub fn hash(headers: &HeaderMap, client: &Client) -> Option<[u8; 32]> {
    secure_hash(headers).or_else(|| plain_hash(headers, client))
}

/// That of the cookie with the prefix, whoever the edge is: no browser takes or sends one over plain HTTP.
pub fn secure_hash(headers: &HeaderMap) -> Option<[u8; 32]> {
    hash_in(headers, COOKIE)
}

/// That of the other one. Over HTTPS it may have come from anybody who was asked over plain HTTP in our name.
pub fn plain_hash(headers: &HeaderMap, client: &Client) -> Option<[u8; 32]> {
    hash_in(headers, PLAIN_COOKIE).filter(|_| !client.is_secure)
}

fn hash_in(headers: &HeaderMap, name: &str) -> Option<[u8; 32]> {
    cookies(headers, name).find_map(|token| hash_of(token).ok())
}

/// The header with which the browser forgets it.
pub fn forget_cookie(headers: &HeaderMap, client: &Client) -> String {
    set_cookie(is_secure(headers, client), "", 0)
}

/// Whether the browser came over HTTPS: as the edge says, or, where it is not known for a moment who the edge is, as what the browser
/// itself sends does. One that lies about it gets a cookie that it does not take.
fn is_secure(headers: &HeaderMap, client: &Client) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    client.is_secure
        || secure_hash(headers).is_some()
        || origin.is_some_and(|origin| origin.starts_with("https://"))
}

fn set_cookie(is_secure: bool, token: &str, seconds: u32) -> String {
    let (name, secure) = if is_secure { (COOKIE, "; Secure") } else { (PLAIN_COOKIE, "") };
    format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// Whose session it is, before anything is asked for.
pub async fn organisation_of(app: &App, hash: &[u8; 32]) -> Result<Uuid, Error> {
    let found = sqlx::query_scalar!(
        r#"SELECT organisation_id AS "id!" FROM find_session($1, NULL, NULL)"#,
        &hash[..]
    );
    let found = found.fetch_optional(&app.database).await?;
    found.ok_or(Error::Unauthenticated("please log in again"))
}

/// Forgets those that have ended; how many they were.
pub async fn forget(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let forgotten = sqlx::query_scalar!(r#"SELECT forget_sessions() AS "forgotten!""#);
    Ok(forgotten.fetch_one(connection).await?.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(set: &str) -> HeaderMap {
        let pair = set.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("a=b; {pair}").parse().unwrap())])
    }

    #[test]
    fn a_cookie_without_the_prefix_is_believed_over_plain_http_alone() {
        let token = URL_SAFE_NO_PAD.encode([7; 32]);
        let (secure, plain) = (Client { is_secure: true, ..Client::default() }, Client::default());
        let set = set_cookie(true, &token, 9);
        assert_eq!(set, format!("__Host-session={token}; Path=/; Max-Age=9; HttpOnly; SameSite=Lax; Secure"));
        assert_eq!(hash(&sent(&set), &secure), hash_of(&token).ok());
        assert_eq!(hash(&sent(&set_cookie(false, &token, 9)), &plain), hash_of(&token).ok());
        assert_eq!(hash(&sent(&set_cookie(false, &token, 9)), &secure), None);
        assert_eq!(hash(&sent(&forget_cookie(&HeaderMap::new(), &secure)), &secure), None);
    }

    #[test]
    fn while_it_is_not_known_who_the_edge_is_nobody_is_logged_out() {
        let token = URL_SAFE_NO_PAD.encode([7; 32]);
        let (unknown, mut headers) = (Client::default(), sent(&set_cookie(true, &token, 9)));
        assert_eq!(hash(&headers, &unknown), hash_of(&token).ok());
        assert!(forget_cookie(&headers, &unknown).starts_with("__Host-session=;"));
        // Who logs in then, in a browser without a cookie, has one that counts afterwards.
        headers.remove(header::COOKIE);
        headers.insert(header::ORIGIN, "https://tracehub.example".parse().unwrap());
        assert!(is_secure(&headers, &unknown));
    }
}
