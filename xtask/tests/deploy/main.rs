//! The deploy suite: xtask, as a user calls it, on a real engine, in an environment of its own beside the user's.
//!
//! One environment serves all tests, in order; each says in its name what must hold. Conditions are waited for.

#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/call.rs"]
mod call;
#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/client.rs"]
mod client;
#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/project.rs"]
mod project;

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

use call::wait_until;
use client::{Answer, Client, Stream, get};
use project::{DOWNLOAD, DOWNLOAD_BYTES, Project};

type Test = fn(&Project) -> Result<(), Failed>;

const TESTS: &[(&str, Test)] = &[
    ("the_first_deploy_brings_everything_up_and_says_where_and_how_to_log_in", first_deploy),
    ("the_same_tree_again_is_nothing_to_do", nothing_to_do),
    ("secrets_are_files_that_only_the_app_reads_and_are_in_no_container_s_configuration", secrets),
    ("a_release_with_a_migration_takes_over_and_no_request_fails", second_release),
    ("a_rollback_is_at_once_and_no_request_fails", rollback),
    ("a_release_that_never_gets_ready_costs_users_nothing", never_ready),
    ("a_migration_that_fails_stops_everything_and_moves_no_traffic", broken_migration),
    ("a_second_deploy_at_once_is_told_who_has_the_lease", two_at_once),
    ("a_rollback_to_an_older_release_starts_it_first", rollback_to_older),
    ("a_release_that_turns_bad_after_the_switch_is_taken_back", turns_bad),
    ("when_both_releases_fail_for_one_cause_nothing_is_moved", both_fail),
    ("a_switch_that_nobody_confirms_undoes_itself", killed_in_the_watch),
    ("ctrl_c_before_the_switch_undoes_what_was_begun", interrupted),
    ("what_a_migration_takes_away_is_used_by_no_release_that_serves_or_can_be_rolled_back_to", contract),
    ("what_somebody_changed_by_hand_is_said_and_put_right", by_hand),
    ("a_changed_platform_is_taken_over_when_somebody_says_so_with_a_short_gap_and_a_backup", platform_up),
    ("an_unknown_release_is_answered_with_those_that_are_kept", unknown_release),
    ("maintenance_asks_users_to_wait_and_answers_about_health_stay_true", maintenance),
    ("somebody_logs_in_and_creates_a_shipment_in_a_browser", browser),
    ("down_leaves_nothing_running_and_the_edge_s_port_free", down),
];

fn main() -> ExitCode {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    if arguments.list {
        let names = TESTS.iter().map(|(name, _)| Trial::test(*name, || Ok(())));
        return libtest_mimic::run(&arguments, names.collect()).exit_code();
    }
    let project = Arc::new(Project::copy(None));
    let trial = |(name, test): &(&'static str, Test)| {
        let (project, test) = (Arc::clone(&project), *test);
        Trial::test(*name, move || test(&project))
    };
    let conclusion = libtest_mimic::run(&arguments, TESTS.iter().map(trial).collect());
    project.clear_up();
    conclusion.exit_code()
}

fn first_deploy(project: &Project) -> Result<(), Failed> {
    let told = project.deploy().succeeds()?;
    check(told.contains(&project.url()), || format!("the URL is not printed:\n{told}"))?;
    let log_in = told.split("log in as ").nth(1).ok_or_else(|| format!("no log-in is printed:\n{told}"))?;
    log_in.trim().clone_into(&mut project.log_in.lock().expect("no holder panics"));
    let answer = get(&project.url(), "/health/ready")?;
    check(answer.status == 200 && answer.release == project.live(), || format!("{answer:?}"))?;
    check(get(&project.url(), "/")?.body.contains("<div id=\"root\""), || "the page is not served".into())?;
    check(get(&project.url(), "/metrics")?.status == 404, || "/metrics is served to everybody".into())?;
    let index = get(&project.url(), "/")?;
    check(index.header("cache-control") == Some("no-cache"), || format!("{index:?}"))?;
    let script = get(&project.url(), &script_of(&index)?)?;
    check(
        script.status == 200 && script.header("cache-control").is_some_and(|it| it.contains("immutable")),
        || format!("{:?}", script.headers),
    )?;
    check(get(&project.url(), "/assets/gone-12345678.js")?.status == 404, || {
        "an asset that never was is answered".into()
    })?;
    project.ends_as("deploy", "succeeded")
}

/// The address of the page's script, which holds a hash of its content.
fn script_of(index: &Answer) -> Result<String, Failed> {
    let script = index.body.split("src=\"").nth(1).and_then(|rest| rest.split('"').next());
    Ok(script.ok_or("the page has no script")?.to_owned())
}

fn nothing_to_do(project: &Project) -> Result<(), Failed> {
    let attempts = project.attempts().len();
    let told = project.deploy().succeeds()?;
    check(told.contains("Nothing to do"), || told)?;
    check(project.attempts().len() == attempts, || "the ledger grew".into())
}

fn secrets(project: &Project) -> Result<(), Failed> {
    let containers = project.containers();
    check(containers.len() >= 4, || format!("{containers:?}"))?;
    let mut all = Vec::new();
    for name in ["jwt_secret", "database_app_password", "database_owner_password"] {
        let path = project.root().join("secrets").join(name).join("1");
        let found = std::fs::metadata(&path)?;
        let (mode, uid) =
            (std::os::unix::fs::MetadataExt::mode(&found), std::os::unix::fs::MetadataExt::uid(&found));
        check(mode & 0o777 == 0o400 && uid == 10001, || format!("{name}: mode {mode:o}, uid {uid}"))?;
        all.push(project.as_root(&["cat", path.as_str()]));
    }
    for container in containers {
        let told = project.docker(&["inspect", &container]);
        check(!all.iter().any(|secret| told.contains(secret.as_str())), || {
            format!("{container} shows a secret")
        })?;
    }
    Ok(())
}

fn second_release(project: &Project) -> Result<(), Failed> {
    let first = project.live();
    project.write(
        "tracehub/backend/migrations/20990101000000_a_table_more.up.sql",
        "-- expand\nCREATE TABLE a_table_more (id bigint PRIMARY KEY);\n",
    );
    project.write(
        "tracehub/backend/migrations/20990101000000_a_table_more.down.sql",
        "DROP TABLE a_table_more;\n",
    );
    project.append("tracehub/frontend/src/main.tsx", "console.info('the second release')\n");
    project.commit("Add a table, and change the page");
    let open_tab = script_of(&get(&project.url(), "/")?)?;
    let client = Client::start(&project.url());
    let driver = project.deploy().starts();
    wait_until("the deploy has begun", Duration::from_secs(300), || project.unfinished())?;
    let streams =
        [Stream::download(&project.url(), DOWNLOAD, DOWNLOAD_BYTES)?, Stream::upload(&project.url())?];
    let deployed = driver.succeeds();
    let ended = streams.map(Stream::finish);
    let seen = client.stop();
    deployed?;
    println!("    {seen}");
    for stream in ended {
        check(Some(stream?) == first, || "a slow stream was answered by another release".into())?;
    }
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    check(seen.releases.len() == 2, || format!("answers came from {:?}", seen.releases))?;
    check(project.live() != first && project.warm() == first, || {
        "the first release is not the warm one".into()
    })?;
    check(project.status()["schema"] == 20_990_101_000_000_i64, || {
        format!("{}", project.status()["schema"])
    })?;
    let script = script_of(&get(&project.url(), "/")?)?;
    check(script != open_tab, || "the page did not change".into())?;
    check(get(&project.url(), &script)?.status == 200, || format!("{script} is not served"))?;
    check(get(&project.url(), &open_tab)?.status == 200, || {
        format!("an open tab does not find {open_tab} any more")
    })?;
    let backups = project.xtask(&["db", "list", "--json"]).json()?;
    check(backups.as_array().is_some_and(|all| all.len() == 1), || format!("{backups}"))?;
    project.ends_as("deploy", "succeeded")
}

fn rollback(project: &Project) -> Result<(), Failed> {
    let (live, warm) = (project.live(), project.warm());
    let client = Client::start(&project.url());
    let told = project.xtask(&["rollback"]).succeeds();
    let back = told.is_ok().then(|| project.live());
    let again = project.xtask(&["rollback", "--to", live.as_deref().unwrap_or_default()]).succeeds();
    let seen = client.stop();
    println!("    {seen}");
    told?;
    again?;
    check(back == Some(warm.clone()), || format!("{back:?} instead of {warm:?}"))?;
    check(project.live() == live && project.warm() == warm, || {
        "forth again, the second release is not live".into()
    })?;
    check(seen.failed.is_empty() && seen.releases.len() == 2, || format!("{seen}"))?;
    project.ends_as("rollback", "succeeded")
}

fn never_ready(project: &Project) -> Result<(), Failed> {
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
    // Before anything is checked: the tests behind this one go on from the release that works.
    project.back();
    let told = told?;
    println!("    {seen}");
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    check(told.contains("'ready'") && told.contains("backend is running, unhealthy"), || told.clone())?;
    check(project.live() == live, || "the traffic moved".into())?;
    check(project.running_releases() == 2, || "the release that failed still runs".into())?;
    project.ends_as("deploy", "undone")
}

fn broken_migration(project: &Project) -> Result<(), Failed> {
    let (live, schema) = (project.live(), project.status()["schema"].clone());
    project.write(
        "tracehub/backend/migrations/20990102000000_broken.up.sql",
        "-- expand\nCREATE TABLE half (id bigint);\nSELECT 1 / 0;\n",
    );
    project.write("tracehub/backend/migrations/20990102000000_broken.down.sql", "DROP TABLE half;\n");
    project.commit("Divide by zero");
    let told = project.deploy().fails_with(4)?;
    check(told.contains("'migrate'") && told.contains("division by zero"), || told.clone())?;
    check(project.live() == live, || "the traffic moved".into())?;
    check(project.status()["schema"] == schema, || "half a migration stayed".into())?;
    project.back();
    project.ends_as("deploy", "undone")
}

fn two_at_once(project: &Project) -> Result<(), Failed> {
    project.commit("Another release, for two deploys at once");
    let first = project.deploy().starts();
    wait_until("the first deploy has begun", Duration::from_secs(120), || project.unfinished())?;
    let told =
        project.xtask(&["rollback", "--to", project.warm().unwrap_or_default().as_str()]).fails_with(6)?;
    check(told.contains("is being changed by") && told.contains("at the latest"), || told.clone())?;
    first.succeeds()?;
    project.ends_as("deploy", "succeeded")
}

fn rollback_to_older(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let stopped = project.kept("stopped").pop().ok_or("with three releases, none is stopped")?;
    let client = Client::start(&project.url());
    let told = project.xtask(&["rollback", "--to", &stopped]).succeeds();
    let seen = client.stop();
    println!("    {seen}");
    check(told?.contains("start "), || "it was not started".into())?;
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    check(project.live() == Some(stopped) && project.warm() == live, || format!("{}", project.status()))?;
    project.ends_as("rollback", "succeeded")
}

fn turns_bad(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    project.commit("A release whose backend dies");
    let client = Client::start(&project.url());
    let driver = project.deploy().starts();
    wait_until("the switch is made", Duration::from_secs(120), || project.live_file() != live)?;
    project.docker(&["kill", &project.container_of(&project.live_file(), "backend")]);
    let died = std::time::Instant::now();
    let taken_back = wait_until("it is taken back", Duration::from_secs(25), || project.live_file() == live);
    let took = died.elapsed();
    let told = driver.ends_with(4);
    let seen = client.stop();
    println!("    taken back after {} ms; {seen}", took.as_millis());
    taken_back?;
    let told = told?;
    check(told.contains("'watch'") && told.contains("bad answers in a row"), || told.clone())?;
    check(project.running_releases() == 2, || "the release that failed still runs".into())?;
    let after = get(&project.url(), "/health/ready")?;
    check(after.status == 200 && after.release.as_ref() == Some(&live), || format!("{after:?}"))?;
    project.ends_as("deploy", "undone")
}

fn both_fail(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    project.commit("A release in whose watch the database falls silent");
    let driver = project.deploy().starts();
    wait_until("the switch is made", Duration::from_secs(120), || {
        project.live_file() != live.clone().unwrap_or_default()
    })?;
    let new = project.live_file();
    let postgres = project.platform_container("postgres");
    project.docker(&["pause", &postgres]);
    let told = driver.ends_with(5);
    project.docker(&["unpause", &postgres]);
    let told = told?;
    check(told.contains("Both fail for one cause") && told.contains("mend what is behind both"), || told)?;
    check(project.live_file() == new, || "the traffic was moved".into())?;
    wait_until("the database answers again", Duration::from_secs(60), || {
        get(&project.url(), "/health/ready").is_ok_and(|answer| answer.status == 200)
    })?;
    let told = project.deploy().succeeds()?;
    check(told.contains("adopt") && project.live().as_ref() == Some(&new), || told)?;
    project.ends_as("deploy", "succeeded")
}

fn killed_in_the_watch(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    project.commit("A release whose driver dies");
    let client = Client::start(&project.url());
    let driver = project.deploy().starts();
    wait_until("the switch is made", Duration::from_secs(120), || {
        project.live_file() != live.clone().unwrap_or_default()
    })?;
    driver.kill();
    wait_until("the lease's process has ended what the driver had started", Duration::from_secs(10), || {
        driver.left_behind() == 0
    })?;
    let unconfirmed = project.status()["unconfirmed"] == true;
    let undone =
        wait_until("the guard has undone it", Duration::from_secs(60), || Some(project.live_file()) == live);
    let seen = client.stop();
    println!("    {seen}");
    undone?;
    check(unconfirmed, || "status did not say that it was unconfirmed".into())?;
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    let told = project.deploy().succeeds()?;
    check(told.contains("was taken back by its guard"), || told.clone())?;
    check(project.live() != live, || "the next deploy did not converge".into())?;
    let outcomes: Vec<Value> =
        project.attempts().iter().rev().take(2).map(|attempt| attempt["outcome"].clone()).collect();
    check(outcomes == ["succeeded", "undone_by_guard"], || format!("{outcomes:?}"))
}

fn interrupted(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    project.replace(
        "tracehub/deploy/release.yaml",
        "tracehub_app@postgres:5432/tracehub",
        "tracehub_app@postgres:5432/nowhere",
    );
    project.commit("Ask for a database that is not there, and be interrupted");
    let driver = project.deploy().starts();
    wait_until("it waits for the release to be ready", Duration::from_secs(120), || {
        project.running_releases() == 3
    })?;
    driver.interrupt();
    let told = driver.ends_with(130)?;
    check(driver.left_behind() == 0, || "a child process is left behind".into())?;
    check(told.contains("everything that it had begun is undone"), || told.clone())?;
    check(project.live() == live && project.running_releases() == 2, || "something is left".into())?;
    project.back();
    project.ends_as("deploy", "undone")
}

fn contract(project: &Project) -> Result<(), Failed> {
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
    check(project.status()["schema"] == 20_990_101_000_000_i64, || format!("{}", project.status()))?;
    project.ends_as("rollback", "succeeded")
}

fn by_hand(project: &Project) -> Result<(), Failed> {
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

fn platform_up(project: &Project) -> Result<(), Failed> {
    let backups = || -> Result<usize, Failed> {
        Ok(project.xtask(&["db", "list", "--json"]).json()?.as_array().map_or(0, Vec::len))
    };
    let told = project.xtask(&["platform", "up"]).succeeds()?;
    check(told.contains("Nothing to do"), || told.clone())?;
    let (live, before) = (project.live(), backups()?);
    project.append("tracehub/deploy/edge/Caddyfile", "# Another one.\n");
    project.replace("tracehub/deploy/platform.yaml", "shared_buffers=128MB", "shared_buffers=64MB");
    let done = platform_up_in_steps(project);
    project.go_to("HEAD");
    done?;
    check(backups()? == before + 1, || "no backup was made first".into())?;
    check(project.live() == live, || format!("{}", project.status()))
}

fn platform_up_in_steps(project: &Project) -> Result<(), Failed> {
    // What the edge would not take is refused while everything runs.
    project.append("tracehub/deploy/edge/Caddyfile", "no such directive\n");
    let told = project.xtask(&["platform", "up", "--yes"]).fails_with(1)?;
    check(told.contains("would not take the new Caddyfile"), || told)?;
    project.replace("tracehub/deploy/edge/Caddyfile", "no such directive\n", "");

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

fn unknown_release(project: &Project) -> Result<(), Failed> {
    let attempts = project.attempts().len();
    let told = project.xtask(&["rollback", "--to", "20200101t000000z-000000000000"]).fails_with(3)?;
    check(told.contains(&project.live().unwrap_or_default()), || told.clone())?;
    check(project.attempts().len() == attempts, || "a refused attempt is in the ledger".into())
}

fn maintenance(project: &Project) -> Result<(), Failed> {
    project.xtask(&["maintenance", "on", "--until", "10m"]).succeeds()?;
    let (page, api, health) = (
        get(&project.url(), "/")?,
        get(&project.url(), "/api/version")?,
        get(&project.url(), "/health/ready")?,
    );
    check(page.status == 503 && page.body.contains("is being looked after"), || format!("{page:?}"))?;
    let until = page.header("retry-after").unwrap_or_default().to_owned();
    check(until.ends_with(" GMT") && project.status()["maintenance"] == until.as_str(), || until)?;
    check(api.status == 503 && health.status == 200, || format!("{api:?} {health:?}"))?;
    project.xtask(&["maintenance", "on", "--until", "yesterday"]).fails_with(3)?;
    project.xtask(&["maintenance", "off"]).succeeds()?;
    let page = get(&project.url(), "/")?;
    check(page.status == 200 && project.status()["maintenance"].is_null(), || format!("{page:?}"))
}

fn browser(project: &Project) -> Result<(), Failed> {
    project.browser_test()
}

fn down(project: &Project) -> Result<(), Failed> {
    let url = project.url();
    project.xtask(&["down", "--volumes", "--yes"]).succeeds()?;
    check(project.containers().is_empty(), || format!("{:?}", project.containers()))?;
    check(get(&url, "/health").is_err(), || "something still answers".into())?;
    project.ends_as("down", "succeeded")
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}
