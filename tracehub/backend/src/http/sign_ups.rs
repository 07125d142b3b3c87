//! Signing up: an organisation that is made once the link is used that goes by mail to the address. Until then nothing is there,
//! and nobody learns who has an address: whether somebody has it already is found out when the mail is written, and said in it.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::EMAIL;
use super::client::Client;
use super::extract::Json;
use super::shares::PageLanguage;
use super::{App, Error, FieldError, Problem, Rule};
use crate::codes;
use crate::database::OrganisationTx;
use crate::jobs::{Letter, Mail};
use crate::text;

/// Of an organisation's name, in characters.
const NAME: usize = 200;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign_up))
}

/// What an organisation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum OrganisationKind {
    Exporter,
    Importer,
    Agent,
    Other,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSignUp {
    /// The name of the organisation.
    #[schema(schema_with = text::schema::<NAME>)]
    organisation: String,
    /// Where it is: two letters of ISO 3166.
    #[schema(min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$")]
    country: String,
    kind: OrganisationKind,
    #[schema(schema_with = text::schema::<EMAIL>)]
    email: String,
    /// Of the mail.
    #[serde(default)]
    language: PageLanguage,
}

impl NewSignUp {
    fn checked(self) -> Result<Self, Error> {
        let mut errors = Vec::new();
        let organisation = text::plain(&self.organisation, NAME)
            .map_err(|wrong| errors.push(FieldError::of_text("organisation", wrong)));
        let email = text::address(&self.email, EMAIL)
            .map_err(|wrong| errors.push(FieldError::of_text("email", wrong)));
        let country = codes::country(&self.country);
        if country.is_none() {
            errors.push(FieldError::breaks(
                "country",
                Rule::Country,
                "must be two letters of ISO 3166, such as DE",
            ));
        }
        match (organisation, email, country) {
            (Ok(organisation), Ok(email), Some(country)) => Ok(Self { organisation, email, country, ..self }),
            _ => Err(Error::Invalid(errors)),
        }
    }
}

/// Sign up with an organisation: it is there once the link is used that goes by mail to the address
#[utoipa::path(
    post, path = "/api/sign-ups", tag = "auth", request_body = NewSignUp,
    responses(
        (status = ACCEPTED),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "Nobody signs up here",
        ),
        (
            status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json",
            headers(("retry-after" = u64, description = "In how many seconds it may be tried again")),
        ),
    ),
)]
pub async fn sign_up(
    State(app): State<App>,
    client: Client,
    Json(new): Json<NewSignUp>,
) -> Result<StatusCode, Error> {
    let new = new.checked()?;
    if !app.signs_up() {
        let words = "nobody signs up here: please ask whoever runs this TraceHub";
        return Err(Error::of(StatusCode::CONFLICT, "/problems/no-sign-up", words));
    }
    app.let_stranger_ask("sign-up", &new.email, &client).await?;
    let (organisation, id) = (Uuid::now_v7(), Uuid::now_v7());
    let (_, hash) = app.keys.new_link(id);
    let mut tx = OrganisationTx::begin(&app.database, organisation).await?;
    sqlx::query!(
        r#"INSERT INTO sign_ups (organisation_id, id, token_hash, email, organisation, country, kind)
           VALUES ($1, $2, $3, $4, $5, $6, $7)"#,
        organisation,
        id,
        &hash[..],
        new.email,
        new.organisation,
        new.country,
        new.kind as OrganisationKind
    )
    .execute(&mut *tx)
    .await?;
    app.post(tx, id, Mail { letter: Letter::SignUp, to: new.email, language: new.language }).await?;
    Ok(StatusCode::ACCEPTED)
}

/// What is to be mailed about a sign-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum SignUpAnswer {
    /// The link with which it is done.
    Welcome,
    /// That somebody has the address already.
    Known,
}

/// What is to be mailed about the sign-up of this link, if anything is.
pub async fn answer(database: &PgPool, hash: &[u8; 32]) -> sqlx::Result<Option<SignUpAnswer>> {
    let answer = sqlx::query_scalar!(r#"SELECT answer_to_sign_up($1) AS "answer: SignUpAnswer""#, &hash[..]);
    answer.fetch_one(database).await
}

/// Forgets those from long ago; how many those were.
pub async fn forget(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let forgotten = sqlx::query_scalar!(r#"SELECT forget_sign_ups() AS "forgotten!""#);
    Ok(forgotten.fetch_one(connection).await?.unsigned_abs())
}
