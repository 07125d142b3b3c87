//! Backups of the database: restored on the host, and copied off it.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::environment::Lab;
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::{check, run};

/// Has pg_dump fail after 4 blocks, as on a full disk. From outside, since nobody in there can write to its root folder.
const BREAK_PG_DUMP: &str = r#"p=/usr/lib/postgresql/15/bin/pg_dump
f=$(docker inspect --format '{{.GraphDriver.Data.MergedDir}}' tracehub-lab-platform-postgres-1)$p
mv $f $f.real && printf '#!/bin/sh\nulimit -f 4\nexec %s.real "$@"\n' $p >$f && chmod 755 $f"#;
/// Undoes it.
const MEND_PG_DUMP: &str = r#"f=$(docker inspect --format '{{.GraphDriver.Data.MergedDir}}' tracehub-lab-platform-postgres-1)/usr/lib/postgresql/15/bin/pg_dump
mv $f.real $f"#;
/// How many backups a host keeps.
const MAX_KEPT: usize = 30;
/// Copies the backup `$1` under `$2` older names.
const OLDER_COPIES: &str = r#"cd /opt/tracehub-app/backups && sh -c 'for number in $(seq 1 "$2"); do
    older=$(printf 20200101t0000%02dz-1-1 "$number")
    sed "s/\"name\":\"[^\"]*/\"name\":\"$older/" "$1.json" >"$older.json"
    cp "$1.dump" "$older.dump"; cp "$1.counts" "$older.counts"; chown 999 "$older".*
done'"#;
/// Removes the ledger's last entry, which says how the last attempt ended.
const REMOVE_END: &str = "sed -i '$d' /opt/tracehub-app/ledger.jsonl";

/// Fails unless the ledger says that somebody did this by hand, who that was, and why.
fn noted_by_hand(lab: &Lab, what: &str, why: &str) -> Result<(), Failed> {
    let ledger = lab.host().sh("cat /opt/tracehub-app/ledger.jsonl");
    let entries = ledger.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_it = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        text("what").starts_with(what) && text("by").contains('@') && text("why") == why
    };
    check(entries.into_iter().any(|entry| is_it(&entry)), || format!("nobody noted {what:?}"))
}

pub fn restore(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    let sql = |text: &str| {
        project.xtask(&[
            "db",
            "shell",
            "--reason",
            "to count",
            "--",
            "--tuples-only",
            "--no-align",
            "--command",
            text,
        ])
    };
    let count = || sql("SELECT count(*) FROM a_table_more").succeeds();
    sql("INSERT INTO a_table_more VALUES (1), (2)").succeeds()?;
    let made = project.xtask(&["db", "backup", "--reason", "a trial", "--json"]).json()?;
    noted_by_hand(lab, "a shell of the database, as ", "to count")?;
    noted_by_hand(lab, "the backup ", "a trial")?;
    let name = made["name"].as_str().ok_or("the backup has no name")?;
    sql("DELETE FROM a_table_more").succeeds()?;
    check(count()?.lines().any(|line| line == "0"), || "the rows are still there".into())?;

    // A dump that ends in the middle is no backup, and leaves nothing behind.
    lab.host().sh(BREAK_PG_DUMP);
    let output = project.xtask(&["db", "backup"]).fails_with(1);
    lab.host().sh(MEND_PG_DUMP);
    output?;
    let backups = lab.backups()?;
    check(backups.len() == 2, || format!("{backups:?}"))?;

    let output = project.xtask(&["db", "rehearse"]).succeeds()?;
    check(output.contains("Rehearsed:") && output.contains(name), || output)?;
    check(!sql("SELECT datname FROM pg_database").succeeds()?.contains("rehearsal"), || {
        "the rehearsal's database is left".into()
    })?;

    let output = project.xtask(&["db", "restore", name, "--confirm", "production"]).fails_with(3)?;
    check(output.contains("the environment is lab"), || output)?;
    let output = project.xtask(&["db", "restore", &name[..8], "--confirm", "lab"]).fails_with(3)?;
    check(output.contains(name), || output)?;
    let dump = format!("/opt/tracehub-app/backups/{name}.dump");
    lab.host().sh(&format!("cp {dump} /root/dump; truncate -s 4000 {dump}"));
    let output = project.xtask(&["db", "restore", name, "--confirm", "lab"]).fails_with(3)?;
    check(output.contains("is damaged"), || output)?;
    check(count()?.lines().any(|line| line == "0"), || "a damaged backup was restored".into())?;
    lab.host().sh(&format!("cat /root/dump >{dump}"));

    // As many as are kept: the backup that a restore makes first is one too many, and the oldest is being restored.
    lab.host().sh(&format!("{OLDER_COPIES} copies {name} {}", MAX_KEPT - 2));
    refuses_what_does_not_fit(lab)?;
    let oldest = "20200101t000001z-1-1";
    let client = Client::start(lab.url());
    let output = project.xtask(&["db", "restore", oldest, "--confirm", "lab"]).succeeds();
    let report = client.stop();
    check(report.failed_for() < Duration::from_secs(10), || format!("{report}"))?;
    // The server is process 1 of its container: it inherits orphaned processes, and must not take their end for a
    // crash of its own and restart.
    let restarted =
        |failure: &String| failure.contains("accepting connections") || failure.contains("recovery mode");
    check(!report.failures.iter().any(restarted), || format!("the server has restarted: {report}"))?;
    let output = output?;
    let replaced = output.split_whitespace().find(|word| word.starts_with("tracehub_replaced_2"));
    let replaced = replaced.ok_or_else(|| output.clone())?.trim_end_matches('.');
    check(get(lab.url(), "/health/ready")?.status == 200, || "the app does not answer".into())?;
    // Before anybody looks into the database, which is an entry too.
    lab.host().last_attempt_is("restore succeeded")?;

    // As after a driver that was killed right after it had swapped the databases.
    lab.host().sh(REMOVE_END);
    let output = project.xtask(&["recover"]).succeeds()?;
    check(output.contains("had put the backup in the database's place"), || output)?;
    check(count()?.lines().any(|line| line == "2"), || "the restored rows are not there".into())?;
    let databases = sql("SELECT datname FROM pg_database").succeeds()?;
    check(databases.contains(replaced) && !databases.contains("tracehub_restoring"), || databases)?;
    check(get(lab.url(), "/health/ready")?.status == 200, || "the app does not answer".into())
}

/// A restore that would fill the disk is refused. One that fails half-way leaves no database behind.
fn refuses_what_does_not_fit(lab: &Lab) -> Result<(), Failed> {
    let (project, big, cut) = (&lab.project, "20200101t000002z-1-1", "20200101t000003z-1-1");
    let file = |name: &str, kind: &str| format!("/opt/tracehub-app/backups/{name}.{kind}");
    lab.host().sh(&format!(
        r#"sed -i 's/"loaded_bytes":[0-9]*/"loaded_bytes":9000000000000000/' {}"#,
        file(big, "json")
    ));
    for arguments in [&["db", "restore", big, "--confirm", "lab"][..], &["db", "rehearse", big]] {
        let output = project.xtask(arguments).fails_with(10)?;
        check(output.contains("needs") && output.contains("MiB free"), || output)?;
    }
    let (dump, facts) = (file(cut, "dump"), file(cut, "json"));
    lab.host().sh(&format!(
        r#"truncate -s -100 {dump}; sum=$(sha256sum {dump} | cut -d ' ' -f 1)
sed -i "s/\"sha256\":\"[0-9a-f]*/\"sha256\":\"$sum/" {facts}"#
    ));
    project.xtask(&["db", "rehearse", cut]).fails_with(1)?;
    let databases =
        project.xtask(&["db", "shell", "--", "--command", "SELECT datname FROM pg_database"]).succeeds()?;
    check(!databases.contains("rehearsal"), || databases)
}

/// Has `cat` die in the middle of a dump; from outside, as above.
const BREAK_CAT: &str = r##"f=$(docker inspect --format '{{.GraphDriver.Data.MergedDir}}' tracehub-lab-platform-postgres-1)/usr/bin/cat
mv $f $f.real && cat >$f <<'END' && chmod 755 $f
#!/bin/sh
case $1 in *.dump) head -c 1000 "$1"; kill -9 $$ ;; esac
while IFS= read -r line; do printf "%s\n" "$line"; done <"$1"
END"##;
/// Undoes it.
const MEND_CAT: &str = r#"f=$(docker inspect --format '{{.GraphDriver.Data.MergedDir}}' tracehub-lab-platform-postgres-1)/usr/bin/cat
mv $f.real $f"#;

/// Copies a backup to the second machine, which can't read it.
pub fn offsite(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("backup.key").to_string_lossy().into_owned();
    let backup = || {
        let call = project.xtask(&["db", "backup", "--to", "/srv/backups", "--json"]);
        ["HOST", "PORT", "SSH_KEY", "HOST_KEY"]
            .into_iter()
            .fold(call, |call, name| {
                call.env(&format!("BACKUP_{name}"), &project.variable(&format!("STAGING_{name}")))
            })
            // `host setup` has not been there yet: it has no other user.
            .env("BACKUP_USER", "root")
    };
    let output = project.xtask(&["db", "backup", "--to", "/srv/backups"]).fails_with(3)?;
    check(output.contains("BACKUP_HOST"), || output)?;
    let output = backup().fails_with(3)?;
    check(output.contains("BACKUP_RECIPIENT") && output.contains("age-keygen"), || output)?;

    // What has the form of a recipient is handed to age, which refuses it.
    let output = backup().env("BACKUP_RECIPIENT", &format!("age1{}", "q".repeat(58))).fails_with(1)?;
    check(output.contains("is made and kept on the host") && output.contains("age"), || output)?;
    run(Command::new("age-keygen").args(["-o", &key]));
    let recipient = run(Command::new("age-keygen").args(["-y", &key]));
    // A copy that was cut off must not get the name of a copy.
    lab.host().sh(BREAK_CAT);
    let output = backup().env("BACKUP_RECIPIENT", recipient.trim()).fails_with(1);
    lab.host().sh(MEND_CAT);
    let output = output?;
    check(output.contains("is made and kept on the host") && output.contains("cat"), || output)?;
    let files = lab.hosts[1].sh("ls -A /srv/backups");
    check(files.is_empty(), || files)?;

    let made = backup().env("BACKUP_RECIPIENT", recipient.trim()).json()?;
    let name = made["name"].as_str().ok_or("it has no name")?;
    let path = format!("/srv/backups/{name}.dump.age");
    let head = lab.hosts[1].sh(&format!("head -c 21 {path}; stat -c ' %a' {path}"));
    check(head == "age-encryption.org/v1 600", || head)?;
    let copy = Command::new("docker").args(["exec", &lab.hosts[1].container, "cat", &path]).output()?;
    let encrypted = folder.path().join("copy.age").to_string_lossy().into_owned();
    std::fs::write(&encrypted, copy.stdout)?;
    let decrypted = folder.path().join("copy").to_string_lossy().into_owned();
    run(Command::new("age").args(["--decrypt", "-i", &key, "-o", &decrypted, &encrypted]));
    let sum = run(Command::new("sha256sum").arg(&decrypted));
    check(Some(&sum[..64]) == made["sha256"].as_str(), || "what was decrypted is not the dump".into())?;
    check(project.status()["last_copy"]["name"] == name, || format!("{}", project.status()))?;
    is_taken_back(lab, &made, &encrypted, &key)
}

/// The host has lost the backup, and gets it again from the copy.
fn is_taken_back(lab: &Lab, made: &Value, encrypted: &str, key: &str) -> Result<(), Failed> {
    let (project, name) = (&lab.project, made["name"].as_str().unwrap_or_default());
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join(format!("{name}.dump.age")).to_string_lossy().into_owned();
    lab.host().sh(&format!("rm /opt/tracehub-app/backups/{name}.*"));
    let files = || lab.host().sh(&format!("ls -A /opt/tracehub-app/backups | grep {name}"));
    let take = || project.xtask(&["db", "take", &copy, "--identity", key]);
    // Half a copy is refused, and leaves nothing behind.
    let whole = std::fs::read(encrypted)?;
    std::fs::write(&copy, &whole[..whole.len() / 2])?;
    let output = take().fails_with(1)?;
    check(files().is_empty(), || output)?;
    std::fs::write(&copy, whole)?;
    take().succeeds()?;
    let taken = lab.backups()?.into_iter().find(|backup| backup["name"] == name);
    let taken = taken.ok_or("it is not among the backups")?;
    for fact in ["schema", "tables", "bytes", "sha256"] {
        check(taken[fact] == made[fact], || format!("{taken} instead of {made}"))?;
    }
    project.xtask(&["db", "restore", name, "--confirm", "lab"]).succeeds()?;
    check(get(lab.url(), "/health/ready")?.status == 200, || "the app does not answer".into())
}
