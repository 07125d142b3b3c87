use super::*;
use crate::product::{database, snapshot};
use crate::rollout::simulation::random::{self, Random};
use crate::tools::database::pg_dump;

/// What people do to a schema. None needs another.
const EDITS: &[&str] = &[
    "ALTER TABLE public.shipments ADD COLUMN port text",
    "ALTER TABLE public.shipments ADD COLUMN weight integer NOT NULL DEFAULT 0 CHECK (weight >= 0)",
    "ALTER TABLE public.users ADD COLUMN manager uuid REFERENCES public.users",
    "CREATE TABLE public.folders (id uuid PRIMARY KEY, organisation_id uuid NOT NULL REFERENCES public.organisations, of uuid REFERENCES public.shipments);
     CREATE INDEX folders_of ON public.folders (of);
     ALTER TABLE public.folders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
     CREATE POLICY own_organisation ON public.folders USING (organisation_id = public.current_organisation_id());
     GRANT SELECT, INSERT ON public.folders TO tracehub_app",
    "CREATE INDEX shipments_by_product ON public.shipments (product)",
    "CREATE UNIQUE INDEX reminders_once ON public.reminders (shipment_id, due_on)",
    "ALTER TABLE public.log_in_failures ADD CONSTRAINT one_at_a_time UNIQUE (address, failed_at)",
    "ALTER TABLE public.shipments ADD CONSTRAINT leaves_home CHECK (origin_port <> destination_port)",
    "ALTER TABLE public.reminders ADD CONSTRAINT recent CHECK (due_on > '2000-01-01')",
    "ALTER TABLE public.shipments DROP CONSTRAINT shipments_status_check;
     ALTER TABLE public.shipments ADD CONSTRAINT shipments_status_check CHECK (status IN ('draft', 'lost'))",
    "ALTER TABLE public.reminders DROP COLUMN created_at",
    "DROP INDEX public.log_in_failures_by_time",
    "DROP TABLE public.idempotency_keys",
    "DROP POLICY log_in ON public.users",
    "ALTER POLICY own_organisation ON public.reminders USING (organisation_id = public.current_organisation_id() AND due_on > '2000-01-01')",
    "GRANT UPDATE ON public.shipments TO tracehub_app",
    "REVOKE DELETE ON public.log_in_failures FROM tracehub_app",
    "CREATE FUNCTION public.twice(n integer) RETURNS integer LANGUAGE sql RETURN n * 2",
    "CREATE OR REPLACE FUNCTION public.fold_email() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NEW; END'",
    "DROP FUNCTION public.find_credentials(text)",
    "ALTER TABLE public.log_in_failures ALTER COLUMN device SET NOT NULL",
    "ALTER TABLE public.reminders ALTER COLUMN created_at SET DEFAULT clock_timestamp()",
    "ALTER TABLE public.users ALTER COLUMN token_version TYPE numeric",
    "CREATE TYPE public.mood AS ENUM ('good', 'bad')",
    "CREATE VIEW public.ports AS SELECT DISTINCT origin_port FROM public.shipments",
    "CREATE SEQUENCE public.numbers",
    "DROP TRIGGER fold_reference ON public.shipments",
    "COMMENT ON TABLE public.users IS 'People'",
];

fn wished(edits: &[&str]) -> String {
    let edits: String = edits.iter().map(|edit| format!("{edit};\n")).collect();
    snapshot::read().expect("schema.sql") + &edits
}

fn server() -> Server {
    setup::ensure(TOOLS, true).expect("the tools of `migrate diff`");
    database::for_tests().expect("PostgreSQL is there: `cargo xtask doctor`")
}

fn suffixes(migrations: &[Migration]) -> Vec<&str> {
    migrations.iter().map(|it| it.suffix.as_str()).collect()
}

#[test]
fn what_adds_comes_first_with_indexes_beside_the_traffic_and_what_takes_away_is_a_contract() {
    let server = server();
    let edits = [EDITS[0], EDITS[1], EDITS[3], EDITS[4], EDITS[6], EDITS[10], EDITS[15]];
    let wish = Wish { allows_drops: true, unused_since: Some("86e2f91".to_owned()), ..Wish::default() };
    let found = written(&server, &wished(&edits), &wish).unwrap();
    let expected =
        ["", "_shipments_by_product", "_holds", "_contract", "_contract_one_at_a_time", "_contract_uses"];
    assert_eq!(suffixes(&found), expected, "{found:#?}");
    let [adds, index, holds, takes, unique, uses] = found.try_into().expect("six");
    for part in [
        "ADD COLUMN \"port\" text",
        "CREATE TABLE \"public\".\"folders\"",
        "CREATE INDEX folders_of ON",
        "NOT VALID",
        "UPDATE",
    ] {
        assert!(adds.up.starts_with("-- expand\n") && adds.up.contains(part), "{part}\n{}", adds.up);
    }
    assert!(!adds.up.contains("REVOKE"), "nobody loses rights that are only added to: {}", adds.up);
    let concurrent =
        "-- no-transaction\n-- expand\nCREATE INDEX CONCURRENTLY IF NOT EXISTS shipments_by_product ON";
    assert!(index.up.starts_with(concurrent), "{}", index.up);
    assert_eq!(index.down, "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS shipments_by_product;\n");
    assert!(holds.up.contains("VALIDATE CONSTRAINT"), "{}", holds.up);
    assert!(
        takes.up.starts_with("-- contract: unused since 86e2f91\n") && takes.up.contains("DROP COLUMN"),
        "{}",
        takes.up
    );
    assert!(takes.down.contains("ADD COLUMN \"created_at\""), "{}", takes.down);
    assert!(
        unique.up.contains("CREATE UNIQUE INDEX CONCURRENTLY") && uses.up.contains("UNIQUE USING INDEX"),
        "{}",
        uses.up
    );
}

#[test]
fn a_rename_a_drop_and_what_others_may_use_are_asked_for_before_anything_is_written() {
    let server = server();
    let refused = |edit: &str, wish: &Wish| written(&server, &wished(&[edit]), wish).unwrap_err().to_string();
    let rename = "ALTER TABLE public.users RENAME COLUMN name TO full_name";
    let why = refused(rename, &Wish::default());
    assert!(why.contains("`--rename users.name=users.full_name`"), "{why}");
    let renames = vec!["users.name=users.full_name".to_owned()];
    let why = refused(rename, &Wish { renames: renames.clone(), ..Wish::default() });
    assert!(why.contains("--unused-since"), "{why}");
    let wish = Wish { renames, unused_since: Some("86e2f91".to_owned()), ..Wish::default() };
    let found = written(&server, &wished(&[rename]), &wish).unwrap();
    assert_eq!(suffixes(&found), ["_contract", "_contract_holds"]);
    for way in [&found[0].up, &found[0].down] {
        assert!(way.contains("RENAME COLUMN") && !way.contains("DROP COLUMN"), "{way}");
    }
    let why = refused("SELECT 1", &wish);
    assert!(why.contains("nothing may have been renamed so"), "{why}");
    let why = refused(EDITS[10], &Wish::default());
    assert!(why.contains("DROP COLUMN") && why.contains("--allow-drops"), "{why}");
    let why = refused("CREATE TABLE public.a (b nothing)", &Wish::default());
    assert!(why.contains("the wished schema can't be made"), "{why}");
    assert_eq!(written(&server, &snapshot::read().unwrap(), &Wish::default()).unwrap(), []);
}

/// Whatever is edited, `pg_dump` sees no difference between a database that was migrated and the edited schema; and none after
/// the way back.
#[test]
fn whatever_is_edited_the_migrations_lead_there_and_back() {
    let server = server();
    let mut random = Random::of(random::seed());
    for _ in 0..2 {
        let mut edits: Vec<&str> = EDITS.to_vec();
        while edits.len() > 6 {
            edits.remove(random.below(edits.len()));
        }
        // Of a column that is gone, no default is set.
        if edits.contains(&EDITS[10]) {
            edits.retain(|edit| *edit != EDITS[21]);
        }
        let wish = Wish { allows_drops: true, unused_since: Some("86e2f91".to_owned()), ..Wish::default() };
        let found = written(&server, &wished(&edits), &wish);
        let found = found.unwrap_or_else(|error| panic!("{edits:#?}\n{error:#}"));
        let diff = Diff::of(&server).unwrap();
        diff.make(AFTER, Some(HAS)).unwrap();
        let dump = |database: &str| {
            let text = pg_dump::schema(server.program(), &server.owner_url(database)).unwrap();
            let mut lines: Vec<String> =
                text.lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
            lines.sort();
            lines
        };
        found.iter().for_each(|it| diff.apply(AFTER, &it.up).unwrap());
        assert_eq!(dump(AFTER), dump(WISHED), "{edits:#?}");
        found.iter().rev().for_each(|it| diff.apply(AFTER, &it.down).unwrap());
        assert_eq!(dump(AFTER), dump(HAS), "the way back of {edits:#?}");
    }
}
