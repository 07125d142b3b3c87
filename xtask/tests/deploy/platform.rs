//! A platform that is to be another one.

use libtest_mimic::Failed;

use crate::check;
use crate::client::{Client, get};
use crate::project::Project;

pub fn up(project: &Project) -> Result<(), Failed> {
    let backups = || -> Result<usize, Failed> {
        Ok(project.xtask(&["db", "list", "--json"]).json()?.as_array().map_or(0, Vec::len))
    };
    let told = project.xtask(&["platform", "up"]).succeeds()?;
    check(told.contains("Nothing to do"), || told.clone())?;
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
    check(told.contains("edge") && told.contains("postgres") && told.contains("a backup first"), || told)?;
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
