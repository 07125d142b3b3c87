//! Changes of the platform: its first start, `platform up`, and another password of a role.

use std::fs;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::database::query;
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::project::Project;
use crate::support::{check, wait_until};

const CADDYFILE: &str = "tracehub/deploy/edge/Caddyfile";

impl Project {
    /// Changes the database server's configuration in the copy, without a commit: a `platform up` would start it
    /// again.
    pub fn shrink_shared_buffers(&self) {
        self.replace("tracehub/deploy/platform.yaml", "shared_buffers=128MB", "shared_buffers=64MB");
    }
}

/// Interrupts the very first deploy while both containers run, and kills the one after it: what the first has made is undone,
/// and what the second has stays, with a server that has neither roles nor the app's database.
pub fn first_deploy_is_cut(project: &Project) -> Result<(), Failed> {
    let until_started = || {
        let driver = project.deploy().spawn();
        let started = wait_until("database and edge are started", Duration::from_secs(900), || {
            project.containers().len() >= 2 || driver.has_exited()
        });
        (driver, started)
    };
    let (driver, started) = until_started();
    driver.interrupt();
    let output = driver.exits_with(130);
    started?;
    let output = output?;
    check(output.contains("undone: platform"), || output)?;
    let label = format!("label=tracehub.environment={}", project.environment);
    for what in ["container", "volume", "network"] {
        let all: &[&str] = if what == "container" { &["--all"] } else { &[] };
        let left = project.docker(&[&[what, "ls", "--quiet", "--filter", &label], all].concat());
        check(left.is_empty(), || format!("a {what} is left: {left}"))?;
    }
    let left =
        fs::read_dir(project.root().join("secrets"))?.chain(fs::read_dir(project.root().join("platform"))?);
    check(left.count() == 0, || "secrets, or files of the platform, are left".into())?;
    project.last_attempt_is("deploy", "undone")?;

    let (driver, started) = until_started();
    driver.kill();
    started?;
    let (postgres, list) = (project.platform_container("postgres"), "SELECT datname FROM pg_database");
    let databases =
        || project.docker(&["exec", "--user", "999", &postgres, "psql", "--username=postgres", "-Atc", list]);
    wait_until("the database server answers", Duration::from_secs(60), || databases().contains("postgres"))?;
    check(!databases().contains("tracehub"), || {
        "it was killed too late: the app's database is there".into()
    })?;
    let status = project.status();
    check(status["live"].is_null() && status["schema"].is_null(), || status.to_string())?;
    project.xtask(&["releases"]).succeeds().map(drop)
}

/// The superuser has no password: through the socket comes only who works on the database in its container.
pub fn superuser_is_asked_who_that_is(project: &Project) -> Result<(), Failed> {
    let postgres = project.platform_container("postgres");
    let ask = |user: &str, role: &str| {
        let role = format!("--username={role}");
        let words = ["exec", "--user", user, &postgres, "psql", &role, "-Atc", "SELECT 'let in'", "tracehub"];
        project.docker(&words)
    };
    for role in ["postgres", "tracehub_owner", "tracehub_app"] {
        let (own, other) = (ask("999", role), ask("65534", role));
        check(own.contains("let in"), || format!("as {role}, the server's own user: {own}"))?;
        check(!other.contains("let in"), || format!("as {role}, another user of the container: {other}"))?;
    }
    Ok(())
}

pub fn up(project: &Project) -> Result<(), Failed> {
    let backups = || -> Result<usize, Failed> {
        Ok(project.xtask(&["db", "list", "--json"]).json()?.as_array().map_or(0, Vec::len))
    };
    let output = project.xtask(&["platform", "up"]).succeeds()?;
    check(output.contains("Nothing to do"), || output.clone())?;
    let variables = project.root().join("platform/variables.env");
    fs::write(&variables, fs::read_to_string(&variables)? + "SOMEBODY=was here\n")?;
    fs::write(project.root().join("edge/Caddyfile"), "# Not ours.\n")?;
    let drift = project.status()["drift"].to_string();
    check(
        drift.contains("variables.env of the platform was changed")
            && drift.contains("Caddyfile was changed"),
        || drift,
    )?;
    let output = project.xtask(&["platform", "up"]).succeeds()?;
    check(output.contains("it is written again") && output.contains("Nothing to do"), || output)?;
    check(project.status()["drift"] == serde_json::json!([]), || format!("{}", project.status()))?;
    let (live, before) = (project.live(), backups()?);
    project.append(CADDYFILE, "# Another one.\n");
    project.shrink_shared_buffers();
    let result = apply_changes(project);
    project.reset_to("HEAD");
    result?;
    check(backups()? == before + 1, || "no backup was made first".into())?;
    check(project.live() == live, || format!("{}", project.status()))
}

fn apply_changes(project: &Project) -> Result<(), Failed> {
    // A Caddyfile that is not valid is refused before anything is stopped.
    project.append(CADDYFILE, ":81 {\n\tno_such_directive\n}\n");
    let output = project.xtask(&["platform", "up", "--yes"]).fails_with(1)?;
    check(output.contains("would not take the new Caddyfile"), || output)?;
    project.replace(CADDYFILE, ":81 {\n\tno_such_directive\n}\n", "");

    let output = project.xtask(&["platform", "up", "--plan"]).succeeds()?;
    check(output.contains("edge") && output.contains("postgres") && output.contains("backup"), || output)?;
    let plan = project.xtask(&["platform", "up", "--plan", "--json"]).json()?;
    let steps: Vec<&str> =
        plan["steps"].as_array().into_iter().flatten().filter_map(|it| it["step"].as_str()).collect();
    check(steps == ["backup", "write", "renew", "renew"], || plan.to_string())?;
    let client = Client::start(&project.url());
    let result = project.xtask(&["platform", "up", "--json"]).json();
    client.stop();
    let result = result?;
    println!("    the longest time without an answer was {} ms", result["longest_gap_ms"]);
    check(result["longest_gap_ms"].as_u64().is_some_and(|gap| gap < 20_000), || result.to_string())?;
    project.last_attempt_is("platform", "succeeded")?;
    let output = project.xtask(&["platform", "up"]).succeeds()?;
    check(output.contains("Nothing to do"), || output)?;
    roles_alone(project)?;
    let setting = query(project, "SHOW shared_buffers");
    check(setting == "64MB", || setting)?;
    check(get(&project.url(), "/health/ready")?.status == 200, || "it is not ready".into())
}

/// Another file of roles interrupts nobody.
fn roles_alone(project: &Project) -> Result<(), Failed> {
    let id = || project.docker(&["inspect", "--format", "{{.Id}}", &project.platform_container("postgres")]);
    let before = id();
    project.append("tracehub/deploy/roles.sql", "\nCOMMENT ON DATABASE tracehub IS 'of another file';\n");
    let result = project.xtask(&["platform", "up", "--json"]).json()?;
    check(result["renewed"] == serde_json::json!([]) && id() == before, || result.to_string())?;
    let of = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'tracehub'";
    check(query(project, of) == "of another file", || query(project, of))?;
    let output = project.xtask(&["platform", "up"]).succeeds()?;
    check(output.contains("Nothing to do"), || output)
}

/// Interrupts `platform up` when users get no answer: the edge from before is stopped, and the new one not started.
pub fn up_interrupted(project: &Project) -> Result<(), Failed> {
    // The trial before may have failed: begin with the platform of this tree.
    project.xtask(&["platform", "up", "--yes"]).succeeds()?;
    let edge = project.platform_container("edge");
    let configuration = || {
        let label = r#"{{index .Config.Labels "tracehub.edge-configuration"}}"#;
        project.docker(&["inspect", "--format", label, &edge])
    };
    let before = configuration();
    let id = project.docker(&["inspect", "--format", "{{.Id}}", &edge]);
    project.append(CADDYFILE, "# Another one, which is interrupted.\n");
    project.shrink_shared_buffers();
    let driver = project.xtask(&["platform", "up", "--yes"]).spawn();
    let stopped = wait_until("the edge is stopped", Duration::from_secs(60), || {
        project.docker(&["inspect", "--format", "{{.State.Running}}", &id]) != "true"
    });
    driver.interrupt();
    let output = driver.exits_with(130);
    project.reset_to("HEAD");
    stopped?;
    let output = output?;
    check(output.contains("everything that it had begun is undone"), || output)?;
    project.last_attempt_is("platform", "undone")?;
    wait_until("the edge answers again", Duration::from_secs(30), || {
        get(&project.url(), "/health/ready").is_ok_and(|response| response.status == 200)
    })?;
    check(configuration() == before, || "the edge has the new configuration".into())?;
    check(project.status()["drift"] == serde_json::json!([]), || format!("{}", project.status()))?;
    let output = project.xtask(&["platform", "up"]).succeeds()?;
    check(output.contains("Nothing to do"), || output)
}
