//! Links for whoever buys: some papers of a shipment, on a page that needs no account. Who makes one sends it, by WhatsApp
//! mostly.

mod cover;
mod pack;
mod page;
mod pass;
mod words;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub use self::cover::Cover;
pub use self::pack::PACKS;
pub use self::page::{find as find_shared, html, pages};
use super::auth::{Caller, EMAIL};
use super::extract::{Id, Json, Path};
use super::links::Link;
use super::role::Role;
use super::shipments::history::{self, Change, What};
use super::shipments::is_there;
use super::{App, Error, FieldError, Rule};
use crate::database::OrganisationTx;
use crate::jobs::{Letter, Mail, MailState};
use crate::text;
use crate::throttle::{Account, Visitor};

const BUYER: usize = 200;
/// As many guesses as are let in take half a year for so many digits.
const SHORTEST_PASSCODE: usize = 6;
const LONGEST_PASSCODE: usize = 128;
const MOST_DAYS: u16 = 365;
const MOST_PAPERS: usize = 200;
/// How many links a shipment may have that are good.
const MOST_SHARES: i64 = 100;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_shares, share))
        .routes(routes!(revoke_share))
        .routes(routes!(pack::download_pack))
}

/// What the page for the buyer is written in, and mails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum PageLanguage {
    #[default]
    En,
    Fr,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShare {
    /// For whom it is, for those who look at the list of links.
    #[schema(schema_with = text::optional::<BUYER>)]
    buyer: Option<String>,
    language: PageLanguage,
    /// To whom the link is sent by mail, where there is a mail server; to nobody without.
    #[schema(schema_with = text::optional::<EMAIL>)]
    email: Option<String>,
    /// Which papers: what is brought as another version of one is shown from then on.
    #[schema(min_items = 1, max_items = 200)]
    papers: Vec<Uuid>,
    /// For how many days it is good.
    #[schema(minimum = 1, maximum = 365)]
    days: u16,
    /// Asked for before anything is shown.
    #[schema(format = Password, min_length = 6, max_length = 128)]
    passcode: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Shares {
    items: Vec<Share>,
}

#[derive(Serialize, ToSchema)]
pub struct Share {
    id: Uuid,
    buyer: Option<String>,
    has_passcode: bool,
    /// How many papers it shows.
    papers: i64,
    by: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// When it was taken back.
    revoked_at: Option<DateTime<Utc>>,
    /// How often its page was looked at.
    opened: i64,
    /// When that was last.
    opened_at: Option<DateTime<Utc>>,
    /// What became of its mail, where one was to be sent.
    mail: Option<MailState>,
}

/// The links to a shipment's papers, the newest first, also those that are good no more
#[utoipa::path(
    get, path = "/api/shipments/{id}/shares", tag = "papers", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = OK, body = Shares)),
)]
pub async fn list_shares(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<Json<Shares>, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    is_there(&mut tx, id).await?;
    let items = sqlx::query_as!(
        Share,
        r#"SELECT shares.id, buyer, has_passcode, users.name AS by, shares.created_at, expires_at, revoked_at, opened, opened_at,
                  mail_state(shares.id) AS "mail: MailState",
                  (SELECT count(*) FROM share_papers JOIN papers ON papers.id = paper_id
                   WHERE share_id = shares.id AND deleted_at IS NULL) AS "papers!"
           FROM shares JOIN users ON users.id = made_by
           WHERE shipment_id = $1 ORDER BY shares.id DESC LIMIT 200"#,
        id
    );
    Ok(Json(Shares { items: items.fetch_all(&mut *tx).await? }))
}

/// Make a link to some papers of a shipment: it is in the answer, and nowhere else
#[utoipa::path(
    post, path = "/api/shipments/{id}/shares", tag = "papers", params(("id" = Uuid, Path)), request_body = NewShare,
    security(("bearer" = [])),
    responses(
        (status = CREATED, body = Link),
        (
            status = CONFLICT, body = super::Problem, content_type = "application/problem+json",
            description = "The shipment has too many links that are good",
        ),
        (
            status = TOO_MANY_REQUESTS, body = super::Problem, content_type = "application/problem+json",
            headers(("retry-after" = u64, description = "In how many seconds it may be tried again")),
        ),
    ),
)]
pub async fn share(
    State(app): State<App>,
    caller: Caller,
    Path(Id(shipment)): Path<Id>,
    Json(new): Json<NewShare>,
) -> Result<(StatusCode, Json<Link>), Error> {
    let new = new.checked()?;
    let mut tx = caller.begin(&app, Role::Member).await?;
    is_there(&mut tx, shipment).await?;
    new.are_of(&mut tx, shipment).await?;
    drop(tx);
    // A passcode takes its time: nobody's connection to the database waits for that.
    let passcode = match &new.passcode {
        None => None,
        Some(passcode) => {
            let visitor = Visitor { account: account(shipment), client: None, device: None };
            Some(app.passwords.enter(&visitor)?.hash(passcode.clone()).await?)
        }
    };
    let mut tx = caller.begin(&app, Role::Member).await?;
    let (id, expires_at) = (Uuid::now_v7(), Utc::now() + TimeDelta::days(new.days.into()));
    let (token, hash) = app.keys.new_link(id);
    sqlx::query!(
        r#"INSERT INTO shares (organisation_id, id, shipment_id, token_hash, buyer, language, passcode_hash, made_by, expires_at)
           VALUES (current_organisation_id(), $1, $2, $3, $4, $5, $6, $7, $8)"#,
        id,
        shipment,
        &hash[..],
        new.buyer,
        new.language as PageLanguage,
        passcode,
        tx.user(),
        expires_at
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO share_papers (organisation_id, share_id, paper_id)
           SELECT current_organisation_id(), $1, paper FROM unnest($2::uuid[]) AS paper ON CONFLICT DO NOTHING"#,
        id,
        &new.papers
    )
    .execute(&mut *tx)
    .await?;
    note(&mut tx, shipment, None, Some(new.buyer.unwrap_or_default())).await?;
    let is_mailed = match new.email {
        Some(to) => app.post(tx, id, Mail { letter: Letter::Share, to, language: new.language }).await?,
        None => tx.commit().await.map(|()| false)?,
    };
    Ok((StatusCode::CREATED, Json(Link { path: format!("/shared?link={token}"), expires_at, is_mailed })))
}

/// Take a link back: whoever opens it from then on is told that it is gone
#[utoipa::path(
    delete, path = "/api/shares/{id}", tag = "papers", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = NO_CONTENT)),
)]
pub async fn revoke_share(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<StatusCode, Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    let revoked = sqlx::query!(
        "UPDATE shares SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING shipment_id, buyer",
        id
    );
    let revoked = revoked.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
    note(&mut tx, revoked.shipment_id, Some(revoked.buyer.unwrap_or_default()), None).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl NewShare {
    fn checked(mut self) -> Result<Self, Error> {
        let mut errors = Vec::new();
        if let Some(buyer) = self.buyer.take() {
            match text::plain(&buyer, BUYER) {
                Ok(buyer) => self.buyer = Some(buyer),
                Err(why) => errors.push(FieldError::of_text("buyer", why)),
            }
        }
        if let Some(email) = self.email.take() {
            match text::address(&email, EMAIL) {
                Ok(email) => self.email = Some(email),
                Err(why) => errors.push(FieldError::of_text("email", why)),
            }
        }
        if !(1..=MOST_PAPERS).contains(&self.papers.len()) {
            errors.push(FieldError::new("papers", format!("must be between 1 and {MOST_PAPERS}")));
        }
        if !(1..=MOST_DAYS).contains(&self.days) {
            errors.push(FieldError::new("days", format!("must be between 1 and {MOST_DAYS}")));
        }
        match self.passcode.as_ref().map(|passcode| passcode.chars().count()) {
            Some(..SHORTEST_PASSCODE) => errors.push(
                FieldError::breaks(
                    "passcode",
                    Rule::TooShort,
                    format!("must have {SHORTEST_PASSCODE} characters at least"),
                )
                .limit(SHORTEST_PASSCODE),
            ),
            Some(length) if length > LONGEST_PASSCODE => errors.push(
                FieldError::breaks(
                    "passcode",
                    Rule::TooLong,
                    format!("must not be longer than {LONGEST_PASSCODE} characters"),
                )
                .limit(LONGEST_PASSCODE),
            ),
            _ => {}
        }
        if errors.is_empty() { Ok(self) } else { Err(Error::Invalid(errors)) }
    }

    /// Whether all of its papers are this shipment's, and there may be one more link to it.
    async fn are_of(&self, tx: &mut OrganisationTx, shipment: Uuid) -> Result<(), Error> {
        let found = sqlx::query!(
            r#"SELECT (SELECT count(*) FROM unnest($2::uuid[]) AS asked
                       WHERE NOT EXISTS (SELECT FROM papers WHERE id = asked AND shipment_id = $1 AND deleted_at IS NULL)) AS "others!",
                      (SELECT count(*) FROM shares
                       WHERE shipment_id = $1 AND revoked_at IS NULL AND expires_at > now()) AS "shares!""#,
            shipment,
            &self.papers
        );
        let found = found.fetch_one(&mut **tx).await?;
        if found.others > 0 {
            return Err(Error::Invalid(vec![FieldError::new("papers", "must be papers of this shipment")]));
        }
        if found.shares >= MOST_SHARES {
            let why =
                format!("a shipment may have {MOST_SHARES} links that are good: please take one back first");
            return Err(Error::of(StatusCode::CONFLICT, "/problems/too-many-shares", why));
        }
        Ok(())
    }
}

/// What guesses of a passcode, and hashes of new ones, are counted by.
fn account(of: Uuid) -> Account {
    Account::of(&format!("share {of}"))
}

async fn note(
    tx: &mut OrganisationTx,
    shipment: Uuid,
    before: Option<String>,
    after: Option<String>,
) -> Result<(), Error> {
    let change = Change { field: "share".into(), before, after };
    history::note(tx, shipment, What::Changed, &[change]).await
}
