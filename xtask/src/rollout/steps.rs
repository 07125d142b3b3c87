//! The steps that plans are made of.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::guard::written;
use super::host::{self, Host, Part, Switching};
use super::ledger::Event;
use super::plan::{Run, Step};
use super::release::{Release, ReleaseId};

/// How long the guard waits beyond the bake time.
const GUARD_BEYOND_BAKE: Duration = Duration::from_secs(30);
/// What must be left of the guard's time, beyond the bake time, when the switch is made.
const GUARD_MARGIN: Duration = Duration::from_secs(10);
/// How often the watch asks.
const PROBE_EVERY: Duration = Duration::from_millis(250);
/// Bad answers in a row that undo a switch.
const BAD_IN_A_ROW: u32 = 3;
/// How often the edge's own numbers are read.
const COUNTS_EVERY: Duration = Duration::from_secs(2);
/// At least this many 5xx, and this share of all answers above what it was before, undo a switch.
const ERRORS_AT_LEAST: u64 = 5;
const ERROR_SHARE: f64 = 0.05;
/// How often a container may come back before its release counts as broken.
const RESTARTS: u32 = 2;

/// What is no longer kept is removed, before anything new needs the room.
pub struct Prune {
    /// The releases to forget.
    pub releases: Vec<ReleaseId>,
}

impl Step for Prune {
    fn name(&self) -> &'static str {
        "prune"
    }
    fn describe(&self) -> String {
        format!("remove what is no longer kept: {}", list(&self.releases))
    }
    fn limit(&self) -> Duration {
        Duration::from_secs(60)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        self.releases.iter().try_for_each(|id| run.host.forget(id))
    }
    fn is_tidying(&self) -> bool {
        true
    }
}

/// Everything that the release needs comes to the host.
pub struct Pull {
    /// The release.
    pub release: Release,
}

impl Step for Pull {
    fn name(&self) -> &'static str {
        "pull"
    }
    fn describe(&self) -> String {
        let images = &self.release.contents.images;
        let image = |(component, image): (&String, &String)| format!("{component} {}", short(image));
        format!("bring files and images: {}", images.iter().map(image).collect::<Vec<_>>().join(", "))
    }
    fn limit(&self) -> Duration {
        Duration::from_secs(600)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        run.host.pull(&self.release)
    }
}

/// The database is dumped, and the dump verified, before a migration changes it.
pub struct Backup;

impl Step for Backup {
    fn name(&self) -> &'static str {
        "backup"
    }
    fn describe(&self) -> String {
        "dump the database and verify the dump, since migrations are pending".to_owned()
    }
    fn limit(&self) -> Duration {
        Duration::from_secs(1800)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        let path = run.host.backup(&run.journal.attempt)?;
        run.report.says(&format!("backup: {path}"));
        Ok(())
    }
}

/// The migrations, by the new image, while the old release serves. Never undone by itself: each leaves the old
/// release working.
pub struct Migrate {
    /// The release whose image carries them.
    pub release: Release,
    /// The pending ones.
    pub pending: Vec<i64>,
}

impl Step for Migrate {
    fn name(&self) -> &'static str {
        "migrate"
    }
    fn describe(&self) -> String {
        let versions: Vec<String> = self.pending.iter().map(i64::to_string).collect();
        format!("apply {} by a one-off container of the new image", versions.join(", "))
    }
    fn limit(&self) -> Duration {
        Duration::from_secs(900)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        run.host.migrate(&self.release)?.lines().for_each(|line| run.report.says(line));
        let schema = run.host.schema()?;
        let missing: Vec<&i64> = self.pending.iter().filter(|version| !schema.contains(version)).collect();
        ensure!(missing.is_empty(), "the migration ended well, but the database lacks {missing:?}");
        Ok(())
    }
}

/// The new release starts beside the old one.
pub struct Start {
    /// The release.
    pub release: Release,
}

impl Step for Start {
    fn name(&self) -> &'static str {
        "start"
    }
    fn describe(&self) -> String {
        let services: Vec<&str> = self.release.contents.images.keys().map(String::as_str).collect();
        format!("start the new {} beside what runs", services.join(" and "))
    }
    fn limit(&self) -> Duration {
        Duration::from_secs(120)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        run.host.start(&self.release)
    }
    fn revert(&self, run: &Run) -> Result<()> {
        let live = run.host.live()?;
        ensure!(
            live.live.as_ref() != Some(&self.release.id),
            "{} has the traffic: it is not stopped",
            self.release.id
        );
        run.host.remove(&self.release.id)
    }
}

/// Every container of the release is healthy, and its front doors answer on the edge's network.
pub struct Ready {
    /// The release.
    pub release: Release,
    /// How long it may take.
    pub limit: Duration,
}

impl Step for Ready {
    fn name(&self) -> &'static str {
        "ready"
    }
    fn describe(&self) -> String {
        format!(
            "every part is healthy and answers as {}, within {}",
            self.release.id,
            humantime::format_duration(self.limit)
        )
    }
    fn limit(&self) -> Duration {
        self.limit + Duration::from_secs(30)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        let began = Instant::now();
        loop {
            let parts = parts_of(run.host, &self.release.id)?;
            if parts.len() == self.release.contents.images.len() && parts.iter().all(Part::is_ready) {
                break;
            }
            if let Some(part) = parts.iter().find(|part| is_broken(part)) {
                bail!("{}{}", part.words(), log_of(run.host, part));
            }
            if began.elapsed() > self.limit {
                let waiting = parts.iter().find(|part| !part.is_ready());
                let log = waiting.map(|part| log_of(run.host, part)).unwrap_or_default();
                let words = waiting.map_or("its containers are not there".to_owned(), Part::words);
                bail!("not ready after {}: {words}{log}", humantime::format_duration(self.limit));
            }
            run.host.pause(Duration::from_millis(200))?;
        }
        run.host.smoke(&self.release)
    }
}

/// What undoes the switch when nobody confirms it.
pub struct Guard {
    /// The release that has the traffic.
    pub from: Option<ReleaseId>,
    /// The release that is about to get it.
    pub to: ReleaseId,
    /// The warm one.
    pub warm: Option<ReleaseId>,
    /// How long the new release will be watched.
    pub bake: Duration,
}

impl Step for Guard {
    fn name(&self) -> &'static str {
        "guard"
    }
    fn describe(&self) -> String {
        let back = self.from.as_ref().map_or("nobody".to_owned(), ToString::to_string);
        let deadline = humantime::format_duration(self.bake + GUARD_BEYOND_BAKE);
        format!("unless confirmed within {deadline}, {back} has the traffic again")
    }
    fn limit(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        run.host.arm(&host::Watch {
            attempt: run.journal.attempt.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            warm: self.warm.clone(),
            deadline: self.bake + GUARD_BEYOND_BAKE,
        })
    }
    fn revert(&self, run: &Run) -> Result<()> {
        run.host.remove_guard()
    }
}

/// The traffic moves, provisionally.
pub struct Switch {
    /// The release that has it.
    pub from: Option<ReleaseId>,
    /// The one that gets it.
    pub to: ReleaseId,
    /// How long it will be watched.
    pub bake: Duration,
}

impl Step for Switch {
    fn name(&self) -> &'static str {
        "switch"
    }
    fn describe(&self) -> String {
        format!("the traffic moves to {}: one rename", self.to)
    }
    fn limit(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        let guarded = Some((run.journal.attempt.clone(), self.bake + GUARD_MARGIN));
        let (from, to) = (self.from.clone(), self.to.clone());
        run.host.switch(&Switching { from, to, lease: run.lease.number(), guarded })?;
        run.to_switch.set(Some(run.began.elapsed()));
        Ok(())
    }
    fn revert(&self, run: &Run) -> Result<()> {
        let live = run.host.live()?;
        // It never came to the switch, or the guard was faster.
        if live.live.as_ref() != Some(&self.to) {
            return Ok(());
        }
        run.host.trip(&run.journal.attempt, "undo")
    }
}

/// The new release is watched through the edge while it can still be taken back.
pub struct Watch {
    /// The release.
    pub release: Release,
    /// How long.
    pub bake: Duration,
}

impl Step for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }
    fn describe(&self) -> String {
        format!("for {}, the new release must answer through the edge", humantime::format_duration(self.bake))
    }
    fn limit(&self) -> Duration {
        self.bake + GUARD_MARGIN
    }
    fn apply(&self, run: &Run) -> Result<()> {
        let began = Instant::now();
        let mut bad = 0;
        let start = run.host.edge_counts()?;
        let share_before = run.counts_before.get().map_or(0.0, |before| start.since(before).share());
        let mut counted = (Instant::now(), start);
        loop {
            match self.answer(run.host) {
                Ok(()) => bad = 0,
                Err(error) => {
                    bad += 1;
                    if bad >= BAD_IN_A_ROW {
                        return Err(anyhow!("{bad} bad answers in a row: {error:#}{}", self.logs(run.host)));
                    }
                }
            }
            let over = bad == 0 && began.elapsed() >= self.bake;
            if over || counted.0.elapsed() >= COUNTS_EVERY {
                let now = run.host.edge_counts()?;
                let new = now.since(counted.1);
                ensure!(
                    new.errors < ERRORS_AT_LEAST || new.share() < share_before + ERROR_SHARE,
                    "{} of {} requests through the edge were answered with 5xx{}",
                    new.errors,
                    new.all,
                    self.logs(run.host)
                );
                counted = (Instant::now(), now);
            }
            if over {
                return Ok(());
            }
            run.host.pause(PROBE_EVERY)?;
        }
    }
}

impl Watch {
    fn answer(&self, host: &dyn Host) -> Result<()> {
        let answer = host.probe()?;
        let by = written(answer.release.as_ref());
        ensure!(
            answer.release.as_ref() == Some(&self.release.id),
            "{by} answered ({} {})",
            answer.status,
            answer.said
        );
        ensure!(answer.status == 200, "it answered {} {}", answer.status, answer.said);
        Ok(())
    }

    fn logs(&self, host: &dyn Host) -> String {
        let parts = parts_of(host, &self.release.id).unwrap_or_default();
        parts.iter().map(|part| log_of(host, part)).collect()
    }
}

/// From here on the switch counts.
pub struct Confirm {
    /// The release.
    pub release: ReleaseId,
}

impl Step for Confirm {
    fn name(&self) -> &'static str {
        "confirm"
    }
    fn describe(&self) -> String {
        "disarm the guard: the switch counts".to_owned()
    }
    fn limit(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        run.host.confirm(&run.journal.attempt).context("the switch was not confirmed")?;
        run.to_confirm.set(Some(run.began.elapsed()));
        run.journal.write(Event::Confirmed { release: self.release.clone() })?;
        if let Err(error) = run.host.remove_guard() {
            run.report.warns(&format!("the guard, disarmed, could not be removed: {error:#}"));
        }
        Ok(())
    }
}

/// A kept release gets the traffic back, for good.
pub struct SwitchBack {
    /// The release that has it.
    pub from: Option<ReleaseId>,
    /// The one that gets it.
    pub to: ReleaseId,
}

impl Step for SwitchBack {
    fn name(&self) -> &'static str {
        "switch"
    }
    fn describe(&self) -> String {
        format!("the traffic moves back to {}: one rename", self.to)
    }
    fn limit(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        let (from, to) = (self.from.clone(), self.to.clone());
        run.host.switch(&Switching { from, to, lease: run.lease.number(), guarded: None })?;
        run.to_switch.set(Some(run.began.elapsed()));
        run.to_confirm.set(Some(run.began.elapsed()));
        run.journal.write(Event::Confirmed { release: self.to.clone() })
    }
}

/// What neither has the traffic nor is warm finishes what it has, and stops.
pub struct Retire {
    /// The releases.
    pub releases: Vec<ReleaseId>,
    /// How long each gets.
    pub drain: Duration,
}

impl Step for Retire {
    fn name(&self) -> &'static str {
        "retire"
    }
    fn describe(&self) -> String {
        let drain = humantime::format_duration(self.drain);
        format!("stop {}, which is kept; it gets {drain} to finish what it has", list(&self.releases))
    }
    fn limit(&self) -> Duration {
        (self.drain + Duration::from_secs(15)) * u32::try_from(self.releases.len()).unwrap_or(1)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        self.releases.iter().try_for_each(|id| run.host.stop(id))
    }
    fn is_tidying(&self) -> bool {
        true
    }
}

/// Nobody has the traffic any more.
pub struct StopTraffic;

impl Step for StopTraffic {
    fn name(&self) -> &'static str {
        "switch"
    }
    fn describe(&self) -> String {
        "no release has the traffic; the edge answers 503".to_owned()
    }
    fn limit(&self) -> Duration {
        Duration::from_secs(30)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        run.host.clear_live()
    }
}

/// Every release stops, and its containers are removed; files and images stay.
pub struct StopAll {
    /// The releases.
    pub releases: Vec<ReleaseId>,
    /// How long each may take.
    pub limit: Duration,
}

impl Step for StopAll {
    fn name(&self) -> &'static str {
        "stop"
    }
    fn describe(&self) -> String {
        format!("stop {} releases and remove their containers", self.releases.len())
    }
    fn limit(&self) -> Duration {
        self.limit * u32::try_from(self.releases.len()).unwrap_or(1)
    }
    fn apply(&self, run: &Run) -> Result<()> {
        self.releases.iter().try_for_each(|id| run.host.remove(id))
    }
}

fn parts_of(host: &dyn Host, id: &ReleaseId) -> Result<Vec<Part>> {
    Ok(host.parts()?.into_iter().filter(|part| &part.release == id).collect())
}

/// It will not get ready by waiting.
fn is_broken(part: &Part) -> bool {
    part.health == "unhealthy"
        || matches!(part.state.as_str(), "exited" | "dead")
        || part.restarts >= RESTARTS
}

fn log_of(host: &dyn Host, part: &Part) -> String {
    let lines = host.last_lines(part, 8).unwrap_or_default();
    if lines.is_empty() {
        return String::new();
    }
    format!("\n  last lines of {}:\n    {}", part.service, lines.replace('\n', "\n    "))
}

fn list(releases: &[ReleaseId]) -> String {
    releases.iter().map(ReleaseId::to_string).collect::<Vec<_>>().join(", ")
}

/// An image's digest or id, short enough to read.
fn short(image: &str) -> &str {
    let hash = image.rsplit("sha256:").next().unwrap_or(image);
    hash.get(..12).unwrap_or(hash)
}
