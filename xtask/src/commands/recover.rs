//! `cargo xtask recover`: settles what a killed attempt left, and does nothing else.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::progress::attempt::{self, LockWaitArgs};
use super::target::TargetArgs;
use crate::rollout::host::Host;
use crate::rollout::recover::retire;
use crate::rollout::state::guard::written;
use crate::terminal::{self, paint};

/// Finish or undo what a killed attempt left; the next deploy or rollback does it too
#[derive(Debug, Args)]
pub struct Recover {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// The result, for programs
    #[arg(long)]
    json: bool,
}

impl Recover {
    /// Taking the lease is all that it takes.
    pub fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let leased = attempt::lease(&machine, "recover".to_owned(), self.lock_wait)?;
        let attempt = attempt::settle(&leased)?;
        if let Err(error) = retire(&leased) {
            terminal::warn(format_args!("what has no traffic any more could not be stopped: {error:#}"));
        }
        let serves = machine.live()?.active;
        if self.json {
            terminal::say(json!({ "settled": attempt.settled.words, "live": serves }));
            return Ok(());
        }
        if attempt.settled.words.is_empty() {
            terminal::say(format_args!("{} nothing was left unsettled.", paint::good("Nothing to do:")));
        }
        terminal::say(format_args!("{} has the traffic.", written(serves.as_ref())));
        Ok(())
    }
}
