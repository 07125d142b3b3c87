use super::*;
use crate::product::database;
use crate::tools::database::{catalogue, pg_dump};

const CREATE_ALL: &str = include_str!("create_all.sql");
/// The database of an environment that a Python app has made.
const THERE: &str = "baseline_there";
/// The last one that makes what the Python app has as well.
const TO: i64 = 20_260_101_000_100;

fn there(server: &Server, sql: &str) -> Result<String> {
    psql::script(server.program(), &server.superuser_url(THERE), sql)
}

fn told(server: &Server) -> String {
    catalogue::of(server.program(), &server.superuser_url(THERE)).unwrap()
}

fn server() -> Server {
    setup::ensure(BRIDGE_TOOLS, true).expect("the tools of a baseline");
    database::for_tests().expect("PostgreSQL is there: `cargo xtask doctor`")
}

#[test]
fn a_schema_of_create_all_is_refused_line_by_line_and_has_a_history_once_it_was_bridged() {
    let server = server();
    server.create_database(THERE).unwrap();
    server.create_role("python").unwrap();
    there(&server, &format!("GRANT CREATE ON SCHEMA public TO python; SET ROLE python;\n{CREATE_ALL}"))
        .unwrap();
    there(&server, "INSERT INTO organisations VALUES (gen_random_uuid(), 'Cocoa', '2026-01-03 12:00')")
        .unwrap();

    let migrations = Migrations::of_tree().unwrap();
    let baseline = Baseline::up_to(&server, &migrations, Some(TO)).unwrap();
    let differences = baseline.differences(&told(&server));
    for line in [
        "- column public.users.created_at: timestamp with time zone not null default now()",
        "+ column public.users.created_at: timestamp without time zone",
        "- column public.shipments.status: text not null default 'draft'::text",
        "+ column public.shipments.status: public.shipmentstatus not null",
        "+ column public.users.name: character varying(200) not null",
        "+ index public.ix_users_email: CREATE UNIQUE INDEX ix_users_email ON public.users USING btree (email)",
        "+ type public.shipmentstatus: owner python, enum 'draft', 'booked', 'in_transit', 'arrived', 'delivered'",
        "+ table public.users: owner python",
        "- table public.users: owner tracehub_owner, row security, forced",
        "+ table public.alembic_version: owner python",
    ] {
        assert!(differences.iter().any(|found| found == line), "{line}\nis not in\n{differences:#?}");
    }
    assert!(
        differences.iter().any(|line| line.starts_with("- constraint public.users.users_email_check: CHECK")),
        "{differences:#?}"
    );

    let schema = pg_dump::schema(server.program(), &server.superuser_url(THERE)).unwrap();
    let bridge = baseline.bridge(&schema, &roles(&told(&server))).unwrap();
    assert!(
        bridge.contains("-- DROP TABLE \"public\".\"alembic_version\";"),
        "nothing of others is dropped:\n{bridge}"
    );
    there(&server, &bridge).unwrap_or_else(|error| panic!("{error:#}\n{bridge}"));
    let left: Vec<String> = baseline.differences(&told(&server));
    let is_theirs = |line: &&String| line.contains("alembic_version") || line.contains("shipmentstatus");
    assert_eq!(left.iter().filter(|line| !is_theirs(line)).collect::<Vec<_>>(), Vec::<&String>::new());
    there(&server, "DROP TABLE alembic_version; DROP TYPE IF EXISTS shipmentstatus").unwrap();
    assert_eq!(baseline.differences(&told(&server)), Vec::<String>::new());
    let when = there(&server, "SET timezone = 'UTC'; SELECT created_at FROM organisations").unwrap();
    assert_eq!(when, "2026-01-03 12:00:00+00");

    there(&server, &baseline.rows()).unwrap();
    assert!(there(&server, &baseline.rows()).is_err(), "it has a history");
    // sqlx goes on from there.
    let rest: Vec<i64> = migrations.versions().into_iter().filter(|version| *version > TO).collect();
    let url = server.owner_url(THERE);
    psql::script(server.program(), &url, &migration_script::of(&migrations, &rest)).unwrap();
    let whole = Baseline::up_to(&server, &migrations, None).unwrap();
    assert_eq!(whole.differences(&told(&server)), Vec::<String>::new());
}

#[test]
fn two_baselines_at_once_and_one_beside_a_migration_write_nothing() {
    let server = server();
    server.create_database(THERE).unwrap();
    let migrations = Migrations::of_tree().unwrap();
    let baseline = Baseline::up_to(&server, &migrations, Some(TO)).unwrap();
    let lock = lock_id(DATABASE);
    // psql runs another one of itself while it holds the lock.
    let rows = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(rows.path(), baseline.rows()).unwrap();
    let (program, url) = (server.program().with_file_name("psql"), server.superuser_url(THERE));
    let inner = format!("{program} --quiet --no-psqlrc --dbname={url} --file={}", rows.path().display());
    let said =
        there(&server, &format!("SELECT pg_advisory_lock({lock}) \\g /dev/null\n\\! {inner} 2>&1 || true\n"))
            .unwrap();
    assert!(said.contains("division by zero"), "{said}");
    assert_eq!(there(&server, "SELECT to_regclass('public._sqlx_migrations') IS NULL").unwrap(), "t");
}

#[test]
fn what_a_bridge_lacks_of_rights_to_columns_is_granted() {
    assert_eq!(
        rights_to_column("- grant on column public.users.name to app: SELECT, UPDATE").as_deref(),
        Some("GRANT SELECT (\"name\"), UPDATE (\"name\") ON \"public\".\"users\" TO \"app\";\n")
    );
    for other in [
        "+ grant on column public.users.name to app: SELECT",
        "- grant on table public.users to app: SELECT",
        "- grant on column public.users.name to app: SELECT and may pass it on",
    ] {
        assert_eq!(rights_to_column(other), None, "{other}");
    }
}
