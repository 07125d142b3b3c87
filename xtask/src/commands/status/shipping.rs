//! Whether what an environment writes leaves its host.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde_json::{Value, json};

use crate::commands::output::ago::ago;
use crate::host::{Machine, Shipped};
use crate::rollout::journal::timestamp;
use crate::terminal::{self, paint};
use crate::tools::docker::condition::Condition;

/// Nobody is bothered by a receiver that was started again.
const PATIENCE: Duration = Duration::from_secs(60);

/// What ships the logs, where there is one.
pub struct Shipping {
    condition: Condition,
    shipped: Option<Shipped>,
    /// What it said last, where nothing goes out.
    words: String,
}

impl Shipping {
    /// As the host has it.
    pub fn of(machine: &Machine) -> Result<Option<Shipping>> {
        let shipper = machine.shipper();
        let Some(condition) = shipper.condition()? else { return Ok(None) };
        let mut found = Shipping { condition, shipped: shipper.shipped()?, words: String::new() };
        if condition != Condition::Running || found.stuck_since(SystemTime::now()).is_some() {
            found.words = shipper.last_words()?;
        }
        Ok(Some(found))
    }

    /// Since when lines wait and none goes out.
    fn stuck_since(&self, now: SystemTime) -> Option<SystemTime> {
        let since = self.shipped.as_ref()?.since?;
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(since.unsigned_abs());
        now.duration_since(since).is_ok_and(|it| it > PATIENCE).then_some(since)
    }

    /// Whether it runs, and how far it is.
    pub fn for_programs(&self) -> Value {
        json!({ "runs": self.condition == Condition::Running, "shipped": self.shipped })
    }

    /// A line, with what wants attention.
    pub fn say(&self, environment: &str) {
        let Shipping { condition, shipped, words } = self;
        if *condition != Condition::Running {
            terminal::say(paint::bad(format_args!(
                "  logs      what ships them does not run ({condition}): `cargo xtask logs ship up --env {environment}`\n{words}"
            )));
            return;
        }
        let Some(Shipped { sent, waiting, dropped, .. }) = shipped else {
            return terminal::say(paint::warn("  logs      what ships them has not said yet how far it is"));
        };
        let words = match self.stuck_since(SystemTime::now()) {
            Some(since) => {
                let since = ago(&timestamp(since));
                paint::bad(format_args!(
                    "  logs      {waiting} lines wait; the last one went out {since}:\n{words}"
                ))
            }
            None => format!("  logs      shipped: {sent} lines since it was started, {waiting} wait"),
        };
        terminal::say(words);
        if *dropped > 0 {
            terminal::say(paint::warn(format_args!(
                "            the receiver would not have {dropped} of them"
            )));
        }
    }
}
