//! What the deploy suite and the lab suite share: a copy of the repository to call xtask in, clients that send
//! requests all along, and the trials that both run. What only one of them uses lives in that suite.

pub mod bad_releases;
pub mod client;
pub mod commits;
pub mod faults;
#[allow(dead_code, reason = "each suite calls what it needs of it")]
pub mod http;
pub mod papers;
pub mod project;
#[allow(dead_code, reason = "each suite calls what it needs of it")]
pub mod store;
pub mod streams;
pub mod trials;
pub mod xtask;

use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

/// Fails a trial with this message where the condition does not hold.
pub fn check(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(message().into()) }
}

/// Asks every 50 ms, until the condition holds. Fails after the timeout.
pub fn wait_until(what: &str, timeout: Duration, mut holds: impl FnMut() -> bool) -> Result<(), Failed> {
    let began = Instant::now();
    while !holds() {
        if began.elapsed() > timeout {
            return Err(format!("waited {} s in vain until {what}", timeout.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Runs a command that a trial depends on. Gives its standard output; panics when it fails.
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
