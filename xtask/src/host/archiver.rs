//! The archiver's container: it archives the database's WAL off the host, with a base backup each night, and makes a backup of any
//! moment since. It reads the database's files and comes to its socket; the store's key and the cipher's are files that it alone reads.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::beside::{self, Bounds};
use super::container_folder::ContainerFolder;
use super::database::described;
use super::images::ToolImage;
use super::{Leased, Machine};
use crate::exit::refuse;
use crate::project::{
    DATABASE, ENVIRONMENT_LABEL, INPUTS_LABEL, PAPERS_QUESTION, POSTGRES_UID, SCRIPTS_FOLDER,
};
use crate::rollout::host::Host;
use crate::rollout::state::archived::{ARCHIVED_FOR_DAYS, Archived, Stanza};
use crate::rollout::state::backup::Backup;
use crate::rollout::state::guard::written;
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container;
use crate::tools::docker::exec;
use crate::tools::docker::socket::Socket;
use crate::tools::files::hex::hex;
use crate::tools::files::random::random;
use crate::tools::process::CommandError;

/// Bytes of the disk that must stay free where WAL waits: below that the database lets it go.
pub const SPOOL_SPARES: u64 = 512 << 20;
/// In bytes: pgBackRest's buffers, and a server that recovers a moment.
pub(super) const MEMORY: u32 = 384 << 20;
/// Until a new one has made the first base backup.
const FIRST_LOOK: Duration = Duration::from_secs(1800);
/// Recovering a moment, and the dump of it.
const RECOVERY: Duration = Duration::from_secs(4 * 3600);
const QUESTION: Duration = Duration::from_secs(180);
/// In the environment's root folder.
const FOLDER: &str = "archiver";
const ABOUT: &str =
    "what encrypts the archive of the database's WAL, and who may come into the store: see docs/backups.md";
pub(super) const SCRIPT: &str = include_str!("scripts/archiver.sh");
/// A look may take this long, with a base backup in it.
const HEALTHY: &str = "[ $(($(date +%s) - $(cat /tmp/beat))) -lt 14400 ]";

/// Where to, and what with.
pub struct Archiving {
    /// The image that has pgBackRest, and the database's own server.
    pub image: ToolImage,
    /// `BUCKET/FOLDER/ENVIRONMENT` of the store.
    pub place: String,
    /// `HOST` or `HOST:PORT` of the store, which must speak TLS.
    pub endpoint: String,
    /// Its region.
    pub region: String,
    /// The certificate of the authority that signed the store's, in PEM; empty for one that everybody knows.
    pub authority: String,
    /// Whose archive it is: it stands in its folder's name.
    pub owner: String,
    /// Who comes to the store, and what encrypts: by the names of their files.
    pub secrets: BTreeMap<String, String>,
}

impl Archiving {
    /// What an archiver is started with: with the same it need not be started again.
    fn sum(&self) -> String {
        let Archiving { image, place, endpoint, region, authority, owner, secrets } = self;
        let all = json!([SCRIPT, image.name(), place, endpoint, region, authority, owner, secrets]);
        hex(&Sha256::digest(all.to_string()))
    }
}

/// The archiver, to look at.
pub struct Archiver<'a> {
    pub(super) machine: &'a Machine,
}

/// The archiver, to start and stop.
pub struct LeasedArchiver<'a> {
    pub(super) leased: &'a Leased<'a>,
}

impl Archiver<'_> {
    /// Whether it runs; none when there is none.
    pub fn condition(&self) -> Result<Option<Condition>> {
        beside::condition(self.machine.docker(), &self.name())
    }

    /// How far it is; nothing where it never was.
    pub fn archived(&self) -> Result<Option<Archived>> {
        let told = self.machine.read(&self.machine.folder("backups").join(Archived::FILE))?;
        Ok(told.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// What is in the store.
    pub fn stanza(&self) -> Result<Stanza> {
        let told = self.ask(&["info"], QUESTION)?;
        let mut stanzas: Vec<Stanza> = serde_json::from_str(&told)
            .with_context(|| format!("pgBackRest describes the archive as {told}"))?;
        stanzas.pop().context("pgBackRest knows no archive of this database")
    }

    /// Has all that was written until now come into the store.
    pub fn flush(&self) -> Result<()> {
        self.ask(&["flush"], QUESTION).map(drop)
    }

    /// Makes a backup of what the database was at that moment, RFC 3339 in UTC: beside it, so that nothing else changes.
    pub fn recover(&self, moment: &str, bytes: u64, name: &str) -> Result<Backup> {
        let (live, bytes) = (self.machine.live()?.active, bytes.to_string());
        let words = ["recover", moment, &bytes, name, DATABASE, written(live.as_ref()), PAPERS_QUESTION];
        described(&self.ask(&words, RECOVERY)?)
    }

    /// Whether a moment is being recovered, which ends with the container.
    pub fn is_recovering(&self) -> Result<bool> {
        Ok(self.condition()? == Some(Condition::Running) && self.ask(&["recovering"], QUESTION)? == "yes")
    }

    /// An error while it is.
    pub fn check_idle(&self) -> Result<()> {
        if !self.is_recovering()? {
            return Ok(());
        }
        Err(refuse(format!(
            "a moment of {} is being recovered by what archives it: once that has ended, do it again. Nothing was changed",
            self.machine.environment().name
        )))
    }

    /// Waits until what was started by that id has a base backup in the store, and all since. An error with pgBackRest's words when
    /// that can't be done. It wants no lease: a first base backup may take hours, and a rollback does not wait for it.
    pub fn wait_until_archived(&self, start: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            if let Some(told) = self.archived()?
                && told.start == start
            {
                match told {
                    Archived { failure: Some(failure), .. } => {
                        bail!("nothing could be archived: {}", failure.words)
                    }
                    Archived { last_good: Some(_), lost: None, .. } => return Ok(()),
                    _ => {}
                }
            }
            if self.condition()?.is_none_or(Condition::has_ended) || began.elapsed() > FIRST_LOOK {
                let lines = container::last_lines(self.machine.docker(), &self.name(), 5)?;
                bail!("what archives the database has archived nothing yet:\n{lines}");
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// A verb of the script in its container, to its end: what it printed.
    fn ask(&self, arguments: &[&str], timeout: Duration) -> Result<String> {
        let words: Vec<&str> = ["sh", "-c", SCRIPT, "archiver"].iter().chain(arguments).copied().collect();
        let script = format!("archiver.sh {}", arguments[0]);
        let (socket, user) = (Socket::of(self.machine.docker())?, POSTGRES_UID.to_string());
        let running = exec::start(&socket, &script, &self.name(), &user, &words, timeout)?;
        let Some(told) = running.map_or(Ok(None), exec::Running::finish)? else {
            let environment = &self.machine.environment().name;
            return Err(refuse(format!(
                "nothing archives what {environment}'s database writes: BACKUP_TO and BACKUP_CIPHER_KEY, and `cargo xtask db \
                 copies up --env {environment}`, have it done"
            )));
        };
        if told.status.success() {
            return Ok(told.stdout.trim_end().to_owned());
        }
        let code = told.status.code().unwrap_or_default();
        Err(CommandError::of_exit_code(&script, code, &told.stdout, &told.stderr).into())
    }

    /// Its container's name.
    pub fn name(&self) -> String {
        self.machine.named("archiver")
    }

    /// As the engine's interface describes a container. It runs as the server's own user, who alone may read the cluster's files.
    fn description(&self, archiving: &Archiving, start: &str) -> Value {
        let machine = self.machine;
        let Archiving { image, place, endpoint, region, authority, owner, .. } = archiving;
        let own = machine.folder(FOLDER);
        let binds = [
            format!("{}:/var/lib/postgresql/data:ro,nocopy", machine.named("database")),
            format!("{}:/run/postgresql:ro,nocopy", machine.named("socket")),
            format!("{}:/backups", machine.folder("backups")),
            format!("{}:/scripts:ro", machine.folder(SCRIPTS_FOLDER)),
            format!("{}:/run/secrets:ro", own.join("secrets")),
            format!("{}:/state", own.join("state")),
        ];
        let (hour, days) = (machine.environment().backups.hour.to_string(), ARCHIVED_FOR_DAYS.to_string());
        let bounds = Bounds { memory: MEMORY, processes: 128, cpu_quota: 100_000 };
        // The engine's own network, where no part of the environment is.
        let mut confined = beside::confined(&bounds, "bridge", &binds);
        confined["ShmSize"] = json!(64 << 20);
        json!({
            "Image": image.name(),
            "User": format!("{POSTGRES_UID}:{POSTGRES_UID}"),
            "Entrypoint": ["sh", "-c", SCRIPT, "archiver"],
            "Cmd": ["run", place, endpoint, region, authority, owner, hour, days, start],
            "Labels": { (ENVIRONMENT_LABEL): machine.environment().name, (INPUTS_LABEL): archiving.sum() },
            "Healthcheck": beside::health(&["sh", "-c", HEALTHY]),
            "HostConfig": confined,
        })
    }
}

impl Leased<'_> {
    /// The archiver, to start and stop.
    pub fn archiver(&self) -> LeasedArchiver<'_> {
        LeasedArchiver { leased: self }
    }
}

impl LeasedArchiver<'_> {
    /// Whether there is one, or was one whose WAL still waits.
    pub fn exists(&self) -> Result<bool> {
        let archiver = self.leased.fenced()?.archiver();
        Ok(archiver.condition()?.is_some() || archiver.archived()?.is_some())
    }

    /// Starts it, in place of the one that is there, which stays when the new one can't be started. Gives the id of this start.
    pub fn start(&self, archiving: &Archiving) -> Result<String> {
        self.leased.fetch_tool(&archiving.image)?;
        let start = hex(&random::<8>()?);
        let folder = self.own_folder();
        folder.replace(ABOUT, &archiving.secrets)?;
        let machine = self.leased.fenced_invalidating()?;
        let (docker, archiver) = (machine.docker(), machine.archiver());
        let description = archiver.description(archiving, &start);
        let started = || Ok(container::start(docker, &archiver.name(), &description)?);
        beside::replace(docker, &archiver.name(), &folder, started)
            .context("starting what archives the database off the host")?;
        Ok(start)
    }

    /// Like `start`, unless one runs that was started with just that, or recovers a moment: the next deploy does it then.
    pub fn renew(&self, archiving: &Archiving) -> Result<()> {
        let archiver = self.leased.fenced()?.archiver();
        let runs = beside::runs_with(archiver.machine.docker(), &archiver.name(), &archiving.sum())?;
        match runs || archiver.is_recovering()? {
            true => Ok(()),
            false => self.start(archiving).map(drop),
        }
    }

    /// Removes its container. What is archived stays, and the database keeps its WAL for the next one, within a bound.
    pub fn stop(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        beside::remove(machine.docker(), &machine.archiver().name())
    }

    /// Has the database keep no WAL for it any more, and removes what may come into the store. It must have been stopped.
    pub fn forget(&self) -> Result<()> {
        self.own_folder().empty()?;
        self.leased.database().end_archive()
    }

    fn own_folder(&self) -> ContainerFolder<'_> {
        ContainerFolder { leased: self.leased, folder: FOLDER, user: POSTGRES_UID }
    }
}
