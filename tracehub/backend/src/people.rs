//! The people of an environment, for who runs it: made, listed, given another password, suspended. By the role that owns the
//! schema, since the one that serves can make no users.

use std::io::Read;

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde::Serialize;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::database::OrganisationTx;
use crate::http::links;
use crate::password::{self, NOBODYS};
use crate::settings::Database;
use crate::text;

/// As the database has them, in characters.
const NAME: usize = 200;
const EMAIL: usize = 254;
/// What stands in for a person until there is a page to change a password.
const SHORTEST_PASSWORD: usize = 12;
/// The organisation of users that are nobody's: see [`monitor`](crate::monitor).
const MONITORING: Uuid = uuid::uuid!("01946c1a-0000-7000-8000-00000000000a");

/// A password comes from standard input: it stands in no argument, and nothing prints it.
#[derive(Subcommand)]
pub enum User {
    /// Make a user
    Add {
        /// The organisation's name
        #[arg(long, value_name = "NAME")]
        organisation: String,
        /// Make the organisation, too: there is none of this name
        #[arg(long)]
        new_organisation: bool,
        /// What the user logs in with
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// The person's name
        #[arg(long, value_name = "NAME")]
        name: String,
    },
    /// Print all users as one line of JSON
    List,
    /// Give a user another password, whether or not suspended; whoever is logged in as that user is logged out
    Reset {
        /// What the user logs in with
        #[arg(long, value_name = "ADDRESS")]
        email: String,
    },
    /// Nobody logs in as this user any more; whoever is logged in is logged out
    Suspend {
        /// What the user logs in with
        #[arg(long, value_name = "ADDRESS")]
        email: String,
    },
}

/// Somebody, as `list` prints them.
#[derive(Serialize)]
struct Listed {
    organisation: String,
    email: String,
    name: String,
    created_at: DateTime<Utc>,
    is_suspended: bool,
}

impl User {
    /// Does it. What was done is printed by who called this.
    ///
    /// # Errors
    /// With words for who typed it: the wrong organisation, an address that nobody or somebody has.
    pub async fn run(&self, database: Database) -> anyhow::Result<()> {
        let pool = PgPoolOptions::new().max_connections(1).connect_with(database.0.clone());
        let pool = pool.await.context("connecting to the database")?;
        match self {
            User::Add { organisation, new_organisation, email, name } => {
                let (email, name) = (address(email)?, named("the name", name)?);
                let organisation = named("the organisation", organisation)?;
                let hash = hash_of_input()?;
                let mut connection = PgConnection::connect_with(&database.0).await?;
                let id = organisation_of(&mut connection, &organisation, *new_organisation).await?;
                let mut tx = OrganisationTx::begin(&pool, id).await?;
                sqlx::query!(
                    "INSERT INTO organisations (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    id,
                    organisation
                )
                .execute(&mut *tx)
                .await?;
                let made = sqlx::query!(
                    r#"INSERT INTO users (id, organisation_id, email, name, password_hash) VALUES ($1, $2, $3, $4, $5)
                       ON CONFLICT DO NOTHING"#,
                    Uuid::now_v7(),
                    id,
                    email,
                    name,
                    hash
                );
                let made = made.execute(&mut *tx).await?.rows_affected();
                ensure!(made == 1, "{email} has a user already: `user reset` gives another password");
                tx.commit().await?;
            }
            User::List => {
                let mut connection = PgConnection::connect_with(&database.0).await?;
                println!("{}", serde_json::to_string(&list(&mut connection).await?)?);
            }
            User::Reset { email } => {
                let (email, hash) = (address(email)?, hash_of_input()?);
                set_password(&pool, &email, &hash).await?;
            }
            User::Suspend { email } => set_password(&pool, &address(email)?, NOBODYS).await?,
        }
        Ok(())
    }
}

/// The organisation of this name, or a new id for one that is to be made.
async fn organisation_of(database: &mut PgConnection, name: &str, is_new: bool) -> anyhow::Result<Uuid> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM organisations WHERE lower(name) = lower($1) AND id <> $2",
        name,
        MONITORING
    );
    let found = found.fetch_all(&mut *database).await?;
    match (found.as_slice(), is_new) {
        ([id], false) => Ok(*id),
        ([], true) => Ok(Uuid::now_v7()),
        ([], false) => {
            let others = sqlx::query_scalar!(
                "SELECT name FROM organisations WHERE id <> $1 ORDER BY name",
                MONITORING
            );
            let others = others.fetch_all(database).await?.join(", ");
            let others = if others.is_empty() { "none yet".to_owned() } else { others };
            bail!("there is no organisation {name} (there are: {others}): `--new-organisation` makes it")
        }
        (_, true) => bail!("there is an organisation {name} already: leave `--new-organisation` out"),
        (more, false) => bail!("{} organisations are called {name}", more.len()),
    }
}

async fn list(database: &mut PgConnection) -> anyhow::Result<Vec<Listed>> {
    let listed = sqlx::query_as!(
        Listed,
        r#"SELECT o.name AS organisation, u.email, u.name, u.created_at, u.password_hash = $1 AS "is_suspended!"
           FROM users u JOIN organisations o ON o.id = u.organisation_id
           WHERE o.id <> $2 ORDER BY lower(o.name), u.email"#,
        NOBODYS,
        MONITORING
    );
    Ok(listed.fetch_all(database).await?)
}

/// Another hash, and an end to every token that was given until now, and to every link by which somebody would be that user or
/// that the user has made.
async fn set_password(pool: &sqlx::PgPool, email: &str, hash: &str) -> anyhow::Result<()> {
    let found = sqlx::query!("SELECT id, organisation_id FROM users WHERE email = $1", email);
    let user =
        found.fetch_optional(pool).await?.with_context(|| format!("nobody has the address {email}"))?;
    let mut tx = OrganisationTx::begin(pool, user.organisation_id).await?;
    sqlx::query!(
        "UPDATE users SET password_hash = $2, token_version = token_version + 1 WHERE id = $1",
        user.id,
        hash
    )
    .execute(&mut *tx)
    .await?;
    links::end_those_for(&mut tx, user.id).await?;
    links::end_those_made_by(&mut tx, user.id).await?;
    Ok(tx.commit().await?)
}

fn named(what: &str, name: &str) -> anyhow::Result<String> {
    text::plain(name, NAME).map_err(|wrong| anyhow::anyhow!("{what} {wrong}"))
}

fn address(email: &str) -> anyhow::Result<String> {
    let plain = text::plain(email, EMAIL).map_err(|wrong| anyhow::anyhow!("the address {wrong}"))?;
    let parts = plain.split_once('@').filter(|(who, place)| !who.is_empty() && !place.is_empty());
    ensure!(parts.is_some(), "{plain} is no mail address");
    Ok(plain.to_lowercase())
}

fn hash_of_input() -> anyhow::Result<String> {
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).context("reading the password from standard input")?;
    let password = password.trim_end_matches('\n');
    ensure!(
        password.chars().count() >= SHORTEST_PASSWORD,
        "the password, from standard input, must have {SHORTEST_PASSWORD} characters at least"
    );
    password::hash(password)
}
