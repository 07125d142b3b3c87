//! The way back: what a rollback is asked for, and where it goes.

use anyhow::Result;

use super::host::{Files, Host};
use super::observed::Observed;
use super::plan::Plan;
use super::plans;
use super::state::ledger::Kind;
use super::state::ledger::damage::Damage;
use super::state::release::{Release, ReleaseId};
use super::steps::schema::versions;
use crate::rollout::limits::Limits;

/// What a rollback is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct RollbackRequest<'a> {
    /// The release to go to; without a word the newest confirmed one that was not taken back and gets ready.
    pub to: Option<&'a str>,
    /// Also to one that uses what a migration took away: that is taken back first.
    pub with_database: bool,
    /// Also to one whose deploy was undone once users had it.
    pub also_taken_back: bool,
}

/// Why there is no way back.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// No release is good enough.
    #[error(
        "there is no earlier release to go back to: none that is kept was confirmed, was not taken back and gets ready"
    )]
    Nowhere,
    /// Which one had the traffic before is written in what is damaged.
    #[error("{0}: it can't tell which release had the traffic before")]
    LedgerDamaged(Damage),
    /// A wrong word, or a release that was forgotten.
    #[error("'{0}' is not kept here")]
    NotKept(String),
    /// One that needs no rollback.
    #[error("{0} has the traffic already")]
    IsLive(ReleaseId),
    /// It can't have the traffic, and two minutes of waiting would not change that.
    #[error("{0} can't have the traffic: {1}. Only a deploy gives it a new try")]
    NeverReady(ReleaseId, String),
    /// The watch, or a person while it was watched, took the traffic back from it.
    #[error("{0} was taken back: {1}")]
    TakenBack(ReleaseId, String),
    /// Its manifest is not as it was written.
    #[error("what is kept of {0} is damaged: {1}. It is not that release any more")]
    Broken(ReleaseId, &'static str),
    /// A migration has taken away what it uses.
    #[error("{0} uses what {took} took away: it can't serve on this database", took = versions(.1))]
    Incompatible(ReleaseId, Vec<i64>),
    /// More than a rename is needed.
    #[error("the container engine does not answer, and without it there is no way to {0}: {1}")]
    EngineSilent(ReleaseId, &'static str),
    /// Nobody can take these migrations back.
    #[error("no kept release has the down migration of {of}: deploy one that has it first", of = versions(.0))]
    NoCarrier(Vec<i64>),
}

impl RollbackRequest<'_> {
    /// The release that it goes to. The files are enough to refuse a wrong word.
    pub fn target<'s>(&self, seen: &'s Observed) -> Result<&'s Release, RollbackError> {
        let kept = |id: &str| seen.kept.iter().find(|release| release.id.as_str() == id);
        let release = match self.to {
            Some(to) => match seen.broken.iter().find(|broken| broken.id.as_str() == to) {
                Some(broken) => return Err(RollbackError::Broken(broken.id.clone(), broken.why)),
                None => kept(to).ok_or_else(|| RollbackError::NotKept(to.to_owned()))?,
            },
            None => {
                let id = seen.rollback_target();
                // The warm one had it: a ledger without an end can't say more than that.
                let is_sure = id.is_some() && id == seen.traffic.warm;
                if let Some(damage) = seen.damage().into_iter().find(|it| it.hides_the_end() && !is_sure) {
                    return Err(RollbackError::LedgerDamaged(damage));
                }
                id.and_then(|id| kept(id.as_str())).ok_or(RollbackError::Nowhere)?
            }
        };
        if seen.traffic.active.as_ref() == Some(&release.id) {
            return Err(RollbackError::IsLive(release.id.clone()));
        }
        if let Some(why) = seen.ledger.never_ready(&release.id) {
            return Err(RollbackError::NeverReady(release.id.clone(), why));
        }
        // Who goes forth again, to one that somebody rolled back from, knows both.
        let undone = seen.ledger.taken_back().remove(&release.id).filter(|by| by.kind == Kind::Deploy);
        if let Some(by) = undone.filter(|_| !self.also_taken_back) {
            return Err(RollbackError::TakenBack(release.id.clone(), by.how_taken_back()));
        }
        Ok(release)
    }

    /// An error for what can be refused before the lease, so that a wrong word leaves nothing behind. Where something is to
    /// be settled, that comes first: who says again what was cut off is not refused because it was done.
    pub fn check(&self, seen: &Observed) -> Result<(), RollbackError> {
        match self.target(seen) {
            Err(RollbackError::IsLive(_)) if seen.ledger.unfinished().is_some() => Ok(()),
            target => target.map(drop),
        }
    }

    /// A kept release gets the traffic back. When a migration has taken away what it uses, that is taken back first, if
    /// somebody wants it to be.
    pub fn plan(&self, seen: &Observed, limits: &Limits) -> Result<Plan, RollbackError> {
        let release = self.target(seen)?;
        let incompatible_with = seen.incompatible_with(&release.id);
        let needs_engine = |why| Err(RollbackError::EngineSilent(release.id.clone(), why));
        if seen.is_engine_silent && seen.traffic.warm.as_ref() != Some(&release.id) {
            return needs_engine("it is not warm, and would have to be started");
        }
        if seen.is_engine_silent && !incompatible_with.is_empty() {
            return needs_engine("it uses what a migration took away, if nobody has taken that back");
        }
        if incompatible_with.is_empty() {
            return Ok(plans::back(release, seen, None, limits));
        }
        if !self.with_database {
            return Err(RollbackError::Incompatible(release.id.clone(), incompatible_with));
        }
        match seen.carrier(&incompatible_with) {
            Some(carrier) => Ok(plans::back(release, seen, Some((carrier, incompatible_with)), limits)),
            None => Err(RollbackError::NoCarrier(incompatible_with)),
        }
    }
}

/// While a deploy's switch is provisional, its guard can be tripped without its lease: then that deploy ends as undone.
/// `by` is told to that deploy's driver and its ledger. Says whether there was one in what was `seen`, and it is taken back; fails with [`NeitherIsReady`] where that would not help.
pub fn take_back_provisional(host: &dyn Host, seen: &Files, by: &str) -> Result<bool> {
    let live = &seen.traffic;
    let Some(guard) = live.guard.as_ref().filter(|_| live.is_provisional()) else { return Ok(false) };
    check_before(host, seen)?;
    let Err(error) = host.trip_without_lease(&guard.attempt, by) else { return Ok(true) };
    let now = host.live()?;
    if now.is_provisional() {
        return Err(error);
    }
    // Confirmed in this very moment, it takes an ordinary rollback; else somebody was faster.
    Ok(now.active != live.active)
}

/// The release that would get the traffic back is not ready either: when both fail for one cause, nothing moves.
#[derive(Debug, thiserror::Error)]
#[error(
    "{release}, which had the traffic before, is not ready either: {why}\n  Nothing was moved: look for what both need, such \
     as the database."
)]
pub struct NeitherIsReady {
    release: ReleaseId,
    why: String,
}

/// An error, [`NeitherIsReady`], unless the release that would get the traffic back is ready.
fn check_before(host: &dyn Host, seen: &Files) -> Result<()> {
    let before = seen.kept.iter().find(|release| Some(&release.id) == seen.traffic.warm.as_ref());
    let Some(before) = before else { return Ok(()) };
    host.check_ready(before)
        .map_err(|error| NeitherIsReady { release: before.id.clone(), why: format!("{error:#}") }.into())
}
