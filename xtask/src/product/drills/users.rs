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

/// What they saw of what they began to ask since then.
#[derive(Debug, Clone)]
pub struct Seen {
    since: Instant,
    /// How often they asked.
    pub asked: usize,
    /// How often in vain.
    pub failed: usize,
    /// Since when they are served.
    well_since: Option<Instant>,
    /// How it failed last.
    words: String,
}

impl Seen {
    fn from_now() -> Seen {
        Seen { since: Instant::now(), asked: 0, failed: 0, well_since: None, words: String::new() }
    }

    fn note(&mut self, began: Instant, answer: Result<()>) {
        if began < self.since {
            return;
        }
        self.asked += 1;
        match answer {
            Ok(()) => drop(self.well_since.get_or_insert_with(Instant::now)),
            Err(error) => {
                self.failed += 1;
                self.well_since = None;
                self.words = format!("{error:#}");
            }
        }
    }
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
        let seen = Arc::new(Mutex::new(Seen::from_now()));
        let users = Users { stop: Arc::default(), seen, stolen: Arc::default() };
        let ask = ask(Arc::clone(&users.stolen))?;
        let (stop, seen) = (Arc::clone(&users.stop), Arc::clone(&users.seen));
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                let answer = ask();
                seen.lock().unwrap_or_else(PoisonError::into_inner).note(began, answer);
                thread::sleep(EVERY.saturating_sub(began.elapsed()));
            }
        });
        Ok(users)
    }

    /// The trouble begins now: what was before does not count, neither as the trouble nor in the figures.
    pub fn mark(&self) -> Instant {
        let seen = Seen::from_now();
        let since = seen.since;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        since
    }

    /// From here on, somebody has this.
    pub fn steal(&self, token: String) {
        *self.stolen.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// What they saw since the mark.
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

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn what_was_asked_before_the_mark_is_no_trouble() {
        let users = Users {
            stop: Arc::default(),
            seen: Arc::new(Mutex::new(Seen::from_now())),
            stolen: Arc::default(),
        };
        let note = |began, answer| users.seen.lock().unwrap().note(began, answer);
        let before = Instant::now();
        note(before, Err(anyhow!("a hiccup of before")));
        let mark = users.mark();
        // It was asked before, and is answered now.
        note(before, Err(anyhow!("a hiccup of before")));
        let error = users.wait_until_unwell(Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains("the trouble is none"), "{error}");
        note(mark, Ok(()));
        note(mark, Err(anyhow!("refused")));
        users.wait_until_unwell(Duration::ZERO).unwrap();
        assert_eq!((users.seen().asked, users.seen().failed), (2, 1));
    }
}
