//! The shipper's container: it sends what all of the environment's containers write to a store of logs. It reads the engine's own
//! files of them, so that no container waits for it, and what the store can't take waits on the disk.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use xshell::cmd;

use super::beside::{self, Bounds};
use super::container_folder::ContainerFolder;
use super::images::ToolImage;
use super::{Leased, Machine};
use crate::project::{ENVIRONMENT_LABEL, INPUTS_LABEL, LOGIN_LABEL, LOGS_LOGIN};
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container;
use crate::tools::files::hex::hex;
use crate::tools::files::random::random;
use crate::tools::process::Run;

/// In bytes: syslog-ng takes 20 MB, and holds 8 MB of what waits in memory.
pub(super) const MEMORY: u32 = 64 << 20;
/// In the environment's root folder.
const FOLDER: &str = "shipper";
const SCRIPT: &str = include_str!("scripts/shipper.sh");
/// Where the engine keeps what is its own.
const ROOT: &str = "{{.DockerRootDir}}";
/// What it has shipped is written down each two seconds.
const HEALTHY: &str = "[ $(($(date +%s) - $(stat -c %Y /state/shipped.json))) -lt 60 ]";
/// Until a new one has said how far it is.
const FIRST_WORD: Duration = Duration::from_secs(20);
/// Until something has arrived: it tries again each 5 s.
const FIRST_ARRIVAL: Duration = Duration::from_secs(60);

/// Where to, and what with.
pub struct Shipping {
    /// The image that has the program for it.
    pub image: ToolImage,
    /// Who takes the lines.
    pub receiver: Receiver,
    /// The certificate of an authority of somebody's own, in PEM.
    pub authority: Option<String>,
    /// Who comes there, by the names of their files.
    pub secrets: BTreeMap<String, String>,
}

/// Who takes the lines, and how they are spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Receiver {
    /// The address of a Loki's interface for lines.
    Loki(String),
    /// Syslog (RFC 5424) within TLS.
    Tls(String, u16),
    /// The same in the open.
    Tcp(String, u16),
}

/// How far it is, as it writes it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The id of its start.
    #[serde(skip_serializing)]
    start: String,
    /// When it wrote this, in seconds since 1970.
    pub at: i64,
    /// Lines that have gone out since it was started.
    pub sent: u64,
    /// Lines that have not.
    pub waiting: u64,
    /// Lines that the receiver would not have.
    pub dropped: u64,
    /// Since when none goes out although some wait, in seconds since 1970.
    pub since: Option<i64>,
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Receiver::Loki(address) => f.write_str(address),
            Receiver::Tls(host, port) => write!(f, "tls://{host}:{port}"),
            Receiver::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
        }
    }
}

impl Shipping {
    fn logs_in(&self) -> bool {
        self.secrets.values().any(|value| !value.is_empty())
    }

    /// What a shipper is started with: with the same it need not be started again.
    fn sum(&self) -> String {
        let Shipping { image, receiver, authority, secrets } = self;
        hex(&Sha256::digest(json!([SCRIPT, image.name(), receiver, authority, secrets]).to_string()))
    }
}

/// The shipper, to look at.
pub struct Shipper<'a> {
    pub(super) machine: &'a Machine,
}

/// The shipper, to start and stop.
pub struct LeasedShipper<'a> {
    pub(super) leased: &'a Leased<'a>,
}

impl Shipper<'_> {
    /// Whether it runs; none when there is none.
    pub fn condition(&self) -> Result<Option<Condition>> {
        beside::condition(self.machine.docker(), &self.name())
    }

    /// How far it is; nothing where it never said so.
    pub fn shipped(&self) -> Result<Option<Shipped>> {
        let told = self.machine.read(&self.machine.folder(FOLDER).join("state/shipped.json"))?;
        Ok(told.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// What it said last: why nothing goes out.
    pub fn last_words(&self) -> Result<String> {
        Ok(container::last_lines(self.machine.docker(), &self.name(), 4)?)
    }

    fn name(&self) -> String {
        self.machine.named("shipper")
    }

    /// As the engine's interface describes a container. Root without a capability reads what is root's, as the engine's files
    /// of logs are, and nothing else.
    fn description(&self, shipping: &Shipping, containers: &str, start: &str) -> Value {
        let (machine, own) = (self.machine, self.machine.folder(FOLDER));
        let environment = &machine.environment().name;
        let (kind, address, port) = match &shipping.receiver {
            Receiver::Loki(address) => ("loki", address, String::new()),
            Receiver::Tls(host, port) => ("tls", host, port.to_string()),
            Receiver::Tcp(host, port) => ("tcp", host, port.to_string()),
        };
        let authority = shipping.authority.as_deref().unwrap_or_default();
        let binds = [
            format!("{containers}:/containers:ro"),
            format!("{}:/run/secrets:ro", own.join("secrets")),
            format!("{}:/state", own.join("state")),
        ];
        let bounds = Bounds { memory: MEMORY, processes: 64, cpu_quota: 50_000 };
        // The engine's own network, where no part of the environment is.
        let mut confined = beside::confined(&bounds, "bridge", &binds);
        // Without a tag: what it says of itself is not shipped, or each failure would be one more line that waits.
        confined["LogConfig"] =
            json!({ "Type": "json-file", "Config": { "max-size": "1m", "max-file": "2" } });
        json!({
            "Image": shipping.image.name(),
            "User": "0:0",
            "Entrypoint": ["sh", "-c", SCRIPT, "shipper"],
            "Cmd": [start, machine.environment().prefix(), environment, kind, address, port, authority],
            "Labels": {
                (ENVIRONMENT_LABEL): environment,
                (INPUTS_LABEL): shipping.sum(),
                (LOGIN_LABEL): shipping.logs_in().to_string(),
            },
            "Healthcheck": beside::health(&["sh", "-c", HEALTHY]),
            "HostConfig": confined,
        })
    }
}

impl Leased<'_> {
    /// The shipper, to start and stop.
    pub fn shipper(&self) -> LeasedShipper<'_> {
        LeasedShipper { leased: self }
    }
}

impl LeasedShipper<'_> {
    /// Starts it, in place of the one that is there, which stays when the new one can't be started. What waited is sent by it.
    pub fn start(&self, shipping: &Shipping) -> Result<()> {
        self.leased.fetch_tool(&shipping.image)?;
        let docker = self.leased.fenced()?.docker();
        let root = Run::new(cmd!(docker, "docker info --format {ROOT}")).text()?;
        let containers = format!("{}/containers", root.trim());
        let start = hex(&random::<8>()?);
        let folder = self.own_folder();
        folder.replace("who may send logs, and how far that is: see docs/logs.md", &shipping.secrets)?;
        let machine = self.leased.fenced_invalidating()?;
        let docker = machine.docker();
        let shipper = machine.shipper();
        let description = shipper.description(shipping, &containers, &start);
        let started = || {
            container::start(docker, &shipper.name(), &description)?;
            self.wait_for_first_word(&start)
        };
        beside::replace(docker, &shipper.name(), &folder, started).context("starting what ships the logs")
    }

    /// Like `start`, unless one runs that was started with just that. One that logs in is not replaced by one that can't: who renews
    /// it need not know the password.
    pub fn renew(&self, shipping: &Shipping) -> Result<()> {
        let machine = self.leased.fenced()?;
        let found = container::named(machine.docker(), &machine.shipper().name())?;
        let running = found.filter(|it| it.state.status == Condition::Running);
        let label = |name| running.as_ref().and_then(|it| it.label(name));
        if label(INPUTS_LABEL) == Some(&shipping.sum()) {
            return Ok(());
        }
        if label(LOGIN_LABEL) == Some("true") && !shipping.logs_in() {
            bail!("it runs and logs in, and {LOGS_LOGIN} is not given here: it is left as it is");
        }
        self.start(shipping)
    }

    fn wait_for_first_word(&self, start: &str) -> Result<()> {
        let (shipper, began) = (self.leased.fenced()?.shipper(), Instant::now());
        while shipper.shipped()?.is_none_or(|shipped| shipped.start != start) {
            if shipper.condition()?.is_none_or(Condition::has_ended) || began.elapsed() > FIRST_WORD {
                bail!("it has not come up:\n{}", shipper.last_words()?);
            }
            thread::sleep(Duration::from_millis(300));
        }
        Ok(())
    }

    /// Waits until the receiver has taken lines: one at least, which tells of the start. An error with its last words when it takes none.
    pub fn wait_until_taken(&self) -> Result<Shipped> {
        let (shipper, began) = (self.leased.fenced()?.shipper(), Instant::now());
        loop {
            if let Some(shipped) = shipper.shipped()?.filter(|shipped| shipped.sent > 0) {
                return Ok(shipped);
            }
            if began.elapsed() > FIRST_ARRIVAL {
                bail!("nothing has arrived yet, and what waits is tried again:\n{}", shipper.last_words()?);
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Removes its container. What waited stays, and is sent by the next one.
    pub fn stop(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        beside::remove(machine.docker(), &machine.shipper().name())
    }

    /// Removes who may send logs. It must have been stopped.
    pub fn forget_secrets(&self) -> Result<()> {
        self.own_folder().empty()
    }

    fn own_folder(&self) -> ContainerFolder<'_> {
        ContainerFolder { leased: self.leased, folder: FOLDER, user: 0 }
    }
}
