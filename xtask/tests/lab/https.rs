//! A host that served plain HTTP is to serve HTTPS, and the other way round.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::call::{Call, wait_until};
use crate::client::get;
use crate::{Lab, check};

/// For names under `localhost` the edge makes a certificate by itself, of an authority of its own.
const NAME: &str = "tracehub.localhost";

pub fn there_and_back(lab: &Lab) -> Result<(), Failed> {
    let (host, url) = (&lab.hosts[1], format!("https://{NAME}:{}", lab.hosts[1].https));
    let up = |url: &str, more: &[&str]| -> Call {
        let words: Vec<&str> = ["platform", "up", "--env", "staging"].iter().chain(more).copied().collect();
        lab.project.raw(&words).with("STAGING_URL", url)
    };
    let files = || host.sh("cd /opt/tracehub-app/platform && ls *.yaml");

    let told = up(&host.url, &[]).succeeds()?;
    check(told.contains("Nothing to do"), || told)?;
    let told = up(&url, &["--plan"]).succeeds()?;
    check(told.contains("start edge anew") && !told.contains("start postgres anew"), || told)?;
    // As the platform was started: its own files, and not those that it is about to have.
    lab.project.raw(&["logs", "edge", "--env", "staging"]).with("STAGING_URL", &url).succeeds()?;
    up(&url, &["--yes"]).succeeds()?;
    wait_until("it answers by HTTPS", Duration::from_secs(30), || status(host.https) == "200")?;
    let told = up(&url, &[]).succeeds()?;
    check(told.contains("Nothing to do"), || told)?;

    up(&host.url, &["--yes"]).succeeds()?;
    check(files() == "platform.yaml", files)?;
    check(get(&host.url, "/health/ready")?.status == 200, || "it does not answer by HTTP".into())?;
    let told = up(&host.url, &[]).succeeds()?;
    check(told.contains("Nothing to do"), || told)
}

/// The status of its answer, whoever has signed the certificate.
fn status(port: u16) -> String {
    let (url, resolve) = (format!("https://{NAME}:{port}/health/ready"), format!("{NAME}:{port}:127.0.0.1"));
    let told = Command::new("curl")
        .args(["-sk", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", &resolve, &url])
        .output();
    String::from_utf8_lossy(&told.expect("curl runs").stdout).into_owned()
}
