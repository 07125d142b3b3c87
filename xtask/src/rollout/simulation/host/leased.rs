//! The simulated host in the hands of the driver that holds its lease: each change is one in which something can go wrong.

use std::time::Duration;

use anyhow::{Result, anyhow, ensure};

use super::Simulated;
use crate::rollout::edge_counts::EdgeCounts;
use crate::rollout::host::{Arming, Host, LeasedHost, SmokeTest, Switching, Vitals};
use crate::rollout::simulation::world::World;
use crate::rollout::simulation::world::change::Change;
use crate::rollout::simulation::world::platform::Era;
use crate::rollout::state::backup::Backup;
use crate::rollout::state::ledger::Entry;
use crate::rollout::state::platform::PlatformRecord;
use crate::rollout::state::release::{Release, ReleaseId};

/// The lease, held by a driver.
pub struct Held<'a> {
    /// The number of the lease.
    pub number: u64,
    /// The driver's way to the host.
    pub host: &'a Simulated,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut world = self.host.shared.world();
        // Whose link is silent can say no goodbye.
        if world.holder == Some((self.host.driver, None)) {
            world.let_go(self.host.driver, None);
        }
    }
}

impl LeasedHost for Held<'_> {
    fn host(&self) -> &dyn Host {
        self.host
    }
    fn number(&self) -> u64 {
        self.number
    }
    fn check(&self) -> Result<()> {
        let holder = self.host.shared.world().holder;
        ensure!(holder.is_some_and(|(driver, _)| driver == self.host.driver), "the lease is lost");
        Ok(())
    }
    fn append(&self, entries: &[Entry]) -> Result<()> {
        self.host.change(Change::Append(entries.to_vec(), self.number))
    }
    fn replace_ledger(&self, entries: &[Entry]) -> Result<Option<String>> {
        self.host.change(Change::ReplaceLedger(entries.to_vec(), self.number)).map(|()| None)
    }
    fn pull(&self, release: &Release) -> Result<()> {
        self.host.change(Change::Pull(release.clone()))
    }
    fn prune_release(&self, id: &ReleaseId) -> Result<()> {
        self.host.change(Change::PruneRelease(id.clone()))
    }
    fn start(&self, release: &Release) -> Result<()> {
        self.host.change(Change::Start(release.clone()))
    }
    fn stop(&self, id: &ReleaseId) -> Result<()> {
        self.host.change(Change::Stop(id.clone()))
    }
    fn remove_containers(&self, id: &ReleaseId) -> Result<()> {
        self.host.change(Change::RemoveContainers(id.clone()))
    }
    fn backup(&self, attempt: &str, made_by: &str) -> Result<Backup> {
        self.host.change(Change::Backup)?;
        Ok(Backup { made_by: made_by.to_owned(), ..Backup::named(attempt) })
    }
    fn prune_backups(&self) -> Result<()> {
        self.host.look("which backups need not be kept?", |_| Ok(()))
    }
    fn load_backup(&self, _: &Backup, _: bool) -> Result<()> {
        self.host.change(Change::LoadBackup)
    }
    fn drop_loaded(&self) -> Result<()> {
        self.host.change(Change::DropLoaded)
    }
    fn swap_database(&self, attempt: &str) -> Result<()> {
        self.host.change(Change::Swap(attempt.to_owned()))
    }
    fn swap_back(&self, attempt: &str) -> Result<()> {
        self.host.change(Change::SwapBack(attempt.to_owned()))
    }
    fn migrate(&self, release: &Release) -> Result<String> {
        self.host.change(Change::Migrate(release.clone())).map(|()| String::new())
    }
    fn undo_migrations(&self, _: &Release, versions: &[i64]) -> Result<String> {
        self.host.change(Change::UndoMigrations(versions.to_vec())).map(|()| String::new())
    }
    fn wait_for_migration(&self) -> Result<()> {
        self.host.change(Change::WaitForMigration)
    }
    fn write_platform(&self) -> Result<PlatformRecord> {
        self.host.change(Change::WritePlatform(Era::New))?;
        Ok(PlatformRecord { commit: Era::New.to_string(), ..PlatformRecord::default() })
    }
    fn bring_back_platform_files(&self) -> Result<()> {
        self.host.change(Change::WritePlatform(Era::Before))
    }
    fn renew_platform(&self, service: &str) -> Result<()> {
        self.host.change(Change::RenewPlatform(service.to_owned()))
    }
    fn smoke_test(&self, release: &Release) -> Result<()> {
        let answer = |world: &mut World| world.serves_who_comes(&release.id).map_err(|why| anyhow!("{why}"));
        self.host.look("does it serve a user?", answer)
    }
    fn smoke_test_through_edge(&self, _: &Release) -> Result<SmokeTest> {
        self.host.look("does it serve a user through the edge?", |world| {
            let failure = world.serves_through_edge().err();
            let requests = EdgeCounts::one(if failure.is_some() { 500 } else { 200 });
            world.counts = world.counts.and(requests);
            Ok(SmokeTest { requests, failure })
        })
    }
    fn vitals(&self, release: &Release, _: Option<&Release>, _: Duration) -> Result<Vitals> {
        self.host.look("how does it do?", |world| Ok(world.vitals(&release.id)))
    }
    fn end_smoke_tests(&self, _: &Release) -> Result<()> {
        self.host.look("remove who was made for that", |_| Ok(()))
    }
    fn arm(&self, arming: &Arming) -> Result<()> {
        self.host.change(Change::Arm(arming.clone()))
    }
    fn confirm(&self, attempt: &str) -> Result<()> {
        self.host.change(Change::Confirm(attempt.to_owned()))
    }
    fn trip(&self, attempt: &str, reason: &str) -> Result<()> {
        self.host.change(Change::Trip(attempt.to_owned(), reason.to_owned()))
    }
    fn dismiss_guard(&self) -> Result<()> {
        self.host.change(Change::DismissGuard)
    }
    fn set_warm(&self, live: Option<&ReleaseId>, warm: Option<&ReleaseId>) -> Result<()> {
        self.host.change(Change::SetWarm(live.cloned(), warm.cloned(), self.number))
    }
    fn clear_live(&self) -> Result<()> {
        self.host.change(Change::ClearLive(self.number))
    }
    fn switch(&self, switch: &Switching) -> Result<()> {
        self.host.change(Change::Switch(switch.clone(), self.number))
    }
}
