//! What works: from a bare machine to a second release, a rollback and `down`.

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::support::check;
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::streams::{Stream, all_answered_by};

pub fn host_setup(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, lab.host());
    let output = project.xtask(&["host", "setup", "--plan"]).succeeds()?;
    check(output.contains("to do") && output.contains("Nothing was changed"), || output)?;
    check(host.sh("command -v dockerd; id deploy").is_empty(), || "--plan changed something".into())?;
    project.xtask(&["host", "setup"]).fails_with(3)?;
    check(host.sh("command -v dockerd; id deploy").is_empty(), || {
        "it changed the machine without a yes".into()
    })?;
    project.xtask(&["host", "setup", "--yes"]).succeeds()?;
    let again = project.xtask(&["host", "setup", "--yes"]).succeeds()?;
    check(!again.contains("to do") && again.contains("Ready:"), || again)
}

pub fn first_deploy(lab: &Lab) -> Result<(), Failed> {
    let (connections, sent) = (lab.link.connections(), lab.link.sent());
    let supplied = "a-password-of-the-operator-s-own-choice";
    let output = lab.project.deploy().env("DATABASE_APP_PASSWORD", supplied).succeeds()?;
    let stored = lab.host().sh("cat /opt/tracehub-app/secrets/database_app_password/1");
    check(stored == supplied, || "another password is stored than the supplied one".into())?;
    let (connections, sent) = (lab.link.connections() - connections, lab.link.sent() - sent);
    println!("    {connections} connection, {:.1} MB sent", sent as f64 / 1e6);
    check(connections == 1, || format!("{connections} connections"))?;
    check(output.contains("one ssh connection") && output.contains("to retire"), || output)?;
    let response = get(lab.url(), "/health/ready")?;
    check(response.is_ok_from(&lab.host().live()), || format!("{response:?}"))?;
    let lines = lab
        .host()
        .sh("docker inspect $(docker ps -q) | grep -c \"$(cat /opt/tracehub-app/secrets/jwt_secret/1)\"");
    check(lines == "0", || "a container's configuration shows a secret".into())?;
    lab.host().last_attempt_is("deploy succeeded")
}

pub fn second_release(lab: &Lab) -> Result<(), Failed> {
    let (project, first) = (&lab.project, lab.host().live());
    project.write_second_release();
    lab.push_release("Add a table, and change the backend")?;
    let sent = lab.link.sent();
    let client = Client::start(lab.url());
    let driver = project.xtask(&["deploy", "--yes", "--json"]).spawn();
    lab.wait_for_step("ready")?;
    let streams = [Stream::download(lab.url())?, Stream::upload(lab.url())?];
    let output = driver.succeeds();
    let [download, upload] = streams.map(Stream::finish);
    let report = client.stop();
    let output = output?;
    let figures = output.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    println!("    {figures}, {:.1} MB sent", (lab.link.sent() - sent) as f64 / 1e6);
    report.has_no_failures_from(2)?;
    all_answered_by([download], &first)?;
    // The edge asks nobody before it has the whole of a request.
    all_answered_by([upload], &lab.host().live())?;
    let status = project.status();
    check(status["schema"] == 20_990_101_000_000_i64, || format!("the schema is {}", status["schema"]))?;
    check(status["warm"] == first.as_str(), || "the first release is not the warm one".into())?;
    let backups = lab.backups()?;
    check(backups.len() == 1, || format!("{backups:?}"))
}

pub fn pruned_images(lab: &Lab) -> Result<(), Failed> {
    let (project, live) = (&lab.project, lab.host().live());
    let kept = project.json(&["releases", "--json"])["kept"].as_array().cloned().unwrap_or_default();
    let stopped = kept.iter().find(|release| release["state"] == "stopped").ok_or("no release is stopped")?;
    let stopped = stopped["id"].as_str().ok_or("it has no id")?;
    lab.host().sh("docker system prune --all --force");
    let releases = project.xtask(&["releases"]).succeeds()?;
    check(releases.contains("images gone"), || releases)?;
    let client = Client::start(lab.url());
    let back = project.xtask(&["rollback", "--to", stopped]).succeeds();
    let after_back = lab.host().live();
    let forth = project.xtask(&["rollback", "--to", &live]).succeeds();
    let report = client.stop();
    let back = back?;
    check(after_back == stopped && back.contains("are pulled again"), || back)?;
    forth?;
    report.has_no_failures_from(2)
}

pub fn rollback(lab: &Lab) -> Result<(), Failed> {
    let (project, live) = (&lab.project, lab.host().live());
    let warm = project.warm().ok_or("nothing is warm")?;
    let client = Client::start(lab.url());
    let streams = [
        Stream::download(lab.url())?,
        Stream::upload(lab.url())?,
        Stream::events(lab.url())?,
        Stream::socket(lab.url())?,
    ];
    let back = project.xtask(&["rollback", "--json"]).json();
    let after_back = lab.host().live();
    let forth = project.xtask(&["rollback", "--to", &live]).succeeds();
    let finished = streams.map(Stream::finish);
    let report = client.stop();
    println!("    {}", back?);
    forth?;
    let after_forth = lab.host().live();
    check(after_back == warm && after_forth == live, || format!("{after_back}, then {after_forth}"))?;
    report.has_no_failures_from(2)?;
    all_answered_by(finished, &live)?;
    lab.host().last_attempt_is("rollback succeeded")
}

pub fn inspect(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    let status = project.status();
    for name in ["live", "warm", "schema", "disk_free_bytes", "last_backup", "url"] {
        check(!status[name].is_null(), || format!("status says nothing of {name}: {status}"))?;
    }
    check(status["pending_migrations"] == serde_json::json!([]), || format!("{status}"))?;
    let doctor = project.xtask(&["doctor", "--json"]).json()?;
    let checks = doctor["checks"].as_array().cloned().unwrap_or_default();
    let state =
        |question: &str| checks.iter().find(|it| it["check"] == question).map(|it| it["state"].clone());
    for question in ["ssh", "engine", "disk", "clock", "memory", "database", "lease", "ledger"] {
        check(state(question) == Some("good".into()), || format!("{question}: {doctor}"))?;
    }
    // The table of the release before is in no kept release's list.
    check(state("drift of the database") == Some("not asked".into()), || doctor.to_string())?;
    let output = project.xtask(&["logs", "backend", "--tail", "5"]).succeeds()?;
    check(output.contains("listening") || output.contains("backend-1"), || output)?;
    let output = project.xtask(&["migrate", "info"]).succeeds()?;
    check(output.contains("20990101000000") && output.contains("applied"), || output)?;
    let output = project.xtask(&["releases"]).succeeds()?;
    check(output.contains(&lab.host().live()) && output.contains("restore"), || output)
}

pub fn down(lab: &Lab) -> Result<(), Failed> {
    lab.project.xtask(&["down", "--volumes", "--yes"]).succeeds()?;
    check(lab.host().sh("docker ps --quiet").is_empty(), || lab.host().sh("docker ps"))?;
    lab.host().last_attempt_is("down succeeded")
}
