//! Who is asking: logging in, and the token that a request brings along.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::AppendHeaders;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::client::Client;
use super::extract::Json;
use super::role::Role;
use super::session::{self, NewSession};
use super::{App, Claims, Error, FieldError, Problem};
use crate::database::OrganisationTx;
use crate::reports;
use crate::text;
use crate::throttle::{Account, LogIns, Visitor};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(log_out)).routes(routes!(me))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    #[schema(schema_with = text::schema::<EMAIL>)]
    email: String,
    #[schema(format = Password, min_length = 1, max_length = 1024)]
    password: String,
}

/// As the database has it, in characters.
pub const EMAIL: usize = 254;
/// Longer than anybody types, and short enough to be hashed by everybody.
pub const PASSWORD: usize = 1024;

impl Credentials {
    /// With the address as it is stored; or what can't be right, whoever has which password.
    fn checked(self) -> Result<Self, Error> {
        let mut errors = Vec::new();
        let email =
            text::plain(&self.email, EMAIL).map_err(|wrong| errors.push(FieldError::of_text("email", wrong)));
        match self.password.chars().count() {
            1..=PASSWORD => {}
            0 => errors.push(FieldError::of_text("password", text::Wrong::Empty)),
            _ => errors.push(FieldError::of_text("password", text::Wrong::TooLong(PASSWORD))),
        }
        match email {
            Ok(email) if errors.is_empty() => Ok(Self { email: email.to_lowercase(), ..self }),
            _ => Err(Error::Invalid(errors)),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct Login {
    /// For the header `authorization: Bearer …`.
    token: String,
    /// When the token ceases to be good.
    expires_at: DateTime<Utc>,
    /// What the cookie of the answer stands for, which does instead of the token; none from a release before there were sessions.
    #[schema(required = false)]
    session: NewSession,
    #[serde(flatten)]
    me: Me,
}

impl Login {
    /// Begins a session of who says this, in place of the one that the browser has, and with it a token.
    pub async fn begin(
        app: &App,
        claims: Claims,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<(Self, String), Error> {
        let mut tx = OrganisationTx::of_token(&app.database, &claims).await?.ok_or(LOGGED_OUT)?;
        let begun = Self::of(&mut tx, app, claims, headers, client).await?;
        tx.commit().await?;
        Ok(begun)
    }

    /// Like `begin`, of whoever this transaction is for, and with it.
    pub async fn of(
        tx: &mut OrganisationTx,
        app: &App,
        mut claims: Claims,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<(Self, String), Error> {
        let (session, cookie) = session::begin(tx, claims.ver, headers, client).await?;
        let me = me_of(tx).await?;
        claims.sid = Some(session.id);
        let (token, expires_at) = (app.keys.sign(&claims)?, claims.expires_at());
        Ok((Self { token, expires_at, session, me }, cookie))
    }
}

const LOGGED_OUT: Error = Error::Unauthenticated("please log in again");

#[derive(Serialize, ToSchema)]
pub struct Me {
    pub user: User,
    organisation: Organisation,
}

#[derive(Serialize, ToSchema)]
pub struct User {
    id: Uuid,
    pub email: String,
    name: String,
    // A release from before there were roles says none.
    #[schema(required = false)]
    role: Role,
}

#[derive(Serialize, ToSchema)]
pub struct Organisation {
    id: Uuid,
    name: String,
}

/// Log in with an address and a password
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", request_body = Credentials,
    responses(
        (
            status = OK, body = Login,
            headers(("set-cookie" = String, description = "The session; and what makes this browser one that is known for the address")),
        ),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (
            status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json",
            headers(("retry-after" = u64, description = "In how many seconds it may be tried again")),
        ),
    ),
)]
pub async fn login(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(credentials): Json<Credentials>,
) -> Result<(AppendHeaders<[(HeaderName, String); 2]>, Json<Login>), Error> {
    let Credentials { email, password } = credentials.checked()?;
    let now = Utc::now();
    let account = Account::of(&email);
    let device = app.keys.device(&headers, &account, now);
    let visitor = Visitor { account, client: client.network, device };
    // Before the database is asked anything: who has no place costs it nothing.
    let check = app.passwords.enter(&visitor)?;
    let log_ins = LogIns::of(&app.database, &visitor);
    if let Some(wait) = log_ins.wait().await? {
        return Err(Error::TooManyLogIns(wait));
    }
    let found = sqlx::query!(
        r#"SELECT user_id AS "user!", organisation_id AS "organisation!", password_hash AS "hash!",
                  token_version AS "version!"
           FROM credentials_of($1)"#,
        email
    )
    .fetch_optional(&app.database)
    .await?;
    let (known, hash) =
        found.map(|found| ((found.user, found.organisation, found.version), found.hash)).unzip();
    let fits = check.fits(password, hash).await?;
    drop(check);
    // Again, before it is told whether it fits: guesses that came all at once were all let in, and enough of them may
    // have failed by now.
    if let Some(wait) = log_ins.wait().await? {
        return Err(Error::TooManyLogIns(wait));
    }
    // One answer for a wrong password and for an address that nobody has, or it would tell who is a customer.
    let Some((user, organisation, version)) = known.filter(|_| fits) else {
        log_ins.failed().await?;
        return Err(Error::of(
            StatusCode::UNAUTHORIZED,
            "/problems/wrong-password",
            "the address or the password is not right",
        ));
    };
    log_ins.succeeded().await?;
    let claims = Claims::new(user, organisation, version, now);
    let (login, cookie) = Login::begin(&app, claims, &headers, &client).await?;
    let known_from_now_on = app.keys.new_device(&account, now, client.is_secure);
    let cookies = [known_from_now_on, cookie].map(|cookie| (header::SET_COOKIE, cookie));
    Ok((AppendHeaders(cookies), Json(login)))
}

/// Log out, at once: by the cookie this session; by a token every session and token that this user was given until now
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "auth", security(("bearer" = [])),
    responses(
        (status = NO_CONTENT, headers(("set-cookie" = String, description = "Takes the session from this browser"))),
    ),
)]
pub async fn log_out(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
) -> Result<(StatusCode, [(HeaderName, String); 1]), Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    match (&caller, tx.session()) {
        (Caller::Cookie(_), Some(session)) => {
            session::end(&mut tx, session).await?;
        }
        _ => {
            sqlx::query!("SELECT log_out($1)", tx.user()).fetch_one(&mut *tx).await?;
        }
    }
    tx.commit().await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, session::forget_cookie(&headers, &client))]))
}

/// Who is logged in
#[utoipa::path(
    get, path = "/api/auth/me", tag = "auth", security(("bearer" = [])),
    responses(
        (status = OK, body = Me),
    ),
)]
pub async fn me(State(app): State<App>, caller: Caller) -> Result<Json<Me>, Error> {
    caller.me(&app).await.map(Json)
}

/// Whoever sent the request: a handler that takes one is answered 401 instead of called without a token or a cookie of ours.
/// Whether it is still good is known where the caller's transaction begins.
pub enum Caller {
    Token(Claims),
    /// By the hash of what it says.
    Cookie([u8; 32]),
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let Some(header) = parts.headers.get(header::AUTHORIZATION) else {
            let hash = match session::secure_hash(&parts.headers) {
                // Nor need it be asked who the edge is.
                Some(hash) => Some(hash),
                None => {
                    let Ok(client) = Client::from_request_parts(parts, app).await;
                    session::plain_hash(&parts.headers, &client)
                }
            };
            return hash.map(Self::Cookie).ok_or(Error::Unauthenticated("please log in"));
        };
        // Whoever sends a token means that, also in a browser that has a cookie.
        let header = header.to_str().ok().and_then(|header| header.split_once(' '));
        let (scheme, token) = header.ok_or(Error::Unauthenticated("please log in"))?;
        let claims =
            Some(token).filter(|_| scheme.eq_ignore_ascii_case("bearer")).and_then(|t| app.keys.check(t));
        let claims = claims.ok_or(LOGGED_OUT)?;
        // Also of a request for which the database does not answer.
        reports::of_organisation(claims.org);
        Ok(Self::Token(claims))
    }
}

impl Caller {
    /// The organisation that the caller belongs to, for what is decided before anything is asked of the database for them.
    pub async fn organisation(&self, app: &App) -> Result<Uuid, Error> {
        match self {
            Self::Token(claims) => Ok(claims.org),
            Self::Cookie(hash) => session::organisation_of(app, hash).await,
        }
    }

    /// A transaction that sees what the caller may see, for what wants this role at least; an error when the caller has not
    /// got it, has logged out, or is no user any more.
    pub async fn begin(&self, app: &App, least: Role) -> Result<OrganisationTx, Error> {
        let begun = match self {
            Self::Token(claims) => OrganisationTx::of_token(&app.database, claims).await?,
            Self::Cookie(hash) => OrganisationTx::of_session(&app.database, Some(hash), None).await?,
        };
        let begun = begun.ok_or(LOGGED_OUT)?;
        reports::of_organisation(begun.organisation());
        may(begun.role(), least)?;
        Ok(begun)
    }

    /// Like `begin`, and nobody else of the organisation has one from here meanwhile: what the caller may do can't change.
    pub async fn begin_alone(&self, app: &App, least: Role) -> Result<OrganisationTx, Error> {
        let mut begun = self.begin(app, least).await?;
        begun.wait_to_be_alone().await?;
        may(begun.role(), least)?;
        Ok(begun)
    }

    /// Everything about the caller.
    pub async fn me(&self, app: &App) -> Result<Me, Error> {
        me_of(&mut self.begin(app, Role::Viewer).await?).await
    }
}

/// Everything about whom the transaction is for.
pub async fn me_of(tx: &mut OrganisationTx) -> Result<Me, Error> {
    let user = tx.user();
    let found = sqlx::query!(
        r#"SELECT users.id, email, users.name, role AS "role: Role", organisations.id AS organisation_id,
                  organisations.name AS organisation_name
           FROM users JOIN organisations ON organisations.id = organisation_id WHERE users.id = $1"#,
        user
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(LOGGED_OUT)?;
    Ok(Me {
        user: User { id: found.id, email: found.email, name: found.name, role: found.role },
        organisation: Organisation { id: found.organisation_id, name: found.organisation_name },
    })
}

fn may(role: Option<Role>, least: Role) -> Result<(), Error> {
    match role {
        Some(role) if role >= least => Ok(()),
        _ => Err(Error::of(
            StatusCode::FORBIDDEN,
            "/problems/role-too-low",
            "your role does not allow that: please ask an owner of your organisation",
        )),
    }
}
