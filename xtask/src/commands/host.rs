//! `cargo xtask host`: a bare machine becomes one that can be deployed to.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::OutputArgs;
use super::progress::steps::Preview;
use super::refuse;
use super::target::access::Access;
use super::target::consent::Consent;
use super::target::{TargetArgs, connect};
use crate::setup::host::{Admin, State, Thing, Wanted, things};
use crate::terminal::{self, Activity, paint};
use crate::tools::ssh::Destination;
use crate::tools::ssh::host_shell::HostShell;
use crate::tools::ssh::keys::Key;
use crate::workspace;

/// Set up the machine that an environment is on
#[derive(Debug, Args)]
pub struct HostVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a bare Debian or Ubuntu machine a host: engine, user, folders, log limits, sshd's keep-alive, firewall
    ///
    /// Says what it will do, does what is missing, and changes nothing else. Doing it again is nothing to do.
    Setup(Setup),
}

#[derive(Debug, Args)]
struct Setup {
    #[command(flatten)]
    target: TargetArgs,
    /// Who may change the machine: root, or a user who may call sudo without a password
    #[arg(long = "as", value_name = "USER", default_value = "root")]
    admin: String,
    /// The fingerprint that the machine's provider shows, when its key is not pinned yet
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Option<String>,
    /// Say what is missing, and change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    output: OutputArgs,
}

impl HostVerb {
    /// There is one verb.
    pub fn run(self) -> Result<()> {
        let Verb::Setup(setup) = self.verb;
        setup.run()
    }
}

impl Setup {
    fn run(self) -> Result<()> {
        let environment = self.target.environment();
        let (mut access, pinned) = Access::of_new_host(environment, self.fingerprint.as_deref())?;
        let wanted = Wanted {
            user: access.destination.user.clone(),
            key: access.destination.key.as_ref().map(Key::public).transpose()?,
            ledger_key: ledger_key(access.prefix)?,
            root: environment.root(&workspace::local_dir()).into_string(),
            port: access.destination.port.unwrap_or(22),
        };
        access.destination.user = super::target::access::user_name(&self.admin).map_err(refuse)?;
        let connection = Activity::of(format!("connect to {}", access.destination), |_| connect(&access))?;
        let shell = HostShell::behind(connection);
        let admin = Admin { shell: &shell, sudo: self.admin != "root" };
        let things = look(&admin, things(&wanted))?;
        if !self.output.json {
            say_things(&things);
        }
        let missing: Vec<&Thing> =
            things.iter().filter(|(_, state)| *state != State::Right).map(|(thing, _)| thing).collect();
        if wanted.ledger_key.is_none() {
            let prefix = access.prefix;
            terminal::note(paint::dim(format_args!(
                "  {prefix}_LEDGER_KEY is not set: no key for reading the ledger is put there"
            )));
        }
        let is_host = missing.is_empty();
        if self.plan {
            self.output.say(|| preview(&things).as_json(), || say_end(&access, pinned, is_host));
            return Ok(());
        }
        if !is_host {
            let question = format!("Do these {} things on {}?", missing.len(), access.destination.host);
            self.consent.ask(&question, "nothing was changed", "setting a host up")?;
        }
        for thing in &missing {
            Activity::of(format!("{}: {}", thing.name, thing.what), |activity| {
                admin.mend(thing, &|line| activity.line(line))
            })
            .context("what was done before stays; mend the cause and run this again")?;
        }
        self.output.say(|| result(&access, pinned, &things), || say_end(&access, pinned, true));
        Ok(())
    }
}

/// For programs.
fn result(access: &Access, newly_pinned: bool, things: &[(Thing, State)]) -> Value {
    let things = things.iter().map(|(thing, found)| {
        json!({ "thing": thing.name, "what": thing.what, "was_right": *found == State::Right })
    });
    let host_key = newly_pinned.then(|| access.destination.host_keys.to_string());
    json!({ "is_host": true, "things": things.collect::<Vec<_>>(), "new_host_key": host_key })
}

/// For people, who have seen the things already.
fn say_end(access: &Access, newly_pinned: bool, is_host: bool) {
    let Access { prefix, environment, .. } = access;
    let Destination { host, host_keys, .. } = &access.destination;
    if newly_pinned {
        let host_keys = paint::strong(format_args!("'{host_keys}'"));
        terminal::say(format_args!("Pin its host key: {prefix}_HOST_KEY={host_keys}"));
    }
    if is_host {
        let ready = paint::good("Ready:");
        terminal::say(format_args!("{ready} {host} is a host: `cargo xtask deploy --env {environment}`"));
    } else {
        terminal::say(format_args!(
            "Nothing was changed. `cargo xtask host setup --env {environment}` does what is to do."
        ));
    }
}

/// Looks at each thing.
fn look(admin: &Admin, things: Vec<Thing>) -> Result<Vec<(Thing, State)>> {
    things
        .into_iter()
        .map(|thing| {
            let state = admin.look(&thing)?;
            Ok((thing, state))
        })
        .collect()
}

fn preview(things: &[(Thing, State)]) -> Preview {
    let (right, missing): (Vec<_>, Vec<_>) = things.iter().partition(|(_, state)| *state == State::Right);
    let step = |(thing, _): &(Thing, State)| (thing.name.to_owned(), thing.what.clone());
    let not_needed = |(thing, _): &(Thing, State)| format!("{}: it is right already", thing.name);
    Preview {
        steps: missing.into_iter().map(step).collect(),
        not_needed: right.into_iter().map(not_needed).collect(),
    }
}

fn say_things(things: &[(Thing, State)]) {
    let row = |(thing, state): &(Thing, State)| {
        let (word, seen) = match state {
            State::Right => (paint::good("right"), paint::dim(&thing.what)),
            State::Missing(seen) => (paint::warn("to do"), format!("{}  {}", thing.what, paint::dim(seen))),
        };
        vec![thing.name.to_owned(), word, seen]
    };
    terminal::table(&["thing", "state", "what"], &things.iter().map(row).collect::<Vec<_>>());
}

fn ledger_key(prefix: &str) -> Result<Option<String>> {
    let variable = format!("{prefix}_LEDGER_KEY");
    let Ok(value) = std::env::var(&variable) else { return Ok(None) };
    let key = Key::parse(&value).map_err(|why| refuse(format!("{variable}: {why}")))?;
    key.public().map(Some).with_context(|| variable)
}
