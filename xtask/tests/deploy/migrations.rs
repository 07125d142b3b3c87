//! Migrations that go wrong: they fail half-way, get no lock, or lose the database or the driver. The release from
//! before serves all along, and no traffic moves. And one that takes something away.

use std::time::Duration;

use libtest_mimic::Failed;

use crate::BUILD_TIMEOUT;
use crate::database::{Session, query, sleeps};
use crate::drivers::remaining_processes;
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::project::Project;
use crate::support::{check, wait_until};

/// One migration for all of these trials: it locks a table that users need, goes on for as long as a session holds the
/// advisory lock 42, and fails half-way when a session holds 43.
const MIGRATION: &str = "-- expand
ALTER TABLE users ADD COLUMN note text;
DO $$ BEGIN
    WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 42) LOOP
        PERFORM pg_sleep(0.1);
    END LOOP;
    IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 43) THEN
        RAISE EXCEPTION 'half-way, on purpose';
    END IF;
END $$;
";
/// Its version.
const VERSION: i64 = 20_990_102_000_000;

/// Waits until the migration has done its first half, and waits for the advisory lock.
fn wait_for_the_middle(project: &Project) -> Result<(), Failed> {
    wait_until("the migration is in the middle", BUILD_TIMEOUT, || {
        sleeps(project, "tracehub-backend migrate")
    })
}

/// This release still has the traffic, the schema has this version, and nothing of the new release runs.
fn no_traffic_moved(project: &Project, live: &Option<String>, schema: i64) -> Result<(), Failed> {
    let status = project.status();
    check(
        project.live() == *live && project.live() == get(&project.url(), "/health/ready")?.release(),
        || format!("the traffic moved: {status}"),
    )?;
    check(status["schema"] == schema, || format!("the schema is {}", status["schema"]))?;
    check(project.running_releases() == 2, || "something of the new release runs".into())
}

pub fn fails_half_way(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let schema = project.status()["schema"].as_i64().ok_or("status knows no schema")?;
    // One before it, which succeeds and stays.
    let up = "-- expand\nCREATE TABLE goes_well (id bigint PRIMARY KEY);\n";
    project.add_migration("20990101120000_goes_well", up, "DROP TABLE goes_well;\n");
    let down = "ALTER TABLE users DROP COLUMN note;\n";
    project.add_migration(&format!("{VERSION}_note"), MIGRATION, down);
    project.commit("A migration that can be held up, and can fail");
    let client = Client::start(&project.url());
    let session = Session::holding(project, "SELECT pg_advisory_lock(43)")?;
    let output = project.deploy().fails_with(4);
    drop(session);
    let report = client.stop();
    let output = output?;
    check(output.contains("'migrate'") && output.contains("half-way, on purpose"), || output.clone())?;
    check(output.contains("What stays, by intent: the database has migration 20990101120000,"), || output)?;
    report.has_no_failures()?;
    let column =
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'note'";
    check(query(project, column) == "0", || "half a migration stayed".into())?;
    check(schema < 20_990_101_120_000, || format!("the schema was {schema} before"))?;
    no_traffic_moved(project, &live, 20_990_101_120_000)?;
    project.last_attempt_is("deploy", "undone")?;
    what_stayed_is_taken_back(project, &live, schema)
}

/// Nobody needs it, and it is lost only when somebody says so.
fn what_stayed_is_taken_back(project: &Project, live: &Option<String>, schema: i64) -> Result<(), Failed> {
    query(project, "INSERT INTO goes_well VALUES (1), (2)");
    let revert = |more: &[&str]| project.xtask(&[&["migrate", "revert"], more].concat());
    let lost = "the table goes_well with 2 rows";
    let output = revert(&["--plan"]).succeeds()?;
    check(output.contains(lost) && output.contains("take migration 20990101120000 back"), || output)?;
    let output = revert(&[]).fails_with(3)?;
    check(output.contains(lost) && output.contains("wants a yes"), || output)?;
    no_traffic_moved(project, live, 20_990_101_120_000)?;
    let client = Client::start(&project.url());
    let output = revert(&["--yes", "--reason", "it is in the way"]).succeeds();
    let report = client.stop();
    let output = output?;
    check(output.contains("took back 20990101120000") && output.contains("is in the backup"), || output)?;
    report.has_no_failures()?;
    no_traffic_moved(project, live, schema)?;
    project.last_attempt_is("revert", "succeeded")?;
    let output = revert(&["--yes"]).fails_with(3)?;
    let names = live.as_deref().unwrap_or_default();
    check(output.contains("is needed by") && output.contains(names), || output)
}

pub fn gets_no_lock(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let schema = project.status()["schema"].as_i64().ok_or("status knows no schema")?;
    let client = Client::start(&project.url());
    let session = Session::holding(project, "LOCK TABLE users IN ACCESS SHARE MODE")?;
    let output = project.deploy().fails_with(4);
    drop(session);
    let report = client.stop();
    let output = output?;
    check(
        output.contains("'migrate'") && output.contains("held by") && output.contains("(somebody)"),
        || output,
    )?;
    report.has_no_failures()?;
    // The first of the two has succeeded again.
    check(schema < 20_990_101_120_000, || format!("the schema was {schema} before"))?;
    no_traffic_moved(project, &live, 20_990_101_120_000)?;
    project.last_attempt_is("deploy", "undone")
}

pub fn loses_the_database(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let schema = project.status()["schema"].as_i64().ok_or("status knows no schema")?;
    let postgres = project.platform_container("postgres");
    let client = Client::start(&project.url());
    let session = Session::holding(project, "SELECT pg_advisory_lock(42)")?;
    let driver = project.deploy().spawn();
    let stopped = wait_for_the_middle(project).map(|()| project.docker(&["stop", &postgres]));
    let output = driver.exits_with(4);
    project.docker(&["start", &postgres]);
    drop(session);
    let ready = project.wait_until_ready();
    let report = client.stop();
    stopped?;
    ready?;
    let output = output?;
    check(output.contains("'migrate'") && output.contains("undone"), || output)?;
    // Only requests about readiness need the database.
    check(report.failures.iter().all(|failure| failure.starts_with("GET /health/ready: 503")), || {
        format!("{report}")
    })?;
    no_traffic_moved(project, &live, schema)?;
    project.last_attempt_is("deploy", "undone")
}

pub fn outlives_its_driver(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let client = Client::start(&project.url());
    let session = Session::holding(project, "SELECT pg_advisory_lock(42)")?;
    let driver = project.deploy().spawn();
    let in_the_middle = wait_for_the_middle(project);
    driver.kill();
    in_the_middle?;
    wait_until(
        "what the driver had started is gone, and the lease is free",
        Duration::from_secs(60),
        || remaining_processes(&driver) == 0 && project.status()["lease"].is_null(),
    )?;
    let container = format!("{}-migrate", project.prefix());
    let state = || project.docker(&["inspect", "--format", "{{.Id}} {{.State.Status}}", &container]);
    let before = state();
    check(before.ends_with(" running"), || format!("the migration died with its driver: {before}"))?;
    let recover = project.xtask(&["recover"]).spawn();
    let has_lease = wait_until("recover has the lease", Duration::from_secs(60), || {
        recover.has_exited() || project.status()["lease"].as_str().is_some_and(|it| it.contains("recover"))
    });
    let after = state();
    drop(session);
    let output = recover.succeeds();
    has_lease?;
    check(after == before, || format!("{before}, and then {after}"))?;
    let output = output?;
    check(output.contains("never came to its switch"), || output)?;
    project.last_attempt_is("deploy", "undone")?;
    no_traffic_moved(project, &live, VERSION)?;
    project.deploy().succeeds()?;
    let report = client.stop();
    report.has_no_failures_from(2)?;
    let plan = project.attempts().pop().map(|attempt| attempt["plan"].clone()).unwrap_or_default();
    check(!plan.to_string().contains("migrate"), || format!("the next deploy has migrated again: {plan}"))?;
    project.last_attempt_is("deploy", "succeeded")
}

/// As it is after a migration of the app was changed or removed that is applied here: nothing is pending.
pub fn rewritten_history(project: &Project) -> Result<(), Failed> {
    let (live, attempts) = (project.live(), project.attempts());
    let file = "tracehub/backend/migrations/20990101000000_a_table_more.up.sql";
    let refused = |words: &[&str]| -> Result<(), Failed> {
        project.commit("A history that is not what was applied");
        let output = project.deploy().fails_with(3);
        project.drop_commit();
        let output = output?;
        check(words.iter().all(|word| output.contains(word)), || output.clone())
    };
    project.replace(file, "-- expand\n", "-- expand\n-- A comment is enough.\n");
    refused(&["a_table_more.up.sql is not what", "has applied: it was changed since"])?;
    std::fs::remove_file(project.folder().join(file))?;
    std::fs::remove_file(project.folder().join(file.replace(".up.", ".down.")))?;
    refused(&["has applied the migration 20990101000000", "this commit has removed its file"])?;
    let up = "-- expand\nCREATE TABLE too_late (id bigint PRIMARY KEY);\n";
    project.add_migration("20990100000000_too_late", up, "DROP TABLE too_late;\n");
    refused(&["20990100000000_too_late.up.sql comes before"])?;
    check(project.attempts() == attempts, || "a refused attempt is in the ledger".into())?;
    check(project.live() == live, || "another release has the traffic".into())
}

pub fn contract(project: &Project) -> Result<(), Failed> {
    let before = project.live().ok_or("nothing is live")?;
    project.commit("Nothing uses the table any more");
    let up = format!("-- contract: unused since {}\nDROP TABLE a_table_more;\n", &project.head()[..12]);
    let down = "CREATE TABLE a_table_more (id bigint PRIMARY KEY);\n";
    project.add_migration("20990103000000_without_the_table", &up, down);
    project.commit("Drop the table");
    let result = contract_is_applied_and_undone(project, &before);
    project.drop_commit();
    project.drop_commit();
    result
}

fn contract_is_applied_and_undone(project: &Project, before: &str) -> Result<(), Failed> {
    // Refused: the live release still uses the table.
    let output = project.deploy().fails_with(11)?;
    check(output.contains("takes away what") && output.contains(before), || output.clone())?;
    check(project.live_file() == before, || "the traffic moved".into())?;

    // First the commit that does not use it any more, then the one that drops it.
    let drops_table = project.head();
    project.reset_to("HEAD~1");
    project.deploy().succeeds()?;
    let between = project.live_file();
    project.reset_to(&drops_table);
    let client = Client::start(&project.url());
    let output = project.deploy().succeeds();
    let report = client.stop();
    let output = output?;
    check(output.contains("drain"), || output.clone())?;
    report.has_no_failures()?;
    check(
        project.running_releases() == 2 && project.kept("incompatible").contains(&before.to_owned()),
        || "a release that uses the table still runs".into(),
    )?;
    check(project.warm().as_ref() == Some(&between), || format!("{}", project.status()))?;

    // A rollback to a release that uses the table must undo the migration.
    let output = project.xtask(&["rollback", "--to", before]).fails_with(3)?;
    check(output.contains("20990103000000") && output.contains("--with-database"), || output.clone())?;
    let client = Client::start(&project.url());
    let output = project.xtask(&["rollback", "--to", before, "--with-database"]).succeeds();
    let report = client.stop();
    let output = output?;
    check(output.contains("took back 20990103000000"), || output)?;
    report.has_no_failures()?;
    check(project.live_file() == before, || format!("{}", project.status()))?;
    // The backup that was made right before has not the table that the live release uses: it must not be restored.
    let backups = project.xtask(&["db", "list", "--json"]).json()?;
    let newest = backups.as_array().and_then(|all| all.last()).ok_or("there is no backup")?;
    check(newest["schema"] == 20_990_103_000_000_i64, || newest.to_string())?;
    let (name, environment) = (newest["name"].as_str().unwrap_or_default(), &project.environment);
    let output = project.xtask(&["db", "restore", name, "--confirm", environment]).fails_with(3)?;
    check(output.contains("20990103000000") && output.contains(before), || output)?;
    check(project.status()["schema"] == VERSION, || format!("{}", project.status()))?;
    project.last_attempt_is("rollback", "succeeded")
}

/// Its history is taken from a database: it gets it back when its schema is right, and not before.
pub fn baseline(project: &Project) -> Result<(), Failed> {
    let by_hand =
        |sql: &str| project.xtask(&["db", "shell", "--superuser", "--", "--command", sql]).succeeds();
    let rows = || project.json(&["migrate", "history", "--json"]).as_array().map_or(0, Vec::len);
    let before = rows();
    let refused = project.xtask(&["migrate", "baseline", "--yes"]).fails_with(3)?;
    check(refused.contains("has a history already"), || refused)?;
    by_hand("DROP TABLE _sqlx_migrations")?;
    by_hand("DROP INDEX users_by_organisation")?;
    let refused = project.xtask(&["migrate", "baseline", "--yes"]).fails_with(3)?;
    let line = "- index public.users_by_organisation: CREATE INDEX users_by_organisation";
    check(refused.contains(line) && refused.contains("Nothing was changed"), || refused)?;
    check(rows() == 0, || "there is a history".into())?;
    by_hand("CREATE INDEX users_by_organisation ON users (organisation_id)")?;
    by_hand("ALTER INDEX users_by_organisation OWNER TO tracehub_owner")?;
    let said = project.xtask(&["migrate", "baseline", "--yes"]).succeeds()?;
    check(said.contains("count as applied") && rows() == before, || said)?;
    let deployed = project.deploy().succeeds()?;
    check(deployed.contains("Nothing to do"), || deployed)?;
    let backups = project.json(&["db", "list", "--json"]);
    check(backups.to_string().contains("before a baseline"), || backups.to_string())
}
