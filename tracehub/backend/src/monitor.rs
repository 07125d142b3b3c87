//! A user of nobody's, as whom a deploy logs in to see whether people can: of one release, without shipments, with a
//! password that is made for it and known to nobody else.
//!
//! Its address is no secret, since the release's id is none. So it logs in as a browser that is known: strangers who guess
//! passwords, or only keep the checks busy, would otherwise decide what a deploy thinks of a release.

use anyhow::Context;
use chrono::Utc;
use clap::{Args, Subcommand};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::http::Keys;
use crate::password;
use crate::settings::Database;
use crate::throttle::Account;

/// Whose user is meant.
#[derive(Args)]
pub struct OfRelease {
    /// The release that is tried
    #[arg(long, value_name = "ID")]
    release: String,
}

/// The verbs.
#[derive(Subcommand)]
pub enum Monitor {
    /// Make it, or give it another password, and print how to log in as one line of JSON
    Begin(OfRelease),
    /// Remove it
    End(OfRelease),
}

/// How to log in.
#[derive(Serialize)]
pub struct Credentials {
    /// Its address.
    pub email: String,
    /// Its password.
    pub password: String,
    /// What the browser of somebody who has logged in before sends along.
    pub cookie: String,
}

impl Monitor {
    /// Does it, as the role that serves. The keys are asked for when they are needed.
    pub async fn run(
        &self,
        database: Database,
        keys: impl FnOnce() -> anyhow::Result<Keys>,
    ) -> anyhow::Result<()> {
        let mut database = connect(database).await?;
        match self {
            Monitor::Begin(of) => {
                let begun = begin(&mut database, &keys()?, &of.release).await?;
                println!("{}", serde_json::to_string(&begun)?)
            }
            Monitor::End(of) => end(&mut database, &of.release).await?,
        }
        Ok(database.close().await?)
    }
}

/// Connects.
pub async fn connect(database: Database) -> anyhow::Result<PgConnection> {
    PgConnection::connect_with(&database.0).await.context("connecting to the database")
}

/// Makes the user of a release, or gives it another password.
pub async fn begin(database: &mut PgConnection, keys: &Keys, release: &str) -> anyhow::Result<Credentials> {
    // Two thirds of its bits are random, which is more than anybody guesses of a user that is there for minutes.
    let password = Uuid::now_v7().simple().to_string();
    let begun = sqlx::query_scalar!(
        "SELECT begin_monitoring($1::text, $2::text)",
        release,
        password::hash(&password)?
    );
    let email = begun.fetch_one(database).await.context("making the user for monitoring")?;
    let email = email.context("the user for monitoring has no address")?;
    let cookie = keys.known_device(&Account::of(&email), Utc::now());
    Ok(Credentials { email, password, cookie })
}

/// Removes it.
pub async fn end(database: &mut PgConnection, release: &str) -> anyhow::Result<()> {
    let ended = sqlx::query!("SELECT end_monitoring($1::text)", release).execute(database).await;
    ended.context("removing the user for monitoring").map(drop)
}
