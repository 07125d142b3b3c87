//! Migrations that go wrong: half-way, for want of a lock, without a database, without a driver. The old release serves
//! all along, and no traffic moves.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use libtest_mimic::Failed;

use crate::call::wait_until;
use crate::check;
use crate::client::{Client, get};
use crate::project::Project;

/// One migration for all of these tests: it wants a table that users need, goes on for as long as somebody holds the
/// advisory lock 42, and fails half-way when somebody holds 43.
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
const VERSION: i64 = 20_990_102_000_000;

/// Somebody's session in the database, which holds what it has until it is ended.
struct Session<'a> {
    project: &'a Project,
    client: Child,
}

impl Session<'_> {
    fn begin<'a>(project: &'a Project, holds: &str) -> Result<Session<'a>, Failed> {
        let client = psql(project)
            .args(["--command", "BEGIN", "--command", holds, "--command", "SELECT pg_sleep(600)"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let session = Session { project, client };
        wait_until("the session holds it", Duration::from_secs(30), || sleeping(project, "somebody") == "1")?;
        Ok(session)
    }
}

impl Drop for Session<'_> {
    /// By the server: that its client is gone would not tell it.
    fn drop(&mut self) {
        ask(
            self.project,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'somebody'",
        );
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

fn psql(project: &Project) -> Command {
    let mut command = Command::new("docker");
    let postgres = project.platform_container("postgres");
    command.args(["exec", "--user", "999", "--env", "PGAPPNAME=somebody", &postgres]);
    command.args(["psql", "--username=postgres", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
    command.arg("tracehub");
    command
}

/// What the database answers its superuser.
pub fn ask(project: &Project, question: &str) -> String {
    let mut command = psql(project);
    let told = command.args(["--command", question]).output().expect("docker runs");
    String::from_utf8_lossy(&told.stdout).trim().to_owned()
}

/// How many sessions of this name are in `pg_sleep`.
fn sleeping(project: &Project, name: &str) -> String {
    let of = format!("application_name = '{name}' AND wait_event = 'PgSleep'");
    ask(project, &format!("SELECT count(*) FROM pg_stat_activity WHERE {of}"))
}

/// The migration has done its first half, and is in the middle.
fn is_in_the_middle(project: &Project) -> Result<(), Failed> {
    wait_until("the migration is in the middle", Duration::from_secs(240), || {
        sleeping(project, "tracehub-backend migrate") == "1"
    })
}

fn nothing_moved(project: &Project, live: &Option<String>, schema: i64) -> Result<(), Failed> {
    let status = project.status();
    check(
        project.live() == *live && project.live() == get(&project.url(), "/health/ready")?.release,
        || format!("the traffic moved: {status}"),
    )?;
    check(status["schema"] == schema, || format!("the schema is {}", status["schema"]))?;
    check(project.running_releases() == 2, || "something of the new release runs".into())
}

pub fn fails_half_way(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let schema = project.status()["schema"].as_i64().ok_or("status knows no schema")?;
    // One before it, which goes well and stays.
    let before = "tracehub/backend/migrations/20990101120000_goes_well";
    project
        .write(&format!("{before}.up.sql"), "-- expand\nCREATE TABLE goes_well (id bigint PRIMARY KEY);\n");
    project.write(&format!("{before}.down.sql"), "DROP TABLE goes_well;\n");
    let path = format!("tracehub/backend/migrations/{VERSION}_note");
    project.write(&format!("{path}.up.sql"), MIGRATION);
    project.write(&format!("{path}.down.sql"), "ALTER TABLE users DROP COLUMN note;\n");
    project.commit("A migration of many turns");
    let client = Client::start(&project.url());
    let session = Session::begin(project, "SELECT pg_advisory_lock(43)")?;
    let told = project.deploy().fails_with(4);
    drop(session);
    let seen = client.stop();
    println!("    {seen}");
    let told = told?;
    check(told.contains("'migrate'") && told.contains("half-way, on purpose"), || told.clone())?;
    check(told.contains("What stays, by intent: the database has migration 20990101120000,"), || told)?;
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    let column =
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'note'";
    check(ask(project, column) == "0", || "half a migration stayed".into())?;
    check(schema < 20_990_101_120_000, || format!("the schema was {schema} before"))?;
    nothing_moved(project, &live, 20_990_101_120_000)?;
    project.ends_as("deploy", "undone")
}

pub fn gets_no_lock(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let schema = project.status()["schema"].as_i64().ok_or("status knows no schema")?;
    let client = Client::start(&project.url());
    let session = Session::begin(project, "LOCK TABLE users IN ACCESS SHARE MODE")?;
    let told = project.deploy().fails_with(4);
    drop(session);
    let seen = client.stop();
    println!("    {seen}");
    let told = told?;
    check(told.contains("'migrate'") && told.contains("held by") && told.contains("(somebody)"), || told)?;
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    nothing_moved(project, &live, schema)?;
    project.ends_as("deploy", "undone")
}

pub fn loses_the_database(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let schema = project.status()["schema"].as_i64().ok_or("status knows no schema")?;
    let postgres = project.platform_container("postgres");
    let client = Client::start(&project.url());
    let session = Session::begin(project, "SELECT pg_advisory_lock(42)")?;
    let driver = project.deploy().starts();
    let stopped = is_in_the_middle(project).map(|()| project.docker(&["stop", &postgres]));
    let told = driver.ends_with(4);
    project.docker(&["start", &postgres]);
    drop(session);
    let back = wait_until("the database answers again", Duration::from_secs(60), || {
        get(&project.url(), "/health/ready").is_ok_and(|answer| answer.status == 200)
    });
    let seen = client.stop();
    println!("    {seen}");
    stopped?;
    back?;
    let told = told?;
    check(told.contains("'migrate'") && told.contains("undone"), || told)?;
    // Nobody but who asks about the database learns that there is none.
    check(seen.failed.iter().all(|failure| failure.starts_with("GET /health/ready: 503")), || {
        format!("{seen}")
    })?;
    nothing_moved(project, &live, schema)?;
    project.ends_as("deploy", "undone")
}

pub fn outlives_its_driver(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let client = Client::start(&project.url());
    let session = Session::begin(project, "SELECT pg_advisory_lock(42)")?;
    let driver = project.deploy().starts();
    let begun = is_in_the_middle(project);
    driver.kill();
    begun?;
    wait_until(
        "what the driver had started is gone, and the lease is free",
        Duration::from_secs(60),
        || driver.left_behind() == 0 && project.status()["lease"].is_null(),
    )?;
    let container = format!("{}-migrate", project.prefix());
    let same = || project.docker(&["inspect", "--format", "{{.Id}} {{.State.Status}}", &container]);
    let running = same();
    check(running.ends_with(" running"), || format!("the migration died with its driver: {running}"))?;
    let next = project.xtask(&["recover"]).starts();
    let waits = wait_until("the next one has the lease", Duration::from_secs(60), || {
        next.has_ended() || project.status()["lease"].as_str().is_some_and(|it| it.contains("recover"))
    });
    let still = same();
    drop(session);
    let recovered = next.succeeds();
    waits?;
    check(still == running, || format!("{running}, and then {still}"))?;
    let recovered = recovered?;
    check(recovered.contains("never came to its switch"), || recovered)?;
    project.ends_as("deploy", "undone")?;
    nothing_moved(project, &live, VERSION)?;
    project.deploy().succeeds()?;
    let seen = client.stop();
    println!("    {seen}");
    check(seen.failed.is_empty() && seen.releases.len() == 2, || format!("{seen}"))?;
    let plan = project.attempts().pop().map(|attempt| attempt["plan"].clone()).unwrap_or_default();
    check(!plan.to_string().contains("migrate"), || format!("it was to be done again: {plan}"))?;
    project.ends_as("deploy", "succeeded")
}

pub fn contract(project: &Project) -> Result<(), Failed> {
    let before = project.live().ok_or("nothing is live")?;
    project.commit("Nothing uses the table any more");
    let migration = "tracehub/backend/migrations/20990103000000_without_the_table";
    let first = format!("-- contract: unused since {}\n", &project.head()[..12]);
    project.write(&format!("{migration}.up.sql"), &format!("{first}DROP TABLE a_table_more;\n"));
    project.write(&format!("{migration}.down.sql"), "CREATE TABLE a_table_more (id bigint PRIMARY KEY);\n");
    project.commit("Drop it");
    let done = contract_in_steps(project, &before);
    project.back();
    project.back();
    done
}

fn contract_in_steps(project: &Project, before: &str) -> Result<(), Failed> {
    // The release that serves is from before the commit from which on nothing uses the table.
    let told = project.deploy().fails_with(11)?;
    check(told.contains("takes away what") && told.contains(before), || told.clone())?;
    check(project.live_file() == before, || "the traffic moved".into())?;

    // First that commit, then the one that drops it.
    let drops = project.head();
    project.go_to("HEAD~1");
    project.deploy().succeeds()?;
    let between = project.live_file();
    project.go_to(&drops);
    let client = Client::start(&project.url());
    let told = project.deploy().succeeds();
    let seen = client.stop();
    println!("    {seen}");
    let told = told?;
    check(told.contains("drain"), || told.clone())?;
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    check(project.running_releases() == 2 && project.kept("shut out").contains(&before.to_owned()), || {
        "what misses the table still runs".into()
    })?;
    check(project.warm().as_ref() == Some(&between), || format!("{}", project.status()))?;

    // Back to before it, only with the table.
    let told = project.xtask(&["rollback", "--to", before]).fails_with(3)?;
    check(told.contains("20990103000000") && told.contains("--with-database"), || told.clone())?;
    let client = Client::start(&project.url());
    let told = project.xtask(&["rollback", "--to", before, "--with-database"]).succeeds();
    let seen = client.stop();
    println!("    {seen}");
    let told = told?;
    check(told.contains("took back 20990103000000"), || told)?;
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    check(project.live_file() == before, || format!("{}", project.status()))?;
    // The backup that was made right before lacks the table that serves again.
    let backups = project.xtask(&["db", "list", "--json"]).json()?;
    let newest = backups.as_array().and_then(|all| all.last()).ok_or("there is no backup")?;
    check(newest["schema"] == 20_990_103_000_000_i64, || newest.to_string())?;
    let (name, environment) = (newest["name"].as_str().unwrap_or_default(), project.environment());
    let told = project.xtask(&["db", "restore", name, "--confirm", environment]).fails_with(3)?;
    check(told.contains("20990103000000") && told.contains(before), || told)?;
    check(project.status()["schema"] == VERSION, || format!("{}", project.status()))?;
    project.ends_as("rollback", "succeeded")
}
