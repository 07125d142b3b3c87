//! What memory another process of this user has, as Linux counts it.

use std::fs;

use anyhow::{Context as _, Result};

/// Of one process.
pub struct Memory(u32);

impl Memory {
    /// Of the process with this id.
    pub fn of(process: u32) -> Memory {
        Memory(process)
    }

    /// How many bytes it has.
    pub fn now(&self) -> Result<u64> {
        self.said("VmRSS:")
    }

    /// How many bytes more than before it had at most while `work` was done, and what that gave.
    pub fn growth<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(u64, T)> {
        // `man 5 proc`: the peak is counted from now on.
        let path = format!("/proc/{}/clear_refs", self.0);
        fs::write(&path, "5").with_context(|| format!("writing {path}"))?;
        let before = self.now()?;
        let done = work()?;
        Ok((self.said("VmHWM:")?.saturating_sub(before), done))
    }

    fn said(&self, name: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.0);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kilobytes.with_context(|| format!("{path} does not say {name}"))? * 1024)
    }
}

/// In millions of bytes.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / 1e6)
}
