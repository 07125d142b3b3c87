//! Migrations against rows: what works on empty tables may fail, or lose something, where people have written.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::pipeline::Context;
use crate::product::migrations::Migrations;
use crate::project;
use crate::setup::{self, Tool};
use crate::tools::database::psql;
use crate::tools::database::sqlx::Sqlx;
use crate::workspace;

/// How many of the newest migrations are taken back and run again.
const NEWEST: usize = 5;
/// Rows for every table, from the repository's root.
pub const ROWS: &str = "tracehub/backend/tests/rows.sql";
/// Whose they are: row-level security holds for the owner of the schema as well.
const ORGANISATION: &str = "01946c1a-0000-7000-8000-000000000001";
/// The tables, and how many rows each has.
const COUNTS: &str = "SELECT relname, (xpath('/row/rows/text()', query_to_xml(format('SELECT count(*) AS rows FROM %s', oid::regclass), \
     false, true, '')))[1]::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace \
     AND relname <> '_sqlx_migrations'";

/// In the database at `url`, which has all migrations and no row: every table is filled, the newest migrations are taken back and
/// run again, and no row is lost but of tables that were gone meanwhile; unless one of them is there to change rows.
pub fn survive(task: &Context, sqlx: &Sqlx, url: &str) -> Result<()> {
    let (postgres, path) = (setup::require(Tool::Postgres)?, workspace::root().join(ROWS));
    let rows = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let counts = || -> Result<BTreeMap<String, u64>> {
        let as_whom =
            format!("SELECT set_config('app.organisation_id', '{ORGANISATION}', false) \\g /dev/null\n");
        let told = psql::script(&postgres, url, &format!("{as_whom}{COUNTS};\n"))?;
        let pair = |line: &str| {
            line.split_once('|').map(|(table, rows)| (table.to_owned(), rows.parse().unwrap_or(0)))
        };
        Ok(told.lines().filter_map(pair).collect())
    };
    psql::script(&postgres, url, &rows).with_context(|| format!("filling every table by {ROWS}"))?;
    let before = counts()?;
    let empty: Vec<&str> =
        before.iter().filter(|(_, rows)| **rows == 0).map(|(table, _)| table.as_str()).collect();
    ensure!(
        empty.is_empty(),
        "{ROWS} has no row for {}: migrations are tried against rows",
        empty.join(", ")
    );
    let migrations = Migrations::of_tree()?;
    let versions = migrations.versions();
    let from =
        versions.len().checked_sub(NEWEST + 1).and_then(|place| versions.get(place)).copied().unwrap_or(0);
    task.run(sqlx.revert(&task.sh, url).args(["--target-version", &from.to_string()]))?;
    let meanwhile = counts()?;
    task.run(sqlx.run(&task.sh, url))?;
    let after = counts()?;
    // What such a one does to rows, it is there for.
    let is_meant = versions.iter().any(|version| *version > from && migrations.changes_rows(*version));
    let lost: Vec<String> = meanwhile
        .keys()
        .filter(|table| !is_meant && before.get(*table) != after.get(*table))
        .map(|table| {
            format!(
                "{table} had {:?} rows and has {:?}",
                before.get(table).unwrap_or(&0),
                after.get(table).unwrap_or(&0)
            )
        })
        .collect();
    ensure!(
        lost.is_empty(),
        "the newest {NEWEST} migrations of {}, taken back and run again, lose rows: {}",
        project::MIGRATIONS,
        lost.join(", ")
    );
    task.line(&format!(
        "{} rows of {} tables are there after back and forth",
        after.values().sum::<u64>(),
        after.len()
    ));
    Ok(())
}
