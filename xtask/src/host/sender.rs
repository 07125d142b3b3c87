//! The sender's container: it sends off the host what a new one is made from. It reads the dumps, the papers, the ledger and the
//! manifests, has the way into the store and a public key, and neither the database's socket nor a secret of the app.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use xshell::cmd;

use super::beside::{self, Bounds};
use super::container_folder::ContainerFolder;
use super::images::ToolImage;
use super::{Leased, Machine, ledger};
use crate::project::{APP_UID, ENVIRONMENT_LABEL, INPUTS_LABEL, PAPERS_VOLUME};
use crate::rollout::state::backup::{KEPT_AT_LEAST, KEPT_AT_MOST, KEPT_FOR, OWNER_DIGITS, Sent, SentCopy};
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container;
use crate::tools::files::hex::hex;
use crate::tools::files::random::random;
use crate::tools::process::Run;

/// In bytes: `rclone` holds a few parts of what it sends.
pub(super) const MEMORY: u32 = 128 << 20;
/// Until a new one has tried the store: three tries, each of which may wait for an answer.
const FIRST_LOOK: Duration = Duration::from_secs(300);
/// In the environment's root folder.
pub(super) const FOLDER: &str = "sender";
/// What is in it, for people.
pub(super) const ABOUT: &str = "what may come into the store, and what was sent there: see docs/backups.md";
pub(super) const SCRIPT: &str =
    concat!(include_str!("scripts/moments.sh"), include_str!("scripts/sender.sh"));
/// A look may take this long, with an upload in it.
const HEALTHY: &str = "[ $(($(date +%s) - $(cat /tmp/beat))) -lt 5400 ]";

/// Where to, and what with.
pub struct Sending {
    /// The image that has the programs for it.
    pub image: ToolImage,
    /// `BUCKET/FOLDER/ENVIRONMENT` of the store.
    pub place: String,
    /// The public key to which all of it is encrypted.
    pub recipient: String,
    /// What is told of this host to whoever makes a new one, as JSON. Nothing in it is secret.
    pub about: String,
    /// Whose copies these are: it stands in their names.
    pub owner: String,
    /// The certificate of the authority that signed the store's, in PEM; empty for one that everybody knows.
    pub authority: String,
    /// Who comes to the store, by the names of their files.
    pub secrets: BTreeMap<String, String>,
}

impl Sending {
    /// What a sender is started with: with the same it need not be started again.
    fn sum(&self) -> String {
        let Sending { image, place, recipient, about, owner, authority, secrets } = self;
        let all = json!([SCRIPT, image.name(), place, recipient, about, owner, authority, secrets]);
        hex(&Sha256::digest(all.to_string()))
    }
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
        beside::condition(self.machine.docker(), &self.name())
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

    /// Its container's name.
    pub fn name(&self) -> String {
        self.machine.named("sender")
    }

    /// Whose copies it sends: the beginning of the id of this folder's data, as it stands in their names; nothing where it has
    /// none yet.
    pub fn known_owner(&self) -> Result<Option<String>> {
        Ok(self.machine.own_id()?.map(|id| short(&id)))
    }

    /// As the engine's interface describes a container. It writes into its own folder alone, where an encrypted copy lies until it
    /// is sent. The group of who deploys may read the dumps.
    fn description(&self, sending: &Sending, start: &str) -> Value {
        let machine = self.machine;
        let Sending { image, place, recipient, about, owner, authority, .. } = sending;
        let own = machine.folder(FOLDER);
        let binds = [
            format!("{}:/backups:ro", machine.folder("backups")),
            format!("{}:/host/ledger.jsonl:ro", machine.folder(ledger::FILE)),
            format!("{}:/host/releases:ro", machine.folder("releases")),
            format!("{}:/run/secrets:ro", own.join("secrets")),
            format!("{}:/state", own.join("state")),
            format!("{}:/papers:ro,nocopy", machine.named(PAPERS_VOLUME)),
        ];
        let days = (KEPT_FOR.as_secs() / 86_400).to_string();
        let (least, most) = (KEPT_AT_LEAST.to_string(), KEPT_AT_MOST.to_string());
        let bounds = Bounds { memory: MEMORY, processes: 64, cpu_quota: 100_000 };
        // The engine's own network, where no part of the environment is.
        let mut confined = beside::confined(&bounds, "bridge", &binds);
        confined["GroupAdd"] = json!([machine.facts.gid.to_string()]);
        json!({
            "Image": image.name(),
            "User": format!("{APP_UID}:{APP_UID}"),
            "Entrypoint": ["sh", "-c", SCRIPT, "sender"],
            "Cmd": [place, recipient, least, most, days, about, owner, start, authority],
            "Labels": { (ENVIRONMENT_LABEL): machine.environment().name, (INPUTS_LABEL): sending.sum() },
            "Healthcheck": beside::health(&["sh", "-c", HEALTHY]),
            "HostConfig": confined,
        })
    }
}

fn short(id: &str) -> String {
    id.chars().take(OWNER_DIGITS).collect()
}

impl Leased<'_> {
    /// The sender, to start and stop.
    pub fn sender(&self) -> LeasedSender<'_> {
        LeasedSender { leased: self }
    }
}

impl LeasedSender<'_> {
    /// Starts it, in place of the one that is there, which stays when the new one can't be started. What it was doing it does
    /// again. Gives the id of this start, by which [`wait_until_sent`](Self::wait_until_sent) knows it.
    pub fn start(&self, sending: &Sending) -> Result<String> {
        self.leased.fetch_tool(&sending.image)?;
        let start = hex(&random::<8>()?);
        let folder = self.own_folder();
        folder.replace(ABOUT, &sending.secrets)?;
        // Else the engine would make it, and nobody's.
        self.leased.platform().prepare_papers()?;
        let machine = self.leased.fenced_invalidating()?;
        let (docker, sender) = (machine.docker(), machine.sender());
        let description = sender.description(sending, &start);
        let started = || Ok(container::start(docker, &sender.name(), &description)?);
        beside::replace(docker, &sender.name(), &folder, started)
            .context("starting what sends copies off the host")?;
        Ok(start)
    }

    /// Like `start`, unless one runs that was started with just that.
    pub fn renew(&self, sending: &Sending) -> Result<()> {
        let machine = self.leased.fenced()?;
        match beside::runs_with(machine.docker(), &machine.sender().name(), &sending.sum())? {
            true => Ok(()),
            false => self.start(sending).map(drop),
        }
    }

    /// Waits until what was started by that id has done all that there is to do now. An error with the words of the store when
    /// that can't be done.
    pub fn wait_until_sent(&self, start: &str, place: &str, newest: Option<&str>) -> Result<()> {
        let (sender, began) = (self.leased.fenced()?.sender(), Instant::now());
        loop {
            if let Some(sent) = sender.sent()?
                && sent.start == start
            {
                if let Some(failure) = sent.failure {
                    bail!("nothing could be sent: {}", failure.words);
                }
                let below = format!("s3://{place}/");
                let is_it = |it: &SentCopy, name: &str| it.name == name && it.to.starts_with(&below);
                let is_there =
                    newest.is_none_or(|name| sent.last_good.as_ref().is_some_and(|it| is_it(it, name)));
                if is_there && sent.host.is_some() {
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

    /// Removes its container. What it has told stays, and what may come into the store.
    pub fn stop(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        beside::remove(machine.docker(), &machine.sender().name())
    }

    /// Whose copies it sends. Where the folder's data have no id yet, they get one.
    pub fn owner(&self) -> Result<String> {
        Ok(short(&self.leased.owner_id()?))
    }

    /// Removes what may come into the store. It must have been stopped.
    pub fn forget_secrets(&self) -> Result<()> {
        self.own_folder().empty()
    }

    fn own_folder(&self) -> ContainerFolder<'_> {
        ContainerFolder { leased: self.leased, folder: FOLDER, user: APP_UID }
    }
}
