//! The watcher: who is told of what, by real messages to a Slack and a mail server on this machine, which a host of the lab
//! reaches by the address of its engine's bridge.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::support::http::get;
use crate::support::xtask::XtaskCommand;
use crate::support::{check, run, wait_until};

/// From the cause until somebody has heard: a look each 5 s, 15 s of patience, and an answer that may take 5 s to fail to come.
const HEARD: Duration = Duration::from_secs(60);

/// Keeps what it is sent: by HTTP, or by SMTP.
struct Catcher {
    address: String,
    kept: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Catcher {
    fn start(lab: &Lab, serve: fn(&mut BufReader<TcpStream>) -> Option<String>) -> Result<Catcher, Failed> {
        let listener = TcpListener::bind((gateway(lab).as_str(), 0))?;
        let catcher = Catcher { address: listener.local_addr()?.to_string(), kept: Arc::default() };
        let kept = Arc::clone(&catcher.kept);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, kept) = (stream.expect("a connection"), Arc::clone(&kept));
                thread::spawn(move || {
                    let message = serve(&mut BufReader::new(stream));
                    let message = message.map(|message| (Instant::now(), message));
                    kept.lock().expect("no holder panics").extend(message);
                });
            }
        });
        Ok(catcher)
    }

    /// Those with these words.
    fn with(&self, words: &str) -> Vec<(Instant, String)> {
        let kept = self.kept.lock().expect("no holder panics");
        kept.iter().filter(|(_, message)| message.contains(words)).cloned().collect()
    }

    /// Waits for one with these words, and says since when it is there.
    fn wait_for(&self, words: &str, timeout: Duration) -> Result<Instant, Failed> {
        wait_until(&format!("'{words}' has arrived"), timeout, || !self.with(words).is_empty())?;
        Ok(self.with(words)[0].0)
    }
}

/// This machine's address, as hosts of the lab reach it.
pub fn gateway(lab: &Lab) -> String {
    const GATEWAY: &str = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}";
    run(Command::new("docker").args(["inspect", "--format", GATEWAY, &lab.host().container]))
        .trim()
        .to_owned()
}

fn http(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut all, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().ok()?;
        }
        all.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    Some(all + &String::from_utf8_lossy(&body))
}

fn smtp(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut all, mut in_data) = (String::new(), false);
    reader.get_mut().write_all(b"220 catcher\r\n").ok()?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        all.push_str(&line);
        let answer = match (in_data, line.trim_end()) {
            (true, ".") => {
                // It has arrived when its sender is told so.
                let _ = reader.get_mut().write_all(b"250 taken\r\n");
                return Some(all);
            }
            (true, _) => continue,
            (false, "DATA") => {
                in_data = true;
                "354 go on\r\n"
            }
            (false, _) => "250 well\r\n",
        };
        reader.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}

/// Who is told.
struct People {
    slack: Catcher,
    mail: Catcher,
    heart: Catcher,
}

impl People {
    fn of(lab: &Lab) -> Result<People, Failed> {
        Ok(People {
            slack: Catcher::start(lab, http)?,
            mail: Catcher::start(lab, smtp)?,
            heart: Catcher::start(lab, http)?,
        })
    }

    fn given(&self, call: XtaskCommand) -> XtaskCommand {
        let mail = format!("smtp://{}?from=watch@example.org&to=ada@example.org", self.mail.address);
        call.env("SLACK_WEBHOOK_URL", &format!("http://{}/services/hidden", self.slack.address))
            .env("ALARM_SMTP", &mail)
            .env("HEARTBEAT_URL", &format!("http://{}/ping/hidden", self.heart.address))
    }
}

/// By itself, without the trials before it, nothing is deployed yet.
pub fn deployed(lab: &Lab) -> Result<(), Failed> {
    if lab.host().live().len() > "none".len() {
        return Ok(());
    }
    lab.project.xtask(&["host", "setup", "--yes"]).succeeds()?;
    lab.project.deploy().succeeds().map(drop)
}

/// The watcher is started, and each way is tried.
pub fn ways(lab: &Lab) -> Result<(), Failed> {
    deployed(lab)?;
    let (project, people) = (&lab.project, People::of(lab)?);
    let output = project.xtask(&["monitor", "up"]).fails_with(3)?;
    check(output.contains("ALARM_SMTP") && output.contains("Nothing was changed"), || output)?;
    let output = project.xtask(&["status"]).succeeds()?;
    check(output.contains("nobody hears of alarms"), || output)?;
    people.given(project.xtask(&["monitor", "up"])).succeeds()?;
    let tried = project.xtask(&["monitor", "test", "--json"]).json()?;
    let ways = tried["tried"].as_array().cloned().unwrap_or_default();
    check(ways.len() == 3 && ways.iter().all(|it| it["error"].is_null()), || tried.to_string())?;
    people.slack.wait_for("[lab] test", HEARD)?;
    people.mail.wait_for("Subject: [lab] test", HEARD)?;
    people.heart.wait_for("GET /ping/hidden", HEARD)?;
    println!("    told: {}", tried["tried"]);
    // Where its secrets are not: in its environment, its command, its log.
    let seen = lab.host().sh("docker inspect tracehub-lab-watcher; docker logs tracehub-lab-watcher 2>&1");
    check(seen.contains("watching") && !seen.contains("hidden"), || seen)?;
    let status = project.status();
    // The lab has the disk, the memory and the load of the machine that it is on.
    let of_machine = ["disk-80", "disk-90", "memory", "load"];
    let open = status["watched"]["open"].as_object().cloned().unwrap_or_default();
    let is_well = open.keys().all(|alarm| of_machine.contains(&alarm.as_str()));
    check(status["watched"]["condition"] == "running" && is_well, || status.to_string())?;
    figures(lab)?;
    project.xtask(&["monitor", "down"]).succeeds()?;
    let left = lab.host().sh("docker ps --all --format '{{.Names}}' | grep watcher");
    check(left.is_empty(), || left)
}

/// What a Prometheus would ask is answered on the networks of the platform, and not to strangers.
fn figures(lab: &Lab) -> Result<(), Failed> {
    let ask = "tracehub-backend healthcheck --url http://127.0.0.1:9464/metrics && echo told";
    let told = lab
        .host()
        .sh(&format!("docker exec tracehub-lab-{}-backend-1 /usr/local/bin/{ask}", lab.host().live()));
    check(told == "told", || told)?;
    let response = get(lab.url(), "/metrics")?;
    check(response.status == 404, || format!("{response:?}"))
}

/// The edge is stopped for real.
pub fn edge_stopped(lab: &Lab) -> Result<(), Failed> {
    deployed(lab)?;
    let (project, people) = (&lab.project, People::of(lab)?);
    // A deploy starts it, and is no alarm.
    lab.push_release("another release, which is watched")?;
    people.given(project.deploy()).succeeds()?;
    check(people.slack.with("ALARM").is_empty(), || "a deploy is no alarm".into())?;
    people.heart.wait_for("GET /ping/hidden", HEARD)?;

    lab.host().sh("docker stop tracehub-lab-platform-edge-1");
    let stopped = Instant::now();
    let ways = [("Slack", &people.slack), ("mail", &people.mail)];
    for (name, catcher) in ways {
        let heard = catcher.wait_for("[lab] ALARM: site", HEARD)?;
        println!("    {name} has heard after {:.1} s", heard.duration_since(stopped).as_secs_f64());
    }
    let (_, told) = people.slack.with("[lab] ALARM: site").remove(0);
    check(told.contains("does not answer") && told.contains("runbook.md#nothing-answers"), || told)?;
    let status = project.status();
    check(status["watched"]["open"]["site"]["told"] == true, || status.to_string())?;
    // One that is started again has not forgotten what it told.
    lab.host().sh("docker restart tracehub-lab-watcher");
    thread::sleep(Duration::from_secs(25));
    check(people.slack.with("ALARM: site").len() == 1, || "it was told twice".into())?;

    lab.host().sh("docker start tracehub-lab-platform-edge-1");
    let started = Instant::now();
    for (name, catcher) in ways {
        let heard = catcher.wait_for("[lab] over: site", HEARD)?;
        println!(
            "    {name} has heard that it is over after {:.1} s",
            heard.duration_since(started).as_secs_f64()
        );
    }

    // A part that ends by itself, and comes back.
    let live = lab.host().live();
    lab.host().sh(&format!("docker restart --time 1 tracehub-lab-{live}-frontend-1"));
    let restarted = Instant::now();
    let heard = people.slack.wait_for(&format!("frontend-{live}"), HEARD)?;
    println!("    Slack has heard of the part after {:.1} s", heard.duration_since(restarted).as_secs_f64());

    // A guard that took the traffic back, as its file says.
    lab.host().write("/opt/tracehub-app/live/guard", &format!("tripped a1 {live} {live} none 0 deadline\n"));
    let tripped = Instant::now();
    let heard = people.slack.wait_for("the guard has taken the traffic back", Duration::from_secs(120))?;
    println!("    Slack has heard of the guard after {:.1} s", heard.duration_since(tripped).as_secs_f64());
    lab.host().sh("rm /opt/tracehub-app/live/guard");

    project.xtask(&["monitor", "down"]).succeeds().map(drop)
}
