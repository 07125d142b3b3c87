//! A database that was made by other means becomes one with a history: when its schema is what the migrations come to, the rows
//! are written that say so.

#[cfg(test)]
mod tests;

use anyhow::{Context, Result};

use super::catalogue;
use super::migration_script::{self, description, lock_id};
use super::migrations::Migrations;
use crate::project::{APP_ROLE, DATABASE, OWNER_ROLE};
use crate::rollout::state::catalogue::{Differences, as_migrated, is_of_migrations};
use crate::setup::{self, Tool};
use crate::tools::database;
use crate::tools::database::pg_delta::PgDelta;
use crate::tools::database::postgres::Server;
use crate::tools::database::psql;

/// The tools that comparing takes.
pub const TOOLS: &[Tool] = &[Tool::Postgres];
/// The tools that it takes to write what would make the two equal.
pub const BRIDGE_TOOLS: &[Tool] = &[Tool::Postgres, Tool::Node, Tool::Npm, Tool::PgDelta];

const MIGRATED: &str = "baseline_migrated";
const RESTORED: &str = "baseline_restored";
const LIVE: &str = "baseline_live";
/// The table in which sqlx remembers what was applied: a database without a history has none.
const TABLE: &str = "_sqlx_migrations";

/// What such a database is compared with: what these migrations come to.
pub struct Baseline<'a> {
    server: &'a Server,
    migrations: &'a Migrations,
    versions: Vec<i64>,
    catalogue: String,
}

impl Baseline<'_> {
    /// The migrations up to this version, run in a scratch database.
    pub fn up_to<'a>(
        server: &'a Server,
        migrations: &'a Migrations,
        to: Option<i64>,
    ) -> Result<Baseline<'a>> {
        let is_wanted = |version: &i64| to.is_none_or(|to| *version <= to);
        let versions: Vec<i64> = migrations.versions().into_iter().filter(is_wanted).collect();
        server.drop_database(MIGRATED)?;
        server.create_database(MIGRATED)?;
        let url = server.owner_url(MIGRATED);
        psql::script(server.program(), &url, &migration_script::of(migrations, &versions))
            .context("running the migrations")?;
        server.drop_database(RESTORED)?;
        server.create_database(RESTORED)?;
        let catalogue = catalogue::both_forms(&url, &server.owner_url(RESTORED))?;
        Ok(Baseline { server, migrations, versions, catalogue })
    }

    /// The newest of the migrations.
    pub fn newest(&self) -> i64 {
        self.versions.last().copied().unwrap_or(0)
    }

    /// How a database with this catalogue differs, as the lines of a diff.
    pub fn differences(&self, found: &str) -> Vec<String> {
        let counts = |line: &str| is_of_migrations(line) && !line.contains(TABLE);
        Differences::between(&self.catalogue, &as_migrated(found, &self.catalogue), counts).lines()
    }

    /// What would make a database of this schema (as `pg_dump` writes it) and with these roles equal, for a person to read before
    /// anybody runs it. What would take away is there as a comment.
    pub fn bridge(&self, schema: &str, roles: &[String]) -> Result<String> {
        let server = self.server;
        server.drop_database(LIVE)?;
        server.create_database(LIVE)?;
        for role in roles.iter().filter(|role| ![OWNER_ROLE, APP_ROLE].contains(&role.as_str())) {
            server.create_role(role)?;
        }
        // Both as they are when they were loaded from a dump.
        let (live, migrated) = (server.superuser_url(LIVE), server.superuser_url(RESTORED));
        psql::script(server.program(), &live, schema).context("loading the schema of the environment")?;
        let delta = PgDelta { node: setup::require(Tool::Node)?, script: setup::require(Tool::PgDelta)? };
        let plan = delta.plan(&live, &migrated, &[])?;
        let mut text = format!(
            "-- Makes the schema what the migrations up to {} come to. Read it first: it was written by comparing schemas, and knows no\n\
             -- rows. Times without a zone are taken for UTC. What takes away a table, a column or a type is a comment.\n\
             \\set ON_ERROR_STOP on\nSET timezone = 'UTC';\nBEGIN;\n",
            self.newest()
        );
        for action in plan.actions {
            let sql = action.sql.trim().trim_end_matches(';').to_owned();
            let takes = action.verb == "drop"
                && ["\"table\"", "\"column\"", "\"type\""].iter().any(|kind| {
                    action.destroys.iter().any(|id| id.starts_with(&format!("{{\"kind\":{kind}")))
                });
            let line =
                if takes { format!("-- {};\n", sql.replace('\n', "\n-- ")) } else { format!("{sql};\n") };
            text += &line;
        }
        // Of rights to columns of tables that are there, pg-delta leaves some out. Where a person must have a hand in it first, they are
        // left for the next look.
        if psql::script(server.program(), &live, &format!("{text}COMMIT;\n")).is_ok() {
            let left = self.differences(&database::catalogue::of(server.program(), &live)?);
            text.extend(left.iter().filter_map(|line| rights_to_column(line)));
        }
        Ok(text + "COMMIT;\n")
    }

    /// How a database of this schema, as `pg_dump` writes it without owners, differs once `bridge` was run in it: tried in a
    /// scratch database.
    pub fn differences_of_schema(&self, schema: &str, bridge: Option<&str>) -> Result<Vec<String>> {
        let server = self.server;
        server.drop_database(LIVE)?;
        server.create_database(LIVE)?;
        let live = server.superuser_url(LIVE);
        psql::script(server.program(), &live, schema).context("loading the schema")?;
        if let Some(bridge) = bridge {
            psql::script(server.program(), &live, bridge).context("running the bridge")?;
        }
        Ok(self.differences(&database::catalogue::of(server.program(), &live)?))
    }

    /// The script that writes the rows: all or none, under sqlx's own lock, and refused where there is a history already.
    pub fn rows(&self) -> String {
        let mut sql = format!(
            "\\set ON_ERROR_STOP on\nBEGIN;\n\
             SELECT pg_try_advisory_xact_lock({}) AS alone \\gset\n\
             \\if :alone\n\\else\nSELECT 1 / 0 AS \"somebody else migrates this database\";\n\\endif\n\
             SET LOCAL ROLE {OWNER_ROLE};\n\
             CREATE TABLE public.{TABLE} (\n    version BIGINT PRIMARY KEY,\n    description TEXT NOT NULL,\n    installed_on TIMESTAMPTZ NOT \
             NULL DEFAULT now(),\n    success BOOLEAN NOT NULL,\n    checksum BYTEA NOT NULL,\n    execution_time BIGINT NOT NULL\n);\n",
            lock_id(DATABASE)
        );
        // As the migrations have given them.
        let start = format!("grant on table public.{TABLE} to ");
        for grant in self.catalogue.lines().filter_map(|line| line.strip_prefix(&start)) {
            if let Some((role, rights)) = grant.split_once(": ").filter(|(role, _)| *role != OWNER_ROLE) {
                sql += &format!("GRANT {rights} ON public.{TABLE} TO {role};\n");
            }
        }
        for version in &self.versions {
            let description =
                self.migrations.names.get(version).map_or(String::new(), |name| description(name));
            let sum = self.migrations.checksums.get(version).map_or("", String::as_str);
            sql += &format!(
                "INSERT INTO public.{TABLE} (version, description, success, checksum, execution_time) VALUES ({version}, '{}', TRUE, \
                 '\\x{sum}', -1);\n",
                description.replace('\'', "''")
            );
        }
        sql + "COMMIT;\n"
    }
}

/// The statement that grants what this line of a difference misses: `- grant on column public.users.name to app: SELECT, UPDATE`.
fn rights_to_column(line: &str) -> Option<String> {
    let (column, rest) = line.strip_prefix("- grant on column ")?.split_once(" to ")?;
    let (role, rights) = rest.split_once(": ")?;
    let [schema, table, column] = column.splitn(3, '.').collect::<Vec<_>>().try_into().ok()?;
    let is_plain = rights.split(", ").all(|right| right.bytes().all(|c| c.is_ascii_uppercase()));
    let rights: Vec<String> = rights.split(", ").map(|right| format!("{right} (\"{column}\")")).collect();
    is_plain.then(|| format!("GRANT {} ON \"{schema}\".\"{table}\" TO \"{role}\";\n", rights.join(", ")))
}

/// The roles that a catalogue names.
pub fn roles(catalogue: &str) -> Vec<String> {
    let roles = catalogue.lines().filter_map(|line| line.strip_prefix("role ")?.split_once(':'));
    roles.map(|(role, _)| role.to_owned()).collect()
}
