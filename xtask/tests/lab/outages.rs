//! What a deploy depends on fails: the machine's power, the registry. And a reboot.

use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::project::DOWNLOAD_BYTES;
use crate::support::streams::noise;
use crate::support::{check, run, wait_until};

/// Waits until users get their answers from this release.
fn wait_until_serves(lab: &Lab, release: &str, timeout: Duration) -> Result<(), Failed> {
    wait_until("the release from before serves again", timeout, || {
        get(lab.url(), "/health/ready").is_ok_and(|response| response.release().as_deref() == Some(release))
    })
}

pub fn power_fails_in_the_watch(lab: &Lab) -> Result<(), Failed> {
    let (client, driver, live) = lab.deploy_until("A release in whose watch the power fails", "watch")?;
    run(Command::new("docker").args(["restart", "--time", "0", &lab.host().container]));
    let output = driver.exits_with(5)?;
    check(output.contains("is lost"), || output)?;
    wait_until_serves(lab, &live, Duration::from_secs(90))?;
    check(lab.host().live() == live, || "the switch was not undone".into())?;
    lab.converges("was taken back by its guard")?;
    let report = client.stop();
    // A host without power answers nobody; once it is up again, no request fails.
    check(!report.failures.is_empty() && report.failed_for() < Duration::from_secs(90), || {
        format!("{report}")
    })
}

/// The name of the registry's container that hosts pull from.
fn registry(lab: &Lab) -> String {
    let publishes = format!("publish={}", lab.project.variable("REGISTRY_READ_ONLY_PORT"));
    run(Command::new("docker").args(["ps", "--filter", &publishes, "--format", "{{.Names}}"]))
        .trim()
        .to_owned()
}

pub fn registry_fails_during_a_pull(lab: &Lab) -> Result<(), Failed> {
    let (project, live) = (&lab.project, lab.host().live());
    // Other content: a big layer that the host has to pull.
    project.write_download(noise().skip(1));
    lab.push_release("A big file that the host does not have")?;
    let (registry, client) = (registry(lab), Client::start(lab.url()));
    let before = lab.link.sent();
    let driver = project.deploy().spawn();
    let quarter = u64::try_from(DOWNLOAD_BYTES / 4)?;
    let pulling = wait_until("a quarter of it is sent", Duration::from_secs(120), || {
        lab.link.sent() - before > quarter || driver.has_exited()
    });
    run(Command::new("docker").args(["kill", &registry]));
    let output = driver.exits_with(4);
    run(Command::new("docker").args(["start", &registry]));
    pulling?;
    let output = output?;
    check(output.contains("'pull'") && output.contains("pulling localhost:"), || output)?;
    check(lab.host().live() == live, || "the traffic moved".into())?;
    lab.host().two_releases_run()?;
    lab.host().last_attempt_is("deploy undone")?;
    project.deploy().succeeds()?;
    check(lab.host().live() != live, || "the next deploy did not converge".into())?;
    // The trials after this one compare downloads with the file as it was.
    project.drop_commit();
    lab.host().last_attempt_is("deploy succeeded")?;
    client.stop().has_no_failures()
}

/// The engine takes connections and answers none; what runs goes on, and finds each other by name.
const HANG: &str = r#"mv /run/docker.sock /run/docker.sock.aside
setsid perl -MIO::Socket::UNIX -e '
    my $socket = IO::Socket::UNIX->new(Local => "/run/docker.sock", Listen => 128) or die;
    system(qw(chgrp docker /run/docker.sock)); chmod 0660, "/run/docker.sock";
    sleep' </dev/null >/dev/null 2>&1 & echo $! >/run/hang.pid
for _ in $(seq 50); do [ -S /run/docker.sock ] && break; sleep 0.1; done"#;
const ANSWER: &str = "kill $(cat /run/hang.pid); rm -f /run/docker.sock /run/hang.pid; mv /run/docker.sock.aside /run/docker.sock";

pub fn engine_silent(lab: &Lab) -> Result<(), Failed> {
    let (project, host, live) = (&lab.project, lab.host(), lab.host().live());
    let warm = project.warm().ok_or("nothing is warm")?;
    let client = Client::start(lab.url());
    host.sh(HANG);
    let began = Instant::now();
    let back = project.xtask(&["rollback"]).succeeds();
    let (took, after_back, report) = (began.elapsed(), host.live(), client.stop());
    let maintained = maintained(lab);
    host.sh(ANSWER);
    let back = back?;
    println!("    back after {:.1} s", took.as_secs_f64());
    maintained?;
    report.has_no_failures_from(2)?;
    check(after_back == warm && took < Duration::from_secs(20), || format!("{after_back} after {took:?}"))?;
    check(back.contains("unchecked: whether each part of"), || back)?;
    let ledger = host.sh("cat /opt/tracehub-app/ledger.jsonl");
    check(ledger.contains("unchecked: the engine did not answer"), || ledger.clone())?;
    check(ledger.contains("maintenance is over"), || "the ledger knows nothing of the maintenance".into())?;
    host.last_attempt_is("rollback succeeded")?;
    check(project.warm() == Some(live.clone()), || "another release is warm".into())?;
    project.deploy().succeeds()?;
    host.last_attempt_is("deploy succeeded")?;
    host.two_releases_run()
}

/// Users are asked to wait, and let in again.
fn maintained(lab: &Lab) -> Result<(), Failed> {
    let status = || get(lab.url(), "/").map(|response| response.status);
    lab.project.xtask(&["maintenance", "on", "--reason", "a trial"]).succeeds()?;
    let asked = status()?;
    lab.project.xtask(&["maintenance", "off"]).succeeds()?;
    let (asked, let_in) = (asked, status()?);
    check((asked, let_in) == (503, 200), || format!("{asked}, then {let_in}"))
}

pub fn reboot(lab: &Lab) -> Result<(), Failed> {
    let (host, live) = (lab.host(), lab.host().live());
    run(Command::new("docker").args(["restart", &host.container]));
    wait_until_serves(lab, &live, Duration::from_secs(60))?;
    // Only the guard has no health check.
    let not_healthy = "docker ps --quiet --filter health=starting --filter health=unhealthy";
    let healthy = || host.sh(not_healthy).is_empty();
    wait_until("all containers are healthy", Duration::from_secs(60), healthy)?;
    let firewall =
        host.sh("iptables -C INPUT -j XTASK-INPUT && iptables -C DOCKER-USER -j XTASK-PUBLISHED && echo up");
    check(firewall == "up", || "the firewall has not come back".into())?;
    let output = lab.project.deploy().succeeds()?;
    check(output.contains("Nothing to do"), || output)
}
