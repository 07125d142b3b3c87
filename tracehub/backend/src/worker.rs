//! What TraceHub does by itself: a round of work every so often, in the process that serves.
//!
//! Several releases run on one host, the warm one beside the live one, and each has a worker. It works only while its own
//! release has the traffic, and asks again right before it makes an effect last. The traffic may still move between that
//! question and the commit, so each job is also one that can be done twice without a trace of it.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::database::OrganisationTx;
use crate::figures::Figures;
use crate::http;
use crate::jobs;
use crate::papers::Store;
use crate::throttle::{self, Spraying};

/// Longer than an upload may take.
const IDLE: Duration = Duration::from_secs(48 * 60 * 60);

/// How often it is looked for files of papers that nobody knows of.
const SWEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// Does the jobs.
pub struct Worker {
    database: PgPool,
    traffic: Traffic,
    figures: Figures,
    papers: Option<Store>,
    swept: Mutex<Option<Instant>>,
}

/// What a round of work came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// How many reminders were raised.
    pub reminders: u64,
    /// How many log-ins that failed, and sessions that have ended, were forgotten.
    pub log_ins: u64,
    /// How many answers were forgotten that were kept for requests that might have been sent again.
    pub answers: u64,
    /// How many jobs, and sign-ups, were forgotten that ended long ago.
    pub jobs: u64,
    /// How many papers, and parts of them, were removed for good.
    pub papers: u64,
}

/// Who has the traffic, by the platform's live file.
#[derive(Debug, Clone)]
pub struct Traffic {
    release: String,
    live_file: Option<PathBuf>,
}

impl Traffic {
    /// Seen by this release; without a live file there is no other one.
    pub fn new(release: String, live_file: Option<PathBuf>) -> Self {
        Self { release, live_file }
    }

    /// Whether it is this release's. A live file that can't be read says that nobody's it is.
    pub(crate) fn is_ours(&self) -> bool {
        let Some(file) = &self.live_file else { return true };
        fs::read_to_string(file).is_ok_and(|live| live.trim_end() == self.release)
    }
}

impl Worker {
    /// One that works on this database.
    pub fn new(database: PgPool, traffic: Traffic) -> Self {
        Self { database, traffic, figures: Figures::default(), papers: None, swept: Mutex::default() }
    }

    /// Counts what it does among these.
    pub fn counted(self, figures: Figures) -> Self {
        Self { figures, ..self }
    }

    /// Has it look after papers, too.
    pub fn keeping(self, papers: Option<Store>) -> Self {
        Self { papers, ..self }
    }

    /// A round at once and then every so often, until it is dropped. Where that cuts it, the database takes back what was
    /// not committed.
    pub async fn run(self, every: Duration) -> Infallible {
        let mut rounds = tokio::time::interval(every);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            let round = self.round().await;
            self.figures.worked(round.is_err(), self.traffic.is_ours());
            match round {
                Ok(done) if done == Done::default() => {}
                Ok(Done { reminders, log_ins, answers, jobs, papers }) => {
                    tracing::info!(reminders, log_ins, answers, jobs, papers, "a round of work")
                }
                Err(error) => {
                    tracing::error!("a round of work was not finished, and is begun again: {error}")
                }
            }
        }
    }

    /// Does what there is to do, if it is ours to do. What the database refuses to do for one organisation keeps none of the
    /// others waiting.
    pub async fn round(&self) -> sqlx::Result<Done> {
        if !self.traffic.is_ours() {
            tracing::debug!("no work: another release has the traffic");
            return Ok(Done::default());
        }
        let organisations =
            sqlx::query_scalar!(r#"SELECT id AS "id!" FROM organisations_to_work_for() AS id"#)
                .fetch_all(&self.database)
                .await?;
        if let Some(Spraying { failures, accounts, clients }) = throttle::spraying(&self.database).await? {
            tracing::warn!(
                failures,
                accounts,
                clients,
                "log-ins fail with one address after the other: somebody tries them"
            );
        }
        let (log_ins, jobs) = (self.forget_log_ins().await?, self.forget_jobs().await?);
        let mut done = Done { log_ins, jobs, ..Done::default() };
        let mut refused = None;
        let sweep = self.is_time_to_sweep().then_some(IDLE);
        for organisation in organisations {
            match self.work_for(organisation, sweep, &mut done).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(%organisation, "files of its papers could not be removed: {error}");
                    refused = Some(error.into());
                }
                Err(error @ sqlx::Error::Database(_)) => {
                    tracing::error!(%organisation, "its work could not be done: {error}");
                    refused = Some(error);
                }
                // Nor does it answer for the next one.
                Err(error) => return Err(error),
            }
        }
        if let Some(store) = self.papers.clone() {
            // Of uploads that the database knows nothing of any more.
            let idle = tokio::task::spawn_blocking(move || store.forget_idle(IDLE)).await;
            done.papers += idle.map_err(io::Error::other).flatten()?;
        }
        refused.map_or(Ok(done), Err)
    }

    /// Forgets the failed log-ins that count no more, and sessions that have ended.
    async fn forget_log_ins(&self) -> sqlx::Result<u64> {
        let mut tx = self.database.begin().await?;
        let forgotten = throttle::forget(&mut tx).await? + http::forget_sessions(&mut tx).await?;
        if forgotten == 0 || !self.traffic.is_ours() {
            return Ok(0);
        }
        tx.commit().await?;
        Ok(forgotten)
    }

    /// Ends the jobs that nobody does, and forgets those, and sign-ups and links, of which nobody wants to know any more what became
    /// of them.
    async fn forget_jobs(&self) -> sqlx::Result<u64> {
        let mut tx = self.database.begin().await?;
        let forgotten = jobs::forget(&mut tx).await?
            + http::forget_sign_ups(&mut tx).await?
            + http::forget_links(&mut tx).await?;
        if forgotten == 0 || !self.traffic.is_ours() {
            return Ok(0);
        }
        tx.commit().await?;
        Ok(forgotten)
    }

    /// In the first round, and then once a day.
    fn is_time_to_sweep(&self) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = swept.is_none_or(|at| at.elapsed() > SWEEP);
        if is_time {
            *swept = Some(Instant::now());
        }
        is_time
    }

    /// What the disk refuses to do for one organisation is no reason to stop, either.
    async fn work_for(
        &self,
        organisation: Uuid,
        sweep: Option<Duration>,
        done: &mut Done,
    ) -> sqlx::Result<io::Result<()>> {
        done.answers += self.forget_answers(organisation).await?;
        done.reminders += self.raise_reminders(organisation).await?;
        let Some(store) = &self.papers else { return Ok(Ok(())) };
        let mut tx = OrganisationTx::begin(&self.database, organisation).await?;
        let forgotten = http::forget_papers(&mut tx).await?;
        if !self.traffic.is_ours() {
            return Ok(Ok(()));
        }
        tx.commit().await?;
        done.papers += forgotten.count();
        let removed = http::remove_files(&self.database, store, organisation, forgotten, sweep).await?;
        Ok(removed.map(|swept| done.papers += swept))
    }

    /// Forgets what an organisation's requests were answered a day ago.
    async fn forget_answers(&self, organisation: Uuid) -> sqlx::Result<u64> {
        let mut tx = OrganisationTx::begin(&self.database, organisation).await?;
        let forgotten = http::forget_answers(&mut tx).await?;
        if forgotten == 0 || !self.traffic.is_ours() {
            return Ok(0);
        }
        tx.commit().await?;
        Ok(forgotten)
    }

    /// Reminds an organisation of its shipments that did not depart, or arrive, on their day.
    async fn raise_reminders(&self, organisation: Uuid) -> sqlx::Result<u64> {
        let mut tx = OrganisationTx::begin(&self.database, organisation).await?;
        let raised = sqlx::query!(
            r#"INSERT INTO reminders (organisation_id, shipment_id, kind, due_on)
               SELECT organisation_id, id, kind, due_on
               FROM shipments, LATERAL (VALUES
                   ('departure_overdue', departs_on, status IN ('draft', 'booked')),
                   ('arrival_overdue', arrives_on, status IN ('draft', 'booked', 'in_transit'))
               ) AS day (kind, due_on, is_awaited)
               WHERE is_awaited AND due_on < (now() AT TIME ZONE 'UTC')::date
               ON CONFLICT DO NOTHING"#
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if raised == 0 || !self.traffic.is_ours() {
            return Ok(0);
        }
        tx.commit().await?;
        Ok(raised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "20260103t120000z-1a2b3c4d5e6f";

    #[test]
    fn the_traffic_is_ours_only_while_the_live_file_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("live");
        let traffic = Traffic::new(OURS.into(), Some(file.clone()));
        assert!(!traffic.is_ours(), "there is no file");
        for (content, ours) in [
            (format!("{OURS}\n"), true),
            (OURS.to_owned(), true),
            (format!("{OURS}-dirty-0123456789ab\n"), false),
            ("20260103t120000z-000000000000\n".to_owned(), false),
            ("none\n".to_owned(), false),
            (String::new(), false),
        ] {
            fs::write(&file, &content).unwrap();
            assert_eq!(traffic.is_ours(), ours, "{content:?}");
        }
    }

    #[test]
    fn without_a_live_file_there_is_nobody_else() {
        assert!(Traffic::new("development".into(), None).is_ours());
    }
}
