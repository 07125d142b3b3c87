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
    organisation: Uuid,
    /// Whoever it is for; none when it is for nobody: a worker, a command.
    caller: Option<LoggedIn>,
}

/// Somebody whose token or cookie is good.
#[derive(Debug, Clone, Copy)]
struct LoggedIn {
    user: Uuid,
    role: Role,
    /// None of who has a token of a release from before there were sessions.
    session: Option<Uuid>,
}

impl OrganisationTx {
    /// Begins one for this organisation.
    pub async fn begin(pool: &PgPool, organisation: Uuid) -> sqlx::Result<Self> {
        let mut transaction = begin(pool).await?;
        sqlx::query!("SELECT set_config('app.organisation_id', $1, true)", organisation.to_string())
            .fetch_one(&mut *transaction)
            .await?;
        Ok(Self { transaction, organisation, caller: None })
    }

    /// Begins one for the organisation of a token, if that is still good: in the statement that every transaction begins
    /// with anyhow, so that a log-out counts at once and nobody waits for another answer of the database's.
    pub async fn of_token(pool: &PgPool, claims: &Claims) -> sqlx::Result<Option<Self>> {
        if let Some(session) = claims.sid {
            return Self::of_session(pool, None, Some((claims.org, session))).await;
        }
        let mut transaction = begin(pool).await?;
        let role = sqlx::query!(
            r#"SELECT set_config('app.organisation_id', $2::uuid::text, true), role AS "role!: Role"
               FROM role_of_token($1, $2, $3) AS role WHERE role IS NOT NULL"#,
            claims.sub,
            claims.org,
            claims.ver
        );
        let role = role.fetch_optional(&mut *transaction).await?;
        let caller = |role| LoggedIn { user: claims.sub, role, session: None };
        Ok(role.map(|found| Self { transaction, organisation: claims.org, caller: Some(caller(found.role)) }))
    }

    /// Like `of_token`, for a session: that of a cookie, by the hash of what that says, or the one that a token was given with, of this
    /// organisation.
    pub async fn of_session(
        pool: &PgPool,
        cookie: Option<&[u8; 32]>,
        token: Option<(Uuid, Uuid)>,
    ) -> sqlx::Result<Option<Self>> {
        let mut transaction = begin(pool).await?;
        let found = sqlx::query!(
            r#"SELECT set_config('app.organisation_id', organisation_id::text, true), organisation_id AS "organisation!",
                      id AS "session!", user_id AS "user!", role AS "role!: Role", is_to_be_seen AS "is_to_be_seen!"
               FROM find_session($1, $2, $3)"#,
            cookie.map(|hash| &hash[..]),
            token.map(|(organisation, _)| organisation),
            token.map(|(_, session)| session),
        );
        let Some(found) = found.fetch_optional(&mut *transaction).await? else { return Ok(None) };
        if found.is_to_be_seen {
            tokio::spawn(see(pool.clone(), found.organisation, found.session));
        }
        let caller = LoggedIn { user: found.user, role: found.role, session: Some(found.session) };
        Ok(Some(Self { transaction, organisation: found.organisation, caller: Some(caller) }))
    }

    /// Whose rows it sees.
    pub(crate) fn organisation(&self) -> Uuid {
        self.organisation
    }

    /// Whom it is for; where that is nobody, the nil UUID, which is no user's.
    pub(crate) fn user(&self) -> Uuid {
        self.caller.map_or(Uuid::nil(), |caller| caller.user)
    }

    /// By which session it came, if by one.
    pub(crate) fn session(&self) -> Option<Uuid> {
        self.caller.and_then(|caller| caller.session)
    }

    /// What whoever it is for may do.
    pub(crate) fn role(&self) -> Option<Role> {
        self.caller.map(|caller| caller.role)
    }

    /// Waits until no other transaction of the organisation has passed here, and then asks anew what this user may do.
    pub(crate) async fn wait_to_be_alone(&mut self) -> sqlx::Result<()> {
        sqlx::query!(
            "SELECT pg_advisory_xact_lock(hashtextextended('people ' || current_organisation_id(), 0))"
        )
        .fetch_one(&mut *self.transaction)
        .await?;
        let role =
            sqlx::query_scalar!(r#"SELECT role AS "role: Role" FROM users WHERE id = $1"#, self.user());
        let role = role.fetch_optional(&mut *self.transaction).await?;
        self.caller = self.caller.and_then(|caller| Some(LoggedIn { role: role?, ..caller }));
        Ok(())
    }

    /// Makes what was written last. Dropping it instead takes everything back.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.transaction.commit().await
    }
}

/// Writes down that a session is in use: beside the transaction, which may be taken back, and once an hour.
async fn see(pool: PgPool, organisation: Uuid, session: Uuid) {
    let seen = async {
        let mut tx = OrganisationTx::begin(&pool, organisation).await?;
        sqlx::query!(
            "UPDATE sessions SET seen_at = now() WHERE id = $1 AND seen_at < now() - interval '1 hour'",
            session
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    };
    if let Err(error) = seen.await {
        tracing::warn!("it could not be written down that a session is in use: {error}");
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
