//! A platform that is to be another one.

use std::fs;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::call::wait_until;
use crate::check;
use crate::client::{Client, get};
use crate::project::Project;

/// The first call of all: both containers run, and the database has neither roles nor a database of ours.
pub fn first_deploy_is_cut(project: &Project) -> Result<(), Failed> {
    let driver = project.deploy().starts();
    let started = wait_until("database and edge are started", Duration::from_secs(900), || {
        project.containers().len() == 2 || driver.has_ended()
    });
    driver.interrupt();
    let told = driver.ends_with(130);
    started?;
    told?;
    let (postgres, list) = (project.platform_container("postgres"), "SELECT datname FROM pg_database");
    let ask =
        || project.docker(&["exec", "--user", "999", &postgres, "psql", "--username=postgres", "-Atc", list]);
    wait_until("the database answers", Duration::from_secs(60), || ask().contains("postgres"))?;
    check(!ask().contains("tracehub"), || "it was cut too late: the database is made already".into())?;
    let status = project.status();
    check(status["live"].is_null() && status["schema"].is_null(), || status.to_string())?;
    project.xtask(&["releases"]).succeeds().map(drop)
}

pub fn up(project: &Project) -> Result<(), Failed> {
    let backups = || -> Result<usize, Failed> {
        Ok(project.xtask(&["db", "list", "--json"]).json()?.as_array().map_or(0, Vec::len))
    };
    let told = project.xtask(&["platform", "up"]).succeeds()?;
    check(told.contains("Nothing to do"), || told.clone())?;
    let variables = project.root().join("platform/variables.env");
    fs::write(&variables, fs::read_to_string(&variables)? + "SOMEBODY=was here\n")?;
    fs::write(project.root().join("edge/Caddyfile"), "# Not ours.\n")?;
    let drift = project.status()["drift"].to_string();
    check(
        drift.contains("variables.env of the platform was changed")
            && drift.contains("Caddyfile was changed"),
        || drift,
    )?;
    let told = project.xtask(&["platform", "up"]).succeeds()?;
    check(told.contains("it is written again") && told.contains("Nothing to do"), || told)?;
    check(project.status()["drift"] == serde_json::json!([]), || format!("{}", project.status()))?;
    let (live, before) = (project.live(), backups()?);
    project.append("tracehub/deploy/edge/Caddyfile", "# Another one.\n");
    project.replace("tracehub/deploy/platform.yaml", "shared_buffers=128MB", "shared_buffers=64MB");
    let done = up_in_steps(project);
    project.go_to("HEAD");
    done?;
    check(backups()? == before + 1, || "no backup was made first".into())?;
    check(project.live() == live, || format!("{}", project.status()))
}

fn up_in_steps(project: &Project) -> Result<(), Failed> {
    // What the edge would not take is refused while everything runs.
    project.append("tracehub/deploy/edge/Caddyfile", ":81 {\n\tno_such_directive\n}\n");
    let told = project.xtask(&["platform", "up", "--yes"]).fails_with(1)?;
    check(told.contains("would not take the new Caddyfile"), || told)?;
    project.replace("tracehub/deploy/edge/Caddyfile", ":81 {\n\tno_such_directive\n}\n", "");

    let told = project.xtask(&["platform", "up", "--plan"]).succeeds()?;
    check(told.contains("edge") && told.contains("postgres") && told.contains("backup"), || told)?;
    let told = project.xtask(&["platform", "up", "--plan", "--json"]).json()?;
    let steps: Vec<&str> =
        told["steps"].as_array().into_iter().flatten().filter_map(|it| it["step"].as_str()).collect();
    check(steps == ["backup", "renew", "renew"], || told.to_string())?;
    let client = Client::start(&project.url());
    let told = project.xtask(&["platform", "up", "--json"]).json();
    let seen = client.stop();
    let told = told?;
    println!("    without an answer for {} ms; {} of them failed", told["longest_gap_ms"], seen.failed.len());
    check(told["longest_gap_ms"].as_u64().is_some_and(|gap| gap < 20_000), || told.to_string())?;
    let told = project.xtask(&["platform", "up"]).succeeds()?;
    check(told.contains("Nothing to do"), || told)?;
    let setting = project.docker(&[
        "exec",
        "--user",
        "999",
        &project.platform_container("postgres"),
        "psql",
        "--username=postgres",
        "-Atc",
        "SHOW shared_buffers",
    ]);
    check(setting.trim() == "64MB", || setting)?;
    check(get(&project.url(), "/health/ready")?.status == 200, || "it is not ready".into())
}

/// In the moment in which users have no way in: the edge from before is stopped, and the new one not started.
pub fn up_interrupted(project: &Project) -> Result<(), Failed> {
    // Whatever the test before has left: the platform of this tree.
    project.xtask(&["platform", "up", "--yes"]).succeeds()?;
    let edge = project.platform_container("edge");
    let configuration = || {
        let label = r#"{{index .Config.Labels "tracehub.edge-configuration"}}"#;
        project.docker(&["inspect", "--format", label, &edge])
    };
    let before = configuration();
    let id = project.docker(&["inspect", "--format", "{{.Id}}", &edge]);
    project.append("tracehub/deploy/edge/Caddyfile", "# Another one, and somebody who does not want it.\n");
    project.replace("tracehub/deploy/platform.yaml", "shared_buffers=128MB", "shared_buffers=64MB");
    let driver = project.xtask(&["platform", "up", "--yes"]).starts();
    let stopped = wait_until("the edge is stopped", Duration::from_secs(60), || {
        project.docker(&["inspect", "--format", "{{.State.Running}}", &id]) != "true"
    });
    driver.interrupt();
    let told = driver.ends_with(130);
    project.go_to("HEAD");
    stopped?;
    let told = told?;
    check(told.contains("the platform from before runs again"), || told)?;
    wait_until("users have their way in again", Duration::from_secs(30), || {
        get(&project.url(), "/health/ready").is_ok_and(|answer| answer.status == 200)
    })?;
    check(configuration() == before, || "the edge has the new configuration".into())?;
    check(project.status()["drift"] == serde_json::json!([]), || format!("{}", project.status()))?;
    let told = project.xtask(&["platform", "up"]).succeeds()?;
    check(told.contains("Nothing to do"), || told)
}

/// As the runbook has it.
pub fn role_password(project: &Project) -> Result<(), Failed> {
    let (live, secrets) = (project.live(), format!("{}/secrets:/secrets", project.root()));
    let image =
        project.docker(&["inspect", "--format", "{{.Config.Image}}", &project.platform_container("edge")]);
    let script = "cd /secrets/database_app_password && head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n' >next && \
                  chown 10001 next && chmod 0400 next && mv next 2 && cat 2";
    let new =
        ["run", "--rm", "--user", "0", "--volume", &secrets, "--entrypoint", "sh", &image, "-c", script];
    let new = project.docker(&new);
    check(new.len() == 64, || format!("{new:?}"))?;
    let told = project.xtask(&["platform", "up", "--yes"]).succeeds()?;
    check(told.contains("postgres"), || told)?;
    // The password that it has opens no new connections, once those are ended that it has.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tracehub_app'";
    project.xtask(&["db", "shell", "--superuser", "--", "--command", end]).succeeds()?;
    wait_until("the release notices", Duration::from_secs(120), || {
        let parts = project.status()["parts"].as_array().cloned().unwrap_or_default();
        parts.iter().any(|part| {
            part["release"] == *live.as_ref().unwrap_or(&String::new()) && part["health"] == "unhealthy"
        })
    })?;
    project.deploy().succeeds()?;
    let answer = get(&project.url(), "/health/ready")?;
    check(answer.status == 200 && answer.release == live, || format!("{answer:?}"))?;
    // The warm one runs with the password from before, and is not taken for ready: a rollback starts it with today's.
    let (live, warm) = (live.ok_or("nothing is live")?, project.warm().ok_or("nothing is warm")?);
    let told = project.xtask(&["rollback", "--to", &warm]).succeeds()?;
    check(told.contains("start "), || told)?;
    let answer = get(&project.url(), "/health/ready")?;
    check(answer.status == 200 && answer.release.as_ref() == Some(&warm), || format!("{answer:?}"))?;
    project.xtask(&["rollback", "--to", &live]).succeeds().map(drop)
}
