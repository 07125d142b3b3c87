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
#[path = "../support/commits.rs"]
mod commits;
mod drivers;
mod hands;
mod migrations;
#[path = "../support/moods.rs"]
mod moods;
mod platform;
#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/project.rs"]
mod project;
#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/releases.rs"]
mod releases;
#[path = "../support/streams.rs"]
mod streams;
#[path = "../support/trials.rs"]
mod trials;
mod workers;

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::Failed;

use call::wait_until;
use client::{Answer, Client, get};
use project::{DOWNLOAD, DOWNLOAD_BYTES, Project};
use streams::Stream;
use trials::Row;
use trials::When::{Always, Deep};

const TESTS: &[Row<Project>] = &[
    (
        "a_first_deploy_that_is_cut_while_the_database_starts_leaves_nothing_that_the_next_one_does_not_mend",
        Always,
        platform::first_deploy_is_cut,
    ),
    ("the_first_deploy_brings_everything_up_and_says_where_and_how_to_log_in", Always, first_deploy),
    ("the_same_tree_again_is_nothing_to_do", Always, nothing_to_do),
    ("secrets_are_files_that_only_the_app_reads_and_are_in_no_container_s_configuration", Always, secrets),
    ("a_release_with_a_migration_takes_over_and_no_request_fails", Always, second_release),
    ("a_rollback_is_at_once_and_no_request_fails", Always, rollback),
    ("a_release_that_never_gets_ready_costs_users_nothing", Always, releases::never_ready),
    ("a_release_that_crashes_at_its_start_costs_users_nothing", Always, releases::crashes),
    (
        "a_release_that_redirects_its_health_address_costs_users_nothing_and_the_redirect_is_named",
        Deep,
        releases::redirects,
    ),
    ("a_release_that_is_slow_to_start_is_waited_for", Deep, releases::slow),
    ("a_compose_file_that_is_not_valid_is_refused_before_anything_is_touched", Deep, releases::not_valid),
    (
        "a_migration_that_fails_half_way_stops_everything_and_moves_no_traffic",
        Always,
        migrations::fails_half_way,
    ),
    (
        "a_migration_that_gets_no_lock_names_who_holds_it_and_blocks_no_user_for_long",
        Deep,
        migrations::gets_no_lock,
    ),
    (
        "a_database_that_is_stopped_in_a_migration_stops_the_deploy_and_moves_no_traffic",
        Deep,
        migrations::loses_the_database,
    ),
    (
        "a_migration_that_outlives_its_driver_is_waited_for_and_not_begun_again",
        Always,
        migrations::outlives_its_driver,
    ),
    ("a_second_deploy_at_once_is_told_who_has_the_lease", Always, drivers::two_at_once),
    ("a_rollback_to_an_older_release_starts_it_first", Always, rollback_to_older),
    ("a_release_that_turns_bad_after_the_switch_is_taken_back", Always, releases::turns_bad),
    ("a_release_that_is_ready_and_then_answers_500_is_taken_back", Always, releases::errors),
    (
        "a_release_that_answers_500_to_all_but_who_asks_for_its_health_is_taken_back",
        Deep,
        releases::errors_beside_health,
    ),
    ("a_release_that_ignores_sigterm_is_killed_in_the_end_and_no_request_fails", Deep, releases::stubborn),
    ("when_both_releases_fail_for_one_cause_nothing_is_moved", Always, both_fail),
    ("a_switch_that_nobody_confirms_undoes_itself", Always, drivers::killed_in_the_watch),
    ("ctrl_c_before_the_switch_undoes_what_was_begun", Always, drivers::interrupted),
    (
        "what_a_migration_takes_away_is_used_by_no_release_that_serves_or_can_be_rolled_back_to",
        Always,
        migrations::contract,
    ),
    ("what_somebody_changed_by_hand_is_said_and_put_right", Always, hands::settings),
    (
        "a_changed_platform_is_taken_over_when_somebody_says_so_with_a_short_gap_and_a_backup",
        Always,
        platform::up,
    ),
    (
        "a_platform_up_that_is_interrupted_in_the_middle_leaves_the_platform_from_before",
        Always,
        platform::up_interrupted,
    ),
    ("a_role_gets_another_password_as_the_runbook_says", Deep, platform::role_password),
    ("an_unknown_release_is_answered_with_those_that_are_kept", Always, unknown_release),
    ("a_live_file_that_was_edited_by_hand_is_believed_said_and_put_right", Always, hands::live_file),
    ("a_live_file_that_holds_no_id_is_refused_with_what_to_write_there", Deep, hands::unreadable_live_file),
    ("a_live_file_that_is_gone_is_put_right", Deep, hands::missing_live_file),
    ("containers_that_were_removed_by_hand_are_started_again", Deep, hands::removed_containers),
    ("a_guard_that_is_asleep_or_gone_is_replaced", Always, hands::guard),
    ("a_secret_that_came_later_than_the_environment_is_made", Deep, hands::missing_secret),
    ("a_database_that_does_not_answer_hides_nothing_else", Always, hands::silent_database),
    ("a_platform_that_was_stopped_by_hand_is_started_again", Deep, hands::stopped_platform),
    ("maintenance_asks_users_to_wait_and_answers_about_health_stay_true", Always, maintenance),
    ("only_the_live_release_works_by_itself", Always, workers::only_the_live_one_works),
    ("somebody_logs_in_and_creates_a_shipment_in_a_browser", Always, browser),
    ("down_leaves_nothing_running_and_the_edge_s_port_free", Always, down),
];

fn main() -> ExitCode {
    trials::run(TESTS, || Project::copy(None), Project::clear_up)
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
    // For the tests behind this one.
    project.add_moods();
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
    // As long as somebody listens: from before the first switch until after the second.
    let streams = [Stream::events(&project.url())?, Stream::socket(&project.url())?];
    let told = project.xtask(&["rollback"]).succeeds();
    let back = told.is_ok().then(|| project.live());
    let again = project.xtask(&["rollback", "--to", live.as_deref().unwrap_or_default()]).succeeds();
    let ended = streams.map(Stream::finish);
    let seen = client.stop();
    println!("    {seen}");
    told?;
    again?;
    for stream in ended {
        check(Some(stream?) == live, || "a stream was begun by another release".into())?;
    }
    check(back == Some(warm.clone()), || format!("{back:?} instead of {warm:?}"))?;
    check(project.live() == live && project.warm() == warm, || {
        "forth again, the second release is not live".into()
    })?;
    check(seen.failed.is_empty() && seen.releases.len() == 2, || format!("{seen}"))?;
    project.ends_as("rollback", "succeeded")
}

fn rollback_to_older(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let stopped = project.kept("stopped").pop().ok_or("with three releases, none is stopped")?;
    let client = Client::start(&project.url());
    // Names of the compose file's own variables, as a shell or a workflow may have them for something else.
    let told = project
        .xtask(&["rollback", "--to", &stopped])
        .with("RELEASE", "")
        .with("ENVIRONMENT", "elsewhere")
        .with("COMPOSE_PROFILES", "once")
        .succeeds();
    let seen = client.stop();
    println!("    {seen}");
    check(told?.contains("start "), || "it was not started".into())?;
    check(seen.failed.is_empty(), || format!("{seen}"))?;
    let migrate = project.container_of(&stopped, "migrate");
    check(
        project.docker(&["ps", "--all", "--quiet", "--filter", &format!("name={migrate}")]).is_empty(),
        || "what runs only once was started with the release".into(),
    )?;
    check(project.live() == Some(stopped) && project.warm() == live, || format!("{}", project.status()))?;
    project.ends_as("rollback", "succeeded")
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
    check(page.status == 200 && project.status()["maintenance"].is_null(), || format!("{page:?}"))?;
    // A file that is not there was once missed with two lines for each request: nobody would find another error.
    let log = project.xtask(&["logs", "edge", "--tail", "100000"]).succeeds()?;
    check(log.contains("server running") && !log.contains("/live/maintenance"), || log)
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
