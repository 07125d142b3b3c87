//! A machine of the lab, looked at from outside of xtask.

use std::io::Write;
use std::process::{Command, Stdio};

use libtest_mimic::Failed;
use serde_json::Value;

use crate::support::check;

/// A machine.
pub struct Host {
    /// The container that the machine is, by its name.
    pub container: String,
    /// The port of its sshd on 127.0.0.1.
    pub ssh: u16,
    /// Its host key.
    pub key: String,
    /// Where users reach it by HTTP.
    pub url: String,
    /// The port on 127.0.0.1 where they would reach it by HTTPS.
    pub https: u16,
}

impl Host {
    /// Out of a row of `lab status --json`.
    pub fn read(row: &Value) -> Host {
        let port =
            |name: &str| -> u16 { row[name].as_u64().and_then(|port| port.try_into().ok()).expect("a port") };
        let text = |name: &str| row[name].as_str().expect("a text").to_owned();
        let url = format!("http://localhost:{}", port("http"));
        let (ssh, https) = (port("ssh"), port("https"));
        Host { container: text("container"), ssh, key: text("host_key"), url, https }
    }

    /// Runs a script as root on the machine. Gives what it printed, whatever its exit code.
    pub fn sh(&self, script: &str) -> String {
        let output = Command::new("docker").args(["exec", &self.container, "sh", "-c", script]).output();
        String::from_utf8_lossy(&output.expect("docker runs").stdout).trim().to_owned()
    }

    /// Runs a line in the machine's shell over plain ssh, as the user `deploy`. Gives what it printed, whatever its
    /// exit code.
    pub fn over_ssh(&self, key: &str, line: &str) -> Result<String, Failed> {
        self.over_ssh_as("deploy", key, line)
    }

    /// The same, as another user.
    pub fn over_ssh_as(&self, user: &str, key: &str, line: &str) -> Result<String, Failed> {
        let options = [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
        ];
        let output = Command::new("ssh")
            .args(options.iter().flat_map(|option| ["-o", option]))
            .args(["-i", key, "-p", &self.ssh.to_string(), &format!("{user}@127.0.0.1"), "--", line])
            .stdin(Stdio::null())
            .output()?;
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Writes a file of the machine, as root.
    pub fn write(&self, path: &str, text: &str) {
        let arguments = ["exec", "--interactive", &self.container, "sh", "-c", r#"cat >"$1""#, "write", path];
        let mut child =
            Command::new("docker").args(arguments).stdin(Stdio::piped()).spawn().expect("docker runs");
        child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it exits").success(), "{path} was not written");
    }

    /// The release in the live file, which the edge reads.
    pub fn live(&self) -> String {
        self.sh("cat /opt/tracehub-app/live/live")
    }

    /// The last attempt's entries in the ledger, oldest first.
    pub fn last_attempt(&self) -> Vec<Value> {
        let ledger = self.sh("cat /opt/tracehub-app/ledger.jsonl");
        let entries: Vec<Value> = ledger.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let attempt = entries.iter().rfind(|entry| entry["event"] == "began").map(|it| it["attempt"].clone());
        entries.into_iter().filter(|entry| Some(&entry["attempt"]) == attempt.as_ref()).collect()
    }

    /// Whether the last attempt is at this step.
    pub fn is_at(&self, step: &str) -> bool {
        let entries = self.last_attempt();
        entries.last().is_some_and(|entry| entry["step"] == step && entry["state"] == "begun")
    }

    /// Fails when the ledger's last attempt is of another kind, or has another outcome: `deploy succeeded`.
    pub fn last_attempt_is(&self, kind_and_outcome: &str) -> Result<(), Failed> {
        let entries = self.last_attempt();
        let text = |event: &str, name: &str| {
            let entry = entries.iter().rfind(|entry| entry["event"] == event);
            entry.and_then(|entry| entry[name].as_str()).unwrap_or("-")
        };
        let found = format!("{} {}", text("began", "kind"), text("ended", "outcome"));
        check(found == kind_and_outcome, || format!("{found} instead of {kind_and_outcome}"))
    }

    /// Whether nobody holds the lease.
    pub fn lease_is_free(&self) -> bool {
        self.sh("flock --nonblock /opt/tracehub-app/lease true && echo free") == "free"
    }

    /// Fails when not exactly two releases have a running container: the live one and the warm one.
    pub fn two_releases_run(&self) -> Result<(), Failed> {
        let count = self.sh(r#"docker ps --format '{{.Label "tracehub.release"}}' | sort -u | grep -c ."#);
        check(count == "2", || format!("{count} releases run"))
    }

    /// Fails when the guard is armed, or half armed.
    pub fn nothing_is_guarded(&self) -> Result<(), Failed> {
        let guarded = self.sh("cat /opt/tracehub-app/live/guard /opt/tracehub-app/live/arming");
        check(guarded.is_empty(), || format!("the guard is still armed: {guarded}"))
    }
}
