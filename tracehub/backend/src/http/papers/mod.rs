//! The papers of a shipment: what lies there, in which versions, and the files themselves.

mod arriving;
mod forget;
mod kind;
mod metadata;
pub(super) mod name;
mod upload;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;
use tower_http::services::ServeFile;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub use self::forget::{forget, remove_files};
pub use self::kind::Kind;
pub use self::upload::{PART, PARTS, is_part};
use super::auth::Caller;
use super::extract::{Id, Json, Path, Query};
use super::role::Role;
use super::shipments::history::{self, Change, What};
use super::shipments::is_there;
use super::shipments::word::Word;
use super::{App, Error};
use crate::database::OrganisationTx;
use crate::papers::{Hash, Store};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_papers, upload::begin_upload))
        .routes(routes!(upload::look_at_upload, upload::add_part, upload::end_upload))
        .routes(routes!(remove_paper))
        .routes(routes!(download_paper))
}

#[derive(Serialize, ToSchema)]
pub struct Papers {
    items: Vec<Paper>,
}

#[derive(Serialize, ToSchema)]
pub struct Paper {
    id: Uuid,
    #[schema(value_type = Kind)]
    kind: Word<Kind>,
    /// The present one first.
    versions: Vec<Version>,
    /// Another paper of the organisation's that has the very same content as this one now.
    same_as: Option<Same>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PaperVersion)]
pub struct Version {
    version: i64,
    /// The paper's own, such as that of a certificate.
    number: Option<String>,
    /// What its file was called.
    name: String,
    /// In bytes.
    size: i64,
    content_type: String,
    /// Of its content, in hexadecimal.
    sha256: String,
    expires_on: Option<NaiveDate>,
    by: String,
    at: DateTime<Utc>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SamePaper)]
pub struct Same {
    shipment_id: Uuid,
    /// That shipment's.
    reference: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContentQuery {
    /// The present one, unless told.
    #[param(minimum = 1, maximum = 10_000)]
    version: Option<i64>,
}

impl App {
    /// Where the files lie.
    pub(super) fn papers(&self) -> Result<&Store, Error> {
        self.papers.as_deref().ok_or_else(|| Error::Unavailable("papers are not kept here".into()))
    }
}

/// The papers of a shipment, by kind
#[utoipa::path(
    get, path = "/api/shipments/{id}/papers", tag = "papers", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = OK, body = Papers)),
)]
pub async fn list_papers(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<Json<Papers>, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    is_there(&mut tx, id).await?;
    let rows = sqlx::query!(
        r#"SELECT papers.id, kind, version, number, paper_versions.name, size, sha256, content_type, expires_on, at,
                  users.name AS by, same.shipment_id AS "same_shipment?", same.reference AS "same_reference?"
           FROM papers
           JOIN paper_versions ON paper_id = papers.id
           JOIN users ON users.id = user_id
           LEFT JOIN LATERAL (
               SELECT other.shipment_id, reference FROM paper_versions AS double
               JOIN papers AS other ON other.id = double.paper_id AND other.id <> papers.id AND other.deleted_at IS NULL
               JOIN shipments ON shipments.id = other.shipment_id
               WHERE double.sha256 = paper_versions.sha256 ORDER BY other.id LIMIT 1
           ) AS same ON true
           WHERE papers.shipment_id = $1 AND deleted_at IS NULL
           ORDER BY kind, papers.id, version DESC"#,
        id
    );
    let mut items: Vec<Paper> = Vec::new();
    for row in rows.fetch_all(&mut *tx).await? {
        if items.last().is_none_or(|paper| paper.id != row.id) {
            let same = row.same_shipment.zip(row.same_reference);
            let same_as = same.map(|(shipment_id, reference)| Same { shipment_id, reference });
            items.push(Paper { id: row.id, kind: row.kind.into(), versions: Vec::new(), same_as });
        }
        let version = Version {
            version: row.version,
            number: row.number,
            name: row.name,
            size: row.size,
            content_type: row.content_type,
            sha256: hex::encode(stored(row.sha256)?),
            expires_on: row.expires_on,
            by: row.by,
            at: row.at,
        };
        items.last_mut().expect("one is there").versions.push(version);
    }
    Ok(Json(Papers { items }))
}

/// The file of a paper, or a part of it
#[utoipa::path(
    get, path = "/api/papers/{id}/content", tag = "papers", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path), ContentQuery,
        ("range" = Option<String>, Header, description = "One part of it, as RFC 9110 has it: bytes=0-1023"),
    ),
    responses(
        (status = OK, content_type = "application/octet-stream", description = "As its content type says"),
        (status = PARTIAL_CONTENT, content_type = "application/octet-stream", description = "The part that was asked for"),
        (status = RANGE_NOT_SATISFIABLE, description = "There is no such part"),
    ),
)]
pub async fn download_paper(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    Query(ContentQuery { version }): Query<ContentQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    let found = sqlx::query!(
        r#"SELECT sha256, content_type, name FROM paper_versions JOIN papers ON papers.id = paper_id
           WHERE paper_id = $1 AND deleted_at IS NULL AND ($2::bigint IS NULL OR version = $2)
           ORDER BY version DESC LIMIT 1"#,
        id,
        version
    );
    let found = found.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
    let organisation = tx.organisation();
    drop(tx);
    let file = Kept { hash: stored(found.sha256)?, content_type: found.content_type, name: found.name };
    send(app.papers()?, organisation, &file, &headers).await
}

/// A file that lies in the store.
pub struct Kept {
    pub hash: Hash,
    pub content_type: String,
    pub name: String,
}

/// Answers with a file, as something to be saved: none is ever shown as a page of ours.
pub async fn send(store: &Store, of: Uuid, file: &Kept, asked: &HeaderMap) -> Result<Response, Error> {
    let mut request = Request::builder();
    let etag =
        HeaderValue::from_str(&format!("\"{}\"", hex::encode(file.hash))).map_err(anyhow::Error::from)?;
    // Whoever has a part of what the paper was before needs the whole of what it is now.
    let has_the_same = asked.get(header::IF_RANGE).is_none_or(|part_of| part_of == etag);
    if let Some(range) = asked.get(header::RANGE).filter(|_| has_the_same) {
        request = request.header(header::RANGE, range);
    }
    let request = request.body(Body::empty()).map_err(anyhow::Error::from)?;
    let mime = file.content_type.parse().map_err(anyhow::Error::from)?;
    let path = store.path(of, &file.hash);
    let Ok(answer) = ServeFile::new_with_mime(&path, &mime).oneshot(request).await;
    match answer.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
        StatusCode::RANGE_NOT_SATISFIABLE => return Ok(answer.map(Body::new)),
        _ => return Err(anyhow::anyhow!("the file {} can't be read", path.display()).into()),
    }
    let mut answer = answer.into_response();
    let headers = answer.headers_mut();
    headers.remove(header::LAST_MODIFIED);
    let disposition = HeaderValue::from_str(&name::disposition(&file.name)).map_err(anyhow::Error::from)?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    headers.insert(header::ETAG, etag);
    Ok(answer)
}

/// Take a paper away, with all of its versions: a member those of which they have brought each one, a manager any
#[utoipa::path(
    delete, path = "/api/papers/{id}", tag = "papers", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = NO_CONTENT)),
)]
pub async fn remove_paper(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<StatusCode, Error> {
    let mut tx = caller.begin(&app, Role::Member).await?;
    let found = sqlx::query!(
        r#"SELECT shipment_id, kind, name, bool_and(user_id = $2) OVER () AS "is_own!"
           FROM papers JOIN paper_versions ON paper_id = papers.id
           WHERE papers.id = $1 AND deleted_at IS NULL ORDER BY version DESC LIMIT 1"#,
        id,
        tx.user()
    );
    let found = found.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
    if tx.role() < Some(Role::Manager) && !found.is_own {
        let why = "you may take away what you have brought yourself: please ask a manager";
        return Err(Error::of(StatusCode::FORBIDDEN, "/problems/others-paper", why));
    }
    let removed =
        sqlx::query!("UPDATE papers SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL", id);
    if removed.execute(&mut *tx).await?.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    let before = Some(words(&found.kind, &found.name));
    note(&mut tx, found.shipment_id, before, None).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a paper stands in the history: its kind, and what its file was called.
fn words(kind: &str, name: &str) -> String {
    format!("{kind} {name}")
}

async fn note(
    tx: &mut OrganisationTx,
    shipment: Uuid,
    before: Option<String>,
    after: Option<String>,
) -> Result<(), Error> {
    let change = Change { field: "paper".into(), before, after };
    history::note(tx, shipment, What::Changed, &[change]).await
}

pub fn stored(hash: Vec<u8>) -> Result<Hash, Error> {
    Ok(Hash::try_from(hash).map_err(|_| anyhow::anyhow!("a hash of another length"))?)
}
