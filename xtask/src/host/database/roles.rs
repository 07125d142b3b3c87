//! The roles of the database, and the database itself, made when there are none.

use anyhow::{Context, Result};

use super::LeasedDatabase;
use crate::project::{DATABASE_SERVICE, ROLES_FILE};
use crate::tools::docker::container;
use crate::tools::process::Run;

impl LeasedDatabase<'_> {
    /// Makes the roles and the database when there are none, and gives the roles the passwords that the database's
    /// container has. It is done as the server's own user: not even root may read another user's files in there.
    pub fn make_roles(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let of_host = machine.read(&machine.folder("platform").join(ROLES_FILE))?;
        // A platform from before its file came to the host has none there.
        let sql = match of_host {
            Some(sql) => sql,
            None => machine.platform_files()?.text(ROLES_FILE)?.to_owned(),
        };
        self.leased.secrets().let_database_read()?;
        let psql = container::exec(
            machine.docker(),
            &machine.platform().container(DATABASE_SERVICE.name),
            &DATABASE_SERVICE.uid.to_string(),
            &["psql", "--username=postgres", "--no-psqlrc", "--quiet", "--file=-"],
        );
        Run::new(psql).stdin(sql).run().context("making the database's roles")
    }
}
