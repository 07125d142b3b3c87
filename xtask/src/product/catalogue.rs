//! `catalogue.txt`: what all migrations come to, as a database tells it itself. Environments are compared with it.

use std::fs;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use sha2::{Digest as _, Sha256};

use super::migrations::Migrations;
use crate::project;
use crate::rollout::state::catalogue::{self, RESTORED, is_of_migrations};
use crate::rollout::state::release::Release;
use crate::setup::{self, Tool};
use crate::tools::database;
use crate::tools::git;
use crate::workspace;

/// How the line begins that says of which migrations a catalogue is.
const OF: &str = "# Of migrations: ";

/// Where it is, from the repository's root.
fn file() -> String {
    format!("{}/catalogue.txt", project::BACKEND.folder)
}

/// Where it is.
pub fn path() -> Utf8PathBuf {
    workspace::root().join(file())
}

/// What the database at `url` tells, and what it would tell otherwise once it was restored: `empty` is another database, where its
/// schema is loaded.
pub fn both_forms(url: &str, empty: &str) -> Result<String> {
    let postgres = setup::require(Tool::Postgres)?;
    database::psql::script(&postgres, empty, &database::pg_dump::schema(&postgres, url)?)
        .context("loading the schema anew")?;
    let (told, restored) =
        (database::catalogue::of(&postgres, url)?, database::catalogue::of(&postgres, empty)?);
    Ok(format!("{told}\n{}", catalogue::restored_lines(&told, &restored).join("\n")))
}

/// What the file must say when the database at `url` has these migrations and no others. `empty` is another database.
pub fn taken(url: &str, empty: &str, migrations: &Migrations) -> Result<String> {
    let told = both_forms(url, empty)?;
    let lines: String = told
        .lines()
        .filter(|line| {
            is_of_migrations(line) || line.starts_with("note order of ") || line.starts_with(RESTORED)
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let head =
        "# What all migrations come to, as a database tells it. Written by `cargo xtask migrate snapshot`.";
    Ok(format!("{head}\n{OF}{}\n\n{lines}", identity(migrations)))
}

/// What the file says; nothing when there is none.
pub fn read() -> Result<String> {
    match fs::read_to_string(path()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.with_context(|| format!("reading {}", path())),
    }
}

/// The sum of a catalogue, if it is of these migrations: nobody need write it anew to deploy a tree to this machine.
pub fn sum_if_of(text: &str, migrations: &Migrations) -> Option<String> {
    let is_of_these = text.lines().any(|line| line.strip_prefix(OF) == Some(&identity(migrations)));
    is_of_these.then(|| catalogue::sum(text))
}

/// The catalogue of a commit; nothing when it has none.
pub fn of_commit(sha: &str) -> String {
    git::show(workspace::root(), sha, &file()).unwrap_or_default()
}

/// The catalogue of which a release has the sum, if its commit or this tree has it.
pub fn of_release(release: &Release) -> Option<String> {
    let sum = release.catalogue.as_ref()?;
    let texts = [of_commit(&release.commit), read().unwrap_or_default()];
    texts.into_iter().find(|text| catalogue::sum(text) == *sum)
}

fn identity(migrations: &Migrations) -> String {
    let mut all = Sha256::new();
    for (version, sum) in &migrations.checksums {
        all.update(format!("{version} {sum}\n"));
    }
    format!("{:x}", all.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::database;
    use crate::product::snapshot;
    use crate::rollout::state::catalogue::Differences;
    use crate::tools::database::catalogue::{QUESTION, SETTINGS};
    use crate::tools::database::psql;

    /// What is changed by hand, and what is told of it.
    const CHANGES: &[(&str, &[&str])] = &[
        (
            "CREATE TABLE spare (id int)",
            &[
                "+ column public.spare.id: integer",
                "+ note order of public.spare: id",
                "+ grant on table public.spare to postgres: DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE",
                "+ table public.spare: owner postgres",
            ],
        ),
        (
            "ALTER TABLE reminders ADD COLUMN note text",
            &[
                "+ column public.reminders.note: text",
                "- note order of public.reminders: organisation_id, shipment_id, kind, due_on, created_at",
                "+ note order of public.reminders: organisation_id, shipment_id, kind, due_on, created_at, note",
            ],
        ),
        (
            "ALTER TABLE reminders ALTER COLUMN kind TYPE varchar(30)",
            &[
                "- column public.reminders.kind: text",
                "+ column public.reminders.kind: character varying(30)",
                "- constraint public.reminders.reminders_kind_check: CHECK ((kind = ANY (ARRAY['departure_overdue'::text, 'arrival_overdue'::text])))",
                "+ constraint public.reminders.reminders_kind_check: CHECK (((kind)::text = ANY (ARRAY['departure_overdue'::text, 'arrival_overdue'::text])))",
            ],
        ),
        (
            "ALTER TABLE users ALTER COLUMN name DROP NOT NULL",
            &["- column public.users.name: text not null", "+ column public.users.name: text"],
        ),
        (
            "ALTER TABLE users ALTER COLUMN token_version SET DEFAULT 1",
            &[
                "- column public.users.token_version: bigint not null default 0",
                "+ column public.users.token_version: bigint not null default 1",
            ],
        ),
        (
            "ALTER TABLE reminders DROP CONSTRAINT reminders_shipment_id_fkey",
            &[
                "- constraint public.reminders.reminders_shipment_id_fkey: FOREIGN KEY (shipment_id) REFERENCES public.shipments(id)",
            ],
        ),
        (
            "ALTER TABLE reminders ADD CONSTRAINT recent CHECK (due_on > '2000-01-01') NOT VALID",
            &["+ constraint public.reminders.recent: CHECK ((due_on > '2000-01-01'::date)) NOT VALID"],
        ),
        (
            "DROP INDEX users_by_organisation",
            &[
                "- index public.users_by_organisation: CREATE INDEX users_by_organisation ON public.users USING btree (organisation_id)",
            ],
        ),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_by_organisation'::regclass",
            &[
                "- index public.users_by_organisation: CREATE INDEX users_by_organisation ON public.users USING btree (organisation_id)",
                "+ index public.users_by_organisation: CREATE INDEX users_by_organisation ON public.users USING btree (organisation_id) (invalid)",
            ],
        ),
        (
            "ALTER TABLE users NO FORCE ROW LEVEL SECURITY",
            &[
                "- table public.users: owner tracehub_owner, row security, forced",
                "+ table public.users: owner tracehub_owner, row security",
            ],
        ),
        (
            "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
            &[
                "- table public.users: owner tracehub_owner, row security, forced",
                "+ table public.users: owner tracehub_owner, forced",
            ],
        ),
        (
            "ALTER TABLE reminders SET (fillfactor = 70)",
            &[
                "- table public.reminders: owner tracehub_owner, row security, forced",
                "+ table public.reminders: owner tracehub_owner, row security, forced, with fillfactor=70",
            ],
        ),
        (
            "ALTER FUNCTION fold_email() OWNER TO postgres",
            &[
                "- function public.fold_email(): owner tracehub_owner",
                "+ function public.fold_email(): owner postgres",
                "- grant on function public.fold_email() to tracehub_owner: EXECUTE",
                "+ grant on function public.fold_email() to postgres: EXECUTE",
            ],
        ),
        (
            "CREATE OR REPLACE FUNCTION fold_email() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            &["- function public.fold_email()", "+ function public.fold_email()"],
        ),
        (
            "DROP POLICY log_in ON users",
            &["- policy public.users.log_in: permissive for select to tracehub_owner using true"],
        ),
        (
            "ALTER POLICY own_organisation ON users USING (true)",
            &[
                "- policy public.users.own_organisation: permissive for all to public using (organisation_id = public.current_organisation_id())",
                "+ policy public.users.own_organisation: permissive for all to public using true",
            ],
        ),
        (
            "ALTER TABLE users DISABLE TRIGGER fold_email",
            &["- trigger public.users.fold_email", "+ trigger public.users.fold_email"],
        ),
        ("DROP TRIGGER fold_email ON users", &["- trigger public.users.fold_email"]),
        (
            "GRANT DELETE ON shipments TO tracehub_app",
            &[
                "- grant on table public.shipments to tracehub_app: INSERT, SELECT",
                "+ grant on table public.shipments to tracehub_app: DELETE, INSERT, SELECT",
            ],
        ),
        ("GRANT SELECT ON users TO PUBLIC", &["+ grant on table public.users to public: SELECT"]),
        (
            "REVOKE SELECT (email) ON users FROM tracehub_app",
            &["- grant on column public.users.email to tracehub_app: SELECT"],
        ),
        (
            "GRANT EXECUTE ON FUNCTION log_out(uuid) TO PUBLIC",
            &["+ grant on function public.log_out(id uuid) to public: EXECUTE"],
        ),
        (
            "GRANT CREATE ON SCHEMA public TO tracehub_app",
            &[
                "- grant on schema public to tracehub_app: USAGE",
                "+ grant on schema public to tracehub_app: CREATE, USAGE",
            ],
        ),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO tracehub_app",
            &["+ grant on what postgres makes (r) to tracehub_app: SELECT"],
        ),
        (
            "CREATE SEQUENCE numbers INCREMENT 2",
            &[
                "+ grant on sequence public.numbers to postgres: SELECT, UPDATE, USAGE",
                "+ range of public.numbers: bigint from 1 to 9223372036854775807 by 2, begins at 1",
                "+ sequence public.numbers: owner postgres",
            ],
        ),
        (
            "CREATE TYPE mood AS ENUM ('good', 'bad')",
            &[
                "+ grant on type public.mood to postgres: USAGE",
                "+ grant on type public.mood to public: USAGE",
                "+ type public.mood: owner postgres, enum 'good', 'bad'",
            ],
        ),
        (
            "CREATE VIEW everybody AS SELECT id FROM users",
            &[
                "+ definition of public.everybody: SELECT users.id FROM public.users;",
                "+ grant on table public.everybody to postgres: DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE",
                "+ view public.everybody: owner postgres",
            ],
        ),
        (
            "CREATE RULE keep AS ON DELETE TO users DO INSTEAD NOTHING",
            &["+ rule public.users.keep: CREATE RULE keep AS ON DELETE TO public.users DO INSTEAD NOTHING;"],
        ),
        (
            "ALTER ROLE tracehub_app BYPASSRLS",
            &["- role tracehub_app: login", "+ role tracehub_app: login bypassrls"],
        ),
        (
            "GRANT tracehub_owner TO tracehub_app",
            &["- role tracehub_app: login", "+ role tracehub_app: login member of tracehub_owner"],
        ),
        (
            "ALTER ROLE tracehub_app SET statement_timeout = 0",
            &["+ setting of role tracehub_app: statement_timeout=0"],
        ),
        ("CREATE SCHEMA other CREATE TABLE other.a (b int)", &["+ note schema other, with 1 tables"]),
    ];

    #[test]
    fn each_kind_of_change_by_hand_is_told_in_lines_of_its_own() {
        let server = database::for_tests().expect("PostgreSQL is there: `cargo xtask doctor`");
        server.create_database(project::DATABASE).unwrap();
        let url = server.superuser_url(project::DATABASE);
        let run = |sql: &str| psql::script(server.program(), &url, sql).unwrap();
        run(&snapshot::read().unwrap());
        let question = format!("{};\n{};\n", SETTINGS, QUESTION);
        let before = run(&question);
        for (change, expected) in CHANGES {
            let after = run(&format!(
                "BEGIN;\nSET LOCAL search_path = public;\n{change};\nSET LOCAL search_path = pg_catalog;\n{};\nROLLBACK;\n",
                QUESTION
            ));
            let mut found = Differences::between(&before, &after, |_| true).lines();
            let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
            found.sort();
            expected.sort();
            let are_equal = found.len() == expected.len()
                && found.iter().zip(&expected).all(|(found, expected)| found.starts_with(expected.as_str()));
            assert!(are_equal, "{change}\nexpected {expected:#?}\nfound {found:#?}");
        }
    }
}
