//! `cargo xtask bench rollout`: the same images on the same machine, under the same load, by four ways.

mod baseline;
mod hostile;
mod long;
mod measure;
mod ours;
mod report;

use anyhow::Result;
use clap::Args;

use self::baseline::{Baseline, WAYS};
use self::measure::Measured;
use self::ours::Ours;
use crate::lab::Lab;
use crate::product::checkout::{Checkout, Version};
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity, paint};

/// Requests a second, half of them over new connections.
const RATE: u32 = 200;

/// Deploys and rollbacks beside the ways that people use today, under load, on the lab
#[derive(Debug, Args)]
pub struct Rollout {
    /// So many deploys and rollbacks in a row under load instead, each confirmed after the lab's bake time
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "300")]
    long: Option<u32>,
    /// Releases that are no good instead, each in its own way, under a few requests a second: at which step each is caught,
    /// after how long, and how many requests of users failed
    #[arg(long, conflicts_with = "long")]
    hostile: bool,
    /// Go on without asking: what is missing here is installed
    #[arg(long)]
    yes: bool,
}

/// How often each way makes a deploy and a rollback: the middle one counts.
const ROUNDS: usize = 3;

/// One that runs, a few with a backend line changed, one with another configuration, and one that asks for a database that
/// is not there, and so never gets ready.
struct Versions {
    first: Version,
    changed: Vec<Version>,
    reconfigured: Version,
    bad: Version,
}

/// What one way did in the three cases.
struct Row {
    way: &'static str,
    deploy: Measured,
    rollback: Measured,
    never_ready: Measured,
    /// Ours alone keeps releases that are stopped.
    rollback_to_stopped: Option<Measured>,
}

impl Versions {
    /// Commits whose images are in the registry.
    fn of(copy: &Checkout) -> Result<Versions> {
        let first = copy.push("the first release")?;
        let changed = (1..=ROUNDS).map(|round| {
            copy.change("tracehub/backend/src/main.rs", "until told to stop", "until told to stop, please")?;
            copy.push(&format!("one backend line changed, {round} of {ROUNDS}"))
        });
        let changed = changed.collect::<Result<_>>()?;
        for environment in ["local", "production"] {
            let settings = format!("tracehub/deploy/environments/{environment}.env");
            copy.change(&settings, "\n", "\n# Another configuration.\n")?;
        }
        let reconfigured = copy.push("another configuration")?;
        let database = "@postgres:5432/tracehub";
        copy.change("tracehub/deploy/release.yaml", database, "@postgres:5432/nowhere")?;
        let bad = copy.push("one that never gets ready")?;
        Ok(Versions { first, changed, reconfigured, bad })
    }
}

impl Rollout {
    /// Makes the releases, then takes one way after the other.
    pub fn run(self) -> Result<()> {
        setup::ensure(&[Tool::Ssh], self.yes)?;
        let was_up = Lab::load()?.is_some();
        let lab = Activity::of("a machine to deploy to", |_| Lab::up(1, false, self.yes))?;
        let copy = Checkout::make("bench")?;
        for (name, value) in lab.variables() {
            // Production's defaults, on the lab's first machine.
            if let Some(name) = name.strip_prefix("LAB_") {
                copy.set_variable(&format!("PRODUCTION_{name}"), &value);
            }
            copy.set_variable(&name, &value);
        }
        if self.hostile {
            hostile::run(&copy, &lab)?;
        } else if let Some(runs) = self.long {
            long::run(&copy, &lab, &Versions::of(&copy)?, runs)?;
        } else {
            let versions = Versions::of(&copy)?;
            let mut rows = vec![Row::of_ours(&copy, &lab, &versions)?];
            let baseline = Baseline::set_up(&lab, &versions)?;
            for (way, script) in WAYS {
                terminal::note(paint::strong(way));
                rows.push(baseline.take(way, script)?);
            }
            baseline.down()?;
            super::write_section("rollout", &report::page(&rows))?;
            report::say(&rows);
        }
        if !was_up {
            Lab::down(true)?;
        }
        Ok(())
    }
}

impl Row {
    fn of_ours(copy: &Checkout, lab: &Lab, versions: &Versions) -> Result<Row> {
        let way = "cargo xtask";
        terminal::note(paint::strong(way));
        let ours = Ours::set_up(copy, lab, &versions.first)?;
        let round = |version| Ok((ours.deploy(version)?, ours.rollback(None)?));
        let rounds = versions.changed.iter().map(round).collect::<Result<Vec<_>>>()?;
        let (deploys, rollbacks): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
        let warm = deploys.last().and_then(|deploy| deploy.done.release.clone());
        let never_ready = ours.deploy(&versions.bad)?;
        // It goes beside the first, and stops what was warm.
        ours.deploy(&versions.reconfigured)?;
        let rollback_to_stopped = Some(ours.rollback(warm.as_deref())?);
        ours.down()?;
        let (deploy, rollback) = (middle(deploys), middle(rollbacks));
        Ok(Row { way, deploy, rollback, never_ready, rollback_to_stopped })
    }
}

/// The one that users had in the middle time.
fn middle(mut all: Vec<Measured>) -> Measured {
    all.sort_by_key(|one| one.to_switch);
    all.swap_remove(all.len() / 2)
}
