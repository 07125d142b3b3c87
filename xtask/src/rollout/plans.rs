//! The plans: a deploy and a rollback, as data, built from what is seen under the lease.

use std::collections::BTreeSet;

use anyhow::Result;

use super::contract::Contract;
use super::guard::Live;
use super::host::{Host, Part};
use super::ledger::Ledger;
use super::plan::Plan;
use super::release::{Release, ReleaseId};
use super::schema::{Backup, Drain, Migrate, Undo};
use super::steps::{Prune, Pull, Ready, Retire, Start};
use super::traffic::{Adopt, Confirm, Guard, Switch, SwitchBack};
use super::watch::Watch;
use crate::project::Limits;

/// What is seen of a host.
#[derive(Debug)]
pub struct Observed {
    /// The live folder.
    pub live: Live,
    /// The ledger.
    pub ledger: Ledger,
    /// The releases that are kept whole.
    pub kept: Vec<Release>,
    /// The containers of all releases.
    pub parts: Vec<Part>,
    /// Versions of the migrations that the database has.
    pub schema: Vec<i64>,
}

impl Observed {
    /// Looks at everything.
    pub fn of(host: &dyn Host) -> Result<Observed> {
        Ok(Observed {
            live: host.live()?,
            ledger: host.ledger()?,
            kept: host.kept()?,
            parts: host.parts()?,
            schema: host.schema()?,
        })
    }

    /// Looks at everything, for somebody who wants to know: a database that does not answer hides nothing else. Then no
    /// migration is seen, and `silent` is told why.
    pub fn for_looking(host: &dyn Host, silent: impl FnOnce(anyhow::Error)) -> Result<Observed> {
        let schema = host.schema().unwrap_or_else(|why| {
            silent(why);
            Vec::new()
        });
        Ok(Observed { parts: host.parts()?, schema, ..Observed::of_files(host)? })
    }

    /// Looks at what a rollback needs: the database is not asked for its migrations unless one has ever taken something
    /// away, since that question alone takes as long as the rest.
    pub fn of_rollback(host: &dyn Host) -> Result<Observed> {
        let seen = Observed { parts: host.parts()?, ..Observed::of_files(host)? };
        let asks = !seen.ledger.contracts().is_empty();
        Ok(Observed { schema: if asks { host.schema()? } else { Vec::new() }, ..seen })
    }

    /// Looks at the files alone: who has the traffic, what was, what is kept. Enough to refuse a wrong word.
    pub fn of_files(host: &dyn Host) -> Result<Observed> {
        let (parts, schema) = (Vec::new(), Vec::new());
        Ok(Observed { live: host.live()?, ledger: host.ledger()?, kept: host.kept()?, parts, schema })
    }

    /// Migrations that the release carries and the database does not have.
    pub fn pending(&self, release: &Release) -> Vec<i64> {
        release.migrations.iter().filter(|version| !self.schema.contains(version)).copied().collect()
    }

    /// What the release can't work without and the database does not have. That something is still there which a contract
    /// would take away harms nobody.
    pub fn lacking(&self, release: &Release) -> Vec<i64> {
        let pending = self.pending(release).into_iter();
        pending.filter(|version| !release.contracts.contains_key(version)).collect()
    }

    /// The pending migrations that take something away, each with the kept releases that still use it: those that
    /// `predates` the commit from which on nothing does.
    pub fn contracts(&self, release: &Release, predates: impl Fn(&Release, &str) -> bool) -> Vec<Contract> {
        let pending = self.pending(release);
        let contracts = release.contracts.iter().filter(|(version, _)| pending.contains(version));
        contracts
            .map(|(version, since)| {
                let others = self.kept.iter().filter(|kept| kept.id != release.id);
                let shut = others.filter(|kept| predates(kept, since)).map(|kept| kept.id.clone());
                Contract { migration: *version, unused_since: since.clone(), shuts_out: shut.collect() }
            })
            .collect()
    }

    /// The migrations, newest first, that took away what this release still uses: it can't serve before they are undone.
    pub fn shut_out_by(&self, id: &ReleaseId) -> Vec<i64> {
        let contracts = self.ledger.contracts();
        let shut = contracts.values().rev().filter(|it| it.shuts_out.contains(id));
        shut.map(|contract| contract.migration).filter(|version| self.schema.contains(version)).collect()
    }

    /// The newest kept release whose images carry all of these migrations, and so their way back.
    pub fn carrier(&self, versions: &[i64]) -> Option<&Release> {
        let carries = |release: &&Release| versions.iter().all(|it| release.migrations.contains(it));
        self.kept.iter().filter(carries).max_by(|a, b| a.id.cmp(&b.id))
    }

    /// Whether all of the release's containers run and pass their checks.
    pub fn is_ready(&self, release: &Release) -> bool {
        self.has_all(release, Part::is_ready)
    }

    /// Whether all of the release's containers run, and no check says otherwise.
    pub fn is_up(&self, release: &Release) -> bool {
        self.has_all(release, Part::is_up)
    }

    fn has_all(&self, release: &Release, is_so: impl Fn(&Part) -> bool) -> bool {
        let is_part = |part: &Part, service: &String| part.release == release.id && &part.service == service;
        let has = |service| self.parts.iter().any(|part| is_part(part, service) && is_so(part));
        release.contents.images.keys().all(has)
    }

    /// Whether it is ready, and nobody has asked the host to stop it.
    fn is_warm(&self, release: &Release) -> bool {
        self.live.holds(&release.id) && self.is_ready(release)
    }

    /// Whether it runs without being live or warm: an earlier driver's stop may still be on its way through the engine.
    fn runs_unasked(&self, release: &Release) -> bool {
        !self.live.holds(&release.id) && self.running().contains(&release.id)
    }

    fn kept_release(&self, id: Option<&ReleaseId>) -> Option<Release> {
        self.kept.iter().find(|release| Some(&release.id) == id).cloned()
    }

    /// Releases with a container that is not stopped.
    pub fn running(&self) -> BTreeSet<ReleaseId> {
        self.parts.iter().filter(|part| part.is_running()).map(|part| part.release.clone()).collect()
    }

    /// Where a rollback goes that names no release: the newest confirmed one that is kept, has not the traffic, and
    /// was never rolled back from.
    pub fn rollback_target(&self) -> Option<&Release> {
        let bad = self.ledger.rolled_back_from();
        let good = |id: &ReleaseId| Some(id) != self.live.live.as_ref() && !bad.contains(id);
        let confirmed = self.ledger.confirmed().into_iter().filter(good);
        confirmed.into_iter().find_map(|id| self.kept.iter().find(|release| release.id == id))
    }

    /// Kept releases that nobody needs any more: beyond the newest confirmed ones, and those that were never
    /// confirmed. Never the live one, the warm one, or the one that is about to be deployed.
    fn superfluous(&self, limits: &Limits, deploying: &ReleaseId) -> Vec<ReleaseId> {
        let confirmed = self.ledger.confirmed();
        let newest: Vec<&ReleaseId> = confirmed
            .iter()
            .filter(|id| self.kept.iter().any(|kept| &kept.id == *id))
            .take(limits.kept_releases)
            .collect();
        let needed = |id: &ReleaseId| newest.contains(&id) || self.live.holds(id) || id == deploying;
        self.kept.iter().map(|release| release.id.clone()).filter(|id| !needed(id)).collect()
    }

    /// Running releases that are neither of these two.
    fn others(&self, live: &ReleaseId, warm: Option<&ReleaseId>) -> Vec<ReleaseId> {
        self.running().into_iter().filter(|id| id != live && Some(id) != warm).collect()
    }
}

/// The release that has the traffic is started again, since a part of it is not well.
pub fn repair(release: &Release, seen: &Observed, limits: &Limits) -> Plan {
    let ought = seen.ledger.ought_to_be_live().as_ref() == Some(&release.id);
    let others = seen.others(&release.id, seen.live.warm.as_ref());
    Plan::default()
        .then(Pull { release: release.clone() })
        .then(Start { release: release.clone(), stop_first: false })
        .then(Ready { release: release.clone(), limit: limits.ready })
        .when(!ought, "adopt: the ledger says already that it ought to have the traffic", |plan| {
            plan.then(Adopt { release: release.clone() })
        })
        .when(!others.is_empty(), "retire: nothing runs but the release and the one before", |plan| {
            plan.then(Retire { releases: others, drain: limits.drain })
        })
}

/// A new release gets the traffic. `contracts` are the pending migrations that take something away.
pub fn deploy(release: &Release, seen: &Observed, contracts: &[Contract], limits: &Limits) -> Plan {
    let from = seen.live.live.clone();
    let superfluous = seen.superfluous(limits, &release.id);
    let shut_out = |id: &ReleaseId| contracts.iter().any(|contract| contract.shuts_out.contains(id));
    let (drained, others) = {
        let others = seen.running().into_iter().filter(|id| *id != release.id && Some(id) != from.as_ref());
        others.partition::<Vec<_>, _>(shut_out)
    };
    let warm = seen.live.warm.clone().filter(|id| !shut_out(id));
    Plan::default()
        .when(!superfluous.is_empty(), "prune: nothing is kept that is not needed", |plan| {
            plan.then(Prune { releases: superfluous })
        })
        .then(Pull { release: release.clone() })
        .when(!seen.pending(release).is_empty(), "backup, migrate: no migration is pending", |plan| {
            plan.when(!seen.schema.is_empty(), "backup: the database is still empty", |plan| {
                plan.then(Backup { why: "since migrations are pending", forgets: true })
            })
            .when(!contracts.is_empty(), "drain: no pending migration takes anything away", |plan| {
                plan.then(Drain {
                    contracts: contracts.to_vec(),
                    releases: drained,
                    live: from.clone(),
                    drain: limits.drain,
                })
            })
            .then(Migrate { release: release.clone(), pending: seen.pending(release) })
        })
        .when(!seen.is_warm(release), "start: it runs already, warm", |plan| {
            plan.then(Start { release: release.clone(), stop_first: seen.runs_unasked(release) })
        })
        .then(Ready { release: release.clone(), limit: limits.ready })
        .then(Guard { from: from.clone(), to: release.id.clone(), warm, bake: limits.bake })
        .then(Switch { from: from.clone(), to: release.id.clone(), bake: limits.bake })
        .then(Watch { release: release.clone(), before: seen.kept_release(from.as_ref()), bake: limits.bake })
        .then(Confirm { release: release.clone() })
        .when(!others.is_empty(), "retire: nothing runs but the new release and the one before", |plan| {
            plan.then(Retire { releases: others, drain: limits.drain })
        })
}

/// A kept release gets the traffic back. Confirmed by its own rename: no guard, no watch. `undo` are migrations that
/// took away what it uses, and the release that carries their way back.
pub fn rollback(
    release: &Release,
    seen: &Observed,
    undo: Option<(&Release, Vec<i64>)>,
    limits: &Limits,
) -> Plan {
    let from = seen.live.live.clone();
    let others = seen.others(&release.id, from.as_ref());
    let plan = match undo {
        None => Plan::default(),
        Some((carrier, migrations)) => Plan::default()
            .then(Backup { why: "since migrations are taken back", forgets: false })
            .then(Undo { release: carrier.clone(), migrations }),
    };
    plan.when(!seen.is_warm(release), "start: it runs already, warm", |plan| {
        plan.then(Start { release: release.clone(), stop_first: seen.runs_unasked(release) })
    })
    .then(Ready { release: release.clone(), limit: limits.ready })
    .then(SwitchBack { from, to: release.clone() })
    .when(!others.is_empty(), "retire: nothing runs but the two releases", |plan| {
        plan.then(Retire { releases: others, drain: limits.drain })
    })
}
