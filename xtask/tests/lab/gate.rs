//! The gate of production: it takes what staging has confirmed, from main, with a yes.

use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::environment::Lab;
use crate::support::check;
use crate::support::http::get;

const CADDYFILE: &str = "tracehub/deploy/edge/Caddyfile";

pub fn production_takes_what_staging_confirmed(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    set_up(lab, ["staging", "production"])?;
    let deploy = |name: &str, more: &[&str]| {
        let arguments: Vec<&str> = ["deploy", "--env", name].iter().chain(more).copied().collect();
        project.xtask_verbatim(&arguments)
    };
    let output = deploy("production", &["--yes"]).fails_with(11)?;
    check(output.contains("staging has not confirmed") && output.contains("--override staging"), || output)?;
    check(lab.hosts[2].sh("ls /opt/tracehub-app").is_empty(), || "production's host was touched".into())?;
    staging_takes_only_what_somebody_vouches_for(lab)?;
    let output = deploy("staging", &["--yes"]).succeeds()?;
    check(output.contains("have passed is not known"), || output)?;

    // The key that may read staging's ledger prints it, whatever command it is used for.
    let key = project.variable("STAGING_LEDGER_KEY");
    let output = lab.hosts[1].over_ssh(&key, "touch /tmp/touched; id")?;
    check(output.starts_with("{\"v\":1") && !output.contains("uid="), || output)?;
    check(lab.hosts[1].sh("ls /tmp/touched").is_empty(), || "the ledger's key ran a command".into())?;

    let output = deploy("production", &[]).fails_with(3)?;
    // A first deploy is shown its whole plan: the platform's start, and the release's own steps.
    let shown =
        ["production wants a yes", "make what secrets are missing", "start the new backend and frontend"];
    check(shown.iter().all(|words| output.contains(words)), || output)?;
    deploy("production", &["--yes"]).succeeds()?;
    let release = get(&lab.hosts[2].url, "/health/ready")?.release();
    check(release.as_ref() == Some(&lab.hosts[2].live()), || "production does not serve".into())?;

    somebody_else_approves(lab)?;
    production_says_what_it_is_made_of(lab)?;
    platform_is_a_commit_s(lab)?;

    // What staging or production went back from is not taken again, and who did so is named.
    project.append("tracehub/frontend/index.html", "<!-- Other images than those before. -->\n");
    project.commit("A release that staging goes back from");
    deploy("staging", &["--yes"]).succeeds()?;
    let status = || project.xtask_verbatim(&["status", "--env", "production"]);
    let output = status().succeeds()?;
    let ahead =
        ["1 commit ahead: ", "A release that staging goes back from", "other images: backend, frontend"];
    check(ahead.iter().all(|it| output.contains(it)) && !output.contains("another platform"), || output)?;
    let output = status().env("STAGING_LEDGER_KEY", "").succeeds()?;
    check(output.contains("compared  with nothing: STAGING_LEDGER_KEY is not set"), || output)?;
    project.xtask_verbatim(&["rollback", "--env", "staging"]).succeeds()?;
    let output = deploy("production", &["--yes"]).fails_with(11)?;
    check(output.contains("staging has taken") && output.contains("rolled back from"), || output)?;
    let reason = r#"staging=it was the wrong rollback, by mistake"#;
    deploy("production", &["--yes", "--override", reason]).succeeds()?;
    project.xtask_verbatim(&["rollback", "--env", "production"]).succeeds()?;
    let output = deploy("production", &["--yes", "--override", reason]).fails_with(11)?;
    check(output.contains("production has taken") && output.contains("--override rolled-back"), || output)?;
    check(lab.hosts[2].live() == release.clone().unwrap_or_default(), || "the traffic was moved".into())?;

    project.on_a_branch(|| {
        let output = deploy("production", &["--yes", "--version", "HEAD"]).fails_with(11)?;
        check(output.contains("is not on main"), || output)
    })?;
    let result = nobody_s_commit_is_lost_without_a_word(lab);
    project.git(&["switch", "--quiet", "main"]);
    result
}

/// Each host waits for its own packages, so that both at once take as long as one.
fn set_up(lab: &Lab, names: [&str; 2]) -> Result<(), Failed> {
    let set_up = |name: &str| lab.project.xtask_verbatim(&["host", "setup", "--yes", "--env", name]);
    let drivers = names.map(|name| set_up(name).spawn());
    drivers.into_iter().try_for_each(|driver| driver.succeeds().map(drop))
}

/// While somebody is listed who may approve, production takes what another person than who deploys has signed.
fn somebody_else_approves(lab: &Lab) -> Result<(), Failed> {
    const APPROVERS: &str = "tracehub/deploy/approvers";
    let project = &lab.project;
    let (ada, bob) = (signing_key(lab, "ada")?, signing_key(lab, "bob")?);
    let folder = project.folder().join(".local");
    let approve = |who: &str| {
        let key = folder.join(who);
        let approve = ["approve", "HEAD", "--env", "production", "--yes", "--key", key.as_str()];
        project.xtask_verbatim(&approve)
    };
    let plan = |user: &str, more: &[&str]| {
        let plan = [&["deploy", "--env", "production", "--plan"], more].concat();
        project.xtask_verbatim(&plan).env("GITHUB_ACTOR", user)
    };
    let output = approve("ada").fails_with(3)?;
    check(output.contains("would not be believed") && output.contains(APPROVERS), || output)?;
    let line = |name: &str, key: &str| format!("{name} namespaces=\"tracehub-approval\" {key}");
    project.write(APPROVERS, &format!("{}{}", line("ada", &ada.1), line("bob", &bob.1)));
    let output = plan("ada", &[]).fails_with(11)?;
    check(output.contains("0 of 1 have approved") && output.contains("--override approval"), || output)?;
    let output = approve("ada").succeeds()?;
    check(output.contains("by ada"), || output)?;
    let output = plan("ada", &[]).fails_with(11)?;
    check(output.contains("ada's does not count: ada@"), || output)?;
    let output = plan("carol", &[]).succeeds()?;
    check(output.contains("approved by ada"), || output)?;
    // Of what bob signs in ada's place, nothing is believed.
    project.write(APPROVERS, &line("ada", &bob.1));
    let output = plan("carol", &[]).fails_with(11)?;
    check(output.contains("ada's does not count"), || output)?;
    plan("carol", &["--override", "approval=the only other one is ill"]).succeeds()?;
    project.git(&["checkout", "--quiet", "--", APPROVERS]);
    Ok(())
}

/// What each kept release is made of lies in its images, and its manifest has the hash of each list.
fn production_says_what_it_is_made_of(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, &lab.hosts[2]);
    let exposed = |package: &str| {
        project.xtask_verbatim(&["release", "exposed", package, "--env", "production", "--json"]).json()
    };
    let of = |answer: &Value| -> Vec<String> {
        let found = answer["found"].as_array().into_iter().flatten();
        found.filter_map(|it| it["of"].as_str().map(str::to_owned)).collect()
    };
    let all = exposed("deb:glibc<99")?;
    check(of(&all).contains(&host.live()) && of(&all).contains(&"platform".to_owned()), || all.to_string())?;
    check(all["unknown"] == serde_json::json!([]), || all.to_string())?;
    let some = exposed("cargo:axum")?;
    check(of(&some) == [host.live()] && of(&exposed("cargo:axum<0.1.0")?).is_empty(), || some.to_string())?;
    let manifest = host.sh(&format!("cat /opt/tracehub-app/releases/{}/release.json", host.live()));
    let manifest: Value = serde_json::from_str(&manifest)?;
    check(manifest["sboms"]["backend"].as_str().is_some_and(|sum| sum.len() == 64), || manifest.to_string())
}

/// While somebody is listed who signs, staging takes a commit whose checks have passed with these very images, and nobody
/// else's word for it.
fn staging_takes_only_what_somebody_vouches_for(lab: &Lab) -> Result<(), Failed> {
    const SIGNERS: &str = "tracehub/deploy/allowed_signers";
    let project = &lab.project;
    let (ours, theirs) = (signing_key(lab, "ours")?, signing_key(lab, "theirs")?);
    let workflow = std::fs::read_to_string(project.folder().join(".github/workflows/ci.yml"))?;
    let needs =
        workflow.split("name: publish the images").nth(1).and_then(|job| job.split("needs: [").nth(1));
    let jobs: Vec<&str> =
        needs.and_then(|needs| Some(needs.split_once(']')?.0.split(", ").collect())).unwrap_or_default();
    check(jobs.len() > 5, || format!("the jobs are {jobs:?}"))?;
    let results = |of_last: &str| {
        let result = |job: &str| if Some(&job) == jobs.last() { of_last } else { "success" };
        let all = jobs.iter().map(|job| ((*job).to_owned(), serde_json::json!({ "result": result(job) })));
        serde_json::Value::Object(all.collect()).to_string()
    };
    project.xtask_verbatim(&["image", "push", "--unchecked", "--yes"]).succeeds()?;
    let publish = |results: &str, key: &str| {
        let publish = project.xtask_verbatim(&["image", "publish", "--yes"]).env("CI_RESULTS", results);
        publish.env("CHECKS_SIGNING_KEY", key)
    };
    let output = publish("", &ours.0).fails_with(3)?;
    check(output.contains("CI_RESULTS is not set"), || output)?;
    let output = publish(&results("failure"), &ours.0).fails_with(3)?;
    check(output.contains("not every job has passed") && output.contains(": failure"), || output)?;

    let head = project.git(&["rev-parse", "HEAD"]);
    let listed = |key: &str| project.write(SIGNERS, &format!("ci namespaces=\"tracehub-checks\" {key}\n"));
    let deploy = |more: &[&str]| {
        listed(&ours.1);
        let deploy = ["deploy", "--env", "staging", "--version"];
        project.xtask_verbatim(&[&deploy[..], more].concat())
    };
    let clean = || project.git(&["checkout", "--quiet", "--", SIGNERS]);
    publish(&results("success"), &theirs.0).succeeds()?;
    let output = deploy(&[head.trim(), "--yes"]).fails_with(11)?;
    check(output.contains("by nobody of") && output.contains("--override checks"), || output)?;
    check(lab.hosts[1].sh("ls /opt/tracehub-app").is_empty(), || "staging's host was touched".into())?;
    clean();
    publish(&results("success"), &ours.0).succeeds()?;
    let output = deploy(&[head.trim(), "--plan"]).succeeds()?;
    check(output.contains("its checks have passed: signed by ci"), || output)?;
    let other = project.git(&["commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "Nobody has checked it"]);
    let output = deploy(&[other.trim(), "--yes"]).fails_with(11)?;
    check(output.contains("has no note that they have passed"), || output)?;
    let output =
        deploy(&[other.trim(), "--plan", "--override", "checks=the fix for an outage"]).fails_with(3)?;
    check(output.contains("can be built only from a clean tree"), || output)?;
    clean();
    Ok(())
}

/// A key to sign with, and its public half.
fn signing_key(lab: &Lab, name: &str) -> Result<(String, String), Failed> {
    let folder = lab.project.folder().join(".local");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(name);
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", file.as_str()]).status()?;
    check(made.success(), || "ssh-keygen makes no key".into())?;
    Ok((std::fs::read_to_string(&file)?, std::fs::read_to_string(file.with_extension("pub"))?))
}

/// A commit that does not contain the one that has the traffic wants a yes, and in production a reason.
fn nobody_s_commit_is_lost_without_a_word(lab: &Lab) -> Result<(), Failed> {
    const WORDS: &str = "does not contain the commit that has the traffic";
    let project = &lab.project;
    let deploy = |name: &str, more: &[&str]| {
        project.xtask_verbatim(&[&["deploy", "--version", "HEAD", "--env", name], more].concat())
    };
    let check_out = |parents: &[&str]| {
        let words = [&["commit-tree", "HEAD^{tree}", "-m", "Of another history"], parents].concat();
        project.git(&["switch", "--quiet", "--detach", project.git(&words).trim()]);
    };
    // Staging went back from main's newest: who builds on the one before leaves nothing behind that has the traffic.
    check_out(&["-p", "main~1"]);
    let output = deploy("staging", &["--plan"]).succeeds()?;
    check(!output.contains(WORDS), || output)?;

    check_out(&[]);
    let output = deploy("staging", &[]).fails_with(3)?;
    check(output.contains(WORDS) && output.contains("staging wants a yes"), || output)?;
    let gates = ["--override", "branch=it is another history", "--override", "staging=it is another history"];
    let output = deploy("production", &[&gates[..], &["--yes"]].concat()).fails_with(11)?;
    check(output.contains(WORDS) && output.contains("--override diverged"), || output)?;
    let open = ["--override", "diverged=it is another history", "--plan"];
    let output = deploy("production", &[&gates[..], &open].concat()).succeeds()?;
    check(!output.contains(WORDS), || output)
}

/// A file of the edge that is in no commit reaches no host, and one that staging does not run comes to production only
/// with a reason.
fn platform_is_a_commit_s(lab: &Lab) -> Result<(), Failed> {
    let (project, production) = (&lab.project, &lab.hosts[2]);
    let up = |name: &str, more: &[&str]| {
        let arguments = ["platform", "up", "--yes", "--env", name];
        project.xtask_verbatim(&[&arguments, more].concat())
    };
    let log_in = || get(&production.url, "/api/auth/login").map(|response| response.status);
    let (first, answer) = (project.git(&["rev-parse", "HEAD"]), log_in()?);
    let status = project.xtask_verbatim(&["status", "--json", "--env", "production"]).json()?;
    check(
        status["platform_commit"] == first.trim() && status["platform_differs"] == serde_json::json!([]),
        || status.to_string(),
    )?;

    let metrics = "\t@metrics path /metrics /metrics/*";
    let nobody_logs_in = "\thandle /api/auth/login {\n\t\trespond 418\n\t}\n";
    project.replace(CADDYFILE, metrics, &format!("{nobody_logs_in}{metrics}"));
    let output = up("staging", &[]).fails_with(3)?;
    check(output.contains(&format!("in no commit ({CADDYFILE})")), || output)?;
    // Production's is that of main, whatever is in this tree.
    let output = up("production", &[]).succeeds()?;
    check(output.contains("Nothing to do") && output.contains(first.trim()), || output)?;
    project.commit("Nobody logs in any more");
    let output = up("production", &[]).fails_with(11)?;
    let words = ["staging does not run the platform of", "differs in edge/Caddyfile", "--override platform"];
    check(words.iter().all(|it| output.contains(it)), || output)?;
    check(log_in()? == answer && answer != 418, || "it reached production".into())?;

    let reason = "platform=nobody is to log in today";
    let output = up("production", &["--override", reason]).succeeds()?;
    check(output.contains("edge"), || output)?;
    check(log_in()? == 418, || "the edge's new file is not used".into())?;
    production.last_attempt_is("platform succeeded")?;
    let commit = project.git(&["rev-parse", "HEAD"]);
    let ledger = serde_json::json!(production.last_attempt()).to_string();
    let recorded = [reason, commit.trim(), "edge/Caddyfile", "roles.sql", "settings"];
    check(recorded.iter().all(|it| ledger.contains(it)), || ledger)?;
    let status = project.xtask_verbatim(&["status", "--env", "production"]).succeeds()?;
    check(status.contains("another edge/Caddyfile"), || status)?;
    project.drop_commit();
    up("production", &[]).succeeds()?;
    check(log_in()? == answer, || "the platform that staging runs is not back".into())
}
