//! A driver of the simulated host: each of its calls is one in which something can go wrong.

mod leased;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow, ensure};

use self::leased::Held;
use super::bug::Bug;
use super::fault::{Fault, When};
use super::turns::Turns;
use super::world::book::Book;
use super::world::change::Change;
use super::world::{Container, Driver, HEARTBEAT_TIMEOUT, State, World};
use crate::rollout::edge_counts::EdgeCounts;
use crate::rollout::host::{Files, Holder, Holding, Host, Leasable, LeaseError, Part, ProbeResponse};
use crate::rollout::state::guard::Traffic;
use crate::rollout::state::history::Applied;
use crate::rollout::state::ledger::Ledger;
use crate::rollout::state::release::{BrokenRelease, Release, ReleaseId};
use crate::tools::docker::condition::{Condition, Health};

/// How long the engine's checks are patient with a container that starts.
const HEALTH_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// How long a look at the host takes.
const LOOK_DURATION: Duration = Duration::from_millis(15);

/// What several drivers have in common.
pub struct Shared {
    /// The host.
    pub world: Mutex<World>,
    /// Whose turn it is.
    pub turns: Turns,
}

impl Shared {
    /// One look at, or change of, the host at a time.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One driver's way to the host.
pub struct Simulated {
    /// The host, and who else drives.
    pub shared: Arc<Shared>,
    /// Which driver.
    pub driver: usize,
    /// What is wrong with it.
    bug: Bug,
}

impl Simulated {
    /// The next driver of the host.
    pub fn next(shared: &Arc<Shared>, bug: Bug) -> Simulated {
        let mut world = shared.world();
        world.drivers.push(Driver::default());
        let driver = world.drivers.len() - 1;
        drop(world);
        Simulated { shared: Arc::clone(shared), driver, bug }
    }

    /// For the story.
    pub fn name(&self) -> char {
        ['A', 'B', 'C', 'D', 'E', 'F'][self.driver % 6]
    }

    /// The world, at this driver's turn, and what goes wrong at this call.
    fn turn(
        &self,
        changes: bool,
        words: impl FnOnce() -> String,
    ) -> Result<(MutexGuard<'_, World>, Option<Fault>)> {
        self.shared.turns.take(self.driver, &self.shared.world);
        let mut world = self.shared.world();
        ensure!(!world.drivers[self.driver].dead, "the driver can do nothing more");
        let call = world.drivers[self.driver].calls.len();
        world.drivers[self.driver].calls.push(changes);
        let trouble = world.troubles.iter().find(|it| it.driver == self.driver && it.call == call);
        let fault = trouble.map(|it| it.fault);
        world.struck += usize::from(fault.is_some());
        let name = self.name();
        world.tell(|| match fault {
            Some(fault) => format!("{name}: {}   <== call {call}: {fault}", words()),
            None => format!("{name}: {}", words()),
        });
        Ok((world, fault))
    }

    /// Looks at the host; what goes wrong at this call may keep the answer.
    pub(super) fn look<T>(&self, name: &str, answer: impl FnOnce(&mut World) -> Result<T>) -> Result<T> {
        let (mut world, fault) = self.turn(false, || format!("({name})"))?;
        world.advance(LOOK_DURATION);
        match fault {
            None => answer(&mut world),
            Some(fault) => self.suffer(&mut world, fault, |_, _| {}).and_then(|()| answer(&mut world)),
        }
    }

    /// The same by the engine, which may not answer.
    fn ask_engine<T>(&self, name: &str, answer: impl FnOnce(&mut World) -> Result<T>) -> Result<T> {
        let answers = self.engine_answers();
        self.look(name, |world| {
            ensure!(answers, "the engine does not answer");
            answer(world)
        })
    }

    /// What goes wrong at this call leaves the change undone, in the middle, or going on.
    pub(super) fn change(&self, change: Change) -> Result<()> {
        let changes = match self.bug.change.and_then(|bug| bug(&self.shared.world(), &change)) {
            Some(others) => others,
            None => vec![change],
        };
        changes.into_iter().try_for_each(|change| self.change_once(&change))
    }

    fn change_once(&self, change: &Change) -> Result<()> {
        let (mut world, fault) = self.turn(true, || change.words())?;
        self.check_right(&mut world, change)?;
        let is_silent = world.silent_to == Some(self.driver) && change.needs_engine();
        ensure!(!is_silent, "the engine does not answer");
        world.advance(change.cost());
        match fault {
            None => world.apply(change),
            // A script has the folder's lock: whoever looks next waits for it, and finds it done.
            Some(Fault::GivenUp) if !change.is_of_engine() => {
                self.suffer(&mut world, Fault::AnswerLost, |world, _| drop(world.apply(change)))
            }
            Some(fault) => self.suffer(&mut world, fault, |world, when| match when {
                When::Before => {}
                When::Half => world.apply_half(change),
                When::After => drop(world.apply(change)),
                When::GoesOn => world.go_on(change),
            }),
        }
    }

    /// Nobody changes anything but who holds the lease. The guard of a provisional switch may be tripped by anyone.
    fn check_right(&self, world: &mut World, change: &Change) -> Result<()> {
        let lease = world.drivers[self.driver].lease;
        let holds =
            world.holder.is_some_and(|(driver, _)| driver == self.driver) && lease == Some(world.lease);
        let is_rollback = matches!(change, Change::Trip(_, reason) if reason.starts_with("rollback by "));
        if holds || is_rollback {
            return Ok(());
        }
        ensure!(self.bug.unfenced, "the lease is lost");
        let words = change.words();
        world.breaks(format!("{} acts without the lease: {words}", self.name()));
        Ok(())
    }

    /// What goes wrong, with as much of the effect as there is.
    fn suffer(&self, world: &mut World, fault: Fault, effect: impl FnOnce(&mut World, When)) -> Result<()> {
        match fault {
            Fault::Fails => {}
            Fault::AnswerLost => effect(world, When::After),
            Fault::GivenUp => effect(world, When::GoesOn),
            Fault::Killed(when) => {
                world.drivers[self.driver].dead = true;
                world.let_go(self.driver, None);
                effect(world, when);
            }
            Fault::Cut(when) => {
                world.drivers[self.driver].dead = true;
                world.let_go(self.driver, Some(world.now + HEARTBEAT_TIMEOUT));
                effect(world, when);
            }
            Fault::Reboot(when) => {
                effect(world, when);
                world.reboot();
            }
            Fault::StandsStill => {
                world.let_go(self.driver, None);
                world.advance(HEARTBEAT_TIMEOUT);
            }
        }
        Err(anyhow!("{fault}"))
    }
}

impl Host for Simulated {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.shared.world().now
    }
    fn clock(&self) -> Duration {
        self.shared.world().now
    }
    fn pause(&self, duration: Duration) -> Result<()> {
        self.shared.turns.pause(self.driver, duration, &self.shared.world);
        Ok(())
    }
    fn check_interrupt(&self) -> Result<()> {
        Ok(())
    }
    fn shield(&self, work: &mut dyn FnMut()) {
        work();
    }
    fn live(&self) -> Result<Traffic> {
        self.look("who has the traffic?", |world| Ok(live(world)))
    }
    fn ledger(&self) -> Result<Ledger> {
        self.look("read the ledger", |world| Ok(world.book.read()))
    }
    fn ledger_copies(&self) -> Result<Vec<Ledger>> {
        self.look("read the ledger's copies", |world| Ok(world.copies.values().map(Book::read).collect()))
    }
    fn files(&self) -> Result<Files> {
        self.look("read all files", |world| {
            let broken =
                world.spoiled.iter().map(|id| BrokenRelease { id: id.clone(), why: "a hand was there" });
            let (traffic, ledger, broken) = (live(world), world.book.read(), broken.collect());
            Ok(Files { traffic, ledger, kept: sound(world), broken })
        })
    }
    fn kept(&self) -> Result<Vec<Release>> {
        self.look("what is kept?", |world| Ok(sound(world)))
    }
    fn parts(&self) -> Result<Vec<Part>> {
        self.ask_engine("what runs?", |world| Ok(parts(world)))
    }
    fn schema(&self) -> Result<Applied> {
        self.ask_engine("which migrations are there?", |world| {
            Ok(world.schema.iter().map(|version| (*version, String::new())).collect())
        })
    }
    fn is_parked(&self, attempt: &str) -> Result<bool> {
        self.ask_engine("what was put aside?", |world| {
            world.wait_for_swap();
            Ok(world.databases.aside.contains_key(attempt))
        })
    }
    fn engine_answers(&self) -> bool {
        self.shared.world().silent_to != Some(self.driver)
    }
    fn check_ready(&self, release: &Release) -> Result<()> {
        if !self.engine_answers() {
            // As when the live release answers nothing either: nobody can tell.
            return self.look("does the edge reach it?", |_| Ok(()));
        }
        let ready = |world: &mut World| world.ready(&release.id).map_err(|why| anyhow!("{why}"));
        self.look("is it ready?", ready)
    }
    fn last_lines(&self, _: &Part, _: usize) -> Result<String> {
        Ok(String::new())
    }
    fn probe(&self) -> Result<ProbeResponse> {
        self.look("a request through the edge", |world| {
            let served = world.live.as_ref().map(|live| world.is_well(live));
            let status = match &served {
                Some(Ok(())) => 200,
                Some(Err(_)) => 500,
                None => 503,
            };
            let excerpt = served.and_then(Result::err).unwrap_or_default();
            world.counts = world.counts.and(EdgeCounts::one(status));
            Ok(ProbeResponse { status, release: world.live.clone(), excerpt })
        })
    }
    fn edge_counts(&self) -> Result<EdgeCounts> {
        self.ask_engine("the edge's numbers", |world| Ok(world.counts))
    }
    fn trip_without_lease(&self, attempt: &str, by: &str) -> Result<()> {
        self.change(Change::Trip(attempt.to_owned(), format!("rollback by {by}")))
    }
}

impl Leasable for Simulated {
    type Leased<'a> = Held<'a>;

    fn lease(&self, _: &Holder) -> Result<Held<'_>, LeaseError> {
        let (mut world, fault) = self.turn(true, || "take the lease".to_owned())?;
        world.advance(LOOK_DURATION);
        if world.holder.is_some() {
            return Err(LeaseError::Held(Holding { by: "somebody".to_owned(), is_ending: false }));
        }
        if !matches!(fault, Some(Fault::Fails)) {
            world.lease += 1;
            let number = world.lease;
            world.holder = Some((self.driver, None));
            world.drivers[self.driver].lease = Some(number);
        }
        let number = world.lease;
        if let Some(fault) = fault {
            // A lease whose answer is lost ends with whoever asked for it.
            let is_lost = matches!(fault, Fault::AnswerLost | Fault::GivenUp);
            let fault = if is_lost { Fault::Killed(When::After) } else { fault };
            self.suffer(&mut world, fault, |_, _| {})?;
        }
        drop(world);
        Ok(Held { number, host: self })
    }
}

fn live(world: &World) -> Traffic {
    let guard = world.guard.as_ref().map(|file| file.guard.clone());
    let maintenance = world.is_in_maintenance().then(String::new);
    Traffic { active: world.live.clone(), warm: world.warm.clone(), guard, maintenance }
}

fn sound(world: &World) -> Vec<Release> {
    world.kept.iter().filter(|kept| !world.spoiled.contains(&kept.id)).cloned().collect()
}

fn parts(world: &World) -> Vec<Part> {
    let part = |release: &ReleaseId, service: &str, container: &Container| {
        let state = match container.state {
            State::Created => Condition::Created,
            State::Running(_) | State::Stopping(_) => Condition::Running,
            State::Exited => Condition::Exited,
        };
        let health = match container.state {
            State::Running(since) if world.now >= since + world.manner(release).start_up() => Health::Healthy,
            State::Running(since) if world.now >= since + HEALTH_CHECK_INTERVAL => Health::Unhealthy,
            // The engine goes on calling a stopping one healthy.
            State::Stopping(_) => Health::Healthy,
            _ => Health::Starting,
        };
        Part {
            release: release.clone(),
            service: service.to_owned(),
            container: format!("{service}-{release}"),
            state,
            health,
            health_output: String::new(),
            since: String::new(),
            restarts: 0,
            exit_reason: String::new(),
            out_of_memory: false,
        }
    };
    let all = world.containers.iter().flat_map(|(id, parts)| parts.iter().map(move |it| (id, it)));
    all.map(|(release, (service, container))| part(release, service, container)).collect()
}
