//! What there is on the simulated host, and what happens there by itself: time, users, the guard, the engine that goes
//! on. What a driver changes is in `change.rs`.

pub mod book;
pub mod change;
mod guarding;
pub mod platform;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use self::book::Book;
use self::change::Change;
use self::platform::Platform;
use self::users::Flight;
use super::fault::Trouble;
use crate::rollout::edge_counts::EdgeCounts;
use crate::rollout::state::guard::{Guard, GuardState};
use crate::rollout::state::release::{Release, ReleaseId};

/// Nothing happens between two of these: users send a request in each.
const TICK: Duration = Duration::from_millis(250);
/// How long a silent driver keeps the lease.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a host is away when it reboots.
pub const BOOT_DURATION: Duration = Duration::from_secs(3);
/// How long a stopping container gets to finish what it has.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// How a release behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// It is ready soon after its start.
    #[default]
    Works,
    /// It takes its time.
    Slow,
    /// It runs, and is never ready.
    NeverReady,
    /// It ends right after its start.
    Crashes,
    /// It is ready, and answers 500 soon after it got the traffic.
    TurnsBad,
    /// It works, and goes on until it is killed when it is told to stop.
    Deaf,
    /// Soon after it got the traffic, the database falls silent, for a while and for all releases.
    SilencesDatabase,
    /// Whoever asks for its health gets a good answer, and one user in four 500, from when on it has the traffic.
    ErrsBesideHealth,
    /// The database falls silent for a short while, and then all is well.
    SilencesShortly,
    /// The same, and then one user in four gets errors.
    ErrsAfterSilence,
    /// A part of it had ended by itself: users noticed that.
    WasIll,
    /// Whoever asks for its health gets a good answer, and every user 500.
    FailsUsers,
    /// The same, but only through the edge.
    FailsBehindEdge,
    /// It serves everybody, and takes ever more memory from when on it has the traffic.
    Leaks,
    /// It serves everybody, and keeps them waiting.
    AnswersLate,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was made, and not started.
    Created,
    /// Since then.
    Running(Duration),
    /// It was told to stop, takes nothing new, and is killed at this moment at the latest.
    Stopping(Duration),
    /// It has ended.
    Exited,
}

/// One container of a release.
#[derive(Debug, Clone)]
pub struct Container {
    /// What it is doing.
    pub state: State,
    /// Whether it is removed once it has stopped.
    pub going: bool,
}

/// The guard's file.
#[derive(Debug, Clone)]
pub struct GuardFile {
    /// As it is read.
    pub guard: Guard,
    /// What it puts back.
    pub from: Option<ReleaseId>,
    /// See `from`.
    pub warm: Option<ReleaseId>,
    /// When it trips by itself.
    pub deadline: Duration,
}

/// A database into which only a part of a backup was loaded.
pub const HALF: u32 = u32::MAX;

/// The databases by their names; each is told by what is in it.
#[derive(Debug, Clone, Default)]
pub struct Databases {
    /// What the app uses.
    pub used: u32,
    /// What a backup was loaded into; [`HALF`] while it is not whole.
    pub loaded: Option<u32>,
    /// What was put aside, by which attempt.
    pub aside: BTreeMap<String, u32>,
}

/// One that drives, or drove.
#[derive(Debug, Clone, Default)]
pub struct Driver {
    /// Its calls so far, and whether each changes something.
    pub calls: Vec<bool>,
    /// It can do nothing more: it was killed, or its link is cut.
    pub dead: bool,
    /// The number of the lease that it took.
    pub lease: Option<u64>,
}

/// What there is on the host.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Since the beginning.
    pub now: Duration,
    /// Who has the traffic.
    pub live: Option<ReleaseId>,
    /// Who had it before.
    pub warm: Option<ReleaseId>,
    /// While users are asked to wait, and answered 503.
    pub maintenance: Option<Range<Duration>>,
    /// The guard's file.
    pub guard: Option<GuardFile>,
    /// The attempt that the guard's container, while it runs, was told to guard.
    pub guarding: Option<String>,
    /// The ledger.
    pub book: Book,
    /// Its copies, beside the releases.
    pub copies: BTreeMap<ReleaseId, Book>,
    /// The number of the last lease.
    pub lease: u64,
    /// The driver that holds it, and when it is free if its link is silent.
    pub holder: Option<(usize, Option<Duration>)>,
    /// Releases that are kept whole.
    pub kept: Vec<Release>,
    /// Those among them whose manifest somebody has changed.
    pub spoiled: BTreeSet<ReleaseId>,
    /// The services of each release.
    pub services: Services,
    /// The containers of releases.
    pub containers: BTreeMap<ReleaseId, BTreeMap<&'static str, Container>>,
    /// How the releases behave, as far as they do not work.
    pub manners: BTreeMap<ReleaseId, Manner>,
    /// Migrations that the database has.
    pub schema: Vec<i64>,
    /// Whether a backup was made since the last migration.
    pub backed_up: bool,
    /// A migration that runs, and when it is over.
    pub migration: Option<(Release, Duration)>,
    /// The databases.
    pub databases: Databases,
    /// Database and edge.
    pub platform: Platform,
    /// What goes on although who asked for it is gone, and when it has happened.
    pub going_on: Vec<(Duration, Change)>,
    /// When the host went down, and until when that may cost requests.
    pub boots: Vec<(Duration, Duration)>,
    /// What the edge has answered.
    pub counts: EdgeCounts,
    /// Whether so many users are there all along that their answers take longer.
    pub is_crowded: bool,
    /// The release that strangers flood, while it has the traffic, so that its answers take longer.
    pub flooded: Option<ReleaseId>,
    /// Requests that failed: when, and why.
    pub failed: Vec<(Duration, String)>,
    /// The driver to whom the engine does not answer.
    pub silent_to: Option<usize>,
    /// Who drives, or drove.
    pub drivers: Vec<Driver>,
    /// What is to go wrong.
    pub troubles: Vec<Trouble>,
    /// How much of it has gone wrong.
    pub struck: usize,
    /// What happened, when somebody wants to read it.
    pub story: Option<Vec<String>>,
    /// What did not hold.
    pub broken: Vec<String>,
    /// What users wait for.
    pub flights: Vec<Flight>,
    /// Since when a release has, or had, the traffic.
    pub had_traffic: BTreeMap<ReleaseId, Duration>,
}

impl World {
    /// A line of the story.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        let at = self.now.as_secs_f64();
        if let Some(story) = &mut self.story {
            story.push(format!("{at:7.2} s  {}", line()));
        }
    }

    /// Something that must hold does not.
    pub fn breaks(&mut self, what: String) {
        self.tell(|| format!("!! {what}"));
        self.broken.push(what);
    }

    /// Time goes by.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while self.now < until {
            self.now = until.min(self.now + TICK);
            self.tick();
        }
    }

    fn tick(&mut self) {
        while let Some(next) = self.going_on.iter().position(|(at, _)| *at <= self.now) {
            let (_, change) = self.going_on.remove(next);
            let result = self.apply(&change);
            self.tell(|| match result {
                Ok(()) => format!("   the host has gone on with: {}", change.words()),
                Err(error) => format!("   the host refuses what came late: {} ({error:#})", change.words()),
            });
        }
        if self.migration.as_ref().is_some_and(|(_, over)| *over <= self.now) {
            self.end_migration();
        }
        if let Some((driver, Some(_))) = self.holder.filter(|(_, free)| free.is_some_and(|at| at <= self.now))
        {
            self.holder = None;
            self.drivers[driver].dead = true;
            self.tell(|| "   nothing was heard from who holds the lease: it is free".to_owned());
        }
        self.end_flights();
        self.watch_deadline();
        self.users();
    }

    /// What can't be taken back by itself is backed up first.
    pub fn check_backup(&mut self) {
        if !self.backed_up {
            self.breaks("the schema changes without a backup".to_owned());
        }
    }

    /// The running migration comes to its end.
    pub fn end_migration(&mut self) {
        if let Some((release, _)) = self.migration.take() {
            self.migrated(&release.migrations);
            self.tell(|| "   the migration is over".to_owned());
        }
    }

    /// The database has these migrations too. Whoever runs must be able to live with them.
    pub fn migrated(&mut self, versions: &[i64]) {
        let new: Vec<i64> =
            versions.iter().filter(|version| !self.schema.contains(version)).copied().collect();
        if !new.is_empty() && !self.schema.is_empty() {
            self.check_backup();
        }
        self.schema.extend(&new);
        self.schema.sort_unstable();
        let running: Vec<ReleaseId> = self.containers.keys().filter(|id| self.runs(id)).cloned().collect();
        for id in running {
            if let Err(why) = self.suits(&id) {
                self.breaks(format!("the schema is ahead of what runs: {why}"));
            }
        }
    }

    fn watch_deadline(&mut self) {
        let due = |file: &GuardFile| {
            self.guarding.as_ref() == Some(&file.guard.attempt)
                && (file.guard.state == GuardState::Tripping
                    || (file.guard.state == GuardState::Armed && file.deadline <= self.now))
        };
        if self.guard.as_ref().is_some_and(due) {
            self.trip("deadline");
        }
    }

    /// The guard takes the switch back, from the start when it was cut in it.
    pub fn trip(&mut self, reason: &str) {
        let Some(file) = self.guard.as_mut() else { return };
        file.guard.state = GuardState::Tripped;
        reason.clone_into(&mut file.guard.reason);
        let (to, from, warm) = (file.guard.to.clone(), file.from.clone(), file.warm.clone());
        self.tell(|| format!("   the guard trips: {reason}"));
        if self.live == to {
            self.give_traffic(from.clone());
        }
        if self.live == from {
            self.warm = warm;
        }
    }

    /// The live file is replaced.
    pub fn give_traffic(&mut self, to: Option<ReleaseId>) {
        self.live = to;
        let Some(live) = self.live.clone() else { return };
        self.had_traffic.entry(live.clone()).or_insert(self.now);
        let parts = self.containers.get(&live);
        if parts.is_some_and(|parts| parts.values().any(|it| matches!(it.state, State::Stopping(_)))) {
            self.breaks(format!("the edge points at {live}, which the host is about to stop"));
        }
        // What was there before may be unhealthy; it is all that there is to go back to.
        let is_excused = self.is_booting(self.now) || self.turned_bad(&live) || self.is_database_silent();
        if let (Err(why), false) = (self.ready(&live), is_excused) {
            self.breaks(format!("the edge points at {live}, which is not ready: {why}"));
        }
    }

    /// Whether a container of the release is not stopped.
    pub fn runs(&self, id: &ReleaseId) -> bool {
        let up = |container: &Container| matches!(container.state, State::Running(_) | State::Stopping(_));
        self.containers.get(id).is_some_and(|parts| parts.values().any(up))
    }

    /// Releases that run and are neither live nor warm.
    pub fn left_over(&self) -> Vec<ReleaseId> {
        let needed = |id: &ReleaseId| self.live.as_ref() == Some(id) || self.warm.as_ref() == Some(id);
        self.containers.keys().filter(|id| self.runs(id) && !needed(id)).cloned().collect()
    }

    /// The driver's lease is free, at once or at a moment to come.
    pub fn let_go(&mut self, driver: usize, at: Option<Duration>) {
        if self.holder.is_some_and(|(holder, _)| holder == driver) {
            self.holder = at.map(|at| (driver, Some(at)));
        }
    }

    /// The host goes down, and comes back: what was not stopped runs again, and whoever drove is cut off.
    pub fn reboot(&mut self) {
        self.tell(|| "   the host reboots".to_owned());
        let again = self.now + BOOT_DURATION;
        self.boots.push((self.now, again + Manner::Slow.start_up()));
        self.drivers.iter_mut().for_each(|driver| driver.dead = true);
        (self.holder, self.migration) = (None, None);
        self.going_on.clear();
        self.flights.clear();
        for container in self.containers.values_mut().flat_map(BTreeMap::values_mut) {
            container.state = match container.state {
                State::Running(_) => State::Running(again),
                State::Stopping(_) => State::Exited,
                state => state,
            };
        }
        self.advance(BOOT_DURATION);
        let mine = |file: &&GuardFile| {
            self.guarding.as_ref() == Some(&file.guard.attempt)
                && matches!(file.guard.state, GuardState::Armed | GuardState::Tripping)
        };
        if self.guard.as_ref().filter(mine).is_some() {
            self.trip("restarted");
        }
    }
}

impl Manner {
    /// Until when the database is silent, counted from the moment at which the release got the traffic.
    pub fn silent_for(self) -> Option<Duration> {
        match self {
            Manner::SilencesDatabase => Some(Duration::from_secs(25)),
            Manner::SilencesShortly | Manner::ErrsAfterSilence => Some(Duration::from_secs(4)),
            _ => None,
        }
    }

    /// From when on users get errors, counted from the same moment, whatever is said of its health.
    pub fn errs_from(self) -> Option<Duration> {
        match self {
            Manner::ErrsBesideHealth => Some(Duration::ZERO),
            Manner::ErrsAfterSilence => self.silent_for(),
            _ => None,
        }
    }

    /// How long it takes from a container's start until it is ready.
    pub fn start_up(self) -> Duration {
        match self {
            Manner::Slow => Duration::from_secs(3),
            Manner::NeverReady | Manner::Crashes => Duration::MAX / 4,
            _ => Duration::from_millis(400),
        }
    }
}

/// Whether migration `version` takes away what this release uses: [`CONTRACT`] does so for the releases before
/// [`SINCE`].
pub fn is_incompatible(release: &Release, version: i64) -> bool {
    version == CONTRACT && !release.migrations.contains(&SINCE)
}

/// The migration that takes something away.
pub const CONTRACT: i64 = 5;
/// The one whose release was the first not to use that any more.
pub const SINCE: i64 = 3;

/// The services of each release.
#[derive(Debug, Clone, Copy)]
pub struct Services(pub &'static [&'static str]);

impl Default for Services {
    fn default() -> Services {
        Services(&["api", "page"])
    }
}
