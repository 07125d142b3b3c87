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
mod platform;
mod prefetch;
mod renewal;
mod secrets;
mod starting;
#[cfg(test)]
mod tests;
mod variables;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::exit::refuse;
use crate::project::Environment;
use crate::rollout::host::{
    Answer, Arming, EdgeCounts, Files, Holder, Host, Lease, LeaseError, Part, Switching,
};
use crate::rollout::state::backup::Backup;
use crate::rollout::state::guard::{Traffic, Unreadable, written};
use crate::rollout::state::ledger::{Entry, Ledger};
use crate::rollout::state::release::{Release, ReleaseId};
use crate::tools::curl;
use crate::tools::docker::container;
use crate::tools::files::private::Folder;
use crate::tools::process::interrupt;
use crate::tools::ssh::Connection;
use crate::tools::ssh::host_shell::HostShell;

pub use self::arrival::{Facts, HostProbe};
use self::lease::Holding;
use self::prefetch::Prefetch;

pub use self::images::RegistryTunnel;
pub use self::platform::PlatformPart;
pub use self::secrets::{SecretVersions, SuppliedSecrets};
pub use self::variables::check_compose_file;

/// One environment on one host.
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
    laid_out: RefCell<BTreeSet<ReleaseId>>,
    bases: Option<Bases>,
    registry_tunnel: Option<RegistryTunnel>,
    /// When this driver reached the host.
    reached: Instant,
    tunnel_is_open: Cell<bool>,
    prefetch: RefCell<Prefetch>,
    /// The lease that this driver took, while it has it.
    holding: RefCell<Weak<Holding>>,
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

    /// Where compose finds its files, on the machine that calls it.
    fn compose_dir(&self) -> &Utf8Path {
        self.compose_dir.as_ref().map_or(&self.root, Folder::path)
    }

    fn folder(&self, name: &str) -> Utf8PathBuf {
        self.root.join(name)
    }

    fn label(&self) -> String {
        format!("{}={}", crate::project::ENVIRONMENT_LABEL, self.environment.name)
    }

    /// The name of something that the environment owns: `<project>-local-edge`.
    fn named(&self, what: &str) -> String {
        format!("{}-{what}", self.environment.prefix())
    }

    fn lease_file(&self) -> Utf8PathBuf {
        self.root.join("lease")
    }

    /// Itself, unless it has lost the lease that it took.
    fn fenced(&self) -> Result<&Machine> {
        if let Some(holding) = self.holding.borrow().upgrade() {
            holding.check().context("the lease was lost, and nothing may be changed without it")?;
        }
        Ok(self)
    }

    /// The same, for what changes containers or the database: what was asked ahead of that is not so any more.
    fn fenced_invalidating(&self) -> Result<&Machine> {
        self.discard_prefetched();
        self.fenced()
    }

    /// The number of the lease that this driver holds.
    fn holding_number(&self) -> Result<String> {
        let holding = self.holding.borrow().upgrade().context("only who holds the lease changes this")?;
        Ok(holding.number().to_string())
    }

    fn release_folder(&self, id: &ReleaseId) -> Utf8PathBuf {
        self.root.join("releases").join(id.as_str())
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

    fn lease(&self, holder: &Holder) -> Result<Box<dyn Lease>, LeaseError> {
        let held = lease::take(&self.shell, &self.lease_file(), holder)?;
        *self.holding.borrow_mut() = Arc::downgrade(&held.holding);
        Ok(Box::new(held))
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

    fn append(&self, entries: &[Entry]) -> Result<()> {
        self.fenced()?.append_to_ledger(entries)
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

    fn pull(&self, release: &Release) -> Result<()> {
        self.fenced()?.keep(release)?;
        self.fetch(release.contents.images.values())
    }

    fn prune_release(&self, id: &ReleaseId) -> Result<()> {
        self.fenced_invalidating()?.delete_release(id)
    }

    fn backup(&self, attempt: &str, made_by: &str) -> Result<Backup> {
        self.fenced()?.dump(attempt, made_by)
    }

    fn prune_backups(&self) -> Result<()> {
        self.fenced()?.prune_backups().map(drop)
    }

    fn load_backup(&self, backup: &Backup) -> Result<()> {
        self.fenced_invalidating()?.restore_dump(backup)
    }

    fn drop_loaded(&self) -> Result<()> {
        self.fenced_invalidating()?.drop_restored()
    }

    fn swap_database(&self, aside: &str) -> Result<()> {
        self.fenced_invalidating()?.exchange(aside)
    }

    fn swap_back(&self, aside: &str) -> Result<()> {
        self.fenced_invalidating()?.exchange_again(aside)
    }

    fn is_parked(&self, aside: &str) -> Result<bool> {
        self.has_database(aside)
    }

    fn migrate(&self, release: &Release) -> Result<String> {
        self.fenced_invalidating()?.wait_for_migration()?;
        self.run_once(&release.id, "migrate", &[])
    }

    fn undo_migrations(&self, release: &Release, versions: &[i64]) -> Result<String> {
        self.fenced_invalidating()?.wait_for_migration()?;
        let versions: Vec<String> = versions.iter().map(i64::to_string).collect();
        let words = ["migrate", "--undo"].into_iter().chain(versions.iter().map(String::as_str));
        self.run_once(&release.id, "migrate", &words.collect::<Vec<_>>())
    }

    fn wait_for_migration(&self) -> Result<()> {
        self.fenced_invalidating()?.wait_for_once("migrate")
    }

    fn start(&self, release: &Release) -> Result<()> {
        self.fenced_invalidating()?.release_project(&release.id)?.run(|project, sh| project.up(sh))
    }

    fn stop(&self, id: &ReleaseId) -> Result<()> {
        if self.fenced_invalidating()?.is_kept(id)? {
            return self.release_project(id)?.run(|project, sh| project.stop(sh));
        }
        self.remove_strays(id)
    }

    fn remove_containers(&self, id: &ReleaseId) -> Result<()> {
        if self.fenced_invalidating()?.is_kept(id)? {
            return self.release_project(id)?.run(|project, sh| project.down(sh));
        }
        self.remove_strays(id)
    }

    fn smoke(&self, release: &Release) -> Result<()> {
        self.smoke_release(&release.id)
    }

    fn last_lines(&self, part: &Part, lines: usize) -> Result<String> {
        Ok(container::last_lines(self.shell.docker(), &part.container, lines)?)
    }

    fn arm(&self, arming: &Arming) -> Result<()> {
        self.fenced()?.arm_guard(arming)
    }

    fn confirm(&self, attempt: &str) -> Result<()> {
        self.fenced()?.live_script("confirm", &[attempt]).map(drop)
    }

    fn trip(&self, attempt: &str, reason: &str) -> Result<()> {
        self.fenced()?.live_script("trip", &[attempt, reason]).map(drop)
    }

    fn dismiss_guard(&self) -> Result<()> {
        let lease = self.holding_number()?;
        self.fenced()?.live_script("dismiss", &[self.lease_file().as_str(), &lease]).map(drop)
    }

    fn switch(&self, switch: &Switching) -> Result<()> {
        let (from, lease, file) =
            (written(switch.from.as_ref()), switch.lease.to_string(), self.lease_file());
        let (attempt, seconds) = match &switch.guarded {
            Some((attempt, margin)) => (attempt.as_str(), margin.as_secs()),
            None => ("-", 0),
        };
        let seconds = seconds.to_string();
        self.fenced()?
            .live_script("switch", &[from, switch.to.as_str(), file.as_str(), &lease, attempt, &seconds])
            .map(drop)
    }

    fn set_warm(&self, live: Option<&ReleaseId>, lease: u64, warm: Option<&ReleaseId>) -> Result<()> {
        let (file, lease) = (self.lease_file(), lease.to_string());
        let arguments = [written(live), file.as_str(), &lease, written(warm)];
        self.fenced()?.live_script("warm", &arguments).map(drop)
    }

    fn clear_live(&self) -> Result<()> {
        let lease = self.holding_number()?;
        self.fenced()?.live_script("clear", &[self.lease_file().as_str(), &lease]).map(drop)
    }

    fn probe(&self) -> Result<Answer> {
        self.ask_edge()
    }

    fn edge_counts(&self) -> Result<EdgeCounts> {
        self.count_edge()
    }
}

impl Machine {
    /// Fills a demo organisation by the release's own image, and gives what it printed.
    pub fn seed(&self, id: &ReleaseId) -> Result<String> {
        self.run_once(id, "seed", &[])
    }

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

    /// Asks users to wait until then (an HTTP date, RFC 9110), or lets them in again.
    pub fn set_maintenance(&self, until: Option<&str>) -> Result<()> {
        self.live_script("maintenance", &[until.unwrap_or("none")]).map(drop)
    }

    /// Whether the connection to the host has ended by itself; asked when a call has failed.
    pub fn is_cut_off(&self) -> bool {
        self.shell.connection().is_some_and(Connection::is_being_lost)
    }

    /// In how many days the certificate ends that users are shown, when they come by HTTPS.
    pub fn certificate_days(&self) -> Option<i64> {
        curl::certificate_days(self.public_url.as_deref()?, self.now())
    }

    /// Who has the lease at this moment, when somebody has.
    pub fn lease_holder(&self) -> Result<Option<String>> {
        lease::held_by(&self.shell, &self.lease_file())
    }
}
