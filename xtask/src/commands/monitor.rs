//! `cargo xtask monitor`: who watches over an environment, and whether people hear of it.

mod outside;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;

use self::outside::Outside;
use super::db::copies;
use super::output::OutputArgs;
use super::progress::driver::{self, LockWaitArgs};
use super::refuse;
use super::status::holes::Holes;
use super::target::TargetArgs;
use crate::host::{Leased, Machine, Tried, Watching};
use crate::product::alarms::{self, Known};
use crate::product::github;
use crate::product::secrets::{self, Supplied};
use crate::project::{BACKEND, Environment, WATCHER_SECRETS};
use crate::rollout::host::Host;
use crate::rollout::state::release::Release;
use crate::terminal::{self, paint};

/// Watch over an environment, and tell people
///
/// A container beside the edge tells Slack and e-mail what does not hold (docs/alarms.md). A deploy starts it where somebody is
/// to be told.
#[derive(Debug, Args)]
pub struct Monitor {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the watcher, with the addresses that are given now
    Up(Change),
    /// Remove the watcher: nobody is told any more, until the next deploy with addresses
    Down(Change),
    /// Send a test by each way, and say how long it took
    Test {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Say what of the probes from outside, at providers, is not as it ought to be; change nothing
    Plan(Outside),
    /// Make it so, after a question: only what has the environment's own tag
    Apply(outside::Apply),
    /// The same as plan, and fail when there is something to do
    Check(Outside),
    /// List what is watched
    Rows {
        #[command(flatten)]
        output: OutputArgs,
    },
}

#[derive(Debug, Args)]
struct Change {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Monitor {
    /// Dispatches.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Up(change) => change.up(),
            Verb::Down(change) => change.down(),
            Verb::Test { target, output } => test(target, output),
            Verb::Plan(outside) => outside.plan().map(drop),
            Verb::Check(outside) => outside.check(),
            Verb::Apply(apply) => apply.run(),
            Verb::Rows { output } => {
                say_rows(output);
                Ok(())
            }
        }
    }
}

impl Change {
    fn up(self) -> Result<()> {
        check_is_host(self.target.environment())?;
        let secrets = given(self.target.environment())?;
        let machine = self.target.reach()?;
        let name = machine.environment().name.clone();
        if secrets.is_empty() && machine.watcher().look()?.is_none() {
            return Err(refuse(format!(
                "nobody would be told: none of {} is given\n  By a variable, or by `cargo xtask secrets set NAME --env {name}`; \
                 docs/alarms.md has their forms. Nothing was changed.",
                WATCHER_SECRETS.join(", ")
            )));
        }
        let bases = machine.platform().bases()?;
        let bases =
            bases.with_context(|| format!("the platform of {name} does not run: a deploy starts it"))?;
        let machine = machine.with_bases(bases);
        let leased = driver::lease(&machine, "monitor up".to_owned(), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let release = machine.live_release()?.ok_or_else(|| {
            refuse(format!(
                "no release of {name} has the traffic, and its program is what watches: deploy one first"
            ))
        })?;
        let removed =
            leased.watcher().start(&Watching { replaces: true, ..watching(&machine, &release, secrets)? })?;
        let removed: Vec<String> = removed.iter().map(|name| name.to_uppercase()).collect();
        attempt.note_done("the watcher was started", None)?;
        if !removed.is_empty() {
            terminal::warn(format_args!("{} is not given now, and is not told any more", removed.join(", ")));
        }
        self.output.say(
            || json!({ "environment": name, "watched": true, "removed": removed }),
            || terminal::say(format_args!("{} {name} is watched. `cargo xtask monitor test --env {name}` says whether people hear it.", paint::good("Up:"))),
        );
        Ok(())
    }

    fn down(self) -> Result<()> {
        let machine = self.target.reach()?;
        let leased = driver::lease(&machine, "monitor down".to_owned(), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        leased.watcher().stop()?;
        attempt.note_done("the watcher was removed", None)?;
        let name = &machine.environment().name;
        self.output.say(
            || json!({ "environment": name, "watched": false }),
            || terminal::say(format_args!("{} nobody watches {name}.", paint::warn("Down:"))),
        );
        Ok(())
    }
}

/// At the end of a deploy: the watcher is the new release's, and tells also those whose addresses are given. Where nobody ever was
/// to be told, there is none. Its failure is no failure of the deploy, and leaves the one before.
pub fn renew(leased: &Leased, machine: &Machine, release: &Release) {
    let renew = || {
        if machine.environment().is_here() {
            return Ok(());
        }
        let secrets = given(machine.environment())?;
        if secrets.is_empty() && machine.watcher().look()?.is_none() {
            return Ok(());
        }
        leased.watcher().start(&watching(machine, release, secrets)?).map(drop)
    };
    if let Err(error) = renew() {
        terminal::warn(format_args!(
            "the watcher was not renewed: {error:#}\n  `cargo xtask monitor up --env {}` does it again.",
            machine.environment().name
        ));
    }
}

/// What the watcher of a release is told.
fn watching(machine: &Machine, release: &Release, secrets: BTreeMap<String, String>) -> Result<Watching> {
    let site = machine.site().context("it is on this machine, where nobody is told")?;
    let image = release.contents.images.get(BACKEND.name).context("the release has no backend")?;
    let sends = Supplied::of(machine.environment())?.text(copies::TO)?.is_some();
    let table = alarms::table(&machine.environment().name, site, sends, &known(machine)?)?;
    Ok(Watching { image: image.clone(), table, secrets, replaces: false, sends })
}

/// What can't be seen from the host.
fn known(machine: &Machine) -> Result<Known> {
    let holes = Holes::of(machine, &machine.ledger()?);
    Ok(Known {
        secrets: secrets::due(machine.environment())?,
        base_images: holes.map(|holes| holes.lines().collect()),
        ci_minutes: ci_minutes(),
    })
}

/// Nothing where it can't be asked: that is no reason not to watch.
fn ci_minutes() -> Option<Vec<String>> {
    let used = github::minutes::used();
    let used = used.inspect_err(|error| {
        terminal::warn(format_args!("the minutes of the workflows are unknown: {error:#}"))
    });
    used.ok().flatten().map(alarms::of_ci_minutes)
}

/// The addresses of those who are told, as far as they are given, by the names of their files.
fn given(environment: &Environment) -> Result<BTreeMap<String, String>> {
    let supplied = Supplied::of(environment)?;
    let mut given = BTreeMap::new();
    for name in WATCHER_SECRETS {
        let Some(value) = supplied.text(name)? else { continue };
        if value.trim().contains(['\n', '\r']) {
            return Err(refuse(format!("{name} is not one line")));
        }
        given.insert(name.to_lowercase(), value.trim().to_owned());
    }
    Ok(given)
}

fn check_is_host(environment: &Environment) -> Result<()> {
    match environment.is_here() {
        true => {
            Err(refuse(format!("{} is on this machine, where nobody is told of anything", environment.name)))
        }
        false => Ok(()),
    }
}

fn test(target: TargetArgs, output: OutputArgs) -> Result<()> {
    check_is_host(target.environment())?;
    let machine = target.reach()?;
    let tried = machine.watcher().test()?;
    output.say(
        || json!({ "environment": machine.environment().name, "tried": tried }),
        || {
            let row = |tried: &Tried| {
                let how = tried.error.as_deref().map_or_else(|| paint::good("told"), paint::bad);
                vec![tried.way.clone(), terminal::seconds(Duration::from_millis(tried.ms)), how]
            };
            terminal::table(&["way", "took", ""], &tried.iter().map(row).collect::<Vec<_>>());
        },
    );
    let failed: Vec<&str> = tried.iter().filter_map(|tried| tried.error.as_deref()).collect();
    match failed.is_empty() {
        true => Ok(()),
        false => Err(anyhow::anyhow!("not everybody was told: {}", failed.join("; "))),
    }
}

fn say_rows(output: OutputArgs) {
    let rows = alarms::rows(true, &Known::default());
    output.say(
        || json!(rows),
        || {
            let row = |row: &alarms::Row| {
                let when = if row.wakes { "at any hour" } else { "by day" };
                vec![
                    row.name.to_owned(),
                    row.look.words(),
                    humantime::format_duration(row.every).to_string(),
                    humantime::format_duration(row.after).to_string(),
                    when.to_owned(),
                    format!("docs/runbook.md{}", row.page),
                ]
            };
            let headings = ["alarm", "what must hold", "every", "told after", "heard", "what to do"];
            terminal::table(&headings, &rows.iter().map(row).collect::<Vec<_>>());
        },
    );
}
