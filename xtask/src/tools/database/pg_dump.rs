//! `pg_dump`: the schema of a database, for comparison.

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use crate::tools::locate;
use crate::tools::process::{Run, shell};

/// The schema of the database at `url`, as SQL, without sqlx's table of applied migrations. `postgres` is the server's program,
/// in whose folder `pg_dump` is.
pub fn schema(postgres: &Utf8Path, url: &str) -> Result<String> {
    let program = postgres.with_file_name("pg_dump");
    let dump = cmd!(shell(), "{program} --schema-only --exclude-table=_sqlx_migrations --dbname={url}");
    Ok(comparable(&Run::new(locate::with_libraries(dump, &program)).text()?))
}

/// A dump without the lines that differ between two dumps of one schema: the random ones that newer versions add, and those
/// with versions.
fn comparable(dump: &str) -> String {
    let differs = ["\\restrict ", "\\unrestrict ", "-- Dumped from database", "-- Dumped by pg_dump"];
    let lines = dump.lines().filter(|line| !differs.iter().any(|start| line.starts_with(start)));
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_dumps_of_one_schema_are_equal() {
        let dump = |key: &str| {
            format!(
                "--\n-- Dumped by pg_dump version {key}\n\\restrict {key}\nCREATE TABLE a ();\n\\unrestrict {key}"
            )
        };
        assert_eq!(comparable(&dump("x1")), comparable(&dump("y2")));
        assert_eq!(comparable(&dump("x1")), "--\nCREATE TABLE a ();\n");
    }
}
