//! `cargo xtask down`: stops everything that deploy started.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::db::offsite;
use super::output::OutputArgs;
use super::output::ago::ago;
use super::progress::driver::{self, LockWaitArgs};
use super::refuse;
use super::target::TargetArgs;
use super::target::consent::Consent;
use crate::host::Machine;
use crate::rollout::host::Host;
use crate::rollout::observed::Observed;
use crate::rollout::plans;
use crate::rollout::state::backup::{Backup, Copied};
use crate::terminal::{self, Activity, paint};

/// What is to be done where papers are not off the host.
const LOSES_PAPERS: &str = "With BACKUP_TO, `cargo xtask db copies up` sends them to a store; `--without-papers` deletes them all the same.";

/// Stop everything that deploy started; the data stays
///
/// The data (database, papers), the releases and the ledger stay.
#[derive(Debug, Args)]
pub struct Down {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// Delete the data too (database, papers), after asking; where data may be real, only when a copy of them is off the host
    #[arg(long)]
    volumes: bool,
    /// With --volumes, the environment's name once more, where nobody can be asked for it
    #[arg(long, value_name = "ENVIRONMENT", requires = "volumes")]
    confirm: Option<String>,
    /// With --volumes, also when papers are not off the host
    #[arg(long, requires = "volumes")]
    without_papers: bool,
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
        let may_be_real = !self.target.environment().is_for_trying;
        if let Some(confirm) = self.confirm.as_ref().filter(|confirm| **confirm != name) {
            return Err(refuse(format!("--confirm says {confirm:?}, and the environment is {name}")));
        }
        if self.volumes && !may_be_real {
            let question =
                format!("All data of {name}, its papers among them, is forgotten for good. Go on?");
            self.consent.ask(&question, so_far, &format!("deleting the data of {name}"))?;
        }
        if self.target.environment().asks {
            self.consent.ask(&format!("{name} stops, for all its users. Go on?"), so_far, &name)?;
        }
        let machine = self.target.clone().reach()?;
        if self.volumes {
            let way_out = "`cargo xtask down --volumes` there removes it. Nothing was stopped.";
            machine.check_data_are_ours(&machine.files()?, way_out)?;
        }
        let stands_for_data = match self.volumes && may_be_real {
            true => {
                let copy = copy_off_host(&machine.database().backups()?, &name)?;
                // What the host says of it may be of long ago.
                if let Some(copied) = &copy.copied {
                    offsite::check_copy(copied, machine.environment())
                        .map_err(|error| refuse(format!("nothing was stopped: {error:#}")))?;
                    if !self.without_papers {
                        check_papers(&machine, &copy, copied)?;
                    }
                }
                self.ask_for_name(&name, &copy)?;
                Some(copy.name)
            }
            false => None,
        };
        let leased = driver::lease(&machine, "down".to_owned(), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        if let Some(asked_of) = stands_for_data {
            still_newest(&asked_of, &copy_off_host(&machine.database().backups()?, &name)?)?;
        }
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

    /// `--yes` does not stand for the name.
    fn ask_for_name(&self, name: &str, copy: &Backup) -> Result<()> {
        let to = copy.copied.as_ref().map(|copied| copied.to.as_str()).unwrap_or_default();
        let question = format!(
            "All data of {name} is forgotten for good. What came after {}, {}, is lost{}. Type the environment's name to go on:",
            to,
            ago(&copy.at),
            if self.without_papers { ", and each paper that is not off the host" } else { "" }
        );
        if self.confirm.is_some() || terminal::asked_for(&question, name) {
            return Ok(());
        }
        Err(refuse(format!(
            "nothing was stopped: deleting the data of {name} wants its name typed, or `--confirm {name}`; `--yes` does not \
             stand for it"
        )))
    }
}

/// The newest backup, which must have a copy off the host: what is deleted with the host is no backup of what was there.
fn copy_off_host(backups: &[Backup], name: &str) -> Result<Backup> {
    let newest = backups.last().filter(|newest| newest.copied.is_some());
    newest.cloned().ok_or_else(|| {
        refuse(format!(
            "nothing was stopped: the newest backup of {name} is on the host only, or there is none, and would be all that is \
             left of its data\n  `cargo xtask db backup --env {name} --to FOLDER` makes one and sends a copy off the host."
        ))
    })
}

/// Refused unless each paper that the backup names is where its copy is.
fn check_papers(machine: &Machine, backup: &Backup, copied: &Copied) -> Result<()> {
    let away = match machine.papers().named_by(backup)? {
        Some(named) => offsite::papers_away(copied, &named, machine.environment())
            .map_err(|error| refuse(format!("nothing was stopped: {error:#}")))?
            .len(),
        None => {
            return Err(refuse(format!(
                "nothing was stopped: nobody has listed which papers {} names\n  {LOSES_PAPERS}",
                backup.name
            )));
        }
    };
    match away {
        0 => Ok(()),
        away => Err(refuse(format!(
            "nothing was stopped: {away} papers that {} names are on the host only, and would be gone\n  {LOSES_PAPERS}",
            backup.name
        ))),
    }
}

/// Somebody was asked with this copy in mind, before the lease: what came since is not in it.
fn still_newest(asked_of: &str, newest: &Backup) -> Result<()> {
    if asked_of == newest.name {
        return Ok(());
    }
    Err(refuse(format!("nothing was stopped: the backup {} was made meanwhile, look again", newest.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_copy_of_the_newest_backup_stands_for_data_that_are_deleted() {
        let backup = |name: &str, copied: bool| Backup {
            copied: copied.then(|| Copied { to: "elsewhere".to_owned(), bytes: 1 }),
            ..Backup::named(name)
        };
        assert!(copy_off_host(&[], "staging").is_err());
        assert!(copy_off_host(&[backup("1", true), backup("2", false)], "staging").is_err());
        let newest = copy_off_host(&[backup("1", false), backup("2", true)], "staging").unwrap();
        assert_eq!(newest.name, "2");
        assert!(still_newest("2", &newest).is_ok() && still_newest("1", &newest).is_err());
    }
}
