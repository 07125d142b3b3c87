//! An environment on this machine's engine, looked at from outside of xtask.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::support::http::get;
use crate::support::project::Project;
use crate::support::{check, wait_until};

impl Project {
    /// The release in the live file, which the edge reads; empty without one.
    pub fn live_file(&self) -> String {
        fs::read_to_string(self.root().join("live/live")).unwrap_or_default().trim().to_owned()
    }

    /// Waits until the traffic has moved away from this release.
    pub fn wait_for_switch(&self, from: &str) -> Result<(), Failed> {
        wait_until("the switch is made", Duration::from_secs(120), || self.live_file() != from)
    }

    /// Waits until the live release is ready again.
    pub fn wait_until_ready(&self) -> Result<(), Failed> {
        wait_until("the live release is ready", Duration::from_secs(60), || {
            get(&self.url(), "/health/ready").is_ok_and(|response| response.status == 200)
        })
    }

    /// The kept releases in this state: live, warm, stopped, incompatible.
    pub fn kept(&self, state: &str) -> Vec<String> {
        let kept = self.json(&["releases", "--json"])["kept"].as_array().cloned().unwrap_or_default();
        let in_state = kept.iter().filter(|release| release["state"] == state);
        in_state.filter_map(|release| release["id"].as_str()).map(str::to_owned).collect()
    }

    /// Whether the ledger has an attempt that has not ended.
    pub fn has_unfinished_attempt(&self) -> bool {
        self.attempts().last().is_some_and(|attempt| attempt["outcome"].is_null())
    }

    /// The names of all running containers of the environment.
    pub fn containers(&self) -> Vec<String> {
        let label = format!("label=tracehub.environment={}", self.environment);
        self.docker(&["ps", "--filter", &label, "--format", "{{.Names}}"])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// The name of a container of the platform.
    pub fn platform_container(&self, service: &str) -> String {
        format!("{}-platform-{service}-1", self.prefix())
    }

    /// The name of a release's container.
    pub fn container_of(&self, release: &str, service: &str) -> String {
        format!("{}-{release}-{service}-1", self.prefix())
    }

    /// What a command prints that may read every file below the environment's root folder: it runs as root in a
    /// container, since the user may have no such rights.
    pub fn as_root(&self, command: &[&str]) -> String {
        let root = format!("{0}:{0}:ro", self.root());
        let edge = self.platform_container("edge");
        let image = self.docker(&["inspect", "--format", "{{.Config.Image}}", &edge]);
        let mut arguments =
            vec!["run", "--rm", "--user", "0", "--volume", &root, "--entrypoint", command[0], &image];
        arguments.extend(&command[1..]);
        self.docker(&arguments)
    }
}

/// One archive, with the ledger and the logs, in which no secret of the environment stands and nobody who has deployed.
pub fn support(project: &Project) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("support.tar.gz");
    let to = archive.to_str().ok_or("a path that is no UTF-8")?;
    project.xtask(&["support", "--to", to]).succeeds()?;
    project.xtask(&["support", "--to", to]).fails_with(3)?;
    check(fs::metadata(&archive)?.permissions().mode() & 0o777 == 0o600, || "others can read it".into())?;
    let unpacked = Command::new("tar").args(["--extract", "--gzip", "--to-stdout", "--file", to]).output()?;
    let text = String::from_utf8_lossy(&unpacked.stdout).into_owned();
    let by = project.attempts()[0]["by"].as_str().unwrap_or_default().to_owned();
    for part in [r#""event":"confirmed""#, r#""expected_active""#, "database system is ready"] {
        check(text.contains(part), || format!("{part} is missing"))?;
    }
    check(by.contains('@') && !text.contains(&by), || format!("{by} is named"))?;
    for secret in fs::read_dir(project.root().join("secrets"))? {
        let value = fs::read_to_string(secret?.path().join("1"))?;
        // One that the app goes without is empty.
        let has_it = !value.trim().is_empty() && text.contains(value.trim());
        check(!has_it, || "a secret is in it".into())?;
    }
    Ok(())
}
