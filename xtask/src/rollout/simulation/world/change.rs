//! What a driver can change on the simulated host, as data: each change happens, stays in the middle, or goes on after
//! whoever asked for it is gone.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::platform::Era;
use super::{Container, GuardFile, HALF, Manner, STOP_TIMEOUT, State, World};
use crate::rollout::host::{Arming, Switching};
use crate::rollout::state::guard::{GuardState, Traffic, written};
use crate::rollout::state::ledger::{Entry, Event};
use crate::rollout::state::release::{Release, ReleaseId};

/// A script on the host that was under way when its driver was gone.
const SCRIPT_DURATION: Duration = Duration::from_millis(150);
/// The same of the engine.
const ENGINE_DURATION: Duration = Duration::from_secs(2);
/// How long a migration takes.
pub const MIGRATION: Duration = Duration::from_secs(40);

/// A bug's number of a lease: nobody asks whether it has passed on.
pub const UNFENCED: u64 = u64::MAX;

/// One change.
#[derive(Debug, Clone)]
pub enum Change {
    /// Into the ledger, under the lease with this number.
    Append(Vec<Entry>, u64),
    ReplaceLedger(Vec<Entry>, u64),
    /// See `LeasedHost::pull`, and so on.
    Pull(Release),
    PruneRelease(ReleaseId),
    Backup,
    LoadBackup,
    DropLoaded,
    Swap(String),
    SwapBack(String),
    Migrate(Release),
    UndoMigrations(Vec<i64>),
    WaitForMigration,
    WritePlatform(Era),
    RenewPlatform(String),
    Start(Release),
    Stop(ReleaseId),
    RemoveContainers(ReleaseId),
    /// At once: what nobody should do.
    Kill(ReleaseId),
    Arm(Arming),
    Confirm(String),
    Trip(String, String),
    DismissGuard,
    /// The live release and the warm one, under the lease with this number.
    SetWarm(Option<ReleaseId>, Option<ReleaseId>, u64),
    /// Under the lease with this number.
    ClearLive(u64),
    /// Under the lease with this number.
    Switch(Switching, u64),
}

impl Change {
    /// For the story.
    pub fn words(&self) -> String {
        match self {
            Change::Append(entries, _) => {
                let words: Vec<String> = entries.iter().map(|entry| entry_words(&entry.event)).collect();
                format!("ledger: {}", words.join(", "))
            }
            Change::ReplaceLedger(..) => "replace the ledger".to_owned(),
            Change::Pull(release) => format!("pull {}", release.id),
            Change::PruneRelease(id) => format!("prune {id}"),
            Change::Backup => "back up".to_owned(),
            Change::LoadBackup => "load a backup beside".to_owned(),
            Change::DropLoaded => "drop what was loaded".to_owned(),
            Change::Swap(attempt) => format!("swap the databases for {attempt}"),
            Change::SwapBack(attempt) => format!("swap the databases back for {attempt}"),
            Change::Migrate(release) => format!("migrate by {}", release.id),
            Change::UndoMigrations(versions) => format!("take the migrations {versions:?} back"),
            Change::WaitForMigration => "wait for a migration".to_owned(),
            Change::WritePlatform(era) => format!("the platform's files are the {era} ones"),
            Change::RenewPlatform(service) => format!("start {service} of the platform anew"),
            Change::Start(release) => format!("start {}", release.id),
            Change::Stop(id) => format!("stop {id}"),
            Change::RemoveContainers(id) => format!("remove {id}"),
            Change::Kill(id) => format!("kill {id}"),
            Change::Arm(arming) => format!("arm the guard, back to {}", written(arming.from.as_ref())),
            Change::Confirm(_) => "confirm".to_owned(),
            Change::Trip(attempt, reason) => format!("trip the guard of {attempt}: {reason}"),
            Change::DismissGuard => "dismiss the guard".to_owned(),
            Change::SetWarm(_, warm, _) => format!("warm is {}", written(warm.as_ref())),
            Change::ClearLive(_) => "take the traffic from everybody".to_owned(),
            Change::Switch(switch, _) => format!("switch {} -> {}", written(switch.from.as_ref()), switch.to),
        }
    }

    /// Whether the engine does it, or runs it in the database's container, and goes on with what it has begun; the rest is
    /// done by scripts on the host.
    pub fn is_of_engine(&self) -> bool {
        matches!(
            self,
            Change::Pull(_)
                | Change::Backup
                | Change::LoadBackup
                | Change::Migrate(_)
                | Change::RenewPlatform(_)
                | Change::Start(_)
                | Change::Stop(_)
                | Change::RemoveContainers(_)
                | Change::Arm(_)
        )
    }

    /// Whether one that does not answer keeps it from happening.
    pub fn needs_engine(&self) -> bool {
        self.is_of_engine()
            || matches!(
                self,
                Change::PruneRelease(_)
                    | Change::DropLoaded
                    | Change::Swap(_)
                    | Change::SwapBack(_)
                    | Change::UndoMigrations(_)
                    | Change::WaitForMigration
            )
    }

    /// How long it takes.
    pub fn cost(&self) -> Duration {
        Duration::from_millis(match self {
            Change::Pull(_) | Change::LoadBackup | Change::Backup => 1000,
            Change::Start(_) | Change::Arm(_) => 300,
            Change::Migrate(_) | Change::UndoMigrations(_) => 500,
            _ => 20,
        })
    }
}

/// In a few words, the same for the same.
pub fn entry_words(event: &Event) -> String {
    match event {
        Event::Began { kind, from, to, .. } => {
            format!("{kind} began, {} -> {}", written(from.as_ref()), written(to.as_ref()))
        }
        Event::Step { step, state, .. } => format!("{step} {state:?}").to_lowercase(),
        Event::Confirmed { release, .. } => format!("{release} confirmed"),
        Event::Ended { outcome, .. } => format!("ended: {outcome}"),
        Event::Contract(contract) => format!("migration {} takes something away", contract.migration),
        Event::Platform(record) => format!("the platform is of {:?}", record.commit),
        Event::Noted { what, .. } => format!("noted: {what}"),
    }
}

impl World {
    /// It happens, whole; or it is refused, and nothing does.
    pub fn apply(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Append(entries, lease) => self.append(entries, *lease)?,
            Change::ReplaceLedger(entries, lease) => {
                ensure!(self.lease == *lease, "the lease has passed to somebody else");
                self.book.replace(entries);
            }
            Change::Pull(release) => {
                self.spoiled.remove(&release.id);
                self.kept.retain(|kept| kept.id != release.id);
                self.kept.push(release.clone());
            }
            Change::PruneRelease(id) => {
                if self.live.as_ref() == Some(id) || self.warm.as_ref() == Some(id) {
                    self.breaks(format!("{id}, live or warm, is forgotten"));
                }
                let traffic = Traffic {
                    active: self.live.clone(),
                    warm: self.warm.clone(),
                    guard: None,
                    maintenance: None,
                };
                if let Some(damage) = self.book.read().damage(&traffic, &self.kept).first() {
                    self.breaks(format!("{id} is forgotten, although {damage}"));
                }
                self.stop(id, true);
                self.kept.retain(|kept| &kept.id != id);
                self.copies.remove(id);
                self.spoiled.remove(id);
            }
            Change::Backup => self.backed_up = true,
            Change::LoadBackup => self.databases.loaded = Some(1),
            // Whoever still loads into it is thrown out.
            Change::DropLoaded => {
                self.going_on.retain(|(_, change)| !matches!(change, Change::LoadBackup));
                self.databases.loaded = None;
            }
            Change::Swap(attempt) => self.swap(attempt)?,
            Change::SwapBack(attempt) => {
                self.wait_for_swap();
                if let Some(back) = self.databases.aside.remove(attempt) {
                    self.databases.loaded = Some(self.replace_database(back));
                }
            }
            Change::Migrate(release) => self.migrate(release)?,
            Change::UndoMigrations(versions) => {
                self.wait_for_migration();
                self.check_backup();
                self.schema.retain(|version| !versions.contains(version));
            }
            Change::WaitForMigration => self.wait_for_migration(),
            Change::WritePlatform(era) => self.platform.files = *era,
            Change::RenewPlatform(service) => {
                self.platform.services.insert(service.clone(), self.platform.files);
            }
            Change::Start(release) => self.start(release)?,
            Change::Stop(id) => self.stop(id, false),
            Change::RemoveContainers(id) => self.stop(id, true),
            Change::Kill(id) => self.services.0.iter().for_each(|service| self.end(id, service)),
            Change::Arm(arming) => self.arm(arming),
            Change::Confirm(attempt) => self.confirm(attempt)?,
            Change::Trip(attempt, reason) => self.trip_of(attempt, reason)?,
            Change::DismissGuard => {
                self.going_on.retain(|(_, change)| !matches!(change, Change::Arm(_)));
                (self.guard, self.guarding) = (None, None);
            }
            Change::SetWarm(live, warm, lease) => {
                ensure!(&self.live == live && self.lease == *lease, "it is not as it was");
                self.warm.clone_from(warm);
            }
            Change::ClearLive(lease) => {
                ensure!(self.lease == *lease, "the lease has passed to somebody else");
                (self.live, self.warm) = (None, None);
            }
            Change::Switch(switch, lease) => self.switch(switch, *lease)?,
        }
        Ok(())
    }

    /// It stays as it was in the middle.
    pub fn apply_half(&mut self, change: &Change) {
        match change {
            Change::Append(entries, _) => self.append_half(entries),
            Change::PruneRelease(id) => self.stop(id, true),
            // A swap is one transaction, and a load is not.
            Change::LoadBackup => self.databases.loaded = Some(HALF),
            // Each migration is a transaction of its own.
            Change::Migrate(release) => {
                let next = release.migrations.iter().find(|version| !self.schema.contains(version));
                self.migrated(&next.copied().into_iter().collect::<Vec<_>>());
            }
            Change::Start(release) => self.run_service(&release.id, self.services.0[0]),
            Change::Stop(id) => self.stop_service(id, self.services.0[0], false),
            Change::RemoveContainers(id) => self.stop_service(id, self.services.0[0], true),
            Change::Arm(arming) => self.guarding = Some(arming.attempt.clone()),
            Change::Trip(attempt, reason) => {
                let armed = |file: &&mut GuardFile| {
                    &file.guard.attempt == attempt && file.guard.state == GuardState::Armed
                };
                if let Some(file) = self.guard.as_mut().filter(armed) {
                    file.guard.state = GuardState::Tripping;
                    reason.clone_into(&mut file.guard.reason);
                    let (to, from) = (file.guard.to.clone(), file.from.clone());
                    if self.live == to {
                        self.give_traffic(from);
                    }
                }
            }
            Change::DismissGuard => self.guarding = None,
            Change::ClearLive(lease) if self.lease == *lease => self.warm = None,
            Change::Switch(switch, lease) if self.check_switch(switch, *lease).is_ok() => {
                match switch.guarded {
                    Some(_) => self.warm.clone_from(&switch.from),
                    None => self.give_traffic(Some(switch.to.clone())),
                }
            }
            _ => {}
        }
    }

    /// Who asked for it is gone, and the host goes on with it.
    pub fn go_on(&mut self, change: &Change) {
        let (now, later) = (self.now, |after: Duration| self.now + after);
        match change {
            Change::Migrate(release) => self.migration = Some((release.clone(), later(MIGRATION))),
            Change::Stop(id) => self.begin_stop(id, false),
            Change::RemoveContainers(id) => self.begin_stop(id, true),
            // Compose is gone, and what the engine had been asked for was the first container.
            Change::Start(release) => {
                self.container(&release.id, self.services.0[0]);
                self.going_on.push((now + ENGINE_DURATION, change.clone()));
            }
            Change::LoadBackup => {
                self.databases.loaded = Some(HALF);
                self.going_on.push((now + ENGINE_DURATION, change.clone()));
            }
            Change::Arm(_)
            | Change::Backup
            | Change::RenewPlatform(_)
            | Change::Swap(_)
            | Change::SwapBack(_) => {
                self.going_on.push((now + ENGINE_DURATION, change.clone()));
            }
            Change::Pull(_) | Change::PruneRelease(_) | Change::WaitForMigration => {}
            _ => self.going_on.push((now + SCRIPT_DURATION, change.clone())),
        }
    }

    fn swap(&mut self, attempt: &str) -> Result<()> {
        self.wait_for_swap();
        let is_done = self.databases.aside.contains_key(attempt);
        if is_done && self.databases.loaded.is_none() {
            return Ok(());
        }
        ensure!(!is_done, "{attempt} has put a database aside already");
        let loaded = self.databases.loaded.take().context("nothing is loaded")?;
        let before = self.replace_database(loaded);
        self.databases.aside.insert(attempt.to_owned(), before);
        Ok(())
    }

    /// Whoever is in it is put out.
    fn replace_database(&mut self, with: u32) -> u32 {
        if with == HALF {
            self.breaks("half a backup becomes the database".to_owned());
        }
        if self.live.is_some() {
            self.counts.all += 1;
            self.counts.errors += 1;
            self.fail("the database puts out who is in it".to_owned());
        }
        std::mem::replace(&mut self.databases.used, with)
    }

    /// Whoever looks at a swap waits for one that goes on although its driver is gone.
    pub fn wait_for_swap(&mut self) {
        let goes_on =
            |(_, change): &(Duration, Change)| matches!(change, Change::Swap(_) | Change::SwapBack(_));
        if let Some((over, _)) = self.going_on.iter().find(|it| goes_on(it)) {
            let over = *over;
            self.advance(over.saturating_sub(self.now) + Duration::from_millis(1));
        }
    }

    fn migrate(&mut self, release: &Release) -> Result<()> {
        self.wait_for_migration();
        ensure!(self.kept.iter().any(|kept| kept.id == release.id), "{} is not there", release.id);
        self.migrated(&release.migrations);
        Ok(())
    }

    fn wait_for_migration(&mut self) {
        if let Some((_, over)) = &self.migration {
            self.advance(over.saturating_sub(self.now) + Duration::from_millis(1));
        }
    }

    fn start(&mut self, release: &Release) -> Result<()> {
        ensure!(self.kept.iter().any(|kept| kept.id == release.id), "{} is not kept", release.id);
        self.services.0.iter().for_each(|service| self.run_service(&release.id, service));
        Ok(())
    }

    /// As compose does it: what runs is left alone, also when it is about to stop.
    fn run_service(&mut self, id: &ReleaseId, service: &'static str) {
        let state = match self.manner(id) {
            Manner::Crashes => State::Exited,
            _ => State::Running(self.now),
        };
        let container = self.container(id, service);
        if matches!(container.state, State::Created | State::Exited) {
            container.state = state;
        }
    }

    fn container(&mut self, id: &ReleaseId, service: &'static str) -> &mut Container {
        let parts = self.containers.entry(id.clone()).or_default();
        parts.entry(service).or_insert(Container { state: State::Created, going: false })
    }

    fn begin_stop(&mut self, id: &ReleaseId, going: bool) {
        // The engine does one thing after the other with a container.
        self.going_on.retain(|(_, change)| !matches!(change, Change::Start(release) if &release.id == id));
        self.services.0.iter().for_each(|service| self.stop_service(id, service, going));
    }

    fn stop_service(&mut self, id: &ReleaseId, service: &str, going: bool) {
        if self.live.as_ref() == Some(id) && self.runs(id) {
            self.breaks(format!("{service} of {id}, which has the traffic, is stopped"));
        }
        if self.live.is_some() && self.warm.as_ref() == Some(id) && self.runs(id) {
            self.breaks(format!("{service} of {id}, which is warm, is stopped"));
        }
        let parts = self.containers.get_mut(id);
        let Some(container) = parts.and_then(|parts| parts.get_mut(service)) else { return };
        container.going |= going;
        match container.state {
            State::Running(_) => container.state = State::Stopping(self.now + STOP_TIMEOUT),
            State::Stopping(_) => {}
            _ => self.end(id, service),
        }
    }

    /// Comes back when it has stopped.
    fn stop(&mut self, id: &ReleaseId, going: bool) {
        self.begin_stop(id, going);
        while self.runs(id) {
            self.advance(Duration::from_millis(250));
        }
    }
}
