//! The sender's container: it sends off the host what a new one is made from. It reads the dumps, the ledger and the manifests,
//! has the way into the store and a public key, and neither the database's socket nor a secret of the app.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;
use serde_json::{Value, json};
use xshell::cmd;

use super::handed::{Hand, Handed};
use super::{Leased, Machine, ledger};
use crate::project::{APP_UID, ENVIRONMENT_LABEL};
use crate::rollout::state::backup::{KEPT_AT_LEAST, KEPT_AT_MOST, KEPT_FOR, Sent};
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container;
use crate::tools::process::Run;

/// In bytes: `rclone` holds a few parts of what it sends.
pub(super) const MEMORY: u32 = 128 << 20;
/// Until a new one has tried the store: three tries, each of which may wait for an answer.
const FIRST_LOOK: Duration = Duration::from_secs(300);
/// In the environment's root folder.
const FOLDER: &str = "sender";
pub(super) const SCRIPT: &str =
    concat!(include_str!("scripts/moments.sh"), include_str!("scripts/sender.sh"));
/// A look may take this long, with an upload in it.
const HEALTHY: &str = "[ $(($(date +%s) - $(cat /tmp/beat))) -lt 5400 ]";

/// Where to, and what with.
pub struct Sending {
    /// The image that has the programs for it.
    pub image: String,
    /// `BUCKET/FOLDER/ENVIRONMENT` of the store.
    pub place: String,
    /// The public key to which all of it is encrypted.
    pub recipient: String,
    /// What is told of this host to whoever makes a new one, as JSON. Nothing in it is secret.
    pub about: String,
    /// Who comes to the store, by the names of their files.
    pub secrets: BTreeMap<String, String>,
}

/// The sender, to look at.
pub struct Sender<'a> {
    pub(super) machine: &'a Machine,
}

/// The sender, to start and stop.
pub struct LeasedSender<'a> {
    pub(super) leased: &'a Leased<'a>,
}

impl Sender<'_> {
    /// Whether it runs; none when there is none.
    pub fn condition(&self) -> Result<Option<Condition>> {
        Ok(container::named(self.machine.docker(), &self.name())?.map(|found| found.state.status))
    }

    /// What it has sent, and what went wrong since; nothing where it never did anything.
    pub fn sent(&self) -> Result<Option<Sent>> {
        Ok(self.machine.read(&self.told())?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The file in which it says so.
    pub(super) fn told(&self) -> Utf8PathBuf {
        self.state().join(Sent::FILE)
    }

    /// The folder that it writes into.
    pub(super) fn state(&self) -> Utf8PathBuf {
        self.machine.folder(FOLDER).join("state")
    }

    fn name(&self) -> String {
        self.machine.named("sender")
    }

    /// As the engine's interface describes a container. It writes into its own folder alone, where an encrypted copy lies until it
    /// is sent. The group of who deploys may read the dumps.
    fn description(&self, sending: &Sending) -> Value {
        let machine = self.machine;
        let Sending { image, place, recipient, about, .. } = sending;
        let own = machine.folder(FOLDER);
        let binds = [
            format!("{}:/backups:ro", machine.folder("backups")),
            format!("{}:/host/ledger.jsonl:ro", machine.folder(ledger::FILE)),
            format!("{}:/host/releases:ro", machine.folder("releases")),
            format!("{}:/run/secrets:ro", own.join("secrets")),
            format!("{}:/state", own.join("state")),
        ];
        let days = (KEPT_FOR.as_secs() / 86_400).to_string();
        let (least, most) = (KEPT_AT_LEAST.to_string(), KEPT_AT_MOST.to_string());
        let second: u64 = 1_000_000_000;
        json!({
            "Image": image,
            "User": format!("{APP_UID}:{APP_UID}"),
            "Entrypoint": ["sh", "-c", SCRIPT, "sender"],
            "Cmd": [place, recipient, least, most, days, about],
            "Labels": { (ENVIRONMENT_LABEL): machine.environment().name },
            "Healthcheck": {
                "Test": ["CMD", "sh", "-c", HEALTHY],
                "Interval": 30 * second, "Timeout": 5 * second, "Retries": 3, "StartPeriod": 10 * second,
            },
            "HostConfig": {
                // The engine's own, where no part of the environment is.
                "NetworkMode": "bridge",
                "RestartPolicy": { "Name": "always" },
                "Binds": binds,
                "GroupAdd": [machine.facts.gid.to_string()],
                "Memory": MEMORY,
                "MemorySwap": MEMORY,
                "PidsLimit": 64,
                // Users come first.
                "CpuQuota": 100_000,
                "CpuShares": 256,
                "ReadonlyRootfs": true,
                "Tmpfs": { "/tmp": "" },
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m", "max-file": "2" } },
            },
        })
    }
}

impl Leased<'_> {
    /// The sender, to start and stop.
    pub fn sender(&self) -> LeasedSender<'_> {
        LeasedSender { leased: self }
    }
}

impl LeasedSender<'_> {
    /// Starts it, in place of the one that is there. What it was doing it does again.
    pub fn start(&self, sending: &Sending) -> Result<()> {
        self.leased.fetch_images([&sending.image])?;
        self.stop()?;
        let about = "what may come into the store, and what was sent there: see docs/backups.md";
        let handed = Handed { leased: self.leased, folder: FOLDER };
        handed.prepare(about, Hand::Replace, &sending.secrets)?;
        handed.forget()?;
        let machine = self.leased.fenced_invalidating()?;
        let sender = machine.sender();
        container::start(machine.docker(), &sender.name(), &sender.description(sending))
            .context("starting what sends copies off the host")
    }

    /// Waits until it has done all that there is to do now. An error with the words of the store when that can't be done.
    pub fn wait_until_sent(&self, newest: Option<&str>) -> Result<()> {
        let (sender, began) = (self.leased.fenced()?.sender(), Instant::now());
        loop {
            if let Some(Sent { last_good, host, failure, .. }) = sender.sent()? {
                if let Some(failure) = failure {
                    bail!("nothing could be sent: {}", failure.words);
                }
                let is_there = newest.is_none_or(|name| last_good.as_ref().is_some_and(|it| it.name == name));
                if is_there && host.is_some() {
                    return Ok(());
                }
            }
            if sender.condition()?.is_none_or(Condition::has_ended) || began.elapsed() > FIRST_LOOK {
                let lines = container::last_lines(self.leased.fenced()?.docker(), &sender.name(), 5)?;
                bail!("what sends copies off the host has sent nothing yet:\n{lines}");
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Has it look at the ledger that is there now: of one that was replaced, its mount still shows the one before.
    pub fn look_again(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let (docker, name) = (machine.docker(), machine.sender().name());
        if container::named(docker, &name)?.is_none() {
            return Ok(());
        }
        Run::new(cmd!(docker, "docker restart --time 1 {name}")).run().context("starting the sender again")
    }

    /// Removes its container. What it has sent stays, and what may come into the store.
    pub fn stop(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        Ok(container::remove(machine.docker(), &machine.sender().name())?)
    }
}
