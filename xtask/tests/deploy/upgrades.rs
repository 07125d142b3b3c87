//! The database goes to another major version of PostgreSQL, and back.

use std::fs;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::database::query;
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::project::Project;
use crate::support::xtask::{Driver, XtaskCommand};
use crate::support::{check, wait_until};

const PATIENCE: Duration = Duration::from_secs(300);
/// Somebody else's, and large enough to be caught while it loads.
const MUCH: &str = "CREATE SCHEMA somebody; CREATE TABLE somebody.much AS
    SELECT g AS id, repeat(md5(g::text), 10) AS words FROM generate_series(1, 400000) AS g";

pub fn there_and_back(project: &Project) -> Result<(), Failed> {
    if project.live().is_none() {
        project.deploy().succeeds()?;
    }
    query(project, MUCH);
    let result = tried(project);
    query(project, "DROP SCHEMA somebody CASCADE");
    result
}

fn tried(project: &Project) -> Result<(), Failed> {
    refused(project)?;
    killed(project)?;
    upgraded(project)?;
    // A release is still what its commit has, and drift is none.
    project.commit("A release on another major version");
    project.deploy().succeeds()?;
    project.xtask(&["db", "rehearse"]).succeeds()?;
    back(project)
}

fn upgrade(project: &Project, arguments: &[&str]) -> XtaskCommand {
    project.xtask(&[&["db", "upgrade", "--confirm", &project.environment], arguments].concat())
}

fn refused(project: &Project) -> Result<(), Failed> {
    let output = upgrade(project, &[]).succeeds()?;
    check(output.contains("Nothing to do"), || output)?;
    for (arguments, words) in [
        (&["--to", "16"][..], "there are 15, 17"),
        (&["--to", "9"], "there are 15, 17"),
        (&["--back"], "there is no way back"),
        (&["--forget-old"], "nothing was removed"),
    ] {
        let output = upgrade(project, arguments).fails_with(3)?;
        check(output.contains(words), || output)?;
    }
    let output = project.xtask(&["db", "upgrade", "--to", "17"]).fails_with(3)?;
    check(output.contains("name typed"), || output)?;
    let output = upgrade(project, &["--to", "17", "--longest", "1s"]).fails_with(4)?;
    check(output.contains("users would wait") && output.contains("15 serves as before"), || output)?;
    as_before(project)
}

/// Nothing is left of it, and the old version serves.
fn as_before(project: &Project) -> Result<(), Failed> {
    let version = query(project, "SHOW server_version");
    check(version.starts_with("15."), || version)?;
    let read_only = query(project, "SHOW default_transaction_read_only");
    check(read_only == "off", || "nobody can write".into())?;
    let postgres = project.platform_container("postgres");
    let left = project.docker(&["exec", &postgres, "ls", "/var/lib/postgresql/data"]);
    check(!left.contains("loading"), || left)?;
    let containers = project.docker(&["ps", "--all", "--format", "{{.Names}}"]);
    check(!containers.contains(&format!("{}-upgrade", project.prefix())), || containers)?;
    check(!project.root().join("live/maintenance").exists(), || "users are asked to wait".into())?;
    wait_until("it is ready", PATIENCE, || {
        get(&project.url(), "/health/ready").is_ok_and(|it| it.status == 200)
    })
}

/// Spawns an upgrade, and kills its driver once the file says this.
fn killed_while(project: &Project, state: &str) -> Result<Driver, Failed> {
    let driver = upgrade(project, &["--to", "17"]).spawn();
    let file = project.root().join("upgrade.json");
    let words = format!("\"state\":\"{state}\"");
    let reached = wait_until(&format!("it is {state}"), PATIENCE, || {
        fs::read_to_string(&file).is_ok_and(|text| text.contains(&words)) || driver.has_exited()
    });
    driver.kill();
    reached?;
    Ok(driver)
}

/// While it rehearses, while users wait, and while the two change places.
fn killed(project: &Project) -> Result<(), Failed> {
    killed_while(project, "rehearsing")?;
    let output = project.xtask(&["recover"]).succeeds()?;
    check(output.contains("15 serves as before"), || output)?;
    as_before(project)?;

    killed_while(project, "cutting")?;
    // Without anybody.
    wait_until("the guard has ended the pause", PATIENCE, || {
        !project.root().join("live/maintenance").exists()
            && fs::read_to_string(project.root().join("upgrade.json")).is_ok_and(|it| it.contains("undone"))
    })?;
    as_before(project)?;

    killed_while(project, "switching")?;
    let output = project.xtask(&["recover"]).succeeds()?;
    check(output.contains("15 serves as before"), || output)?;
    as_before(project)
}

fn upgraded(project: &Project) -> Result<(), Failed> {
    let count = "SELECT count(*) FROM somebody.much";
    let (rows, live) = (query(project, count), project.live());
    let client = Client::start(&project.url());
    let result = upgrade(project, &["--to", "17", "--json"]).json();
    let report = client.stop();
    let result = result?;
    let bytes = query(project, "SELECT pg_size_pretty(pg_database_size('tracehub'))");
    println!(
        "    {bytes}: the rehearsal took {} ms, users waited for {} ms, their longest time without an answer was {:.1} s",
        result["rehearsed_ms"],
        result["pause_ms"],
        report.failed_for().as_secs_f64()
    );
    let version = query(project, "SHOW server_version");
    check(version.starts_with("17."), || version)?;
    check(query(project, count) == rows, || "not all rows are there".into())?;
    check(project.live() == live, || format!("{}", project.status()))?;
    check(project.status()["drift"] == serde_json::json!([]), || format!("{}", project.status()))?;
    check(query(project, "SHOW default_transaction_read_only") == "off", || "nobody can write".into())?;
    let output = project.xtask(&["platform", "up"]).fails_with(1)?;
    check(output.contains("environments.rs"), || output)?;
    let output = upgrade(project, &["--to", "15"]).fails_with(3)?;
    check(output.contains("--back"), || output)
}

/// What was written since is lost, and said to be.
fn back(project: &Project) -> Result<(), Failed> {
    query(project, "CREATE TABLE somebody.since AS SELECT 1 AS one");
    let output = upgrade(project, &["--back", "--plan"]).succeeds()?;
    check(output.contains("15 takes the place of 17"), || output)?;
    let result = upgrade(project, &["--back", "--json"]).json()?;
    println!("    the way back: users waited for {} ms", result["pause_ms"]);
    as_before(project)?;
    let since = query(project, "SELECT to_regclass('somebody.since') IS NULL");
    check(since == "t", || since)?;
    upgrade(project, &["--forget-old"]).succeeds()?;
    let output = upgrade(project, &["--back"]).fails_with(3)?;
    check(output.contains("there is no way back"), || output)?;
    let postgres = project.platform_container("postgres");
    let left = project.docker(&["exec", &postgres, "ls", "/var/lib/postgresql/data"]);
    check(left.trim() == "cluster", || left)
}
