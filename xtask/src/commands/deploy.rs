//! `cargo xtask deploy`: this tree, or a commit, gets the traffic.

mod contracts;
mod demo;
mod gate;
#[cfg(test)]
mod model_conformance;
mod version;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use self::gate::Override;
use super::progress::attempt::{self, LockWaitArgs, Times};
use super::progress::steps::{Preview, say_times};
use super::target::TargetArgs;
use super::target::access::{self, Access};
use super::target::consent::Consent;
use super::{Exit, Failure, refuse};
use crate::host::{Machine, SuppliedSecrets};
use crate::product::images::{self, Registry};
use crate::product::sources::Sources;
use crate::project::{Environment, FREE_DISK};
use crate::rollout::attempt::Attempt;
use crate::rollout::host::Files;
use crate::rollout::observed::Observed;
use crate::rollout::plan::Plan;
use crate::rollout::plans;
use crate::rollout::state::release::Release;
use crate::terminal::{self, Activity, millis, paint, seconds};
use crate::tools::docker::condition::Condition;

/// Memory that three releases beside each other want.
const FREE_MEMORY: u64 = 256 << 20;
/// What a first deploy does: its release has no name before there are secrets, so the plan itself is made later.
const FIRST: &[(&str, &str)] = &[
    ("platform", "make the secrets, start the database and the edge"),
    ("pull", "bring files and images"),
    ("migrate", "apply all migrations by a one-off container of the image"),
    ("start", "start backend and frontend"),
    ("ready", "every part is well and answers"),
    ("guard", "unless confirmed in time, nobody has the traffic again"),
    ("switch", "the traffic comes to the release"),
    ("watch", "it must answer through the edge"),
    ("confirm", "the switch counts"),
];
/// By how much a host's clock may be wrong before somebody should know: the ledger's times and certificates need it.
const CLOCK: i64 = 5;

/// Give a release the traffic: of this tree in local, of a commit elsewhere
#[derive(Debug, Args)]
pub struct Deploy {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// Which commit: a branch, a tag, or the beginning of its name (elsewhere than in local)
    #[arg(long, value_name = "REV")]
    version: Option<String>,
    /// Print the steps, and change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    consent: Consent,
    /// Open one gate by hand, with a reason for the record: contract="…", in production also branch="…" and staging="…"
    #[arg(long = "override", value_name = "GATE=REASON")]
    overrides: Vec<Override>,
    /// The result, for programs
    #[arg(long)]
    json: bool,
}

impl Deploy {
    /// Looks and makes ready; then, under the lease: platform, plan, run.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment().clone();
        let (machine, sources) =
            if environment.is_here() { self.take_tree()? } else { self.take_commit(&environment)? };
        preflight(&machine)?;
        let mut secrets = machine.compare_secrets(access::secrets_given(&environment))?;
        for secret in &secrets.mismatched {
            terminal::warn(format_args!(
                "{} is not the password that its role has, and is not taken: docs/runbook.md says how to change it",
                secret.variable
            ));
        }
        if let Some(release) = release_to_come(&sources, &secrets)
            && is_settled(&machine, &release)?
        {
            return self.nothing_to_do(&machine, &release);
        }
        let shown = self.show_plan(&machine, &sources, &secrets)?;
        if self.plan {
            return Ok(());
        }
        self.ask(&environment, "Go on?", "nothing was changed")?;

        let attempt = attempt::begin(&machine, format!("deploy of {}", sources.revision()), self.lock_wait)?;
        let began = start_platform(&machine, &secrets)?;
        machine.prefetch_counts_and_schema()?;
        machine.compare_secrets_again(&mut secrets)?;
        let release = release_to_come(&sources, &secrets)
            .with_context(|| format!("{} lacks secrets that were made a moment ago", machine.root()))?;
        let files = attempt.settled.files.clone();
        let drift = drift(&machine, &files)?;
        let seen = Observed::beyond(files, &machine)?;
        let empty = seen.schema.is_empty();
        let contracts = contracts::check(&release, &seen, &environment.name, &self.overrides)?;
        let plan = plans::deploy(&release, &seen, &contracts, &machine.environment().limits);
        say_what_comes(&machine, &release, &seen, &plan);
        if self.consent.yes && environment.gate().is_some() {
            Preview::of(&plan).announce(self.json);
        }
        if shown.is_some_and(|shown| shown.steps != Preview::of(&plan).steps) {
            terminal::note(paint::warn("What is seen now differs from what was shown. The steps are:"));
            Preview::of(&plan).lines().for_each(terminal::note);
            let so_far =
                if began { "the platform was started, and nothing else" } else { "nothing was changed" };
            self.ask(&environment, "Go on with these?", so_far)?;
        }
        put_right(&machine, &seen, &drift, &attempt)?;
        if empty {
            // A first deploy that was cut may have started the database, and made neither roles nor tables.
            machine.make_roles()?;
        }
        machine.take_secrets(&secrets)?;
        let overrides = self.overrides.iter().map(ToString::to_string).collect();
        let ran = attempt::run(&machine, &attempt, &plan, overrides);
        say_what_differs(&machine);
        let times = ran?;
        drop(attempt);
        let log_in =
            if empty && environment.is_for_trying() { demo::seed(&machine, &release.id) } else { None };
        self.say_result(machine, &release, &times, log_in.as_deref())
    }

    /// On this machine: the working tree, built.
    fn take_tree(&self) -> Result<(Machine, Sources)> {
        if self.version.is_some() {
            return Err(refuse("local takes this tree as it is: --version is for other environments"));
        }
        let built = images::build(self.consent.yes)?;
        let sources = Sources::of_tree(&built, self.target.environment())?;
        sources.check(self.target.environment())?;
        Ok((self.target.clone().reach()?.with_bases(built.bases), sources))
    }

    /// On a host: a commit, whose images a registry has. What can be refused here is refused before the host is touched,
    /// and what can be refused there before anything is built.
    fn take_commit(&self, environment: &Environment) -> Result<(Machine, Sources)> {
        let access = Access::of(environment)?;
        let commit = version::choose(environment, self.version.as_deref())?;
        gate::check_branch_of(environment, &commit, &self.overrides)?;
        images::ensure_client(self.consent.yes)?;
        let registry = Registry::choose()?;
        let find = || {
            let sources = Sources::of_commit(commit.clone(), environment)?;
            sources.check(environment)?;
            let found = images::find(&registry, &commit)?;
            gate::check_images_of(environment, &commit, found.as_ref(), &self.overrides)?;
            Ok((sources, found))
        };
        let (machine, (sources, found)) = self.target.clone().reach_by(&access, find)?;
        let machine = machine.with_registry_tunnel(registry.registry_tunnel);
        let images = match found {
            Some(images) => images,
            None => images::build_and_push(&registry, &commit, self.consent.yes)?,
        };
        let bases = match machine.running_bases()? {
            Some(bases) => bases,
            None => images::bases_for_host(&registry)?,
        };
        Ok((machine.with_bases(bases), sources.with_images(images)))
    }

    fn nothing_to_do(&self, machine: &Machine, release: &Release) -> Result<()> {
        if self.json && self.plan {
            Preview::nothing(format!("{} has the traffic already", release.id)).say(true);
            return Ok(());
        }
        if self.json {
            terminal::say(json!({ "release": release.id, "changed": false, "url": machine.url()? }));
            return Ok(());
        }
        terminal::say(format_args!(
            "{} {} has the traffic already.",
            paint::good("Nothing to do:"),
            release.id
        ));
        terminal::say(machine.url()?);
        Ok(())
    }

    /// Where a person decides, or asked to see them, the steps are shown. Gives what was shown. Who has said yes already is
    /// shown them under the lease, and need not wait for a look of its own.
    fn show_plan(
        &self,
        machine: &Machine,
        sources: &Sources,
        secrets: &SuppliedSecrets,
    ) -> Result<Option<Preview>> {
        if !self.plan && (self.consent.yes || machine.environment().gate().is_none()) {
            return Ok(None);
        }
        let Some(release) = release_to_come(sources, secrets) else {
            let steps = FIRST.iter().map(|(step, what)| ((*step).to_owned(), (*what).to_owned()));
            self.say_preview(&Preview { steps: steps.collect(), not_needed: Vec::new() });
            return Ok(None);
        };
        let seen = Observed::of(machine)?;
        let contracts = contracts::check(&release, &seen, &machine.environment().name, &self.overrides)?;
        let plan = plans::deploy(&release, &seen, &contracts, &machine.environment().limits);
        say_what_comes(machine, &release, &seen, &plan);
        let preview = Preview::of(&plan);
        self.say_preview(&preview);
        Ok(Some(preview))
    }

    fn say_preview(&self, preview: &Preview) {
        if self.plan {
            preview.say(self.json);
        } else {
            preview.announce(self.json);
        }
    }

    /// A person says yes; else it is refused, and said what was done so far.
    fn ask(&self, environment: &Environment, question: &str, so_far: &str) -> Result<()> {
        let name = &environment.name;
        if environment.gate().is_none() {
            return Ok(());
        }
        self.consent.ask(&format!("{name} is changed. {question}"), so_far, name)
    }

    fn say_result(
        &self,
        machine: Machine,
        release: &Release,
        times: &Times,
        log_in: Option<&str>,
    ) -> Result<()> {
        let url = machine.url()?;
        let carried = machine.close();
        if self.json {
            let steps: BTreeMap<&str, u64> =
                times.steps.iter().map(|it| (it.name, millis(it.took))).collect();
            terminal::say(json!({
                "release": release.id, "changed": true, "url": url, "log_in": log_in,
                "to_switch_ms": times.to_switch.map(millis), "to_confirm_ms": times.to_confirm.map(millis),
                "to_retire_ms": millis(times.to_retire), "steps_ms": steps, "connection": carried,
            }));
            return Ok(());
        }
        if !terminal::is_watched() {
            say_times(&times.steps);
        }
        let time = |time: Option<std::time::Duration>| time.map_or("-".to_owned(), seconds);
        terminal::say(format_args!(
            "{} {} has the traffic.  to switch {}, to confirm {}, to retire {}",
            paint::good("Deployed:"),
            paint::strong(&release.id),
            time(times.to_switch),
            time(times.to_confirm),
            seconds(times.to_retire)
        ));
        if let Some(carried) = carried {
            terminal::say(paint::dim(carried));
        }
        terminal::say(format_args!("{}", paint::strong(url)));
        if let Some(log_in) = log_in {
            terminal::say(format_args!("log in as {log_in}"));
        }
        Ok(())
    }
}

/// The release that these sources make here, with what was given; none while the environment has no secrets yet.
fn release_to_come(sources: &Sources, secrets: &SuppliedSecrets) -> Option<Release> {
    secrets.versions_to_come().map(|versions| sources.release(versions))
}

/// Whether the release is settled, and the platform beneath it runs.
fn is_settled(machine: &Machine, release: &Release) -> Result<bool> {
    Ok(Observed::is_settled(machine, release)?
        && machine.platform_parts()?.iter().filter(|part| part.state == Condition::Running).count() == 2)
}

/// What the host must have before anything is changed on it.
fn preflight(machine: &Machine) -> Result<()> {
    let (facts, root) = (machine.facts(), machine.root());
    let mib = |bytes: u64| bytes >> 20;
    if facts.free_disk < FREE_DISK {
        let (free, wanted) = (mib(facts.free_disk), mib(FREE_DISK));
        let message = format!(
            "the disk under {root} has {free} MiB free, and a deploy wants {wanted}\n  Free {} MiB more. Nothing was \
             changed.",
            wanted - free
        );
        return Err(Failure { exit: Exit::HostUnfit, message }.into());
    }
    if facts.free_memory < FREE_MEMORY {
        terminal::warn(format_args!(
            "the host has {} MiB of memory free; three releases beside each other want {}",
            mib(facts.free_memory),
            mib(FREE_MEMORY)
        ));
    }
    if facts.clock_ahead.abs() > CLOCK {
        let (by, way) = (facts.clock_ahead.abs(), if facts.clock_ahead > 0 { "ahead of" } else { "behind" });
        terminal::warn(format_args!("the host's clock is {by} s {way} the one here: one of them is wrong"));
    }
    Ok(())
}

/// Gives whether it had to be started.
fn start_platform(machine: &Machine, secrets: &SuppliedSecrets) -> Result<bool> {
    Activity::of("platform: database and edge", |activity| {
        machine.platform_up(secrets, &|line| activity.line(line))
    })
    .context("starting the platform")
}

/// A platform that the repository has changed is left as it is, and that is said: behind the attempt, since nobody who
/// waits for the release waits for that.
fn say_what_differs(machine: &Machine) {
    // An engine that does not answer, or a link that is lost, has been spoken of already.
    let Ok(services) = machine.differing_platform() else { return };
    if !services.is_empty() {
        let (services, name) = (services.join(" and "), &machine.environment().name);
        terminal::warn(format_args!(
            "{services} of the platform would be started differently now. A deploy leaves it running as it is; `cargo xtask \
             platform up --env {name}` takes the change over, and says what that interrupts."
        ));
    }
}

/// What somebody changed by hand; it is said.
fn drift(machine: &Machine, files: &Files) -> Result<Vec<String>> {
    let drift = machine.drift(&files.traffic, &files.kept)?;
    drift.iter().for_each(|line| terminal::warn(format_args!("changed by hand: {line}")));
    Ok(drift)
}

/// It is written down, and files of the releases that run are written again; containers are left to the steps, since to
/// touch them now would touch users.
fn put_right(machine: &Machine, seen: &Observed, drift: &[String], attempt: &Attempt) -> Result<()> {
    drift.iter().try_for_each(|line| attempt.note(&format!("changed by hand: {line}")))?;
    let running = seen.kept.iter().filter(|release| !drift.is_empty() && seen.traffic.holds(&release.id));
    running.filter(|release| release.is_itself()).try_for_each(|release| machine.write_again(release))
}

fn say_what_comes(machine: &Machine, release: &Release, seen: &Observed, plan: &Plan) {
    let from = seen.traffic.active.as_ref().map_or("nothing yet".to_owned(), ToString::to_string);
    let (environment, steps) = (&machine.environment().name, plan.steps().len());
    terminal::note(format_args!(
        "{} {environment}: {}",
        paint::strong("Deploying to"),
        paint::strong(&release.id)
    ));
    terminal::note(paint::dim(format_args!("  {}", release.subject)));
    terminal::note(paint::dim(format_args!("  after {from}, in {steps} steps")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::simulation::release;
    use crate::rollout::state::guard::Traffic;

    #[test]
    fn what_is_shown_of_a_first_deploy_is_what_its_plan_does() {
        let seen = Observed {
            traffic: Traffic { active: None, warm: None, guard: None, maintenance: None },
            ledger: Default::default(),
            kept: Vec::new(),
            parts: Vec::new(),
            schema: Vec::new(),
        };
        let local: Environment = "local".parse().expect("an environment");
        let plan = plans::deploy(&release(1, 1), &seen, &[], &local.limits);
        let shown: Vec<&str> = FIRST[1..].iter().map(|(step, _)| *step).collect();
        assert_eq!(shown, plan.names());
    }
}
