//! The host in the hands of whoever holds its lease: everything that changes an environment.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;

use super::Machine;
use super::lease::{self, Held};
use super::monitoring::Credentials;
use crate::project::Environment;
use crate::rollout::host::{Arming, Holder, Host, LeaseError, LeasedHost, SmokeTest, Switching, Vitals};
use crate::rollout::state::backup::Backup;
use crate::rollout::state::ledger::Entry;
use crate::rollout::state::platform::PlatformRecord;
use crate::rollout::state::release::{Release, ReleaseId};

/// The lease of an environment, held: it alone changes the environment. Whoever wants to look asks the [`Machine`]. The
/// lease is given back when this is dropped.
pub struct Leased<'a> {
    machine: &'a Machine,
    held: Held,
    /// Releases whose files this driver has written, so that compose finds them as they ought to be.
    pub(super) laid_out: RefCell<BTreeSet<ReleaseId>>,
    /// The user that smoke tests of a release log in as, once one was made, or may have been; and how, when that is known.
    pub(super) monitoring: RefCell<Option<(ReleaseId, Option<Credentials>)>>,
    /// The platform's files before this driver wrote others: path, and text when it was there.
    pub(super) platform_before: RefCell<Vec<(Utf8PathBuf, Option<String>)>>,
}

impl<'a> Leased<'a> {
    /// Takes the lease, or says who holds it.
    pub(super) fn take(machine: &'a Machine, holder: &Holder) -> Result<Leased<'a>, LeaseError> {
        let held = lease::take(&machine.shell, &machine.lease_file(), holder)?;
        Ok(Leased {
            machine,
            held,
            laid_out: RefCell::default(),
            monitoring: RefCell::default(),
            platform_before: RefCell::default(),
        })
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        self.machine.environment()
    }

    /// The machine, to change a file on it; an error when the lease was lost. There is no other way from here to it but
    /// [`Leased::fenced_invalidating`].
    pub(super) fn fenced(&self) -> Result<&'a Machine> {
        self.held.check().context("the lease was lost, and nothing may be changed without it")?;
        Ok(self.machine)
    }

    /// The machine, to change its containers or its database: what was asked ahead of that is not so any more.
    pub(super) fn fenced_invalidating(&self) -> Result<&'a Machine> {
        self.machine.discard_prefetched();
        self.fenced()
    }

    /// The lease's file and number, by which a script on the host sees whether the lease has passed on.
    pub(super) fn fencing(&self) -> Result<(String, String)> {
        Ok((self.fenced()?.lease_file().into_string(), self.number().to_string()))
    }
}

impl LeasedHost for Leased<'_> {
    fn host(&self) -> &dyn Host {
        self.machine
    }

    fn number(&self) -> u64 {
        self.held.number()
    }

    fn check(&self) -> Result<()> {
        self.held.check()
    }

    fn append(&self, entries: &[Entry]) -> Result<()> {
        self.append_to_ledger(entries)
    }

    fn replace_ledger(&self, entries: &[Entry]) -> Result<Option<String>> {
        self.put_ledger(entries)
    }

    fn pull(&self, release: &Release) -> Result<()> {
        self.releases().pull(release)
    }

    fn prune_release(&self, id: &ReleaseId) -> Result<()> {
        self.releases().prune(id)
    }

    fn start(&self, release: &Release) -> Result<()> {
        self.releases().start(&release.id)
    }

    fn stop(&self, id: &ReleaseId) -> Result<()> {
        self.releases().stop(id)
    }

    fn remove_containers(&self, id: &ReleaseId) -> Result<()> {
        self.releases().remove_containers(id)
    }

    fn backup(&self, attempt: &str, made_by: &str) -> Result<Backup> {
        self.fenced()?.database().backup(attempt, made_by)
    }

    fn prune_backups(&self) -> Result<()> {
        self.database().prune_backups()
    }

    fn load_backup(&self, backup: &Backup, without_papers: bool) -> Result<()> {
        self.database().load_backup(backup, without_papers)
    }

    fn drop_loaded(&self) -> Result<()> {
        self.database().drop_loaded()
    }

    fn swap_database(&self, attempt: &str) -> Result<()> {
        self.database().swap(attempt)
    }

    fn swap_back(&self, attempt: &str) -> Result<()> {
        self.database().swap_back(attempt)
    }

    fn migrate(&self, release: &Release) -> Result<String> {
        self.releases().migrate(&release.id)
    }

    fn undo_migrations(&self, release: &Release, versions: &[i64]) -> Result<String> {
        self.releases().undo_migrations(&release.id, versions)
    }

    fn wait_for_migration(&self) -> Result<()> {
        self.releases().wait_for_migration()
    }

    fn write_platform(&self) -> Result<PlatformRecord> {
        self.platform().write()
    }

    fn bring_back_platform_files(&self) -> Result<()> {
        self.platform().bring_back_files()
    }

    fn renew_platform(&self, service: &str) -> Result<()> {
        self.platform().renew(service)
    }

    fn smoke_test(&self, release: &Release) -> Result<()> {
        self.releases().smoke_test(&release.id)
    }

    fn smoke_test_through_edge(&self, release: &Release) -> Result<SmokeTest> {
        self.releases().smoke_test_through_edge(&release.id)
    }

    fn vitals(&self, release: &Release, before: Option<&Release>, since: Duration) -> Result<Vitals> {
        self.releases().vitals(&release.id, before.map(|before| &before.id), since)
    }

    fn end_smoke_tests(&self, release: &Release) -> Result<()> {
        self.releases().end_smoke_tests(&release.id)
    }

    fn arm(&self, arming: &Arming) -> Result<()> {
        self.live_folder().arm(arming)
    }

    fn confirm(&self, attempt: &str) -> Result<()> {
        self.live_folder().confirm(attempt)
    }

    fn trip(&self, attempt: &str, reason: &str) -> Result<()> {
        self.live_folder().trip(attempt, reason)
    }

    fn dismiss_guard(&self) -> Result<()> {
        self.live_folder().dismiss_guard()
    }

    fn set_warm(&self, live: Option<&ReleaseId>, warm: Option<&ReleaseId>) -> Result<()> {
        self.live_folder().set_warm(live, warm)
    }

    fn clear_live(&self) -> Result<()> {
        self.live_folder().clear_live()
    }

    fn switch(&self, switch: &Switching) -> Result<()> {
        self.live_folder().switch(switch)
    }
}
