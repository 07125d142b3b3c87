//! What is removed for good, in the rounds of work.

use std::io;

use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::arriving::hold_content;
use crate::database::OrganisationTx;
use crate::papers::{Hash, Store};

/// For so long a paper that was taken away is kept, with its file: a backup of the database that names it is that old at most.
const DAYS: i32 = 30;
/// What nobody has finished by then is given up.
const HOURS: i32 = 24;
/// So many in a round.
const AT_ONCE: i64 = 200;

/// Removes what an organisation took away long ago, and what it never finished bringing; how many those were. The rows go when
/// the transaction is committed, the files at once: a row whose file is gone already is found again.
pub async fn forget(tx: &mut OrganisationTx, store: &Store, organisation: Uuid) -> sqlx::Result<u64> {
    let uploads = sqlx::query_scalar!(
        "DELETE FROM uploads WHERE created_at < now() - make_interval(hours => $1) RETURNING id",
        HOURS
    );
    let uploads = uploads.fetch_all(&mut **tx).await?;
    let old = sqlx::query_scalar!(
        "SELECT id FROM papers WHERE deleted_at < now() - make_interval(days => $1) ORDER BY id LIMIT $2",
        DAYS,
        AT_ONCE
    );
    let old = old.fetch_all(&mut **tx).await?;
    let contents = sqlx::query_scalar!(
        "SELECT DISTINCT sha256 FROM paper_versions WHERE paper_id = ANY($1) ORDER BY sha256",
        &old
    );
    let contents = contents.fetch_all(&mut **tx).await?;
    sqlx::query!("DELETE FROM papers WHERE id = ANY($1)", &old).execute(&mut **tx).await?;
    let mut unused = Vec::new();
    for content in contents {
        hold_content(tx, &content).await?;
        let used =
            sqlx::query_scalar!("SELECT 1 AS one FROM paper_versions WHERE sha256 = $1 LIMIT 1", content);
        if used.fetch_optional(&mut **tx).await?.is_none() {
            unused.extend(Hash::try_from(content));
        }
    }
    let forgotten = (uploads.len() + old.len()) as u64;
    let store = store.clone();
    let removed = spawn_blocking(move || {
        uploads.iter().try_for_each(|id| store.forget(*id))?;
        unused.iter().try_for_each(|hash| store.remove(organisation, hash))
    });
    removed.await.map_err(io::Error::other).flatten()?;
    Ok(forgotten)
}
