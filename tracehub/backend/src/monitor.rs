//! A user of nobody's, as whom a deploy logs in to see whether people can: of one release, without shipments, with a
//! password that is made for it and known to nobody else.

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::password;
use crate::settings::Database;

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
    email: String,
    password: String,
}

impl Monitor {
    /// Does it, as the role that serves.
    pub async fn run(&self, database: Database) -> anyhow::Result<()> {
        let mut database = connect(database).await?;
        match self {
            Monitor::Begin(of) => {
                println!("{}", serde_json::to_string(&begin(&mut database, &of.release).await?)?)
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
pub async fn begin(database: &mut PgConnection, release: &str) -> anyhow::Result<Credentials> {
    // Two thirds of its bits are random, which is more than anybody guesses of a user that is there for minutes.
    let password = Uuid::now_v7().simple().to_string();
    let begun = sqlx::query_scalar!(
        "SELECT begin_monitoring($1::text, $2::text)",
        release,
        password::hash(&password)?
    );
    let email = begun.fetch_one(database).await.context("making the user for monitoring")?;
    Ok(Credentials { email: email.context("the user for monitoring has no address")?, password })
}

/// Removes it.
pub async fn end(database: &mut PgConnection, release: &str) -> anyhow::Result<()> {
    let ended = sqlx::query!("SELECT end_monitoring($1::text)", release).execute(database).await;
    ended.context("removing the user for monitoring").map(drop)
}
