//! The roles of the database, and the database itself, made when there are none.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::{Database, LeasedDatabase};
use crate::project::{DATABASE_SERVICE, ROLES_FILE, SECRETS, Secret};
use crate::tools::docker::container;
use crate::tools::process::Run;

const END: &str = "ALTER ROLE :\"role\" PASSWORD NULL;
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = :'role' \\g /dev/null
";

impl Database<'_> {
    /// Whether the platform, as it was started, knows two names for a role.
    pub fn roles_take_turns(&self) -> Result<bool> {
        let of_host = self.machine.read(&self.machine.folder("platform").join(ROLES_FILE))?;
        Ok(of_host.is_some_and(|sql| sql.contains("database_app_role")))
    }
}

impl LeasedDatabase<'_> {
    /// Makes the roles and the database when there are none, and gives those roles whose turn it is today's passwords.
    pub fn make_roles(&self) -> Result<()> {
        let today = self.leased.fenced()?.secrets().versions()?.current;
        self.make_roles_of(&today)
    }

    /// Like `make_roles`, for these versions. Roles whose turn it is not keep the passwords that they have. It is done as the server's
    /// own user: not even root may read another user's files in there.
    pub fn make_roles_of(&self, versions: &BTreeMap<String, u32>) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let of_host = machine.read(&machine.folder("platform").join(ROLES_FILE))?;
        // A platform from before its file came to the host has none there.
        let sql = match of_host {
            Some(sql) => sql,
            None => machine.platform_files()?.text(ROLES_FILE)?.to_owned(),
        };
        let mut variables = Vec::new();
        for secret in SECRETS {
            let Some(version) = versions.get(secret.name) else { continue };
            let Some(role) = secret.role(*version) else { continue };
            let name = secret.of_role();
            variables
                .extend([format!("--set={name}_role={role}"), format!("--set={name}_version={version}")]);
        }
        self.leased.secrets().let_database_read()?;
        self.as_superuser(&variables, sql).context("making the database's roles")
    }

    /// Nobody comes in by this version any more, and who is in by it is out. Nothing where a later one has its role.
    pub fn end_role(&self, secret: &Secret, version: u32, newest: u32) -> Result<()> {
        let Some(role) = secret.role(version) else { return Ok(()) };
        if (version + 1..=newest).any(|later| secret.role(later) == Some(role)) {
            return Ok(());
        }
        self.as_superuser(&[format!("--set=role={role}")], END.to_owned())
            .with_context(|| format!("ending the log-in of {role}"))
    }

    pub(super) fn as_superuser(&self, variables: &[String], sql: String) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let mut arguments = vec![
            "psql",
            "--username=postgres",
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--file=-",
        ];
        arguments.extend(variables.iter().map(String::as_str));
        let psql = container::exec(
            machine.docker(),
            &machine.platform().container(DATABASE_SERVICE.name),
            &DATABASE_SERVICE.uid.to_string(),
            &arguments,
        );
        Ok(Run::new(psql).stdin(sql).run()?)
    }
}
