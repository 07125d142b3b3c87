//! The model is held to the world: the same acts on the simulated host and on a real one, and after each call that
//! changes something a look at everything that can be seen.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};

use super::bug::Bug;
use super::driver::{Act, Operator};
use super::host::{Shared, Simulated};
use super::turns::Turns;
use super::world::change::entry_words;
use super::world::{Manner, Services, World};
use crate::rollout::edge_counts::EdgeCounts;
use crate::rollout::host::{
    Arming, Files, Holder, Host, Leasable, LeaseError, LeasedHost, Part, ProbeResponse, SmokeTest, Switching,
    Vitals,
};
use crate::rollout::limits::Limits;
use crate::rollout::state::backup::Backup;
use crate::rollout::state::guard::{Traffic, written};
use crate::rollout::state::history::Applied;
use crate::rollout::state::ledger::{Entry, Ledger};
use crate::rollout::state::platform::PlatformRecord;
use crate::rollout::state::release::{Release, ReleaseId};

/// Something that somebody does, and right after which call the driver is killed, when it is.
pub struct Scene {
    /// What.
    pub act: Act,
    /// The call, by its name.
    pub killed_after: Option<&'static str>,
}

/// What can be seen of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// After which call, or act.
    pub after: String,
    /// Whether it went well.
    pub well: bool,
    /// The files of the live folder.
    pub live: [String; 3],
    /// How long the ledger is, whether it is whole, and its last entry.
    pub ledger: (usize, bool, String),
    /// The releases that are kept.
    pub kept: Vec<ReleaseId>,
    /// The containers: release, service, state.
    pub containers: Vec<[String; 3]>,
    /// The migrations that the database has.
    pub schema: Vec<i64>,
}

impl Seen {
    /// Whether it was seen at the end of an act.
    pub fn is_end(&self) -> bool {
        self.after.starts_with("--")
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([live, warm, guard], (length, _, last)) = (&self.live, &self.ledger);
        let running = self.containers.iter().filter(|[.., state]| state == "running").count();
        let (after, all) = (&self.after, self.containers.len());
        let failed = if self.well { "" } else { " (fails)" };
        write!(
            f,
            "{after}{failed}: live {live}, warm {warm}, guard {guard}; {running} of {all} containers run; {length} \
             entries, the last: {last}"
        )
    }
}

/// Plays all scenes on a host, and gives what was seen after each call.
pub fn play(host: &impl Leasable, scenes: &[Scene], limits: Limits) -> Result<Vec<Seen>> {
    let seen = RefCell::default();
    for scene in scenes {
        let recorder =
            Recorder { host, killed_after: scene.killed_after, killed: Cell::new(false), seen: &seen };
        let end = Operator { host: &recorder, limits, bug: None }.does(&scene.act);
        let words = format!("-- {}", scene.act);
        let look = look(host, words, matches!(end, super::driver::Ended::Well))?;
        seen.borrow_mut().push(look);
    }
    Ok(seen.into_inner())
}

/// A host in memory, with nothing on it, whose releases have these services, and on which this one will never be ready.
pub fn simulated(services: &'static [&'static str], never_ready: &ReleaseId) -> Simulated {
    let mut world = World { services: Services(services), ..World::default() };
    world.manners.insert(never_ready.clone(), Manner::NeverReady);
    Simulated::next(&Shared { world: world.into(), turns: Turns::alone() }.into(), Bug::default())
}

fn look(host: &dyn Host, after: String, well: bool) -> Result<Seen> {
    let (live, ledger) = (host.live()?, host.ledger()?);
    let guard = live.guard.map_or("none".to_owned(), |guard| {
        format!("{:?} for {} {}", guard.state, written(guard.to.as_ref()), guard.reason)
    });
    let last = ledger.entries.last().map(|entry| entry_words(&entry.event)).unwrap_or_default();
    let mut kept: Vec<ReleaseId> = host.kept()?.into_iter().map(|release| release.id).collect();
    kept.sort();
    let container = |part: Part| [part.release.to_string(), part.service, part.state.to_string()];
    let mut containers: Vec<[String; 3]> = host.parts()?.into_iter().map(container).collect();
    containers.sort();
    Ok(Seen {
        after,
        well,
        live: [written(live.active.as_ref()).to_owned(), written(live.warm.as_ref()).to_owned(), guard],
        ledger: (ledger.entries.len(), ledger.damaged.is_empty(), last),
        kept,
        containers,
        schema: host.schema()?.into_keys().collect(),
    })
}

/// A host whose every change is followed by a look.
struct Recorder<'a, H> {
    host: &'a H,
    killed_after: Option<&'static str>,
    killed: Cell<bool>,
    seen: &'a RefCell<Vec<Seen>>,
}

impl<H: Host> Recorder<'_, H> {
    fn changes<T>(&self, call: &str, change: impl FnOnce() -> Result<T>) -> Result<T> {
        self.alive()?;
        let result = change();
        let seen = look(self.host, call.to_owned(), result.is_ok())?;
        self.seen.borrow_mut().push(seen);
        if self.killed_after == Some(call) {
            self.killed.set(true);
            bail!("the driver is killed");
        }
        result
    }

    fn alive(&self) -> Result<&H> {
        if self.killed.get() {
            bail!("the driver is dead");
        }
        Ok(self.host)
    }
}

impl<H: Host> Host for Recorder<'_, H> {
    fn now(&self) -> SystemTime {
        self.host.now()
    }
    fn clock(&self) -> Duration {
        self.host.clock()
    }
    fn pause(&self, duration: Duration) -> Result<()> {
        self.alive()?.pause(duration)
    }
    fn check_interrupt(&self) -> Result<()> {
        self.host.check_interrupt()
    }
    fn shield(&self, work: &mut dyn FnMut()) {
        self.host.shield(work);
    }
    fn live(&self) -> Result<Traffic> {
        self.alive()?.live()
    }
    fn ledger(&self) -> Result<Ledger> {
        self.alive()?.ledger()
    }
    fn ledger_copies(&self) -> Result<Vec<Ledger>> {
        self.alive()?.ledger_copies()
    }
    fn files(&self) -> Result<Files> {
        self.alive()?.files()
    }
    fn kept(&self) -> Result<Vec<Release>> {
        self.alive()?.kept()
    }
    fn parts(&self) -> Result<Vec<Part>> {
        self.alive()?.parts()
    }
    fn schema(&self) -> Result<Applied> {
        self.alive()?.schema()
    }
    fn is_parked(&self, attempt: &str) -> Result<bool> {
        self.alive()?.is_parked(attempt)
    }
    fn engine_answers(&self) -> bool {
        self.host.engine_answers()
    }
    fn check_ready(&self, release: &Release) -> Result<()> {
        self.alive()?.check_ready(release)
    }
    fn last_lines(&self, part: &Part, lines: usize) -> Result<String> {
        self.alive()?.last_lines(part, lines)
    }
    fn probe(&self) -> Result<ProbeResponse> {
        self.alive()?.probe()
    }
    fn edge_counts(&self) -> Result<EdgeCounts> {
        self.alive()?.edge_counts()
    }
    fn trip_without_lease(&self, attempt: &str, by: &str) -> Result<()> {
        self.changes("trip", || self.host.trip_without_lease(attempt, by))
    }
}

impl<H: Leasable> Leasable for Recorder<'_, H> {
    type Leased<'b>
        = RecordedLease<'b, H>
    where
        Self: 'b;

    fn lease(&self, holder: &Holder) -> Result<RecordedLease<'_, H>, LeaseError> {
        Ok(RecordedLease { leased: self.alive()?.lease(holder)?, recorder: self })
    }
}

/// The lease of a host whose every change is followed by a look.
struct RecordedLease<'a, H: Leasable + 'a> {
    leased: H::Leased<'a>,
    recorder: &'a Recorder<'a, H>,
}

impl<H: Leasable> LeasedHost for RecordedLease<'_, H> {
    fn host(&self) -> &dyn Host {
        self.recorder
    }
    fn number(&self) -> u64 {
        self.leased.number()
    }
    fn check(&self) -> Result<()> {
        self.leased.check()
    }
    fn append(&self, entries: &[Entry]) -> Result<()> {
        self.recorder.changes("append", || self.leased.append(entries))
    }
    fn replace_ledger(&self, entries: &[Entry]) -> Result<Option<String>> {
        self.recorder.changes("replace ledger", || self.leased.replace_ledger(entries))
    }
    fn pull(&self, release: &Release) -> Result<()> {
        self.recorder.changes("pull", || self.leased.pull(release))
    }
    fn prune_release(&self, id: &ReleaseId) -> Result<()> {
        self.recorder.changes("prune", || self.leased.prune_release(id))
    }
    fn start(&self, release: &Release) -> Result<()> {
        self.recorder.changes("start", || self.leased.start(release))
    }
    fn stop(&self, id: &ReleaseId) -> Result<()> {
        self.recorder.changes("stop", || self.leased.stop(id))
    }
    fn remove_containers(&self, id: &ReleaseId) -> Result<()> {
        self.recorder.changes("remove", || self.leased.remove_containers(id))
    }
    fn backup(&self, attempt: &str, made_by: &str) -> Result<Backup> {
        self.recorder.changes("backup", || self.leased.backup(attempt, made_by))
    }
    fn prune_backups(&self) -> Result<()> {
        self.recorder.changes("prune backups", || self.leased.prune_backups())
    }
    fn load_backup(&self, backup: &Backup, without_papers: bool) -> Result<()> {
        self.recorder.changes("load backup", || self.leased.load_backup(backup, without_papers))
    }
    fn drop_loaded(&self) -> Result<()> {
        self.recorder.changes("drop loaded", || self.leased.drop_loaded())
    }
    fn swap_database(&self, attempt: &str) -> Result<()> {
        self.recorder.changes("swap", || self.leased.swap_database(attempt))
    }
    fn swap_back(&self, attempt: &str) -> Result<()> {
        self.recorder.changes("swap back", || self.leased.swap_back(attempt))
    }
    fn migrate(&self, release: &Release) -> Result<String> {
        self.recorder.changes("migrate", || self.leased.migrate(release))
    }
    fn undo_migrations(&self, release: &Release, versions: &[i64]) -> Result<String> {
        self.recorder.changes("undo migrations", || self.leased.undo_migrations(release, versions))
    }
    fn wait_for_migration(&self) -> Result<()> {
        self.recorder.changes("wait for migration", || self.leased.wait_for_migration())
    }
    fn write_platform(&self) -> Result<PlatformRecord> {
        self.recorder.changes("write platform", || self.leased.write_platform())
    }
    fn bring_back_platform_files(&self) -> Result<()> {
        self.recorder.changes("bring back platform", || self.leased.bring_back_platform_files())
    }
    fn renew_platform(&self, service: &str) -> Result<()> {
        self.recorder.changes("renew", || self.leased.renew_platform(service))
    }
    fn smoke_test(&self, release: &Release) -> Result<()> {
        self.recorder.alive().and_then(|_| self.leased.smoke_test(release))
    }
    fn smoke_test_through_edge(&self, release: &Release) -> Result<SmokeTest> {
        self.recorder.alive().and_then(|_| self.leased.smoke_test_through_edge(release))
    }
    fn vitals(&self, release: &Release, before: Option<&Release>, since: Duration) -> Result<Vitals> {
        self.recorder.alive().and_then(|_| self.leased.vitals(release, before, since))
    }
    fn end_smoke_tests(&self, release: &Release) -> Result<()> {
        self.recorder.alive().and_then(|_| self.leased.end_smoke_tests(release))
    }
    fn arm(&self, arming: &Arming) -> Result<()> {
        self.recorder.changes("arm", || self.leased.arm(arming))
    }
    fn confirm(&self, attempt: &str) -> Result<()> {
        self.recorder.changes("confirm", || self.leased.confirm(attempt))
    }
    fn trip(&self, attempt: &str, reason: &str) -> Result<()> {
        self.recorder.changes("trip", || self.leased.trip(attempt, reason))
    }
    fn dismiss_guard(&self) -> Result<()> {
        self.recorder.changes("dismiss guard", || self.leased.dismiss_guard())
    }
    fn set_warm(&self, live: Option<&ReleaseId>, warm: Option<&ReleaseId>) -> Result<()> {
        self.recorder.changes("set warm", || self.leased.set_warm(live, warm))
    }
    fn clear_live(&self) -> Result<()> {
        self.recorder.changes("clear live", || self.leased.clear_live())
    }
    fn switch(&self, switch: &Switching) -> Result<()> {
        self.recorder.changes("switch", || self.leased.switch(switch))
    }
}
