//! `cargo xtask down`: stops everything that deploy started.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::output::OutputArgs;
use super::progress::driver::{self, LockWaitArgs};
use super::target::TargetArgs;
use super::target::consent::Consent;
use crate::rollout::host::Host;
use crate::rollout::observed::Observed;
use crate::rollout::plans;
use crate::terminal::{self, Activity, paint};

/// Stop everything that deploy started; the data stays
///
/// The database's data, the releases and the ledger stay.
#[derive(Debug, Args)]
pub struct Down {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// Delete the database's data too, after asking, after asking
    #[arg(long)]
    volumes: bool,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    output: OutputArgs,
}

impl Down {
    /// Asks, then stops: the traffic first, the platform last.
    pub fn run(self) -> Result<()> {
        let name = self.target.environment().name.to_string();
        let so_far = "nothing was stopped";
        if self.volumes {
            let question = format!("All data of the database of {name} is forgotten for good. Go on?");
            self.consent.ask(&question, so_far, &format!("deleting the data of {name}"))?;
        }
        if self.target.environment().asks {
            self.consent.ask(&format!("{name} stops, for all its users. Go on?"), so_far, &name)?;
        }
        let machine = self.target.reach()?;
        if self.volumes {
            let way_out = "`cargo xtask down --volumes` there removes it. Nothing was stopped.";
            machine.check_data_are_ours(&machine.files()?, way_out)?;
        }
        let leased = driver::lease(&machine, "down".to_owned(), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let plan = plans::down(&Observed::without_database(attempt.settled.files.clone(), &machine)?);
        driver::run(&machine, &attempt, &plan, Vec::new())?;
        Activity::of("stop the platform: edge and database", |_| leased.platform().down())?;
        if self.volumes {
            Activity::of("delete the data", |_| leased.platform().delete_data())?;
        }
        self.output.say(
            || json!({ "environment": name, "stopped": true, "data_forgotten": self.volumes }),
            || terminal::say(format_args!("{} {name} is stopped.", paint::good("Down:"))),
        );
        Ok(())
    }
}
