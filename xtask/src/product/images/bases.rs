//! The base images that the platform runs, on this machine and on a host.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::lock;
use super::parts::packages_of;
use super::registry::Registry;
use crate::host::Bases;
use crate::project::{Base, CADDY, POSTGRES, SENDER};
use crate::setup::base_images::{self, BaseImage, Origin};
use crate::setup::{self, Tool};
use crate::terminal::{self, paint};
use crate::tools::docker;
use crate::tools::process::shell;

/// The images that a platform on this machine runs.
pub fn bases_here() -> Result<Bases> {
    base_images::ensure(&[&CADDY, &POSTGRES]).map(|bases| of_platform(&bases))
}

/// Those of the platform among these.
pub fn of_platform(bases: &BTreeMap<&'static str, BaseImage>) -> Bases {
    let base = |base: &Base| bases[base.name].reference.clone();
    Bases { caddy: base(&CADDY), postgres: base(&POSTGRES) }
}

/// Says which of them no registry gave, and which of those are not made of what they are locked to.
pub fn say_assembled(bases: &BTreeMap<&'static str, BaseImage>) -> Result<()> {
    let of = |origin| bases.iter().filter(move |(_, base)| base.origin == origin).map(|(name, _)| *name);
    let assembled: Vec<&str> = of(Origin::Assembled).collect();
    if !assembled.is_empty() {
        let names = assembled.join(", ");
        terminal::note(paint::dim(format_args!("  base images assembled from Debian's packages: {names}")));
    }
    let locked = lock::read()?;
    for name in assembled {
        let Some(locked) = locked.get(name) else { continue };
        if let Some(words) = lock::differing(name, locked, &packages_of(shell(), &bases[name].reference)?) {
            terminal::warn(format_args!("{words}. `cargo xtask image lock` writes down what is used now"));
        }
    }
    Ok(())
}

/// By the names that everybody knows: enough to ask compose what a platform takes, and nothing is pulled.
pub fn bases_by_name() -> Bases {
    let name = |base: &Base| base.public.unwrap_or(base.name).to_owned();
    Bases { caddy: name(&CADDY), postgres: name(&POSTGRES) }
}

/// The images of a platform to be started on a host: by digest from this commit's lock file, else through our registry.
pub fn bases_for_host(registry: &Registry, sha: &str) -> Result<Bases> {
    let locked = lock::of_commit(sha)?;
    let digest = |base: &Base| locked.get(base.name).and_then(|locked| locked.digest.as_ref());
    let name = |base: &'static Base| match base.public.zip(digest(base)) {
        Some((public, digest)) => Ok(format!("{public}@{digest}")),
        None => bring(registry, base),
    };
    Ok(Bases { caddy: name(&CADDY)?, postgres: name(&POSTGRES)? })
}

/// What sends copies of backups off a host, through our registry.
pub fn sender_for_host(registry: &Registry) -> Result<String> {
    bring(registry, &SENDER)
}

/// The same, on this machine.
pub fn sender_here() -> Result<String> {
    Ok(base_images::one(&SENDER)?.reference)
}

fn bring(registry: &Registry, base: &'static Base) -> Result<String> {
    setup::ensure(&[Tool::Engine, Tool::Docker], false)?;
    let BaseImage { reference, origin } = base_images::one(base)?;
    let sh = shell();
    if origin == Origin::Pulled {
        let digests = docker::digests(sh, &reference)?;
        return digests.into_iter().next().with_context(|| format!("{reference} has no digest"));
    }
    let (name, tag) =
        reference.rsplit_once(':').with_context(|| format!("the assembled image {reference} has no tag"))?;
    registry.push_as(&reference, name, &[tag])
}
