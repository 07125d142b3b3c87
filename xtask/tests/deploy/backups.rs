//! Backups that exist without anybody, and copies of them in a store.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::database::{Session, query};
use crate::support::project::Project;
use crate::support::store::Store;
use crate::support::xtask::XtaskCommand;
use crate::support::{check, run, wait_until};

/// What makes them looks at once when it is started.
const PATIENCE: Duration = Duration::from_secs(60);

/// Moves the clock: the last migration was a month ago, and no backup was made since.
fn nothing_since(project: &Project) -> Result<(), Failed> {
    query(project, "UPDATE _sqlx_migrations SET installed_on = now() - interval '30 days'");
    let backups = project.root().join("backups");
    fs::create_dir_all(backups.join("before"))?;
    for entry in backups.read_dir_utf8()?.flatten() {
        if [".json", ".dump", ".counts", ".papers"].iter().any(|kind| entry.file_name().ends_with(kind)) {
            fs::rename(entry.path(), backups.join("before").join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// What was there before is there again, and the last migration was now: nothing more is made by itself.
fn as_before(project: &Project) -> Result<(), Failed> {
    query(project, "UPDATE _sqlx_migrations SET installed_on = now()");
    let backups = project.root().join("backups");
    for entry in backups.join("before").read_dir_utf8()?.flatten() {
        fs::rename(entry.path(), backups.join(entry.file_name()))?;
    }
    Ok(fs::remove_dir(backups.join("before"))?)
}

fn container(project: &Project) -> String {
    project.platform_container("scheduled-backups")
}

/// What it has written down.
fn told(project: &Project) -> Value {
    let text = fs::read_to_string(project.root().join("backups/scheduled.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn is_made(project: &Project, why: &str) -> Result<String, Failed> {
    project.docker(&["restart", &container(project)]);
    wait_until("a backup is made by itself", PATIENCE, || told(project)["last_good"]["made_by"] == why)?;
    let name = told(project)["last_good"]["name"].as_str().unwrap_or_default().to_owned();
    let status = project.status();
    check(
        status["last_backup"]["name"] == *name
            && status["scheduled_backups"]["runs"] == true
            && status["scheduled_backups"]["failure"].is_null(),
        || status.to_string(),
    )?;
    Ok(name)
}

pub fn each_night_and_after_migrations(project: &Project) -> Result<(), Failed> {
    let networks = "{{.HostConfig.NetworkMode}} {{.HostConfig.ReadonlyRootfs}} {{.Config.User}}";
    let is = project.docker(&["inspect", "--format", networks, &container(project)]);
    check(is == "none true 999:999", || is)?;
    nothing_since(project)?;
    // No rehearsal either.
    let _ = fs::remove_file(project.root().join("backups/.rehearsal"));
    let result = is_made(project, "night").and_then(|name| {
        wait_until("it is restored as a trial", PATIENCE, || told(project)["rehearsal"]["backup"] == *name)?;
        let rehearsal = told(project)["rehearsal"].clone();
        check(rehearsal["failure"].is_null(), || rehearsal.to_string())?;
        let databases = query(project, "SELECT datname FROM pg_database");
        check(!databases.contains("tracehub_trial"), || databases)?;
        // As after a deploy that has migrated.
        let facts = project.root().join(format!("backups/{name}.json"));
        let text = fs::read_to_string(&facts)?;
        let schema = text.find("\"schema\":").ok_or("it has no schema")? + 9;
        fs::write(&facts, [&text[..schema], "1", &text[schema..]].concat())?;
        let made = is_made(project, "migration").map(drop);
        fs::write(&facts, text)?;
        made
    });
    as_before(project)?;
    result
}

/// Whatever ends it in the middle leaves nothing that counts, and the next one is made all the same.
pub fn cut_and_failed(project: &Project) -> Result<(), Failed> {
    let (backups, postgres) = (container(project), project.platform_container("postgres"));
    nothing_since(project)?;
    let result = (|| {
        let lock = Session::holding(project, "LOCK TABLE shipments")?;
        project.docker(&["restart", &backups]);
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scheduled_backup' AND wait_event_type = 'Lock'";
        wait_until("a dump waits", PATIENCE, || query(project, waits) == "1")?;
        project.docker(&["kill", &backups]);
        drop(lock);
        let names = || -> Vec<String> {
            let all = project.root().join("backups").read_dir_utf8().into_iter().flatten().flatten();
            all.map(|entry| entry.file_name().to_owned()).collect()
        };
        check(names().iter().any(|name| name.ends_with("-scheduled.next")), || format!("{:?}", names()))?;
        let made = project.xtask(&["db", "list", "--json"]).json()?;
        check(made == serde_json::json!([]), || made.to_string())?;

        // Its database is away.
        project.docker(&["stop", &postgres]);
        project.docker(&["start", &backups]);
        let failed = wait_until("it says so", PATIENCE, || !told(project)["failure"].is_null());
        let left: Vec<String> = names().into_iter().filter(|name| name.ends_with(".next")).collect();
        let status = project.status();
        project.docker(&["start", &postgres]);
        failed?;
        check(left.is_empty(), || format!("{left:?}"))?;
        let words = status["scheduled_backups"]["failure"]["words"].to_string();
        check(words.contains("socket"), || status.to_string())?;
        wait_until("the database answers", PATIENCE, || query(project, "SELECT 1") == "1")?;
        is_made(project, "night").map(drop)
    })();
    as_before(project)?;
    result
}

/// As on a host whose platform is older.
pub fn older_platform(project: &Project) -> Result<(), Failed> {
    project.docker(&["rm", "--force", &container(project)]);
    let status = project.status();
    check(status["scheduled_backups"]["runs"] == false, || status.to_string())?;
    let output = project.xtask(&["status"]).succeeds()?;
    check(output.contains("none is made by itself") && output.contains("platform up"), || output)?;
    project.deploy().succeeds()?;
    check(!project.containers().contains(&container(project)), || {
        "a deploy has changed the platform".into()
    })?;
    let result = project.xtask(&["platform", "up", "--yes", "--json"]).json()?;
    check(result["renewed"] == serde_json::json!(["scheduled-backups"]), || result.to_string())?;
    check(project.containers().contains(&container(project)), || "it does not run".into())?;

    // And back: what a platform has not goes.
    let yaml = "tracehub/deploy/platform.yaml";
    let text = fs::read_to_string(project.folder.join(yaml))?;
    let (begin, end) = (text.find("\n  scheduled-backups:\n"), text.find("\n  edge:\n"));
    let (begin, end) = begin.zip(end).ok_or("the services are not where they were")?;
    fs::write(project.folder.join(yaml), [&text[..begin], &text[end..]].concat())?;
    let result = project.xtask(&["platform", "up", "--yes", "--json"]).json();
    project.reset_to("HEAD");
    check(result?["renewed"] == serde_json::json!(["scheduled-backups"]), || {
        "something else was renewed".into()
    })?;
    check(!project.containers().contains(&container(project)), || "it runs on".into())?;
    project.xtask(&["platform", "up", "--yes"]).succeeds().map(drop)
}

/// A store on the loopback: what it refuses is said and counts for nothing, and from what it has the backup comes back.
pub fn in_a_store(project: &Project) -> Result<(), Failed> {
    let store = Store::start("copies")?;
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("backup.key").to_string_lossy().into_owned();
    run(Command::new("age-keygen").args(["-o", &key]));
    let recipient = run(Command::new("age-keygen").args(["-y", &key]));
    let as_who = |words: &[&str], who: (&str, &str), endpoint: &str| {
        let call = project
            .xtask(words)
            .env("BACKUP_S3_ENDPOINT", endpoint)
            .env("BACKUP_RECIPIENT", recipient.trim());
        call.env("BACKUP_S3_KEY_ID", who.0).env("BACKUP_S3_SECRET", who.1)
    };
    let writer = ("writer", "hidden-1");
    let backup = ["db", "backup", "--to", "s3://copies/here", "--json"];
    let output = project.xtask(&backup).fails_with(3)?;
    check(output.contains("BACKUP_S3_KEY_ID"), || output)?;
    let output = as_who(&["db", "backup", "--to", "s3://../up"], writer, &store.endpoint).fails_with(3)?;
    check(output.contains("is no place in a store"), || output)?;

    // It may only read; nobody is there. Neither counts, and no secret is printed.
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    for (who, endpoint, words) in [
        (("reader", "hidden-2"), store.endpoint.clone(), "AccessDenied"),
        (writer, format!("http://{nobody}"), "connection refused"),
    ] {
        let output = as_who(&backup, who, &endpoint).fails_with(1)?;
        check(output.contains("is made and kept on the host") && output.contains(words), || output.clone())?;
        check(!output.contains(who.1), || output.clone())?;
    }
    let place = format!("copies/here/{}", project.environment);
    check(names(&store, "copies")?.is_empty() && names(&store, &place)?.is_empty(), || {
        "something has come".into()
    })?;
    check(project.status()["last_copy"].is_null(), || project.status().to_string())?;

    // Four that are too old go, but for those that are always kept.
    let half = folder.path().join("half").to_string_lossy().into_owned();
    fs::write(&half, "age-encryption.org/v1\nhalf")?;
    for day in 1..=4 {
        store.rclone(&["copyto", &half, &format!("store:{place}/2020010{day}t010000z-1-1.dump.age")])?;
    }
    // Neither another environment's nor somebody else's is counted, or goes, or comes back.
    let others = ["copies/here/other/20200101t010000z-1-1.dump.age", &format!("{place}/zz.dump.age")];
    for other in others {
        store.rclone(&["copyto", &half, &format!("store:{other}")])?;
    }
    let made = as_who(&backup, writer, &store.endpoint).json()?;
    let name = made["name"].as_str().ok_or("it has no name")?;
    check(made["copied"]["to"] == format!("s3://{place}/{name}.dump.age"), || made.to_string())?;
    check(names(&store, &place)?.len() == 4, || format!("{:?}", names(&store, &place)))?;
    check(names(&store, "copies/here/other")?.len() == 1, || "the other's is gone".into())?;
    check(project.status()["last_copy"]["name"] == name, || project.status().to_string())?;
    let sent = store.rclone(&["cat", &format!("store:{place}/{name}.dump.age")])?.stdout;
    check(sent.starts_with(b"age-encryption.org/v1"), || "it is not encrypted".into())?;

    // Lost here. Half a copy is refused, and the newest comes back whole.
    for kind in ["json", "dump", "counts", "papers"] {
        fs::remove_file(project.root().join(format!("backups/{name}.{kind}")))?;
    }
    let take = |from: &str| as_who(&["db", "take", from, "--identity", &key], writer, &store.endpoint);
    take(&format!("s3://{place}/20200104t010000z-1-1.dump.age")).fails_with(1)?;
    let output = take("s3://copies/elsewhere").fails_with(3)?;
    check(output.contains("has no copy"), || output)?;
    take("s3://copies/here").succeeds()?;
    let backups = project.xtask(&["db", "list", "--json"]).json()?;
    let taken = backups.as_array().into_iter().flatten().find(|backup| backup["name"] == name);
    check(taken.is_some_and(|taken| taken["sha256"] == made["sha256"]), || backups.to_string())?;
    project.xtask(&["db", "restore", name, "--confirm", &project.environment]).succeeds()?;
    let up = |who: (&str, &str)| {
        let call = as_who(&["db", "copies", "up"], who, &store.endpoint);
        call.env("BACKUP_TO", "s3://copies/here")
    };
    // Only a store takes what nobody sends by hand.
    let output = up(writer).env("BACKUP_TO", "/srv/backups").fails_with(3)?;
    check(output.contains("s3://BUCKET/FOLDER"), || output)?;
    let output = up(("reader", "hidden-2")).fails_with(1)?;
    check(output.contains("AccessDenied") && !output.contains("hidden-2"), || output)?;
    let status = project.status();
    check(status["sent_copies"]["failure"]["words"].to_string().contains("AccessDenied"), || {
        status.to_string()
    })?;
    let result = leaves_by_itself(project, &store, &place, &key, up(writer)).and_then(|()| {
        // All of it is there: even so it is not said to be sent by who may send nothing.
        let output = up(("reader", "hidden-2")).fails_with(1)?;
        check(output.contains("AccessDenied"), || output)
    });
    project.xtask(&["db", "copies", "down", "--yes"]).succeeds()?;
    check(project.status()["sent_copies"]["runs"] == false, || project.status().to_string())?;
    check(!project.root().join("sender/secrets").exists(), || "what comes into the store is there".into())?;
    result
}

/// Nobody sends anything: a new backup is in the store, encrypted, and the ledger with it.
fn leaves_by_itself(
    project: &Project,
    store: &Store,
    place: &str,
    key: &str,
    up: XtaskCommand,
) -> Result<(), Failed> {
    up.succeeds()?;
    let rights = "{{.HostConfig.ReadonlyRootfs}} {{.Config.User}} {{.HostConfig.CapDrop}} {{.Config.Env}}";
    let is =
        project.docker(&["inspect", "--format", rights, &format!("tracehub-{}-sender", project.environment)]);
    check(is.starts_with("true 10001:10001 [ALL]") && !is.contains("hidden"), || is.clone())?;
    let made = project.xtask(&["db", "backup", "--json"]).json()?;
    let name = made["name"].as_str().ok_or("it has no name")?;
    let owner = fs::read_to_string(project.root().join("owner"))?;
    let copy = format!("{name}-{}.dump.age", &owner[..8]);
    wait_until("the new backup is sent", PATIENCE, || {
        names(store, place).is_ok_and(|names| names.contains(&copy))
    })?;
    wait_until("status knows it", PATIENCE, || project.status()["last_copy"]["name"] == *name)?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let open = |copy: &str| -> Result<String, Failed> {
        fs::write(file("copy"), store.rclone(&["cat", &format!("store:{place}/{copy}")])?.stdout)?;
        run(Command::new("age").args(["--decrypt", "-i", key, "-o", &file("opened"), &file("copy")]));
        Ok(file("opened"))
    };
    let sum = run(Command::new("sha256sum").arg(open(&copy)?));
    check(Some(&sum[..64]) == made["sha256"].as_str(), || "what was sent is not the dump".into())?;
    // The ledger as it is now, once it is at rest.
    let ledger = fs::read_to_string(project.root().join("ledger.jsonl"))?;
    wait_until("the ledger is sent", PATIENCE, || {
        let newest = names(store, place)
            .ok()
            .and_then(|names| names.into_iter().rfind(|it| it.ends_with(".host.age")));
        let opened = newest.and_then(|name| open(&name).ok());
        let read = opened.map(|file| run(Command::new("tar").args(["-xOf", &file, "ledger.jsonl"])));
        read.is_some_and(|read| read.trim() == ledger.trim())
    })?;
    let live = project.status()["live"].as_str().unwrap_or_default().to_owned();
    let all = run(Command::new("tar").args(["-tf", &file("opened")]));
    check(all.contains(&format!("releases/{live}/release.json")) && !all.contains("secrets"), || all.clone())
}

/// The names of what is in a folder of the store.
fn names(store: &Store, folder: &str) -> Result<Vec<String>, Failed> {
    let listed = store.rclone(&["lsf", &format!("store:{folder}")])?;
    Ok(String::from_utf8(listed.stdout)?.lines().map(str::to_owned).collect())
}
