//! Papers on their way: the core of tus 1.0, in which a file comes in parts, and goes on where it was cut. How much is there,
//! the file itself says; so it does not matter which release takes which part.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::arriving::{PAPER, Upload, blocking, disk_full, has_place, kind_of, not_taken, too_large};
use super::metadata::Metadata;
use crate::http::auth::Caller;
use crate::http::error::Explained;
use crate::http::extract::{Id, Path};
use crate::http::role::Role;
use crate::http::shipments::is_there;
use crate::http::{App, Error, FieldError, Problem};
use crate::lane::{Full, Width};
use crate::papers::content::{self, HEAD};
use crate::papers::{Incoming, Store};

/// How many parts may be coming in at once, and how many of one organisation.
pub const PARTS: Width = Width { at_work: 64, let_in: 64, of_one_kind: 16, patience: Duration::ZERO };
/// What a part may hold: the edge has the same figure.
pub const PART: u64 = 512 * 1024;

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");

/// Whether a request brings a part of a paper.
pub fn is_part(method: &Method, path: &str) -> bool {
    *method == Method::PATCH && path.starts_with("/api/uploads/")
}

/// Begin to bring a paper: a new one, or another version of one that is there (tus 1.0, creation)
#[utoipa::path(
    post, path = "/api/shipments/{id}/papers", tag = "papers", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path),
        ("tus-resumable" = String, Header, description = "1.0.0"),
        ("upload-length" = u64, Header, description = "Of the file, in bytes: 50 MiB at most"),
        ("upload-metadata" = String, Header, description = "Pairs of a key and a text in base64: kind and filename; filetype, number, expires_on, and paper, of which it is another version"),
    ),
    responses(
        (
            status = CREATED,
            headers(("location" = String, description = "Where its parts go"), ("upload-offset" = u64, description = "0")),
        ),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json", description = "Headers that can't be read"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json", description = "The shipment has too many papers, or the paper too many versions, or too many are on their way"),
        (status = PRECONDITION_FAILED, body = Problem, content_type = "application/problem+json", description = "Another version of tus"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json", description = "Larger than a paper may be, or than what the organisation has left"),
        (status = UNSUPPORTED_MEDIA_TYPE, body = Problem, content_type = "application/problem+json", description = "No kind of file that is kept, or a name that ends as another one"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json", description = "Some of the metadata are not right"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json", description = "The disk is full"),
    ),
)]
pub async fn begin_upload(
    State(app): State<App>,
    caller: Caller,
    Path(Id(shipment)): Path<Id>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    is_tus(&headers)?;
    let size = number(&headers, &UPLOAD_LENGTH)?;
    if size == 0 {
        return Err(
            Error::Invalid(vec![FieldError::new("upload-length", "there is nothing in the file")]).into()
        );
    }
    if size > PAPER {
        return Err(too_large(
            "/problems/paper-too-large",
            format!("a paper may have {} MiB at most", PAPER / 1024 / 1024),
        )
        .into());
    }
    let Metadata { kind, number, name, filetype, expires_on, paper } = Metadata::of(&headers)?;
    let name = content::said(filetype.as_deref(), &name).map_err(not_taken)?.named(name);
    let mut tx = caller.begin(&app, Role::Member).await?;
    is_there(&mut tx, shipment).await?;
    let kind = match paper {
        None => kind.word(),
        Some(paper) => kind_of(&mut tx, shipment, paper).await?,
    };
    has_place(&mut tx, shipment, paper, size).await?;
    let store = app.papers()?.clone();
    if !blocking(move || store.has_room_for(size)).await? {
        return Err(disk_full().into());
    }
    let id = Uuid::now_v7();
    sqlx::query!(
        r#"INSERT INTO uploads (organisation_id, id, shipment_id, paper_id, kind, number, name, size, said, expires_on, user_id)
           VALUES (current_organisation_id(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
        id,
        shipment,
        paper.unwrap_or_else(Uuid::now_v7),
        kind,
        number,
        name,
        size as i64,
        filetype,
        expires_on,
        tx.user()
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let location = [(header::LOCATION, format!("/api/uploads/{id}"))];
    Ok((StatusCode::CREATED, location, answered(0)).into_response())
}

/// How much of a paper has arrived (tus 1.0)
#[utoipa::path(
    head, path = "/api/uploads/{id}", tag = "papers", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("tus-resumable" = String, Header, description = "1.0.0")),
    responses(
        (status = OK, headers(("upload-offset" = u64), ("upload-length" = u64))),
        (status = CONFLICT, description = "It is whole, and the paper of which it is a version was taken away"),
        (status = PRECONDITION_FAILED, description = "Another version of tus"),
        (status = UNSUPPORTED_MEDIA_TYPE, description = "It is whole, and not what it says"),
        (status = UNPROCESSABLE_ENTITY, description = "It is whole, and nobody could open it safely"),
        (status = LOCKED, description = "A part of it is coming in at this moment"),
        (status = INSUFFICIENT_STORAGE, description = "The disk is full"),
    ),
)]
pub async fn look_at_upload(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    is_tus(&headers)?;
    let store = app.papers()?;
    let files = store.clone();
    // Before its row is read: what becomes a paper in between has no file any more, and its row says so.
    let arrived = blocking(move || files.offset(id)).await?;
    let upload = Upload::find(&app, &caller, id).await?;
    let offset = if upload.is_done { upload.size } else { arrived };
    // It was whole, and then something kept it from becoming a paper: now it does.
    if offset == upload.size && !upload.is_done {
        let files = store.clone();
        let incoming = blocking(move || files.open_again(id)).await?.ok_or_else(busy)?;
        upload.finish(&app, store, &caller).await?;
        drop(incoming);
    }
    let length = [(UPLOAD_LENGTH, upload.size.to_string())];
    Ok((StatusCode::OK, length, answered(offset)).into_response())
}

/// Bring a part of a paper: the one that goes on where the last one ended (tus 1.0)
#[utoipa::path(
    patch, path = "/api/uploads/{id}", tag = "papers", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path),
        ("tus-resumable" = String, Header, description = "1.0.0"),
        ("upload-offset" = u64, Header, description = "How much has arrived before"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream", description = "512 KiB at most"),
    responses(
        (status = NO_CONTENT, headers(("upload-offset" = u64, description = "How much is there now: perhaps not all that was sent"))),
        (
            status = CONFLICT, body = Problem, content_type = "application/problem+json",
            description = "Another offset: `upload-offset` says which; or the paper of which it is a version was taken away", headers(("upload-offset" = u64)),
        ),
        (status = PRECONDITION_FAILED, body = Problem, content_type = "application/problem+json", description = "Another version of tus"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json", description = "More than a part may hold, or than the file has"),
        (status = UNSUPPORTED_MEDIA_TYPE, body = Problem, content_type = "application/problem+json", description = "No part of a file, or the file is not what it says: then it is gone"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json", description = "Nobody could open the file safely: it is gone"),
        (status = LOCKED, body = Problem, content_type = "application/problem+json", description = "A part of it is coming in at this moment"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json", description = "The disk is full; what has arrived is kept"),
    ),
)]
pub async fn add_part(State(app): State<App>, request: Request) -> Response {
    let (mut parts, mut body) = request.into_parts();
    receive(&app, &mut parts, &mut body).await.unwrap_or_else(|Refused(answer)| *answer)
}

/// Give an upload up: what has arrived is forgotten (tus 1.0, termination)
#[utoipa::path(
    delete, path = "/api/uploads/{id}", tag = "papers", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("tus-resumable" = String, Header, description = "1.0.0")),
    responses(
        (status = NO_CONTENT),
        (status = PRECONDITION_FAILED, body = Problem, content_type = "application/problem+json", description = "Another version of tus"),
    ),
)]
pub async fn end_upload(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    is_tus(&headers)?;
    let upload = Upload::find(&app, &caller, id).await?;
    upload.end(&app, app.papers()?, &caller).await?;
    Ok((StatusCode::NO_CONTENT, [(TUS_RESUMABLE, VERSION)]).into_response())
}

async fn receive(app: &App, parts: &mut Parts, body: &mut Body) -> Result<Response, Refused> {
    let Path(Id(id)) = Path::<Id>::from_request_parts(parts, app).await?;
    let caller = Caller::from_request_parts(parts, app).await?;
    let headers = &parts.headers;
    is_tus(headers)?;
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/offset+octet-stream") {
        let why = "a part of a file is application/offset+octet-stream";
        return Err(Error::Rejected(StatusCode::UNSUPPORTED_MEDIA_TYPE, why.into()).into());
    }
    let at = number(headers, &UPLOAD_OFFSET)?;
    let length = number(headers, &header::CONTENT_LENGTH)?;
    if length > PART {
        return Err(too_large(
            "/problems/part-too-large",
            format!("a part may have {} KiB at most", PART / 1024),
        )
        .into());
    }
    let upload = Upload::find(app, &caller, id).await?;
    // Whose too many they are is the same to who sends one: clients of tus wait and go on after 503, and give up after 429.
    let _place = app.parts.enter(upload.organisation).map_err(|_| Error::Busy(Full::ForAll))?;
    let store = app.papers()?;
    if upload.is_done {
        return Err(elsewhere(upload.size));
    }
    let mut incoming = open(store, id).await?;
    // Whoever held it before may have made a paper of it.
    let upload = Upload::find(app, &caller, id).await?;
    if upload.is_done {
        return Err(elsewhere(upload.size));
    }
    if incoming.offset != at {
        return Err(elsewhere(incoming.offset));
    }
    let files = store.clone();
    if !blocking(move || files.has_room_for(length)).await? {
        return Err(disk_full().into());
    }
    let offset = upload.write(&mut incoming, body).await?;
    // As soon as it can be told, since nobody is to bring megabytes of what is not taken.
    if at < HEAD as u64 && offset >= upload.size.min(HEAD as u64) {
        upload.check_beginning(app, store, &caller).await?;
    }
    if offset == upload.size {
        upload.finish(app, store, &caller).await?;
    }
    drop(incoming);
    Ok((StatusCode::NO_CONTENT, answered(offset)).into_response())
}

/// An answer that is not what was asked for: with headers of its own, where tus wants some.
pub struct Refused(Box<Response>);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(Box::new(error.into_response()))
    }
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

fn is_tus(headers: &HeaderMap) -> Result<(), Refused> {
    if headers.get(TUS_RESUMABLE).is_some_and(|version| version == VERSION) {
        return Ok(());
    }
    let why = "uploads speak tus 1.0.0: say so in Tus-Resumable";
    let refused = Error::Rejected(StatusCode::PRECONDITION_FAILED, why.into());
    Err(Refused(Box::new(([(TUS_VERSION, VERSION)], refused).into_response())))
}

fn elsewhere(offset: u64) -> Refused {
    let refused = Error::Explained(Box::new(Explained {
        status: StatusCode::CONFLICT,
        kind: "/problems/other-offset",
        detail: format!("{offset} bytes of this file are here: it goes on from there"),
        more: Some(("offset", offset.into())),
    }));
    Refused(Box::new((answered(offset), refused).into_response()))
}

fn answered(offset: u64) -> [(HeaderName, HeaderValue); 2] {
    [(TUS_RESUMABLE, VERSION), (UPLOAD_OFFSET, offset.into())]
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Error> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = value.filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
    // More than a number holds is more than anything that is taken.
    let number = digits.filter(|digits| !digits.is_empty()).map(|digits| digits.parse().unwrap_or(u64::MAX));
    let why =
        || Error::Rejected(StatusCode::BAD_REQUEST, format!("the header {name} must be one whole number"));
    number.ok_or_else(why)
}

async fn open(store: &Store, id: Uuid) -> Result<Incoming, Error> {
    let store = store.clone();
    let opened = blocking(move || store.open(id)).await?;
    opened.ok_or_else(busy)
}

fn busy() -> Error {
    let why = "another part of this file is coming in: please try again in a moment";
    Error::Rejected(StatusCode::LOCKED, why.into())
}
