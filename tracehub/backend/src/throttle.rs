//! Guessing passwords: who fails too often waits, whether anybody has that address or not.
//!
//! Failures are counted in three ways: of one account from one client, of one account, and from one client. The first is
//! the narrowest, so that a stranger who guesses shuts out nobody but himself; the second, wider one stops those who
//! guess from many clients; the third those who try one password on many accounts. Where many come from one address (an
//! office; an engine whose own proxy hides its clients), one who guesses may make all of them wait. Therefore none of this
//! holds for a device that somebody has logged in from before: its failures are counted by themselves.

use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::client::Network;

/// So many that failed within so many minutes are enough …
const MINUTES: i32 = 15;
/// … of one account from one client,
const OF_ONE_ACCOUNT_FROM_ONE_CLIENT: i64 = 10;
/// … of one account from all clients,
const OF_ONE_ACCOUNT: i64 = 50;
/// … from one client,
const FROM_ONE_CLIENT: i64 = 30;
/// … of one account from a device that is known for it.
const FROM_ONE_DEVICE: i64 = 10;
/// Failures of so many accounts within that time are no people who mistype: somebody tries one after the other.
const ACCOUNTS_OF_SPRAYING: i64 = 50;

/// What failures are counted by: a hash of an e-mail address in the form that it is stored in. Anybody may type anything
/// there; who it was need not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Account([u8; 32]);

impl Account {
    /// The one that this address would have.
    pub fn of(email: &str) -> Self {
        Self(Sha256::digest(email).into())
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Who tries to log in, as far as that is known before the password is.
#[derive(Debug, Clone, Copy)]
pub struct Visitor {
    /// With which account.
    pub account: Account,
    /// From where.
    pub client: Option<Network>,
    /// In which browser, where somebody has logged in with this account before.
    pub device: Option<Uuid>,
}

/// Why somebody has to wait, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// What the failures have in common.
    pub of: Failures,
    /// From now on.
    pub time: Duration,
}

/// What failures have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failures {
    /// The account.
    OfThisAccount,
    /// The client.
    FromThisClient,
}

/// Failures of more accounts than people mistype.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spraying {
    /// How many failed.
    pub failures: i64,
    /// With how many accounts.
    pub accounts: i64,
    /// From how many clients.
    pub clients: i64,
}

/// The log-ins that count together with a visitor's.
pub struct LogIns<'a> {
    database: &'a PgPool,
    visitor: &'a Visitor,
    account: &'a [u8],
    client: Option<String>,
}

impl<'a> LogIns<'a> {
    /// Those of this visitor.
    pub fn of(database: &'a PgPool, visitor: &'a Visitor) -> Self {
        let client = visitor.client.map(|client| client.to_string());
        Self { database, visitor, account: visitor.account.as_bytes(), client }
    }

    /// How long the next one has to wait, while enough have failed.
    pub async fn wait(&self) -> sqlx::Result<Option<Wait>> {
        match self.visitor.device {
            Some(device) => self.wait_of_device(device).await,
            None => self.wait_of_stranger().await,
        }
    }

    async fn wait_of_device(&self, device: Uuid) -> sqlx::Result<Option<Wait>> {
        let seconds = sqlx::query_scalar!(
            r#"SELECT ceil(extract(epoch FROM failed_at + make_interval(mins => $3) - now()))::bigint AS "seconds!"
               FROM log_in_failures
               WHERE address = $1 AND device = $2 AND failed_at > now() - make_interval(mins => $3)
               ORDER BY failed_at DESC OFFSET $4 LIMIT 1"#,
            self.account,
            device,
            MINUTES,
            FROM_ONE_DEVICE - 1
        )
        .fetch_optional(self.database)
        .await?;
        Ok(seconds.map(|seconds| Wait::new(Failures::OfThisAccount, seconds)))
    }

    async fn wait_of_stranger(&self) -> sqlx::Result<Option<Wait>> {
        let reached = sqlx::query!(
            r#"WITH recent AS NOT MATERIALIZED (
                   SELECT * FROM log_in_failures WHERE failed_at > now() - make_interval(mins => $3)
               ), reached AS (
                   (SELECT true AS of_account, failed_at FROM recent
                    WHERE address = $1 AND device IS NULL AND client IS NOT DISTINCT FROM $2::text::inet
                    ORDER BY failed_at DESC OFFSET $4 LIMIT 1)
                   UNION ALL
                   (SELECT true, failed_at FROM recent
                    WHERE address = $1 AND device IS NULL ORDER BY failed_at DESC OFFSET $5 LIMIT 1)
                   UNION ALL
                   (SELECT false, failed_at FROM recent
                    WHERE client = $2::text::inet ORDER BY failed_at DESC OFFSET $6 LIMIT 1)
               )
               SELECT of_account AS "of_account!",
                      ceil(extract(epoch FROM failed_at + make_interval(mins => $3) - now()))::bigint AS "seconds!"
               FROM reached ORDER BY failed_at DESC LIMIT 1"#,
            self.account,
            self.client,
            MINUTES,
            OF_ONE_ACCOUNT_FROM_ONE_CLIENT - 1,
            OF_ONE_ACCOUNT - 1,
            FROM_ONE_CLIENT - 1
        )
        .fetch_optional(self.database)
        .await?;
        Ok(reached.map(|reached| {
            let of = if reached.of_account { Failures::OfThisAccount } else { Failures::FromThisClient };
            Wait::new(of, reached.seconds)
        }))
    }

    /// Remembers one that failed. The one by which a client has enough is told to whoever reads the log.
    pub async fn failed(&self) -> sqlx::Result<()> {
        let before = sqlx::query!(
            r#"WITH failed AS (
                   INSERT INTO log_in_failures (address, client, device) VALUES ($1, $2::text::inet, $3)
               )
               SELECT count(*) AS "failures!", count(DISTINCT address) AS "accounts!" FROM log_in_failures
               WHERE client = $2::text::inet AND failed_at > now() - make_interval(mins => $4)"#,
            self.account,
            self.client,
            self.visitor.device,
            MINUTES
        )
        .fetch_one(self.database)
        .await?;
        if let Some(client) = &self.client
            && before.failures + 1 >= FROM_ONE_CLIENT
        {
            let (failures, accounts) = (before.failures + 1, before.accounts);
            tracing::warn!(
                client,
                failures,
                accounts,
                "log-ins from this client are refused: too many have failed"
            );
        }
        Ok(())
    }

    /// Forgets those of this visitor that failed, since one has succeeded; not what others did, nor what this client did
    /// with other accounts. Those that count no more are left to [`forget`]: two that delete the same ones, each in an
    /// order of its own, would wait for each other.
    pub async fn succeeded(&self) -> sqlx::Result<()> {
        let forget = sqlx::query!(
            "DELETE FROM log_in_failures
             WHERE address = $1 AND failed_at > now() - make_interval(mins => $4)
               AND CASE WHEN $3::uuid IS NULL THEN device IS NULL AND client IS NOT DISTINCT FROM $2::text::inet
                        ELSE device = $3 END",
            self.account,
            self.client,
            self.visitor.device,
            MINUTES
        );
        forget.execute(self.database).await.map(drop)
    }
}

impl Wait {
    fn new(of: Failures, seconds: i64) -> Self {
        Self { of, time: Duration::from_secs(seconds.max(1).unsigned_abs()) }
    }
}

/// Whether somebody tries one account after the other, from however many clients.
pub async fn spraying(database: &PgPool) -> sqlx::Result<Option<Spraying>> {
    let recent = sqlx::query_as!(
        Spraying,
        r#"SELECT count(*) AS "failures!", count(DISTINCT address) AS "accounts!", count(DISTINCT client) AS "clients!"
           FROM log_in_failures WHERE failed_at > now() - make_interval(mins => $1)"#,
        MINUTES
    )
    .fetch_one(database)
    .await?;
    Ok(Some(recent).filter(|recent| recent.accounts >= ACCOUNTS_OF_SPRAYING))
}

/// Forgets those that failed too long ago to matter; how many those were.
pub async fn forget(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let old = sqlx::query!(
        "DELETE FROM log_in_failures WHERE failed_at <= now() - make_interval(mins => $1)",
        MINUTES
    );
    Ok(old.execute(connection).await?.rows_affected())
}
