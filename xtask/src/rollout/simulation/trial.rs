//! A trial: what somebody does to a host, one after the other, what goes wrong meanwhile, and the next deploy.

pub mod check;

use std::sync::Arc;
use std::time::Duration;

use super::bug::Bug;
use super::driver::{Act, Ended, Operator};
use super::fault::{AT_CHANGES, AT_LOOKS, Trouble};
use super::host::{Shared, Simulated};
use super::turns::Turns;
use super::world::{CONTRACT, SINCE, World};
use crate::rollout::limits::Limits;
use crate::rollout::state::release::{Contents, Release, ReleaseId};

/// As in `local`; a release that never gets ready is waited for less long.
pub const LIMITS: Limits = Limits {
    bake: Duration::from_secs(2),
    ready: Duration::from_secs(5),
    drain: Duration::from_secs(30),
    kept_releases: 3,
};
/// Longer than any guard waits.
const PAST_DEADLINE: Duration = Duration::from_secs(45);

/// What is done to a host.
#[derive(Clone)]
pub struct Trial {
    /// The host before.
    pub world: World,
    /// What is done; each by a driver of its own, after the other.
    pub acts: Vec<Act>,
    /// What goes wrong.
    pub troubles: Vec<Trouble>,
    /// Whether so much time goes by before the next act that a guard trips.
    pub late: bool,
    /// What is wrong with the drivers.
    pub bug: Bug,
    /// How long the parts may take.
    pub limits: Limits,
}

/// What a trial came to.
pub struct Outcome {
    /// The host.
    pub world: World,
    /// How each act ended.
    pub ends: Vec<Ended>,
    /// Whether a guard was still waiting when an act was over.
    pub guard_waited: bool,
}

impl Trial {
    /// Of these acts, with nothing going wrong.
    pub fn of(world: World, acts: Vec<Act>) -> Trial {
        Trial { world, acts, troubles: Vec::new(), late: false, bug: Bug::default(), limits: LIMITS }
    }

    /// Does it all, and checks on the way what must hold all along.
    pub fn run(&self) -> Outcome {
        let mut world = self.world.clone();
        world.troubles.clone_from(&self.troubles);
        let shared = Arc::new(Shared { world: world.into(), turns: Turns::alone() });
        let (mut ends, mut guard_waited) = (Vec::new(), false);
        for act in &self.acts {
            if self.late && !ends.is_empty() {
                shared.world().advance(PAST_DEADLINE);
                check::unattended(&mut shared.world());
            }
            let host = Simulated::next(&shared, self.bug);
            shared.world().tell(|| format!("-- {} {act}", host.name()));
            let end = Operator { host: &host, limits: self.limits, bug: self.bug.plan }.does(act);
            let mut world = shared.world();
            world.tell(|| format!("-- {}: {end}", host.name()));
            check::end(&mut world, host.driver, act, &end);
            guard_waited |= world.guard.as_ref().is_some_and(|file| file.guard.is_waiting());
            drop(world);
            ends.push(end);
        }
        let world = std::mem::take(&mut *shared.world());
        Outcome { world, ends, guard_waited }
    }

    /// This trial, with the next deploy at its end, in which nothing goes wrong.
    fn with_next(&self) -> Trial {
        let mut trial = self.clone();
        trial.acts.push(Act::deploy(next()));
        trial
    }

    /// Runs it and the next deploy; gives what does not hold, and whether a guard waited.
    pub fn broken(&self) -> (Vec<String>, bool) {
        let (mut world, guard_waited) = self.and_next();
        check::requests(&mut world, self);
        (world.broken, guard_waited)
    }

    /// Runs it and the next deploy, after which everything must have settled.
    pub fn and_next(&self) -> (World, bool) {
        let Outcome { mut world, ends, guard_waited } = self.with_next().run();
        if let Some(end) = ends.last().filter(|end| !matches!(end, Ended::Well)) {
            world.breaks(format!("the next deploy does not go well: {end}"));
        }
        check::settled(&mut world, &next().id);
        (world, guard_waited)
    }

    /// What happened, to be read.
    pub fn story(&self) -> String {
        let mut trial = self.with_next();
        trial.world.story = Some(Vec::new());
        told(trial.run().world.story)
    }

    /// Every fault at every call of its last act.
    pub fn every_trouble(&self) -> Vec<Trouble> {
        let (driver, drivers) = (self.acts.len() - 1, self.run().world.drivers);
        let calls = drivers[driver].calls.iter().enumerate();
        let faults = calls.flat_map(|(call, changes)| {
            let faults = if *changes { AT_CHANGES } else { AT_LOOKS };
            faults.iter().map(move |fault| Trouble { driver, call, fault: *fault })
        });
        faults.collect()
    }

    /// The shortest trial like this one in which something does not hold either.
    pub fn shrunk(&self) -> Trial {
        let mut shortest = self.clone();
        loop {
            let shorter = shortest.shorter();
            let Some(found) = shorter.into_iter().find(|trial| !trial.broken().0.is_empty()) else {
                return shortest;
            };
            shortest = found;
        }
    }

    /// Trials that are a little shorter.
    fn shorter(&self) -> Vec<Trial> {
        let mut shorter = Vec::new();
        for act in 0..self.acts.len() {
            let mut trial = self.clone();
            trial.acts.remove(act);
            trial.troubles.retain(|trouble| trouble.driver != act);
            trial.troubles.iter_mut().filter(|it| it.driver > act).for_each(|it| it.driver -= 1);
            shorter.push(trial);
        }
        for number in 0..self.troubles.len() {
            let mut trial = self.clone();
            trial.troubles.remove(number);
            shorter.push(trial);
        }
        if self.late {
            shorter.push(Trial { late: false, ..self.clone() });
        }
        for (number, trouble) in self.troubles.iter().enumerate() {
            for call in [0, trouble.call / 2, trouble.call.saturating_sub(1)] {
                if call < trouble.call {
                    let mut trial = self.clone();
                    trial.troubles[number].call = call;
                    shorter.push(trial);
                }
            }
        }
        shorter
    }

    /// Fails, with the story of the shortest trial like this one, when something does not hold.
    pub fn must_hold(&self) -> bool {
        let (broken, guard_waited) = self.broken();
        if !broken.is_empty() {
            let shrunk = self.shrunk();
            panic!("{:#?}\n{}\n{:#?}", shrunk.troubles, shrunk.story(), shrunk.broken().0);
        }
        guard_waited
    }
}

/// The story as one text. What somebody only looks at is of interest where something goes wrong, and what is done again
/// and again is told once.
pub fn told(story: Option<Vec<String>>) -> String {
    let mut story = story.unwrap_or_default();
    story.retain(|line| !line.contains(": (") || line.contains("<=="));
    let without_time = |line: &str| line.split_once(" s  ").map(|(_, words)| words.to_owned());
    story.dedup_by_key(|line| without_time(line));
    story.join("\n")
}

/// Release number `number`, with the migrations 1 to `migrations`.
pub fn release(number: u32, migrations: i64) -> Release {
    let image = |name: &str| (name.to_owned(), format!("sha256:{name}{number}"));
    let contents = Contents {
        images: [image("api"), image("page")].into(),
        compose: String::new(),
        configuration: String::new(),
        secrets: [].into(),
    };
    Release {
        id: ReleaseId::of(&format!("2026010{number}t120000z"), None, &contents),
        commit: String::new(),
        subject: String::new(),
        built_at: String::new(),
        migrations: (1..=migrations).collect(),
        checksums: std::collections::BTreeMap::new(),
        catalogue: None,
        sboms: std::collections::BTreeMap::new(),
        contracts: (migrations >= CONTRACT).then(|| (CONTRACT, SINCE.to_string())).into_iter().collect(),
        contents,
    }
}

/// What the next deploy deploys.
pub fn next() -> Release {
    release(9, 4)
}

/// A host to which 1, 2 and 3 were deployed: 3 is live, 2 is warm, 1 is stopped.
pub fn host() -> World {
    host_with(&[release(1, 1), release(2, 2), release(3, 2)])
}

/// A host to which these were deployed, in this order.
pub fn host_with(releases: &[Release]) -> World {
    let acts = releases.iter().cloned().map(Act::deploy).collect();
    let mut world = Trial::of(World::default(), acts).run().world;
    assert!(world.broken.is_empty() && world.failed.is_empty(), "{:?} {:?}", world.broken, world.failed);
    world.advance(Duration::from_secs(10));
    world.drivers.clear();
    world.book.forget_steps();
    world
}
