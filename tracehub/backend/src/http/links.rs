//! Links that open something once: an invitation, or another password for somebody. Whoever makes one may copy it and send it;
//! where there is a mail server, an invitation goes by mail as well.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::account::{NAME, wrong_with};
use super::auth::{Caller, EMAIL};
use super::client::Client;
use super::extract::{Id, Json, Path};
use super::history::Action;
use super::link_token::hash_of;
use super::people::{decides_about, note, role_change};
use super::role::Role;
use super::shares::PageLanguage;
use super::{App, Error, FieldError, Problem};
use crate::database::OrganisationTx;
use crate::jobs::{Letter, Mail, MailState};
use crate::password::NOBODYS;
use crate::text;
use crate::throttle::{Account, Visitor};

/// An invitation waits for somebody who looks into their messages now and then.
const INVITATION: TimeDelta = TimeDelta::days(7);
const NEW_PASSWORD: TimeDelta = TimeDelta::days(1);

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_invitations, invite))
        .routes(routes!(withdraw_invitation))
        .routes(routes!(make_password_link))
        .routes(routes!(look_at_link))
        .routes(routes!(use_link))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    #[schema(schema_with = text::schema::<EMAIL>)]
    email: String,
    /// Below one's own; an owner may invite owners.
    role: Role,
    /// Of the mail, where one is sent.
    #[serde(default)]
    language: PageLanguage,
}

#[derive(Serialize, ToSchema)]
pub struct Invitation {
    id: Uuid,
    email: String,
    role: Role,
    expires_at: DateTime<Utc>,
    /// What became of its mail, where one was to be sent.
    mail: Option<MailState>,
}

#[derive(Serialize, ToSchema)]
pub struct Invitations {
    items: Vec<Invitation>,
}

/// What is shown once.
#[derive(Serialize, ToSchema)]
pub struct Link {
    /// To be put behind the page's address. Whoever has it may use it: what opens something, once.
    pub(super) path: String,
    pub(super) expires_at: DateTime<Utc>,
    /// Whether it is sent by mail, too.
    pub(super) is_mailed: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkToken {
    #[schema(min_length = 43, max_length = 43, pattern = "^[A-Za-z0-9_-]*$")]
    token: String,
}

/// What a link is good for.
#[derive(Serialize, ToSchema)]
pub struct LinkKind {
    kind: Kind,
    organisation: String,
    email: String,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    Invitation,
    Password,
    /// Somebody has signed up with an organisation, which is made.
    SignUp,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkUse {
    #[schema(min_length = 43, max_length = 43, pattern = "^[A-Za-z0-9_-]*$")]
    token: String,
    /// Of who was invited, or signs up; of no use otherwise.
    #[schema(schema_with = text::optional::<NAME>)]
    name: Option<String>,
    #[schema(format = Password, min_length = 12, max_length = 1024)]
    password: String,
}

#[derive(Serialize, ToSchema)]
pub struct LinkUsed {
    /// With which one logs in from now on.
    email: String,
}

/// Invitations that nobody has used yet
#[utoipa::path(
    get, path = "/api/invitations", tag = "people", security(("bearer" = [])),
    responses((status = OK, body = Invitations)),
)]
pub async fn list_invitations(State(app): State<App>, caller: Caller) -> Result<Json<Invitations>, Error> {
    let mut tx = caller.begin(&app, Role::Manager).await?;
    let items = sqlx::query_as!(
        Invitation,
        r#"SELECT id, email AS "email!", role AS "role!: Role", expires_at,
                  mail_state(id) AS "mail: MailState" FROM links
           WHERE kind = 'invitation' AND used_at IS NULL AND expires_at > now() ORDER BY id DESC LIMIT 200"#
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(Json(Invitations { items }))
}

/// Invite somebody: the link is in the answer, and nowhere else
#[utoipa::path(
    post, path = "/api/invitations", tag = "people", request_body = NewInvitation, security(("bearer" = [])),
    responses(
        (status = CREATED, body = Link),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "There is somebody with the address in this organisation",
        ),
    ),
)]
pub async fn invite(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewInvitation>,
) -> Result<(StatusCode, Json<Link>), Error> {
    let email = address(&new.email)?;
    // Alone, as who changes people is: nobody makes a link while their right to it is taken away.
    let mut tx = caller.begin_alone(&app, Role::Manager).await?;
    decides_about(&tx, new.role)?;
    let is_here = sqlx::query_scalar!("SELECT id FROM users WHERE email = $1", email);
    if is_here.fetch_optional(&mut *tx).await?.is_some() {
        return Err(Error::of(
            StatusCode::CONFLICT,
            "/problems/person-known",
            format!("{email} is one of your people already"),
        ));
    }
    let id = Uuid::now_v7();
    let (token, hash) = app.keys.new_link(id);
    let expires_at = Utc::now() + INVITATION;
    sqlx::query!(
        r#"INSERT INTO links (organisation_id, id, kind, token_hash, email, role, made_by, expires_at)
           VALUES (current_organisation_id(), $1, 'invitation', $2, $3, $4, $5, $6)"#,
        id,
        &hash[..],
        email,
        new.role as Role,
        tx.user(),
        expires_at
    )
    .execute(&mut *tx)
    .await?;
    let by = tx.user();
    note(&mut tx, by, (id, &email), Action::Invited, role_change(None, new.role)).await?;
    let is_mailed =
        app.post(tx, id, Mail { letter: Letter::Invitation, to: email, language: new.language }).await?;
    Ok((StatusCode::CREATED, Json(Link { path: format!("/welcome#{token}"), expires_at, is_mailed })))
}

/// Take an invitation back
#[utoipa::path(
    delete, path = "/api/invitations/{id}", tag = "people", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = NO_CONTENT)),
)]
pub async fn withdraw_invitation(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<StatusCode, Error> {
    let mut tx = caller.begin(&app, Role::Manager).await?;
    let found = sqlx::query!(
        r#"SELECT role AS "role!: Role", email AS "email!" FROM links
           WHERE id = $1 AND kind = 'invitation' AND used_at IS NULL"#,
        id
    );
    let found = found.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
    decides_about(&tx, found.role)?;
    let gone =
        sqlx::query!("DELETE FROM links WHERE id = $1 AND used_at IS NULL", id).execute(&mut *tx).await?;
    if gone.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    let by = tx.user();
    note(&mut tx, by, (id, &found.email), Action::InvitationRemoved, vec![]).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a link with which somebody chooses another password; who was suspended is not any more once it is used
#[utoipa::path(
    post, path = "/api/people/{id}/password-link", tag = "people", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses((status = CREATED, body = Link)),
)]
pub async fn make_password_link(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<(StatusCode, Json<Link>), Error> {
    let mut tx = caller.begin_alone(&app, Role::Manager).await?;
    let found = sqlx::query!(r#"SELECT role AS "role: Role", name FROM users WHERE id = $1"#, id);
    let found = found.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
    decides_about(&tx, found.role)?;
    let link = Uuid::now_v7();
    let (token, hash) = app.keys.new_link(link);
    let expires_at = Utc::now() + NEW_PASSWORD;
    // The one before is good no more.
    end_those_for(&mut tx, id).await?;
    sqlx::query!(
        r#"INSERT INTO links (organisation_id, id, kind, token_hash, user_id, made_by, expires_at)
           VALUES (current_organisation_id(), $1, 'password', $2, $3, $4, $5)"#,
        link,
        &hash[..],
        id,
        tx.user(),
        expires_at
    )
    .execute(&mut *tx)
    .await?;
    let by = tx.user();
    note(&mut tx, by, (id, &found.name), Action::PasswordLinkMade, vec![]).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(Link { path: format!("/welcome#{token}"), expires_at, is_mailed: false })))
}

/// What a link is good for
#[utoipa::path(
    post, path = "/api/links/look", tag = "people", request_body = LinkToken,
    responses(
        (status = OK, body = LinkKind),
        (status = GONE, body = Problem, content_type = "application/problem+json", description = "Used, expired, or none"),
    ),
)]
pub async fn look_at_link(
    State(app): State<App>,
    Json(LinkToken { token }): Json<LinkToken>,
) -> Result<Json<LinkKind>, Error> {
    open(&app, &hash_of(&token)?).await.map(Json)
}

/// Use a link: be somebody with this name and password, also the first of an organisation; or have this password from now on
#[utoipa::path(
    post, path = "/api/links/use", tag = "people", request_body = LinkUse,
    responses(
        (
            status = OK, body = LinkUsed,
            headers(("set-cookie" = String, description = "Makes this browser one that is known for the address")),
        ),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "The address has a user already, or too many organisations were made today",
        ),
        (status = GONE, body = Problem, content_type = "application/problem+json", description = "Used, expired, or none"),
        (
            status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json",
            headers(("retry-after" = u64, description = "In how many seconds it may be tried again")),
        ),
    ),
)]
pub async fn use_link(
    State(app): State<App>,
    client: Client,
    Json(LinkUse { token, name, password }): Json<LinkUse>,
) -> Result<([(HeaderName, String); 1], Json<LinkUsed>), Error> {
    let hash = hash_of(&token)?;
    let mut errors = Vec::new();
    errors.extend(wrong_with("password", &password));
    let name = name.map(|name| text::plain(&name, NAME)).transpose().unwrap_or_else(|wrong| {
        errors.push(FieldError::of_text("name", wrong));
        None
    });
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    // Before a password is hashed, which costs: who has no good link costs one look.
    let link = open(&app, &hash).await?;
    if link.kind != Kind::Password && name.is_none() {
        return Err(Error::Invalid(vec![FieldError::of_text("name", text::Wrong::Empty)]));
    }
    let name = name.unwrap_or_default();
    let account = Account::of(&link.email);
    let visitor = Visitor { account, client: client.network, device: None };
    let password = app.passwords.enter(&visitor)?.hash(password).await?;
    let mut tx = app.database.begin().await?;
    let new = Uuid::now_v7();
    let suspended = find_suspended(&mut tx, &hash).await?;
    let used = match link.kind {
        Kind::SignUp => {
            let used =
                sqlx::query_scalar!("SELECT use_sign_up($1, $2, $3, $4)", &hash[..], new, name, password);
            used.fetch_one(&mut *tx).await
        }
        Kind::Invitation | Kind::Password => {
            let used = sqlx::query_scalar!("SELECT use_link($1, $2, $3, $4)", &hash[..], new, name, password);
            used.fetch_one(&mut *tx).await
        }
    };
    let email =
        used.map_err(|error| match error.as_database_error().and_then(|error| error.constraint()) {
            Some("users_email_is_unique" | "users_by_folded_email") => Error::of(
                StatusCode::CONFLICT,
                "/problems/address-taken",
                "there is somebody with this address already",
            ),
            Some("sign_ups_a_day") => Error::of(
                StatusCode::CONFLICT,
                "/problems/too-many-sign-ups",
                "so many have signed up today that it must wait: please use the link again later, or sign up again tomorrow",
            ),
            _ => error.into(),
        })?;
    let used = LinkUsed { email: email.ok_or_else(gone)? };
    match link.kind {
        Kind::Password => {
            if let Some((user, name)) = suspended {
                note(&mut tx, user, (user, &name), Action::Reinstated, vec![]).await?;
            }
        }
        Kind::Invitation | Kind::SignUp => {
            note(&mut tx, new, (new, &name), Action::Joined, role_change(None, link.role)).await?;
        }
    }
    // Whoever knew the password until now may have invited themselves by it; and each other link for another one is of no use
    // any more. `use_link` has said whose organisation it is.
    sqlx::query!(
        "DELETE FROM links USING users WHERE used_at IS NULL AND users.email = $1 AND users.id IN (made_by, user_id)",
        used.email
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    // Somebody with a link is let in, however many strangers guess at that address meanwhile.
    let known_from_now_on = app.keys.new_device(&account, Utc::now(), client.is_secure);
    Ok(([(header::SET_COOKIE, known_from_now_on)], Json(used)))
}

/// Who is let in again by this link for another password: somebody who is suspended.
async fn find_suspended(
    connection: &mut PgConnection,
    hash: &[u8; 32],
) -> sqlx::Result<Option<(Uuid, String)>> {
    let found = sqlx::query!(
        r#"SELECT id AS "id!", name AS "name!" FROM suspended_user_of_link($1, $2)"#,
        &hash[..],
        NOBODYS
    );
    let found = found.fetch_optional(connection).await?;
    Ok(found.map(|found| (found.id, found.name)))
}

/// Ends the links with which this user would have another password. Whoever holds one would be that user, and may have been
/// given it by somebody who decides about less than the user may do since.
pub async fn end_those_for(tx: &mut OrganisationTx, user: Uuid) -> sqlx::Result<()> {
    let end = sqlx::query!("DELETE FROM links WHERE user_id = $1 AND used_at IS NULL", user);
    end.execute(&mut **tx).await.map(drop)
}

/// Ends the links that this user has made: by one of them somebody would come back who was shown out, or with the role that
/// was taken from them.
pub async fn end_those_made_by(tx: &mut OrganisationTx, user: Uuid) -> sqlx::Result<()> {
    let end = sqlx::query!("DELETE FROM links WHERE made_by = $1 AND used_at IS NULL", user);
    end.execute(&mut **tx).await.map(drop)
}

/// What a link is good for, if it still is.
pub async fn find(database: &PgPool, hash: &[u8; 32]) -> sqlx::Result<Option<LinkKind>> {
    let found = sqlx::query_as!(
        LinkKind,
        r#"SELECT kind AS "kind!: Kind", organisation AS "organisation!", email AS "email!", role AS "role!: Role"
           FROM look_at_link($1)"#,
        &hash[..]
    );
    if let Some(found) = found.fetch_optional(database).await? {
        return Ok(Some(found));
    }
    let found = sqlx::query!(
        r#"SELECT organisation AS "organisation!", email AS "email!" FROM look_at_sign_up($1)"#,
        &hash[..]
    );
    let found = found.fetch_optional(database).await?;
    Ok(found.map(|found| LinkKind {
        kind: Kind::SignUp,
        organisation: found.organisation,
        email: found.email,
        role: Role::Owner,
    }))
}

/// Like `find`, for who comes with it. Nobody signs up any more, by an older link either, where that was put an end to.
async fn open(app: &App, hash: &[u8; 32]) -> Result<LinkKind, Error> {
    let found = find(&app.database, hash).await?;
    found.filter(|link| link.kind != Kind::SignUp || app.signs_up()).ok_or_else(gone)
}

/// Forgets links that ended a day ago; how many those were.
pub async fn forget(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let forgotten = sqlx::query_scalar!(r#"SELECT forget_links() AS "forgotten!""#);
    Ok(forgotten.fetch_one(connection).await?.unsigned_abs())
}

impl LinkKind {
    /// To whom it makes somebody belong.
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    /// With which one logs in.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Or it is for another password.
    pub fn is_invitation(&self) -> bool {
        self.kind == Kind::Invitation
    }
}

/// The answer to a link that is no more, and to one that never was: nobody learns which there are.
fn gone() -> Error {
    let words = "this link was used already, has expired, or was taken back: please ask for another one";
    Error::of(StatusCode::GONE, "/problems/link-gone", words)
}

pub(super) fn address(email: &str) -> Result<String, Error> {
    text::address(email, EMAIL).map_err(|wrong| Error::Invalid(vec![FieldError::of_text("email", wrong)]))
}
