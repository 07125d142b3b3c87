//! The watcher's container: the program of the newest confirmed release, in another role. It tells people by itself what does
//! not hold, and has neither the engine's socket nor a password of the database.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use xshell::cmd;

use super::beside::{self, Bounds};
use super::container_folder::ContainerFolder;
use super::{Leased, Machine, ledger, sender};
use crate::project::{APP_UID, BACKEND_PROGRAM, EDGE, ENVIRONMENT_LABEL};
use crate::tools::docker::condition::{Condition, Health};
use crate::tools::docker::socket::Socket;
use crate::tools::docker::{container, exec};
use crate::tools::process::Run;

/// In bytes.
pub(super) const MEMORY: u32 = 64 << 20;
/// All ways together, each of which may take 10 s.
const TEST_TIMEOUT: Duration = Duration::from_secs(45);
/// Until a new one has looked at everything once: it asks several parts, each of which may be slow.
const FIRST_LOOK: Duration = Duration::from_secs(40);
/// In the environment's root folder: who is told, and what was.
const FOLDER: &str = "watch";
/// What is watched, by what, and who is told.
pub struct Watching {
    /// The image whose program watches.
    pub image: String,
    /// What is watched, as that program reads it.
    pub table: String,
    /// The addresses of those who are told, by the names of their files. None at all: those that are there stay.
    pub secrets: BTreeMap<String, String>,
    /// Whether those that are there and are not given are removed.
    pub replaces: bool,
    /// Whether copies are to leave the host.
    pub sends: bool,
}

/// A watcher, as it was found.
#[derive(Debug, Serialize)]
pub struct Watched {
    /// What its container is doing.
    pub condition: Condition,
    /// What its checks say.
    pub health: Health,
    /// What does not hold, by the row's name.
    pub open: BTreeMap<String, OpenAlarm>,
    /// How many messages have not arrived by each way yet.
    pub undelivered: usize,
}

/// Something that does not hold, as the watcher has written it down.
#[derive(Debug, Serialize, Deserialize)]
pub struct OpenAlarm {
    /// In seconds since 1970.
    pub since: i64,
    /// What there is instead.
    pub words: String,
    /// Whether people have been told.
    pub told: bool,
}

/// What a watcher writes down, as far as it is of interest here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    open: BTreeMap<String, OpenAlarm>,
    outbox: Vec<Value>,
    /// In seconds since 1970.
    looked_at: i64,
}

/// A way to people that was tried.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tried {
    /// Its name.
    pub way: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Why it did not arrive.
    pub error: Option<String>,
}

/// The watcher, to look at.
pub struct Watcher<'a> {
    pub(super) machine: &'a Machine,
}

/// The watcher, to start and stop.
pub struct LeasedWatcher<'a> {
    pub(super) leased: &'a Leased<'a>,
}

impl Watcher<'_> {
    /// How it is; none when there is none.
    pub fn look(&self) -> Result<Option<Watched>> {
        let Some(found) = container::named(self.machine.docker(), &self.name())? else { return Ok(None) };
        let State { open, outbox, .. } = self.state()?.unwrap_or_default();
        let (condition, health) = (found.state.status, found.state.health());
        Ok(Some(Watched { condition, health, open, undelivered: outbox.len() }))
    }

    /// Has it send a test by each way.
    pub fn test(&self) -> Result<Vec<Tried>> {
        let environment = &self.machine.environment().name;
        let socket = Socket::of(self.machine.docker())?;
        let words = [BACKEND_PROGRAM, "watch", "test", environment];
        let (what, user) = ("testing the ways to people", APP_UID.to_string());
        let running = exec::start(&socket, what, &self.name(), &user, &words, TEST_TIMEOUT)?;
        let told = running.map_or(Ok(None), exec::Running::finish)?;
        let told = told.with_context(|| {
            format!("nobody watches {environment}: `cargo xtask monitor up --env {environment}` starts the watcher")
        })?;
        match serde_json::from_str(told.stdout.trim()) {
            Ok(tried) => Ok(tried),
            Err(_) => bail!("the watcher could not test its ways: {}", told.stderr.trim()),
        }
    }

    fn name(&self) -> String {
        self.machine.named("watcher")
    }

    /// As the engine's interface describes a container. What it reads of the host is mounted read-only, and it has no
    /// capability. The group of who deploys may read when backups were made.
    fn description(&self, watching: &Watching, sends: bool) -> Value {
        let machine = self.machine;
        let watch = machine.folder(FOLDER);
        let sent = sends.then(|| format!("{}:/sender:ro", machine.sender().state()));
        let mut binds = vec![
            format!("{}:/live:ro", machine.folder("live")),
            format!("{}:/ledger.jsonl:ro", machine.folder(ledger::FILE)),
            format!("{}:/backups:ro", machine.folder("backups")),
            format!("{}:/run/secrets:ro", watch.join("secrets")),
            format!("{}:/state", watch.join("state")),
        ];
        binds.extend(sent);
        let bounds = Bounds { memory: MEMORY, processes: 64, cpu_quota: 50_000 };
        let mut confined = beside::confined(&bounds, &machine.named(EDGE.name), &binds);
        confined["GroupAdd"] = json!([machine.facts.gid.to_string()]);
        json!({
            "Image": watching.image,
            "User": format!("{APP_UID}:{APP_UID}"),
            "Entrypoint": [BACKEND_PROGRAM],
            "Cmd": ["watch", "--table", watching.table],
            "Env": ["LOG_FORMAT=json"],
            "Labels": { (ENVIRONMENT_LABEL): machine.environment().name },
            "Healthcheck": beside::health(&[BACKEND_PROGRAM, "watch", "healthy"]),
            "HostConfig": confined,
        })
    }

    /// What it has written down; nothing where that can't be read.
    fn state(&self) -> Result<Option<State>> {
        let text = self.machine.read(&self.machine.folder(FOLDER).join("state/state.json"))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// When it has looked last, by its own clock.
    fn looked_at(&self) -> Result<Option<i64>> {
        Ok(self.state()?.map(|state| state.looked_at))
    }

    /// Waits until one that was just started has looked; before it, one had looked at that time. An error with its last lines when
    /// it ends instead, as the program of a release does that knows no watching.
    fn wait_for_first_look(&self, before: Option<i64>) -> Result<()> {
        let (docker, name, began) = (self.machine.docker(), self.name(), Instant::now());
        loop {
            if self.looked_at()? != before {
                return Ok(());
            }
            let found = container::named(docker, &name)?;
            let ends = found.is_none_or(|it| it.restart_count > 0 || it.state.status.has_ended());
            if ends || began.elapsed() > FIRST_LOOK {
                let why = if ends { "it has ended" } else { "it has not looked yet" };
                bail!("{why}:\n{}", container::last_lines(docker, &name, 5)?);
            }
            thread::sleep(Duration::from_millis(300));
        }
    }
}

impl Leased<'_> {
    /// The watcher, to start and stop.
    pub fn watcher(&self) -> LeasedWatcher<'_> {
        LeasedWatcher { leased: self }
    }
}

impl LeasedWatcher<'_> {
    /// Starts it, in place of the one that is there, which stays, with its addresses, when the new one does not look. What was told
    /// stays told. Gives the names of the files that were removed.
    pub fn start(&self, watching: &Watching) -> Result<Vec<String>> {
        let about = "what the watcher is told, and what it has told: see docs/alarms.md";
        let removed = match watching.replaces {
            true => self.own_folder().replace(about, &watching.secrets)?,
            false => self.own_folder().add(about, &watching.secrets).map(|()| Vec::new())?,
        };
        let machine = self.leased.fenced_invalidating()?;
        let sends = watching.sends || machine.sender().condition()?.is_some();
        if sends {
            // What will send may never have been started here, and the engine would make the folder, as root's.
            let sender = ContainerFolder { leased: self.leased, folder: sender::FOLDER, user: APP_UID };
            sender.add(sender::ABOUT, &BTreeMap::new())?;
        }
        let (docker, watcher) = (machine.docker(), machine.watcher());
        let description = watcher.description(watching, sends);
        let started = || {
            let before = watcher.looked_at()?;
            container::start(docker, &watcher.name(), &description)?;
            watcher.wait_for_first_look(before)
        };
        beside::replace(docker, &watcher.name(), &self.own_folder(), started)
            .context("starting the watcher")?;
        Ok(removed)
    }

    /// Has it look at the files that are there now: of one that was replaced, its mount still shows the one before.
    pub fn look_again(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let (docker, name) = (machine.docker(), machine.watcher().name());
        if container::named(docker, &name)?.is_none() {
            return Ok(());
        }
        Run::new(cmd!(docker, "docker restart --time 1 {name}")).run().context("starting the watcher again")
    }

    /// Removes its container. Its secrets and what it has told stay.
    pub fn stop(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        beside::remove(machine.docker(), &machine.watcher().name())
    }

    fn own_folder(&self) -> ContainerFolder<'_> {
        ContainerFolder { leased: self.leased, folder: FOLDER, user: APP_UID }
    }
}
