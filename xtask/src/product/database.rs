//! The databases of tests and of developers: PostgreSQL and sqlx, as TraceHub's migrations want them.

use anyhow::Result;

use crate::project::{APP_ROLE, DATABASE, MIGRATIONS, OWNER_ROLE};
use crate::setup::{self, Tool};
use crate::tools::database::postgres::{self, Postgres, Server};
use crate::tools::database::sqlx::Sqlx;
use crate::workspace;

/// A throw-away server.
pub fn for_tests() -> Result<Server> {
    installed()?.for_tests()
}

/// The server of this copy of the repository, with the developer's data.
pub fn for_development() -> Result<Server> {
    let server = installed()?.for_development(workspace::local_dir().join("development/postgres"))?;
    server.create_database(DATABASE)?;
    Ok(server)
}

/// sqlx's command line, on our migrations.
pub fn sqlx() -> Result<Sqlx> {
    Ok(Sqlx { program: setup::require(Tool::SqlxCli)?, migrations: workspace::root().join(MIGRATIONS) })
}

/// Ends the servers of tests whose run was killed, and removes what they left.
pub fn sweep_killed() {
    for folder in postgres::left_by_killed() {
        if let Ok(postgres) = installed() {
            postgres.discard(&folder);
        }
    }
}

fn installed() -> Result<Postgres> {
    Ok(Postgres { program: setup::require(Tool::Postgres)?, owner: OWNER_ROLE, user: APP_ROLE })
}
