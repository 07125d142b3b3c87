//! A bounded way in, for what costs much: so many at work at once, so many more who wait for a short while, none of whom
//! fills it alone; nobody else is let in.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How wide a lane is.
#[derive(Debug, Clone, Copy)]
pub struct Width {
    /// How many may be at work at once.
    pub at_work: usize,
    /// How many are let in, those at work among them.
    pub let_in: usize,
    /// How many of them may be of one kind: of one client, for one account.
    pub of_one_kind: usize,
    /// How long who was let in waits for its turn at most.
    pub patience: Duration,
}

/// How many are let in, and how many of them are at work.
#[derive(Debug)]
pub struct Lane<K> {
    width: Width,
    turns: Arc<Semaphore>,
    inside: Arc<Mutex<Inside<K>>>,
}

/// Somebody who was let in; outside again when this is dropped.
#[derive(Debug)]
pub struct Place<K: Hash + Eq> {
    kind: K,
    patience: Duration,
    turns: Arc<Semaphore>,
    inside: Arc<Mutex<Inside<K>>>,
}

/// The right to work. It goes where the work is done, and ends with it: whoever asked for the work may have gone before.
#[derive(Debug)]
pub struct Turn {
    _turn: OwnedSemaphorePermit,
}

/// Why nobody is let in. It may be tried again in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too many are inside, or before one.
    #[error("too many are waiting")]
    ForAll,
    /// Too many of the same kind are inside.
    #[error("too many of one kind are waiting")]
    ForOneKind,
}

#[derive(Debug)]
struct Inside<K> {
    all: usize,
    of_kind: HashMap<K, usize>,
}

impl<K: Hash + Eq + Clone> Lane<K> {
    /// One of this width.
    pub fn new(width: Width) -> Self {
        let inside = Inside { all: 0, of_kind: HashMap::new() };
        Self { width, turns: Arc::new(Semaphore::new(width.at_work)), inside: Arc::new(Mutex::new(inside)) }
    }

    /// Lets somebody of this kind in.
    ///
    /// # Errors
    /// At once, when no place is free.
    pub fn enter(&self, kind: K) -> Result<Place<K>, Full> {
        let mut inside = lock(&self.inside);
        if inside.all >= self.width.let_in {
            return Err(Full::ForAll);
        }
        let alike = inside.of_kind.entry(kind.clone()).or_default();
        if *alike >= self.width.of_one_kind {
            return Err(Full::ForOneKind);
        }
        *alike += 1;
        inside.all += 1;
        let (turns, inside) = (Arc::clone(&self.turns), Arc::clone(&self.inside));
        Ok(Place { kind, patience: self.width.patience, turns, inside })
    }
}

impl<K: Hash + Eq> Place<K> {
    /// Waits for the turn, behind whoever came before.
    ///
    /// # Errors
    /// When it does not come in time.
    pub async fn turn(&self) -> Result<Turn, Full> {
        let turn = tokio::time::timeout(self.patience, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Full::ForAll)?.map_err(|_| Full::ForAll)?;
        Ok(Turn { _turn: turn })
    }
}

impl<K: Hash + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut inside = lock(&self.inside);
        inside.all -= 1;
        if let Some(alike) = inside.of_kind.get_mut(&self.kind) {
            *alike -= 1;
            if *alike == 0 {
                inside.of_kind.remove(&self.kind);
            }
        }
    }
}

/// Nothing that holds it leaves it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(at_work: usize, let_in: usize, of_one_kind: usize) -> Lane<&'static str> {
        Lane::new(Width { at_work, let_in, of_one_kind, patience: Duration::from_millis(20) })
    }

    #[tokio::test]
    async fn nobody_is_let_in_beyond_its_places_and_a_place_that_is_left_is_free_again() {
        let lane = lane(1, 2, 2);
        let (first, _second) = (lane.enter("a").unwrap(), lane.enter("b").unwrap());
        assert_eq!(lane.enter("c").unwrap_err(), Full::ForAll);
        drop(first);
        assert!(lane.enter("c").is_ok());
    }

    #[tokio::test]
    async fn one_kind_leaves_room_for_another() {
        let lane = lane(1, 3, 2);
        let inside = [lane.enter("a").unwrap(), lane.enter("a").unwrap()];
        assert_eq!(lane.enter("a").unwrap_err(), Full::ForOneKind);
        assert!(lane.enter("b").is_ok());
        drop(inside);
        assert!(lane.enter("a").is_ok());
        assert!(lane.inside.lock().unwrap().of_kind.is_empty(), "who left is remembered");
    }

    #[tokio::test]
    async fn a_turn_that_does_not_come_in_time_is_given_up() {
        let lane = lane(1, 2, 2);
        let (first, second) = (lane.enter("a").unwrap(), lane.enter("b").unwrap());
        let at_work = first.turn().await.unwrap();
        // Whoever asked for the work is gone, and the work is not.
        drop(first);
        assert_eq!(second.turn().await.unwrap_err(), Full::ForAll);
        drop(at_work);
        assert!(second.turn().await.is_ok());
    }
}
