//! Migrations as one script for psql: for who may run no program of ours on a database, and for scratch databases.

use super::migrations::Migrations;
use crate::project::DATABASE;
use crate::rollout::state::contract::NO_TRANSACTION;

/// The table in which sqlx remembers what it has applied, as it makes it.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);";

/// What a run would do with these, in order: each file in a transaction of its own, unless it says that it can't be in one, and
/// with the row by which it counts as applied. The first that fails ends it. It waits for no lock for longer than a deploy does,
/// and for nobody who migrates.
pub fn of(migrations: &Migrations, versions: &[i64]) -> String {
    let mut script = format!(
        "-- For psql, as the role that owns the schema. What was done before a failure stays, and a second run is refused by the\n\
         -- first row that is there: then leave out what has one.\n\
         \\set ON_ERROR_STOP on\n\
         SET client_min_messages = warning;\n\
         SET lock_timeout = '1s';\n\
         -- Nobody else migrates meanwhile: this is sqlx's own lock.\n\
         SELECT pg_try_advisory_lock({lock}) AS alone \\gset\n\
         \\if :alone\n\\else\n\\warn 'somebody else migrates this database'\nSELECT 1 / 0 AS \"somebody else migrates this database\";\n\\endif\n\
         {TABLE}\n",
        lock = lock_id(DATABASE)
    );
    for version in versions {
        let (Some(text), Some(name)) = (migrations.texts.get(version), migrations.names.get(version)) else {
            continue;
        };
        let row = format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)\n    VALUES ({version}, '{}', TRUE, \
             '\\x{}', 0);",
            description(name).replace('\'', "''"),
            migrations.checksums.get(version).map_or("", String::as_str)
        );
        let text = text.trim_end();
        script += &match text.starts_with(NO_TRANSACTION) {
            true => format!("\n-- {name}\n{text}\n{row}\n"),
            false => format!("\n-- {name}\nBEGIN;\n{text}\n{row}\nCOMMIT;\n"),
        };
    }
    script + "\nSELECT pg_advisory_unlock_all() \\g /dev/null\n"
}

/// As sqlx makes it of a file's name: `20260101000100_shipments.up.sql` is 'shipments'.
pub fn description(name: &str) -> String {
    let stem = name.strip_suffix(".up.sql").unwrap_or(name);
    stem.split_once('_').map_or(stem, |(_, words)| words).replace('_', " ")
}

/// The number of sqlx's advisory lock on a database of this name.
pub fn lock_id(database: &str) -> i64 {
    0x3d32_ad9e * i64::from(crc32(database.as_bytes()))
}

/// CRC-32 as zip and Ethernet have it (ISO-HDLC).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::database;
    use crate::rollout::state::catalogue::is_of_migrations;
    use crate::tools::database::{catalogue, psql};

    #[test]
    fn the_checksum_of_the_lock_is_the_one_that_everybody_knows() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn the_script_gives_what_the_migrations_give_and_a_second_run_changes_nothing() {
        let server = database::for_tests().expect("PostgreSQL is there: `cargo xtask doctor`");
        server.create_database(DATABASE).unwrap();
        let (url, migrations) = (server.owner_url(DATABASE), Migrations::of_tree().unwrap());
        let all = migrations.versions();
        let run = |versions: &[i64]| psql::script(server.program(), &url, &of(&migrations, versions));
        run(&all[..3]).unwrap();
        run(&all[3..]).unwrap();
        let lines = |text: &str| {
            text.lines().filter(|it| is_of_migrations(it)).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            lines(&catalogue::of(server.program(), &url).unwrap()),
            lines(&crate::product::catalogue::read().unwrap()),
            "`cargo xtask migrate snapshot` writes what is expected"
        );
        let applied = "SELECT version || ' ' || description || ' ' || encode(checksum, 'hex') FROM _sqlx_migrations ORDER BY 1";
        let applied = psql::script(server.program(), &url, applied).unwrap();
        let expected: Vec<String> = all
            .iter()
            .map(|it| format!("{it} {} {}", description(&migrations.names[it]), migrations.checksums[it]))
            .collect();
        assert_eq!(applied.lines().collect::<Vec<_>>(), expected);
        assert!(run(&all).is_err(), "the first is there");
        assert_eq!(
            psql::script(server.program(), &url, "SELECT count(*) FROM _sqlx_migrations").unwrap(),
            all.len().to_string()
        );
    }
}
