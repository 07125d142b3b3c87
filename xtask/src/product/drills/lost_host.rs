//! The host is lost: what has left it is all that there is, and nobody on it can tell of that.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::lab::{DrillLab, ENVIRONMENT};
use super::troubles::{MET, database};
use super::users::Users;
use super::{End, ends, visits};
use crate::lab::inbox::{HEARTBEAT, gateway};
use crate::lab::store::Store;
use crate::project::DATABASE;
use crate::tools::process::interrupt;

/// The bucket, and the folder in it.
const BUCKET: &str = "copies";
/// Who has an account there before.
const ORGANISATION: &str = "ada@lost-host.example";
/// The longest until copies are in the store.
const SENT_TIMEOUT: Duration = Duration::from_secs(180);
/// The longest until the watcher says that it is alive: twice as long as from one time to the next.
const BEAT_TIMEOUT: Duration = Duration::from_secs(120);

/// Its machine is removed, with all that was on it. Another one, which is bare, has its address.
pub fn host_lost(lab: &DrillLab, users: &Users) -> Result<Instant> {
    let store = Store::start(&gateway(&lab.host)?, BUCKET)?;
    let (key, recipient) = lab.key()?;
    let access = &store.access;
    for (name, value) in [
        ("BACKUP_TO", format!("s3://{BUCKET}/drill")),
        ("BACKUP_RECIPIENT", recipient),
        ("BACKUP_S3_ENDPOINT", access.endpoint.clone().unwrap_or_default()),
        ("BACKUP_S3_KEY_ID", access.key_id.clone()),
        ("BACKUP_S3_SECRET", access.secret.clone()),
        ("HEARTBEAT_URL", lab.inbox.heartbeat()),
    ] {
        lab.copy.set_variable(name, &value);
    }
    lab.store.replace(Some(store));
    let before = Instant::now();
    lab.call(&["monitor", "up", "--env", ENVIRONMENT])?;
    visits::add(lab, ORGANISATION)?;
    let made = lab.json(&["db", "backup", "--json", "--env", ENVIRONMENT])?;
    lab.call(&["db", "copies", "up", "--env", ENVIRONMENT])?;
    wait_until_sent(lab, made["name"].as_str().context("the backup has no name")?)?;
    lab.inbox.wait_for(HEARTBEAT, "", before, BEAT_TIMEOUT)?;
    let began = users.mark();
    lab.lose_machine()?;
    users.wait_until_unwell(MET)?;
    for (word, value) in [
        ("203.0.113.10", "127.0.0.1".to_owned()),
        ("ssh-ed25519 AAAA…", lab.another_machine()?),
        ("backup.key", key.into_string()),
    ] {
        lab.put(word, &value);
    }
    Ok(began)
}

fn wait_until_sent(lab: &DrillLab, backup: &str) -> Result<()> {
    let began = Instant::now();
    loop {
        let status = lab.json(&["status", "--json", "--env", ENVIRONMENT])?;
        if status["last_copy"]["name"] == backup && !status["sent_copies"]["ledger_at"].is_null() {
            return Ok(());
        }
        ensure!(
            began.elapsed() < SENT_TIMEOUT,
            "{backup} does not leave the host: {}",
            status["sent_copies"]
        );
        interrupt::pause(Duration::from_secs(1))?;
    }
}

/// The same release serves, with the data of before, and is watched again.
pub fn made_again(end: &End) -> Result<()> {
    ends::well_serves(end)?;
    let ask = format!("SELECT count(*) FROM organisations WHERE name = '{ORGANISATION}'");
    let database = database();
    let psql = ["docker", "exec", &database, "psql", "--username=postgres", "--dbname", DATABASE];
    let count = end.lab.root(&[&psql[..], &["--no-align", "--tuples-only", "--command", &ask]].concat())?;
    ensure!(count.trim() == "1", "the database lacks what it had: {count}");
    end.lab.inbox.wait_for(HEARTBEAT, "", Instant::now(), BEAT_TIMEOUT).map(drop)
}
