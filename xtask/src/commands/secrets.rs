//! `cargo xtask secrets`: those in the repository, which only some can read; and their versions on a host, who runs with
//! them, and the end of one that got out.

pub mod check;
mod merge;
mod recipients;
mod rotate;
pub mod values;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::OutputArgs;
use super::output::near::did_you_mean;
use super::progress::driver::{self, LockWaitArgs, ReasonArgs};
use super::refuse;
use super::target::TargetArgs;
use super::target::consent::Consent;
use crate::host::{Machine, SecretVersions};
use crate::project::{Environment, SECRETS, Secret};
use crate::rollout::host::{Host, LeasedHost};
use crate::rollout::observed::Observed;
use crate::rollout::state::release::{Release, ReleaseId};
use crate::terminal::{self, paint};

/// Keep encrypted secrets in the repository; end one that leaked
#[derive(Debug, Args)]
pub struct SecretsVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The versions of each secret, and the releases that run with them
    List(List),
    /// Delete one version for good: a rollback to a release that ran with it takes the current one
    Revoke(Revoke),
    /// What the environment is given, from where, and what is wrong with it
    Check(check::Check),
    /// Give one a value in the environment's encrypted file: asked for, read from standard input, or made
    Set(values::Set),
    /// Change the encrypted file in your editor
    Edit(values::Edit),
    /// Show one value, on a terminal only
    Show(values::Show),
    /// Run a command with the secrets in files
    Run(values::RunWith),
    Rotate(rotate::Rotate),
    /// Who can read the encrypted file
    Recipients(recipients::RecipientsVerb),
    /// Merge two versions of an encrypted file, for git
    #[command(hide = true)]
    Merge(merge::Merge),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct Revoke {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// The secret, as `secrets list` has it
    name: String,
    /// The version: not the current one
    version: u32,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    reason: ReasonArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl SecretsVerb {
    /// Dispatches.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::List(list) => list.run(),
            Verb::Revoke(revoke) => revoke.run(),
            Verb::Check(check) => check.run(),
            Verb::Set(set) => set.run(),
            Verb::Edit(edit) => edit.run(),
            Verb::Show(show) => show.run(),
            Verb::Run(run) => run.run(),
            Verb::Rotate(rotate) => rotate.run(),
            Verb::Recipients(recipients) => recipients.run(),
            Verb::Merge(merge) => merge.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let kept = machine.kept()?;
        let SecretVersions { current, newest, unconfirmed, revoked } = machine.secrets().versions()?;
        let stages = rotate::stages(machine)?;
        let for_programs = |(name, version): (&String, &u32)| {
            let revoked: Vec<_> = revoked.iter().filter(|it| &it.0 == name).map(|it| it.1).collect();
            json!({ "name": name, "current": version, "revoked": revoked, "rotation": stages.get(name.as_str()) })
        };
        let mut rows = Vec::new();
        for (name, current) in &current {
            for version in 1..=newest[name] {
                let users = users(&kept, name, version);
                let state = match version {
                    _ if revoked.contains(&(name.clone(), version)) => paint::bad("revoked"),
                    _ if version == *current => paint::good("current"),
                    _ if unconfirmed.contains(&(name.clone(), version)) => "of an undone deploy".to_owned(),
                    _ => "kept".to_owned(),
                };
                let users = users.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(" ");
                rows.push(vec![name.clone(), version.to_string(), state, users]);
            }
        }
        self.output.say(
            || current.iter().map(for_programs).collect(),
            || {
                terminal::table(&["secret", "version", "state", "releases"], &rows);
                let say = |(name, words): (&&str, &String)| {
                    terminal::say(paint::warn(format_args!("{name} is being exchanged: {words}")));
                };
                stages.iter().for_each(say);
            },
        );
        Ok(())
    }
}

impl Revoke {
    /// What runs with it and has no traffic is removed, then the version; what has the traffic must not need it.
    fn run(self) -> Result<()> {
        let secret = self.secret()?;
        let machine = self.target.clone().reach()?;
        self.check(&machine, secret)?;
        self.ask(&machine, secret)?;
        machine.platform().check().map_err(|error| refuse(format!("{error:#}")))?;
        let stopped =
            "the database or the edge has just stopped: nothing was changed; run this again when both are up";
        let bases = machine.platform().bases()?.ok_or_else(|| refuse(stopped))?;
        let machine = machine.with_bases(bases);
        let doing = format!("revoking version {} of {}", self.version, secret.name);
        let leased = driver::lease(&machine, doing, self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let live = self.check(&machine, secret)?;
        let seen = Observed::beyond(attempt.settled.files.clone(), &machine)?;
        let mut users: BTreeSet<_> = users(&seen.kept, secret.name, self.version).into_iter().collect();
        users.extend(machine.secrets().mounting(secret, self.version)?);
        if seen.traffic.warm.as_ref().is_some_and(|warm| users.contains(warm)) {
            leased.set_warm(live.as_ref(), None)?;
        }
        for id in users.iter().filter(|id| seen.parts.iter().any(|part| part.release == **id)) {
            terminal::note(paint::dim(format_args!("  {id} ran with it, and is stopped")));
            leased.remove_containers(id)?;
        }
        // First, so that what is cut between the two is done by the next call.
        let newest = machine.secrets().versions()?.newest[secret.name];
        leased.database().end_role(secret, self.version, newest)?;
        leased.secrets().revoke(secret, self.version)?;
        let what = format!("version {} of {} was revoked", self.version, secret.name);
        attempt.note_done(&what, self.reason.text())?;
        let (version, name, revoked) = (self.version, secret.name, paint::good("Revoked:"));
        let then = match users.len() {
            0 => "No kept release ran with it.".to_owned(),
            some => {
                format!("A rollback to one of the {some} releases that ran with it takes the current one.")
            }
        };
        self.output.say(
            || json!({ "name": name, "revoked": version, "ran_with_it": users }),
            || terminal::say(format_args!("{revoked} version {version} of {name}. {then}")),
        );
        Ok(())
    }

    /// Nothing brings the value back.
    fn ask(&self, machine: &Machine, secret: &Secret) -> Result<()> {
        let (version, name, environment) = (self.version, secret.name, &machine.environment().name);
        let question = format!("Version {version} of {name} of {environment} is removed for good. Go on?");
        self.consent.ask(&question, "nothing was changed", &format!("revoking version {version} of {name}"))
    }

    fn secret(&self) -> Result<&'static Secret> {
        let names = SECRETS.iter().map(|secret| secret.name);
        let found = SECRETS.iter().find(|secret| secret.name == self.name);
        found.ok_or_else(|| {
            refuse(format!("no secret is called '{}'.{}", self.name, did_you_mean(&self.name, names)))
        })
    }

    /// Gives the release that has the traffic, which does not need the version.
    fn check(&self, machine: &Machine, secret: &Secret) -> Result<Option<ReleaseId>> {
        let (name, version, environment) = (secret.name, self.version, &machine.environment().name);
        let versions = machine.secrets().versions()?;
        let current = versions.current.get(name).copied().unwrap_or(0);
        if version == 0 || version > current {
            return Err(refuse(format!(
                "{environment} has no version {version} of {name}: the newest is {current}"
            )));
        }
        if versions.revoked.contains(&(name.to_owned(), version)) {
            return Err(refuse(format!("version {version} of {name} is revoked already")));
        }
        let live = machine.live()?.active;
        let kept = machine.kept()?;
        // Unless its manifest names another one: what can't be read is taken to need it.
        let another = |release: &Release| release.contents.secrets.get(name) != Some(&version);
        let spares = |live: &ReleaseId| kept.iter().any(|release| &release.id == live && another(release));
        let mounting = machine.secrets().mounting(secret, version)?;
        let uses = live.as_ref().is_some_and(|live| !spares(live) || mounting.contains(live));
        if version == current || uses {
            return Err(refuse(format!(
                "version {version} of {name} is in use by what serves {environment}\n  Set {} to another value and deploy: \
                 that makes version {}. Then revoke this one.",
                secret.variable,
                current + 1
            )));
        }
        Ok(live)
    }
}

/// The kept releases that were made to run with this version.
fn users(kept: &[Release], name: &str, version: u32) -> Vec<ReleaseId> {
    let runs_with = |release: &&Release| release.contents.secrets.get(name) == Some(&version);
    kept.iter().filter(runs_with).map(|release| release.id.clone()).collect()
}

/// What a release runs with in place of versions that were revoked since: secret, its own version, the current one.
pub fn substitutes(machine: &Machine, release: &Release) -> Result<BTreeMap<String, (u32, u32)>> {
    let SecretVersions { current, revoked, .. } = machine.secrets().versions()?;
    let own = release.contents.secrets.iter();
    let gone = own.filter(|(name, version)| revoked.contains(&((*name).clone(), **version)));
    let pairs = gone.filter_map(|(name, own)| Some((name.clone(), (*own, *current.get(name)?))));
    Ok(pairs.collect())
}

/// On this machine nobody is given anything.
fn refuse_here(environment: &Environment) -> Result<()> {
    match environment.is_here() {
        true => Err(refuse(format!(
            "the secrets of {} are made on this machine: no file has them",
            environment.name
        ))),
        false => Ok(()),
    }
}
