//! The steps that plans are made of, as far as they are about releases. Those about the traffic are in `traffic.rs`.

mod load;
pub mod platform;
pub mod restore;
pub mod schema;
pub mod traffic;
mod vitals;
pub mod watch;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Error, Result, bail, ensure};

use super::host::{Host, Part};
use super::observed::Before;
use super::plan::{Step, StepContext};
use super::state::ledger::Event;
use super::state::release::{Release, ReleaseId};
use crate::tools::docker::condition::{Condition, Health};

/// The step that makes what releases stand on: ahead of a plan, which can't be made without.
pub const PLATFORM: &str = "platform";

/// How often a container may come back before its release counts as broken.
const RESTARTS: u32 = 2;
/// How often a release that is ready is asked to serve a user before it counts as broken, and the pause between.
const SMOKE_TRIES: u32 = 3;
const SMOKE_PAUSE: Duration = Duration::from_millis(500);
/// The longest that forgetting releases may take.
const PRUNE_TIMEOUT: Duration = Duration::from_secs(60);

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
    fn timeout(&self) -> Duration {
        PRUNE_TIMEOUT
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        self.releases.iter().try_for_each(|id| context.leased.prune_release(id))
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
    fn timeout(&self) -> Duration {
        Duration::from_secs(600)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        context.leased.pull(&self.release)
    }
}

/// The release starts beside whatever else runs.
pub struct Start {
    /// The release.
    pub release: Release,
    /// What there is of it before.
    pub before: Before,
}

/// The longest that starting, or stopping, may take.
pub const ENGINE_TIMEOUT: Duration = Duration::from_secs(120);

impl Step for Start {
    fn name(&self) -> &'static str {
        "start"
    }
    fn describe(&self) -> String {
        let services: Vec<&str> = self.release.contents.images.keys().map(String::as_str).collect();
        let services = services.join(" and ");
        match self.before {
            Before::Idle => format!("start the new {services} beside what runs"),
            Before::Stopping => {
                format!("stop what still runs of it, and start the new {services} beside what runs")
            }
            Before::Live => format!("start what does not run of its {services}"),
        }
    }
    fn timeout(&self) -> Duration {
        if self.before == Before::Stopping { 2 * ENGINE_TIMEOUT } else { ENGINE_TIMEOUT }
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        if self.before == Before::Stopping {
            context.leased.stop(&self.release.id)?;
        }
        context.leased.start(&self.release)
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, context: &StepContext, _cause: &Error) -> Result<()> {
        if self.before == Before::Live {
            return Ok(());
        }
        let live = context.host.live()?;
        ensure!(
            live.active.as_ref() != Some(&self.release.id),
            "{} has the traffic: it is not stopped",
            self.release.id
        );
        if live.holds(&self.release.id) {
            // It was warm, though unhealthy: the edge still asks it for the assets of open tabs.
            return Ok(());
        }
        context.leased.remove_containers(&self.release.id)
    }
    fn stays(&self, _context: &StepContext) -> Option<String> {
        let id = &self.release.id;
        (self.before == Before::Live)
            .then(|| format!("{id} has the traffic, as before, with what runs of it"))
    }
}

/// Every part of the release runs, no check of its own says that it is ill, and its front doors answer under the names by
/// which the edge will dial them. The engine's first check comes seconds later, and asks no more than that.
pub struct Ready {
    /// The release.
    pub release: Release,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether it must do for a user what users want of it, too. One that had the traffic before has done so.
    pub smoke_test: bool,
}

impl Step for Ready {
    fn name(&self) -> &'static str {
        "ready"
    }
    fn describe(&self) -> String {
        let serves = if self.smoke_test { ", and a log-in works" } else { "" };
        format!(
            "every part is well and answers as {}{serves}, within {}",
            self.release.id,
            humantime::format_duration(self.timeout)
        )
    }
    fn timeout(&self) -> Duration {
        self.timeout + Duration::from_secs(30)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        let began = context.host.clock();
        loop {
            let parts = parts_of(context.host, &self.release.id)?;
            let mut answer = Ok(());
            if parts.len() == self.release.contents.images.len() && parts.iter().all(Part::is_up) {
                answer = context.host.check_ready(&self.release);
                if answer.is_ok() {
                    return self.serve_a_user(context, &parts);
                }
            }
            // One that is called unhealthy may only need longer than its checks are patient.
            // How one ended that is started again and again is known only between two starts.
            if let Some(part) = parts.iter().find(|part| has_ended(part) && part.state != Condition::Running)
            {
                bail!("{part}{}", log_of(context.host, part));
            }
            if context.host.clock() - began > self.timeout {
                let waiting = parts.iter().find(|part| !part.is_ready());
                let log = waiting.map(|part| log_of(context.host, part)).unwrap_or_default();
                let words = match (waiting, answer) {
                    (Some(part), _) => part.to_string(),
                    (None, Err(error)) => format!("{error:#}"),
                    (None, Ok(())) => "its containers are not there".to_owned(),
                };
                bail!("not ready after {}: {words}{log}", humantime::format_duration(self.timeout));
            }
            context.host.pause(Duration::from_millis(100))?;
        }
    }
}

impl Ready {
    /// An error when it is ready by its own word, and a user would not say so.
    fn serve_a_user(&self, context: &StepContext, parts: &[Part]) -> Result<()> {
        let mut left = if self.smoke_test { SMOKE_TRIES } else { return Ok(()) };
        loop {
            left -= 1;
            match context.leased.smoke_test(&self.release) {
                Ok(()) => return Ok(()),
                // Something may have come between, and only once.
                Err(_) if left > 0 => context.host.pause(SMOKE_PAUSE)?,
                Err(error) => {
                    let logs: String = parts.iter().map(|part| log_of(context.host, part)).collect();
                    bail!("it calls itself ready, and does not serve: {error:#}{logs}");
                }
            }
        }
    }
}

/// What neither has the traffic nor is warm finishes what it has, and stops. What is no longer kept is removed now, and
/// not when the next one is deployed, whose users would wait for it.
pub struct Retire {
    /// The releases.
    pub releases: Vec<ReleaseId>,
    /// Those of all that are no longer kept.
    pub superfluous: Vec<ReleaseId>,
    /// How long each gets.
    pub drain: Duration,
}

impl Step for Retire {
    fn name(&self) -> &'static str {
        "retire"
    }
    fn describe(&self) -> String {
        let drain = humantime::format_duration(self.drain);
        let mut words = Vec::new();
        if !self.releases.is_empty() {
            let releases = list(&self.releases);
            words.push(format!("stop {releases}, which is kept; it gets {drain} to finish what it has"));
        }
        if !self.superfluous.is_empty() {
            words.push(format!("remove what is no longer kept: {}", list(&self.superfluous)));
        }
        words.join("; ")
    }
    fn timeout(&self) -> Duration {
        (self.drain + Duration::from_secs(15)) * u32::try_from(self.releases.len()).unwrap_or(1)
            + PRUNE_TIMEOUT
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        self.releases.iter().try_for_each(|id| stop(context, id))?;
        self.superfluous.iter().try_for_each(|id| context.leased.prune_release(id))
    }
    fn is_tidying(&self) -> bool {
        true
    }
}

/// Stops a release, and says what it could not finish.
pub(super) fn stop(context: &StepContext, id: &ReleaseId) -> Result<()> {
    context.leased.stop(id)?;
    let cut = |part: &Part| {
        part.state == Condition::Exited && !part.exit_reason.is_empty() && part.exit_reason != "exit code 0"
    };
    for part in parts_of(context.host, id)?.iter().filter(|part| cut(part)) {
        let last = context.host.last_lines(part, 1).unwrap_or_default();
        let what =
            format!("{} of {id} did not finish what it had: {}, {last}", part.service, part.exit_reason);
        context.report.says(&what);
        context.journal.write(Event::found(what))?;
    }
    Ok(())
}

/// Every release stops, and its containers are removed; files and images stay.
pub struct StopAll {
    /// The releases.
    pub releases: BTreeSet<ReleaseId>,
    /// How long each may take.
    pub timeout: Duration,
}

impl Step for StopAll {
    fn name(&self) -> &'static str {
        "stop"
    }
    fn describe(&self) -> String {
        format!("stop {} releases and remove their containers", self.releases.len())
    }
    fn timeout(&self) -> Duration {
        self.timeout * u32::try_from(self.releases.len()).unwrap_or(1)
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        self.releases.iter().try_for_each(|id| context.leased.remove_containers(id))
    }
}

pub(super) fn parts_of(host: &dyn Host, id: &ReleaseId) -> Result<Vec<Part>> {
    Ok(host.parts()?.into_iter().filter(|part| &part.release == id).collect())
}

/// It will not get ready by waiting.
fn has_ended(part: &Part) -> bool {
    part.state.is_over() || part.restarts >= RESTARTS
}

/// It was ready, and is not any more.
pub(super) fn is_broken(part: &Part) -> bool {
    part.health == Health::Unhealthy || has_ended(part)
}

pub(super) fn log_of(host: &dyn Host, part: &Part) -> String {
    let lines = host.last_lines(part, 8).unwrap_or_default();
    if lines.is_empty() {
        return String::new();
    }
    format!("\n  last lines of {}:\n    {}", part.service, lines.replace('\n', "\n    "))
}

pub(super) fn list(releases: &[ReleaseId]) -> String {
    releases.iter().map(ReleaseId::to_string).collect::<Vec<_>>().join(", ")
}

/// An image's digest or id, short enough to read.
fn short(image: &str) -> &str {
    let hash = image.rsplit("sha256:").next().unwrap_or(image);
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::observed::Before;
    use crate::rollout::simulation::release;

    #[test]
    fn a_start_that_has_to_wait_for_a_stop_may_take_as_long_as_both() {
        let timeout = |before| Start { release: release(1, 1), before }.timeout();
        assert_eq!(timeout(Before::Stopping), timeout(Before::Idle) + ENGINE_TIMEOUT);
    }
}
