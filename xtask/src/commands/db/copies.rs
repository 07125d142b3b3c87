//! Copies that leave the host by nobody's hand: what sends them is started here, by each deploy too.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::archive::Archive;
use super::offsite;
use super::store::{self, ENDING};
use crate::commands::output::OutputArgs;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::target::TargetArgs;
use crate::commands::target::consent::Consent;
use crate::exit::refuse;
use crate::host::{Leased, Machine, Sending};
use crate::product::images::{self, Registry};
use crate::product::secrets::{Supplied, table};
use crate::project::{Environment, STORE_VARIABLES};
use crate::terminal::{self, Activity, paint};

/// The variable that names the store: `s3://BUCKET/FOLDER`.
pub const TO: &str = "BACKUP_TO";

#[derive(Debug, Args)]
pub struct Copies {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start what sends each new backup, and the ledger, to the store that BACKUP_TO names; each deploy does it too
    Up(Change),
    /// Remove it, and what comes into the store, after a question: until the next deploy with BACKUP_TO nothing leaves the host
    Down {
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        consent: Consent,
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

/// Where an environment's copies go, and with what.
pub struct Destination {
    place: String,
    recipient: String,
    authority: String,
    secrets: BTreeMap<String, String>,
    archive: Option<Archive>,
}

/// What is told of a host to whoever makes a new one. Nothing in it is secret.
#[derive(Debug, Serialize, Deserialize)]
pub struct About {
    /// The environment's name.
    pub environment: String,
    /// Whose data these are, as the names of its copies have it.
    pub owner: String,
    /// Where its sshd answered.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The names of what was given.
    pub secrets: Vec<String>,
}

impl Destination {
    /// None where no store is named. What is wrong with what is given is said before anything is touched.
    pub fn of(environment: &Environment) -> Result<Option<Destination>> {
        let supplied = Supplied::of(environment)?;
        let Some(address) = supplied.text(TO)?.map(|text| text.trim().to_owned()) else { return Ok(None) };
        if !store::is_address(&address) || address.ends_with(ENDING) {
            return Err(refuse(format!(
                "{TO} is {address}: what leaves the host by itself goes to a store, s3://BUCKET/FOLDER. To another machine, \
                 `cargo xtask db backup --to FOLDER` sends it by hand"
            )));
        }
        let (place, _) = store::parts(&address, &environment.name)?;
        let access = store::access(&address, &supplied)?;
        let archive = Archive::of(&place, &access, &supplied)?;
        let mut secrets = BTreeMap::new();
        for name in STORE_VARIABLES {
            secrets.extend(supplied.text(name)?.map(|value| (name.to_lowercase(), value)));
        }
        Ok(Some(Destination {
            place,
            recipient: offsite::recipient(&supplied)?,
            authority: access.authority.unwrap_or_default(),
            secrets,
            archive,
        }))
    }

    /// What the sender is told. Of secrets, a new host learns the names of those that it must be given.
    fn sending(&self, leased: &Leased, machine: &Machine, registry: Option<&Registry>) -> Result<Sending> {
        let environment = machine.environment();
        let owner = leased.sender().owner()?;
        let supplied = Supplied::of(environment)?;
        let mut names = Vec::new();
        for row in table::rows(environment) {
            if supplied.get(&row.name)?.is_some() {
                names.push(row.name);
            }
        }
        let (host, port) = machine.address().cloned().unwrap_or_else(|| (String::new(), 22));
        let about = About {
            environment: environment.name.to_string(),
            owner: owner.clone(),
            host,
            port,
            secrets: names,
        };
        let about = serde_json::to_string(&about)?;
        let Destination { place, recipient, authority, secrets, .. } = self;
        Ok(Sending {
            image: images::sender_beside(machine, registry)?,
            about,
            owner,
            place: place.clone(),
            recipient: recipient.clone(),
            authority: authority.clone(),
            secrets: secrets.clone(),
        })
    }
}

impl Copies {
    /// Dispatches.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Up(change) => change.up(),
            Verb::Down { change, consent } => change.down(consent),
        }
    }
}

impl Change {
    fn up(self) -> Result<()> {
        let environment = self.target.environment().clone();
        let told = Destination::of(&environment)?.ok_or_else(|| {
            refuse(format!(
                "{TO} is not set: it names the store, s3://BUCKET/FOLDER. docs/backups.md has the variables"
            ))
        })?;
        let (machine, registry) = reach(self.target, &environment)?;
        let machine = with_bases(machine)?;
        let leased = driver::lease(&machine, "db copies up".to_owned(), self.lock_wait)?;
        machine.archiver().check_idle()?;
        let attempt = driver::settle(&leased)?;
        let start = leased.sender().start(&told.sending(&leased, &machine, registry.as_ref())?)?;
        attempt.note_done("what sends copies off the host was started", None)?;
        let archive = told.archive.as_ref().map(|archive| {
            let archiving = archive.archiving(&leased, &machine, registry.as_ref())?;
            let start = leased.archiver().start(&archiving)?;
            attempt.note_done("what archives the database off the host was started", None)?;
            Ok::<_, anyhow::Error>(start)
        });
        let archive = archive.transpose()?;
        let newest = machine.database().backups()?.pop().map(|backup| backup.name);
        Activity::of("send what there is", |_| {
            leased.sender().wait_until_sent(&start, &told.place, newest.as_deref())
        })?;
        drop(attempt);
        drop(leased);
        if let Some(start) = &archive {
            Activity::of("make a base backup, and archive what comes", |_| {
                machine.archiver().wait_until_archived(start)
            })?;
        }
        let (name, place) = (&environment.name, &told.place);
        self.output.say(
            || json!({ "environment": name, "to": format!("s3://{place}"), "newest": newest }),
            || {
                terminal::say(format_args!(
                    "{} what {name} has is in s3://{place}, and what comes is sent there.",
                    paint::good("Up:")
                ));
            },
        );
        Ok(())
    }

    fn down(self, consent: Consent) -> Result<()> {
        let name = &self.target.environment().name.clone();
        let question = format!("Have nothing of {name} leave its host by itself any more?");
        consent.ask(&question, "nothing was changed", name)?;
        let machine = with_bases(self.target.reach()?)?;
        let leased = driver::lease(&machine, "db copies down".to_owned(), self.lock_wait)?;
        machine.archiver().check_idle()?;
        let attempt = driver::settle(&leased)?;
        leased.sender().stop()?;
        leased.sender().forget_secrets()?;
        if leased.archiver().exists()? {
            leased.archiver().stop()?;
            leased.archiver().forget()?;
        }
        attempt.note_done("what sends copies off the host was removed", None)?;
        self.output.say(
            || json!({ "environment": name, "to": null }),
            || {
                terminal::say(format_args!(
                    "{} nothing of {name} leaves its host by itself.",
                    paint::warn("Down:")
                ));
            },
        );
        Ok(())
    }
}

/// The environment on its host, and the registry that another machine takes images from.
pub fn reach(target: TargetArgs, environment: &Environment) -> Result<(Machine, Option<Registry>)> {
    if environment.is_here() {
        return Ok((target.reach()?, None));
    }
    images::ensure_client(false)?;
    let registry = Registry::choose()?;
    let machine = target.reach()?.with_registry_tunnel(registry.registry_tunnel);
    Ok((machine, Some(registry)))
}

/// With the images that it runs.
pub fn with_bases(machine: Machine) -> Result<Machine> {
    let bases = machine.platform().bases()?.with_context(|| {
        format!("the platform of {} does not run: a deploy starts it", machine.environment().name)
    })?;
    Ok(machine.with_bases(bases))
}

/// At the end of a deploy to a host: what sends is as this xtask has it, where a store is named. Its failure is no failure of the
/// deploy.
pub fn renew(leased: &Leased, machine: &Machine, registry: Option<&Registry>) {
    let environment = machine.environment();
    let renew = || {
        let (Some(_), Some(told)) = (registry, Destination::of(environment)?) else { return Ok(()) };
        leased.sender().renew(&told.sending(leased, machine, registry)?)?;
        match &told.archive {
            Some(archive) => leased.archiver().renew(&archive.archiving(leased, machine, registry)?),
            None => Ok(()),
        }
    };
    if let Err(error) = renew() {
        terminal::warn(format_args!(
            "what sends copies off the host was not renewed: {error:#}\n  `cargo xtask db copies up --env {}` does it again.",
            environment.name
        ));
    }
}
