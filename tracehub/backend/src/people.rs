//! The people of an environment, for who runs it: made, listed, given another password, suspended. By the role that owns the
//! schema, since the one that serves can make no users.

use std::fmt;
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
        /// The organisation's name, or its id: a name that a stranger may have signed up under does not do
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

/// An organisation that could be meant.
struct Candidate {
    id: Uuid,
    name: String,
    country: Option<String>,
    /// Anybody may sign up under any name.
    has_signed_up: bool,
    owner: Option<String>,
    created_at: DateTime<Utc>,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = self.owner.as_deref().unwrap_or("nobody");
        write!(f, "{} {}, owner {owner}", self.id, self.name)?;
        if let Some(country) = &self.country {
            write!(f, ", {country}")?;
        }
        let how = if self.has_signed_up { "signed up by itself" } else { "made here" };
        write!(f, ", {how} {} days ago", (Utc::now() - self.created_at).num_days())
    }
}

/// The organisation of this id, or of this name where that can be no other's; or a new id for one that is to be made. Names say
/// little: a stranger may have signed up under this one.
async fn organisation_of(database: &mut PgConnection, named: &str, is_new: bool) -> anyhow::Result<Uuid> {
    let all = sqlx::query_as!(
        Candidate,
        r#"SELECT id, name, country, kind IS NOT NULL AS "has_signed_up!", created_at,
                  (SELECT email FROM users WHERE organisation_id = o.id AND role = 'owner' ORDER BY created_at LIMIT 1) AS owner
           FROM organisations o WHERE id <> $1 AND (lower(name) = lower($2) OR id = $3)"#,
        MONITORING,
        named,
        Uuid::try_parse(named).ok()
    );
    let all = all.fetch_all(&mut *database).await?;
    let candidates = || all.iter().map(|one| format!("\n  {one}")).collect::<String>();
    match (all.as_slice(), is_new) {
        ([one], false) if !one.has_signed_up || one.id.to_string().eq_ignore_ascii_case(named) => Ok(one.id),
        ([], true) => {
            ensure!(Uuid::try_parse(named).is_err(), "{named} is an id, and no name for an organisation");
            Ok(Uuid::now_v7())
        }
        ([], false) => {
            let others = sqlx::query_scalar!(
                "SELECT name FROM organisations WHERE id <> $1 AND kind IS NULL ORDER BY name LIMIT 50",
                MONITORING
            );
            let others = others.fetch_all(database).await?.join(", ");
            let others = if others.is_empty() { "none yet".to_owned() } else { others };
            bail!("there is no organisation {named} (made here: {others}): `--new-organisation` makes it")
        }
        (_, true) => bail!(
            "there is an organisation {named} already, and whether it is the one that is meant, its name does not say. If it is, give \
             its id as `--organisation`; if not, another name:{}",
            candidates()
        ),
        (_, false) => bail!(
            "that name may be a stranger's: please give the id of the organisation that is meant as `--organisation`:{}",
            candidates()
        ),
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
    text::address(email, EMAIL).map_err(|wrong| anyhow::anyhow!("the address {email} {wrong}"))
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
