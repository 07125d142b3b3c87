//! Whose turn it is when several drivers are at work: one of them makes one call at a time, and a seed decides which.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::random::Random;
use super::world::World;

/// Whose turn it is.
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// None when there is a single driver, whose turn it always is.
    random: Option<Random>,
    drivers: BTreeMap<usize, Doing>,
    last: usize,
    turn: Option<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Doing {
    /// Between two calls.
    Thinking,
    /// It waits for its turn.
    Waiting,
    /// It wants no turn before this moment.
    Pausing(Duration),
}

impl Turns {
    /// One driver after the other.
    pub fn alone() -> Turns {
        Turns { state: Mutex::default(), changed: Condvar::new() }
    }

    /// These drivers, beside each other.
    pub fn among(drivers: &[usize], random: Random) -> Turns {
        // Nobody gets a turn before all of them are there.
        let drivers = drivers.iter().map(|driver| (*driver, Doing::Thinking)).collect();
        let state = State { random: Some(random), drivers, ..State::default() };
        Turns { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Comes back when it is the driver's turn.
    pub fn take(&self, driver: usize, world: &Mutex<World>) {
        self.wait(driver, Doing::Waiting, world);
    }

    /// Comes back when so much time has gone by.
    pub fn pause(&self, driver: usize, duration: Duration, world: &Mutex<World>) {
        let is_alone = self.state().random.is_none();
        let mut there = world.lock().unwrap_or_else(PoisonError::into_inner);
        if is_alone {
            return there.advance(duration);
        }
        let until = there.now + duration;
        drop(there);
        self.wait(driver, Doing::Pausing(until), world);
    }

    /// The driver is done.
    pub fn leave(&self, driver: usize, world: &Mutex<World>) {
        let mut state = self.state();
        state.drivers.remove(&driver);
        state.choose(world);
        self.changed.notify_all();
    }

    fn wait(&self, driver: usize, doing: Doing, world: &Mutex<World>) {
        let mut state = self.state();
        if state.random.is_none() {
            return;
        }
        state.drivers.insert(driver, doing);
        state.choose(world);
        self.changed.notify_all();
        while state.turn != Some(driver) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.turn = None;
        state.drivers.insert(driver, Doing::Thinking);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives the turn to one of those that wait, once nobody is between two calls.
    fn choose(&mut self, world: &Mutex<World>) {
        let Some(random) = self.random.as_mut() else { return };
        let is_thinking = self.drivers.values().any(|doing| *doing == Doing::Thinking);
        if self.turn.is_some() || is_thinking || self.drivers.is_empty() {
            return;
        }
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let ready = |doing: &Doing| match doing {
                Doing::Pausing(until) => *until <= world.now,
                _ => true,
            };
            let ready: Vec<usize> =
                self.drivers.iter().filter(|(_, doing)| ready(doing)).map(|(driver, _)| *driver).collect();
            // Mostly the same one goes on: two that take turns strictly never get far apart.
            if ready.contains(&self.last) && random.below(8) != 0 {
                self.turn = Some(self.last);
                return;
            }
            if !ready.is_empty() {
                self.last = ready[random.below(ready.len())];
                self.turn = Some(self.last);
                return;
            }
            world.advance(Duration::from_millis(250));
        }
    }
}
