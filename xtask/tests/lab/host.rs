//! A machine of the lab, looked at from outside of xtask.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// A machine.
pub struct Host {
    /// Its container.
    pub container: String,
    /// Where its sshd is.
    pub ssh: u16,
    /// Its key.
    pub key: String,
    /// Where users go.
    pub url: String,
    /// Where they would go by HTTPS.
    pub https: u16,
}

impl Host {
    /// As `lab status --json` tells.
    pub fn read(told: &Value) -> Host {
        let port = |name: &str| -> u16 {
            told[name].as_u64().and_then(|port| port.try_into().ok()).expect("a port")
        };
        let text = |name: &str| told[name].as_str().expect("a text").to_owned();
        let url = format!("http://localhost:{}", port("http"));
        let (ssh, https) = (port("ssh"), port("https"));
        Host { container: text("container"), ssh, key: text("host_key"), url, https }
    }

    /// A script as root on the machine; what it printed.
    pub fn sh(&self, script: &str) -> String {
        let told = Command::new("docker").args(["exec", &self.container, "sh", "-c", script]).output();
        String::from_utf8_lossy(&told.expect("docker runs").stdout).trim().to_owned()
    }

    /// Writes a file of the machine, as root.
    pub fn put(&self, path: &str, text: &str) {
        let arguments = ["exec", "--interactive", &self.container, "sh", "-c", r#"cat >"$1""#, "put", path];
        let mut child =
            Command::new("docker").args(arguments).stdin(Stdio::piped()).spawn().expect("docker runs");
        child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success(), "{path} was not written");
    }

    /// What the edge reads.
    pub fn live(&self) -> String {
        self.sh("cat /opt/tracehub-app/live/live")
    }

    /// The last attempt's entries, oldest first.
    pub fn last_attempt(&self) -> Vec<Value> {
        let ledger = self.sh("cat /opt/tracehub-app/ledger.jsonl");
        let entries: Vec<Value> = ledger.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let attempt = entries.iter().rfind(|entry| entry["event"] == "began").map(|it| it["attempt"].clone());
        entries.into_iter().filter(|entry| Some(&entry["attempt"]) == attempt.as_ref()).collect()
    }

    /// Whether the last attempt is doing this step.
    pub fn is_at(&self, step: &str) -> bool {
        let entries = self.last_attempt();
        entries.last().is_some_and(|entry| entry["step"] == step && entry["state"] == "begun")
    }

    /// How the last attempt ended: `deploy succeeded`.
    pub fn ended(&self) -> String {
        let entries = self.last_attempt();
        let text = |event: &str, name: &str| {
            entries
                .iter()
                .rfind(|entry| entry["event"] == event)
                .and_then(|it| it[name].as_str())
                .unwrap_or("-")
        };
        format!("{} {}", text("began", "kind"), text("ended", "outcome"))
    }

    /// Whether nobody holds the lease.
    pub fn is_free(&self) -> bool {
        self.sh("flock --nonblock /opt/tracehub-app/lease true && echo free") == "free"
    }

    /// How many releases have a running container.
    pub fn running(&self) -> usize {
        let format = r#"docker ps --format '{{.Label "tracehub.release"}}' | sort -u | grep -c ."#;
        self.sh(format).parse().unwrap_or(0)
    }
}
