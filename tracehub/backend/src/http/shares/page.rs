//! The page for the buyer: made here, whole, so that it needs no script. Its link stands behind the question mark, which no log
//! has; the edge leads `/shared…` here.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use uuid::Uuid;

use super::cover::Cover;
use super::pack::{self, Contents, Packed};
use super::{PageLanguage, account};
use crate::database::OrganisationTx;
use crate::http::client::Client;
use crate::http::link_token::hash_of;
use crate::http::papers::{Kept, send};
use crate::http::{App, Error};
use crate::throttle::{LogIns, Visitor};

const STYLE: &str = include_str!("page.css");
/// Nothing but its own style, of which this is the hash, and forms to ourselves.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});
/// Who fetches a link only to show what is behind it, in a chat: nobody has opened it.
const PREVIEWS: [&str; 8] = [
    "whatsapp",
    "facebookexternalhit",
    "telegrambot",
    "slackbot",
    "twitterbot",
    "skypeuripreview",
    "discordbot",
    "bot/",
];

pub fn pages() -> Router<App> {
    Router::new()
        .route("/api/shared", get(look))
        .route("/api/shared/open", post(enter))
        .route("/api/shared/paper", get(paper))
        .route("/api/shared/pack", get(whole))
}

/// What stands behind the question mark.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    link: String,
    paper: Option<Uuid>,
    #[serde(default)]
    wrong: bool,
}

/// What a form sends.
#[derive(Deserialize)]
struct Entered {
    #[serde(default)]
    link: String,
    #[serde(default)]
    passcode: String,
}

/// A link that is good.
struct Open {
    organisation: Uuid,
    id: Uuid,
    language: PageLanguage,
    passcode_hash: Option<String>,
}

/// An answer that is a page, whatever it is.
struct Page(Response);

/// The language of whoever asks, for when no link says it.
struct Reader(PageLanguage);

impl FromRequestParts<App> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        let accepted = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Ok(Self(PageLanguage::accepted(accepted)))
    }
}

type Query = Result<axum::extract::Query<Asked>, axum::extract::rejection::QueryRejection>;

/// Which papers there are, or what asks for the passcode.
async fn look(State(app): State<App>, reader: Reader, query: Query, headers: HeaderMap) -> Page {
    let Ok(axum::extract::Query(asked)) = query else { return gone(reader.0) };
    answer(reader.0, async {
        let open = Open::find(&app, &asked.link).await?;
        if !open.lets_in(&app, &headers) {
            return Ok(ask(open.language, &asked.link, asked.wrong, StatusCode::OK));
        }
        let mut tx = OrganisationTx::begin(&app.database, open.organisation).await?;
        let shown = open.shown(&mut tx).await?;
        if !is_preview(&headers) {
            let seen = sqlx::query!(
                "UPDATE shares SET opened = opened + 1, opened_at = now() WHERE id = $1",
                open.id
            );
            seen.execute(&mut *tx).await?;
            tx.commit().await?;
        }
        Ok(shown.page(open.language, &asked.link))
    })
    .await
}

/// Takes a passcode.
async fn enter(
    State(app): State<App>,
    reader: Reader,
    client: Client,
    form: Result<axum::extract::Form<Entered>, axum::extract::rejection::FormRejection>,
) -> Page {
    let Ok(axum::extract::Form(Entered { link, passcode })) = form else { return gone(reader.0) };
    answer(reader.0, async {
        let open = Open::find(&app, &link).await?;
        let visitor = Visitor { account: account(open.id), client: client.network, device: None };
        let check = app.passwords.enter(&visitor)?;
        let guesses = LogIns::of(&app.database, &visitor);
        // Asked again before it is told whether it fits, as with log-ins.
        if guesses.wait().await?.is_some() {
            return Ok(too_often(open.language));
        }
        let fits = check.fits(passcode, open.passcode_hash.clone()).await?;
        if guesses.wait().await?.is_some() {
            return Ok(too_often(open.language));
        }
        if !fits {
            guesses.failed().await?;
            return Ok(Page(to(&format!("/shared?link={link}&wrong=true"), None)));
        }
        let pass = app.keys.new_pass(open.id, Utc::now(), client.is_secure);
        Ok(Page(to(&format!("/shared?link={link}"), Some(pass))))
    })
    .await
}

/// One of the papers.
async fn paper(State(app): State<App>, reader: Reader, query: Query, headers: HeaderMap) -> Page {
    let Ok(axum::extract::Query(asked)) = query else { return gone(reader.0) };
    answer(reader.0, async {
        let open = Open::find(&app, &asked.link).await?;
        if !open.lets_in(&app, &headers) {
            return Ok(ask(open.language, &asked.link, false, StatusCode::FORBIDDEN));
        }
        let mut tx = OrganisationTx::begin(&app.database, open.organisation).await?;
        let shown = open.shown(&mut tx).await?;
        drop(tx);
        let file =
            shown.files.into_iter().find(|file| Some(file.id) == asked.paper).ok_or(Error::NotFound)?;
        let file = Kept { hash: file.hash, content_type: file.content_type, name: file.name };
        Ok(Page(send(app.papers()?, open.organisation, &file, &headers).await?))
    })
    .await
}

/// All of them.
async fn whole(State(app): State<App>, reader: Reader, query: Query, headers: HeaderMap) -> Page {
    let Ok(axum::extract::Query(asked)) = query else { return gone(reader.0) };
    answer(reader.0, async {
        let open = Open::find(&app, &asked.link).await?;
        if !open.lets_in(&app, &headers) {
            return Ok(ask(open.language, &asked.link, false, StatusCode::FORBIDDEN));
        }
        let mut tx = OrganisationTx::begin(&app.database, open.organisation).await?;
        let Shown { cover, files, .. } = open.shown(&mut tx).await?;
        let sheet = cover.sheet(open.language, false, &mut tx).await?;
        drop(tx);
        Ok(Page(pack::send(&app, open.organisation, Contents { sheet, files }, open.language)?))
    })
    .await
}

/// What is told of the shipment whose papers a link shows, if it still does.
pub async fn find(database: &PgPool, hash: &[u8; 32]) -> sqlx::Result<Option<Cover>> {
    let Some(open) = Open::of(database, hash).await? else { return Ok(None) };
    let mut tx = OrganisationTx::begin(database, open.organisation).await?;
    let shipment = sqlx::query_scalar!("SELECT shipment_id FROM shares WHERE id = $1", open.id);
    let shipment = shipment.fetch_one(&mut *tx).await?;
    Cover::find(&mut tx, shipment).await
}

impl Open {
    /// The one of this link. One that never was looks the same as one that is gone.
    async fn find(app: &App, link: &str) -> Result<Self, Error> {
        let gone = || Error::Rejected(StatusCode::GONE, "this link is gone".into());
        let hash = hash_of(link).map_err(|_| gone())?;
        Self::of(&app.database, &hash).await?.ok_or_else(gone)
    }

    async fn of(database: &PgPool, hash: &[u8; 32]) -> sqlx::Result<Option<Self>> {
        let found = sqlx::query_as!(
            Open,
            r#"SELECT organisation_id AS "organisation!", id AS "id!", language AS "language!: PageLanguage", passcode_hash
               FROM share_of_token($1)"#,
            &hash[..]
        );
        found.fetch_optional(database).await
    }

    fn lets_in(&self, app: &App, headers: &HeaderMap) -> bool {
        self.passcode_hash.is_none() || app.keys.has_pass(headers, self.id, Utc::now())
    }

    async fn shown(&self, tx: &mut OrganisationTx) -> Result<Shown, Error> {
        let found = sqlx::query!("SELECT shipment_id, expires_at FROM shares WHERE id = $1", self.id);
        let found = found.fetch_one(&mut **tx).await?;
        let cover = Cover::of(tx, found.shipment_id).await?;
        let files = Packed::of_shipment(tx, found.shipment_id, Some(self.id)).await?;
        Ok(Shown { cover, files, expires_at: found.expires_at })
    }
}

/// What a link shows.
struct Shown {
    cover: Cover,
    files: Vec<Packed>,
    expires_at: DateTime<Utc>,
}

impl Shown {
    fn page(&self, language: PageLanguage, link: &str) -> Page {
        let words = language.words();
        let facts: String = self
            .cover
            .facts(language)
            .iter()
            .skip(1)
            .map(|(name, value)| format!("<div><dt>{}</dt><dd>{}</dd></div>", html(name), html(value)))
            .collect();
        let files: String = self.files.iter().map(|file| row(file, language, link)).collect();
        let list = match files.is_empty() {
            true => format!("<p>{}</p>", html(words.none)),
            false => format!(
                "<ul>{files}</ul><p><a class=\"all\" href=\"/shared/pack?link={link}\">{}</a></p>",
                html(words.all)
            ),
        };
        let body = format!(
            "<h1>{} {}</h1><p class=\"from\">{} {}</p><dl>{facts}</dl>{list}<p class=\"until\">{} {} UTC</p>",
            html(words.papers_of),
            html(&self.cover.reference),
            html(words.from),
            html(&self.cover.organisation),
            html(words.good_until),
            self.expires_at.format("%Y-%m-%d %H:%M"),
        );
        page(StatusCode::OK, language, &format!("{} {}", words.papers_of, self.cover.reference), &body)
    }
}

fn row(file: &Packed, language: PageLanguage, link: &str) -> String {
    let (words, kind) = (language.words(), language.kind(&file.kind));
    let number = file.number.as_deref().map(|number| format!(" {number}")).unwrap_or_default();
    let until = file.expires_on.map(|day| format!(" · {} {day}", words.valid_until)).unwrap_or_default();
    let size = match file.size {
        ..1_000_000 => format!("{} kB", (file.size / 1000).max(1)),
        size => format!("{}.{} MB", size / 1_000_000, size / 100_000 % 10),
    };
    format!(
        "<li><a href=\"/shared/paper?link={link}&amp;paper={}\"><b>{}</b><span>{}</span></a></li>",
        file.id,
        html(&format!("{kind}{number}")),
        html(&format!("{} · {size}{until}", file.name))
    )
}

fn ask(language: PageLanguage, link: &str, was_wrong: bool, status: StatusCode) -> Page {
    let words = language.words();
    let wrong =
        if was_wrong { format!("<p role=\"alert\">{}</p>", html(words.wrong)) } else { String::new() };
    // What is written into the page is no more than a token can be: the link was found by it.
    let body = format!(
        "<h1>TraceHub</h1>{wrong}<p>{}</p><form method=\"post\" action=\"/shared/open\">\
         <input type=\"hidden\" name=\"link\" value=\"{link}\"><label>{}<input name=\"passcode\" type=\"password\" \
         autocomplete=\"off\" required maxlength=\"128\" autofocus></label><button>{}</button></form>",
        html(words.asks),
        html(words.passcode),
        html(words.open)
    );
    page(status, language, words.passcode, &body)
}

fn too_often(language: PageLanguage) -> Page {
    let words = language.words();
    let body = format!("<h1>TraceHub</h1><p role=\"alert\">{}</p>", html(words.too_often));
    page(StatusCode::TOO_MANY_REQUESTS, language, words.passcode, &body)
}

fn gone(language: PageLanguage) -> Page {
    told(language, StatusCode::GONE)
}

async fn answer(language: PageLanguage, answered: impl Future<Output = Result<Page, Error>>) -> Page {
    answered.await.unwrap_or_else(|error| {
        let status = error.into_response().status();
        told(language, status)
    })
}

fn told(language: PageLanguage, status: StatusCode) -> Page {
    let words = language.words();
    let (title, text) = match status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        true => (words.later_title, words.later),
        false => (words.gone_title, words.gone),
    };
    page(status, language, title, &format!("<h1>{}</h1><p>{}</p>", html(title), html(text)))
}

fn page(status: StatusCode, language: PageLanguage, title: &str, body: &str) -> Page {
    let lang = language.words().lang;
    let title = html(title);
    let whole = format!(
        "<!doctype html><html lang=\"{lang}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\"><title>{title} · TraceHub</title>\
         <style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        // The address holds the link.
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Page((status, headers, whole).into_response())
}

fn to(address: &str, cookie: Option<String>) -> Response {
    let cookie = cookie.map(|cookie| [(header::SET_COOKIE, cookie)]);
    (StatusCode::SEE_OTHER, [(header::LOCATION, address.to_owned())], cookie, ()).into_response()
}

fn is_preview(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let agent = agent.to_lowercase();
    PREVIEWS.iter().any(|preview| agent.contains(preview))
}

/// The text as it is written into a page.
pub fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        self.0
    }
}
