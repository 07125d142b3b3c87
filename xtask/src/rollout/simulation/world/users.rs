//! Users of the simulated host, who send requests all along, and the releases that answer them or do not.

use std::time::Duration;

use super::{Manner, State, World, is_incompatible};
use crate::rollout::edge_counts::EdgeCounts;
use crate::rollout::host::{Memory, Vitals};
use crate::rollout::state::release::ReleaseId;

/// A usual request.
const SHORT_REQUEST: Duration = Duration::from_millis(100);
/// A slow download; somebody always has one. It is shorter than what a release gets to finish what it has.
const LONG_REQUEST: Duration = Duration::from_secs(6);
/// Of so many users one gets errors from a release that errs beside health.
const ONE_IN: u64 = 4;
/// Requests of strangers in each tick, where they flood a release.
const STRANGERS: u64 = 20;
/// Bytes that one that leaks takes in a millisecond: 20 MB in a second.
const LEAK: u64 = 20_000;
/// How long after it got the traffic one that turns bad does.
const GOOD_FOR: Duration = Duration::from_millis(700);

/// A request that a release has not answered yet.
#[derive(Debug, Clone)]
pub struct Flight {
    release: ReleaseId,
    until: Duration,
}

impl World {
    /// What is answered by now is answered, and what was asked to stop and has nothing left to answer stops.
    pub fn end_flights(&mut self) {
        let now = self.now;
        self.flights.retain(|flight| flight.until > now);
        let mut over = Vec::new();
        for (id, parts) in &self.containers {
            for (service, container) in parts {
                let State::Stopping(at) = container.state else { continue };
                let idle = !self.flights.iter().any(|flight| &flight.release == id);
                if at <= now || (idle && self.manner(id) != Manner::Deaf) {
                    over.push((id.clone(), *service));
                }
            }
        }
        over.iter().for_each(|(id, service)| self.end(id, service));
    }

    /// A container ends, and with it what it had not answered.
    pub fn end(&mut self, id: &ReleaseId, service: &str) {
        let Some(parts) = self.containers.get_mut(id) else { return };
        let Some(container) = parts.get_mut(service) else { return };
        container.state = State::Exited;
        if container.going {
            parts.remove(service);
        }
        if parts.is_empty() {
            self.containers.remove(id);
        }
        let cut = self.flights.iter().filter(|flight| &flight.release == id).count();
        self.flights.retain(|flight| &flight.release != id);
        for _ in 0..cut {
            self.fail(format!("{id} ended before it had answered"));
        }
    }

    /// A user's request fails.
    pub fn fail(&mut self, why: String) {
        if self.failed.last().is_none_or(|(_, last)| *last != why) {
            self.tell(|| format!("   a user's request fails: {why}"));
        }
        self.failed.push((self.now, why));
    }

    /// Whether users are asked to wait.
    pub fn is_in_maintenance(&self) -> bool {
        self.maintenance.as_ref().is_some_and(|asked| asked.contains(&self.now))
    }

    /// Each sends a request.
    pub fn users(&mut self) {
        let Some(live) = self.live.clone() else { return };
        if self.is_in_maintenance() {
            self.counts = self.counts.and(EdgeCounts::one(503));
            return;
        }
        self.counts.all += 1;
        let is_spared = !self.counts.all.is_multiple_of(ONE_IN) && self.errs_beside_health(&live);
        let served = if is_spared { self.is_well(&live) } else { self.serves(&live) };
        let served = served.and_then(|()| self.serves_through_edge());
        if let Err(why) = served {
            self.counts.errors += 1;
            return self.fail(why);
        }
        let slow = self
            .flights
            .iter()
            .any(|flight| flight.release == live && flight.until > self.now + SHORT_REQUEST);
        self.counts.served += 1;
        self.counts.took += self.takes(&live);
        if self.flooded.as_ref() == Some(&live) {
            self.counts = self.counts.and(EdgeCounts::some(STRANGERS, 429));
        }
        self.flights.push(Flight { release: live.clone(), until: self.now + SHORT_REQUEST });
        if !slow {
            self.flights.push(Flight { release: live, until: self.now + LONG_REQUEST });
        }
    }

    /// Whether the release answers users, and why not.
    pub fn serves(&self, id: &ReleaseId) -> Result<(), String> {
        self.is_well(id)?;
        if self.errs_beside_health(id) { Err(format!("{id} answers 500")) } else { Ok(()) }
    }

    /// Whether it does for somebody on the edge's network what users want of it, and why not.
    pub fn serves_who_comes(&self, id: &ReleaseId) -> Result<(), String> {
        self.is_well(id)?;
        if self.manner(id) == Manner::FailsUsers { Err(format!("{id} answers 500")) } else { Ok(()) }
    }

    /// Whether it does so for users, who come through the edge, and why not.
    pub fn serves_through_edge(&self) -> Result<(), String> {
        let live = self.live.as_ref().ok_or("nobody has the traffic")?;
        self.serves_who_comes(live)?;
        if self.manner(live) == Manner::FailsBehindEdge { Err(format!("{live} answers 500")) } else { Ok(()) }
    }

    /// What can be seen of a release beside its answers.
    pub fn vitals(&self, id: &ReleaseId) -> Vitals {
        let since = self.had_traffic.get(id).map_or(Duration::ZERO, |since| self.now - *since);
        let leaked = if self.manner(id) == Manner::Leaks { since.as_millis() as u64 * LEAK } else { 0 };
        let memory = Memory { used: (20 << 20) + leaked, limit: 512 << 20 };
        Vitals {
            latency: vec![(self.takes(id), SHORT_REQUEST); 10],
            memory: self.services.0.iter().map(|service| ((*service).to_owned(), memory)).collect(),
            logged_errors: (0, 0),
        }
    }

    /// How long an answer of the release takes that has the traffic. The one before it has no users, and answers at once.
    fn takes(&self, id: &ReleaseId) -> Duration {
        let of_itself = if self.manner(id) == Manner::AnswersLate { 3 } else { 1 };
        let of_users = if self.is_crowded || self.flooded.as_ref() == Some(id) { 2 } else { 0 };
        (of_itself + of_users) * SHORT_REQUEST
    }

    fn errs_beside_health(&self, id: &ReleaseId) -> bool {
        let (since, errs) = (self.had_traffic.get(id), self.manner(id).errs_from());
        since.zip(errs).is_some_and(|(since, errs)| self.now >= *since + errs)
    }

    /// Whether it answers who asks for its health, and why not.
    pub fn is_well(&self, id: &ReleaseId) -> Result<(), String> {
        self.ready(id)?;
        self.suits(id)
    }

    /// Whether the release is ready, and why not.
    pub fn ready(&self, id: &ReleaseId) -> Result<(), String> {
        if self.turned_bad(id) || self.is_database_silent() {
            return Err(format!("{id} answers 500"));
        }
        let manner = self.manner(id);
        let parts = self.containers.get(id);
        for service in self.services.0 {
            match parts.and_then(|parts| parts.get(service)).map(|it| it.state) {
                Some(State::Running(since)) if self.now >= since + manner.start_up() => {}
                Some(State::Stopping(_)) if manner == Manner::Deaf => {}
                Some(State::Running(_)) => return Err(format!("{service} of {id} is not ready yet")),
                state => return Err(format!("{service} of {id} is {state:?}")),
            }
        }
        Ok(())
    }

    /// How it behaves.
    pub fn manner(&self, id: &ReleaseId) -> Manner {
        self.manners.get(id).copied().unwrap_or_default()
    }

    /// Whether it answers 500.
    pub fn turned_bad(&self, id: &ReleaseId) -> bool {
        let since = self.had_traffic.get(id);
        self.manner(id) == Manner::TurnsBad && since.is_some_and(|since| self.now >= *since + GOOD_FOR)
    }

    /// Whether the host was on its way up at that moment.
    pub fn is_booting(&self, at: Duration) -> bool {
        self.boots.iter().any(|(from, until)| at >= *from && at <= *until)
    }

    /// Whether nobody can answer, whoever it is.
    pub fn is_database_silent(&self) -> bool {
        self.manners.iter().any(|(id, manner)| {
            let (since, silent) = (self.had_traffic.get(id), manner.silent_for());
            let is_now = |since: Duration, silent| self.now >= since + GOOD_FOR && self.now < since + silent;
            since.zip(silent).is_some_and(|(since, silent)| is_now(*since, silent))
        })
    }

    /// Whether the release finds everything in the database that it uses.
    pub fn suits(&self, id: &ReleaseId) -> Result<(), String> {
        let Some(release) = self.kept.iter().find(|release| &release.id == id) else { return Ok(()) };
        let lacks =
            |version: &&i64| !self.schema.contains(version) && !release.contracts.contains_key(version);
        if let Some(version) = release.migrations.iter().find(lacks) {
            return Err(format!("{id} needs the migration {version}, which the database lacks"));
        }
        if self.schema.iter().any(|version| is_incompatible(release, *version)) {
            return Err(format!("a migration has taken away what {id} uses"));
        }
        Ok(())
    }
}
