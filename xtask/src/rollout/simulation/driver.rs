//! What somebody does to a host, from the lease to the end, as the verbs in `commands` do it.

use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::world::{CONTRACT, is_shut_out};
use crate::project::{self, Limits};
use crate::rollout::backup::Backup;
use crate::rollout::contract::Contract;
use crate::rollout::host::{Holder, Host, Lease, LeaseError};
use crate::rollout::journal::{Journal, attempt_id};
use crate::rollout::ledger::{Event, Kind, Outcome};
use crate::rollout::plan::{Plan, Report, Run, Step};
use crate::rollout::plans::{self, Observed};
use crate::rollout::recover::{recover, retire, take_back_provisional};
use crate::rollout::release::{Release, ReleaseId};
use crate::rollout::restore;
use crate::rollout::steps::StopAll;
use crate::rollout::traffic::StopTraffic;

/// How long somebody waits for a lease at the most.
const PATIENCE: Duration = Duration::from_secs(60);

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Act {
    /// This release gets the traffic.
    Deploy(Box<Release>),
    /// An earlier one gets it back: this one, or the one that is chosen without a word.
    Rollback(Option<ReleaseId>),
    /// What is left is settled.
    Recover,
    /// A backup takes the database's place.
    Restore,
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
pub struct Operator<'a> {
    /// The host.
    pub host: &'a dyn Host,
    /// How long the parts may take.
    pub limits: Limits,
    /// Makes another plan of it: a bug, planted to see whether it is found.
    pub bug: Option<fn(Plan) -> Plan>,
}

impl Operator<'_> {
    /// Does it.
    pub fn does(&self, act: &Act) -> Ended {
        self.attempt(act).unwrap_or_else(Ended::Refused)
    }

    fn attempt(&self, act: &Act) -> Result<Ended> {
        match act {
            Act::Deploy(release) if self.is_settled(release)? => return Ok(Ended::Well),
            Act::Rollback(None) if take_back_provisional(self.host, "somebody")? => return Ok(Ended::Well),
            _ => {}
        }
        let lease = self.take_lease()?;
        let ledger = self.host.ledger()?;
        let id = attempt_id(self.host.now(), &lease.number().to_string());
        let journal = Journal::new(self.host, id, &ledger);
        recover(self.host, &ledger, &journal, lease.as_ref())?;
        if matches!(act, Act::Recover) {
            // As the command does: what could not be stopped is a warning.
            let _ = retire(self.host);
            return Ok(Ended::Well);
        }
        let seen = match act {
            Act::Rollback(_) => Observed::of_rollback(self.host)?,
            _ => Observed::of(self.host)?,
        };
        let (kind, to, plan) = self.plan(act, &seen)?;
        let plan = match self.bug {
            Some(bug) => bug(plan),
            None => plan,
        };
        self.run(kind, &seen, to, &plan, lease.as_ref(), &journal)
    }

    fn plan(&self, act: &Act, seen: &Observed) -> Result<(Kind, Option<ReleaseId>, Plan)> {
        let live = seen.live.live.clone();
        Ok(match act {
            Act::Deploy(release) if live.as_ref() == Some(&release.id) => {
                (Kind::Deploy, live, plans::repair(release, seen, &self.limits))
            }
            Act::Deploy(release) => {
                let contracts = seen.contracts(release, |release, _| is_shut_out(release, CONTRACT));
                let misses =
                    |contract: &Contract| live.as_ref().is_some_and(|id| contract.shuts_out.contains(id));
                ensure!(
                    !contracts.iter().any(misses),
                    "the live release still uses what a migration takes away"
                );
                let plan = plans::deploy(release, seen, &contracts, &self.limits);
                (Kind::Deploy, Some(release.id.clone()), plan)
            }
            Act::Rollback(to) => {
                let release = match to {
                    Some(id) => seen.kept.iter().find(|kept| &kept.id == id),
                    None => seen.rollback_target(),
                };
                let release = release.context("there is nothing to go back to")?;
                if live.as_ref() == Some(&release.id) {
                    bail!("it has the traffic already");
                }
                // As with `--with-database`.
                let undo = seen.shut_out_by(&release.id);
                let carrier = seen.carrier(&undo).filter(|_| !undo.is_empty());
                ensure!(undo.is_empty() || carrier.is_some(), "nobody has the way back");
                let plan = plans::rollback(release, seen, carrier.map(|it| (it, undo)), &self.limits);
                (Kind::Rollback, Some(release.id.clone()), plan)
            }
            Act::Restore => {
                let plan =
                    restore::restore(&a_backup(), project::DATABASE, seen.schema.is_empty(), live.is_some());
                (Kind::Restore, live, plan)
            }
            Act::Down => {
                let releases = seen.parts.iter().map(|part| part.release.clone()).collect();
                let stop = StopAll { releases, limit: Duration::from_secs(120) };
                (Kind::Down, None, Plan::default().then(StopTraffic).then(stop))
            }
            Act::Recover => (Kind::Deploy, None, Plan::default()),
        })
    }

    fn run(
        &self,
        kind: Kind,
        seen: &Observed,
        to: Option<ReleaseId>,
        plan: &Plan,
        lease: &dyn Lease,
        journal: &Journal,
    ) -> Result<Ended> {
        journal.write(Event::Began {
            kind,
            by: "ada".into(),
            lease: lease.number(),
            from: seen.live.live.clone(),
            to,
            plan: plan.names(),
            overrides: Vec::new(),
        })?;
        let run = Run {
            host: self.host,
            lease,
            journal,
            report: &Silent,
            began: Instant::now(),
            to_switch: Cell::new(None),
            to_confirm: Cell::new(None),
            counts_before: Cell::new(plan.is_watched().then(|| self.host.edge_counts().ok()).flatten()),
        };
        if let Err(stopped) = plan.run(&run) {
            return Ok(Ended::Badly { cause: stopped.cause, left: stopped.left });
        }
        // As the command does: what is made is made, and whoever comes next writes that down.
        let _ = journal.write(Event::Ended { outcome: Outcome::Succeeded, detail: None, to_switch_ms: None });
        Ok(Ended::Well)
    }

    fn take_lease(&self) -> Result<Box<dyn Lease>> {
        let holder = Holder { by: "ada".into(), doing: String::new(), since: String::new() };
        let began = self.host.clock();
        loop {
            match self.host.lease(&holder) {
                Ok(lease) => return Ok(lease),
                Err(LeaseError::Held(_)) if self.host.clock() - began < PATIENCE => {}
                Err(error) => return Err(error.into()),
            }
            self.host.pause(Duration::from_secs(1))?;
        }
    }

    /// The release has the traffic, for good, and is well: there is nothing to do.
    fn is_settled(&self, release: &Release) -> Result<bool> {
        let live = self.host.live()?;
        if live.live.as_ref() != Some(&release.id) || live.guard.is_some() {
            return Ok(false);
        }
        let seen = Observed::of(self.host)?;
        Ok(seen.is_ready(release)
            && seen.ledger.ought_to_be_live().as_ref() == Some(&release.id)
            && seen.ledger.unfinished().is_none())
    }
}

fn a_backup() -> Backup {
    let (name, at, made_by) = ("a-backup".to_owned(), String::new(), String::new());
    let (live, sha256) = (String::new(), String::new());
    Backup { name, at, made_by, live, schema: 1, tables: 1, bytes: 1, loaded_bytes: 1, sha256, copied: None }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Deploy(release) => write!(f, "deploys {}", release.id),
            Act::Rollback(None) => f.write_str("rolls back"),
            Act::Rollback(Some(id)) => write!(f, "rolls back to {id}"),
            Act::Recover => f.write_str("recovers"),
            Act::Restore => f.write_str("restores a backup"),
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
