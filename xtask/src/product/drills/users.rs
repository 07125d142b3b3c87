//! Users, who ask all along: from when on they are not served, and from when on they are again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::tools::process::interrupt;

/// From one question to the next.
const EVERY: Duration = Duration::from_millis(100);
/// Who was served for so long is well.
const STEADY: Duration = Duration::from_secs(3);

/// What a user does; an error says how it was not served.
pub type Ask = Box<dyn Fn() -> Result<()> + Send>;

/// What they saw so far.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How often they asked.
    pub asked: usize,
    /// How often in vain.
    pub failed: usize,
    /// Since when they are served.
    well_since: Option<Instant>,
    /// How it failed last.
    words: String,
}

/// What was stolen from them, once it was.
pub type Stolen = Arc<Mutex<Option<String>>>;

/// They ask until this is dropped.
pub struct Users {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    stolen: Stolen,
}

impl Users {
    /// They begin, and do what `ask` makes for them.
    pub fn start(ask: impl FnOnce(Stolen) -> Result<Ask>) -> Result<Users> {
        let users = Users { stop: Arc::default(), seen: Arc::default(), stolen: Arc::default() };
        let ask = ask(Arc::clone(&users.stolen))?;
        let (stop, seen) = (Arc::clone(&users.stop), Arc::clone(&users.seen));
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                let answer = ask();
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.asked += 1;
                match answer {
                    Ok(()) => drop(seen.well_since.get_or_insert_with(Instant::now)),
                    Err(error) => {
                        seen.failed += 1;
                        seen.well_since = None;
                        seen.words = format!("{error:#}");
                    }
                }
                drop(seen);
                thread::sleep(EVERY.saturating_sub(began.elapsed()));
            }
        });
        Ok(users)
    }

    /// From here on, somebody has this.
    pub fn steal(&self, token: String) {
        *self.stolen.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// What they saw so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until somebody was not served.
    pub fn wait_until_unwell(&self, timeout: Duration) -> Result<()> {
        self.wait(timeout, "users are served all the same: the trouble is none", |seen| seen.failed > 0)
    }

    /// Waits until they have been served for a while; gives since when.
    pub fn wait_until_well(&self, timeout: Duration) -> Result<Instant> {
        let is_steady = |seen: &Seen| seen.well_since.is_some_and(|since| since.elapsed() >= STEADY);
        self.wait(timeout, "users are not well", is_steady)?;
        Ok(self.seen().well_since.unwrap_or_else(Instant::now))
    }

    fn wait(&self, timeout: Duration, otherwise: &str, holds: impl Fn(&Seen) -> bool) -> Result<()> {
        let began = Instant::now();
        loop {
            let seen = self.seen();
            if holds(&seen) {
                return Ok(());
            }
            if began.elapsed() > timeout {
                bail!("{otherwise}, after {} s: {}", timeout.as_secs(), seen.words);
            }
            interrupt::pause(EVERY)?;
        }
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
