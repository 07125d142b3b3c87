//! What the database was at a moment, out of the archive of its WAL in a store.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::support::http::get;
use crate::support::project::Project;
use crate::support::store::Store;
use crate::support::xtask::XtaskCommand;
use crate::support::{check, run, wait_until};

/// What came in a minute is there after two.
const PATIENCE: Duration = Duration::from_secs(150);
const KEY: &str = "a-key-for-tests-0123456789-0123456789";

/// Two writes, and back to between them; then what would make a hole, and a store that says nothing.
pub fn restored(project: &Project) -> Result<(), Failed> {
    if project.live().is_none() {
        project.deploy().succeeds()?;
    }
    let (store, folder) = (Store::start("copies")?, tempfile::tempdir()?);
    let key = folder.path().join("backup.key").to_string_lossy().into_owned();
    run(Command::new("age-keygen").args(["-o", &key]));
    let recipient = run(Command::new("age-keygen").args(["-y", &key]));
    let up = |endpoint: &str, cipher: &str| -> XtaskCommand {
        [
            ("BACKUP_TO", "s3://copies/here"),
            ("BACKUP_RECIPIENT", recipient.trim()),
            ("BACKUP_S3_ENDPOINT", endpoint),
            ("BACKUP_S3_KEY_ID", "writer"),
            ("BACKUP_S3_SECRET", "hidden-1"),
            ("BACKUP_S3_CA", &store.authority()),
            ("BACKUP_CIPHER_KEY", cipher),
        ]
        .into_iter()
        .fold(project.xtask(&["db", "copies", "up"]), |call, (name, value)| call.env(name, value))
    };
    let output = up(&store.endpoint, KEY).fails_with(3)?;
    check(output.contains("https://HOST"), || output)?;
    let output = up(&store.secure_endpoint, "short").fails_with(3)?;
    check(output.contains("BACKUP_CIPHER_KEY") && !output.contains("short"), || output)?;
    let at =
        |moment: &str| project.xtask(&["db", "restore", "--at", moment, "--confirm", &project.environment]);
    let output = at(&now()).fails_with(3)?;
    check(output.contains("nothing archives"), || output)?;

    let began = Instant::now();
    up(&store.secure_endpoint, KEY).succeeds()?;
    println!("    the first base backup: {:.1} s", began.elapsed().as_secs_f64());
    let result = moments(project, &store, &at);
    project.xtask(&["db", "copies", "down", "--yes"]).succeeds()?;
    check(!backups(project).join("wal").exists(), || "the database keeps its WAL on".into())?;
    check(project.status()["archive"].is_null(), || project.status().to_string())?;
    result?;
    // What the store has nobody opens with another key.
    let output = up(&store.secure_endpoint, &KEY.replace('a', "b")).fails_with(1)?;
    check(output.contains("could be archived") && !output.contains(KEY), || output)?;
    project.xtask(&["db", "copies", "down", "--yes"]).succeeds().map(drop)
}

fn moments(project: &Project, store: &Store, at: &dyn Fn(&str) -> XtaskCommand) -> Result<(), Failed> {
    let rights = "{{.HostConfig.ReadonlyRootfs}} {{.Config.User}} {{.HostConfig.CapDrop}} {{.Config.Env}} {{.Config.Cmd}}";
    let is = project.docker(&["inspect", "--format", rights, &format!("{}-archiver", project.prefix())]);
    check(is.starts_with("true 999:999 [ALL]") && !is.contains("hidden") && !is.contains(KEY), || {
        is.clone()
    })?;
    write(project, "first")?;
    thread::sleep(Duration::from_millis(1500));
    let between = now();
    thread::sleep(Duration::from_millis(1500));
    write(project, "second")?;

    for (moment, words) in
        [("2020-01-01T00:00:00Z", "is not in the archive"), ("2100-01-01T00:00:00Z", "until")]
    {
        let output = at(moment).fails_with(3)?;
        check(output.contains(words) && output.contains("which has what was from"), || output)?;
    }
    let output = at("yesterday").fails_with(2)?;
    check(output.contains("2026-01-03T12:00:00Z"), || output)?;
    let plan = project.xtask(&["db", "restore", "--at", &between, "--plan"]).succeeds()?;
    check(plan.contains("-moment") && written(project)?.contains("second"), || plan)?;

    let began = Instant::now();
    let output = at(&between).succeeds()?;
    println!("    back to a moment: {:.1} s", began.elapsed().as_secs_f64());
    let there = written(project)?;
    check(there.contains("first") && !there.contains("second"), || format!("{there}\n{output}"))?;
    check(get(&project.url(), "/health/ready")?.status == 200, || "the app does not answer".into())?;
    check(output.contains("tracehub_replaced_"), || output)?;
    let left = backups(project).parent().map(|root| root.join("archiver/state/beside").exists());
    check(left == Some(false), || "what was recovered is left".into())?;
    // What the restore took away lies before it in the archive, and comes back.
    write(project, "third")?;
    let before_restore = project.json(&["db", "list", "--json"]);
    check(before_restore.to_string().contains("moment"), || before_restore.to_string())?;

    arrives_by_itself(project)?;
    hangs(project, store)?;
    a_hole_is_closed(project)
}

/// Nobody asks for anything: what was written is in the archive a little more than a minute later.
fn arrives_by_itself(project: &Project) -> Result<(), Failed> {
    write(project, "alone")?;
    let (began, last) =
        (Instant::now(), sql(project, "SELECT pg_walfile_name(pg_current_wal_insert_lsn())")?);
    let last = last.trim().to_owned();
    wait_until("what was written is archived", PATIENCE, || {
        sql(project, "SELECT last_archived_wal FROM pg_stat_archiver")
            .is_ok_and(|it| it.trim() >= last.as_str())
            && waiting(project) == 0
    })?;
    println!("    archived by itself: {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// A store that says nothing: the app goes on, `status` says so, and what has waited arrives.
fn hangs(project: &Project, store: &Store) -> Result<(), Failed> {
    store.hang(true);
    let result = (0..3).try_for_each(|number| {
        write(project, &format!("waits-{number}"))?;
        sql(project, "SELECT pg_switch_wal()").map(drop)
    });
    let said = result.and_then(|()| {
        wait_until("status says that nothing is archived", PATIENCE, || {
            !project.status()["archive"]["failure"].is_null() && waiting(project) >= 3
        })
    });
    let answers = get(&project.url(), "/health/ready").map(|response| response.status);
    store.hang(false);
    said?;
    check(answers? == 200, || "the app does not answer".into())?;
    wait_until("what has waited is archived", PATIENCE, || {
        waiting(project) == 0 && project.status()["archive"]["failure"].is_null()
    })
}

/// As when the store is away for so long that more waits than may: what came then is let go, and said, until the next base backup.
fn a_hole_is_closed(project: &Project) -> Result<(), Failed> {
    let base = project.status()["archive"]["base"].clone();
    let database = project.platform_container("postgres");
    project.docker(&["exec", "--user", "999", &database, "touch", "/backups/wal/lost"]);
    wait_until("a base backup begins anew", PATIENCE, || {
        let archive = project.status()["archive"].clone();
        archive["base"] != base && archive["lost"].is_null() && archive["failure"].is_null()
    })
}

fn backups(project: &Project) -> PathBuf {
    project.root().join("backups").into_std_path_buf()
}

/// How many files of WAL wait for the store.
fn waiting(project: &Project) -> usize {
    let files = fs::read_dir(backups(project).join("wal")).into_iter().flatten().flatten();
    files.filter(|file| file.file_name().to_string_lossy().starts_with('0')).count()
}

fn write(project: &Project, mark: &str) -> Result<(), Failed> {
    sql(
        project,
        &format!(
            "CREATE TABLE IF NOT EXISTS public.marks (mark text); INSERT INTO public.marks VALUES ('{mark}')"
        ),
    )
    .map(drop)
}

fn written(project: &Project) -> Result<String, Failed> {
    sql(project, "SELECT mark FROM public.marks")
}

fn sql(project: &Project, text: &str) -> Result<String, Failed> {
    let words = ["db", "shell", "--superuser", "--", "--tuples-only", "--no-align", "--command", text];
    project.xtask(&words).succeeds()
}

fn now() -> String {
    run(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])).trim().to_owned()
}
