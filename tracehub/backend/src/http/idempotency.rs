//! `Idempotency-Key`: a request whose answer got lost may be sent again, and does its thing once.
//!
//! The answer is kept in the transaction that does the thing, so that there are both or neither, whenever a process ends.
//! Refusals change nothing and are made anew. What a key means is its user's own matter, and is forgotten after a day.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{App, Error};
use crate::database::OrganisationTx;

const HEADER: &str = "idempotency-key";
/// Says of an answer that it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// In characters; a UUID has 36.
const LONGEST: usize = 64;

/// The header, for the API's document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is read by `Key`, which looks at it more closely")]
pub struct Header {
    /// For a day, the same request with the same key does nothing again, and is answered the same.
    #[param(rename = "idempotency-key", value_type = String, required = false, min_length = 1, max_length = 64, pattern = "^[!-~]*$")]
    key: Option<String>,
}

/// The key that a request came with, if it did.
pub struct Key(Option<Arc<str>>);

/// What is made, with the address that it has from then on.
pub struct Created {
    location: String,
    body: String,
    is_replayed: bool,
}

/// How a request with a key goes on.
pub enum Begun {
    /// It is to be done, and its answer kept.
    New(Once),
    /// It was done before.
    Done(Created),
}

/// The right to answer, for as long as the transaction lasts: nobody else answers a request with this key meanwhile.
pub struct Once {
    user: Uuid,
    request: [u8; 32],
    key: Option<Arc<str>>,
}

impl FromRequestParts<App> for Key {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        let mut keys = parts.headers.get_all(HEADER).iter();
        let (first, second) = (keys.next(), keys.next());
        let Some(key) = first else { return Ok(Self(None)) };
        let is_sane = |key: &&str| {
            (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let key = key.to_str().ok().filter(is_sane).filter(|_| second.is_none()).ok_or_else(|| {
            let why = format!("{HEADER} must be one text of at most {LONGEST} visible characters of ASCII");
            Error::Rejected(StatusCode::BAD_REQUEST, why)
        })?;
        Ok(Self(Some(key.into())))
    }
}

impl Key {
    /// Looks for the answer that this request was given before. `what` names the thing that is done, and `request` is
    /// all that it is done with.
    ///
    /// # Errors
    /// When the key came with another request, or one that has it is being answered.
    pub async fn begin(
        self,
        tx: &mut OrganisationTx,
        what: &str,
        request: &impl Serialize,
    ) -> Result<Begun, Error> {
        let (user, request) = (tx.user(), fingerprint(what, request)?);
        if let Some(key) = &self.0 {
            alone(tx, user, key).await?;
            if let Some(done) = answered(tx, user, key, &request).await? {
                return Ok(Begun::Done(done));
            }
        }
        Ok(Begun::New(Once { user, request, key: self.0 }))
    }
}

impl Once {
    /// Keeps the answer, when the request had a key: from the transaction's end on, it is what the key is answered.
    pub async fn keep(self, tx: &mut OrganisationTx, created: &Created) -> Result<(), Error> {
        let Some(key) = self.key else { return Ok(()) };
        sqlx::query!(
            r#"INSERT INTO idempotency_keys (organisation_id, user_id, key, request, location, answer)
               VALUES (current_organisation_id(), $1, $2, $3, $4, $5)
               ON CONFLICT ON CONSTRAINT idempotency_keys_pkey
               DO UPDATE SET request = $3, location = $4, answer = $5, created_at = now()"#,
            self.user,
            &*key,
            &self.request,
            created.location,
            created.body
        )
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

impl Created {
    /// This, at that address.
    pub fn new(location: String, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_string(body).map_err(anyhow::Error::from)?;
        Ok(Self { location, body, is_replayed: false })
    }
}

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json")];
        let mut response =
            (StatusCode::CREATED, json, [(header::LOCATION, self.location)], self.body).into_response();
        if self.is_replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// Forgets the answers that are a day old; returns how many.
pub async fn forget(tx: &mut PgConnection) -> sqlx::Result<u64> {
    let old = sqlx::query!("DELETE FROM idempotency_keys WHERE created_at < now() - interval '1 day'");
    Ok(old.execute(tx).await?.rows_affected())
}

/// Two requests are the same when they ask for the same, however it was written.
fn fingerprint(what: &str, request: &impl Serialize) -> Result<[u8; 32], Error> {
    let request = serde_json::to_vec(request).map_err(anyhow::Error::from)?;
    Ok(Sha256::new().chain_update(what).chain_update([0]).chain_update(request).finalize().into())
}

/// Until the transaction ends, nobody else is answering a request of this user's with this key. Before anything is read, since
/// a statement sees what was there when it began.
async fn alone(tx: &mut OrganisationTx, user: Uuid, key: &str) -> Result<(), Error> {
    let is_alone = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0)) AS "is_alone!""#,
        user.to_string(),
        key
    );
    if is_alone.fetch_one(&mut **tx).await? {
        return Ok(());
    }
    Err(Error::of(
        StatusCode::CONFLICT,
        "/problems/still-answered",
        format!("a request with this {HEADER} is still being answered"),
    ))
}

async fn answered(
    tx: &mut OrganisationTx,
    user: Uuid,
    key: &str,
    request: &[u8],
) -> Result<Option<Created>, Error> {
    let kept = sqlx::query!(
        r#"SELECT request, location, answer FROM idempotency_keys
           WHERE user_id = $1 AND key = $2 AND created_at >= now() - interval '1 day'"#,
        user,
        key
    );
    match kept.fetch_optional(&mut **tx).await? {
        Some(kept) if kept.request != request => Err(Error::Rejected(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("this {HEADER} came with another request before: each one needs a key of its own"),
        )),
        kept => {
            Ok(kept.map(|kept| Created { location: kept.location, body: kept.answer, is_replayed: true }))
        }
    }
}
