//! What is removed for good, in the rounds of work.

use std::io;
use std::time::Duration;

use sqlx::PgPool;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::arriving::hold_content;
use crate::database::OrganisationTx;
use crate::papers::{Hash, Store};

/// For so long a paper that was taken away is kept, with its file: as long as a backup that names it, which xtask's
/// `rollout/state/backup.rs` says. A test holds them together.
const DAYS: i32 = 90;
/// And for so long a file is kept that no paper has any more: a backup of the moment before names it, and is kept as long, as is
/// the database that a restore has put aside.
const LATE: Duration = Duration::from_secs(DAYS as u64 * 24 * 60 * 60);
/// What nobody has finished by then is given up.
const HOURS: i32 = 24;
/// So many in a round.
const AT_ONCE: i64 = 200;
/// How many files the database is asked about at once.
const FILES: usize = 1000;

/// Whose rows are gone, and so their files need not stay.
#[derive(Default)]
pub struct Forgotten {
    uploads: Vec<Uuid>,
    papers: u64,
}

impl Forgotten {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.uploads.len() as u64 + self.papers
    }
}

/// Forgets what an organisation took away long ago, and what it never finished bringing.
pub async fn forget(tx: &mut OrganisationTx) -> sqlx::Result<Forgotten> {
    let uploads = sqlx::query_scalar!(
        "DELETE FROM uploads WHERE created_at < now() - make_interval(hours => $1) RETURNING id",
        HOURS
    );
    let uploads = uploads.fetch_all(&mut **tx).await?;
    let papers = sqlx::query!(
        r#"DELETE FROM papers WHERE id IN (
               SELECT id FROM papers WHERE deleted_at < now() - make_interval(days => $1) ORDER BY id LIMIT $2)"#,
        DAYS,
        AT_ONCE
    );
    let papers = papers.execute(&mut **tx).await?.rows_affected();
    Ok(Forgotten { uploads, papers })
}

/// Removes the files of uploads that were forgotten, once that is certain. In a sweep also those that no paper has, of so great an
/// age, when that was so long (`LATE`): of papers that were forgotten, of uploads that failed at the last step, of a process that
/// was killed between a row and its file. How many of the latter there were; and what the disk said last, which keeps no other
/// file.
pub async fn remove_files(
    database: &PgPool,
    store: &Store,
    organisation: Uuid,
    forgotten: Forgotten,
    sweep: Option<Duration>,
) -> sqlx::Result<io::Result<u64>> {
    let mut said = Ok(0);
    for upload in forgotten.uploads {
        said = store.forget(upload).and(said);
    }
    let Some(age) = sweep else { return Ok(said) };
    let files = store.clone();
    let old = spawn_blocking(move || files.older_than(organisation, age)).await;
    let old = match old.map_err(io::Error::other).flatten() {
        Ok(old) => old,
        Err(error) => return Ok(Err(error)),
    };
    for contents in old.chunks(FILES) {
        let mut tx = OrganisationTx::begin(database, organisation).await?;
        let asked: Vec<Vec<u8>> = contents.iter().map(|content| content.to_vec()).collect();
        let unused = sqlx::query_scalar!(
            r#"SELECT content AS "content!" FROM unnest($1::bytea[]) AS content
               WHERE NOT EXISTS (SELECT FROM paper_versions WHERE sha256 = content)"#,
            &asked
        );
        let unused = unused.fetch_all(&mut *tx).await?;
        drop(tx);
        for content in contents {
            let removed = match unused.iter().any(|unused| unused == content) {
                true => remove(database, store, organisation, content).await?,
                false => store.needed(organisation, content).map(|()| false),
            };
            said = removed.and_then(|is_gone| said.map(|count| count + u64::from(is_gone)));
        }
    }
    Ok(said)
}

/// Removes a file that no paper has for long enough, unless one has its content after all; whether it did.
async fn remove(
    database: &PgPool,
    store: &Store,
    organisation: Uuid,
    content: &Hash,
) -> sqlx::Result<io::Result<bool>> {
    let mut tx = OrganisationTx::begin(database, organisation).await?;
    hold_content(&mut tx, content).await?;
    let used =
        sqlx::query_scalar!("SELECT 1 AS one FROM paper_versions WHERE sha256 = $1 LIMIT 1", &content[..]);
    if used.fetch_optional(&mut *tx).await?.is_some() {
        return Ok(Ok(false));
    }
    // On this very thread: on another one it would go on when this is dropped, and what holds the content with it.
    Ok(store.remove_unneeded(organisation, content, LATE))
}
