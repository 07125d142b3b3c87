//! `cargo xtask recover`: settles what a killed attempt left, and does nothing else.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::output::OutputArgs;
use super::progress::attempt::{self, LockWaitArgs};
use super::target::TargetArgs;
use crate::rollout::host::Host;
use crate::rollout::recover::{give_lost_traffic_back, retire};
use crate::rollout::state::guard::written;
use crate::terminal::{self, paint};

/// Finish or undo what a killed deploy or rollback left
///
/// The next deploy or rollback does it too.
#[derive(Debug, Args)]
pub struct Recover {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Recover {
    /// Taking the lease is all that it takes.
    pub fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let leased = attempt::lease(&machine, "recover".to_owned(), self.lock_wait)?;
        let attempt = attempt::settle(&leased)?;
        let files = &attempt.settled.files;
        let given_back = give_lost_traffic_back(&leased, files).map_err(|error| {
            let name = &machine.environment().name;
            error.context(format!(
                "no release has the traffic\n  `cargo xtask deploy --env {name}`, or `cargo xtask rollback --env {name} --to RELEASE`, \
                 gives it to one"
            ))
        })?;
        if let Some(id) = &given_back {
            attempt.note(&format!("no release had the traffic: {id} has it again"))?;
        }
        if let Err(error) = retire(&leased) {
            terminal::warn(format_args!("what has no traffic any more could not be stopped: {error:#}"));
        }
        let serves = machine.live()?.active;
        let settled = &attempt.settled.words;
        self.output.say(
            || json!({ "settled": settled, "given_back": given_back, "live": serves }),
            || {
                if let Some(id) = &given_back {
                    terminal::say(format_args!(
                        "{} the live file was gone, and names {id} again.",
                        paint::good("Mended:")
                    ));
                } else if settled.is_empty() {
                    terminal::say(format_args!(
                        "{} nothing was left unsettled.",
                        paint::good("Nothing to do:")
                    ));
                }
                terminal::say(format_args!("{} has the traffic.", written(serves.as_ref())));
            },
        );
        Ok(())
    }
}
