//! The watcher's container: the program of the newest confirmed release, in another role. It tells people by itself what does
//! not hold, and has neither the engine's socket nor a password of the database.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use xshell::cmd;

use super::{Leased, Machine, ledger};
use crate::project::{APP_UID, BACKEND_PROGRAM, EDGE, ENVIRONMENT_LABEL, WATCHER_LABEL};
use crate::tools::docker::condition::{Condition, Health};
use crate::tools::docker::limits::{LIMITS, OTHERS_FILES, READ_ONLY};
use crate::tools::docker::socket::Socket;
use crate::tools::docker::{container, exec};
use crate::tools::files::hex::hex;
use crate::tools::process::Run;

/// In bytes.
pub(super) const MEMORY: u32 = 64 << 20;
/// All ways together, each of which may take 10 s.
const TEST_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(45);
/// In the environment's root folder: `secrets/`, a file each, and `state/`, what was told.
const FOLDER: &str = "watch";
/// Each value is one line behind its name; without the last line, the sender has died. `printf` is the shell's own: no value is
/// an argument of a program.
const PREPARE: &str = r#"set -eu
umask 077
cd /watch
mkdir -p state next && chmod 0755 . state && chown "$1:$1" state
rm -f next/*
while IFS= read -r name; do
    if [ "$name" = end ]; then
        chown -R "$1:$1" next && chmod 0400 next/* && chmod 0500 next
        rm -rf secrets && mv next secrets && sync
        exit
    fi
    IFS= read -r value && printf '%s' "$value" >"next/$name"
done
echo "the values did not come to their end" >&2
exit 1
"#;
/// The same without values: those that are there stay.
const MAKE: &str = r#"cd /watch && mkdir -p state secrets && chmod 0755 . state && chown "$1:$1" state secrets && chmod 0500 secrets"#;

/// What is watched, by what, and who is told.
pub struct Watching {
    /// The image whose program watches.
    pub image: String,
    /// What is watched, as that program reads it.
    pub table: String,
    /// The addresses of those who are told, by the names of their files. None at all: those that are there stay.
    pub secrets: BTreeMap<String, String>,
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
        #[derive(Default, Deserialize)]
        struct State {
            open: BTreeMap<String, OpenAlarm>,
            outbox: Vec<Value>,
        }
        let Some(found) = container::named(self.machine.docker(), &self.name())? else { return Ok(None) };
        let text = self.machine.read(&self.machine.folder(FOLDER).join("state/state.json"))?;
        let State { open, outbox } =
            text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
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
    fn description(&self, watching: &Watching) -> Value {
        let machine = self.machine;
        let watch = machine.folder(FOLDER);
        let binds = [
            format!("{}:/live:ro", machine.folder("live")),
            format!("{}:/ledger.jsonl:ro", machine.folder(ledger::FILE)),
            format!("{}:/backups:ro", machine.folder("backups")),
            format!("{}:/run/secrets:ro", watch.join("secrets")),
            format!("{}:/state", watch.join("state")),
        ];
        let second: u64 = 1_000_000_000;
        let mut watcher = json!({
            "Image": watching.image,
            "User": format!("{APP_UID}:{APP_UID}"),
            "Entrypoint": [BACKEND_PROGRAM],
            "Cmd": ["watch", "--table", watching.table],
            "Env": ["LOG_FORMAT=json"],
            "Healthcheck": {
                "Test": ["CMD", BACKEND_PROGRAM, "watch", "healthy"],
                "Interval": 30 * second, "Timeout": 5 * second, "Retries": 3, "StartPeriod": 10 * second,
            },
            "HostConfig": {
                "NetworkMode": machine.named(EDGE.name),
                "RestartPolicy": { "Name": "always" },
                "Binds": binds,
                "GroupAdd": [machine.facts.gid.to_string()],
                "Memory": MEMORY,
                "MemorySwap": MEMORY,
                "PidsLimit": 64,
                "CpuQuota": 50_000,
                "ReadonlyRootfs": true,
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m", "max-file": "2" } },
            },
        });
        let sum = hex(&Sha256::digest(watcher.to_string()));
        watcher["Labels"] = json!({ (ENVIRONMENT_LABEL): machine.environment().name, (WATCHER_LABEL): sum });
        watcher
    }
}

impl Leased<'_> {
    /// The watcher, to start and stop.
    pub fn watcher(&self) -> LeasedWatcher<'_> {
        LeasedWatcher { leased: self }
    }
}

impl LeasedWatcher<'_> {
    /// Starts it, in place of the one that is there. What was told stays told.
    pub fn start(&self, watching: &Watching) -> Result<()> {
        self.prepare(&watching.secrets)?;
        let machine = self.leased.fenced_invalidating()?;
        let watcher = machine.watcher();
        container::remove(machine.docker(), &watcher.name())?;
        container::start(machine.docker(), &watcher.name(), &watcher.description(watching))
            .context("the watcher could not be started")
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
        Ok(container::remove(machine.docker(), &machine.watcher().name())?)
    }

    /// Makes its folder, which belongs to the user that it runs as, and writes the addresses of those who are told.
    fn prepare(&self, secrets: &BTreeMap<String, String>) -> Result<()> {
        let machine = self.leased.fenced()?;
        let (folder, image, user) = (machine.folder(FOLDER), &machine.bases()?.caddy, APP_UID.to_string());
        // Else the engine would make it, as root's.
        self.leased.write(
            &folder,
            &[("README", "What the watcher is told, and what it has told: see docs/alarms.md.\n")],
        )?;
        let mount = format!("{folder}:/watch");
        let script = if secrets.is_empty() { MAKE } else { PREPARE };
        let prepare = cmd!(
            machine.docker(),
            "docker run --rm --interactive --network none {LIMITS...} {OTHERS_FILES...} {READ_ONLY...} --user 0 --entrypoint sh --volume {mount} {image} -c {script} watch {user}"
        );
        let lines: String =
            secrets.iter().map(|(name, value)| format!("{name}\n{}\n", value.trim())).collect();
        let prepared = Run::new(prepare).called("preparing the watcher").stdin(format!("{lines}end\n")).run();
        prepared.context("preparing the watcher's folder")
    }
}
