//! What somebody changed by hand: the next deploy says so, and puts it right.

use std::fs;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::call::wait_until;
use crate::check;
use crate::client::{Client, get};
use crate::project::Project;

/// The next deploy ends well, and the release of this tree serves, by all of its parts.
fn deploy_mends(project: &Project, live: Option<&str>) -> Result<String, Failed> {
    let told = project.deploy().succeeds()?;
    let answer = get(&project.url(), "/health/ready")?;
    check(answer.status == 200 && answer.release.as_deref() == live, || format!("{answer:?}"))?;
    let status = project.status();
    check(status["live"] == status["expected_active"] && status["unfinished"].is_null(), || {
        format!("{status}")
    })?;
    let again = project.deploy().succeeds()?;
    check(again.contains("Nothing to do"), || again)?;
    Ok(told)
}

pub fn live_file(project: &Project) -> Result<(), Failed> {
    let (live, warm) = (project.live(), project.warm().ok_or("nothing is warm")?);
    let file = project.root().join("live/live");
    let client = Client::start(&project.url());
    // As a careful person does it: whole, by a rename.
    fs::write(file.with_extension("mine"), format!("{warm}\n"))?;
    fs::rename(file.with_extension("mine"), &file)?;
    let status = project.xtask(&["status"]).succeeds();
    let mended = deploy_mends(project, live.as_deref());
    let seen = client.stop();
    println!("    {seen}");
    let status = status?;
    check(status.contains("by the ledger") && status.contains("ought to have the traffic"), || status)?;
    let told = mended?;
    check(told.contains(&format!("changed by hand: {warm} has the traffic")), || told)?;
    check(seen.failed.is_empty() && seen.releases.len() == 2, || format!("{seen}"))?;
    project.ends_as("deploy", "succeeded")
}

pub fn unreadable_live_file(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    let (file, url) = (project.root().join("live/live"), project.url());
    fs::write(&file, "the new one, please\n")?;
    let answer = get(&url, "/health/ready");
    let told = project.deploy().fails_with(3);
    fs::write(&file, format!("{live}\n"))?;
    // The edge dials nothing that has not the form of an id.
    check(answer?.status == 503, || "the edge dialled it".into())?;
    let told = told?;
    check(told.contains("the new one, please") && told.contains(file.as_str()), || told)?;
    deploy_mends(project, Some(&live)).map(drop)
}

pub fn missing_live_file(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    fs::remove_file(project.root().join("live/live"))?;
    let told = deploy_mends(project, live.as_deref())?;
    check(told.contains("changed by hand: none has the traffic"), || told)
}

pub fn removed_containers(project: &Project) -> Result<(), Failed> {
    project.commit("A release after which the one before is warm");
    project.deploy().succeeds()?;
    let (live, warm) = (project.live().ok_or("nothing is live")?, project.warm().ok_or("nothing is warm")?);
    for service in ["backend", "frontend"] {
        project.docker(&["rm", "--force", &project.container_of(&live, service)]);
    }
    deploy_mends(project, Some(&live))?;
    // The warm one: nobody notices, and a rollback starts it again first.
    project.docker(&["rm", "--force", &project.container_of(&warm, "backend")]);
    let client = Client::start(&project.url());
    let told = project.xtask(&["rollback", "--to", &warm]).succeeds();
    let again = project.xtask(&["rollback", "--to", &live]).succeeds();
    let seen = client.stop();
    println!("    {seen}");
    check(told?.contains("start "), || "it was not started".into())?;
    again?;
    check(project.live().as_ref() == Some(&live), || "forth again, it is another one".into())?;
    check(seen.failed.is_empty() && seen.releases.len() == 2, || format!("{seen}"))?;
    project.ends_as("rollback", "succeeded")
}

pub fn guard(project: &Project) -> Result<(), Failed> {
    let edge = project.platform_container("edge");
    let guard = edge.replace("platform-edge-1", "guard");
    let state = || project.docker(&["inspect", "--format", "{{.Id}} {{.State.Status}}", &guard]);
    let runs = state();
    check(runs.ends_with(" running"), || runs.clone())?;
    for by_hand in [&["kill", "--signal", "STOP"][..], &["rm", "--force"]] {
        let before = state();
        project.docker(&[by_hand, &[guard.as_str()]].concat());
        project.commit("A release whose guard somebody has put to sleep, or removed");
        project.deploy().succeeds()?;
        check(state() != before && state().ends_with(" running"), state)?;
    }
    let before = state();
    project.commit("A release whose guard is there");
    project.deploy().succeeds()?;
    check(state() == before, || "a guard that is well was replaced".into())
}

pub fn stopped_platform(project: &Project) -> Result<(), Failed> {
    // It is started as it was, whatever the repository has by now.
    project.replace("tracehub/deploy/platform.yaml", "shared_buffers=128MB", "shared_buffers=64MB");
    project.commit("Another platform, which nobody has taken over yet");
    project.deploy().succeeds()?;
    let id = |service: &str| {
        project.docker(&["inspect", "--format", "{{.Id}}", &project.platform_container(service)])
    };
    let before = [id("postgres"), id("edge")];
    let mended = stopped_in_turn(project, project.live().as_deref(), &project.url());
    project.back();
    mended?;
    check([id("postgres"), id("edge")] == before, || "a part of it was made anew".into())?;
    wait_until("both parts are healthy", Duration::from_secs(60), || {
        let parts = project.status()["platform"].as_array().cloned().unwrap_or_default();
        parts.len() == 2 && parts.iter().all(|part| part["health"] == "healthy")
    })
}

fn stopped_in_turn(project: &Project, live: Option<&str>, url: &str) -> Result<(), Failed> {
    for service in ["postgres", "edge"] {
        project.docker(&["stop", &project.platform_container(service)]);
        let failed = get(url, "/health/ready").map_or(0, |answer| answer.status);
        check(failed != 200, || format!("{service} is stopped, and it is well all the same"))?;
        let told = deploy_mends(project, live)?;
        check(told.contains("postgres of the platform would be started differently now"), || told)?;
    }
    Ok(())
}

/// As it is for an environment that is older than the secret.
pub fn missing_secret(project: &Project) -> Result<(), Failed> {
    let folder = project.root().join("secrets/jwt_secret");
    project.commit("A release that wants a secret which is not there");
    fs::remove_dir_all(&folder)?;
    project.deploy().succeeds()?;
    let made = project.as_root(&["cat", folder.join("1").as_str()]);
    check(made.len() == 64, || format!("it has {} bytes", made.len()))?;
    project.ends_as("deploy", "succeeded")
}

pub fn silent_database(project: &Project) -> Result<(), Failed> {
    let (live, postgres) = (project.live(), project.platform_container("postgres"));
    project.docker(&["pause", &postgres]);
    let told = ["status", "releases"].map(|verb| project.xtask(&[verb]).succeeds());
    let status = project.xtask(&["status", "--json"]).json();
    project.docker(&["unpause", &postgres]);
    let [said, listed] = told;
    let (said, listed, status) = (said?, listed?, status?);
    let live = live.unwrap_or_default();
    check(said.contains(&live) && said.contains("unknown: the database does not answer"), || said.clone())?;
    check(said.contains("warning:") && said.contains("paused"), || said)?;
    check(listed.contains(&live), || listed)?;
    check(status["live"] == live.as_str() && status["schema"].is_null(), || status.to_string())?;
    check(status["pending_migrations"].is_null(), || {
        "migrations are said to be missing that nobody has seen".into()
    })
}

pub fn settings(project: &Project) -> Result<(), Failed> {
    let live = project.live_file();
    let drift = || project.status()["drift"].as_array().cloned().unwrap_or_default();
    check(drift().is_empty(), || format!("{:?}", drift()))?;
    let settings = project.root().join("releases").join(&live).join("settings.env");
    fs::write(&settings, fs::read_to_string(&settings)? + "LOG_FORMAT=text\n")?;
    let told = format!("{:?}", drift());
    check(told.contains("settings.env") && told.contains(&live), || told.clone())?;
    project.commit("A release after somebody's hand was here");
    let told = project.deploy().succeeds()?;
    check(told.contains("changed by hand: settings.env"), || told.clone())?;
    check(drift().is_empty(), || format!("{:?}", drift()))
}
