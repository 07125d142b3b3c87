//! `cargo xtask host move`: an environment goes to another machine, and its users wait for some seconds.

mod forget;
mod pause;
mod pointer;
mod ready;

use std::net::{IpAddr, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::restore;
use crate::commands::db::copies;
use crate::commands::output::OutputArgs;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::progress::steps::Preview;
use crate::commands::target::TargetArgs;
use crate::commands::target::access::Access;
use crate::commands::target::consent::Consent;
use crate::commands::target::gate::Override;
use crate::exit::{Exit, Failure, refuse};
use crate::host::{Leased, Machine, MoveRecord, MoveState, OtherHost};
use crate::rollout::attempt::Attempt;
use crate::rollout::host::Host;
use crate::rollout::state::release::{Release, ReleaseId};
use crate::terminal::{self, paint};

#[derive(Debug, Args)]
pub struct Move {
    #[command(flatten)]
    target: TargetArgs,
    /// The machine that it goes to, HOST or HOST:PORT; the same user comes in there, by the same key
    #[arg(long, value_name = "HOST", required_unless_present = "forget_old")]
    to: Option<String>,
    /// The fingerprint that the provider of the new machine shows, where nobody can be asked whether its key is the right one
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Option<String>,
    /// Where users come to it then, where that is not the same address
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Go also where papers have no file any more on the old machine
    #[arg(long)]
    without_papers: bool,
    /// Say what there is and what would be done, and change nothing
    #[arg(long)]
    plan: bool,
    /// Remove what is left on the old machine, which hands nobody on any more then
    #[arg(long, conflicts_with_all = ["to", "plan", "url", "without_papers"])]
    forget_old: bool,
    #[command(flatten)]
    consent: Consent,
    /// Open one gate of the deploy by hand, with a reason for the record
    #[arg(long = "override", value_name = "GATE=REASON")]
    overrides: Vec<Override>,
    #[command(flatten)]
    output: OutputArgs,
}

/// A move that is under way: from where, by whom, and where to.
struct Going<'a> {
    args: &'a Move,
    old: &'a Machine,
    leaving: &'a Leased<'a>,
    attempt: &'a Attempt<'a>,
    there: &'a Access,
    other: &'a OtherHost,
}

/// How it went.
struct Gone {
    release: ReleaseId,
    /// From the last answer of the old machine to the first one of the new one; unknown where another driver began it.
    pause: Option<Duration>,
    /// Whether the old machine hands users on.
    hands_on: bool,
}

impl Move {
    /// Looks, asks, and does it; where it was cut off, it goes on.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment().clone();
        if environment.is_here() {
            return Err(refuse(format!("{} is on this machine: there is no host to move", environment.name)));
        }
        if self.forget_old {
            return forget::forget(&self);
        }
        let to = self.to.as_deref().context("clap asks for it")?;
        let name = &environment.name;
        let mine = self.target.access()?;
        let old = self.target.clone().reach().map_err(|error| {
            error.context(format!(
                "the old machine of {name} does not answer\n  `cargo xtask host restore --env {name}` makes it again from its copies alone"
            ))
        })?;
        let record = old.moving().record()?;
        if let Some(record) = record.as_ref().filter(|it| it.has_left()) {
            return self.go_on(&old, record, to);
        }
        if record.is_some_and(|it| it.state == MoveState::Arrived) {
            return Err(refuse(format!(
                "{name} has come from another machine, which hands users on still: `cargo xtask host move --env {name} --forget-old` \
                 ends that first. Nothing was changed."
            )));
        }
        let there =
            Access::of_another_machine(&environment, to, self.url.as_deref(), self.fingerprint.as_deref())?;
        check_is_another(&mine, &there)?;
        check_url(&mine, &there)?;
        restore::check_serves_nothing(&there.destination, &environment)?;
        let other = OtherHost {
            to: to.to_owned(),
            address: address_of(&there.destination.host)?,
            host_key: there.destination.host_keys.to_string(),
            url: there.site.url.clone(),
        };
        let live = live_of(&old)?;
        if self.plan {
            steps(&other, &live).say(self.output);
            return Ok(());
        }
        terminal::note(format_args!("  has the traffic: {}  {}", paint::strong(&live.id), live.subject));
        let question = format!(
            "Move {name} to {to}? Everything is made ready there; then nobody is served for some seconds."
        );
        self.consent.ask(&question, "nothing was changed", name)?;
        // Nobody deploys meanwhile.
        let leaving = driver::lease(&old, format!("move to {to}"), LockWaitArgs::PATIENT)?;
        let attempt = driver::settle(&leaving)?;
        let live = live_of(&old)?;
        let going = Going {
            args: &self,
            old: &old,
            leaving: &leaving,
            attempt: &attempt,
            there: &there,
            other: &other,
        };
        let ready = going.make_ready(&live)?;
        let gone = going.pause(&ready)?;
        self.say(&there, &other, &gone)
    }

    /// It has left already, and what comes after that was not done.
    fn go_on(&self, old: &Machine, record: &MoveRecord, to: &str) -> Result<()> {
        let (environment, other) = (self.target.environment(), &record.other);
        let name = &environment.name;
        if record.state == MoveState::Forgotten || other.to != to {
            return Err(refuse(format!(
                "{name} has left this machine for {}. Nothing was changed.",
                other.to
            )));
        }
        let there = Access::of_known_machine(environment, to, &other.url, &other.host_key)?;
        let leaving = driver::lease(old, format!("move to {to}"), LockWaitArgs::PATIENT)?;
        let attempt = driver::settle_in_cut_over(&leaving)?;
        let going = Going { args: self, old, leaving: &leaving, attempt: &attempt, there: &there, other };
        let (machine, registry) = copies::reach(self.target.at(there.clone()), environment)?;
        let machine = copies::with_bases(machine)?;
        let arriving = driver::lease(&machine, format!("move from {}", name), LockWaitArgs::PATIENT)?;
        let gone = going.complete(&machine, &arriving, None, registry.as_ref())?;
        self.say(&there, other, &gone)
    }

    fn say(&self, there: &Access, other: &OtherHost, gone: &Gone) -> Result<()> {
        let name = &self.target.environment().name;
        let pause = gone.pause.map(terminal::millis);
        let told = pointer::lead_there(&self.target.access()?, there, self.target.environment())?;
        self.output.say(
            || {
                json!({ "environment": name, "release": gone.release, "to": other.to, "pause_ms": pause, "hands_on": gone.hands_on,
                        "variables": told.variables, "dns": told.dns })
            },
            || {
                let waited = gone.pause.map_or(String::new(), |pause| {
                    format!(" Nobody was served for {}.", terminal::seconds(pause))
                });
                terminal::say(format_args!(
                    "{} {} serves {name} on {}.{waited}",
                    paint::good("Moved:"),
                    gone.release,
                    other.to
                ));
                told.say(name, gone.hands_on);
            },
        );
        Ok(())
    }
}

/// What goes: the release that has the traffic. Refused while users are asked to wait by hand.
fn live_of(old: &Machine) -> Result<Release> {
    let (traffic, name) = (old.live()?, &old.environment().name);
    if let Some(until) = &traffic.maintenance {
        return Err(refuse(format!(
            "{name} asks its users to wait until {until}: `cargo xtask maintenance off --env {name}` first. Nothing was changed."
        )));
    }
    let id = traffic.active.ok_or_else(|| {
        refuse(format!(
            "no release of {name} has the traffic: there is nothing to move. Nothing was changed."
        ))
    })?;
    let kept = old.kept()?;
    kept.into_iter().find(|release| release.id == id).with_context(|| format!("{id} is not kept"))
}

fn check_is_another(mine: &Access, there: &Access) -> Result<()> {
    let (old, new) = (&mine.destination, &there.destination);
    let is_same_place = (&old.host, old.port.unwrap_or(22)) == (&new.host, new.port.unwrap_or(22));
    if is_same_place || old.host_keys.contain(&new.host_keys) {
        return Err(refuse(format!(
            "{} is the machine that {} is on: it shows the same key. Nothing was changed.",
            new.host, mine.environment
        )));
    }
    Ok(())
}

/// Users must find the new machine by its address: one that names the old machine leads nobody there.
fn check_url(mine: &Access, there: &Access) -> Result<()> {
    let (url, host) = (&there.site.url, &mine.destination.host);
    let rest = url.split("://").nth(1).unwrap_or_default();
    let name = rest.split([':', '/']).next().unwrap_or_default();
    let names_a_machine =
        name == host || name == "localhost" || rest.trim_start_matches('[').parse::<IpAddr>().is_ok();
    if names_a_machine && *url == mine.site.url {
        return Err(refuse(format!(
            "users come to {url}, which is the old machine itself: `--url` says where they come then. Nothing was changed."
        )));
    }
    Ok(())
}

/// Where users, and the old machine, find it.
fn address_of(host: &str) -> Result<String> {
    let found = (host, 0).to_socket_addrs().ok().and_then(|mut found| found.next());
    found.map(|found| found.ip().to_string()).ok_or_else(|| {
        let message = format!(
            "{host} has no address that is known here: name the new machine by its address. Nothing was changed."
        );
        Failure { exit: Exit::Unreachable, message }.into()
    })
}

fn steps(other: &OtherHost, live: &Release) -> Preview {
    let step = |name: &str, what: String| (name.to_owned(), what);
    let to = &other.to;
    let steps = vec![
        step("set up", format!("what `host setup` does on {to}")),
        step("ready", format!("bring secrets, papers and a copy of the data, and start {} beside", live.id)),
        step(
            "open",
            "its edge takes the ports, with the certificates of the old one; users are asked to wait there"
                .to_owned(),
        ),
        step(
            "pause",
            "users wait (503, Retry-After); nobody writes any more; the last data go, and are counted"
                .to_owned(),
        ),
        step("leave", "from here on nothing goes back by itself".to_owned()),
        step("hand on", "the old edge hands users on; all else there stops, and stays".to_owned()),
        step("pointer", format!("have the variables of the environment, and its name, lead to {to}")),
    ];
    Preview { steps, not_needed: Vec::new() }
}
