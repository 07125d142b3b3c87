//! A real host: its files through `sh`, its containers through the engine's socket. A [`Machine`] looks; [`Leased`], which
//! only taking the lease gives, changes. Each has a part for each matter: the live folder, releases, the database, the
//! platform beneath them, secrets.
//!
//! Without the lease, three things happen on a host: its folders are made when there are none, a provisional switch is
//! taken back by its guard ([`Host::trip_without_lease`]), and a backup is made, which adds files of its own and touches
//! nothing else ([`Database::backup`]).

mod adoption;
mod archiver;
mod beside;
mod container_folder;
mod database;
mod drift;
mod environment_files;
mod files;
mod guard;
mod images;
mod inventory;
mod lease;
#[cfg(any(test, lease_trial))]
mod lease_trial;
mod leased;
mod ledger;
mod live_folder;
mod logs;
mod monitoring;
mod moving;
mod other_projects;
mod owner;
mod papers;
mod pause;
mod platform;
mod ports;
mod prefetch;
mod probe;
mod releases;
mod secrets;
mod sender;
mod shipper;
mod site;
#[cfg(test)]
mod tests;
mod upgrade;
mod watcher;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use xshell::Shell;

use self::archiver::Archiver;
use self::live_folder::LiveFolder;
use self::prefetch::Prefetch;
use self::sender::Sender;
use self::shipper::Shipper;
use self::watcher::Watcher;
use crate::project::{self, ENVIRONMENT_LABEL, Environment};
use crate::rollout::edge_counts::EdgeCounts;
use crate::rollout::host::{Files, Holder, Host, Leasable, LeaseError, Part, ProbeResponse};
use crate::rollout::limits::Limits;
use crate::rollout::state::guard::Traffic;
use crate::rollout::state::history::Applied;
use crate::rollout::state::ledger::Ledger;
use crate::rollout::state::release::Release;
use crate::tools::docker::container;
use crate::tools::files::private::Folder;
use crate::tools::http::Trust;
use crate::tools::process::{CommandError, interrupt};
use crate::tools::ssh::Connection;
use crate::tools::ssh::host_shell::HostShell;

pub use self::adoption::{AdoptionRecord, AdoptionState, adoption_of};
pub use self::archiver::{Archiving, SPOOL_SPARES};
pub use self::database::{Database, Installed, Lost, check_papers};
pub use self::images::{Bases, RegistryTunnel, ToolImage};
pub use self::inventory::{Inventory, Job, OldDatabase, containers};
pub use self::leased::Leased;
pub use self::ledger::FILE as LEDGER;
pub use self::moving::{MoveRecord, MoveState, OtherHost, move_of};
#[cfg(test)]
pub use self::other_projects::OtherService;
pub use self::other_projects::{EDGE_PORTS, OtherProject, check_none_in_the_way, edge_has_ports};
pub use self::platform::BESIDE;
pub use self::platform::{Platform, PlatformFiles, PlatformPart, PlatformWants};
pub use self::probe::HostFacts;
pub use self::releases::Releases;
pub use self::releases::compose::check_compose_file;
pub use self::secrets::{SecretVersions, Secrets, SuppliedSecrets};
pub use self::sender::Sending;
pub use self::shipper::{Receiver, Shipped, Shipping};
pub use self::site::{Acme, NameTrouble, PublicSite};
pub use self::upgrade::{Server, UpgradeRecord, UpgradeState};
pub use self::watcher::{Tried, Watched, Watching};

/// An engine that takes longer to tell of the containers of an environment is not asked for anything by who can do without.
const ENGINE_PATIENCE: Duration = Duration::from_secs(5);

/// One environment on one host, to look at. What changes it is a method of [`Leased`].
pub struct Machine {
    shell: HostShell,
    /// Docker Compose, as a program of this machine.
    compose: Utf8PathBuf,
    environment: Environment,
    root: Utf8PathBuf,
    facts: HostFacts,
    /// Where users go, when the host is another machine.
    site: Option<PublicSite>,
    /// Which certificates are taken of the edge: one that ends while this driver watches is no verdict on a release; any, when users
    /// are shown one that is refused, and this driver has said so.
    trust: Cell<Trust>,
    /// Where compose finds its files, when the host is another machine.
    compose_dir: Option<Folder>,
    bases: Option<Bases>,
    platform_files: Option<PlatformFiles>,
    registry_tunnel: Option<RegistryTunnel>,
    /// When this driver reached the host.
    reached: Instant,
    tunnel_is_open: Cell<bool>,
    /// Why the engine can't be asked, when it does not answer.
    engine_silence: RefCell<Option<String>>,
    prefetch: RefCell<Prefetch>,
}

impl Machine {
    /// The environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// How long the parts of a rollout may take here.
    pub fn limits(&self) -> Limits {
        self.environment.limits.into()
    }

    /// The environment's root folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// What was seen of the host when it was reached.
    pub fn facts(&self) -> &HostFacts {
        &self.facts
    }

    /// The database, to look at.
    pub fn database(&self) -> Database<'_> {
        Database { machine: self }
    }

    /// Database and edge, to look at.
    pub fn platform(&self) -> Platform<'_> {
        Platform { machine: self }
    }

    /// The releases, to look at.
    pub fn releases(&self) -> Releases<'_> {
        Releases { machine: self }
    }

    /// The secrets, to look at: which versions there are, and whether given values are those.
    pub fn secrets(&self) -> Secrets<'_> {
        Secrets { machine: self }
    }

    /// What archives the database off the host, to look at.
    pub fn archiver(&self) -> Archiver<'_> {
        Archiver { machine: self }
    }

    /// What sends copies off the host, to look at.
    pub fn sender(&self) -> Sender<'_> {
        Sender { machine: self }
    }

    /// What ships the logs, to look at.
    pub fn shipper(&self) -> Shipper<'_> {
        Shipper { machine: self }
    }

    /// The watcher, to look at.
    pub fn watcher(&self) -> Watcher<'_> {
        Watcher { machine: self }
    }

    fn live_folder(&self) -> LiveFolder<'_> {
        LiveFolder { machine: self }
    }

    /// Whether the connection to the host has ended by itself; asked when a call has failed.
    pub fn is_cut_off(&self) -> bool {
        self.shell.connection().is_some_and(Connection::is_being_lost)
    }

    /// Asks the engine for the environment's containers, each of them: one that hangs may still answer whether it is there. From here
    /// on [`Host::engine_answers`] says whether it told, for whoever can do without it.
    pub fn try_engine(&self) -> Result<()> {
        let told = container::labelled_within(self.docker(), &[self.label()], ENGINE_PATIENCE);
        self.engine_silence.replace(match told {
            Ok(_) => None,
            Err(error) if is_silence(&error) => Some(error.to_string()),
            Err(error) => return Err(error.into()),
        });
        Ok(())
    }

    /// Why the engine was not to be asked, when it did not answer.
    pub fn engine_silence(&self) -> Option<String> {
        self.engine_silence.borrow().clone()
    }

    /// Where its sshd answers, when it is another machine.
    pub fn address(&self) -> Option<&(String, u16)> {
        self.shell.connection().map(Connection::address)
    }

    /// Who has the lease at this moment, when somebody has.
    pub fn lease_holder(&self) -> Result<Option<String>> {
        lease::held_by(&self.shell, &self.lease_file())
    }

    /// The containers of the environment in which the kernel has lately ended a process for want of memory.
    fn starved(&self) -> Result<BTreeSet<String>> {
        Ok(container::out_of_memory(self.docker(), &self.label(), self.engine_time())?)
    }

    /// The time by the host's clock.
    fn engine_time(&self) -> SystemTime {
        let ahead = Duration::from_secs(self.facts.clock_ahead.unsigned_abs());
        let now = SystemTime::now();
        if self.facts.clock_ahead < 0 { now - ahead } else { now + ahead }
    }

    /// For commands of docker's client: they reach the host's engine.
    fn docker(&self) -> &Shell {
        self.shell.docker()
    }

    /// Where compose finds its files, on the machine that calls it.
    fn compose_dir(&self) -> &Utf8Path {
        self.compose_dir.as_ref().map_or(&self.root, Folder::path)
    }

    /// Something in the environment's root folder.
    fn folder(&self, name: &str) -> Utf8PathBuf {
        self.root.join(name)
    }

    fn lease_file(&self) -> Utf8PathBuf {
        self.folder("lease")
    }

    /// The label of everything on the engine that the environment owns.
    fn label(&self) -> String {
        format!("{ENVIRONMENT_LABEL}={}", self.environment.name)
    }

    /// The name of something that the environment owns: `<project>-local-edge`.
    fn named(&self, what: &str) -> String {
        format!("{}-{what}", self.environment.prefix())
    }

    fn platform_files(&self) -> Result<&PlatformFiles> {
        self.platform_files.as_ref().context(
            "the files of the platform were not looked up: a mistake in xtask, and nothing was changed",
        )
    }

    /// The images of the database and the edge.
    pub fn bases(&self) -> Result<&Bases> {
        self.bases.as_ref().context("the images of the database and the edge were not looked up: a mistake in xtask, and nothing was changed")
    }
}

/// Whether the engine does not answer, and not something else is wrong: no socket, nobody behind it, or no answer in time. Over ssh,
/// a socket that nobody is behind looks like a connection that ends.
fn is_silence(error: &CommandError) -> bool {
    match error {
        CommandError::TimedOut { .. } => true,
        CommandError::Io { source, .. } => {
            use ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, TimedOut, WouldBlock};
            let kinds = [BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, TimedOut, WouldBlock];
            kinds.contains(&source.kind())
        }
        other => other.is_cut_off(),
    }
}

impl From<project::Limits> for Limits {
    fn from(limits: project::Limits) -> Limits {
        let project::Limits { bake, ready, drain, kept_releases } = limits;
        Limits { bake, ready, drain, kept_releases }
    }
}

impl Host for Machine {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn clock(&self) -> Duration {
        self.reached.elapsed()
    }

    fn pause(&self, duration: Duration) -> Result<()> {
        Ok(interrupt::pause(duration)?)
    }

    fn check_interrupt(&self) -> Result<()> {
        Ok(interrupt::check()?)
    }

    fn shield(&self, work: &mut dyn FnMut()) {
        interrupt::shielded(work);
    }

    fn live(&self) -> Result<Traffic> {
        self.live_folder().live()
    }

    fn ledger(&self) -> Result<Ledger> {
        ledger::read(self)
    }

    fn ledger_copies(&self) -> Result<Vec<Ledger>> {
        ledger::copies(&self.shell, &self.folder("releases"))
    }

    fn files(&self) -> Result<Files> {
        self.read_files()
    }

    fn kept(&self) -> Result<Vec<Release>> {
        self.releases().kept()
    }

    fn parts(&self) -> Result<Vec<Part>> {
        self.releases().parts()
    }

    fn schema(&self) -> Result<Applied> {
        self.database().schema()
    }

    fn is_parked(&self, attempt: &str) -> Result<bool> {
        self.database().is_parked(attempt)
    }

    fn engine_answers(&self) -> bool {
        self.engine_silence.borrow().is_none()
    }

    fn check_ready(&self, release: &Release) -> Result<()> {
        match self.engine_answers() {
            true => self.releases().check_ready(&release.id),
            false => self.platform().check_reached(&release.id),
        }
    }

    fn last_lines(&self, part: &Part, lines: usize) -> Result<String> {
        self.releases().last_lines(part, lines)
    }

    fn probe(&self) -> Result<ProbeResponse> {
        self.platform().probe()
    }

    fn edge_counts(&self) -> Result<EdgeCounts> {
        self.platform().edge_counts()
    }

    fn trip_without_lease(&self, attempt: &str, by: &str) -> Result<()> {
        self.live_folder().trip_without_lease(attempt, by)
    }
}

impl Leasable for Machine {
    type Leased<'a> = Leased<'a>;

    fn lease(&self, holder: &Holder) -> Result<Leased<'_>, LeaseError> {
        Leased::take(self, holder)
    }
}
