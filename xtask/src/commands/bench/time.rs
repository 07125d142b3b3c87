//! What a command takes, on the clock and of the processors.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// What a command takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Time {
    /// On the clock, the middle one of several.
    pub clock: Duration,
    /// Of the processors, on average: what it would take on a machine that does nothing else.
    pub processors: Duration,
}

/// What the children of this process that have ended took of the processors, and their children.
pub fn processors_of_children() -> Result<Duration> {
    // The 16th and 17th fields, of which two are before.
    processors("self", 13)
}

/// What a process has taken of the processors, without its children.
pub fn processors_of(process: u32) -> Result<Duration> {
    processors(&process.to_string(), 11)
}

fn processors(process: &str, fields_before: usize) -> Result<Duration> {
    /// `man 5 proc`: a tick is a hundredth of a second wherever Linux runs.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))
        .context("asking how much of the processors was taken")?;
    let (_, after) = stat.rsplit_once(") ").context("the name of a process is in parentheses")?;
    let ticks = after.split(' ').skip(fields_before).take(2).map(|ticks| ticks.parse().unwrap_or(0));
    Ok(TICK * ticks.sum::<u32>())
}
