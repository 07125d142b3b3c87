//! What somebody changed by hand: the next deploy says so, and puts it right.

use std::fs;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::support::client::Client;
use crate::support::http::get;
use crate::support::project::Project;
use crate::support::{check, wait_until};

/// The next deploy succeeds, this release serves, and a deploy after that has nothing to do. Gives what the first
/// printed.
fn deploy_repairs(project: &Project, live: Option<&str>) -> Result<String, Failed> {
    let output = project.deploy().succeeds()?;
    let response = get(&project.url(), "/health/ready")?;
    check(response.status == 200 && response.release().as_deref() == live, || format!("{response:?}"))?;
    let status = project.status();
    check(status["live"] == status["expected_active"] && status["unfinished"].is_null(), || {
        format!("{status}")
    })?;
    let again = project.deploy().succeeds()?;
    check(again.contains("Nothing to do"), || again)?;
    Ok(output)
}

pub fn live_file(project: &Project) -> Result<(), Failed> {
    let (live, warm) = (project.live(), project.warm().ok_or("nothing is warm")?);
    let file = project.root().join("live/live");
    let client = Client::start(&project.url());
    // As a careful person does it: another file, renamed.
    fs::write(file.with_extension("edited"), format!("{warm}\n"))?;
    fs::rename(file.with_extension("edited"), &file)?;
    let status = project.xtask(&["status"]).succeeds();
    let output = deploy_repairs(project, live.as_deref());
    let report = client.stop();
    let status = status?;
    check(status.contains("by the ledger") && status.contains("ought to have the traffic"), || status)?;
    let output = output?;
    check(output.contains(&format!("changed by hand: {warm} has the traffic")), || output)?;
    report.has_no_failures_from(2)?;
    project.last_attempt_is("deploy", "succeeded")
}

pub fn unreadable_live_file(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    let (file, url) = (project.root().join("live/live"), project.url());
    fs::write(&file, "the new one, please\n")?;
    let response = get(&url, "/health/ready");
    let output = project.deploy().fails_with(3);
    fs::write(&file, format!("{live}\n"))?;
    // The edge sends requests only to what has the form of a release's id.
    check(response?.status == 503, || "the edge used it as the name of a release".into())?;
    let output = output?;
    check(output.contains("the new one, please") && output.contains(file.as_str()), || output)?;
    deploy_repairs(project, Some(&live)).map(drop)
}

pub fn missing_live_file(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    fs::remove_file(project.root().join("live/live"))?;
    let output = deploy_repairs(project, live.as_deref())?;
    check(output.contains("changed by hand: none has the traffic"), || output)
}

pub fn recover_gives_traffic_back(project: &Project) -> Result<(), Failed> {
    let (live, warm) = (project.live().ok_or("nothing is live")?, project.warm());
    fs::remove_file(project.root().join("live/live"))?;
    let status = project.xtask(&["status"]).succeeds()?;
    check(status.contains(&format!("{live} ought to")) && status.contains("cargo xtask recover"), || status)?;
    let output = project.xtask(&["recover"]).succeeds()?;
    check(output.contains("Mended:") && project.live_file() == live && project.warm() == warm, || output)?;
    let response = get(&project.url(), "/health/ready")?;
    check(response.status == 200 && response.release() == Some(live), || format!("{response:?}"))
}

pub fn damaged_ledger(project: &Project) -> Result<(), Failed> {
    let file = project.root().join("ledger.jsonl");
    let (live, warm) = (project.live().ok_or("nothing is live")?, project.warm().ok_or("nothing is warm")?);
    let (kept, attempts) = (kept(project), project.attempts());
    let damage = || format!("{}", project.status()["ledger_damage"]);
    check(damage() == "[]", damage)?;
    let client = Client::start(&project.url());
    // A byte that once hid every release, and the beginning of an entry, as a crash leaves it.
    for (spoiled, says) in [("\u{1d}", "damaged in line"), ("{\"v\":1,\"id", "[]")] {
        let whole = fs::read_to_string(&file)?;
        fs::write(&file, whole.clone() + spoiled)?;
        check(
            damage().contains(says) && self::kept(project) == kept && project.attempts() == attempts,
            damage,
        )?;
        fs::write(&file, whole)?;
    }
    fs::remove_file(&file)?;
    let status = project.xtask(&["status"]).succeeds()?;
    check(status.contains("the ledger is gone") && status.contains("cargo xtask recover --ledger"), || {
        status
    })?;
    let refused = project.xtask(&["rollback"]).fails_with(3)?;
    check(refused.contains(&format!("--to {warm}")), || refused)?;
    project.commit("A release after the ledger was lost");
    let deployed = project.deploy().succeeds()?;
    check(deployed.contains("the ledger is gone"), || deployed)?;
    let all = self::kept(project);
    check(kept.iter().all(|id| all.contains(id)), || format!("of {kept:?}, only {all:?} are kept"))?;
    let recovered = project.xtask(&["recover", "--ledger"]).succeeds()?;
    check(recovered.contains("Mended:") && recovered.contains("ledger.jsonl.damaged-"), || recovered)?;
    let again = project.xtask(&["recover", "--ledger"]).succeeds()?;
    check(again.contains("The ledger is whole") && damage() == "[]", || again)?;
    check(project.attempts()[..2] == attempts[..2], || format!("{:?}", project.attempts()))?;
    project.xtask(&["rollback"]).succeeds()?;
    check(project.live() == Some(live), || "another release than the warm one is live".into())?;
    deploy_repairs(project, all.last().map(String::as_str))?;
    client.stop().has_no_failures_from(2)
}

/// The releases that are kept, oldest first.
fn kept(project: &Project) -> Vec<String> {
    let kept = project.json(&["releases", "--json"])["kept"].as_array().cloned().unwrap_or_default();
    kept.iter().filter_map(|release| Some(release["id"].as_str()?.to_owned())).collect()
}

pub fn removed_containers(project: &Project) -> Result<(), Failed> {
    project.commit("A release after which the one before is warm");
    project.deploy().succeeds()?;
    let (live, warm) = (project.live().ok_or("nothing is live")?, project.warm().ok_or("nothing is warm")?);
    for service in ["backend", "frontend"] {
        project.docker(&["rm", "--force", &project.container_of(&live, service)]);
    }
    deploy_repairs(project, Some(&live))?;
    // Of the warm release: users see nothing of it, and a rollback starts it first.
    project.docker(&["rm", "--force", &project.container_of(&warm, "backend")]);
    let client = Client::start(&project.url());
    let back = project.xtask(&["rollback", "--to", &warm]).succeeds();
    let forth = project.xtask(&["rollback", "--to", &live]).succeeds();
    let report = client.stop();
    check(back?.contains("start "), || "it was not started".into())?;
    forth?;
    check(project.live() == Some(live), || "after the second rollback, another release is live".into())?;
    report.has_no_failures_from(2)?;
    project.last_attempt_is("rollback", "succeeded")
}

pub fn guard(project: &Project) -> Result<(), Failed> {
    let edge = project.platform_container("edge");
    let guard = edge.replace("platform-edge-1", "guard");
    let state = || project.docker(&["inspect", "--format", "{{.Id}} {{.State.Status}}", &guard]);
    let running = state();
    check(running.ends_with(" running"), || running.clone())?;
    for change in [&["kill", "--signal", "STOP"][..], &["rm", "--force"]] {
        let before = state();
        project.docker(&[change, &[guard.as_str()]].concat());
        project.commit("A release whose guard somebody has stopped with a signal, or removed");
        project.deploy().succeeds()?;
        check(state() != before && state().ends_with(" running"), state)?;
    }
    let before = state();
    project.commit("A release whose guard runs");
    project.deploy().succeeds()?;
    check(state() == before, || "a guard that works was replaced".into())
}

pub fn stopped_platform(project: &Project) -> Result<(), Failed> {
    // It is started as it was, although the repository has another configuration by now.
    project.shrink_shared_buffers();
    project.commit("Another platform, without a `platform up`");
    project.deploy().succeeds()?;
    let id = |service: &str| {
        project.docker(&["inspect", "--format", "{{.Id}}", &project.platform_container(service)])
    };
    let before = [id("postgres"), id("edge")];
    let repaired = stop_one_after_the_other(project, project.live().as_deref(), &project.url());
    project.drop_commit();
    repaired?;
    check([id("postgres"), id("edge")] == before, || "a part of the platform was created again".into())?;
    wait_until("both parts are healthy", Duration::from_secs(60), || {
        let parts = project.status()["platform"].as_array().cloned().unwrap_or_default();
        parts.len() == 2 && parts.iter().all(|part| part["health"] == "healthy")
    })
}

fn stop_one_after_the_other(project: &Project, live: Option<&str>, url: &str) -> Result<(), Failed> {
    for service in ["postgres", "edge"] {
        project.docker(&["stop", &project.platform_container(service)]);
        let status = get(url, "/health/ready").map_or(0, |response| response.status);
        check(status != 200, || format!("{service} is stopped, and the app is ready all the same"))?;
        let output = deploy_repairs(project, live)?;
        check(output.contains("postgres of the platform would be started differently now"), || output)?;
    }
    Ok(())
}

pub fn silent_database(project: &Project) -> Result<(), Failed> {
    let (live, postgres) = (project.live(), project.platform_container("postgres"));
    project.docker(&["pause", &postgres]);
    let outputs = ["status", "releases"].map(|verb| project.xtask(&[verb]).succeeds());
    let json = project.xtask(&["status", "--json"]).json();
    project.docker(&["unpause", &postgres]);
    let [status, releases] = outputs;
    let (status, releases, json) = (status?, releases?, json?);
    let live = live.unwrap_or_default();
    check(status.contains(&live) && status.contains("unknown: the database does not answer"), || {
        status.clone()
    })?;
    check(status.contains("warning:") && status.contains("paused"), || status)?;
    check(releases.contains(&live), || releases)?;
    check(json["live"] == live.as_str() && json["schema"].is_null(), || json.to_string())?;
    check(json["pending_migrations"].is_null(), || {
        "migrations are called pending although nobody could read the database".into()
    })
}

pub fn settings(project: &Project) -> Result<(), Failed> {
    let live = project.live_file();
    let drift = || project.status()["drift"].as_array().cloned().unwrap_or_default();
    check(drift().is_empty(), || format!("{:?}", drift()))?;
    let settings = project.root().join("releases").join(&live).join("settings.env");
    fs::write(&settings, fs::read_to_string(&settings)? + "LOG_FORMAT=text\n")?;
    let changed = format!("{:?}", drift());
    check(changed.contains("settings.env") && changed.contains(&live), || changed.clone())?;
    // A manifest can't be written again from anything.
    let stopped = project.kept("stopped").into_iter().next().ok_or("no release is stopped")?;
    let folder = project.root().join("releases").join(&stopped);
    let manifest = fs::read_to_string(folder.join("release.json"))?;
    fs::write(folder.join("release.json"), manifest.replacen("\"subject\": \"", "\"subject\": \"not ", 1))?;
    let status = project.xtask(&["status"]).succeeds()?;
    check(status.contains(&format!("{stopped} is damaged: release.json was changed")), || status)?;
    let refused = project.xtask(&["rollback", "--to", &stopped]).fails_with(3)?;
    check(refused.contains("is damaged"), || refused)?;
    project.commit("A release after somebody has edited the settings");
    let output = project.deploy().succeeds()?;
    check(!folder.exists(), || "a release that is no release any more is kept".into())?;
    check(output.contains("changed by hand: settings.env"), || output.clone())?;
    check(drift().is_empty(), || format!("{:?}", drift()))
}
