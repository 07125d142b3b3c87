//! What the watcher of an environment has seen, and whether anybody would hear of it.

use std::time::{Duration, SystemTime};

use crate::commands::output::ago::ago;
use crate::host::{Machine, Watched};
use crate::project::WATCHER_SECRETS;
use crate::rollout::journal::timestamp;
use crate::terminal::{self, paint};
use crate::tools::docker::condition::{Condition, Health};

/// A line for each thing that does not hold, and one when nobody would hear.
pub(super) fn say(machine: &Machine, watched: Option<&Watched>) {
    let name = &machine.environment().name;
    let Some(watched) = watched else {
        if !machine.environment().is_here() {
            terminal::say(paint::warn(format_args!(
                "nobody hears of alarms: give one of {}, then `cargo xtask monitor up --env {name}`",
                WATCHER_SECRETS.join(", ")
            )));
        }
        return;
    };
    if watched.condition != Condition::Running || watched.health == Health::Unhealthy {
        terminal::say(paint::bad(format_args!(
            "the watcher does not look ({}): `cargo xtask monitor up --env {name}` starts it anew",
            watched.condition
        )));
    }
    for (row, alarm) in &watched.open {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(alarm.since.unsigned_abs());
        let heard = if alarm.told { "" } else { ", not told yet" };
        let words = format!("ALARM {row}, since {}{heard}: {}", ago(&timestamp(since)), alarm.words);
        terminal::say(paint::bad(words));
    }
    if watched.undelivered > 0 {
        terminal::say(paint::warn(format_args!(
            "{} messages have not arrived yet: `cargo xtask monitor test --env {name}` says why",
            watched.undelivered
        )));
    }
}
