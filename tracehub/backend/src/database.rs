//! The database: who connects to it, and the one way to an organisation's rows.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::figures::Waiting;
use crate::http::{Claims, Role};

/// Every migration of this release, inside the binary.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// How many connections a release opens: three releases live on one host, and the server has a hundred.
const CONNECTIONS: u32 = 20;

/// A pool that connects when it is first asked, so that serving starts, and says what is wrong, without a database.
pub fn pool(options: PgConnectOptions, release: &str) -> PgPool {
    // Named, so that whoever is blocked by one of our connections can see whose it is; PostgreSQL keeps 63 bytes. Releases
    // from before the rules for texts and days are `tracehub …`, by which the database knows them.
    let options = options.application_name(&format!("tracehub-backend {release}"));
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(5))
        // Rather an error than a request that outlives its client and its time limit.
        .connect_lazy_with(options.options([
            ("statement_timeout", "15s"),
            ("lock_timeout", "5s"),
            // A transaction that nobody goes on with holds its locks, and the rows that it might still see.
            ("idle_in_transaction_session_timeout", "30s"),
        ]))
}

/// A transaction that sees one organisation and nothing else: row-level security reads the setting that it begins
/// with, which ends with it. Handlers reach shipments and users through this and through nothing else.
pub struct OrganisationTx {
    transaction: Transaction<'static, Postgres>,
    /// What whoever it is for may do; none when it is for nobody: a worker, a command.
    role: Option<Role>,
}

impl OrganisationTx {
    /// Begins one for this organisation.
    pub async fn begin(pool: &PgPool, organisation: Uuid) -> sqlx::Result<Self> {
        let mut transaction = begin(pool).await?;
        sqlx::query!("SELECT set_config('app.organisation_id', $1, true)", organisation.to_string())
            .fetch_one(&mut *transaction)
            .await?;
        Ok(Self { transaction, role: None })
    }

    /// Begins one for the organisation of a token, if that is still good: in the statement that every transaction begins
    /// with anyhow, so that a log-out counts at once and nobody waits for another answer of the database's.
    pub async fn of_token(pool: &PgPool, claims: &Claims) -> sqlx::Result<Option<Self>> {
        let mut transaction = begin(pool).await?;
        let role = sqlx::query!(
            r#"SELECT set_config('app.organisation_id', $2::uuid::text, true), role AS "role!: Role"
               FROM role_of_token($1, $2, $3) AS role WHERE role IS NOT NULL"#,
            claims.sub,
            claims.org,
            claims.ver
        );
        let role = role.fetch_optional(&mut *transaction).await?;
        Ok(role.map(|found| Self { transaction, role: Some(found.role) }))
    }

    /// What whoever it is for may do.
    pub(crate) fn role(&self) -> Option<Role> {
        self.role
    }

    /// Waits until no other transaction of the organisation has passed here, and then asks anew what this user may do.
    pub(crate) async fn wait_to_be_alone(&mut self, user: Uuid) -> sqlx::Result<()> {
        sqlx::query!(
            "SELECT pg_advisory_xact_lock(hashtextextended('people ' || current_organisation_id(), 0))"
        )
        .fetch_one(&mut *self.transaction)
        .await?;
        let role = sqlx::query_scalar!(r#"SELECT role AS "role: Role" FROM users WHERE id = $1"#, user);
        self.role = role.fetch_optional(&mut *self.transaction).await?;
        Ok(())
    }

    /// Makes what was written last. Dropping it instead takes everything back.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.transaction.commit().await
    }
}

/// A transaction, as soon as there is a connection: who waits for one is counted.
async fn begin(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    let _waiting = Waiting::begin();
    pool.begin().await
}

impl Deref for OrganisationTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for OrganisationTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}
