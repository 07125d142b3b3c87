//! Ctrl-C, SIGTERM and SIGHUP. The first one is a request to end: running commands are ended, and what had been begun is
//! undone, [`shielded`] from the request. The second one ends the program at once.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

static INTERRUPTED: std::sync::LazyLock<std::sync::Arc<AtomicBool>> =
    std::sync::LazyLock::new(Default::default);

thread_local! {
    static SHIELDED: Cell<bool> = const { Cell::new(false) };
    static STOP: RefCell<Option<Stop>> = const { RefCell::new(None) };
}

/// Interrupts one piece of work, as Ctrl-C interrupts all.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Interrupts the work.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Does `work`, on this thread, which `stop` can interrupt.
pub fn stoppable<T>(stop: &Stop, work: impl FnOnce() -> T) -> T {
    let before = STOP.replace(Some(stop.clone()));
    let result = work();
    STOP.set(before);
    result
}

/// The user asked this program to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Begins to listen. Called once, by `main`.
pub fn listen() -> std::io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: the second signal finds the flag set and ends the program.
        flag::register_conditional_shutdown(signal, 128 + signal, std::sync::Arc::clone(&INTERRUPTED))?;
        flag::register(signal, std::sync::Arc::clone(&INTERRUPTED))?;
    }
    Ok(())
}

/// Whether the user wants this program to end, or [`Stop`] this thread's work.
pub fn is_set() -> bool {
    is_users() || STOP.with_borrow(|stop| stop.as_ref().is_some_and(Stop::is_set))
}

/// Whether the user asked to stop.
pub fn is_users() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// An error when this thread's work is to end and is not shielded.
pub fn check() -> Result<(), Interrupted> {
    if is_set() && !is_shielded() { Err(Interrupted) } else { Ok(()) }
}

/// Whether this thread is undoing something, which the first signal does not interrupt.
pub fn is_shielded() -> bool {
    SHIELDED.get()
}

/// Does `work` to its end although the program is to end: it undoes something.
pub fn shielded<T>(work: impl FnOnce() -> T) -> T {
    let before = SHIELDED.replace(true);
    let result = work();
    SHIELDED.set(before);
    result
}

/// Waits this long. An error, at once, when this thread's work is to end.
pub fn pause(duration: std::time::Duration) -> Result<(), Interrupted> {
    let until = std::time::Instant::now() + duration;
    loop {
        check()?;
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(std::time::Duration::from_millis(50)));
    }
}
