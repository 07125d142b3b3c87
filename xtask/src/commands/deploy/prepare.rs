//! What a deploy has before it takes the lease: the way to the host, what the release is made of, and the secrets that
//! were given. Whatever can be refused is refused here, before anything is touched.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use super::room::{self, Wants};
use super::{Deploy, approval};
use crate::commands::logs::ship;
use crate::commands::output::near::did_you_mean;
use crate::commands::progress::steps::Preview;
use crate::commands::progress::unsettled;
use crate::commands::secrets::check::in_others_too;
use crate::commands::target::access;
use crate::commands::target::{checks, gate, https, version};
use crate::exit::refuse;
use crate::host::{Machine, PlatformWants, SuppliedSecrets};
use crate::product::images::{self, Registry};
use crate::product::platform;
use crate::product::settings::Problem;
use crate::product::sources::Sources;
use crate::project::{self, Environment, SECRETS, Secret};
use crate::rollout::host::Host;
use crate::rollout::observed::Observed;
use crate::rollout::state::release::Release;

/// The way out when the environment's data are another folder's.
const TAKE_OVER: &str = "`--override owner=\"reason\"` takes them over: from then on they are this folder's, and no longer the \
                         other one's. Nothing was changed.";

/// The host, what the release is made of, what both take, and who has approved.
type Taken = (Machine, Sources, Wants, Vec<String>);

/// What a deploy has before it takes the lease.
pub struct Prepared {
    /// The environment on its host.
    pub machine: Machine,
    /// What the release is made of.
    pub sources: Sources,
    /// The values of secrets that the operator gave, against what the host has.
    pub secrets: SuppliedSecrets,
    /// The registry that its host takes images from, where it is on one.
    pub registry: Option<Registry>,
    /// What the ledger notes of who has approved of it, where that is asked for.
    pub approval: Vec<String>,
}

impl Deploy {
    /// The tree or the commit, the host, and the secrets; refused when the host has too little room.
    pub fn prepare(&self) -> Result<Prepared> {
        let environment = self.target.environment().clone();
        self.check_bake(&environment)?;
        let ((machine, sources, wants, approval), registry) = if environment.is_here() {
            let (machine, sources, wants) = self.take_tree()?;
            ((machine, sources, wants, Vec::new()), None)
        } else {
            let (taken, registry) = self.take_commit(&environment)?;
            (taken, Some(registry))
        };
        room::check(&machine, &wants, &self.overrides)?;
        let secrets = machine.secrets().compare(self.secrets_given(&environment)?)?;
        Ok(Prepared { machine, sources, secrets, registry, approval })
    }

    /// Of secrets, what somebody gives; of what nobody does, what the other project had.
    fn secrets_given(&self, environment: &Environment) -> Result<BTreeMap<&'static str, Vec<u8>>> {
        let mut given = self.beside.iter().flat_map(|it| it.secrets.clone()).collect::<BTreeMap<_, _>>();
        given.extend(access::secrets_given(environment)?);
        Ok(given)
    }

    /// Refused when the release would be watched for less than the environment has it.
    fn check_bake(&self, environment: &Environment) -> Result<()> {
        let least = environment.limits.bake;
        match self.bake.filter(|bake| *bake < least).map(humantime::format_duration) {
            Some(bake) => Err(refuse(format!(
                "--bake {bake} is too short: {} watches a release for {}",
                environment.name,
                humantime::format_duration(least)
            ))),
            None => Ok(()),
        }
    }

    /// Refused when the environment's data are another folder's. Where the platform runs as this folder's, they are its own.
    fn check_data(&self, machine: &Machine, platform: &PlatformWants) -> Result<()> {
        if platform.is_ours || gate::is_open("owner", &self.overrides) {
            return Ok(());
        }
        machine.check_data_are_ours(&machine.files()?, TAKE_OVER)
    }

    /// On this machine: the working tree, built.
    fn take_tree(&self) -> Result<(Machine, Sources, Wants)> {
        if self.version.is_some() {
            return Err(refuse("local takes this tree as it is: --version is for other environments"));
        }
        // Building takes long.
        let machine = self.target.clone().reach()?;
        let platform = machine.platform().wants()?;
        self.check_data(&machine, &platform)?;
        let built = images::build(self.consent.yes)?;
        let sources = Sources::of_tree(&built, self.target.environment())?;
        let release = check_sources(self.target.environment(), &sources)?;
        let bases = match self.target.environment().postgres {
            project::POSTGRES_MAJOR => built.bases,
            _ => images::bases_here(self.target.environment())?,
        };
        let machine = machine.with_bases(bases).with_platform_files(platform::of_tree()?);
        Ok((machine, sources, Wants { platform, release }))
    }

    /// On a host: a commit, whose images a registry has. What can be refused here is refused before the host is touched,
    /// and what can be refused there before anything is built.
    fn take_commit(&self, environment: &Environment) -> Result<(Taken, Registry)> {
        let mut access = self.target.access()?;
        if let Some(beside) = &self.beside {
            access.site = beside.site.clone();
        }
        ship::Destination::of(environment)?;
        let given = self.secrets_given(environment)?;
        check_not_in_others(environment, &given)?;
        let commit = version::choose(environment, self.version.as_deref())?;
        gate::check_branch_of(environment, &commit, &self.overrides)?;
        images::ensure_client(self.consent.yes)?;
        let registry = Registry::choose()?;
        let find = || {
            let sources = Sources::of_commit(commit.clone(), environment)?;
            let release = check_sources_with(environment, &sources, &given)?;
            let found = images::find(&registry, &commit)?;
            gate::check_images_of(environment, &commit, found.as_ref(), &self.overrides)?;
            let checked = found.clone().unwrap_or_default();
            checks::check(environment, &registry, &commit, Some(&checked), &self.overrides)?;
            let sboms = if found.is_some() { images::sums(&registry, &commit)? } else { BTreeMap::new() };
            // The way to the host takes longer than this.
            let shown = access.site.certificate();
            let files = platform::of_commit(&commit.sha)?;
            Ok((sources, found, sboms, release, files, shown))
        };
        let (machine, (sources, found, sboms, release, files, shown)) =
            self.target.clone().reach_by(&access, find)?;
        let checked = found.clone().unwrap_or_default();
        if self.beside.is_none() {
            machine.check_no_other_project("Nothing was changed.")?;
            let moved = machine.moving().record()?;
            moved.iter().try_for_each(|record| unsettled::check_has_not_left(environment, record))?;
        }
        // Who may approve, the host's live commit says.
        let approval = approval::check(&machine, &registry, &commit, &checked, &self.overrides)?;
        let machine = machine.with_registry_tunnel(registry.registry_tunnel).with_platform_files(files);
        let platform = machine.platform().wants()?;
        self.check_data(&machine, &platform)?;
        https::check(&machine, shown.as_ref(), platform.edge_runs, &self.overrides)?;
        let (images, sboms) = match found {
            Some(images) => (images, sboms),
            None => {
                let images = images::build_and_push(&registry, &commit, self.consent.yes)?;
                (images, images::sums(&registry, &commit)?)
            }
        };
        let is_whole = platform.bases.is_some();
        let running = platform.bases.clone();
        let bases =
            running.map_or_else(|| images::bases_for_host(environment, &registry, &commit.sha), Ok)?;
        let machine = machine.with_bases(bases);
        if !is_whole && !machine.platform().is_made()? {
            gate::check_platform_of(environment, &machine.platform().to_come()?, &self.overrides)?;
        }
        let sources = sources.with_images(images, sboms);
        Ok(((machine, sources, Wants { platform, release }, approval), registry))
    }
}

/// Refused when compose does not understand the release, or when the app would not take its settings and secrets.
pub fn check_sources(environment: &Environment, sources: &Sources) -> Result<Value> {
    check_sources_with(environment, sources, &access::secrets_given(environment)?)
}

/// Refused when another environment has one of these, too.
fn check_not_in_others(environment: &Environment, given: &BTreeMap<&'static str, Vec<u8>>) -> Result<()> {
    let value = |secret: &Secret| {
        let value = String::from_utf8(given.get(secret.name)?.clone()).ok()?;
        Some((secret.variable.to_owned(), value.trim_end_matches('\n').to_owned()))
    };
    let problems = in_others_too(environment, &SECRETS.iter().filter_map(value).collect())?;
    match problems.is_empty() {
        true => Ok(()),
        false => Err(refuse(format!("{}. Nothing was changed.", problems.join("\n")))),
    }
}

/// Like [`check_sources`], with these values of secrets.
pub fn check_sources_with(
    environment: &Environment,
    sources: &Sources,
    given: &BTreeMap<&'static str, Vec<u8>>,
) -> Result<Value> {
    let rendered = sources.check(environment)?;
    let problems = sources.settings_problems(&rendered, given);
    let words = |problem: &Problem| match problem {
        Problem::Wrong(words) => words.clone(),
        Problem::Unknown(name) => {
            format!("{name} is no setting of the app.{}", did_you_mean(name, sources.settings_names()))
        }
    };
    if problems.is_empty() {
        return Ok(rendered);
    }
    let (file, lines) = (environment.settings_path(), problems.iter().map(words).collect::<Vec<_>>());
    Err(refuse(format!(
        "the app would not take the settings of {}:\n  {}\n  They come from {file}, {}, and the secrets that are given. \
         Nothing was changed.",
        environment.name,
        lines.join("\n  "),
        project::RELEASE_FILE
    )))
}

/// Refused when a kept release would not get into the database any more: two passwords are good at once, and not three.
pub fn check_roles(machine: &Machine, secrets: &SuppliedSecrets, kept: &[Release]) -> Result<()> {
    let environment = machine.environment();
    // The first versions of all are made by the platform's start.
    if secrets.changes_a_role() && !kept.is_empty() && !machine.database().roles_take_turns()? {
        return Err(refuse(format!(
            "a password of the database has another value, and the platform knows no second name for its role, by which both \
             would be good: `cargo xtask platform up --env {}` first, once. Nothing was changed.",
            environment.name
        )));
    }
    let shut_out = secrets.shut_out(kept);
    let Some((secret, version, _)) = shut_out.first() else { return Ok(()) };
    let releases: Vec<&str> = shut_out.iter().map(|(_, _, id)| id.as_str()).collect();
    Err(refuse(format!(
        "{} has another value, and {} would not get into the database any more\n  `cargo xtask secrets revoke {} {version} \
         --env {}`: then a rollback there takes today's. Nothing was changed.",
        secret.variable,
        releases.join(" or "),
        secret.name,
        environment.name
    )))
}

impl Prepared {
    /// The environment.
    pub fn environment(&self) -> &Environment {
        self.machine.environment()
    }

    /// The release that a deploy makes now, with the versions that its secrets will have.
    pub fn release(&self) -> Release {
        self.sources.release(self.secrets.versions_to_come())
    }

    /// Whether the release has the traffic and is well, and the platform beneath it runs.
    pub fn is_settled(&self) -> Result<bool> {
        Ok(Observed::is_settled(&self.machine, &self.release())? && self.machine.platform().serves()?)
    }

    /// The plan, with what stands before it when the platform has to be started.
    pub fn with_platform(&self, mut plan: Preview) -> Result<Preview> {
        if !self.machine.platform().serves()? {
            let what = "make what secrets are missing, start the database and the edge".to_owned();
            plan.steps.insert(0, ("platform".to_owned(), what));
        }
        Ok(plan)
    }
}
