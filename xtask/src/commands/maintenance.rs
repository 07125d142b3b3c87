//! `cargo xtask maintenance`: users are asked to wait, by a page that says so.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::OutputArgs;
use super::progress::driver::{self, LockWaitArgs, ReasonArgs};
use super::refuse;
use super::target::TargetArgs;
use crate::terminal::{self, paint};

/// How long it is unless somebody says so.
const DEFAULT_DURATION: Duration = Duration::from_secs(1800);

/// Ask users to wait, by a page that says so, or let them in again
///
/// Requests are answered 503 with Retry-After, and the page says until when.
#[derive(Debug, Args)]
pub struct Maintenance {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Users are asked to wait; answers about health stay true
    On {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        lock_wait: LockWaitArgs,
        /// For how long (30m), or until when (2026-01-03T12:00:00Z); it is what users are told, and then it ends by itself
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        #[command(flatten)]
        reason: ReasonArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Users come in again
    Off {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        lock_wait: LockWaitArgs,
        #[command(flatten)]
        reason: ReasonArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
}

impl Maintenance {
    /// Under the lease, and in the ledger.
    pub fn run(self) -> Result<()> {
        let (target, lock_wait, until, reason, output) = match self.verb {
            Verb::On { target, lock_wait, until, reason, output } => {
                let until = moment(until.as_deref(), SystemTime::now()).map_err(refuse)?;
                (target, lock_wait, Some(until), reason, output)
            }
            Verb::Off { target, lock_wait, reason, output } => (target, lock_wait, None, reason, output),
        };
        let machine = target.reach_without_engine()?;
        let date = until.map(httpdate::fmt_http_date);
        let words = match &date {
            Some(date) => format!("maintenance until {date}"),
            None => "maintenance is over".to_owned(),
        };
        let leased = driver::lease(&machine, words.clone(), lock_wait)?;
        driver::note_done(&machine, &leased, &words, &reason, || {
            leased.live_folder().set_maintenance(until)
        })?;
        output.say(
            || json!({ "maintenance": date.is_some(), "until": date }),
            || terminal::say(format_args!("{} {words}", paint::strong(&machine.environment().name))),
        );
        Ok(())
    }
}

fn moment(until: Option<&str>, now: SystemTime) -> Result<SystemTime, String> {
    let Some(text) = until else { return Ok(now + DEFAULT_DURATION) };
    let moment = match humantime::parse_duration(text) {
        Ok(duration) => now + duration,
        Err(_) => humantime::parse_rfc3339_weak(text).map_err(|_| {
            format!("--until: {text:?} is neither a time (30m) nor a moment (2026-01-03T12:00:00Z)")
        })?,
    };
    if moment <= now { Err(format!("--until: {text} is in the past")) } else { Ok(moment) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_a_moment_or_half_an_hour_and_nothing_that_is_over() {
        let now = humantime::parse_rfc3339("2026-01-03T12:00:00Z").unwrap();
        assert_eq!(moment(None, now), Ok(now + DEFAULT_DURATION));
        assert_eq!(moment(Some("2h"), now), Ok(now + Duration::from_secs(7200)));
        assert_eq!(moment(Some("2026-01-03T12:01:00Z"), now), Ok(now + Duration::from_secs(60)));
        assert!(moment(Some("2026-01-03T11:00:00Z"), now).unwrap_err().contains("is in the past"));
        assert!(moment(Some("soon"), now).is_err());
    }
}
