//! A host is lost, and what is off it is all that there is.

use std::fs;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::environment::Lab;
use crate::host::Host;
use crate::support::http::get;
use crate::support::papers::Upload;
use crate::support::project::Project;
use crate::support::store::Store;
use crate::support::xtask::XtaskCommand;
use crate::support::{check, run, wait_until};

const PATIENCE: Duration = Duration::from_secs(120);

/// One command on a machine that is bare, with the store and one key. Two machines never serve.
pub fn made_again(lab: &Lab) -> Result<(), Failed> {
    let (project, store) = (&lab.project, Store::start("copies")?);
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("backup.key").to_string_lossy().into_owned();
    run(Command::new("age-keygen").args(["-o", &key]));
    let recipient = run(Command::new("age-keygen").args(["-y", &key]));
    for (name, value) in [
        ("BACKUP_TO", "s3://copies/here"),
        ("BACKUP_RECIPIENT", recipient.trim()),
        ("BACKUP_S3_ENDPOINT", &store.endpoint),
        ("BACKUP_S3_KEY_ID", "writer"),
        ("BACKUP_S3_SECRET", "hidden-1"),
    ] {
        project.set_variable(name, value);
    }
    project.xtask(&["host", "setup", "--yes"]).succeeds()?;
    project.deploy().succeeds()?;
    let sql = |text: &str| {
        let words = ["db", "shell", "--superuser", "--", "--tuples-only", "--no-align", "--command", text];
        project.xtask(&words).succeeds()
    };
    sql("UPDATE organisations SET name = name || ' (kept)'")?;
    let rows = || {
        sql(
            "SELECT (SELECT count(*) FROM shipments), (SELECT string_agg(name, ',' ORDER BY name) FROM organisations)",
        )
    };
    let paper = Upload::begin(project)?.end(project)?;
    let before = rows()?;
    check(before.contains("(kept)"), || before.clone())?;
    let made = project.xtask(&["db", "backup", "--json"]).json()?;
    project.xtask(&["db", "copies", "up"]).succeeds()?;
    wait_until("the last backup is off the host", PATIENCE, || {
        project.status()["last_copy"]["name"] == made["name"]
    })?;
    let live = lab.host().live();
    let sealed = papers_have_left(lab, &store, &made, &key)?;

    let new = lab.another_machine()?;
    for (name, value) in
        [("LAB_PORT", new.ssh.to_string()), ("LAB_HOST_KEY", new.key.clone()), ("LAB_URL", new.url.clone())]
    {
        project.set_variable(name, &value);
    }
    let restore = |words: &[&str]| -> XtaskCommand {
        project.xtask(&[&["host", "restore", "--identity", &key, "--yes"], words].concat())
    };
    let output = restore(&[]).fails_with(3)?;
    check(output.contains("still answers") && output.contains("--abandon"), || output)?;
    check(new.sh("command -v dockerd; ls /opt").is_empty(), || {
        "something was done to the new machine".into()
    })?;
    run(Command::new("docker").args(["rm", "--force", "--volumes", &lab.host().container]));
    let other = folder.path().join("other.key").to_string_lossy().into_owned();
    run(Command::new("age-keygen").args(["-o", &other]));
    project.xtask(&["host", "restore", "--identity", &other, "--yes"]).fails_with(1)?;
    check(new.sh("command -v dockerd; ls /opt").is_empty(), || {
        "something was done to the new machine".into()
    })?;

    // Of what the store has of the paper, a byte is another one: the data do not take their place without it.
    store.rclone(&["copyto", &format!("store:{sealed}"), "store:copies/aside"])?;
    let damaged = folder.path().join("damaged").to_string_lossy().into_owned();
    fs::write(&damaged, "age-encryption.org/v1\nhalf")?;
    store.rclone(&["copyto", &damaged, &format!("store:{sealed}")])?;
    let output = restore(&[]).fails_with(3)?;
    check(output.contains("damaged ") && output.contains("--without-papers"), || output)?;
    // Nothing has the traffic: there may be no file yet that says so.
    check(["", "none"].contains(&new.live().as_str()), || new.live())?;
    store.rclone(&["copyto", "store:copies/aside", &format!("store:{sealed}")])?;
    let again = restore(&["--json"]).json()?;
    println!("    {again}");
    check(again["release"] == live.as_str() && new.live() == live, || format!("{again}, and not {live}"))?;
    check(rows()? == before, || format!("{:?}, and not {before}", rows()))?;
    check(get(&new.url, "/health/ready")?.is_ok_from(&live), || "the app does not answer".into())?;
    paper.is_served(&new.url)?;
    comes_back_alone(project, &new, &again, &key)?;
    paper.is_served(&new.url)?;
    let history = new.sh("cat /opt/tracehub-app/ledger.jsonl");
    check(history.contains("the host was lost"), || history.clone())?;
    let status = project.status();
    check(status["ledger_damage"] == serde_json::json!([]) && status["sent_copies"]["runs"] == true, || {
        status.to_string()
    })?;
    // Again, there is nothing to do.
    let output = restore(&[]).succeeds()?;
    check(output.contains("are there already") && new.live() == live, || output)
}

/// The files are in the store, encrypted, and the rehearsal opens them there. Gives where the one lies.
fn papers_have_left(lab: &Lab, store: &Store, made: &Value, key: &str) -> Result<String, Failed> {
    let project = &lab.project;
    check(made["papers"] == 1, || made.to_string())?;
    wait_until("its paper is off the host", PATIENCE, || {
        let papers = project.status()["sent_copies"]["papers"].clone();
        papers["backup"] == made["name"] && papers["left"] == 0 && papers["amiss"] == 0
    })?;
    let output = project.xtask(&["status"]).succeeds()?;
    check(output.contains("all are off the host"), || output)?;
    let listed = store.rclone(&["lsf", "-R", "--files-only", "store:copies/here/lab"])?;
    let listed = String::from_utf8(listed.stdout)?;
    let file = listed.lines().find(|name| name.starts_with("papers-")).ok_or("no paper is in the store")?;
    let file = format!("copies/here/lab/{file}");
    let sent = store.rclone(&["cat", &format!("store:{file}")])?.stdout;
    check(sent.starts_with(b"age-encryption.org/v1"), || "it is not encrypted".into())?;
    // What the platform looks with once a week sees them, and so does who asks.
    let name = made["name"].as_str().unwrap_or_default();
    let look = format!("sh /scripts/papers.sh check </backups/{name}.papers");
    let told = lab
        .host()
        .sh(&format!("docker exec tracehub-lab-platform-scheduled-backups-1 sh -c '{look}; echo $?'"));
    check(told.trim() == "0", || told)?;
    project.xtask(&["db", "rehearse"]).succeeds()?;
    let rehearse =
        || project.xtask(&["db", "rehearse", "--from", "s3://copies/here", "--identity", key, "--json"]);
    let told = rehearse().json()?;
    check(told["papers"] == 1, || told.to_string())?;
    check(lab.backups()?.iter().all(|backup| backup["made_by"] != "db take"), || "the copy is left".into())?;
    store.rclone(&["moveto", &format!("store:{file}"), "store:copies/aside"])?;
    let output = rehearse().fails_with(1)?;
    store.rclone(&["moveto", "store:copies/aside", &format!("store:{file}")])?;
    check(output.contains("missing "), || output)?;
    Ok(file)
}

/// A file is lost, and another one damaged: a restore is refused, and the copy brings what is lacking.
fn comes_back_alone(project: &Project, new: &Host, again: &Value, key: &str) -> Result<(), Failed> {
    let name = again["backup"].as_str().ok_or("no backup")?;
    let restore = || project.xtask(&["db", "restore", name, "--confirm", "lab"]);
    let take = format!("s3://copies/here/lab/{name}.dump.age");
    for (harm, word) in [("rm \"$f\"", "missing "), ("printf x >>\"$f\"", "damaged ")] {
        let volume = "/var/lib/docker/volumes/tracehub-lab-papers/_data";
        new.sh(&format!("for f in {volume}/*-*/*; do {harm}; done"));
        let output = restore().fails_with(3)?;
        check(output.contains(word) && output.contains("Nothing was changed"), || output)?;
        let output = project.xtask(&["db", "rehearse", name]).fails_with(1)?;
        check(output.contains(word), || output)?;
        project.xtask(&["db", "take", &take, "--identity", key]).succeeds()?;
    }
    restore().succeeds().map(drop)
}
