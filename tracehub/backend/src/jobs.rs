//! Jobs: what is to be done once, behind the request that caused it. They are written in its transaction, and done by whichever
//! worker takes them. One that dies meanwhile has held a job for so long, and no longer; so a job may be done twice, and each
//! time with the same id.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::database::OrganisationTx;
use crate::http::PageLanguage;

/// Whose jobs are that cause something for an address of which it is not known yet whose it is.
pub const OF_NOBODY: Uuid = Uuid::nil();
/// How long a job is its worker's. It must be longer than one may take.
pub const HELD: Duration = Duration::from_secs(300);
/// Behind the first try that fails; then twice as long each time.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(20);
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(30);
/// After so long, it is given up.
const GIVEN_UP: TimeDelta = TimeDelta::hours(24);

/// A mail to be sent, without what is secret in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// What it says.
    pub letter: Letter,
    /// To whom.
    pub to: String,
    /// In which language.
    pub language: PageLanguage,
}

/// What a mail is about. Its link's id is the job's `about`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Letter {
    /// Somebody is invited.
    Invitation,
    /// Somebody has forgotten their password, if anybody has that address.
    ForgottenPassword,
    /// Somebody is sent papers.
    Share,
    /// Somebody wants to sign up with an organisation.
    SignUp,
}

/// A job that was taken.
#[derive(Debug)]
pub struct Job {
    organisation: Uuid,
    /// Its id.
    pub id: Uuid,
    /// The link that it is about.
    pub about: Uuid,
    /// What that is known by.
    pub link_hash: [u8; 32],
    /// What to do.
    pub mail: Mail,
    tries: i64,
    unanswered: i64,
    created_at: DateTime<Utc>,
}

/// What a try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// There is nothing to do any more: a link was used or taken back, or nobody has that address.
    Needless,
    /// No later try would come to anything.
    Dead(&'static str),
    /// The server had the whole mail, and did not say whether it takes it: it may come twice.
    Unanswered(String),
    /// It was refused for good.
    Refused(String),
    /// It failed, and may be tried again.
    Failed(String),
    /// It is not ours to do: another release has the traffic.
    NotOurs,
}

/// What became of a mail, for who caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum MailState {
    /// It is to be sent, perhaps again.
    Waiting,
    /// The mail server has taken it.
    Sent,
    /// The mail server has refused it: there is no such mailbox.
    Refused,
    /// It could not be sent for a day.
    Failed,
}

/// How the jobs are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// How many are to be done.
    pub waiting: i64,
    /// For how many seconds the oldest of them has been.
    pub oldest_seconds: i64,
    /// How many were given up within a day.
    pub dead: i64,
}

/// Has a mail sent about this link of the transaction's organisation, once the transaction is made.
pub async fn add(
    tx: &mut OrganisationTx,
    about: Uuid,
    link_hash: &[u8; 32],
    mail: &Mail,
) -> sqlx::Result<()> {
    let add = sqlx::query!(
        r#"INSERT INTO jobs (organisation_id, id, kind, about, link_hash, data)
           VALUES (current_organisation_id(), $1, 'mail', $2, $3, $4)"#,
        Uuid::now_v7(),
        about,
        &link_hash[..],
        Json(mail) as _
    );
    add.execute(&mut **tx).await.map(drop)
}

/// Takes the one that has waited longest, if there is one to do. One that this release doesn't know is left to one that does.
pub async fn take(database: &PgPool) -> sqlx::Result<Option<Job>> {
    let seconds = i32::try_from(HELD.as_secs()).unwrap_or(i32::MAX);
    loop {
        let taken = sqlx::query!(
            r#"SELECT organisation_id AS "organisation!", id AS "id!", about AS "about!", link_hash AS "link_hash!",
                      data AS "data!", tries AS "tries!", unanswered AS "unanswered!", created_at AS "created_at!"
               FROM take_job($1)"#,
            seconds
        );
        let Some(taken) = taken.fetch_optional(database).await? else { return Ok(None) };
        let (id, link_hash) = (taken.id, taken.link_hash.try_into());
        match (serde_json::from_value(taken.data), link_hash) {
            (Ok(mail), Ok(link_hash)) => {
                return Ok(Some(Job {
                    organisation: taken.organisation,
                    id,
                    about: taken.about,
                    link_hash,
                    mail,
                    tries: taken.tries,
                    unanswered: taken.unanswered,
                    created_at: taken.created_at,
                }));
            }
            _ => tracing::warn!(%id, "a job of another release is left to it"),
        }
    }
}

impl Job {
    /// How long ago it was caused.
    pub fn age(&self) -> TimeDelta {
        Utc::now() - self.created_at
    }

    /// Whether it waits longer than anybody waits for a mail.
    pub fn is_too_old(&self) -> bool {
        self.age() > GIVEN_UP
    }

    /// Writes down what it came to, unless somebody has taken it since.
    pub async fn end(self, database: &PgPool, outcome: Outcome) -> sqlx::Result<()> {
        let is_unanswered = matches!(outcome, Outcome::Unanswered(_));
        let (ended, error, wait) = match outcome {
            Outcome::Done => (Some("done"), None, TimeDelta::zero()),
            Outcome::Needless => (Some("needless"), None, TimeDelta::zero()),
            Outcome::Dead(why) => (Some("dead"), Some(why.to_owned()), TimeDelta::zero()),
            Outcome::Refused(why) => (Some("refused"), Some(why), TimeDelta::zero()),
            Outcome::Failed(why) if self.is_too_old() => (Some("dead"), Some(why), TimeDelta::zero()),
            // Once more, and no mailbox is filled with the same mail.
            Outcome::Unanswered(why) if self.unanswered > 0 => (Some("dead"), Some(why), TimeDelta::zero()),
            Outcome::Failed(why) | Outcome::Unanswered(why) => (None, Some(why), wait(self.tries)),
            Outcome::NotOurs => (None, None, TimeDelta::zero()),
        };
        let mut tx = OrganisationTx::begin(database, self.organisation).await?;
        sqlx::query!(
            r#"UPDATE jobs SET outcome = $3, ended_at = CASE WHEN $3::text IS NOT NULL THEN now() END,
                               error = coalesce($4, error), run_at = now() + make_interval(secs => $5),
                               unanswered = unanswered + CASE WHEN $6 THEN 1 ELSE 0 END
               WHERE id = $1 AND tries = $2 AND ended_at IS NULL"#,
            self.id,
            self.tries,
            ended,
            error,
            wait.as_seconds_f64(),
            is_unanswered
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}

/// How long the next try waits.
fn wait(tries: i64) -> TimeDelta {
    let doublings = tries.clamp(1, 8) - 1;
    (FIRST_WAIT * (1 << doublings)).min(LONGEST_WAIT)
}

/// How they are.
pub async fn state(database: &PgPool) -> sqlx::Result<State> {
    let state = sqlx::query_as!(
        State,
        r#"SELECT waiting AS "waiting!", oldest_seconds AS "oldest_seconds!", dead AS "dead!" FROM job_figures()"#
    );
    state.fetch_one(database).await
}

/// Ends those that nobody has sent for a day, and forgets those that ended days ago; how many those were.
pub async fn forget(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let forgotten = sqlx::query_scalar!(r#"SELECT forget_jobs() AS "forgotten!""#);
    Ok(forgotten.fetch_one(connection).await?.unsigned_abs())
}

/// Whether the transaction's organisation may have one more sent to this address: an organisation causes no more within a day than
/// people would, and nobody is written to more often than they would like, whoever asks for it.
pub async fn may_mail(tx: &mut OrganisationTx, address: &str) -> sqlx::Result<bool> {
    let may = sqlx::query_scalar!(r#"SELECT may_mail($1) AS "may!""#, address);
    may.fetch_one(&mut **tx).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_waits_longer_than_the_one_before_and_none_longer_than_half_an_hour() {
        let waits: Vec<_> = [1, 2, 3, 7, 8, i64::MAX].map(|tries| wait(tries).num_seconds()).into();
        assert_eq!(waits, [20, 40, 80, 1280, 1800, 1800]);
    }
}
