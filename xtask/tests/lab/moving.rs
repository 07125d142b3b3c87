//! An environment goes to another machine while its users go on, and they wait for some seconds.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use serde_json::{Value, json};
use ureq::Agent;

use crate::environment::Lab;
use crate::host::Host;
use crate::support::http::get;
use crate::support::papers::Upload;
use crate::support::project::Project;
use crate::support::xtask::XtaskCommand;
use crate::support::{check, wait_until};

const PATIENCE: Duration = Duration::from_secs(120);
const RECORD: &str = "/opt/tracehub-app/move.json";

/// Killed before there is no way back, it comes back by itself; killed after it, the same command completes it. No row that was
/// acknowledged is lost, and whoever still comes to the old machine is served by the new one.
pub fn moved(lab: &Lab) -> Result<(), Failed> {
    let (project, old) = (&lab.project, lab.another_machine()?);
    let old = &old;
    lead_to(project, old, ("127.0.0.1", old.ssh), &old.url);
    project.xtask(&["host", "setup", "--yes"]).succeeds()?;
    project.deploy().succeeds()?;
    let paper = Upload::begin(project)?.end(project)?;
    let new = lab.another_machine()?;
    // By which machines of the lab, and this one, find each other.
    let address = address(&new);
    let (url, fingerprint) = (format!("http://{address}"), fingerprint(&new.key)?);
    let command = ["host", "move", "--to", &address, "--url", &url, "--fingerprint", &fingerprint];
    let go = |more: &[&str]| project.xtask(&[&command, more].concat());
    refused(project, old, &new, &go)?;
    let live = old.live();

    // Killed while users wait.
    let users = Users::start(project, "there@moved.example")?;
    let driver = go(&["--yes"]).spawn();
    let in_it =
        wait_until("users wait", Duration::from_secs(600), || driver.has_exited() || state(old) == "cutting");
    check(in_it.is_ok() && !driver.has_exited(), || driver.output())?;
    driver.kill();
    let killed = Instant::now();
    wait_until("the old machine serves again", PATIENCE, || {
        state(old) == "undone" && get(&old.url, "/api/version").is_ok_and(|it| it.status == 200)
    })?;
    println!("    after the kill it serves again within {:.1} s", killed.elapsed().as_secs_f64());
    let before = users.acknowledged();
    wait_until("rows are written there again", PATIENCE, || users.acknowledged() > before + 3)?;
    project.xtask(&["recover"]).succeeds()?;
    check(new.live() == "none" || get(&new.url, "/api/version")?.status == 503, || {
        "the new machine serves already".into()
    })?;

    // Killed when there is no way back, and nobody is served: nothing there stops what comes after it, but a lost link.
    let driver = go(&["--yes"]).spawn();
    old.sh(&format!(
        "for i in $(seq 15000); do grep -q '\"state\":\"moved\"' {RECORD} && break; sleep 0.02; done"
    ));
    driver.kill();
    let output = project.deploy().fails_with(3)?;
    check(output.contains("has left this machine") && output.contains(&address), || output)?;
    project.xtask(&["rollback"]).fails_with(3)?;
    let output = project.xtask(&["recover"]).fails_with(3)?;
    check(output.contains("host move --env lab --to"), || output)?;
    let done = go(&["--yes", "--json"]).json()?;
    println!("    {done}");
    check(done["release"] == live.as_str() && done["hands_on"] == true, || done.to_string())?;
    check(new.live() == live && get(&new.url, "/health/ready")?.is_ok_from(&live), || new.live())?;

    // By the old address they are served by the new machine.
    let before = users.acknowledged();
    wait_until("rows are written by the old address", PATIENCE, || users.acknowledged() > before + 5)?;
    let seen = users.stop();
    lead_to(project, &new, (&address, 22), &url);
    let sql = "SELECT count(*) FROM shipments WHERE product = 'Moved'";
    let words = ["db", "shell", "--superuser", "--", "--tuples-only", "--no-align", "--command", sql];
    let rows: usize = project
        .xtask(&words)
        .succeeds()?
        .lines()
        .find_map(|line| line.trim().parse().ok())
        .ok_or("no count")?;
    println!("    {seen:?}, {rows} rows there");
    // Of each pause at most one row was written whose answer never came.
    check((seen.acknowledged..=seen.acknowledged + 2).contains(&rows), || format!("{seen:?}, {rows} rows"))?;
    check(seen.failures.is_empty(), || format!("{seen:?}"))?;
    paper.is_served(&url)?;
    afterwards(lab, old, &new)
}

/// The new machine is the host, with all of its history; the old one is forgotten.
fn afterwards(lab: &Lab, old: &Host, new: &Host) -> Result<(), Failed> {
    let project = &lab.project;
    let output = project.deploy().succeeds()?;
    check(output.contains("Nothing to do"), || output)?;
    let status = project.status();
    check(status["ledger_damage"] == json!([]), || status.to_string())?;
    let ledger = new.sh("cat /opt/tracehub-app/ledger.jsonl");
    check(
        ledger.contains("the host was left") && ledger.contains("The first release") || ledger.len() > 1000,
        || ledger.clone(),
    )?;
    let running = old.sh("docker ps --format '{{.Names}}'");
    check(running == "tracehub-lab-platform-edge-1", || running)?;
    lab.push_release("A release after the move")?;
    project.deploy().succeeds()?;
    check(get(&old.url, "/health/ready")?.is_ok_from(&new.live()), || "it is not handed on".into())?;

    project.xtask(&["host", "move", "--forget-old", "--yes"]).succeeds()?;
    let left = old.sh("docker ps --all --quiet; docker volume ls --quiet; ls -A /opt/tracehub-app/secrets /opt/tracehub-app/backups | grep -v :");
    check(left.trim().is_empty(), || left)?;
    check(get(&new.url, "/health/ready")?.status == 200, || "the new one does not serve".into())
}

fn refused(
    project: &Project,
    old: &Host,
    new: &Host,
    go: &dyn Fn(&[&str]) -> XtaskCommand,
) -> Result<(), Failed> {
    let untouched = || new.sh("command -v dockerd; ls /opt");
    let to = |to: &str, key: &str| {
        let fingerprint = fingerprint(key).unwrap_or_default();
        project.xtask(&["host", "move", "--to", to, "--fingerprint", &fingerprint, "--yes"])
    };
    let output = to(&format!("127.0.0.1:{}", old.ssh), &old.key).fails_with(3)?;
    check(output.contains("is the machine that lab is on"), || output)?;
    let output = to(&format!("127.0.0.1:{}", new.ssh), &new.key).fails_with(3)?;
    check(output.contains("--url"), || output)?;
    let output = to(&format!("127.0.0.1:{}", new.ssh), &old.key).fails_with(9)?;
    check(output.contains("nobody has said that it is the right one"), || output)?;
    to("127.0.0.1:1", &new.key).fails_with(7)?;
    let planned = go(&["--plan"]).succeeds()?;
    check(planned.contains("pause") && untouched().is_empty(), || planned)?;
    check(state(old).is_empty(), || "something was done to the old machine".into())
}

fn address(host: &Host) -> String {
    host.sh(r"ip -o -4 addr show eth0 | sed 's/.* inet \([0-9.]*\).*/\1/'")
}

fn state(host: &Host) -> String {
    let told = host.sh(&format!("cat {RECORD} 2>/dev/null"));
    serde_json::from_str::<Value>(&told)
        .ok()
        .and_then(|it| it["state"].as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn lead_to(project: &Project, to: &Host, (host, port): (&str, u16), url: &str) {
    let port = port.to_string();
    for (name, value) in
        [("LAB_HOST", host), ("LAB_PORT", &port), ("LAB_HOST_KEY", &to.key), ("LAB_URL", url)]
    {
        project.set_variable(name, value);
    }
}

fn fingerprint(key: &str) -> Result<String, Failed> {
    let mut keygen = Command::new("ssh-keygen")
        .args(["-l", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    writeln!(keygen.stdin.take().ok_or("no input")?, "{key}")?;
    let told = String::from_utf8(keygen.wait_with_output()?.stdout)?;
    Ok(told.split(' ').nth(1).ok_or("no fingerprint")?.to_owned())
}

/// What became of the requests of users.
#[derive(Debug, Default)]
struct Seen {
    requests: usize,
    acknowledged: usize,
    /// Told to wait, with Retry-After.
    waited: usize,
    /// Until when, from when, and for how long together.
    longest: Duration,
    failures: Vec<String>,
}

/// Somebody who reads and somebody who enters shipments, all along, and repeats nothing.
struct Users {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    threads: Vec<JoinHandle<()>>,
}

impl Users {
    /// In an organisation of their own.
    fn start(project: &Project, email: &str) -> Result<Users, Failed> {
        let add = ["user", "add", "--organisation", email, "--new-organisation", "--email", email];
        let added = project.xtask(&[&add[..], &["--name", "Grace", "--json"]].concat()).json()?;
        let url = project.url();
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .max_idle_connections(0)
            .build()
            .into();
        let who = json!({ "email": email, "password": added["password"] });
        let mut answer = agent
            .post(format!("{url}/api/auth/login"))
            .header("content-type", "application/json")
            .send(who.to_string())?;
        let login: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        let bearer = format!("Bearer {}", login["token"].as_str().ok_or("no token")?);
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Seen::default())));
        let threads = [true, false].map(|writes| {
            let (stop, seen, url) = (Arc::clone(&stop), Arc::clone(&seen), url.clone());
            let (agent, bearer) = (agent.clone(), bearer.clone());
            thread::spawn(move || {
                let mut waiting: Option<Instant> = None;
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let answer = ask(&agent, &url, &bearer, writes, number);
                    let mut seen = seen.lock().expect("no holder panics");
                    seen.requests += 1;
                    match answer {
                        Ok((200 | 201, _)) => {
                            seen.acknowledged += usize::from(writes);
                            if let Some(since) = waiting.take() {
                                seen.longest = seen.longest.max(since.elapsed());
                            }
                        }
                        Ok((503, true)) => {
                            seen.waited += 1;
                            waiting.get_or_insert_with(Instant::now);
                        }
                        Ok((status, _)) => seen.failures.push(format!("writes {writes}: {status}")),
                        Err(error) => seen.failures.push(format!("writes {writes}: {error}")),
                    }
                    drop(seen);
                    thread::sleep(Duration::from_millis(if writes { 150 } else { 40 }));
                }
            })
        });
        Ok(Users { stop, seen, threads: threads.into() })
    }

    fn acknowledged(&self) -> usize {
        self.seen.lock().expect("no holder panics").acknowledged
    }

    fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a user does not panic");
        }
        std::mem::take(&mut *self.seen.lock().expect("no holder panics"))
    }
}

/// The status, and whether it says when to come again.
fn ask(
    agent: &Agent,
    url: &str,
    bearer: &str,
    writes: bool,
    number: usize,
) -> Result<(u16, bool), ureq::Error> {
    let answer = match writes {
        true => {
            let new: BTreeMap<&str, String> = BTreeMap::from([
                ("reference", format!("M-{number}")),
                ("product", "Moved".to_owned()),
                ("origin_port", "Tema".to_owned()),
                ("destination_port", "Antwerp".to_owned()),
            ]);
            agent
                .post(format!("{url}/api/shipments"))
                .header("authorization", bearer)
                .header("content-type", "application/json")
                .send(json!(new).to_string())?
        }
        false => agent.get(format!("{url}/api/shipments")).header("authorization", bearer).call()?,
    };
    Ok((answer.status().as_u16(), answer.headers().contains_key("retry-after")))
}
