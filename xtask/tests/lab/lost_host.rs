//! A host is lost, and what is off it is all that there is.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::host::Host;
use crate::support::http::get;
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
    let before = rows()?;
    check(before.contains("(kept)"), || before.clone())?;
    let made = project.xtask(&["db", "backup", "--json"]).json()?;
    project.xtask(&["db", "copies", "up"]).succeeds()?;
    wait_until("the last backup is off the host", PATIENCE, || {
        project.status()["last_copy"]["name"] == made["name"]
    })?;
    let live = lab.host().live();

    let new = another_machine(lab)?;
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

    let again = restore(&["--json"]).json()?;
    println!("    {again}");
    check(again["release"] == live.as_str() && new.live() == live, || format!("{again}, and not {live}"))?;
    check(rows()? == before, || format!("{:?}, and not {before}", rows()))?;
    check(get(&new.url, "/health/ready")?.is_ok_from(&live), || "the app does not answer".into())?;
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

/// One that nothing was ever done to.
fn another_machine(lab: &Lab) -> Result<Host, Failed> {
    let number = (lab.hosts.len() + 1).to_string();
    lab.project.xtask_verbatim(&["lab", "up", "--hosts", &number, "--yes"]).succeeds()?;
    let status = lab.project.xtask_verbatim(&["lab", "status", "--json"]).json()?;
    let last = status["lab"]["hosts"].as_array().and_then(|hosts| hosts.last()).ok_or("there is none")?;
    Ok(Host::read(last))
}
