//! Releases that are no good: before the switch they cost users nothing, after it they are taken back.

use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::call::wait_until;
use crate::check;
use crate::client::{Client, Seen, get};
use crate::project::Project;

/// In how much time a release that turns bad is taken back, at most: 2 s where nothing else keeps the machine busy.
const TAKEN_BACK: Duration = Duration::from_secs(6);

/// Deploys a release of this mood, which must fail, with clients all along. Gives what xtask said and what they saw.
fn fails(project: &Project, mood: &str) -> Result<(String, Seen), Failed> {
    let live = project.live();
    project.commit_mood(mood);
    let client = Client::start(&project.url());
    let told = project.deploy().fails_with(4);
    let seen = client.stop();
    // Before anything is checked: the tests behind this one go on from the release that works.
    project.back();
    println!("    {seen}");
    let told = told?;
    is_as_before(project, live)?;
    Ok((told, seen))
}

fn is_as_before(project: &Project, live: Option<String>) -> Result<(), Failed> {
    let status = project.status();
    check(project.live() == live && status["expected_active"] == status["live"], || format!("{status}"))?;
    check(status["unfinished"].is_null() && status["unconfirmed"] == false, || format!("{status}"))?;
    check(project.running_releases() == 2, || "the release that failed still runs".into())?;
    let answer = get(&project.url(), "/health/ready")?;
    check(answer.status == 200 && answer.release == live, || format!("{answer:?}"))?;
    project.ends_as("deploy", "undone")
}

fn costs_nothing(project: &Project, mood: &str, words: &[&str]) -> Result<(), Failed> {
    let (told, seen) = fails(project, mood)?;
    check(told.contains("'ready'") && words.iter().all(|word| told.contains(word)), || told.clone())?;
    check(seen.failed.is_empty(), || format!("{seen}"))
}

pub fn crashes(project: &Project) -> Result<(), Failed> {
    costs_nothing(project, "crash", &["exit code 7", "it crashes at its start, on purpose"])
}

pub fn redirects(project: &Project) -> Result<(), Failed> {
    costs_nothing(project, "redirect", &["a redirect to https://elsewhere.invalid/"])
}

pub fn not_valid(project: &Project) -> Result<(), Failed> {
    let (live, attempts) = (project.live(), project.attempts());
    project.replace("tracehub/deploy/release.yaml", "restart: unless-stopped", "restart: [unless-stopped]");
    project.commit("A compose file that is not valid");
    let told = project.deploy().fails_with(3);
    project.back();
    let told = told?;
    check(told.contains("compose file is not valid") && told.contains("restart"), || told)?;
    check(project.attempts() == attempts, || "a refused attempt is in the ledger".into())?;
    check(project.live() == live, || "another release has the traffic".into())
}

pub fn never_ready(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    project.replace(
        "tracehub/deploy/release.yaml",
        "tracehub_app@postgres:5432/tracehub",
        "tracehub_app@postgres:5432/nowhere",
    );
    project.commit("Ask for a database that is not there");
    let client = Client::start(&project.url());
    let told = project.deploy().fails_with(4);
    let seen = client.stop();
    project.back();
    println!("    {seen}");
    let told = told?;
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    check(told.contains("'ready'") && told.contains("backend is running, unhealthy"), || told)?;
    is_as_before(project, live)
}

/// Users get errors from the switch on, until it is taken back, and not a moment longer.
fn is_taken_back(project: &Project, mood: &str, words: &[&str]) -> Result<(), Failed> {
    let (told, seen) = fails(project, mood)?;
    check(told.contains("'watch'") && words.iter().all(|word| told.contains(word)), || told.clone())?;
    check(!seen.failed.is_empty() && seen.failed.iter().all(|failure| failure.contains(": 500 ")), || {
        format!("{seen}")
    })?;
    check(seen.failed_for() < TAKEN_BACK, || format!("it took too long: {seen}"))
}

pub fn errors(project: &Project) -> Result<(), Failed> {
    is_taken_back(project, "errors", &["3 bad answers in a row: it answered 500"])
}

pub fn errors_beside_health(project: &Project) -> Result<(), Failed> {
    is_taken_back(project, "errors-beside-health", &["requests through the edge were answered with 5xx"])
}

pub fn turns_bad(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    project.commit("A release whose backend dies");
    let client = Client::start(&project.url());
    let driver = project.deploy().starts();
    wait_until("the switch is made", Duration::from_secs(120), || project.live_file() != live)?;
    project.docker(&["kill", &project.container_of(&project.live_file(), "backend")]);
    let died = Instant::now();
    let taken_back = wait_until("it is taken back", Duration::from_secs(25), || project.live_file() == live);
    let took = died.elapsed();
    let told = driver.ends_with(4);
    let seen = client.stop();
    println!("    taken back after {} ms; {seen}", took.as_millis());
    taken_back?;
    let told = told?;
    check(told.contains("'watch': backend is exited") && told.contains("exit code 137"), || told)?;
    check(took < TAKEN_BACK, || format!("it took {} ms", took.as_millis()))?;
    // What was in flight on it when it died, and what the edge could not bridge: three threads, one request each.
    check(seen.failed.len() <= 12, || format!("{seen}"))?;
    is_as_before(project, Some(live))
}

pub fn slow(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    project.commit_mood("slow");
    let client = Client::start(&project.url());
    let told = project.deploy().succeeds();
    project.back();
    // Warm, and so back at once: the tests behind this one want a release in a better mood.
    let back = told.is_ok().then(|| project.xtask(&["rollback", "--to", &live]).succeeds());
    let seen = client.stop();
    println!("    {seen}");
    told?;
    back.transpose()?;
    check(project.live() == Some(live), || "the rollback went elsewhere".into())?;
    check(seen.failed.is_empty() && seen.releases.len() == 2, || format!("{seen}"))?;
    project.ends_as("rollback", "succeeded")
}

pub fn stubborn(project: &Project) -> Result<(), Failed> {
    project.commit_mood("stubborn");
    let client = Client::start(&project.url());
    let told = project.deploy().succeeds();
    let stubborn = project.live().unwrap_or_default();
    project.back();
    project.commit("A release after one that does not stop");
    let after = project.deploy().succeeds();
    project.commit("And one more, for which it has to stop");
    let last = project.deploy().succeeds();
    let seen = client.stop();
    println!("    {seen}");
    told?;
    after?;
    last?;
    check(seen.failed.is_empty() && seen.releases.len() >= 3, || format!("{seen}"))?;
    let format = "{{.State.Status}} {{.State.ExitCode}}";
    let ended = project.docker(&["inspect", "--format", format, &project.container_of(&stubborn, "backend")]);
    check(ended == "exited 137", || format!("the release that does not stop is {ended}"))?;
    check(project.running_releases() == 2, || format!("{} releases run", project.running_releases()))?;
    project.ends_as("deploy", "succeeded")
}
