//! A file on its way: how its parts are written, and how it becomes a paper.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use chrono::NaiveDate;
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{note, words};
use crate::database::OrganisationTx;
use crate::http::auth::Caller;
use crate::http::role::Role;
use crate::http::{App, Error, FieldError};
use crate::papers::content::{self, ContentType, HEAD, Wrong};
use crate::papers::{Incoming, Store, hash, is_full};

/// What a paper may hold.
pub const PAPER: u64 = 50 * 1024 * 1024;
/// What all papers of an organisation may hold where nobody says otherwise, those that were taken away and are still kept among
/// them.
const ORGANISATION: i64 = 10 * 1024 * 1024 * 1024;
/// How many papers a shipment may have, and how many may be on their way to an organisation.
const PAPERS: i64 = 500;
/// How many versions a paper may have.
const VERSIONS: i64 = 100;
/// How many whole files are looked into at once: each is read twice, and some of it lies in memory.
static CHECKS: Semaphore = Semaphore::const_new(2);
/// What came of a part until then is kept, and answered: below the time that a request may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A file on its way.
pub struct Upload {
    pub organisation: Uuid,
    id: Uuid,
    shipment: Uuid,
    paper: Uuid,
    kind: String,
    number: Option<String>,
    name: String,
    /// Of the whole file.
    pub size: u64,
    said: &'static ContentType,
    expires_on: Option<NaiveDate>,
    /// Whether it has become a paper.
    pub is_done: bool,
}

impl Upload {
    pub async fn find(app: &App, caller: &Caller, id: Uuid) -> Result<Self, Error> {
        let mut tx = caller.begin(app, Role::Member).await?;
        let found = sqlx::query!(
            "SELECT shipment_id, paper_id, kind, number, name, size, said, expires_on, version FROM uploads WHERE id = $1",
            id
        );
        let found = found.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
        Ok(Self {
            organisation: tx.organisation(),
            id,
            shipment: found.shipment_id,
            paper: found.paper_id,
            kind: found.kind,
            said: content::said(found.said.as_deref(), &found.name).map_err(not_taken)?,
            number: found.number,
            name: found.name,
            size: found.size.unsigned_abs(),
            expires_on: found.expires_on,
            is_done: found.version.is_some(),
        })
    }

    /// Writes what comes of a part, as it comes. What is there when it is cut, when it takes too long, or when the disk is full,
    /// stays; how much that is.
    pub async fn write(&self, incoming: &mut Incoming, body: &mut Body) -> Result<u64, Error> {
        let mut file = tokio::fs::File::from_std(incoming.file.try_clone().map_err(disk)?);
        let until = Instant::now() + PATIENCE;
        let mut offset = incoming.offset;
        while let Ok(Some(frame)) = timeout_at(until, body.frame()).await {
            // A client that is gone hears nothing; one that is not is told how much came.
            let Ok(frame) = frame else { break };
            let Ok(data) = frame.into_data() else { continue };
            if offset + data.len() as u64 > self.size {
                return Err(too_large(
                    "/problems/other-size",
                    format!("the file was to have {} bytes, and more has come", self.size),
                ));
            }
            file.write_all(&data).await.map_err(disk)?;
            offset += data.len() as u64;
        }
        file.flush().await.map_err(disk)?;
        Ok(offset)
    }

    /// Whether what has come can become what it says; else it is given up.
    pub async fn check_beginning(&self, app: &App, store: &Store, caller: &Caller) -> Result<(), Error> {
        let (files, id, said) = (store.clone(), self.id, self.said);
        let check = move || {
            let mut head = Vec::new();
            files.arrived(id)?.take(HEAD as u64).read_to_end(&mut head)?;
            said.begins(&head)
        };
        let begun = spawn_blocking(check).await.map_err(anyhow::Error::from)?;
        self.or_end(begun, app, store, caller).await
    }

    /// Makes a paper of it, or another version of one. Only while its file is held, so that it is done once.
    pub async fn finish(&self, app: &App, store: &Store, caller: &Caller) -> Result<(), Error> {
        // Whoever held it before may have done it, and its file is gone then.
        let mut tx = caller.begin(app, Role::Member).await?;
        let taken = sqlx::query_scalar!("SELECT version FROM uploads WHERE id = $1", self.id);
        if taken.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?.is_some() {
            return Ok(());
        }
        drop(tx);
        let turn = CHECKS.acquire().await.map_err(anyhow::Error::from)?;
        let (files, id, said) = (store.clone(), self.id, self.said);
        let check = move || {
            let _turn = turn;
            let file: File = files.arrived(id)?;
            said.check(&file)?;
            let hash = hash(&file)?;
            // Here, where no connection of the database waits for the disk.
            file.sync_all()?;
            Ok::<_, Wrong>(hash)
        };
        let hash = spawn_blocking(check).await.map_err(anyhow::Error::from)?;
        let hash = self.or_end(hash, app, store, caller).await?;
        let mut tx = caller.begin(app, Role::Member).await?;
        let taken = sqlx::query_scalar!("SELECT version FROM uploads WHERE id = $1 FOR UPDATE", self.id);
        if taken.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?.is_some() {
            return Ok(());
        }
        // Whoever removes files of this content that nobody needs any more waits until it is said that somebody does.
        hold_content(&mut tx, &hash).await?;
        let version = self.insert(&mut tx, &hash).await?;
        // Only what the database takes; what it takes back after all is swept up.
        let (files, organisation) = (store.clone(), tx.organisation());
        blocking(move || files.keep(id, organisation, &hash)).await?;
        sqlx::query!("UPDATE uploads SET version = $2 WHERE id = $1", self.id, version)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        let files = store.clone();
        // Whoever has not heard of it yet asks once more, and is told; a file that is left goes with those that are idle.
        if let Err(error) = spawn_blocking(move || files.forget(id)).await.map_err(io::Error::other).flatten()
        {
            tracing::warn!(upload = %id, "what is kept twice could not be removed: {error}");
        }
        Ok(())
    }

    async fn insert(&self, tx: &mut OrganisationTx, hash: &[u8; 32]) -> Result<i64, Error> {
        sqlx::query!(
            r#"INSERT INTO papers (organisation_id, id, shipment_id, kind) VALUES (current_organisation_id(), $1, $2, $3)
               ON CONFLICT DO NOTHING"#,
            self.paper,
            self.shipment,
            self.kind
        )
        .execute(&mut **tx)
        .await?;
        // Two that bring the next version at once bring one after the other.
        let paper = sqlx::query_scalar!(
            "SELECT deleted_at IS NOT NULL FROM papers WHERE id = $1 FOR UPDATE",
            self.paper
        );
        if paper.fetch_one(&mut **tx).await? == Some(true) {
            let why = "the paper was taken away meanwhile: please bring it as a new one";
            return Err(Error::of(StatusCode::CONFLICT, "/problems/paper-gone", why));
        }
        let before = sqlx::query!(
            "SELECT version, name FROM paper_versions WHERE paper_id = $1 ORDER BY version DESC LIMIT 1",
            self.paper
        );
        let before = before.fetch_optional(&mut **tx).await?;
        let version = before.as_ref().map_or(0, |before| before.version) + 1;
        sqlx::query!(
            r#"INSERT INTO paper_versions (organisation_id, paper_id, version, number, name, size, sha256, content_type,
                                           expires_on, user_id)
               VALUES (current_organisation_id(), $1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
            self.paper,
            version,
            self.number,
            self.name,
            self.size as i64,
            &hash[..],
            self.said.mime,
            self.expires_on,
            tx.user()
        )
        .execute(&mut **tx)
        .await?;
        let before = before.map(|before| words(&self.kind, &before.name));
        note(tx, self.shipment, before, Some(words(&self.kind, &self.name))).await?;
        Ok(version)
    }

    /// Gives it up.
    pub async fn end(&self, app: &App, store: &Store, caller: &Caller) -> Result<(), Error> {
        let mut tx = caller.begin(app, Role::Member).await?;
        sqlx::query!("DELETE FROM uploads WHERE id = $1", self.id).execute(&mut *tx).await?;
        tx.commit().await?;
        let (files, id) = (store.clone(), self.id);
        blocking(move || files.forget(id)).await
    }

    async fn or_end<T>(
        &self,
        checked: Result<T, Wrong>,
        app: &App,
        store: &Store,
        caller: &Caller,
    ) -> Result<T, Error> {
        match checked {
            Ok(checked) => Ok(checked),
            Err(Wrong::Read(error)) => Err(disk(error)),
            Err(wrong) => {
                self.end(app, store, caller).await?;
                Err(not_taken(wrong))
            }
        }
    }
}

/// Nobody else brings or removes a file of this content until the transaction ends.
pub async fn hold_content(tx: &mut OrganisationTx, hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('paper ' || current_organisation_id() || encode($1, 'hex'), 0))",
        hash
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}

/// Whether a shipment, a paper of which it is to be a version, and their organisation may have one more. Nobody else of the
/// organisation is told so until the transaction ends.
pub async fn has_place(
    tx: &mut OrganisationTx,
    shipment: Uuid,
    paper: Option<Uuid>,
    size: u64,
) -> Result<(), Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('papers ' || current_organisation_id(), 0)) AS held"
    )
    .fetch_one(&mut **tx)
    .await?;
    let taken = sqlx::query!(
        r#"SELECT (SELECT coalesce(sum(size), 0) FROM paper_versions)::bigint
                + (SELECT coalesce(sum(size), 0) FROM uploads WHERE version IS NULL)::bigint AS "bytes!",
                  (SELECT count(*) FROM papers WHERE shipment_id = $1 AND deleted_at IS NULL) AS "papers!",
                  (SELECT count(*) FROM paper_versions WHERE paper_id = $2)
                + (SELECT count(*) FROM uploads WHERE paper_id = $2 AND version IS NULL) AS "versions!",
                  (SELECT count(*) FROM uploads WHERE version IS NULL) AS "coming!",
                  (SELECT papers_bytes FROM organisations) AS "most""#,
        shipment,
        paper
    );
    let taken = taken.fetch_one(&mut **tx).await?;
    if taken.versions >= VERSIONS {
        let why = format!("a paper may have {VERSIONS} versions: please bring it as a new one");
        return Err(Error::of(StatusCode::CONFLICT, "/problems/too-many-versions", why));
    }
    if paper.is_none() && taken.papers >= PAPERS || taken.coming >= PAPERS {
        let why = format!("a shipment may have {PAPERS} papers, and as many may be on their way");
        return Err(Error::of(StatusCode::CONFLICT, "/problems/too-many-papers", why));
    }
    let most = taken.most.unwrap_or(ORGANISATION);
    if taken.bytes + size as i64 > most {
        let mib = most / 1024 / 1024;
        return Err(too_large(
            "/problems/papers-full",
            format!("your organisation's papers may have {mib} MiB together, and this one is too much"),
        ));
    }
    Ok(())
}

/// The kind of the paper that is to have another version.
pub async fn kind_of(tx: &mut OrganisationTx, shipment: Uuid, paper: Uuid) -> Result<String, Error> {
    let kind = sqlx::query_scalar!(
        "SELECT kind FROM papers WHERE id = $1 AND shipment_id = $2 AND deleted_at IS NULL",
        paper,
        shipment
    );
    let none = || Error::Invalid(vec![FieldError::new("paper", "must be a paper of this shipment")]);
    kind.fetch_optional(&mut **tx).await?.ok_or_else(none)
}

/// Does what waits for a disk where nobody else waits.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(anyhow::Error::from)?.map_err(disk)
}

fn disk(error: io::Error) -> Error {
    if is_full(&error) {
        tracing::error!("no room for papers: {error}");
        return disk_full();
    }
    Error::Internal(anyhow::Error::from(error).context("the folder of papers"))
}

pub fn disk_full() -> Error {
    let why =
        "there is no room for more papers at this moment: what has arrived is kept, please try again later";
    Error::of(StatusCode::INSUFFICIENT_STORAGE, "/problems/disk-full", why)
}

pub fn too_large(kind: &'static str, detail: String) -> Error {
    Error::of(StatusCode::PAYLOAD_TOO_LARGE, kind, detail)
}

/// A file that is not taken, in words for whoever sent it.
pub fn not_taken(wrong: Wrong) -> Error {
    let (status, kind) = match wrong {
        Wrong::Read(error) => return disk(error),
        Wrong::Other { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "/problems/other-content"),
        Wrong::Unknown => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "/problems/unknown-content"),
        Wrong::Unsafe(kind, _) => (StatusCode::UNPROCESSABLE_ENTITY, kind),
    };
    Error::of(status, kind, wrong.to_string())
}
