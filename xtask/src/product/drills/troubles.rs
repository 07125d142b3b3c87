//! How each trouble is made, for real.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::json;
use xshell::cmd;

use super::lab::{ASK_TIMEOUT, DrillLab, ENVIRONMENT, ROOT};
use super::users::Users;
use super::visits;
use crate::lab::expired;
use crate::project::{DATABASE, DATABASE_SERVICE, NAME, SMOKE_TEST};
use crate::tools::files::private;
use crate::tools::process::{Run, interrupt, shell_in};

/// From the trouble on until users meet it.
pub(super) const MET: Duration = Duration::from_secs(60);
/// How long a deploy may take to its switch.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(120);

/// It is confirmed, and turns bad some time later.
pub fn bad_release(lab: &DrillLab, users: &Users) -> Result<Instant> {
    lab.with_fault("turns-bad")?;
    lab.call(&["deploy", "--yes", "--env", ENVIRONMENT])?;
    let began = users.mark();
    ensure!(lab.get("/api/test/turn-bad")? == 500, "the release does not turn bad when it is asked to");
    users.wait_until_unwell(MET)?;
    Ok(began)
}

/// Its container is stopped, and the engine does not start again what somebody has stopped.
pub fn edge_stopped(lab: &DrillLab, users: &Users) -> Result<Instant> {
    let began = users.mark();
    lab.root(&["docker", "stop", "--time", "1", &DrillLab::edge()])?;
    users.wait_until_unwell(MET)?;
    Ok(began)
}

/// SIGKILL, right after the switch.
pub fn driver_killed(lab: &DrillLab, users: &Users) -> Result<Instant> {
    lab.with_fault("logs-errors")?;
    let before = lab.live()?;
    let driver = lab.begin(&["deploy", "--yes", "--bake", "20s", "--env", ENVIRONMENT])?;
    let began = Instant::now();
    while lab.live()? == before {
        ensure!(began.elapsed() < SWITCH_TIMEOUT, "the deploy has not come to its switch");
        interrupt::pause(Duration::from_millis(100))?;
    }
    let killed = users.mark();
    driver.group.signal(Signal::KILL);
    Ok(killed)
}

/// It is dropped, with everybody's connections.
pub fn database_lost(lab: &DrillLab, users: &Users) -> Result<Instant> {
    let made = lab.json(&["db", "backup", "--json", "--env", ENVIRONMENT])?;
    lab.put("NAME", made["name"].as_str().context("the backup has no name")?);
    let began = users.mark();
    let drop = format!("DROP DATABASE {DATABASE} WITH (FORCE)");
    lab.root(&["docker", "exec", &database(), "psql", "--username=postgres", "--command", &drop])?;
    users.wait_until_unwell(MET)?;
    Ok(began)
}

/// Somebody tries passwords from where the user is.
pub fn log_ins_locked(lab: &DrillLab, users: &Users) -> Result<Instant> {
    const MOST: usize = 60;
    let began = users.mark();
    let wrong = json!({ "email": visits::WHO_LOGS_IN, "password": "not that one, and not that one" });
    let try_one = || {
        let url = format!("{}{}", lab.url, SMOKE_TEST.log_in);
        Ok::<_, anyhow::Error>(lab.client().post_json(&url, None, &wrong, ASK_TIMEOUT)?.status)
    };
    let mut tried = 0;
    while try_one()? != 429 {
        tried += 1;
        ensure!(tried < MOST, "{MOST} wrong passwords, and nobody is refused");
    }
    users.wait_until_unwell(MET)?;
    Ok(began)
}

/// Old backups take the whole disk.
pub fn disk_full(lab: &DrillLab, users: &Users) -> Result<Instant> {
    const FILL: &str = r#"cd "$1" && newest=$(ls -t *z-*.json | head -n 1) && name=${newest%.json} || exit 1
hour=0
while [ $hour -lt 16 ]; do
    two=$(printf %02d $hour) old=20260103t$(printf %02d $hour)0000z-drill
    sed "s/$name/$old/g; s/\"at\":\"[^\"]*\"/\"at\":\"2026-01-03T$two:00:00Z\"/" "$newest" >$old.json &&
        fallocate -l 95M $old.dump && cp -p "$name.counts" $old.counts &&
        chown --reference="$newest" $old.* && chmod --reference="$newest" $old.* || exit 1
    hour=$((hour + 1))
done"#;
    lab.call(&["db", "backup", "--env", ENVIRONMENT])?;
    let began = users.mark();
    lab.root(&["sh", "-c", FILL, "fill", &format!("{ROOT}/backups")])?;
    Ok(began)
}

/// Somebody has a session and forgets it: what it has read can't be changed.
pub fn migration_stuck(lab: &DrillLab, users: &Users) -> Result<Instant> {
    const HOLD: &str = "BEGIN; SELECT count(*) FROM shipments; SELECT pg_sleep(900)";
    lab.root(&[
        "docker",
        "exec",
        "--detach",
        &database(),
        "psql",
        "--username=postgres",
        "--dbname",
        DATABASE,
        "--command",
        HOLD,
    ])?;
    let name = "tracehub/backend/migrations/20990104000000_drill";
    lab.copy.add(&format!("{name}.down.sql"), "ALTER TABLE shipments DROP COLUMN drill;\n")?;
    lab.copy.add(&format!("{name}.up.sql"), "-- expand\nALTER TABLE shipments ADD COLUMN drill text;\n")?;
    lab.copy.push("a release with a migration")?;
    let began = users.mark();
    let deploy = Run::new(lab.copy.xtask(&["deploy", "--yes", "--env", ENVIRONMENT])?);
    let told = deploy.timeout(SWITCH_TIMEOUT * 5).finish()?;
    ensure!(told.status.code() == Some(4), "the migration was not in anybody's way: {}", told.stderr);
    let asks = format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = '{DATABASE}' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
    );
    let pid = lab.root(&[
        "docker",
        "exec",
        &database(),
        "psql",
        "--username=postgres",
        "--no-align",
        "--tuples-only",
        "--command",
        &asks,
    ])?;
    lab.put("PID", pid.trim());
    Ok(began)
}

/// Somebody has what signs log-ins, and comes in by it.
pub fn secret_leaked(lab: &DrillLab, users: &Users) -> Result<Instant> {
    let version = lab.root(&["ls", &format!("{ROOT}/secrets/jwt_secret")])?;
    let version = version.split_whitespace().filter_map(|it| it.parse::<u32>().ok()).max();
    lab.put("VERSION", &version.context("there is no version of the secret")?.to_string());
    let token = visits::log_in(lab)?;
    let began = users.mark();
    users.steal(token);
    users.wait_until_unwell(MET)?;
    Ok(began)
}

/// It ended while nobody could be asked for another one.
pub fn certificate_ended(lab: &DrillLab, users: &Users) -> Result<Instant> {
    let folder = private::Folder::new()?;
    let (path, name, sh) = (folder.path(), lab.name(), shell_in(folder.path()));
    for (file, text) in expired::files(&name) {
        fs::write(path.join(file), text)?;
    }
    for words in [expired::REQUEST, expired::SIGN] {
        let words: Vec<&str> = words.split_whitespace().collect();
        Run::new(cmd!(sh, "openssl {words...}")).run()?;
    }
    lab.authority("stop")?;
    let volume = format!("/var/lib/docker/volumes/{NAME}-{ENVIRONMENT}-certificates/_data");
    for (end, made) in [("key", "key"), ("crt", "certificate")] {
        let there = lab.root(&["find", &volume, "-name", &format!("{name}.{end}")])?;
        ensure!(!there.is_empty(), "the edge has no {name}.{end}");
        lab.write(there.trim(), &fs::read_to_string(path.join(made))?)?;
    }
    let began = users.mark();
    lab.root(&["docker", "restart", "--time", "1", &DrillLab::edge()])?;
    users.wait_until_unwell(MET)?;
    lab.authority("start")?;
    Ok(began)
}

pub fn database() -> String {
    DrillLab::platform(DATABASE_SERVICE.name)
}
