//! `cargo xtask monitor plan|apply|check`: the probes that ask from outside, at providers.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use crate::commands::output::OutputArgs;
use crate::commands::refuse;
use crate::commands::target::TargetArgs;
use crate::commands::target::consent::Consent;
use crate::product::probes::{self, Change, Healthchecks, Probe, UptimeRobot};
use crate::product::secrets::Supplied;
use crate::project::{Environment, PROBE_SECRETS, WATCHER_SECRETS};
use crate::terminal::{self, paint};

#[derive(Debug, Args)]
pub struct Outside {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    outside: Outside,
    #[command(flatten)]
    consent: Consent,
}

/// The providers whose keys are given.
struct Providers {
    robot: Option<UptimeRobot>,
    checks: Option<Healthchecks>,
}

/// What is to be done.
struct Todo {
    wanted: Probe,
    probes: Vec<Change>,
    /// Whether the check of the watcher is to be made, or made right.
    check: bool,
}

impl Todo {
    fn lines(&self) -> Vec<String> {
        let check = self
            .check
            .then(|| format!("make {}'s check of the watcher what it ought to be", self.wanted.tag));
        self.probes.iter().map(ToString::to_string).chain(check).collect()
    }
}

impl Outside {
    /// Says what there is to do; gives how much.
    pub fn plan(&self) -> Result<usize> {
        let todo = self.look(&Providers::of(self.target.environment())?)?;
        self.say(&todo, false);
        Ok(todo.lines().len())
    }

    /// Fails when there is something.
    pub fn check(&self) -> Result<()> {
        match self.plan()? {
            0 => Ok(()),
            _ => bail!(
                "the probes from outside are not as they ought to be: `cargo xtask monitor apply --env {}`",
                self.target.environment().name
            ),
        }
    }

    fn look(&self, providers: &Providers) -> Result<Todo> {
        let environment = self.target.environment();
        let wanted = probes::wanted(environment)?;
        let changes = providers.robot.as_ref().map(|robot| robot.plan(&wanted)).transpose()?;
        let check = providers.checks.as_ref().map(|checks| checks.is_right(environment)).transpose()?;
        Ok(Todo { wanted, probes: changes.unwrap_or_default(), check: check == Some(false) })
    }

    fn say(&self, todo: &Todo, is_done: bool) {
        let lines = todo.lines();
        self.output.say(
            || json!({ "environment": self.target.environment().name, "changes": lines, "applied": is_done }),
            || {
                if !is_done {
                    lines.iter().for_each(|line| terminal::say(format_args!("  {line}")));
                }
                match (lines.is_empty(), is_done) {
                    (true, _) => terminal::say(format_args!(
                        "{} it is as it ought to be.",
                        paint::good("Nothing to do:")
                    )),
                    (false, true) => terminal::say(paint::good("Done.")),
                    (false, false) => terminal::say("Nothing was changed."),
                }
            },
        );
    }
}

impl Apply {
    /// Shows what there is to do, and does it after a yes.
    pub fn run(&self) -> Result<()> {
        let Apply { outside, consent } = self;
        let environment = outside.target.environment();
        let providers = Providers::of(environment)?;
        let todo = outside.look(&providers)?;
        if !todo.lines().is_empty() {
            todo.lines().iter().for_each(|line| terminal::note(format_args!("  {line}")));
            let (question, what) = (
                format!("The probes of {} at their providers are changed. Go on?", environment.name),
                "changing probes",
            );
            consent.ask(&question, "nothing was changed", what)?;
        }
        if let Some(robot) = &providers.robot {
            todo.probes.iter().try_for_each(|change| robot.apply(change))?;
        }
        if let Some(checks) = providers.checks.as_ref().filter(|_| todo.check) {
            checks.apply(environment)?;
            // The address opens the check to anybody: it is shown at the provider, and nowhere here.
            terminal::note(format_args!(
                "  its address, which the provider shows, is what the watcher calls: `cargo xtask secrets set {} --env {}`",
                WATCHER_SECRETS[2], environment.name
            ));
        }
        outside.say(&todo, true);
        Ok(())
    }
}

impl Providers {
    /// Refused where there is none: nobody outside would notice anything.
    fn of(environment: &Environment) -> Result<Providers> {
        probes::wanted(environment)?;
        let supplied = Supplied::of(environment)?;
        let [robot, checks] = PROBE_SECRETS.map(|name| supplied.text(name));
        let (robot, checks) = (robot?, checks?);
        if robot.is_none() && checks.is_none() {
            return Err(refuse(format!(
                "nobody watches {} from outside: none of {} is given\n  docs/alarms.md says where they are had, for no money. \
                 Until then a host that is gone is noticed by its users.",
                environment.name,
                PROBE_SECRETS.join(", ")
            )));
        }
        Ok(Providers {
            robot: robot.map(|key| UptimeRobot::new(key.trim())),
            checks: checks.map(|key| Healthchecks::of_operator(&key)),
        })
    }
}
