//! The host in the hands of whoever holds its lease: everything that changes an environment.

use std::cell::RefCell;
use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::Machine;
use super::lease::{self, Held};
use crate::project::DATABASE;
use crate::rollout::host::{Arming, Holder, Host, LeaseError, LeasedHost, Switching};
use crate::rollout::state::backup::{Backup, aside};
use crate::rollout::state::guard::written;
use crate::rollout::state::ledger::Entry;
use crate::rollout::state::release::{Release, ReleaseId};

/// The lease of an environment, held: it alone changes the environment. Whoever wants to look asks the [`Machine`]. The
/// lease is given back when this is dropped.
pub struct Leased<'a> {
    machine: &'a Machine,
    held: Held,
    /// Releases whose files this driver has written, so that compose finds them as they ought to be.
    pub(super) laid_out: RefCell<BTreeSet<ReleaseId>>,
}

impl<'a> Leased<'a> {
    /// Takes the lease, or says who holds it.
    pub(super) fn take(machine: &'a Machine, holder: &Holder) -> Result<Leased<'a>, LeaseError> {
        let held = lease::take(&machine.shell, &machine.lease_file(), holder)?;
        Ok(Leased { machine, held, laid_out: RefCell::default() })
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

    fn pull(&self, release: &Release) -> Result<()> {
        self.keep(release)?;
        self.fetch(release.contents.images.values())
    }

    fn prune_release(&self, id: &ReleaseId) -> Result<()> {
        self.delete_release(id)
    }

    fn start(&self, release: &Release) -> Result<()> {
        self.change_release(&release.id, |project, sh| project.up(sh))
    }

    fn stop(&self, id: &ReleaseId) -> Result<()> {
        if self.fenced()?.is_kept(id)? {
            return self.change_release(id, |project, sh| project.stop(sh));
        }
        self.remove_strays(id)
    }

    fn remove_containers(&self, id: &ReleaseId) -> Result<()> {
        self.keep_logs(id);
        self.take_down(id)
    }

    fn backup(&self, attempt: &str, made_by: &str) -> Result<Backup> {
        self.fenced()?.dump(attempt, made_by)
    }

    fn prune_backups(&self) -> Result<()> {
        self.remove_old_backups()
    }

    fn load_backup(&self, backup: &Backup) -> Result<()> {
        self.restore_dump(backup)
    }

    fn drop_loaded(&self) -> Result<()> {
        self.drop_restored()
    }

    fn swap_database(&self, attempt: &str) -> Result<()> {
        self.exchange(&aside(DATABASE, attempt))
    }

    fn swap_back(&self, attempt: &str) -> Result<()> {
        self.exchange_again(&aside(DATABASE, attempt))
    }

    fn migrate(&self, release: &Release) -> Result<String> {
        self.wait_for_migration()?;
        self.run_once(&release.id, "migrate", &[])
    }

    fn undo_migrations(&self, release: &Release, versions: &[i64]) -> Result<String> {
        self.wait_for_migration()?;
        let versions: Vec<String> = versions.iter().map(i64::to_string).collect();
        let words = ["migrate", "--undo"].into_iter().chain(versions.iter().map(String::as_str));
        self.run_once(&release.id, "migrate", &words.collect::<Vec<_>>())
    }

    fn wait_for_migration(&self) -> Result<()> {
        self.wait_for_once("migrate")
    }

    fn arm(&self, arming: &Arming) -> Result<()> {
        self.arm_guard(arming)
    }

    fn confirm(&self, attempt: &str) -> Result<()> {
        self.change_live("confirm", &[attempt])
    }

    fn trip(&self, attempt: &str, reason: &str) -> Result<()> {
        self.change_live("trip", &[attempt, reason])
    }

    fn dismiss_guard(&self) -> Result<()> {
        let (file, number) = self.fencing()?;
        self.change_live("dismiss", &[&file, &number])
    }

    fn switch(&self, switch: &Switching) -> Result<()> {
        let (from, (file, number)) = (written(switch.from.as_ref()), self.fencing()?);
        let (attempt, seconds) = match &switch.guarded {
            Some((attempt, margin)) => (attempt.as_str(), margin.as_secs()),
            None => ("-", 0),
        };
        let arguments = [from, switch.to.as_str(), &file, &number, attempt, &seconds.to_string()];
        self.change_live("switch", &arguments)
    }

    fn set_warm(&self, live: Option<&ReleaseId>, warm: Option<&ReleaseId>) -> Result<()> {
        let (file, number) = self.fencing()?;
        self.change_live("warm", &[written(live), &file, &number, written(warm)])
    }

    fn clear_live(&self) -> Result<()> {
        let (file, number) = self.fencing()?;
        self.change_live("clear", &[&file, &number])
    }
}

impl Leased<'_> {
    /// Asks users to wait until then (an HTTP date, RFC 9110), or lets them in again.
    pub fn set_maintenance(&self, until: Option<&str>) -> Result<()> {
        self.change_live("maintenance", &[until.unwrap_or("none")])
    }

    /// Fills a demo organisation by the release's own image, and gives what it printed.
    pub fn seed(&self, id: &ReleaseId) -> Result<String> {
        self.run_once(id, "seed", &[])
    }

    /// The lease's file and number, by which a script on the host sees whether the lease has passed on.
    pub(super) fn fencing(&self) -> Result<(String, String)> {
        Ok((self.fenced()?.lease_file().into_string(), self.number().to_string()))
    }
}
