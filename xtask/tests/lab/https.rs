//! A host changes from HTTP to HTTPS, and back.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::support::http::get;
use crate::support::xtask::XtaskCommand;
use crate::support::{check, wait_until};

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
    wait_until("it answers by HTTPS", Duration::from_secs(30), || status(host.https) == "200")?;
    let output = up(&url, &[]).succeeds()?;
    check(output.contains("Nothing to do"), || output)?;

    up(&host.url, &["--yes"]).succeeds()?;
    check(files() == "platform.yaml", files)?;
    check(get(&host.url, "/health/ready")?.status == 200, || "it does not answer by HTTP".into())?;
    let output = up(&host.url, &[]).succeeds()?;
    check(output.contains("Nothing to do"), || output)
}

/// The status of an HTTPS response, whoever has signed the certificate.
fn status(port: u16) -> String {
    let (url, resolve) = (format!("https://{NAME}:{port}/health/ready"), format!("{NAME}:{port}:127.0.0.1"));
    let output = Command::new("curl")
        .args(["-sk", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", &resolve, &url])
        .output();
    String::from_utf8_lossy(&output.expect("curl runs").stdout).into_owned()
}
