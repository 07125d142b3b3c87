//! `cargo xtask host`: a bare machine becomes one that can be deployed to.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::access::Access;
use super::place::{Place, connect};
use super::refuse;
use crate::setup::host::{Admin, State, Thing, Wanted, things};
use crate::terminal::{self, Activity, paint};
use crate::tools::shell::HostShell;
use crate::tools::ssh_keys::Key;

/// The machine that an environment is on
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
    place: Place,
    /// Who may change the machine: root, or a user who may call sudo without a password
    #[arg(long = "as", value_name = "USER", default_value = "root")]
    admin: String,
    /// The fingerprint that the machine's provider shows, when its key is not pinned yet
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Option<String>,
    /// Say what is missing, and change nothing
    #[arg(long)]
    plan: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
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
        let environment = self.place.environment();
        let (mut access, pinned) = Access::of_new_host(environment, self.fingerprint.as_deref())?;
        let wanted = Wanted {
            user: access.destination.user.clone(),
            key: access.destination.key.as_ref().map(Key::public).transpose()?,
            ledger_key: ledger_key(access.prefix)?,
            root: environment.root().into_string(),
            port: access.destination.port.unwrap_or(22),
        };
        access.destination.user = super::access::user_name(&self.admin).map_err(refuse)?;
        let connection = Activity::of(format!("connect to {}", access.destination), |_| connect(&access))?;
        let shell = HostShell::behind(connection)?;
        let admin = Admin { shell: &shell, sudo: self.admin != "root" };
        let missing = look(&admin, things(&wanted))?;
        if wanted.ledger_key.is_none() {
            let prefix = access.prefix;
            terminal::note(paint::dim(format_args!(
                "  {prefix}_LEDGER_KEY is not set: no key for reading the ledger is put there"
            )));
        }
        if self.plan || missing.is_empty() {
            return say_end(&access, pinned, missing.is_empty());
        }
        let question = format!("Do these {} things on {}?", missing.len(), access.destination.host);
        if !self.yes && !terminal::confirm(&question) {
            return Err(refuse("nothing was changed: setting a host up wants a yes, or `--yes`"));
        }
        for thing in &missing {
            Activity::of(format!("{}: {}", thing.name, thing.what), |activity| {
                admin.mend(thing, &|line| activity.line(line))
            })
            .context("what was done before stays; mend the cause and run this again")?;
        }
        say_end(&access, pinned, true)
    }
}

/// Looks at each thing and says what was seen. Gives what is missing.
fn look(admin: &Admin, things: Vec<Thing>) -> Result<Vec<Thing>> {
    let (mut rows, mut missing) = (Vec::new(), Vec::new());
    for thing in things {
        let state = admin.look(&thing)?;
        let (word, seen) = match &state {
            State::Right => (paint::good("right"), paint::dim(&thing.what)),
            State::Missing(seen) => (paint::warn("to do"), format!("{}  {}", thing.what, paint::dim(seen))),
        };
        rows.push(vec![thing.name.to_owned(), word, seen]);
        if state != State::Right {
            missing.push(thing);
        }
    }
    terminal::table(&["thing", "state", "what"], &rows);
    Ok(missing)
}

fn ledger_key(prefix: &str) -> Result<Option<String>> {
    let variable = format!("{prefix}_LEDGER_KEY");
    let Ok(value) = std::env::var(&variable) else { return Ok(None) };
    let key = Key::parse(&value).map_err(|why| refuse(format!("{variable}: {why}")))?;
    key.public().map(Some).with_context(|| variable)
}

fn say_end(access: &Access, newly_pinned: bool, is_host: bool) -> Result<()> {
    let (prefix, name) = (access.prefix, &access.environment);
    if newly_pinned {
        terminal::say(format_args!(
            "Pin its host key: {prefix}_HOST_KEY={}",
            paint::strong(format_args!("'{}'", access.destination.host_keys))
        ));
    }
    if is_host {
        terminal::say(format_args!(
            "{} {} is a host: `cargo xtask deploy --env {name}`",
            paint::good("Ready:"),
            access.destination.host
        ));
    } else {
        terminal::say(format_args!(
            "Nothing was changed. `cargo xtask host setup --env {name}` does what is to do."
        ));
    }
    Ok(())
}
