//! What somebody does to a host, from the lease to the end, as the verbs in `commands` do it.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::world::platform::PLATFORM;
use super::world::{CONTRACT, is_incompatible};
use crate::rollout::attempt::{Attempt, AttemptError, take_lease};
use crate::rollout::host::{Files, Holder, Leasable};
use crate::rollout::limits::Limits;
use crate::rollout::observed::Observed;
use crate::rollout::plan::{Plan, Report, Step, Stopped};
use crate::rollout::plans;
use crate::rollout::recover::{give_lost_traffic_back, retire};
use crate::rollout::remake::{go_on_with_ledger, join_ledger, remake_ledger, since_it_was_lost};
use crate::rollout::rollback::{RollbackRequest, take_back_provisional};
use crate::rollout::state::backup::Backup;
use crate::rollout::state::contract::Contract;
use crate::rollout::state::ledger::Ledger;
use crate::rollout::state::release::{Release, ReleaseId};
use crate::rollout::steps::{platform, restore};

/// How long somebody waits for a lease at the most.
const LEASE_WAIT: Duration = Duration::from_secs(60);

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Act {
    /// This release gets the traffic.
    Deploy(Box<Release>),
    /// An earlier one gets it back: this one, or the one that is chosen without a word.
    Rollback(Option<ReleaseId>),
    /// What is left is settled.
    Recover,
    /// The same, and a damaged ledger is made anew.
    RemakeLedger,
    /// On a new host, the ledger of a lost one goes on.
    GoOnWith(Box<Ledger>),
    /// On a host that an environment has come to, the ledger of the one that it has left goes on.
    Join(Box<Ledger>),
    /// A backup takes the database's place.
    Restore,
    /// A changed platform takes the place of the one that runs.
    Platform,
    /// Everything is stopped.
    Down,
}

impl Act {
    /// This release gets the traffic.
    pub fn deploy(release: Release) -> Act {
        Act::Deploy(release.into())
    }
}

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    /// As it should.
    Well,
    /// It failed, and this could not be undone.
    Badly {
        /// Why.
        cause: anyhow::Error,
        /// Nothing, when everything is as it was.
        left: Vec<String>,
    },
    /// It never began to change anything, or its driver can't tell.
    Refused(anyhow::Error),
}

/// A driver: its host, its limits, and what may be wrong with the plans that it makes.
pub struct Operator<'a, H> {
    /// The host.
    pub host: &'a H,
    /// How long the parts may take.
    pub limits: Limits,
    /// Makes another plan of it: a bug, planted to see whether it is found.
    pub bug: Option<fn(Plan) -> Plan>,
}

impl<H: Leasable> Operator<'_, H> {
    /// Does it.
    pub fn does(&self, act: &Act) -> Ended {
        self.attempt(act).unwrap_or_else(Ended::Refused)
    }

    fn attempt(&self, act: &Act) -> Result<Ended> {
        let mut rollback_suspect = None;
        match act {
            Act::Deploy(release) if Observed::is_settled(self.host, release)? => return Ok(Ended::Well),
            Act::Rollback(to) => {
                let seen = self.host.files()?;
                if to.is_none() && take_back_provisional(self.host, &seen, "somebody")? {
                    return Ok(Ended::Well);
                }
                let seen = Observed::from(seen);
                back(to).check(&seen)?;
                rollback_suspect = seen.rollback_suspect(self.host.now());
            }
            _ => {}
        }
        let holder = Holder { by: "ada".into(), doing: String::new(), since: String::new() };
        let leased = take_lease(self.host, &holder, Some(LEASE_WAIT), &mut |_| {})?;
        let mut attempt = Attempt::begin(&leased, holder.by.clone())?;
        if matches!(act, Act::RemakeLedger)
            && remake_ledger(&leased, &attempt.settled.files, attempt.by())?.is_some()
        {
            attempt = Attempt::begin(&leased, holder.by)?;
        }
        if let Act::GoOnWith(lost) = act {
            let files = &attempt.settled.files;
            if since_it_was_lost(&files.ledger).is_none() {
                go_on_with_ledger(&leased, lost, files, attempt.by(), "the machine burnt")?;
            }
            return Ok(Ended::Well);
        }
        if let Act::Join(left) = act {
            join_ledger(&leased, left, &attempt.settled.files, attempt.by(), "to another machine")?;
            return Ok(Ended::Well);
        }
        if matches!(act, Act::Recover | Act::RemakeLedger) {
            give_lost_traffic_back(&leased, &attempt.settled.files)?;
            // As the command does: what could not be stopped is a warning.
            let _ = retire(&leased);
            return Ok(Ended::Well);
        }
        let files = attempt.settled.files.clone();
        let plan = match act {
            Act::Rollback(to) => {
                let seen = Observed::of_rollback(files, self.host)?;
                if attempt.already_rolled_back(&back(to), rollback_suspect.as_ref(), &seen)? {
                    return Ok(Ended::Well);
                }
                back(to).plan(&seen, &self.limits)?
            }
            _ => self.plan(act, files)?,
        };
        let plan = match self.bug {
            Some(bug) => bug(plan),
            None => plan,
        };
        match attempt.run(&plan, Vec::new(), &Silent) {
            Ok(_) => Ok(Ended::Well),
            Err(AttemptError::Unwritten(error)) => Err(error),
            Err(AttemptError::Stopped(Stopped { cause, left, .. })) => Ok(Ended::Badly { cause, left }),
        }
    }

    fn plan(&self, act: &Act, files: Files) -> Result<Plan> {
        Ok(match act {
            Act::Deploy(release) => {
                let seen = Observed::beyond(files, self.host)?;
                let contracts = seen.contracts(release, |release, _| is_incompatible(release, CONTRACT));
                let live = seen.traffic.active.as_ref();
                let misses =
                    |contract: &Contract| live.is_some_and(|id| contract.incompatible_with.contains(id));
                ensure!(
                    !contracts.iter().any(misses),
                    "the live release still uses what a migration takes away"
                );
                plans::deploy(release, &seen, &contracts, &self.limits)
            }
            Act::Restore => restore::restore(
                &Backup::named("a-backup"),
                "the_database",
                false,
                &Observed::beyond(files, self.host)?,
            ),
            Act::Platform => platform::renew(&platform::Renewal {
                live: files.traffic.active,
                services: PLATFORM.map(|it| (it.to_owned(), "interrupted".to_owned())).into(),
                has_database: true,
                ..platform::Renewal::default()
            }),
            Act::Down => plans::down(&Observed::without_database(files, self.host)?),
            Act::Rollback(_) | Act::Recover | Act::RemakeLedger | Act::GoOnWith(_) | Act::Join(_) => {
                bail!("it has no plan of this kind")
            }
        })
    }
}

fn back(to: &Option<ReleaseId>) -> RollbackRequest<'_> {
    RollbackRequest { to: to.as_ref().map(ReleaseId::as_str), with_database: true, also_taken_back: true }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Deploy(release) => write!(f, "deploys {}", release.id),
            Act::Rollback(None) => f.write_str("rolls back"),
            Act::Rollback(Some(id)) => write!(f, "rolls back to {id}"),
            Act::Recover => f.write_str("recovers"),
            Act::RemakeLedger => f.write_str("makes the ledger anew"),
            Act::GoOnWith(_) => f.write_str("goes on with the ledger of a lost host"),
            Act::Join(_) => f.write_str("goes on with the ledger of the host that was left"),
            Act::Restore => f.write_str("restores a backup"),
            Act::Platform => f.write_str("renews the platform"),
            Act::Down => f.write_str("takes everything down"),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Well => f.write_str("it went well"),
            Ended::Badly { cause, left } if left.is_empty() => {
                write!(f, "it failed and was undone: {cause:#}")
            }
            Ended::Badly { cause, left } => {
                write!(f, "it failed, NOT undone: {cause:#}; left: {}", left.join("; "))
            }
            Ended::Refused(why) => write!(f, "it ended before its plan: {why:#}"),
        }
    }
}

/// Nobody is told.
struct Silent;

impl Report for Silent {
    fn begun(&self, _: &dyn Step) {}
    fn done(&self, _: &dyn Step) {}
    fn failed(&self, _: &dyn Step) {}
    fn reverted(&self, _: &dyn Step, _: &Result<()>) {}
    fn says(&self, _: &str) {}
    fn warns(&self, _: &dyn Step, _: &str) {}
}
