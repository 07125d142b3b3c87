//! Deploys and rollbacks that work, and what is refused or left alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::BUILD_TIMEOUT;
use crate::browser;
use crate::support::client::Client;
use crate::support::http::{Response, get};
use crate::support::papers::Upload;
use crate::support::project::Project;
use crate::support::streams::{Stream, all_answered_by};
use crate::support::{check, wait_until};

pub fn first_deploy(project: &Project) -> Result<(), Failed> {
    let output = project.deploy().succeeds()?;
    check(output.contains(&project.url()), || format!("the URL is not printed:\n{output}"))?;
    browser::remember_log_in(&output)?;
    let response = get(&project.url(), "/health/ready")?;
    check(response.status == 200 && response.release() == project.live(), || format!("{response:?}"))?;
    check(get(&project.url(), "/metrics")?.status == 404, || "/metrics is served to everybody".into())?;
    let page = get(&project.url(), "/")?;
    check(page.body.contains("<div id=\"root\""), || "the page is not served".into())?;
    check(page.header("cache-control") == Some("no-cache"), || format!("{page:?}"))?;
    let script = get(&project.url(), &script_of(&page)?)?;
    check(
        script.status == 200 && script.header("cache-control").is_some_and(|it| it.contains("immutable")),
        || format!("{script:?}"),
    )?;
    check(get(&project.url(), "/assets/gone-12345678.js")?.status == 404, || {
        "an asset that never existed is answered".into()
    })?;
    // Also when a driver was killed before that was started, as in the trial before this one.
    let backups = project.platform_container("scheduled-backups");
    let runs = project.docker(&["inspect", "--format", "{{.State.Running}}", &backups]);
    check(runs == "true", || format!("nothing makes backups by itself: {runs}"))?;
    project.last_attempt_is("deploy", "succeeded")
}

/// The address of the page's script, which holds a hash of its content.
fn script_of(page: &Response) -> Result<String, Failed> {
    let script = page.body.split("src=\"").nth(1).and_then(|rest| rest.split('"').next());
    Ok(script.ok_or("the page has no script")?.to_owned())
}

pub fn nothing_to_do(project: &Project) -> Result<(), Failed> {
    let attempts = project.attempts().len();
    let output = project.deploy().succeeds()?;
    check(output.contains("Nothing to do"), || output)?;
    check(project.attempts().len() == attempts, || "the ledger grew".into())?;
    same_commit_built_otherwise(project)
}

/// Of a commit that was deployed, another build is no other release: here the page that it left is not what it was, and files
/// have the rights of another umask.
fn same_commit_built_otherwise(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    project.append("tracehub/frontend/dist/index.html", "<!-- By another build. -->\n");
    let caddyfile = project.folder().join("tracehub/frontend/Caddyfile");
    fs::set_permissions(caddyfile, fs::Permissions::from_mode(0o600))?;
    let output = project.deploy().succeeds();
    fs::remove_dir_all(project.folder().join("tracehub/frontend/dist"))?;
    check(output?.contains("Nothing to do") && project.live() == live, || format!("{}", project.status()))
}

pub fn settings(project: &Project) -> Result<(), Failed> {
    let attempts = project.attempts().len();
    let config = project.json(&["config", "--json"]);
    let of = |name: &str| {
        let rows = config["settings"].as_array().into_iter().flatten();
        let mut row = rows.filter(|row| row["name"] == name);
        row.next().map(|row| format!("{} from {}", row["value"], row["from"])).unwrap_or_default()
    };
    check(of("LOG_FORMAT") == r#""json" from "tracehub/deploy/environments/local.env""#, || {
        of("LOG_FORMAT")
    })?;
    check(of("JWT_SECRET") == r#""version 1" from "secret jwt_secret""#, || of("JWT_SECRET"))?;
    check(of("WORK_EVERY").contains("default"), || of("WORK_EVERY"))?;
    project.append("tracehub/deploy/environments/local.env", "LOG_FORMATT=json\nWORK_EVERY=never\n");
    let output = project.deploy().fails_with(3);
    project.reset_to("HEAD");
    let output = output?;
    let words =
        ["LOG_FORMATT is no setting", "Did you mean 'LOG_FORMAT'", "WORK_EVERY is", "Nothing was changed"];
    check(words.iter().all(|words| output.contains(words)), || output)?;
    check(project.attempts().len() == attempts, || "the ledger grew".into())
}

/// An index that is gone, and a role that may more, stop a deploy before anything is changed, and `status` names them.
fn changed_by_hand_is_refused(project: &Project) -> Result<(), Failed> {
    let by_hand =
        |sql: &str| project.xtask(&["db", "shell", "--superuser", "--", "--command", sql]).succeeds();
    by_hand("DROP INDEX users_by_organisation")?;
    by_hand("ALTER ROLE tracehub_app BYPASSRLS")?;
    let attempts = project.attempts().len();
    let output = project.deploy().fails_with(11);
    let told = project.status()["database_drift"].clone();
    let put_back = project.xtask(&["migrate", "diff", "--from", "live"]).succeeds();
    by_hand("CREATE INDEX users_by_organisation ON users (organisation_id)")?;
    by_hand("ALTER INDEX users_by_organisation OWNER TO tracehub_owner")?;
    by_hand("ALTER ROLE tracehub_app NOBYPASSRLS")?;
    let put_back = put_back?;
    check(put_back.contains("CREATE INDEX users_by_organisation ON public.users"), || put_back)?;
    let output = output?;
    let words = [
        "- index public.users_by_organisation: CREATE INDEX",
        "+ role tracehub_app: login bypassrls",
        "Nothing was changed",
        "--override drift=",
    ];
    check(words.iter().all(|words| output.contains(words)), || output)?;
    check(project.attempts().len() == attempts, || "the ledger grew".into())?;
    check(told.as_array().is_some_and(|lines| lines.len() == 3), || format!("{told}"))?;
    let equal = project.status()["database_drift"].clone();
    check(equal.as_array().is_some_and(Vec::is_empty), || format!("{equal}"))
}

pub fn second_release(project: &Project) -> Result<(), Failed> {
    let first = project.live().ok_or("nothing is live")?;
    project.write_second_release();
    project.append("tracehub/frontend/src/main.ts", "console.info('the second release')\n");
    project.commit("Add a table, and change the page");
    changed_by_hand_is_refused(project)?;
    let open_tab = script_of(&get(&project.url(), "/")?)?;
    let paper = Upload::begin(project)?;
    let client = Client::start(&project.url());
    let driver = project.deploy().spawn();
    wait_until("the deploy has begun", BUILD_TIMEOUT, || project.has_unfinished_attempt())?;
    let streams = [Stream::download(&project.url())?, Stream::upload(&project.url())?];
    let output = driver.succeeds();
    let [download, upload] = streams.map(Stream::finish);
    let report = client.stop();
    output?;
    all_answered_by([download], &first)?;
    // The edge asks nobody before it has the whole of a request.
    all_answered_by([upload], &project.live().ok_or("nothing is live")?)?;
    report.has_no_failures_from(2)?;
    paper.end(project)?;
    check(project.live().as_ref() != Some(&first) && project.warm().as_ref() == Some(&first), || {
        "the first release is not the warm one".into()
    })?;
    let schema = &project.status()["schema"];
    check(*schema == 20_990_101_000_000_i64, || format!("the schema is {schema}"))?;
    let history = project.json(&["migrate", "history", "--json"]);
    let newest = history.as_array().and_then(|rows| rows.last()).cloned().unwrap_or_default();
    check(newest["version"] == *schema && newest["release"].as_str() == project.live().as_deref(), || {
        format!("{newest}")
    })?;
    let script = script_of(&get(&project.url(), "/")?)?;
    check(script != open_tab, || "the page did not change".into())?;
    check(get(&project.url(), &script)?.status == 200, || format!("{script} is not served"))?;
    check(get(&project.url(), &open_tab)?.status == 200, || {
        format!("an open tab does not find {open_tab} any more")
    })?;
    let backups = project.xtask(&["db", "list", "--json"]).json()?;
    check(backups.as_array().is_some_and(|all| all.len() == 1), || format!("{backups}"))?;
    project.last_attempt_is("deploy", "succeeded")
}

pub fn rollback(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    let warm = project.warm().ok_or("nothing is warm")?;
    let client = Client::start(&project.url());
    // From before the first switch until after the second.
    let streams = [Stream::events(&project.url())?, Stream::socket(&project.url())?];
    let back = project.xtask(&["rollback"]).succeeds();
    let after_back = project.live();
    let forth = project.xtask(&["rollback", "--to", &live]).succeeds();
    let finished = streams.map(Stream::finish);
    let report = client.stop();
    back?;
    forth?;
    all_answered_by(finished, &live)?;
    check(after_back.as_ref() == Some(&warm), || format!("{after_back:?} instead of {warm}"))?;
    check(project.live() == Some(live) && project.warm() == Some(warm), || {
        "after the second rollback, the second release is not live".into()
    })?;
    report.has_no_failures_from(2)?;
    project.last_attempt_is("rollback", "succeeded")
}

pub fn rollback_to_older(project: &Project) -> Result<(), Failed> {
    let live = project.live();
    let stopped = project.kept("stopped").pop().ok_or("with three releases, none is stopped")?;
    let file = project.root().join("releases").join(&stopped).join("compose.yaml");
    let compose = std::fs::read_to_string(&file)?;
    std::fs::write(&file, "services: {}\n")?;
    let releases = project.xtask(&["releases"]).succeeds()?;
    check(releases.contains("damaged: compose.yaml was changed"), || releases)?;
    let client = Client::start(&project.url());
    // Names of the compose file's own variables, as a shell or a workflow may have them for something else.
    let output = project
        .xtask(&["rollback", "--to", &stopped])
        .env("RELEASE", "")
        .env("ENVIRONMENT", "elsewhere")
        .env("COMPOSE_PROFILES", "once")
        .succeeds();
    let report = client.stop();
    check(output?.contains("start "), || "it was not started".into())?;
    report.has_no_failures()?;
    check(std::fs::read_to_string(&file)? == compose, || {
        "it was not started from what was kept of it".into()
    })?;
    let migrate = project.container_of(&stopped, "migrate");
    check(
        project.docker(&["ps", "--all", "--quiet", "--filter", &format!("name={migrate}")]).is_empty(),
        || "a service that runs only once was started with the release".into(),
    )?;
    check(project.live() == Some(stopped) && project.warm() == live, || format!("{}", project.status()))?;
    project.last_attempt_is("rollback", "succeeded")
}

pub fn both_fail(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    project.commit("A release in whose watch the database stops to answer");
    let driver = project.deploy().spawn();
    project.wait_for_switch(&live)?;
    let new = project.live_file();
    let postgres = project.platform_container("postgres");
    project.docker(&["pause", &postgres]);
    let output = driver.exits_with(5);
    project.docker(&["unpause", &postgres]);
    let output = output?;
    check(output.contains("Both fail for one cause") && output.contains("mend what is behind both"), || {
        output
    })?;
    check(project.live_file() == new, || "the traffic was moved".into())?;
    project.wait_until_ready()?;
    let output = project.deploy().succeeds()?;
    check(output.contains("adopt") && project.live().as_ref() == Some(&new), || output)?;
    project.last_attempt_is("deploy", "succeeded")
}

pub fn unknown_release(project: &Project) -> Result<(), Failed> {
    let attempts = project.attempts().len();
    let output = project.xtask(&["rollback", "--to", "20200101t000000z-000000000000"]).fails_with(3)?;
    check(output.contains(&project.live().unwrap_or_default()), || output.clone())?;
    check(project.attempts().len() == attempts, || "a refused attempt is in the ledger".into())
}

/// The trials before this one have deployed, failed at 'ready', and been switched back.
pub fn metrics(project: &Project) -> Result<(), Failed> {
    let measured = project.json(&["metrics", "--since", "1d", "--json"]);
    let figure = |name: &str| {
        let all = measured["figures"].as_array().into_iter().flatten();
        all.into_iter().find(|it| it["name"] == name).cloned().unwrap_or_default()
    };
    let attempts = project.attempts();
    let is = |it: &&Value, outcome: &str| it["kind"] == "deploy" && it["outcome"] == outcome;
    let succeeded = attempts.iter().filter(|it| is(it, "succeeded")).count();
    let failed = attempts.iter().filter(|it| it["kind"] == "deploy" && it["outcome"] != "succeeded").count();
    let (caught, made) =
        (measured["caught_before_users"].as_u64(), figure("deployment frequency")["samples"].as_u64());
    // Each attempt is one or the other.
    check(caught.zip(made).map(|(caught, made)| caught + made) == Some((succeeded + failed) as u64), || {
        format!("{measured}")
    })?;
    check(caught > Some(0) && figure("change fail rate")["value"].as_f64() > Some(0.0), || {
        format!("{measured}")
    })?;
    let recovery = figure("failed deployment recovery time");
    check(recovery["value"].as_f64().is_some_and(|seconds| seconds > 0.0 && seconds < 120.0), || {
        format!("{recovery}")
    })?;
    let picture = project.xtask(&["metrics", "--svg"]).succeeds()?;
    check(picture.contains("<svg") && picture.contains("caught before users"), || picture)?;
    incident(project)
}

/// What users tell later is written down by hand, once, and says so until it is over.
fn incident(project: &Project) -> Result<(), Failed> {
    let live = project.status()["live"].as_str().unwrap_or_default().to_owned();
    let open = |release: &str| {
        project.xtask(&["incident", "open", "--caused-by", release, "--reason", "no list in Safari"])
    };
    open("20200103t120000z-1a2b3c4d5e6f").fails_with(3)?;
    open(&live).succeeds()?;
    open(&live).fails_with(3)?;
    let said = project.status()["incidents"].clone();
    check(said[0]["why"] == "no list in Safari" && said[0]["caused_by"] == live.as_str(), || {
        said.to_string()
    })?;
    project.xtask(&["incident", "close"]).succeeds()?;
    project.xtask(&["incident", "close"]).fails_with(3)?;
    let all = project.json(&["incident", "list", "--json"]);
    check(all[0]["closed"].is_string() && project.status()["incidents"] == json!([]), || all.to_string())
}

/// Of three releases, the one that neither has the traffic nor had it before.
pub fn prune(project: &Project) -> Result<(), Failed> {
    for number in 1..=2 {
        project.append("tracehub/frontend/src/main.ts", &format!("console.info('to be pruned, {number}')\n"));
        project.commit("Change the page once more");
        project.deploy().succeeds()?;
    }
    let kept = || -> Vec<String> {
        let releases = project.json(&["releases", "--json"]);
        let kept = releases["kept"].as_array().into_iter().flatten();
        kept.filter_map(|release| release["id"].as_str().map(str::to_owned)).collect()
    };
    let before = kept();
    let plan = project.json(&["prune", "--keep", "1", "--plan", "--json"]);
    let releases =
        plan["items"].as_array().into_iter().flatten().filter(|item| item["kind"] == "release").count();
    check(releases + 2 == before.len() && plan["frees_bytes"].as_u64() > Some(0), || format!("{plan}"))?;
    check(kept() == before, || "a plan has removed something".into())?;
    project.xtask(&["prune", "--keep", "1", "--yes"]).succeeds()?;
    let (mut left, mut holds) =
        (kept(), [project.live(), project.warm()].into_iter().flatten().collect::<Vec<_>>());
    left.sort();
    holds.sort();
    check(left == holds, || format!("{left:?} are kept, and {holds:?} ought to be"))
}

pub fn down(project: &Project) -> Result<(), Failed> {
    let url = project.url();
    project.xtask(&["down"]).succeeds()?;
    check(project.containers().is_empty(), || format!("{:?}", project.containers()))?;
    check(get(&url, "/health").is_err(), || "something still answers".into())?;
    project.last_attempt_is("down", "succeeded")
}
