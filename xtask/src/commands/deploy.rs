//! `cargo xtask deploy`: this tree, or a commit, gets the traffic.

pub mod approval;
mod contracts;
mod demo;
mod disk;
mod diverged;
pub mod drift;
mod history;
#[cfg(test)]
mod model_conformance;
mod on_github;
pub mod prepare;
mod result;
pub mod room;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use self::on_github::Telling;
use self::prepare::Prepared;
use super::db::copies;
use super::logs::ship;
use super::monitor;
use super::output::OutputArgs;
use super::progress::driver::{self, LockWaitArgs, Times};
use super::progress::steps::Preview;
use super::target::TargetArgs;
use super::target::consent::Consent;
use super::target::differences::{self, in_words};
use super::target::gate::{self, Override};
use crate::host::{Leased, Machine, PublicSite, SuppliedSecrets};
use crate::project::Environment;
use crate::rollout::attempt::Attempt;
use crate::rollout::host::{Files, Host};
use crate::rollout::limits::Limits;
use crate::rollout::observed::Observed;
use crate::rollout::plan::{Goal, Plan};
use crate::rollout::plans;
use crate::rollout::state::ledger::Kind;
use crate::rollout::state::release::Release;
use crate::terminal::{self, Activity, paint};

/// Deploy this tree to this machine, or a commit to another host
#[derive(Debug, Args)]
pub struct Deploy {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// Which commit: a branch, a tag, or the beginning of its name (elsewhere than in local)
    #[arg(long, value_name = "REV")]
    version: Option<String>,
    /// Watch the release for longer than the environment has it, before the switch counts: 10m, at most 1h
    #[arg(long, value_name = "TIME", value_parser = bake)]
    bake: Option<Duration>,
    /// Print the steps, and change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    consent: Consent,
    /// Open one gate by hand, with a reason for the record: contract="…", drift="…", memory="…", name="…" or owner="…", on a host also checks="…", in production also approval="…", branch="…", staging="…", rolled-back="…", diverged="…" and platform="…"
    #[arg(long = "override", value_name = "GATE=REASON")]
    overrides: Vec<Override>,
    #[command(flatten)]
    output: OutputArgs,
    /// Set for `host adopt`.
    #[arg(skip)]
    beside: Option<Beside>,
}

/// A deploy beside somebody else's project, which has the ports of the edge.
#[derive(Clone)]
pub struct Beside {
    /// How the edge is reached meanwhile.
    pub site: PublicSite,
    /// Values of secrets that the other one had, for where nobody gives any.
    pub secrets: BTreeMap<&'static str, Vec<u8>>,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "beside another project, at {}", self.site.url)
    }
}

/// The plan of a deploy, and what it was made from. One function makes it: before the lease for whoever is shown it, and
/// under the lease for the run.
struct Planned {
    release: Release,
    seen: Observed,
    plan: Plan,
    /// What it would take away that others have deployed: it wants a yes of its own.
    diverged: Option<String>,
}

/// The longest that a deploy may be watched: its guard waits as long.
const MAX_BAKE: Duration = Duration::from_secs(3600);

fn bake(text: &str) -> Result<Duration, String> {
    let bake = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if bake > MAX_BAKE { Err("longer than 1h".to_owned()) } else { Ok(bake) }
}

impl Deploy {
    /// Of a commit, for somebody who has said yes to more than that.
    pub fn of_commit(target: TargetArgs, sha: &str, overrides: Vec<Override>, output: OutputArgs) -> Deploy {
        Deploy {
            target,
            lock_wait: LockWaitArgs::PATIENT,
            version: Some(sha.to_owned()),
            bake: None,
            plan: false,
            consent: Consent { yes: true },
            overrides,
            output,
            beside: None,
        }
    }

    /// Beside somebody else's project, for somebody who has said yes to more than that.
    pub fn beside(
        target: TargetArgs,
        version: Option<String>,
        overrides: Vec<Override>,
        output: OutputArgs,
        beside: Beside,
    ) -> Deploy {
        Deploy { version, beside: Some(beside), ..Deploy::of_commit(target, "", overrides, output) }
    }

    /// Prepares, and shows the plan where somebody decides; then, under the lease, deploys.
    pub fn run(self) -> Result<()> {
        let mut prepared = self.prepare()?;
        if prepared.is_settled()? {
            return self.say_nothing_to_do(&prepared);
        }
        let shown = self.show_plan(&prepared)?;
        if self.plan {
            return Ok(());
        }
        self.ask(prepared.environment(), "Go on?", "nothing was changed")?;
        let (release, times, log_in) = self.deploy(&mut prepared, shown)?;
        self.say_result(prepared.machine, &release, &times, log_in.as_deref())
    }

    /// Under the lease: what was left is settled, the platform runs, the plan is made from what is seen now, and run.
    pub fn deploy(
        &self,
        prepared: &mut Prepared,
        shown: Option<Preview>,
    ) -> Result<(Release, Times, Option<String>)> {
        let mut telling = Telling::default();
        let deployed = self.deploy_leased(prepared, shown, &mut telling);
        telling.end(deployed.is_ok());
        deployed
    }

    fn deploy_leased(
        &self,
        prepared: &mut Prepared,
        shown: Option<Preview>,
        telling: &mut Telling,
    ) -> Result<(Release, Times, Option<String>)> {
        let machine = &prepared.machine;
        let doing = format!("deploy of {}", prepared.sources.revision());
        let leased = driver::lease(machine, doing, self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        leased.secrets().settle()?;
        if gate::is_open("owner", &self.overrides)
            && let Some(before) = leased.platform().take_data_over(&attempt.settled.files)?
        {
            attempt.note(&format!("the data were taken over from {before}"))?;
        }
        let was_started = self.start_platform(&leased, &attempt, prepared)?;
        machine.prefetch_counts_and_schema()?;
        machine.secrets().compare_again(&mut prepared.secrets)?;
        let drift = find_drift(machine, &attempt.settled.files)?;
        prepared.approval.iter().try_for_each(|words| attempt.note(words))?;
        let planned = self.plan_of(prepared, attempt.settled.files.clone())?;
        self.ask_if_changed(machine.environment(), shown, &planned, was_started)?;
        self.ask_if_diverged(machine.environment(), &planned)?;
        put_right(&leased, &planned.seen, &drift, &attempt)?;
        if planned.seen.schema.is_empty() {
            // A first deploy that was cut may have started the database, and made neither roles nor tables.
            leased.database().make_roles()?;
        }
        leased.secrets().supply(&prepared.secrets)?;
        if prepared.secrets.changes_a_role() {
            leased.database().make_roles_of(&prepared.secrets.versions_to_come())?;
        }
        if self.beside.is_none() && !planned.plan.steps().is_empty() {
            *telling = Telling::begin(machine, &planned.release);
        }
        let ran = driver::run(machine, &attempt, &planned.plan, gate::recorded(&self.overrides));
        settle_secrets(&leased, &prepared.secrets);
        warn_of_changed_platform(machine);
        let times = ran?;
        // While `host adopt` tries ours beside the old project, nothing leaves the host, and nobody is told.
        if self.beside.is_none() {
            copies::renew(&leased, machine, prepared.registry.as_ref());
            ship::renew(&leased, machine, prepared.registry.as_ref());
            monitor::renew(&leased, machine, &planned.release);
        }
        let is_fresh = planned.seen.schema.is_empty() && machine.environment().is_for_trying;
        let log_in = if is_fresh { demo::seed(&leased, &planned.release.id) } else { None };
        Ok((planned.release, times, log_in))
    }

    /// Gives whether it had to be started: that is a step of the attempt, which is undone when it fails.
    fn start_platform(&self, leased: &Leased, attempt: &Attempt, prepared: &Prepared) -> Result<bool> {
        let (machine, secrets, platform) = (&prepared.machine, &prepared.secrets, leased.platform());
        Activity::of("platform: database and edge", |activity| {
            if platform.settle(secrets, &|line| activity.line(line)).context("waiting for the platform")? {
                return Ok(false);
            }
            let from = attempt.settled.files.traffic.active.clone();
            let goal = Goal { kind: Kind::Deploy, from, to: Some(prepared.release().id) };
            let step = platform.making(secrets)?;
            driver::run_ahead(machine, attempt, &goal, &step, gate::recorded(&self.overrides), activity)?;
            Ok(true)
        })
    }

    /// The plan, from what these files and the rest of the host say.
    fn plan_of(&self, prepared: &Prepared, files: Files) -> Result<Planned> {
        let (release, environment) = (prepared.release(), prepared.environment());
        gate::check_not_taken_back(environment, &release, &files.ledger, &self.overrides)?;
        let seen = Observed::beyond(files, &prepared.machine)?;
        let diverged = diverged::check(environment, &release, &seen, &self.overrides)?;
        history::check(&release, &seen, prepared.sources.migration_files(), &environment.name)?;
        drift::check(&prepared.machine, &release, &seen, &self.overrides)?;
        prepare::check_roles(&prepared.machine, &prepared.secrets, &seen.kept)?;
        let contracts = contracts::check(&release, &seen, &environment.name, &self.overrides)?;
        let limits = prepared.machine.limits();
        let limits = Limits { bake: self.bake.unwrap_or(limits.bake), ..limits };
        disk::check(&prepared.machine, &release, &seen, &limits)?;
        let plan = plans::deploy(&release, &seen, &contracts, &limits);
        Ok(Planned { release, seen, plan, diverged })
    }

    /// Where a person decides, or asked to see them, the steps are shown. Gives what was shown. Who has said yes already is
    /// shown them under the lease, and need not wait for a look of its own.
    fn show_plan(&self, prepared: &Prepared) -> Result<Option<Preview>> {
        if !self.plan && (self.consent.yes || !prepared.environment().asks) {
            return Ok(None);
        }
        let planned = self.plan_of(prepared, prepared.machine.files()?)?;
        say_what_comes(prepared.environment(), &planned);
        if self.plan {
            let compared = differences::with_the_one_before(prepared.environment(), &planned.seen);
            compared.iter().for_each(|it| terminal::note(paint::dim(format_args!("  {}", in_words(it)))));
        }
        let steps = Preview::of(&planned.plan);
        let shown = prepared.with_platform(steps.clone())?;
        if self.plan {
            shown.say(self.output);
        } else {
            shown.announce(self.output);
        }
        Ok(Some(steps))
    }

    /// What is seen under the lease may differ from what a person was shown: then it is shown and asked again.
    fn ask_if_changed(
        &self,
        environment: &Environment,
        shown: Option<Preview>,
        planned: &Planned,
        platform_was_started: bool,
    ) -> Result<()> {
        let steps = Preview::of(&planned.plan);
        let Some(shown) = shown else {
            say_what_comes(environment, planned);
            if self.consent.yes && environment.asks {
                steps.announce(self.output);
            }
            return Ok(());
        };
        if shown.steps == steps.steps {
            return Ok(());
        }
        terminal::note(paint::warn("What is seen now differs from what was shown. The steps are:"));
        steps.lines().for_each(terminal::note);
        let so_far = match platform_was_started {
            true => "the platform was started, and nothing else",
            false => "nothing was changed",
        };
        self.ask(environment, "Go on with these?", so_far)
    }

    /// Asks in every environment, also in one that is changed without a question.
    fn ask_if_diverged(&self, environment: &Environment, planned: &Planned) -> Result<()> {
        match &planned.diverged {
            Some(_) => self.consent.ask("Replace it all the same?", "nothing was changed", &environment.name),
            None => Ok(()),
        }
    }

    /// A person says yes; else it is refused, and said what was done so far.
    fn ask(&self, environment: &Environment, question: &str, so_far: &str) -> Result<()> {
        let name = &environment.name;
        if !environment.asks {
            return Ok(());
        }
        self.consent.ask(&format!("{name} is changed. {question}"), so_far, name)
    }
}

/// What was given counts when the release is confirmed, and is gone when it was undone. Whoever deploys next does the same, so
/// that its failure is no failure of this deploy.
fn settle_secrets(leased: &Leased, secrets: &SuppliedSecrets) {
    if secrets.is_changed()
        && let Err(error) = leased.secrets().settle()
    {
        terminal::warn(format_args!("{error:#}: the next deploy settles which versions of secrets count"));
    }
}

/// A platform that this commit has changed is left as it is, and that is said: behind the attempt, since nobody who
/// waits for the release waits for that.
fn warn_of_changed_platform(machine: &Machine) {
    // An engine that does not answer, or a link that is lost, has been spoken of already.
    let Ok(mut changed) = machine.platform().differing() else { return };
    if changed.is_empty() {
        // One from before the ledger had its files is not known to be another one.
        let files = machine.ledger().and_then(|ledger| match ledger.platform() {
            Some(_) => machine.platform().differing_files(&ledger),
            None => Ok(Vec::new()),
        });
        changed = files.unwrap_or_default();
    }
    if !changed.is_empty() {
        let (changed, name) = (changed.join(" and "), &machine.environment().name);
        terminal::warn(format_args!(
            "{changed} of the platform would be made differently now. A deploy leaves it running as it is; `cargo xtask \
             platform up --env {name}` takes the change over, and says what that interrupts."
        ));
    }
}

/// What somebody changed by hand; it is said.
fn find_drift(machine: &Machine, files: &Files) -> Result<Vec<String>> {
    let drift = machine.drift(&files.traffic, &files.kept, &files.broken)?;
    drift.iter().for_each(|line| terminal::warn(format_args!("changed by hand: {line}")));
    Ok(drift)
}

/// Notes in the ledger what was changed by hand, and writes the files of the releases that run again. Containers are left to the
/// steps: to start one anew now would interrupt users.
fn put_right(leased: &Leased, seen: &Observed, drift: &[String], attempt: &Attempt) -> Result<()> {
    drift.iter().try_for_each(|line| attempt.note(&format!("changed by hand: {line}")))?;
    let mut running = seen.kept.iter().filter(|release| !drift.is_empty() && seen.traffic.holds(&release.id));
    running.try_for_each(|release| leased.releases().keep(release))
}

fn say_what_comes(environment: &Environment, planned: &Planned) {
    let Planned { release, seen, plan, diverged } = planned;
    let from = seen.traffic.active.as_ref().map_or("nothing yet".to_owned(), ToString::to_string);
    terminal::note(format_args!(
        "{} {}: {}",
        paint::strong("Deploying to"),
        environment.name,
        paint::strong(&release.id)
    ));
    terminal::note(paint::dim(format_args!("  {}", release.subject)));
    terminal::note(paint::dim(format_args!("  after {from}, in {} steps", plan.steps().len())));
    diverged.iter().for_each(terminal::warn);
}
