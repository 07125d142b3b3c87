//! Whether the old project's database can be taken over, and what makes its schema ours.

use anyhow::{Context, Result};

use super::inventory::{self, Finding};
use super::{Adopt, Found};
use crate::exit::refuse;
use crate::host::OldDatabase;
use crate::product::baseline::{self, Baseline};
use crate::product::database;
use crate::product::migrations::Migrations;
use crate::project::POSTGRES_MAJOR;
use crate::setup::{self, host::Admin};
use crate::terminal::Activity;

/// What makes the old schema ours.
pub struct Bridged {
    /// The SQL that a person has read; none where nothing differs.
    pub bridge: Option<String>,
    /// The newest migration that it then comes to.
    pub newest: i64,
    /// The SQL that writes so.
    pub history: String,
}

/// What comparing schemas came to.
enum Compared {
    /// What the migrations come to.
    Equal(Bridged),
    /// What to do about it.
    Differs(String),
}

impl Adopt {
    /// Whether it can be taken over: a server that is not newer than ours, and a schema that is what the migrations come to.
    pub(super) fn judge_database(
        &self,
        admin: &Admin,
        found: &Found,
        migrations: &Migrations,
    ) -> Result<(Finding, Option<(OldDatabase, Bridged)>)> {
        let database = match &found.database {
            Ok(database) => database,
            Err(why) => return Ok((Finding::refused("database", "-", why.clone()), None)),
        };
        let rows: u64 = database.rows.values().sum();
        let seen = format!(
            "{} in {}: PostgreSQL {}, {}, {} tables with {rows} rows",
            database.name,
            database.container,
            database.major,
            inventory::size(database.bytes),
            database.rows.len()
        );
        let refused = |why: String| Ok((Finding::refused("database", seen.clone(), why), None));
        if database.major > POSTGRES_MAJOR {
            return refused(format!(
                "ours is PostgreSQL {POSTGRES_MAJOR}, which can't load a dump of a newer one"
            ));
        }
        if !database.neighbours.is_empty() {
            return refused(format!(
                "its server has other databases, which would be stopped with it and not taken over: {}",
                database.neighbours.join(", ")
            ));
        }
        let unknown = database.history.iter().find(|version| !migrations.names.contains_key(version));
        if let Some(unknown) = unknown {
            return refused(format!(
                "it has the migration {unknown}, which this tree has not: adopt it from a commit that has"
            ));
        }
        let to = self.to.or(database.history.last().copied());
        let schema = database.schema(admin)?;
        let compared = Activity::of("compare its schema with the migrations", |_| {
            self.compare(&schema, migrations, to)
        })?;
        Ok(match compared {
            Compared::Equal(bridged) => {
                let newest = bridged.newest;
                let then = format!(
                    "dumped into ours; the migrations up to {newest} count as applied, later ones are run; rows are compared"
                );
                (Finding::of("database", seen, then), Some((database.clone(), bridged)))
            }
            Compared::Differs(why) => (Finding::refused("database", seen, why), None),
        })
    }

    fn compare(&self, schema: &str, migrations: &Migrations, to: Option<i64>) -> Result<Compared> {
        setup::ensure(baseline::BRIDGE_TOOLS, false)?;
        let server = database::for_tests()?;
        let expected = Baseline::up_to(&server, migrations, to)?;
        let newest = expected.newest();
        let bridge = match &self.bridge {
            Some(file) if file.exists() => {
                Some(std::fs::read_to_string(file).with_context(|| format!("reading {file}"))?)
            }
            _ => None,
        };
        let differences = expected
            .differences_of_schema(schema, bridge.as_deref())
            .map_err(|error| refuse(format!("{error:#}\n  Nothing was changed.")))?;
        if differences.is_empty() {
            return Ok(Compared::Equal(Bridged { bridge, newest, history: expected.rows() }));
        }
        let lines = differences.join("\n    ");
        let count = differences.len();
        Ok(Compared::Differs(match (&self.bridge, bridge) {
            (Some(file), Some(_)) => {
                format!(
                    "also with {file} it is not what the migrations up to {newest} come to ('-' is missing, '+' is there):\n    {lines}"
                )
            }
            (Some(file), None) => {
                let sql = expected.bridge(schema, &[])?;
                std::fs::write(file, sql).with_context(|| format!("writing {file}"))?;
                format!(
                    "it differs in {count} points from what the migrations up to {newest} come to: {file} has the SQL that would make it \
                     equal. Read it, put right what it can't know, and give it again"
                )
            }
            (None, _) => format!(
                "it differs in {count} points from what the migrations up to {newest} come to (owners and rights are among them): \
                 `--bridge FILE` writes the SQL that would make it equal, for you to read; `--to VERSION` says which migration it is of"
            ),
        }))
    }
}
