//! `cargo xtask rollback`: an earlier release has the traffic again.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::output::OutputArgs;
use super::output::near::did_you_mean;
use super::progress::driver::{self, LockWaitArgs, Times, of_ledger, who};
use super::progress::steps::Preview;
use super::progress::tell::{News, State, Teller};
use super::progress::unsettled;
use super::refuse;
use super::secrets::substitutes;
use super::target::TargetArgs;
use super::target::gate::{self, Override};
use crate::host::Machine;
use crate::product::images::Registry;
use crate::rollout::host::{Files, Host};
use crate::rollout::observed::Observed;
use crate::rollout::plan::Plan;
use crate::rollout::rollback::{NeitherIsReady, RollbackError, RollbackRequest, take_back_provisional};
use crate::rollout::state::guard::written;
use crate::rollout::state::ledger::Kind;
use crate::rollout::state::release::Release;
use crate::rollout::steps::schema::versions;
use crate::terminal::{self, millis, paint, seconds};

/// Give the traffic back to an earlier release: nothing is built
#[derive(Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// Which kept release; without it, the newest confirmed one that was not taken back and gets ready
    #[arg(long, value_name = "RELEASE")]
    to: Option<String>,
    /// Also to a release that uses what a later migration took away: back up, then take that migration back first
    #[arg(long)]
    with_database: bool,
    /// Also to a release whose deploy was undone: rolled-back="reason", which is recorded
    #[arg(long = "override", value_name = "GATE=REASON", requires = "to")]
    overrides: Vec<Override>,
    /// Print the steps, and change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Rollback {
    /// A provisional switch is undone at once; otherwise, under the lease, the target gets the traffic.
    pub fn run(self) -> Result<()> {
        gate::check_are_of("rolled-back", &self.overrides)?;
        let machine = self.target.clone().reach_without_engine()?;
        let files = machine.files()?;
        if self.plan {
            return self.show_plan(&machine, files);
        }
        if self.to.is_none() && take_back_provisional(&machine, &files, &who()).map_err(refuse_neither)? {
            return self.say_taken_back(&machine);
        }
        match machine.engine_answers() {
            true => machine.platform().check().map_err(|error| refuse(format!("{error:#}")))?,
            false => terminal::warn(format_args!(
                "the container engine does not answer, and all that is done is a rename: {}",
                machine.engine_silence().unwrap_or_default()
            )),
        }
        let before = Observed::from(files);
        self.request().check(&before).map_err(|why| self.refuse(why, &before))?;
        self.roll_back(&self.with_way_to_images(machine, &before)?, &before)
    }

    /// Images of a release that does not run may be gone. One that is warm is not asked for them: that would take time.
    fn with_way_to_images(&self, machine: Machine, before: &Observed) -> Result<Machine> {
        let cold = self.request().target(before).ok();
        let Some(release) = cold.filter(|it| !before.traffic.holds(&it.id)) else { return Ok(machine) };
        if machine.environment().is_here()
            || !machine.engine_answers()
            || machine.missing_images([release])?.is_empty()
        {
            return Ok(machine);
        }
        terminal::warn(format_args!("images of {} are gone from the host, and are pulled again", release.id));
        Ok(machine.with_registry_tunnel(Registry::choose()?.registry_tunnel))
    }

    /// Under the lease. `before` is what the files said until then: what they say now may be that it is done already.
    fn roll_back(&self, machine: &Machine, before: &Observed) -> Result<()> {
        let (request, suspect) = (self.request(), before.rollback_suspect(machine.now()));
        let leased = driver::lease(machine, "rollback".to_owned(), self.lock_wait)?;
        unsettled::ask_engine_again(machine)?;
        // To ask the warm release takes longer than all of the looking that comes before its answer is wanted.
        let target = request.target(before).ok().map(|release| &release.id);
        let target = target.filter(|_| machine.engine_answers());
        if let Some(warm) = target.filter(|target| before.traffic.warm.as_ref() == Some(target)) {
            machine.prefetch_ready_check(warm)?;
        }
        let attempt = driver::settle(&leased)?;
        let seen = self.look(machine, attempt.settled.files.clone())?;
        if attempt.already_rolled_back(&request, suspect.as_ref(), &seen)? {
            return self.say_done_already(machine, &seen);
        }
        let release = request.target(&seen).map_err(|why| self.refuse(why, &seen))?;
        let plan = self.plan_of(machine, &seen)?;
        self.say_passed_over(&seen);
        say_substitutes(machine, release)?;
        let times = driver::run(machine, &attempt, &plan, gate::recorded(&self.overrides))?;
        self.say_result(machine, release, &times, &seen.unchecked(&release.id))
    }

    /// Where no registry has them, images that are gone matter: who goes to the warm release waits for no look at them.
    fn look(&self, machine: &Machine, files: Files) -> Result<Observed> {
        let mut seen = Observed::of_rollback(files, machine)?;
        let has_no_registry = machine.environment().is_here() && machine.engine_answers();
        if self.to.is_none() && has_no_registry && seen.rollback_target() != seen.traffic.warm {
            seen.images_gone = machine.missing_images(&seen.kept)?.into_keys().collect();
        }
        Ok(seen)
    }

    fn request(&self) -> RollbackRequest<'_> {
        RollbackRequest {
            to: self.to.as_deref(),
            with_database: self.with_database,
            also_taken_back: gate::is_open("rolled-back", &self.overrides),
        }
    }

    fn plan_of(&self, machine: &Machine, seen: &Observed) -> Result<Plan> {
        let plan = self.request().plan(seen, &machine.limits());
        plan.map_err(|why| self.refuse(why, seen))
    }

    fn show_plan(&self, machine: &Machine, files: Files) -> Result<()> {
        let seen = self.look(machine, files)?;
        let plan = self.plan_of(machine, &seen)?;
        self.say_passed_over(&seen);
        Preview::of(&plan).say(self.output);
        Ok(())
    }

    /// Warns of newer releases that are passed over; not when `--to` names the release.
    fn say_passed_over(&self, seen: &Observed) {
        let passed_over = if self.to.is_none() { seen.passed_over() } else { Vec::new() };
        for (id, why) in &passed_over {
            terminal::warn(format_args!("{id} is passed over: {why}"));
        }
        if !passed_over.is_empty() {
            terminal::note(paint::dim("  `--to RELEASE` names another one"));
        }
    }

    fn say_result(
        &self,
        machine: &Machine,
        release: &Release,
        times: &Times,
        unchecked: &[String],
    ) -> Result<()> {
        let (url, ms) = (machine.url()?, times.to_switch.map(millis));
        let json = || {
            json!({
                "release": release.id,
                "url": url,
                "took_back": false,
                "to_switch_ms": ms,
                "unchecked": unchecked,
            })
        };
        unchecked.iter().for_each(|what| terminal::warn(format_args!("unchecked: {what}")));
        self.output.say(json, || {
            terminal::say(format_args!(
                "{} {} ({}) has the traffic.  to switch {}",
                paint::good("Rolled back:"),
                paint::strong(&release.id),
                release.subject,
                times.to_switch.map_or("-".to_owned(), seconds),
            ));
            terminal::say(&url);
        });
        Ok(())
    }
}

impl Rollback {
    /// A rollback does not wait for the lease of a deploy whose switch is provisional.
    fn say_taken_back(&self, machine: &Machine) -> Result<()> {
        let live = machine.live()?.active;
        let news = || News {
            environment: machine.environment().name.to_string(),
            kind: Kind::Rollback.to_string(),
            state: State::Succeeded { took: Duration::ZERO },
            release: written(live.as_ref()).to_owned(),
            by: who(),
            url: machine.url().unwrap_or_default(),
            commits: Vec::new(),
        };
        Teller::of(machine.environment()).tell(news);
        let unchecked: &[&str] =
            if machine.engine_answers() { &[] } else { &["whether each part of it is well"] };
        unchecked.iter().for_each(|what| terminal::warn(format_args!("unchecked: {what}")));
        let url = machine.url()?;
        self.output.say(
            || json!({ "release": live, "url": url, "took_back": true, "unchecked": unchecked }),
            || {
                terminal::say(format_args!(
                    "{} the deploy under way is taken back; {} has the traffic.",
                    paint::good("Rolled back:"),
                    live.as_ref().map_or("no release".to_owned(), ToString::to_string)
                ));
            },
        );
        Ok(())
    }

    /// What was to be taken back is: by somebody else, by its guard, or by the rollback that was cut off before. A deploy
    /// that was waited for, and went on instead, is nothing of the kind.
    fn say_done_already(&self, machine: &Machine, seen: &Observed) -> Result<()> {
        let live = seen.traffic.active.as_ref();
        if let Some(id) = live.filter(|id| seen.ledger.was_deployed_last(id)) {
            return Err(refuse(format!(
                "a deploy has given {id} the traffic in the meantime\n  Nothing was taken back. To go back from {id}, say it \
                 again."
            )));
        }
        let url = machine.url()?;
        self.output.say(
            || json!({ "release": live, "url": url, "took_back": false, "to_switch_ms": null }),
            || {
                terminal::say(format_args!(
                    "{} what had the traffic was taken back already; {} has it. To go back further, say it again.",
                    paint::good("Nothing to do:"),
                    live.map_or("no release".to_owned(), ToString::to_string)
                ));
            },
        );
        Ok(())
    }

    /// In words for whom typed it: what to type instead.
    fn refuse(&self, why: RollbackError, seen: &Observed) -> anyhow::Error {
        let environment = &self.target.environment().name;
        if let RollbackError::TakenBack(..) = &why {
            return gate::closed("rolled-back", format!("{why}\n  Nothing was changed."));
        }
        refuse(match &why {
            RollbackError::NotKept(_) => {
                let word = self.to.as_deref().unwrap_or_default();
                let kept = seen.kept.iter().map(|release| release.id.as_str());
                format!(
                    "{why}.{} `cargo xtask releases --env {environment}` shows them",
                    did_you_mean(word, kept)
                )
            }
            RollbackError::Incompatible(id, migrations) => format!(
                "{why}\n  `cargo xtask rollback --env {environment} --to {id} --with-database` makes a backup, takes {} \
                 back, and goes there. Nothing was changed.",
                versions(migrations)
            ),
            RollbackError::LedgerDamaged(damage) => {
                let warm = seen.traffic.warm.as_ref();
                let warm = warm.map_or(String::new(), |id| format!(" {id} is warm: `--to {id}` goes there."));
                format!(
                    "{why}\n  {}.{warm} Nothing was changed.",
                    of_ledger(damage, self.target.environment())
                )
            }
            RollbackError::EngineSilent(id, _) => {
                let warm = seen.traffic.warm.as_ref().filter(|warm| *warm != id);
                let warm = warm
                    .map_or(String::new(), |id| format!(" {id} is warm: `--to {id}` goes there without it."));
                format!("{why}\n  Nothing was changed.{warm}")
            }
            RollbackError::Nowhere => {
                let passed_over = seen.passed_over();
                let lines = passed_over.iter().map(|(id, why)| format!("\n  {id} is passed over: {why}"));
                format!("{why}{}\n  `--to RELEASE` names one all the same.", lines.collect::<String>())
            }
            _ => why.to_string(),
        })
    }
}

/// Where the release before is not ready either, nothing is changed.
fn refuse_neither(error: anyhow::Error) -> anyhow::Error {
    if error.is::<NeitherIsReady>() { refuse(error.to_string()) } else { error }
}

fn say_substitutes(machine: &Machine, release: &Release) -> Result<()> {
    for (secret, (own, current)) in substitutes(machine, release)? {
        terminal::note(paint::warn(format_args!(
            "version {own} of {secret} is revoked: {} runs with version {current}",
            release.id
        )));
    }
    Ok(())
}
