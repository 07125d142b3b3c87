//! A host changes from HTTP to HTTPS, and back; and certificates, as an authority gives them.

#[path = "../../src/lab/expired.rs"]
mod expired;

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use libtest_mimic::Failed;
use rustls::crypto::ring;
use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsConfigBuilder};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use crate::environment::Lab;
use crate::host::Host;
use crate::support::http::get;
use crate::support::xtask::XtaskCommand;
use crate::support::{check, run, wait_until};

/// For names under `localhost` the edge issues its own certificate, which no public authority has signed.
const NAME: &str = "tracehub.localhost";

pub fn there_and_back(lab: &Lab) -> Result<(), Failed> {
    let (host, url) = (&lab.hosts[1], format!("https://{NAME}:{}", lab.hosts[1].https));
    let up = |url: &str, more: &[&str]| -> XtaskCommand {
        let arguments: Vec<&str> =
            ["platform", "up", "--env", "staging"].iter().chain(more).copied().collect();
        lab.project.xtask_verbatim(&arguments).env("STAGING_URL", url)
    };
    let files = || host.sh("cd /opt/tracehub-app/platform && ls *.yaml");

    let output = up(&host.url, &[]).succeeds()?;
    check(output.contains("Nothing to do"), || output)?;
    let output = up(&url, &["--plan"]).succeeds()?;
    check(output.contains("start edge anew") && !output.contains("start postgres anew"), || output)?;
    // Compose must read the files that the platform was started with, and not those of the change.
    lab.project.xtask_verbatim(&["logs", "edge", "--env", "staging"]).env("STAGING_URL", &url).succeeds()?;
    up(&url, &["--yes"]).succeeds()?;
    let ready = || answer(host.https).filter(|answer| answer.status() == 200);
    wait_until("it answers by HTTPS", Duration::from_secs(30), || ready().is_some())?;
    let security = ready().and_then(|answer| answer.headers().get("strict-transport-security").cloned());
    check(security.as_ref().is_some_and(|it| it.as_bytes().starts_with(b"max-age=31536000")), || {
        format!("browsers are not told to stay with HTTPS: {security:?}")
    })?;
    // By whatever else the host is called: nothing is said for a name that is not its own.
    let plain = get(&host.url, "/health/ready")?;
    check(plain.status == 421 && plain.header("strict-transport-security").is_none(), || {
        format!("{plain:?}")
    })?;
    let output = up(&url, &[]).succeeds()?;
    check(output.contains("Nothing to do"), || output)?;

    up(&host.url, &["--yes"]).succeeds()?;
    check(files() == "platform.yaml", files)?;
    check(get(&host.url, "/health/ready")?.status == 200, || "it does not answer by HTTP".into())?;
    let output = up(&host.url, &[]).succeeds()?;
    check(output.contains("Nothing to do"), || output)
}

/// As production has it: a certificate of an authority that comes to look, verified by whoever asks.
pub fn certified(lab: &Lab) -> Result<(), Failed> {
    let host = &lab.hosts[1];
    let name = format!("{}.test", host.container);
    let authority = Authority::up(lab)?;
    let call = |words: &[&str], name: &str| authority.call(lab, words, name);
    without_edge(lab, &authority, &name)?;

    // A name that nobody finds: said by whom it was asked of, and nothing of the deploy stays.
    let deploy = ["deploy", "--env", "staging", "--yes"];
    let output = call(&deploy, "nobody.test").fails_with(4)?;
    check(output.contains("has no certificate for this name") && output.contains("nobody.test"), || output)?;
    call(&deploy, &name).succeeds()?;
    check(authority.verified(&name, host.https)? == 200, || "it does not serve".into())?;
    let status = call(&["status", "--env", "staging", "--json"], &name).json()?;
    check(status["certificate_trouble"].is_null() && status["certificate_days"] == 0, || status.to_string())?;
    let plain = redirect(&host.url, &name)?;
    check(
        plain.contains(" 308 ") && plain.contains(&format!("https://{name}/shipments/12?port=a%20b")),
        || plain,
    )?;

    // The edge was started for another name: said before anything is begun.
    let output = call(&["deploy", "--env", "staging", "--plan"], "nobody.test").fails_with(10)?;
    check(
        output.contains("users can't come to https://nobody.test") && output.contains("platform up"),
        || output,
    )?;
    let up = ["platform", "up", "--env", "staging", "--yes"];
    let output = call(&up, "nobody.test").fails_with(1)?;
    check(output.contains("has no certificate for this name") && !output.contains("Platform:"), || output)?;
    call(&up, &name).succeeds()?;

    a_certificate_that_has_expired(lab, &authority, &name)
}

/// A certificate lives for five minutes, the shortest that Caddy's authority gives. The edge renews it at a third of that, while
/// users come in. The one after it can't be renewed: that is said while there is time left, and is no wall for a fix.
pub fn renewed(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, &lab.hosts[1]);
    let name = format!("{}.test", host.container);
    let authority = Authority::up(lab)?;
    let call = |words: &[&str]| authority.call(lab, words, &name);
    authority.certifies_for_minutes(5)?;
    // Else it looks each ten minutes.
    let caddyfile = "tracehub/deploy/edge/Caddyfile";
    project.replace(caddyfile, "\tmetrics\n", "\tmetrics\n\trenew_interval 5s\n");
    project.commit("The edge looks more often for what is to be renewed");
    without_edge(lab, &authority, &name)?;
    call(&["deploy", "--env", "staging", "--yes"]).succeeds()?;

    let first = shown(host, &name)?;
    let users = Users::start(&authority, &name, host.https)?;
    let another = || shown(host, &name).is_ok_and(|now| now != first);
    let renewed = wait_until("the certificate is renewed", Duration::from_secs(330), another);
    // Whoever comes now gets the new one.
    std::thread::sleep(Duration::from_secs(2));
    let (asked, failures) = users.stop();
    println!("    {asked} requests around a renewal, {} failed", failures.len());
    renewed?;
    check(failures.is_empty() && asked > 500, || format!("{asked} requests: {failures:?}"))?;

    authority.stop();
    project.append("tracehub/frontend/index.html", "<!-- A fix. -->\n");
    lab.push_release("A fix for a host whose certificate is late")?;
    let status = || call(&["status", "--env", "staging"]).succeeds().unwrap_or_default();
    let late = "and the edge ought to have another one by now";
    wait_until("it is late", Duration::from_secs(330), || status().contains(&format!("in 1 min, {late}")))?;
    wait_until("it ends soon", Duration::from_secs(60), || {
        status().contains(&format!("within a minute, {late}"))
    })?;
    // It ends while the release is watched.
    let output = call(&["deploy", "--env", "staging", "--bake", "60s", "--yes"]).succeeds()?;
    let said = output.find(late).is_some_and(|at| output.find("Deployed:").is_some_and(|end| at < end));
    check(said, || output)?;
    check(authority.verified(&name, host.https).is_err(), || "it has not ended".into())?;
    let doctor = call(&["doctor", "--env", "staging"]).output()?;
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    check(doctor.contains("expired at"), || doctor)?;
    project.replace(caddyfile, "\trenew_interval 5s\n", "");
    project.commit("The edge looks as often as everywhere");
    Ok(())
}

/// The host is set up, and from the beginning, whatever was there before.
fn without_edge(lab: &Lab, authority: &Authority, name: &str) -> Result<(), Failed> {
    authority.call(lab, &["host", "setup", "--env", "staging", "--yes"], name).succeeds()?;
    let _ = authority.call(lab, &["down", "--env", "staging", "--yes"], name).output();
    lab.hosts[1].sh("docker volume rm tracehub-staging-certificates");
    Ok(())
}

/// It is no wall for a fix.
fn a_certificate_that_has_expired(lab: &Lab, authority: &Authority, name: &str) -> Result<(), Failed> {
    let (project, host) = (&lab.project, &lab.hosts[1]);
    let call = |words: &[&str]| authority.call(lab, words, name);
    authority.stop();
    let folder = tempfile::tempdir()?;
    make_expired(folder.path(), name)?;
    let volume = "/var/lib/docker/volumes/tracehub-staging-certificates/_data";
    for (end, made) in [("key", "key"), ("crt", "certificate")] {
        let there = host.sh(&format!("find {volume} -name {name}.{end}"));
        host.write(&there, &std::fs::read_to_string(folder.path().join(made))?);
    }
    host.sh("docker restart --time 1 tracehub-staging-platform-edge-1");
    wait_until("it shows that it has expired", Duration::from_secs(30), || {
        call(&["status", "--env", "staging"]).succeeds().is_ok_and(|status| status.contains("expired at"))
    })?;
    check(authority.verified(name, host.https).is_err(), || "it is not refused".into())?;
    project.append("tracehub/frontend/index.html", "<!-- A fix. -->\n");
    project.commit("A fix");
    let output = call(&["deploy", "--env", "staging", "--yes"]).succeeds()?;
    check(output.contains("expired at") && output.contains("Deployed:"), || output)
}

/// Makes a key, and a certificate of it that has ended, in this folder.
fn make_expired(folder: &Path, name: &str) -> Result<(), Failed> {
    for (file, text) in expired::files(name) {
        std::fs::write(folder.join(file), text)?;
    }
    for words in [expired::REQUEST, expired::SIGN] {
        let made = Command::new("openssl").args(words.split_whitespace()).current_dir(folder).output()?;
        check(made.status.success(), || String::from_utf8_lossy(&made.stderr).into_owned())?;
    }
    Ok(())
}

/// The lab's authority.
struct Authority {
    container: String,
    variables: Vec<(String, String)>,
}

impl Authority {
    fn up(lab: &Lab) -> Result<Authority, Failed> {
        let project = &lab.project;
        project.xtask_verbatim(&["lab", "up", "--hosts", "3", "--https", "--yes"]).succeeds()?;
        let told = project.xtask_verbatim(&["lab", "env"]).succeeds()?;
        let variables = told.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        let variables = variables.filter(|(name, _)| name.starts_with("STAGING_ACME"));
        let status = project.xtask_verbatim(&["lab", "status", "--json"]).json()?;
        Ok(Authority {
            container: status["lab"]["authority"]["container"].as_str().ok_or("there is none")?.to_owned(),
            variables: variables
                .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
                .collect(),
        })
    }

    /// A call that knows of it, for staging, where users know it by this name.
    fn call(&self, lab: &Lab, words: &[&str], name: &str) -> XtaskCommand {
        let call = lab
            .project
            .xtask_verbatim(words)
            .env("STAGING_URL", &format!("https://{name}:{}", lab.hosts[1].https));
        self.variables.iter().fold(call, |call, (name, value)| call.env(name, value))
    }

    /// From here on what it signs is good for so long.
    fn certifies_for_minutes(&self, minutes: u8) -> Result<(), Failed> {
        let script = r#"sed -i "s/^\tacme_server.*/\tacme_server {\n\t\tlifetime $1m\n\t}/" /tmp/Caddyfile && kill -USR1 1"#;
        run(Command::new("docker").args([
            "exec",
            &self.container,
            "sh",
            "-c",
            script,
            "lifetime",
            &minutes.to_string(),
        ]));
        wait_until("the authority has read it", Duration::from_secs(10), || {
            let log = Command::new("docker").args(["logs", &self.container]).output();
            log.is_ok_and(|log| String::from_utf8_lossy(&log.stderr).contains("successfully reloaded"))
        })
    }

    fn stop(&self) {
        Command::new("docker").args(["stop", "--time", "1", &self.container]).output().expect("docker runs");
    }

    /// The status that somebody gets who trusts it alone.
    fn verified(&self, name: &str, port: u16) -> Result<u16, Failed> {
        Ok(self.browser()?.get(format!("https://{name}:{port}/health/ready")).call()?.status().as_u16())
    }

    /// What trusts it alone.
    fn browser(&self) -> Result<Agent, Failed> {
        let root =
            self.variables.iter().find(|(name, _)| name == "STAGING_ACME_ROOT").ok_or("it has no root")?;
        let root = Certificate::from_pem(&std::fs::read(&root.1)?)?;
        Ok(agent(TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(vec![root])))))
    }
}

/// Send a request ten times a second, each second one on a connection of its own, and verify who answers.
struct Users {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, Vec<String>)>,
}

impl Users {
    fn start(authority: &Authority, name: &str, port: u16) -> Result<Users, Failed> {
        let (stop, kept) = (Arc::new(AtomicBool::new(false)), authority.browser()?);
        let root = authority.browser()?.config().tls_config().clone();
        let url = format!("https://{name}:{port}/api/version");
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut asked, mut failures) = (0, Vec::new());
            while !until.load(Ordering::Relaxed) {
                let new = (asked % 2 == 0).then(|| agent_with(root.clone()));
                let answer = new.as_ref().unwrap_or(&kept).get(&url).call();
                asked += 1;
                match answer.and_then(|mut answer| {
                    answer.body_mut().read_to_string().map(|_| answer.status().as_u16())
                }) {
                    Ok(200) => {}
                    Ok(status) => failures.push(format!("status {status}")),
                    Err(error) => failures.push(error.to_string()),
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            (asked, failures)
        });
        Ok(Users { stop, thread })
    }

    /// How many were sent, and what failed.
    fn stop(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("users do not panic")
    }
}

/// The number of the certificate that the edge shows.
fn shown(host: &Host, name: &str) -> Result<String, Failed> {
    let script = r#"openssl s_client -connect "127.0.0.1:$1" -servername "$2" </dev/null 2>/dev/null | openssl x509 -noout -serial"#;
    let told = Command::new("sh").args(["-c", script, "shown", &host.https.to_string(), name]).output()?;
    let serial = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    check(serial.starts_with("serial="), || format!("no certificate is shown: {told:?}"))?;
    Ok(serial)
}

/// What is answered at port 80 to somebody who asks for a page of this name.
fn redirect(url: &str, name: &str) -> Result<String, Failed> {
    let mut stream = std::net::TcpStream::connect(url.trim_start_matches("http://"))?;
    write!(stream, "GET /shipments/12?port=a%20b HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Its answer, whoever has signed the certificate; none when it gives none.
fn answer(port: u16) -> Option<Response<Body>> {
    let agent = agent(TlsConfig::builder().disable_verification(true));
    agent.get(format!("https://{NAME}:{port}/health/ready")).call().ok()
}

fn agent(tls: TlsConfigBuilder) -> Agent {
    agent_with(tls.unversioned_rustls_crypto_provider(Arc::new(ring::default_provider())).build())
}

fn agent_with(tls: TlsConfig) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .proxy(None)
        .tls_config(tls)
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Loopback)
}

/// Every name is this machine: not each knows the names under `localhost`.
#[derive(Debug)]
struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        found.push(([127, 0, 0, 1], uri.port_u16().unwrap_or(443)).into());
        Ok(found)
    }
}
