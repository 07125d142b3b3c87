//! What works: from a bare machine to a rollback, a restore and down.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::call::run;
use crate::client::{Client, get};
use crate::project::{DOWNLOAD, DOWNLOAD_BYTES};
use crate::streams::Stream;
use crate::{Lab, check};

pub fn host_setup(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, lab.host());
    let told = project.xtask(&["host", "setup", "--plan"]).succeeds()?;
    check(told.contains("to do") && told.contains("Nothing was changed"), || told)?;
    check(host.sh("command -v dockerd; id deploy").is_empty(), || "--plan changed something".into())?;
    project.xtask(&["host", "setup"]).fails_with(3)?;
    check(host.sh("command -v dockerd; id deploy").is_empty(), || "it was done without a yes".into())?;
    project.xtask(&["host", "setup", "--yes"]).succeeds()?;
    let again = project.xtask(&["host", "setup", "--yes"]).succeeds()?;
    check(!again.contains("to do") && again.contains("Ready:"), || again)
}

pub fn first_deploy(lab: &Lab) -> Result<(), Failed> {
    let (connections, sent) = (lab.link.connections(), lab.link.sent());
    let given = "a-password-of-the-operator-s-own-choice";
    let told = lab.project.deploy().with("DATABASE_APP_PASSWORD", given).succeeds()?;
    let taken = lab.host().sh("cat /opt/tracehub-app/secrets/database_app_password/1");
    check(taken == given, || "the password that was given was not taken".into())?;
    let (connections, sent) = (lab.link.connections() - connections, lab.link.sent() - sent);
    println!("    {connections} connection, {:.1} MB sent", sent as f64 / 1e6);
    check(connections == 1, || format!("{connections} connections"))?;
    check(told.contains("one ssh connection") && told.contains("to retire"), || told)?;
    let answer = get(lab.url(), "/health/ready")?;
    check(answer.status == 200 && answer.release.as_deref() == Some(&lab.host().live()), || {
        format!("{answer:?}")
    })?;
    let keys = lab
        .host()
        .sh("docker inspect $(docker ps -q) | grep -c \"$(cat /opt/tracehub-app/secrets/jwt_secret/1)\"");
    check(keys == "0", || "a container's configuration shows a secret".into())?;
    check(lab.host().ended() == "deploy succeeded", || lab.host().ended())
}

pub fn second_release(lab: &Lab) -> Result<(), Failed> {
    let (project, first) = (&lab.project, lab.host().live());
    let migration = "tracehub/backend/migrations/20990101000000_a_table_more";
    project.write(
        &format!("{migration}.up.sql"),
        "-- expand\nCREATE TABLE a_table_more (id bigint PRIMARY KEY);\n",
    );
    project.write(&format!("{migration}.down.sql"), "DROP TABLE a_table_more;\n");
    // For the tests behind this one.
    project.add_moods();
    project.commit("Add a table, and change the backend");
    project.raw(&["image", "push", "--yes"]).succeeds()?;
    let sent = lab.link.sent();
    let client = Client::start(lab.url());
    let driver = project.xtask(&["deploy", "--yes", "--json"]).starts();
    lab.wait_for_step("ready")?;
    let streams = [Stream::download(lab.url(), DOWNLOAD, DOWNLOAD_BYTES)?, Stream::upload(lab.url())?];
    let deployed = driver.succeeds();
    let ended = streams.map(Stream::finish);
    let seen = client.stop();
    let deployed = deployed?;
    let figures = deployed.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    println!("    {seen}\n    {figures}, {:.1} MB sent", (lab.link.sent() - sent) as f64 / 1e6);
    check(seen.failed.is_empty() && seen.releases.len() == 2, || format!("{seen}, by {:?}", seen.releases))?;
    for stream in ended {
        check(stream? == first, || "a slow stream was answered by another release".into())?;
    }
    check(project.status()["schema"] == 20_990_101_000_000_i64, || {
        format!("{}", project.status()["schema"])
    })?;
    check(project.status()["warm"] == first.as_str(), || "the first release is not the warm one".into())?;
    let backups = project.xtask(&["db", "list", "--json"]).json()?;
    check(backups.as_array().is_some_and(|all| all.len() == 1), || format!("{backups}"))
}

pub fn rollback(lab: &Lab) -> Result<(), Failed> {
    let (project, live) = (&lab.project, lab.host().live());
    let warm = project.warm().ok_or("nothing is warm")?;
    let client = Client::start(lab.url());
    let streams = [
        Stream::download(lab.url(), DOWNLOAD, DOWNLOAD_BYTES)?,
        Stream::upload(lab.url())?,
        Stream::events(lab.url())?,
        Stream::socket(lab.url())?,
    ];
    let told = project.xtask(&["rollback", "--json"]).json();
    let back = lab.host().live();
    let again = project.xtask(&["rollback", "--to", &live]).succeeds();
    let ended = streams.map(Stream::finish);
    let seen = client.stop();
    println!("    {seen}\n    {}", told?);
    again?;
    check(back == warm && lab.host().live() == live, || format!("{back}, then {}", lab.host().live()))?;
    check(seen.failed.is_empty() && seen.releases.len() == 2, || format!("{seen}"))?;
    for stream in ended {
        check(stream? == live, || "a slow stream was answered by another release".into())?;
    }
    check(lab.host().ended() == "rollback succeeded", || lab.host().ended())
}

pub fn never_ready(lab: &Lab) -> Result<(), Failed> {
    let (project, live) = (&lab.project, lab.host().live());
    project.replace("tracehub/deploy/release.yaml", "@postgres:5432/tracehub", "@postgres:5432/nowhere");
    project.commit("Ask for a database that is not there");
    let client = Client::start(lab.url());
    let told = project.deploy().fails_with(4);
    let seen = client.stop();
    // Before anything is checked: the tests behind this one go on from the release that works.
    project.back();
    println!("    {seen}");
    let told = told?;
    check(told.contains("'ready'") && told.contains("backend is running, unhealthy"), || told)?;
    check(seen.failed.is_empty() && lab.host().live() == live, || format!("{seen}"))?;
    check(lab.host().running() == 2, || "the release that failed still runs".into())?;
    check(lab.host().ended() == "deploy undone", || lab.host().ended())
}

/// A disk that is full, as far as pg_dump can tell.
const BREAK_PG_DUMP: &str = r#"c=tracehub-lab-platform-postgres-1; p=/usr/lib/postgresql/15/bin/pg_dump
docker exec --user 0 $c mv $p $p.real
printf '#!/bin/sh\nulimit -f 4\nexec %s.real "$@"\n' $p | docker exec -i --user 0 $c sh -c "cat >$p; chmod 755 $p""#;
const MEND_PG_DUMP: &str = r#"p=/usr/lib/postgresql/15/bin/pg_dump; docker exec --user 0 tracehub-lab-platform-postgres-1 mv $p.real $p"#;
/// How many backups are kept.
const KEPT_AT_MOST: usize = 30;
/// A backup once more, under so many older names.
const OLDER_COPIES: &str = r#"cd /opt/tracehub-app/backups && sh -c 'for number in $(seq 1 "$2"); do
    older=$(printf 20200101t0000%02dz-1-1 "$number")
    sed "s/\"name\":\"[^\"]*/\"name\":\"$older/" "$1.json" >"$older.json"
    cp "$1.dump" "$older.dump"; cp "$1.counts" "$older.counts"; chown 999 "$older".*
done'"#;
/// The ledger does not know how the last attempt ended.
const FORGET_END: &str = "sed -i '$d' /opt/tracehub-app/ledger.jsonl";

pub fn restore(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    let sql =
        |text: &str| project.xtask(&["db", "shell", "--", "--tuples-only", "--no-align", "--command", text]);
    let count = || sql("SELECT count(*) FROM a_table_more").succeeds();
    sql("INSERT INTO a_table_more VALUES (1), (2)").succeeds()?;
    let made = project.xtask(&["db", "backup", "--json"]).json()?;
    let name = made["name"].as_str().ok_or("the backup has no name")?;
    sql("DELETE FROM a_table_more").succeeds()?;
    check(count()?.lines().any(|line| line == "0"), || "the rows are still there".into())?;

    // A dump that ends in the middle is no backup, and leaves nothing behind.
    lab.host().sh(BREAK_PG_DUMP);
    let failed = project.xtask(&["db", "backup"]).fails_with(1);
    lab.host().sh(MEND_PG_DUMP);
    failed?;
    let backups = project.xtask(&["db", "list", "--json"]).json()?;
    check(backups.as_array().is_some_and(|all| all.len() == 2), || format!("{backups}"))?;

    let told = project.xtask(&["db", "rehearse"]).succeeds()?;
    check(told.contains("Rehearsed:") && told.contains(name), || told)?;
    check(!sql("SELECT datname FROM pg_database").succeeds()?.contains("rehearsal"), || {
        "scratch is left".into()
    })?;

    let refused = project.xtask(&["db", "restore", name, "--confirm", "production"]).fails_with(3)?;
    check(refused.contains("the environment is lab"), || refused)?;
    let refused = project.xtask(&["db", "restore", &name[..8], "--confirm", "lab"]).fails_with(3)?;
    check(refused.contains(name), || refused)?;
    let dump = format!("/opt/tracehub-app/backups/{name}.dump");
    lab.host().sh(&format!("cp {dump} /root/dump; truncate -s 4000 {dump}"));
    let refused = project.xtask(&["db", "restore", name, "--confirm", "lab"]).fails_with(3)?;
    check(refused.contains("is damaged"), || refused)?;
    check(count()?.lines().any(|line| line == "0"), || "a damaged backup was restored".into())?;
    lab.host().sh(&format!("cat /root/dump >{dump}"));

    // As many as are kept: the one that is made before the oldest is restored is one too many.
    lab.host().sh(&format!("{OLDER_COPIES} copies {name} {}", KEPT_AT_MOST - 2));
    refuse_what_has_no_room(lab)?;
    let oldest = "20200101t000001z-1-1";
    let client = Client::start(lab.url());
    let told = project.xtask(&["db", "restore", oldest, "--confirm", "lab"]).succeeds();
    let seen = client.stop();
    println!("    {seen}");
    check(seen.failed_for() < Duration::from_secs(10), || format!("{seen}"))?;
    // The server is the first process of its container: a child that is left to it can look like a crash.
    let restarted =
        |failure: &String| failure.contains("accepting connections") || failure.contains("recovery mode");
    check(!seen.failed.iter().any(restarted), || format!("the server has started again: {seen}"))?;
    let told = told?;
    check(count()?.lines().any(|line| line == "2"), || "the rows are not back".into())?;
    let aside = told.split_whitespace().find(|word| word.starts_with("tracehub_replaced_2"));
    let aside = aside.ok_or_else(|| told.clone())?.trim_end_matches('.');
    let databases = sql("SELECT datname FROM pg_database").succeeds()?;
    check(databases.contains(aside) && !databases.contains("tracehub_restoring"), || databases)?;
    check(get(lab.url(), "/health/ready")?.status == 200, || "the app does not answer".into())?;
    check(lab.host().ended() == "restore succeeded", || lab.host().ended())?;

    // As a driver leaves it that was killed right after the exchange.
    lab.host().sh(FORGET_END);
    let told = project.xtask(&["recover"]).succeeds()?;
    check(told.contains("had put the backup in the database's place"), || told)?;
    check(count()?.lines().any(|line| line == "2"), || "the restored rows are gone".into())?;
    check(get(lab.url(), "/health/ready")?.status == 200, || "the app does not answer".into())
}

/// What would fill the disk is not begun; and half a database takes room, too.
fn refuse_what_has_no_room(lab: &Lab) -> Result<(), Failed> {
    let (project, big, cut) = (&lab.project, "20200101t000002z-1-1", "20200101t000003z-1-1");
    let file = |name: &str, kind: &str| format!("/opt/tracehub-app/backups/{name}.{kind}");
    lab.host().sh(&format!(
        r#"sed -i 's/"loaded_bytes":[0-9]*/"loaded_bytes":9000000000000000/' {}"#,
        file(big, "json")
    ));
    for words in [&["db", "restore", big, "--confirm", "lab"][..], &["db", "rehearse", big]] {
        let refused = project.xtask(words).fails_with(10)?;
        check(refused.contains("needs") && refused.contains("MiB free"), || refused)?;
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

pub fn look(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    let status = project.status();
    for name in ["live", "warm", "schema", "disk_free_bytes", "last_backup", "url"] {
        check(!status[name].is_null(), || format!("status says nothing of {name}: {status}"))?;
    }
    check(status["pending_migrations"] == serde_json::json!([]), || format!("{status}"))?;
    let told = project.xtask(&["logs", "backend", "--tail", "5"]).succeeds()?;
    check(told.contains("listening") || told.contains("backend-1"), || told)?;
    let told = project.xtask(&["migrate", "info"]).succeeds()?;
    check(told.contains("20990101000000") && told.contains("applied"), || told)?;
    let told = project.xtask(&["releases"]).succeeds()?;
    check(told.contains(&lab.host().live()) && told.contains("restore"), || told)
}

pub fn down(lab: &Lab) -> Result<(), Failed> {
    lab.project.xtask(&["down", "--volumes", "--yes"]).succeeds()?;
    check(lab.host().sh("docker ps --quiet").is_empty(), || lab.host().sh("docker ps"))?;
    check(lab.host().ended() == "down succeeded", || lab.host().ended())
}

pub fn secret(lab: &Lab) -> Result<(), Failed> {
    let (project, before) = (&lab.project, lab.host().live());
    let deploy = || project.deploy().with("JWT_SECRET", "a-secret-of-the-operator-s-own-choice-0123456789");
    let told = deploy().succeeds()?;
    check(!told.contains("operator-s-own"), || "the secret is printed".into())?;
    let live = lab.host().live();
    check(live != before, || "another secret is no other release".into())?;
    let folder = "/opt/tracehub-app/secrets/jwt_secret";
    check(lab.host().sh(&format!("cat {folder}/2")).contains("operator-s-own"), || "it is not there".into())?;
    let seen = lab.host().sh("docker inspect $(docker ps -q) | grep -c operator-s-own");
    check(seen == "0", || "a container's configuration shows it".into())?;
    check(deploy().succeeds()?.contains("Nothing to do"), || "the same secret is taken for another".into())?;
    let told = deploy().with("DATABASE_APP_PASSWORD", "another").succeeds()?;
    check(told.contains("DATABASE_APP_PASSWORD is not the password that its role has"), || told)?;
    let passwords = lab.host().sh("ls /opt/tracehub-app/secrets/database_app_password");
    check(passwords == "1", || passwords)?;
    // What would come of another one is shown, and nothing of it is written.
    let told = project
        .xtask(&["deploy", "--yes", "--plan"])
        .with("JWT_SECRET", "yet-another-one-0123456789012345")
        .succeeds()?;
    check(told.contains("start the new backend") && told.contains("one rename"), || told)?;
    check(lab.host().sh(&format!("ls {folder} | wc -l")) == "2", || lab.host().sh(&format!("ls {folder}")))
}

/// Runs after `secret`: the release before runs with version 1, the live one with version 2.
pub fn revoked(lab: &Lab) -> Result<(), Failed> {
    let (project, live) = (&lab.project, lab.host().live());
    let before = project.warm().ok_or("nothing is warm")?;
    let told = project.xtask(&["secrets", "revoke", "jwt_secret", "2"]).fails_with(3)?;
    check(told.contains("in use by what serves"), || told)?;
    let told = project.xtask(&["secrets", "revoke", "jwt_secrets", "1"]).fails_with(3)?;
    check(told.contains("Did you mean 'jwt_secret'?"), || told)?;
    let told = project.xtask(&["secrets", "revoke", "jwt_secret", "1"]).fails_with(3)?;
    check(told.contains("wants a yes"), || told)?;
    project.xtask(&["secrets", "revoke", "jwt_secret", "1", "--yes"]).succeeds()?;
    check(project.warm().is_none() && lab.host().live() == live, || format!("{}", project.status()))?;
    let folder = "/opt/tracehub-app/secrets/jwt_secret";
    let left = lab.host().sh(&format!("ls {folder}"));
    check(left.split_whitespace().eq(["1.revoked", "2"]), || left)?;
    let told = project.xtask(&["rollback", "--to", &before]).succeeds()?;
    check(told.contains("version 1 of jwt_secret is revoked") && told.contains("version 2"), || told)?;
    let mounts = lab.host().sh(&format!(
        "docker inspect --format '{{{{json .Mounts}}}}' $(docker ps -q --filter label=tracehub.release={before})"
    ));
    check(mounts.contains("jwt_secret/2") && !mounts.contains("jwt_secret/1\""), || mounts)?;
    let told = project.xtask(&["secrets", "list"]).succeeds()?;
    check(told.contains("revoked") && told.contains("current"), || told)?;
    // What runs with version 2 in place of its own is no more spared than what was made with it.
    project.deploy().with("JWT_SECRET", "the-operator-s-third-choice-0123456789").succeeds()?;
    check(project.warm().as_deref() == Some(&before), || format!("{}", project.status()))?;
    project.xtask(&["secrets", "revoke", "jwt_secret", "2", "--yes"]).succeeds()?;
    check(project.warm().is_none(), || format!("{}", project.status()))?;
    let left = lab.host().sh(&format!("docker ps --all --quiet --filter label=tracehub.release={before}"));
    check(left.is_empty(), || left)?;
    project.xtask(&["rollback", "--to", &live]).succeeds()?;
    check(lab.host().live() == live, || lab.host().live())
}

/// Whoever reads a dump dies in the middle of it.
const BREAK_CAT: &str = r##"docker exec --user 0 tracehub-lab-platform-postgres-1 sh -c 'mv /bin/cat /bin/cat.real
printf "%s\n" "$1" >/bin/cat; chmod 755 /bin/cat' break '#!/bin/sh
case $1 in *.dump) head -c 1000 "$1"; kill -9 $$ ;; esac
while IFS= read -r line; do printf "%s\n" "$line"; done <"$1"'"##;
const MEND_CAT: &str = "docker exec --user 0 tracehub-lab-platform-postgres-1 mv /bin/cat.real /bin/cat";

/// To the second machine, which can't read what it keeps.
pub fn offsite(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("backup.key").to_string_lossy().into_owned();
    let backup = || {
        let told = ["HOST", "PORT", "USER", "SSH_KEY", "HOST_KEY"]
            .into_iter()
            .map(|name| (format!("BACKUP_{name}"), project.told(&format!("STAGING_{name}"))))
            // Nothing but its sshd is needed there: nobody has made it a host yet.
            .map(
                |(name, value)| if name == "BACKUP_USER" { (name, "root".to_owned()) } else { (name, value) },
            );
        let call = project.xtask(&["db", "backup", "--to", "/srv/backups", "--json"]);
        told.fold(call, |call, (name, value)| call.with(&name, &value))
    };
    let refused = project.xtask(&["db", "backup", "--to", "/srv/backups"]).fails_with(3)?;
    check(refused.contains("BACKUP_HOST"), || refused)?;
    let refused = backup().fails_with(3)?;
    check(refused.contains("BACKUP_RECIPIENT") && refused.contains("age-keygen"), || refused)?;

    // What looks like a recipient brings age here, which then says that it is none.
    let refused = backup().with("BACKUP_RECIPIENT", &format!("age1{}", "q".repeat(58))).fails_with(1)?;
    check(refused.contains("is made and kept on the host") && refused.contains("age"), || refused)?;
    run(Command::new("age-keygen").args(["-o", &key]));
    let recipient = run(Command::new("age-keygen").args(["-y", &key]));
    // What did not come to its end there has not the name of a copy.
    lab.host().sh(BREAK_CAT);
    let failed = backup().with("BACKUP_RECIPIENT", recipient.trim()).fails_with(1);
    lab.host().sh(MEND_CAT);
    let failed = failed?;
    check(failed.contains("is made and kept on the host") && failed.contains("cat"), || failed)?;
    let there = lab.hosts[1].sh("ls -A /srv/backups");
    check(there.is_empty(), || there)?;

    let made = backup().with("BACKUP_RECIPIENT", recipient.trim()).json()?;
    let name = made["name"].as_str().ok_or("it has no name")?;
    let there = format!("/srv/backups/{name}.dump.age");
    let head = lab.hosts[1].sh(&format!("head -c 21 {there}; stat -c ' %a' {there}"));
    check(head == "age-encryption.org/v1 600", || head)?;
    let copy = Command::new("docker").args(["exec", &lab.hosts[1].container, "cat", &there]).output()?;
    let encrypted = folder.path().join("copy.age").to_string_lossy().into_owned();
    std::fs::write(&encrypted, copy.stdout)?;
    let opened = folder.path().join("copy").to_string_lossy().into_owned();
    run(Command::new("age").args(["--decrypt", "-i", &key, "-o", &opened, &encrypted]));
    let sum = run(Command::new("sha256sum").arg(&opened));
    check(Some(&sum[..64]) == made["sha256"].as_str(), || "what was opened is not the dump".into())?;
    check(project.status()["last_copy"]["name"] == name, || format!("{}", project.status()))?;
    comes_back(lab, &made, &encrypted, &key)
}

/// On a host that has lost it, and has nothing but the copy.
fn comes_back(lab: &Lab, made: &Value, encrypted: &str, key: &str) -> Result<(), Failed> {
    let (project, name) = (&lab.project, made["name"].as_str().unwrap_or_default());
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join(format!("{name}.dump.age")).to_string_lossy().into_owned();
    lab.host().sh(&format!("rm /opt/tracehub-app/backups/{name}.*"));
    let there = || lab.host().sh(&format!("ls -A /opt/tracehub-app/backups | grep {name}"));
    let take = || project.xtask(&["db", "take", &copy, "--identity", key]);
    // Half a copy is none.
    let whole = std::fs::read(encrypted)?;
    std::fs::write(&copy, &whole[..whole.len() / 2])?;
    let refused = take().fails_with(1)?;
    check(there().is_empty(), || refused)?;
    std::fs::write(&copy, whole)?;
    take().succeeds()?;
    let backups = project.xtask(&["db", "list", "--json"]).json()?;
    let taken = backups.as_array().and_then(|all| all.iter().find(|backup| backup["name"] == name));
    let taken = taken.ok_or("it is not among the backups")?;
    for fact in ["schema", "tables", "bytes", "sha256"] {
        check(taken[fact] == made[fact], || format!("{taken}, and it was {made}"))?;
    }
    project.xtask(&["db", "restore", name, "--confirm", "lab"]).succeeds()?;
    check(get(lab.url(), "/health/ready")?.status == 200, || "the app does not answer".into())
}
