//! `cargo xtask rollback`: an earlier release has the traffic again.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::attempt::{Attempt, Patience, who};
use super::place::Place;
use super::secrets::substitutes;
use super::steps::Preview;
use super::tell::{News, State, Teller};
use super::{near, refuse};
use crate::rollout::guard::written;
use crate::rollout::host::Host;
use crate::rollout::ledger::Kind;
use crate::rollout::machine::Machine;
use crate::rollout::plan::Plan;
use crate::rollout::plans::{self, Observed};
use crate::rollout::recover::take_back_provisional;
use crate::rollout::release::Release;
use crate::rollout::schema::versions;
use crate::terminal::{self, paint, seconds};

/// Give the traffic back to an earlier release: no build, no pull
#[derive(Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    patience: Patience,
    /// Which kept release; without it, the newest confirmed one that was never rolled back from
    #[arg(long, value_name = "RELEASE")]
    to: Option<String>,
    /// Also to a release that uses what a later migration took away: back up, then take that migration back first
    #[arg(long)]
    with_database: bool,
    /// Print the steps, and change nothing
    #[arg(long)]
    plan: bool,
    /// The result, for programs
    #[arg(long)]
    json: bool,
}

impl Rollback {
    /// A provisional switch is undone at once; otherwise plan and run, under the lease.
    pub fn run(self) -> Result<()> {
        let machine = self.place.clone().reach()?;
        if self.to.is_none() && !self.plan && self.undo_provisional(&machine)? {
            return Ok(());
        }
        if self.plan {
            let seen = Observed::of_rollback(&machine)?;
            let release = target(&seen, self.to.as_deref())?;
            let plan = self.plan_for(release, &seen, &machine)?;
            Preview::of(&plan).say(self.json);
            return Ok(());
        }
        machine.check_platform().map_err(|error| refuse(format!("{error:#}")))?;
        // Refused before the lease, so that a wrong word leaves nothing behind.
        target(&Observed::of_files(&machine)?, self.to.as_deref())?;
        let attempt = Attempt::begin(&machine, "rollback".to_owned(), self.patience)?;
        let seen = Observed::of_rollback(&machine)?;
        let release = target(&seen, self.to.as_deref())?;
        let plan = self.plan_for(release, &seen, &machine)?;
        let from = seen.live.live.as_ref();
        let times = attempt.run(Kind::Rollback, from, Some(&release.id), &plan, Vec::new())?;
        if self.json {
            let ms = times.to_switch.and_then(|time| u64::try_from(time.as_millis()).ok());
            terminal::say(
                json!({ "release": release.id, "url": machine.url()?, "took_back": false, "to_switch_ms": ms }),
            );
            return Ok(());
        }
        terminal::say(format_args!(
            "{} {} ({}) has the traffic.  to switch {}",
            paint::good("Rolled back:"),
            paint::strong(&release.id),
            release.subject,
            times.to_switch.map_or("-".to_owned(), seconds),
        ));
        terminal::say(machine.url()?);
        Ok(())
    }
}

impl Rollback {
    /// A rollback does not wait for the lease of a deploy whose switch is provisional.
    fn undo_provisional(&self, machine: &Machine) -> Result<bool> {
        if !take_back_provisional(machine, &who())? {
            return Ok(false);
        }
        let live = machine.live()?.live;
        let news = || News {
            environment: machine.environment().name.clone(),
            kind: Kind::Rollback.to_string(),
            state: State::Succeeded { took: Duration::ZERO },
            release: written(live.as_ref()).to_owned(),
            by: who(),
            url: machine.url().unwrap_or_default(),
            commits: Vec::new(),
        };
        if !machine.environment().is_here() {
            Teller::of_process().tell(news);
        }
        if self.json {
            terminal::say(json!({ "release": live, "url": machine.url()?, "took_back": true }));
            return Ok(true);
        }
        terminal::say(format_args!(
            "{} the deploy under way is taken back; {} has the traffic.",
            paint::good("Rolled back:"),
            live.map_or("no release".to_owned(), |id| id.to_string())
        ));
        Ok(true)
    }

    /// Refused when a migration has taken away what the release uses, unless it is to be taken back.
    fn plan_for(&self, release: &Release, seen: &Observed, machine: &Machine) -> Result<Plan> {
        let limits = &machine.environment().limits;
        for (secret, (own, current)) in substitutes(machine, release)? {
            terminal::note(paint::warn(format_args!(
                "version {own} of {secret} is revoked: {} runs with version {current}",
                release.id
            )));
        }
        let shut_out_by = seen.shut_out_by(&release.id);
        if shut_out_by.is_empty() {
            return Ok(plans::rollback(release, seen, None, limits));
        }
        let (migrations, id) = (versions(&shut_out_by), &release.id);
        let environment = &machine.environment().name;
        if !self.with_database {
            return Err(refuse(format!(
                "{id} uses what {migrations} took away: it can't serve on this database\n  `cargo xtask rollback --env \
                 {environment} --to {id} --with-database` makes a backup, takes the migration back, and goes there. Nothing was changed."
            )));
        }
        let carrier = seen.carrier(&shut_out_by).ok_or_else(|| {
            refuse(format!("no kept release has the way back of {migrations}: deploy one that has it first"))
        })?;
        Ok(plans::rollback(release, seen, Some((carrier, shut_out_by)), limits))
    }
}

fn target<'a>(seen: &'a Observed, to: Option<&str>) -> Result<&'a Release> {
    let Some(to) = to else {
        return seen.rollback_target().ok_or_else(|| {
            refuse("there is no earlier release to go back to: none that is kept was confirmed and not rolled back from")
        });
    };
    let found = seen.kept.iter().find(|release| release.id.as_str() == to);
    let kept = seen.kept.iter().map(|release| release.id.as_str());
    let release = found.ok_or_else(|| refuse(format!("'{to}' is not kept here. {}", near(kept, to))))?;
    if seen.live.live.as_ref() == Some(&release.id) {
        return Err(refuse(format!("{to} has the traffic already")));
    }
    if !release.is_itself() {
        return Err(refuse(format!(
            "what is kept of {to} was changed by hand: it is not that release any more"
        )));
    }
    Ok(release)
}
