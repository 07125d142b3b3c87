//! What people change of themselves: their name, and their password.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use chrono::Utc;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Login, Me, PASSWORD, me_of};
use super::client::Client;
use super::extract::Json;
use super::role::Role;
use super::{App, Claims, Error, FieldError, Problem, Rule, links};
use crate::text;
use crate::throttle::{Account, LogIns, Visitor};

/// In characters; what a person chooses, and nobody guesses.
pub const SHORTEST_PASSWORD: usize = 12;
pub const NAME: usize = 200;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(change_me)).routes(routes!(change_password))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeChange {
    #[schema(schema_with = text::schema::<NAME>)]
    name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The one until now.
    #[schema(format = Password, min_length = 1, max_length = 1024)]
    current: String,
    #[schema(format = Password, min_length = 12, max_length = 1024)]
    new: String,
}

/// Be called another name
#[utoipa::path(
    patch, path = "/api/auth/me", tag = "auth", request_body = MeChange, security(("bearer" = [])),
    responses((status = OK, body = Me)),
)]
pub async fn change_me(
    State(app): State<App>,
    caller: Caller,
    Json(MeChange { name }): Json<MeChange>,
) -> Result<Json<Me>, Error> {
    let name =
        text::plain(&name, NAME).map_err(|wrong| Error::Invalid(vec![FieldError::of_text("name", wrong)]))?;
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    sqlx::query!("UPDATE users SET name = $2 WHERE id = $1", tx.user(), name).execute(&mut *tx).await?;
    let me = me_of(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(me))
}

/// Have another password; every log-in ends but the one that is answered
#[utoipa::path(
    post, path = "/api/auth/password", tag = "auth", request_body = PasswordChange, security(("bearer" = [])),
    responses(
        (status = OK, body = Login, headers(("set-cookie" = String, description = "The session that goes on"))),
        (
            status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json",
            headers(("retry-after" = u64, description = "In how many seconds it may be tried again")),
        ),
    ),
)]
pub async fn change_password(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    headers: HeaderMap,
    Json(PasswordChange { current, new }): Json<PasswordChange>,
) -> Result<([(HeaderName, String); 1], Json<Login>), Error> {
    let email = caller.me(&app).await?.user.email;
    let is_known = |length: usize| (1..=PASSWORD).contains(&length);
    let mut errors = Vec::new();
    if !is_known(current.chars().count()) {
        errors.push(FieldError::breaks("current", Rule::NotYourPassword, "is not your password"));
    }
    errors.extend(wrong_with("new", &new));
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    // As a log-in: whoever has found somebody's token guesses their password no more often.
    let account = Account::of(&email);
    let device = app.keys.device(&headers, &account, Utc::now());
    let visitor = Visitor { account, client: client.network, device };
    let check = app.passwords.enter(&visitor)?;
    let log_ins = LogIns::of(&app.database, &visitor);
    if let Some(wait) = log_ins.wait().await? {
        return Err(Error::TooManyLogIns(wait));
    }
    let hash = sqlx::query_scalar!(r#"SELECT password_hash AS "hash!" FROM credentials_of($1)"#, email);
    let hash = hash.fetch_optional(&app.database).await?;
    if !check.fits(current, hash).await? {
        log_ins.failed().await?;
        return Err(Error::Invalid(vec![FieldError::breaks(
            "current",
            Rule::NotYourPassword,
            "is not your password",
        )]));
    }
    let hash = check.hash(new).await?;
    // Once more: the log-in may have ended meanwhile.
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    let (user, organisation) = (tx.user(), tx.organisation());
    let version = sqlx::query_scalar!(r#"SELECT change_password($1, $2) AS "version!""#, user, hash);
    let version = version.fetch_one(&mut *tx).await?;
    links::end_those_for(&mut tx, user).await?;
    links::end_those_made_by(&mut tx, user).await?;
    let claims = Claims::new(user, organisation, version, Utc::now());
    let (login, cookie) = Login::of(&mut tx, &app, claims, &headers, &client).await?;
    tx.commit().await?;
    Ok(([(header::SET_COOKIE, cookie)], Json(login)))
}

/// What is wrong with a password that somebody chooses.
pub fn wrong_with(field: &str, password: &str) -> Option<FieldError> {
    match password.chars().count() {
        SHORTEST_PASSWORD..=PASSWORD => None,
        ..SHORTEST_PASSWORD => {
            let message = format!("must have {SHORTEST_PASSWORD} characters at least");
            Some(FieldError::breaks(field, Rule::TooShort, message).limit(SHORTEST_PASSWORD))
        }
        _ => Some(FieldError::of_text(field, text::Wrong::TooLong(PASSWORD))),
    }
}
