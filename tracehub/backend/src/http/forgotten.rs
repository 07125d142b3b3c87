//! A forgotten password: whoever has the address is sent a link for another one.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use sqlx::PgPool;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::EMAIL;
use super::client::Client;
use super::extract::Json;
use super::links::address;
use super::shares::PageLanguage;
use super::{App, Error, Problem};
use crate::database::OrganisationTx;
use crate::jobs::{Letter, Mail, OF_NOBODY};
use crate::password::NOBODYS;
use crate::text;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(forgot_password))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Forgotten {
    #[schema(schema_with = text::schema::<EMAIL>)]
    email: String,
    /// Of the mail.
    #[serde(default)]
    language: PageLanguage,
}

/// Be sent a link for another password, where somebody has this address: the answer is the same where nobody has
#[utoipa::path(
    post, path = "/api/auth/forgotten", tag = "auth", request_body = Forgotten,
    responses(
        (status = ACCEPTED),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "No mail is sent from here",
        ),
        (
            status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json",
            headers(("retry-after" = u64, description = "In how many seconds it may be tried again")),
        ),
    ),
)]
pub async fn forgot_password(
    State(app): State<App>,
    client: Client,
    Json(Forgotten { email, language }): Json<Forgotten>,
) -> Result<StatusCode, Error> {
    let email = address(&email)?;
    app.sends_mail()?;
    app.let_stranger_ask("forgotten", &email, &client).await?;
    // Whether anybody has the address is found out when the mail is written: here it costs the same time.
    let tx = OrganisationTx::begin(&app.database, OF_NOBODY).await?;
    app.post(tx, Uuid::now_v7(), Mail { letter: Letter::ForgottenPassword, to: email, language }).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Makes the link that was asked for there, if anybody has the address.
pub async fn make_link(database: &PgPool, link: Uuid, hash: &[u8; 32], email: &str) -> sqlx::Result<()> {
    let make = sqlx::query!("SELECT make_forgotten_link($1, $2, $3, $4)", link, &hash[..], email, NOBODYS);
    make.fetch_one(database).await.map(drop)
}
