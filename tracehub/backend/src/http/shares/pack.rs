//! The pack: all papers of a shipment in one zip, which is written while it is sent.

use std::fs::File;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use uuid::Uuid;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::PageLanguage;
use super::cover::{Cover, Sheet};
use crate::database::OrganisationTx;
use crate::http::auth::Caller;
use crate::http::extract::{Id, Path};
use crate::http::papers::name::{ascii, disposition};
use crate::http::papers::stored;
use crate::http::role::Role;
use crate::http::{App, Error};
use crate::lane::Full;
use crate::papers::{Hash, Store};

/// How many may be written at once.
pub const PACKS: usize = 32;
/// What is read of a file at once, and how many of those wait for a slow line.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 4;

/// What goes into one.
pub struct Contents {
    pub sheet: Sheet,
    pub files: Vec<Packed>,
}

/// A file in it.
pub struct Packed {
    pub id: Uuid,
    pub kind: String,
    pub number: Option<String>,
    pub name: String,
    pub size: i64,
    pub hash: Hash,
    pub content_type: String,
    pub expires_on: Option<chrono::NaiveDate>,
}

/// All papers of a shipment as one zip, with a cover sheet and the shipment's history
#[utoipa::path(
    get, path = "/api/shipments/{id}/pack", tag = "papers", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = OK, content_type = "application/zip", description = "A zip of as many files as there are papers")),
)]
pub async fn download_pack(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
) -> Result<Response, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    let contents = Contents {
        sheet: Cover::of(&mut tx, id).await?.sheet(PageLanguage::En, true, &mut tx).await?,
        files: Packed::of_shipment(&mut tx, id, None).await?,
    };
    let organisation = tx.organisation();
    drop(tx);
    send(&app, organisation, contents, PageLanguage::En)
}

impl Packed {
    /// The papers of a shipment as they are now: all of them, or those that a link shows.
    pub async fn of_shipment(
        tx: &mut OrganisationTx,
        shipment: Uuid,
        share: Option<Uuid>,
    ) -> Result<Vec<Self>, Error> {
        let rows = sqlx::query!(
            r#"SELECT DISTINCT ON (kind, papers.id) papers.id, kind, number, name, size, sha256, content_type, expires_on
               FROM papers JOIN paper_versions ON paper_id = papers.id
               WHERE shipment_id = $1 AND deleted_at IS NULL
                 AND ($2::uuid IS NULL OR EXISTS (SELECT FROM share_papers WHERE share_id = $2 AND share_papers.paper_id = papers.id))
               ORDER BY kind, papers.id, version DESC"#,
            shipment,
            share
        );
        let rows = rows.fetch_all(&mut **tx).await?;
        rows.into_iter()
            .map(|row| {
                Ok(Self {
                    id: row.id,
                    kind: row.kind,
                    number: row.number,
                    name: row.name,
                    size: row.size,
                    hash: stored(row.sha256)?,
                    content_type: row.content_type,
                    expires_on: row.expires_on,
                })
            })
            .collect()
    }

    /// What it is called in the zip: no two are called the same, and none is a path.
    fn path(&self, place: usize, language: PageLanguage) -> String {
        let number = self.number.as_deref().map(|number| format!(" {number}")).unwrap_or_default();
        let kind = language.kind(&self.kind);
        ascii(&format!("{:02} {kind}{number} - {}", place + 1, self.name))
    }
}

/// Begins to send a pack. It is written by a thread that waits for the client, and ends with it.
pub fn send(app: &App, of: Uuid, contents: Contents, language: PageLanguage) -> Result<Response, Error> {
    let store = app.papers()?.clone();
    let place = app.packs.clone().try_acquire_owned().map_err(|_| Error::Busy(Full::ForAll))?;
    let name = format!("{}.zip", contents.sheet.reference);
    let (sender, receiver) = channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let mut pipe = io::BufWriter::with_capacity(PIECE, Pipe(sender.clone()));
        if let Err(error) = write(&mut pipe, &store, of, &contents, language) {
            // A client that went away is nobody's mistake. Who is still there must see that it is cut.
            if error.kind() != io::ErrorKind::BrokenPipe {
                tracing::error!("a pack could not be written: {error}");
                let _ = sender.blocking_send(Err(error));
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition(&name)).map_err(anyhow::Error::from)?,
        ),
    ];
    Ok((headers, Body::new(Streamed(receiver))).into_response())
}

fn write(
    to: &mut impl Write,
    store: &Store,
    of: Uuid,
    contents: &Contents,
    language: PageLanguage,
) -> io::Result<()> {
    let mut zip = ZipWriter::new_stream(&mut *to);
    // What papers are is compressed already.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let sheet = &contents.sheet;
    for (name, text) in
        [(&sheet.name, &sheet.text)].into_iter().chain(sheet.history.iter().map(|(name, text)| (name, text)))
    {
        zip.start_file(ascii(name), options)?;
        zip.write_all(text.as_bytes())?;
    }
    for (place, file) in contents.files.iter().enumerate() {
        zip.start_file(file.path(place, language), options)?;
        let mut reader = io::BufReader::with_capacity(PIECE, File::open(store.path(of, &file.hash))?);
        io::copy(&mut reader, &mut zip)?;
    }
    zip.finish()?;
    to.flush()
}

/// What is written goes to whoever reads the answer, who is waited for.
struct Pipe(Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(&bytes[..bytes.len().min(PIECE)]);
        let length = piece.len();
        let sent = self.0.blocking_send(Ok(piece));
        sent.map(|()| length).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Streamed(Receiver<io::Result<Bytes>>);

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = ready!(self.0.poll_recv(context));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }
}
