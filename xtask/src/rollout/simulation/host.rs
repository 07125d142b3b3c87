//! A host in memory: releases, traffic, guard, schema, ledger and lease, and one fault at one call.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail, ensure};

use crate::rollout::backup::Backup;
use crate::rollout::guard::{Guard, GuardState, Live};
use crate::rollout::host::{Answer, Arming, EdgeCounts, Holder, Host, Lease, LeaseError, Part, Switching};
use crate::rollout::ledger::{Entry, Event, Ledger};
use crate::rollout::release::{Release, ReleaseId};

/// What goes wrong, at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing happens.
    Fails,
    /// It happens, and the driver is told that it failed.
    AnswerLost,
    /// The driver dies right before it.
    DiesBefore,
    /// The driver dies right after it.
    DiesAfter,
}

/// All of them.
pub const FAULTS: [Fault; 4] = [Fault::Fails, Fault::AnswerLost, Fault::DiesBefore, Fault::DiesAfter];

/// What there is on the host.
#[derive(Default)]
pub struct World {
    /// Who has the traffic.
    pub live: Option<ReleaseId>,
    /// Who had it before.
    pub warm: Option<ReleaseId>,
    /// The guard, and what it would put back: live and warm.
    pub guard: Option<(Guard, Option<ReleaseId>, Option<ReleaseId>)>,
    /// The ledger, as text.
    pub ledger: String,
    /// The number of the last lease.
    pub leases: u64,
    /// Releases that are kept whole.
    pub kept: Vec<Release>,
    /// Releases that run, and are ready.
    pub running: BTreeSet<ReleaseId>,
    /// Migrations that the database has.
    pub schema: Vec<i64>,
    /// Calls so far.
    pub calls: usize,
    /// What goes wrong, and at which call.
    pub fault: Option<(usize, Fault)>,
    /// Whether the driver can do nothing more.
    pub driver_is_dead: bool,
    /// Each call, in words.
    pub story: Vec<String>,
    /// What did not hold.
    pub broken: Vec<String>,
}

impl World {
    /// What must hold whenever the traffic moves.
    fn traffic_moved(&mut self) {
        let Some(live) = self.live.clone() else { return };
        if !self.running.contains(&live) {
            self.broken.push(format!("the edge points at {live}, which does not run"));
        }
        self.schema_suits(&live);
    }

    /// A release that has the traffic finds everything that it uses.
    fn schema_suits(&mut self, live: &ReleaseId) {
        let Some(release) = self.kept.iter().find(|release| &release.id == live) else { return };
        let mut needed = release.migrations.iter().filter(|version| !release.contracts.contains_key(version));
        if !needed.all(|version| self.schema.contains(version)) {
            self.broken.push(format!("{live} has the traffic, and the schema lacks a migration of it"));
        }
        if self.schema.iter().any(|version| is_shut_out(release, *version)) {
            self.broken.push(format!("{live} has the traffic, and a migration has taken away what it uses"));
        }
    }

    /// Whether nothing runs that is neither live nor warm.
    pub fn is_tidy(&self) -> bool {
        let needed = |id: &ReleaseId| self.live.as_ref() == Some(id) || self.warm.as_ref() == Some(id);
        self.running.iter().all(needed)
    }

    /// The guard takes the switch back.
    pub fn trip(&mut self) {
        let Some((guard, from, warm)) = self.guard.as_mut() else { return };
        guard.state = GuardState::Tripped;
        if self.live == guard.to {
            (self.live, self.warm) = (from.clone(), warm.clone());
            self.traffic_moved();
        }
    }
}

/// Whether migration `version` takes away what this release uses: in this world migration 5 does so for the releases
/// before the third.
pub fn is_shut_out(release: &Release, version: i64) -> bool {
    version == CONTRACT && !release.migrations.contains(&SINCE)
}

/// The migration that takes something away, and the one whose release was the first not to use it.
pub const CONTRACT: i64 = 5;
pub const SINCE: i64 = 3;

/// A host in memory.
pub struct Simulated(pub Rc<RefCell<World>>);

impl Simulated {
    /// One call through the trait, with whatever goes wrong at it.
    fn call<T>(&self, name: &str, effect: impl FnOnce(&mut World) -> Result<T>) -> Result<T> {
        let mut world = self.0.borrow_mut();
        ensure!(!world.driver_is_dead, "the driver is dead");
        let number = world.calls;
        world.calls += 1;
        let fault = world.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        world.story.push(format!("{name}{}", fault.map_or(String::new(), |fault| format!("  <- {fault:?}"))));
        match fault {
            None => effect(&mut world),
            Some(Fault::Fails) => bail!("{name} fails"),
            Some(Fault::AnswerLost) => {
                effect(&mut world)?;
                bail!("the answer of {name} is lost")
            }
            Some(Fault::DiesBefore) => {
                world.driver_is_dead = true;
                bail!("the driver dies")
            }
            Some(Fault::DiesAfter) => {
                world.driver_is_dead = true;
                effect(&mut world)?;
                bail!("the driver dies")
            }
        }
    }
}

struct Held(u64, Rc<RefCell<World>>);

impl Lease for Held {
    fn number(&self) -> u64 {
        self.0
    }
    fn check(&self) -> Result<()> {
        let world = self.1.borrow();
        ensure!(!world.driver_is_dead && world.leases == self.0, "the lease is lost");
        Ok(())
    }
}

impl Host for Simulated {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }
    fn pause(&self, _: Duration) -> Result<()> {
        Ok(())
    }
    fn lease(&self, _: &Holder) -> Result<Box<dyn Lease>, LeaseError> {
        let number = self.call("lease", |world| {
            world.leases += 1;
            Ok(world.leases)
        })?;
        Ok(Box::new(Held(number, Rc::clone(&self.0))))
    }
    fn live(&self) -> Result<Live> {
        self.call("live", |world| {
            let guard = world.guard.as_ref().map(|(guard, ..)| guard.clone());
            let (live, warm, maintenance) = (world.live.clone(), world.warm.clone(), None);
            Ok(Live { live, warm, guard, maintenance })
        })
    }
    fn ledger(&self) -> Result<Ledger> {
        self.call("ledger", |world| Ok(Ledger::parse(&world.ledger)))
    }
    fn append(&self, entry: &Entry) -> Result<()> {
        let line = serde_json::to_string(entry)?;
        self.call(&format!("append {:?}", entry.event), |world| {
            let armed = world.guard.as_ref().is_some_and(|(guard, ..)| guard.state == GuardState::Armed);
            if armed && matches!(entry.event, Event::Confirmed { .. }) {
                world.broken.push("the ledger calls confirmed what the guard can still take back".to_owned());
            }
            if world.ledger.lines().last() != Some(&line) {
                world.ledger += &format!("{line}\n");
            }
            Ok(())
        })
    }
    fn kept(&self) -> Result<Vec<Release>> {
        self.call("kept", |world| Ok(world.kept.clone()))
    }
    fn parts(&self) -> Result<Vec<Part>> {
        self.call("parts", |world| {
            let part = |id: &ReleaseId| Part {
                release: id.clone(),
                service: "app".into(),
                container: format!("app-{id}"),
                state: "running".into(),
                health: "healthy".into(),
                said: String::new(),
                since: String::new(),
                restarts: 0,
                ending: String::new(),
            };
            Ok(world.running.iter().map(part).collect())
        })
    }
    fn schema(&self) -> Result<Vec<i64>> {
        self.call("schema", |world| Ok(world.schema.clone()))
    }
    fn pull(&self, release: &Release) -> Result<()> {
        self.call("pull", |world| {
            world.kept.retain(|kept| kept.id != release.id);
            world.kept.push(release.clone());
            Ok(())
        })
    }
    fn forget(&self, id: &ReleaseId) -> Result<()> {
        self.call("forget", |world| {
            if world.live.as_ref() == Some(id) || world.warm.as_ref() == Some(id) {
                world.broken.push(format!("{id}, live or warm, is forgotten"));
            }
            world.kept.retain(|kept| &kept.id != id);
            world.running.remove(id);
            Ok(())
        })
    }
    fn backup(&self, name: &str, made_by: &str) -> Result<Backup> {
        let (name, made_by) = (name.to_owned(), made_by.to_owned());
        self.call("backup", |world| {
            let schema = world.schema.last().copied().unwrap_or(0);
            let (at, live, sha256) = (String::new(), String::new(), String::new());
            Ok(Backup { name, at, made_by, live, schema, tables: 1, bytes: 1, sha256, copied: None })
        })
    }
    fn load_backup(&self, _: &Backup) -> Result<()> {
        self.call("load_backup", |_| Ok(()))
    }
    fn drop_loaded(&self) -> Result<()> {
        self.call("drop_loaded", |_| Ok(()))
    }
    fn exchange_database(&self, _: &str) -> Result<()> {
        self.call("exchange_database", |_| Ok(()))
    }
    fn exchange_back(&self, _: &str) -> Result<()> {
        self.call("exchange_back", |_| Ok(()))
    }
    fn open_database(&self) -> Result<()> {
        self.call("open_database", |_| Ok(()))
    }
    fn is_aside(&self, _: &str) -> Result<bool> {
        self.call("is_aside", |_| Ok(false))
    }
    fn migrate(&self, release: &Release) -> Result<String> {
        self.call("migrate", |world| {
            world.schema.clone_from(&release.migrations);
            let running: Vec<ReleaseId> = world.running.iter().cloned().collect();
            running.iter().for_each(|id| world.schema_suits(id));
            Ok(String::new())
        })
    }
    fn undo_migrations(&self, _: &Release, versions: &[i64]) -> Result<String> {
        self.call("undo migrations", |world| {
            world.schema.retain(|version| !versions.contains(version));
            Ok(String::new())
        })
    }
    fn wait_for_migration(&self) -> Result<()> {
        self.call("wait for migration", |_| Ok(()))
    }
    fn start(&self, release: &Release) -> Result<()> {
        self.call("start", |world| {
            world.running.insert(release.id.clone());
            Ok(())
        })
    }
    fn stop(&self, id: &ReleaseId) -> Result<()> {
        self.remove(id)
    }
    fn remove(&self, id: &ReleaseId) -> Result<()> {
        self.call("remove", |world| {
            if world.live.as_ref() == Some(id) {
                world.broken.push(format!("{id}, which has the traffic, is stopped"));
            }
            world.running.remove(id);
            Ok(())
        })
    }
    fn smoke(&self, release: &Release) -> Result<()> {
        self.call("smoke", |world| {
            ensure!(world.running.contains(&release.id), "nobody answers");
            Ok(())
        })
    }
    fn last_lines(&self, _: &Part, _: usize) -> Result<String> {
        Ok(String::new())
    }
    fn arm(&self, arming: &Arming) -> Result<()> {
        self.call("arm", |world| {
            let (attempt, to) = (arming.attempt.clone(), Some(arming.to.clone()));
            let guard = Guard { state: GuardState::Armed, attempt, to, reason: String::new() };
            world.guard = Some((guard, arming.from.clone(), arming.warm.clone()));
            Ok(())
        })
    }
    fn confirm(&self, attempt: &str) -> Result<()> {
        self.call("confirm", |world| match world.guard.as_mut() {
            Some((guard, ..)) if guard.attempt == attempt && guard.state == GuardState::Armed => {
                guard.state = GuardState::Disarmed;
                Ok(())
            }
            other => bail!("the guard is {:?}", other.map(|(guard, ..)| guard.state)),
        })
    }
    fn trip(&self, attempt: &str, _: &str) -> Result<()> {
        self.call("trip", |world| {
            let armed = |guard: &Guard| guard.attempt == attempt && guard.state == GuardState::Armed;
            ensure!(
                world.guard.as_ref().is_some_and(|(guard, ..)| armed(guard)),
                "no guard of {attempt} is armed"
            );
            world.trip();
            Ok(())
        })
    }
    fn remove_guard(&self) -> Result<()> {
        self.call("remove guard", |world| {
            world.guard = None;
            Ok(())
        })
    }
    fn clear_warm(&self, live: Option<&ReleaseId>, lease: u64) -> Result<()> {
        self.call("clear warm", |world| {
            ensure!(world.live.as_ref() == live && world.leases == lease, "not as it was");
            world.warm = None;
            Ok(())
        })
    }
    fn clear_live(&self) -> Result<()> {
        self.call("clear live", |world| {
            (world.live, world.warm) = (None, None);
            Ok(())
        })
    }
    fn switch(&self, switch: &Switching) -> Result<()> {
        self.call("switch", |world| {
            ensure!(world.live == switch.from && world.leases == switch.lease, "not as it was");
            let guarded = world.guard.as_ref().is_some_and(|(guard, ..)| guard.state == GuardState::Armed);
            ensure!(guarded == switch.guarded.is_some(), "the guard is not as it must be");
            world.warm = world.live.replace(switch.to.clone());
            world.traffic_moved();
            Ok(())
        })
    }
    fn probe(&self) -> Result<Answer> {
        self.call("probe", |world| {
            Ok(Answer { status: 200, release: world.live.clone(), said: String::new() })
        })
    }
    fn edge_counts(&self) -> Result<EdgeCounts> {
        self.call("edge counts", |_| Ok(EdgeCounts::default()))
    }
}
