//! The way back of what a deploy that was undone has added to the database: nobody needs it, and it is in the way of every commit
//! that does not have it.

use std::collections::BTreeSet;

use super::observed::Observed;
use super::plan::{Goal, Plan};
use super::state::ledger::Kind;
use super::state::ledger::damage::Damage;
use super::state::release::{Release, ReleaseId};
use super::steps::schema::{BackUp, Undo, versions};

/// Migrations that no release needs.
#[derive(Debug)]
pub struct Unneeded<'a> {
    /// The release whose images have their way back. It was never confirmed.
    pub carrier: &'a Release,
    /// The migrations, the newest first.
    pub migrations: Vec<i64>,
}

/// Why none is taken back.
#[derive(Debug, thiserror::Error)]
pub enum RevertError {
    /// The newest one is in use, and so are those before it.
    #[error("nothing is to be taken back: the newest one, {newest}, is needed by {by}", newest = versions(&[*.0]), by = names(.1))]
    Needed(i64, BTreeSet<ReleaseId>),
    /// There is none.
    #[error("nothing is to be taken back: the database has no migration")]
    None,
    /// Nothing says what the database must have.
    #[error("no release has the traffic: what the database must have is not known")]
    NoneLive,
    /// Its manifest says which it needs.
    #[error(
        "{0} has the traffic or is warm, and its manifest can't be read: which migrations it needs is not known"
    )]
    Unread(ReleaseId),
    /// Which releases were confirmed is written in what is damaged.
    #[error("{0}: it can't tell which releases need a migration")]
    LedgerDamaged(Damage),
    /// Their way back is in no image here.
    #[error("no release that is kept has the down migration of {of}", of = versions(.0))]
    NoCarrier(Vec<i64>),
}

fn names(releases: &BTreeSet<ReleaseId>) -> String {
    releases.iter().map(ReleaseId::as_str).collect::<Vec<_>>().join(", ")
}

/// The migrations that the database has and that no release carries which has the traffic, is warm, or could have it again.
pub fn unneeded(seen: &Observed) -> Result<Unneeded<'_>, RevertError> {
    if let Some(damage) = seen.damage().into_iter().next() {
        return Err(RevertError::LedgerDamaged(damage));
    }
    if seen.traffic.active.is_none() {
        return Err(RevertError::NoneLive);
    }
    let is_read = |id: &&ReleaseId| seen.kept.iter().any(|release| release.id == **id);
    if let Some(id) = seen.traffic.active.iter().chain(&seen.traffic.warm).find(|id| !is_read(id)) {
        return Err(RevertError::Unread(id.clone()));
    }
    let confirmed = seen.ledger.confirmed();
    let needs = |release: &&Release| seen.traffic.holds(&release.id) || confirmed.contains(&release.id);
    let needing: Vec<&Release> = seen.kept.iter().filter(needs).collect();
    let is_needed = |version: &i64| needing.iter().any(|release| release.migrations.contains(version));
    let migrations: Vec<i64> = seen.schema.keys().rev().filter(|it| !is_needed(it)).copied().collect();
    if migrations.is_empty() {
        let Some(newest) = seen.schema.keys().next_back() else { return Err(RevertError::None) };
        let by = needing.iter().filter(|release| release.migrations.contains(newest));
        return Err(RevertError::Needed(*newest, by.map(|release| release.id.clone()).collect()));
    }
    match seen.carrier(&migrations) {
        Some(carrier) => Ok(Unneeded { carrier, migrations }),
        None => Err(RevertError::NoCarrier(migrations)),
    }
}

/// They are taken back, behind a backup. The traffic stays where it is.
pub fn plan(unneeded: &Unneeded, seen: &Observed) -> Plan {
    let live = seen.traffic.active.clone();
    Plan::to(Goal { kind: Kind::Revert, from: live.clone(), to: live })
        .then(BackUp { why: "since migrations are taken back", prunes: false })
        .then(Undo { release: unneeded.carrier.clone(), migrations: unneeded.migrations.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::host::Files;
    use crate::rollout::simulation;
    use crate::rollout::state::guard::Traffic;
    use crate::rollout::state::ledger::{Entry, Event, Ledger};

    /// Two releases were confirmed, and have two migrations; a third one, with four, was not.
    fn seen(applied: i64) -> Observed {
        let kept: Vec<Release> =
            [(1, 2), (2, 2), (3, 4)].map(|(n, migrations)| simulation::release(n, migrations)).into();
        let mut ledger = Ledger::default();
        for release in &kept {
            let id = release.id.clone();
            let attempt = id.to_string();
            let entry = |event| Entry {
                v: 1,
                id: String::new(),
                at: String::new(),
                attempt: attempt.clone(),
                prev: String::new(),
                event,
            };
            let (from, to, plan, overrides) = (None, Some(id.clone()), Vec::new(), Vec::new());
            ledger.entries.push(entry(Event::Began {
                kind: Kind::Deploy,
                by: String::new(),
                lease: 1,
                from,
                to,
                plan,
                overrides,
                images: Default::default(),
            }));
            if release.migrations.len() == 2 {
                let (images, commit) = (Default::default(), String::new());
                ledger.entries.push(entry(Event::Confirmed { release: id, images, commit }));
            }
        }
        let active = Some(kept[1].id.clone());
        let traffic = Traffic { active, warm: None, guard: None, maintenance: None };
        let schema = (1..=applied).map(|version| (version, String::new())).collect();
        Observed { schema, ..Files { traffic, ledger, kept, broken: Vec::new() }.into() }
    }

    #[test]
    fn what_only_an_undone_deploy_has_is_taken_back_the_newest_first() {
        let seen = seen(4);
        let found = unneeded(&seen).unwrap();
        assert_eq!((found.migrations.as_slice(), &found.carrier.id), (&[4, 3][..], &seen.kept[2].id));
    }

    #[test]
    fn what_a_release_needs_that_could_have_the_traffic_stays_and_it_is_named() {
        let mut seen = seen(2);
        let error = unneeded(&seen).unwrap_err();
        assert!(matches!(&error, RevertError::Needed(2, by) if by.len() == 2), "{error}");
        assert!(error.to_string().contains(seen.kept[0].id.as_str()), "{error}");
        // The warm one was perhaps never confirmed, and has users' tabs.
        seen.schema = (1..=4).map(|version| (version, String::new())).collect();
        seen.traffic.warm = Some(seen.kept[2].id.clone());
        assert!(matches!(unneeded(&seen).unwrap_err(), RevertError::Needed(4, _)));
        seen.traffic.warm = None;
        seen.kept.pop();
        assert!(matches!(unneeded(&seen).unwrap_err(), RevertError::NoCarrier(of) if of == [4, 3]));
        // What can't be read may need every one of them.
        let live = seen.kept.pop().unwrap();
        assert!(matches!(unneeded(&seen).unwrap_err(), RevertError::Unread(id) if id == live.id));
        seen.kept.push(live);
        seen.traffic.active = None;
        assert!(matches!(unneeded(&seen).unwrap_err(), RevertError::NoneLive));
    }
}
