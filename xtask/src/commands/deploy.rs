//! `cargo xtask deploy`: this tree, built, gets the traffic.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::attempt::{Attempt, Times};
use super::image::{self, Built};
use super::place::Place;
use super::refuse;
use crate::project::{self, SECRETS};
use crate::rollout::host::Host;
use crate::rollout::ledger::Kind;
use crate::rollout::machine::{Machine, PlatformState};
use crate::rollout::plan::Plan;
use crate::rollout::plans::{self, Observed};
use crate::rollout::release::{Contents, Release, ReleaseId};
use crate::terminal::{self, Activity, paint, seconds};

/// Disk that must be free: two images, a dump, logs.
const FREE_BYTES: u64 = 1 << 30;

/// Build this tree and give it the traffic
#[derive(Debug, Args)]
pub struct Deploy {
    #[command(flatten)]
    place: Place,
    /// Print the moves, and change nothing
    #[arg(long)]
    plan: bool,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

impl Deploy {
    /// Builds; then, under the lease: platform, plan, run.
    pub fn run(self) -> Result<()> {
        let built = image::build(self.yes)?;
        let machine = self.place.reach()?.with_bases(built.bases.clone());
        check_disk(&machine)?;
        if let Some(release) = release_if_known(&machine, &built)?
            && is_settled(&machine, &release)?
        {
            terminal::say(format_args!(
                "{} {} has the traffic already.",
                paint::good("Nothing to do:"),
                release.id
            ));
            terminal::say(machine.url()?);
            return Ok(());
        }
        if self.plan {
            return show_plan(&machine, &built);
        }

        let attempt = Attempt::begin(&machine, format!("deploy of {}", built.tree.revision()))?;
        start_platform(&machine)?;
        let release =
            release_if_known(&machine, &built)?.context("the secrets that were just made are not there")?;
        let seen = Observed::of(&machine)?;
        let empty = seen.schema.is_empty();
        let plan = plan_for(&release, &seen, &machine);
        say_what_comes(&machine, &release, &seen, &plan);
        let times = attempt.run(Kind::Deploy, seen.live.live.as_ref(), Some(&release.id), &plan)?;
        drop(attempt);
        let log_in = if empty { seed(&machine, &release.id) } else { None };
        say_result(&machine, &release, &times, log_in.as_deref())
    }
}

fn plan_for(release: &Release, seen: &Observed, machine: &Machine) -> Plan {
    let limits = &machine.environment().limits;
    if seen.live.live.as_ref() == Some(&release.id) {
        plans::repair(release, limits)
    } else {
        plans::deploy(release, seen, limits)
    }
}

/// The release that this build makes here; none while the environment has no secrets yet.
fn release_if_known(machine: &Machine, built: &Built) -> Result<Option<Release>> {
    let secrets = machine.secret_versions(|secret| !secret.of_platform)?;
    if secrets.len() < SECRETS.iter().filter(|secret| !secret.of_platform).count() {
        return Ok(None);
    }
    let read =
        |path: &camino::Utf8Path| std::fs::read_to_string(path).with_context(|| format!("reading {path}"));
    let images: BTreeMap<String, String> =
        built.images.iter().map(|image| (image.component.name.to_owned(), image.id.clone())).collect();
    let contents = Contents {
        images,
        compose: read(&project::root().join(project::DEPLOY).join("release.yaml"))?,
        configuration: read(&machine.environment().settings())?,
        secrets,
    };
    let tree = &built.tree;
    let built_at = humantime::format_rfc3339_seconds(tree.time()).to_string();
    let time = built_at.replace(['-', ':'], "").to_lowercase();
    Ok(Some(Release {
        id: ReleaseId::of(&time, tree.dirty.as_deref(), &contents),
        commit: tree.commit.sha.clone(),
        subject: tree.commit.subject.clone(),
        built_at,
        migrations: migrations()?,
        contents,
    }))
}

/// Versions of the migrations in this tree: the number in front of each `.up.sql`.
fn migrations() -> Result<Vec<i64>> {
    let folder = project::root().join(project::MIGRATIONS);
    let mut versions = Vec::new();
    for entry in folder.read_dir_utf8().with_context(|| format!("reading {folder}"))? {
        let entry = entry?;
        let Some(name) = entry.file_name().strip_suffix(".up.sql") else { continue };
        let number = name.split('_').next().unwrap_or_default();
        versions.push(number.parse().with_context(|| format!("{name}.up.sql does not begin with a number"))?);
    }
    versions.sort_unstable();
    Ok(versions)
}

/// Whether the release has the traffic, for good, and is well.
fn is_settled(machine: &Machine, release: &Release) -> Result<bool> {
    let live = machine.live()?;
    if live.live.as_ref() != Some(&release.id) || live.guard.is_some() {
        return Ok(false);
    }
    let seen = Observed::of(machine)?;
    Ok(seen.is_ready(release) && seen.ledger.unfinished().is_none() && machine.platform_parts()?.len() == 2)
}

fn check_disk(machine: &Machine) -> Result<()> {
    std::fs::create_dir_all(machine.root()).with_context(|| format!("making {}", machine.root()))?;
    let disk = rustix::fs::statvfs(machine.root().as_str()).context("asking how much disk is free")?;
    let free = disk.f_bavail * disk.f_frsize;
    if free < FREE_BYTES {
        let mib = |bytes: u64| bytes >> 20;
        return Err(refuse(format!(
            "the disk under {} has {} MiB free, and a deploy wants {}: free {} MiB more",
            machine.root(),
            mib(free),
            mib(FREE_BYTES),
            mib(FREE_BYTES - free)
        )));
    }
    Ok(())
}

fn start_platform(machine: &Machine) -> Result<()> {
    let found = Activity::of("platform: database and edge", |activity| {
        machine.platform_up(&|line| activity.line(line))
    })
    .context("starting the platform")?;
    if let PlatformState::Differs(services) = found {
        let services = services.join(" and ");
        terminal::warn(format_args!(
            "{services} of the platform would be started differently now. A deploy leaves it running as it is; \
             `cargo xtask down` and `cargo xtask deploy` take the change over, and keep the data."
        ));
    }
    Ok(())
}

fn show_plan(machine: &Machine, built: &Built) -> Result<()> {
    let Some(release) = release_if_known(machine, built)? else {
        terminal::say(
            "The first deploy here: secrets are made, the database and the edge are started, then the release",
        );
        terminal::say("is migrated, started, checked and given the traffic.");
        return Ok(());
    };
    let seen = Observed::of(machine)?;
    let plan = plan_for(&release, &seen, machine);
    say_what_comes(machine, &release, &seen, &plan);
    say_plan(&plan);
    Ok(())
}

/// The moves, each with what it will touch.
pub fn say_plan(plan: &Plan) {
    let rows: Vec<_> =
        plan.steps().iter().map(|step| vec![step.name().to_owned(), step.describe()]).collect();
    terminal::table(&["step", "what"], &rows);
    for reason in &plan.not_needed {
        terminal::say(paint::dim(format_args!("not needed: {reason}")));
    }
}

fn say_what_comes(machine: &Machine, release: &Release, seen: &Observed, plan: &Plan) {
    let from = seen.live.live.as_ref().map_or("nothing yet".to_owned(), ToString::to_string);
    let (environment, moves) = (&machine.environment().name, plan.steps().len());
    terminal::note(format_args!(
        "{} {environment}: {}",
        paint::strong("Deploying to"),
        paint::strong(&release.id)
    ));
    terminal::note(paint::dim(format_args!("  {}", release.subject)));
    terminal::note(paint::dim(format_args!("  after {from}, in {moves} moves")));
}

/// Fills a demo organisation, so that a fresh environment has something to show.
fn seed(machine: &Machine, release: &ReleaseId) -> Option<String> {
    let seeded = Activity::of("fill a demo organisation", |_| machine.seed(release));
    match seeded.and_then(|said| log_in(&said)) {
        Ok(log_in) => Some(log_in),
        Err(error) => {
            terminal::warn(format_args!("the demo organisation could not be filled: {error:#}"));
            None
        }
    }
}

fn log_in(said: &str) -> Result<String> {
    let line = said.lines().rev().find(|line| line.starts_with('{')).context("it printed no log-in")?;
    let told: serde_json::Value = serde_json::from_str(line).context("its log-in is no JSON")?;
    let (email, password) = (told["email"].as_str(), told["password"].as_str());
    ensure!(email.is_some() && password.is_some(), "its log-in lacks a part");
    Ok(format!("{}  {}", email.unwrap_or_default(), password.unwrap_or_default()))
}

fn say_result(machine: &Machine, release: &Release, times: &Times, log_in: Option<&str>) -> Result<()> {
    let time = |time: Option<std::time::Duration>| time.map_or("-".to_owned(), seconds);
    terminal::say(format_args!(
        "{} {} has the traffic.  to switch {}, to confirm {}, in all {}",
        paint::good("Deployed:"),
        paint::strong(&release.id),
        time(times.to_switch),
        time(times.to_confirm),
        seconds(times.in_all)
    ));
    terminal::say(format_args!("{}", paint::strong(machine.url()?)));
    if let Some(log_in) = log_in {
        terminal::say(format_args!("log in as {log_in}"));
    }
    Ok(())
}
