//! A real host: its files through `sh`, its containers through the engine's socket.

mod arrival;
mod comparison;
mod containers;
mod database;
mod drift;
mod files;
mod foundation;
mod guarding;
mod images;
mod lease;
#[cfg(any(test, lease_trial))]
mod lease_trial;
mod leased;
mod logs;
mod platform;
mod prefetch;
mod renewal;
mod secrets;
mod starting;
#[cfg(test)]
mod tests;
mod variables;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::exit::refuse;
use crate::project::{self, Environment};
use crate::rollout::host::{EdgeCounts, Files, Holder, Host, Leasable, LeaseError, Part, ProbeResponse};
use crate::rollout::limits::Limits;
use crate::rollout::state::backup::aside;
use crate::rollout::state::guard::{Traffic, Unreadable};
use crate::rollout::state::ledger::Ledger;
use crate::rollout::state::release::{Release, ReleaseId};
use crate::tools::docker::container;
use crate::tools::files::private::Folder;
use crate::tools::http;
use crate::tools::process::interrupt;
use crate::tools::ssh::Connection;
use crate::tools::ssh::host_shell::HostShell;

use self::prefetch::Prefetch;

pub use self::arrival::{Facts, HostProbe};
pub use self::images::RegistryTunnel;
pub use self::leased::Leased;
pub use self::platform::PlatformPart;
pub use self::secrets::{SecretVersions, SuppliedSecrets};
pub use self::variables::check_compose_file;

/// One environment on one host, to look at. What changes it is a method of [`Leased`].
pub struct Machine {
    shell: HostShell,
    compose: Utf8PathBuf,
    environment: Environment,
    root: Utf8PathBuf,
    facts: Facts,
    /// Where users go, when the host is another machine.
    public_url: Option<String>,
    /// Where compose finds its files, when the host is another machine.
    compose_dir: Option<Folder>,
    bases: Option<Bases>,
    registry_tunnel: Option<RegistryTunnel>,
    /// When this driver reached the host.
    reached: Instant,
    tunnel_is_open: Cell<bool>,
    prefetch: RefCell<Prefetch>,
}

/// The images that the platform and the guard run.
#[derive(Debug, Clone)]
pub struct Bases {
    /// The edge; has `sh`, `flock` and `wget` too.
    pub caddy: String,
    /// The database.
    pub postgres: String,
}

impl Machine {
    /// With the images that starting a platform or a guard takes. Only a deploy does that.
    pub fn with_bases(self, bases: Bases) -> Machine {
        Machine { bases: Some(bases), ..self }
    }

    fn bases(&self) -> Result<&Bases> {
        self.bases.as_ref().context("the images of the database and the edge were not looked up: a mistake in xtask, and nothing was changed")
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// How long the parts of a rollout may take here.
    pub fn limits(&self) -> Limits {
        self.environment.limits.into()
    }

    /// Where compose finds its files, on the machine that calls it.
    fn compose_dir(&self) -> &Utf8Path {
        self.compose_dir.as_ref().map_or(&self.root, Folder::path)
    }

    fn folder(&self, name: &str) -> Utf8PathBuf {
        self.root.join(name)
    }

    fn label(&self) -> String {
        format!("{}={}", project::ENVIRONMENT_LABEL, self.environment.name)
    }

    /// The name of something that the environment owns: `<project>-local-edge`.
    fn named(&self, what: &str) -> String {
        format!("{}-{what}", self.environment.prefix())
    }

    fn lease_file(&self) -> Utf8PathBuf {
        self.root.join("lease")
    }

    fn release_folder(&self, id: &ReleaseId) -> Utf8PathBuf {
        self.root.join("releases").join(id.as_str())
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
        self.parse_live(&self.live_script("read", &[])?)
    }

    fn ledger(&self) -> Result<Ledger> {
        Ok(Ledger::parse(&self.read_ledger()?))
    }

    fn files(&self) -> Result<Files> {
        let (live, ledger, kept) = self.read_files()?;
        Ok(Files { traffic: self.parse_live(&live)?, ledger: Ledger::parse(&ledger), kept })
    }

    fn kept(&self) -> Result<Vec<Release>> {
        self.kept_releases()
    }

    fn parts(&self) -> Result<Vec<Part>> {
        self.release_parts()
    }

    fn schema(&self) -> Result<Vec<i64>> {
        self.applied_migrations()
    }

    fn is_parked(&self, attempt: &str) -> Result<bool> {
        self.has_database(&aside(project::DATABASE, attempt))
    }

    fn smoke(&self, release: &Release) -> Result<()> {
        self.smoke_release(&release.id)
    }

    fn last_lines(&self, part: &Part, lines: usize) -> Result<String> {
        Ok(container::last_lines(self.shell.docker(), &part.container, lines)?)
    }

    fn probe(&self) -> Result<ProbeResponse> {
        self.ask_edge()
    }

    fn edge_counts(&self) -> Result<EdgeCounts> {
        self.count_edge()
    }

    fn trip_without_lease(&self, attempt: &str, by: &str) -> Result<()> {
        self.live_script("trip", &[attempt, &format!("rollback by {by}")]).map(drop)
    }
}

impl Leasable for Machine {
    type Leased<'a> = Leased<'a>;

    fn lease(&self, holder: &Holder) -> Result<Leased<'_>, LeaseError> {
        Leased::take(self, holder)
    }
}

impl Machine {
    /// The environment's root folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// What was seen of the host when it was reached.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    fn parse_live(&self, told: &str) -> Result<Traffic> {
        Traffic::parse(told).map_err(|unreadable| self.explain_live(&unreadable))
    }

    /// Somebody's hand was in the live folder: nothing is done before it was mended, by hand.
    fn explain_live(&self, unreadable: &Unreadable) -> anyhow::Error {
        let (file, kept) = (self.folder("live").join("live"), self.kept_releases().unwrap_or_default());
        let kept: Vec<&str> = kept.iter().rev().map(|release| release.id.as_str()).collect();
        refuse(format!(
            "{unreadable}\n  {file} holds the id of the release that has the traffic, or `none`: write there which it was \
             ({} are kept), then run the command again.",
            kept.join(", ")
        ))
    }

    /// Whether the connection to the host has ended by itself; asked when a call has failed.
    pub fn is_cut_off(&self) -> bool {
        self.shell.connection().is_some_and(Connection::is_being_lost)
    }

    /// In how many days the certificate ends that users are shown, when they come by HTTPS.
    pub fn certificate_days(&self) -> Option<i64> {
        http::certificate_days(self.public_url.as_deref()?, self.now())
    }

    /// Who has the lease at this moment, when somebody has.
    pub fn lease_holder(&self) -> Result<Option<String>> {
        lease::held_by(&self.shell, &self.lease_file())
    }
}
