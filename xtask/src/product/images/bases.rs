//! The base images that the platform runs, on this machine and on a host.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::lock;
use super::parts::packages_of;
use super::registry::Registry;
use crate::exit::refuse;
use crate::host::{Bases, Machine, ToolImage};
use crate::project::{
    ARCHIVER, ARCHIVER_DOCKERFILE, Base, CADDY, DEBIAN, Environment, MAJORS, Major, NAME, POSTGRES, SENDER,
    SENDER_DOCKERFILE, SHIPPER, SHIPPER_DOCKERFILE,
};
use crate::rollout::host::Host as _;
use crate::setup::base_images::{self, BaseImage, Origin};
use crate::setup::base_lock::{LockedImages, pinned};
use crate::setup::{self, Tool, base_lock};
use crate::terminal::{self, paint};
use crate::tools::docker;
use crate::tools::files::hex::hex;
use crate::tools::process::shell;
use crate::workspace;

/// The images that an environment's platform on this machine runs.
pub fn bases_here(environment: &Environment) -> Result<Bases> {
    let server = environment.major().server;
    let bases = base_images::ensure(&[&CADDY, server])?;
    let reference = |base: &Base| bases[base.name].reference.clone();
    Ok(Bases { caddy: reference(&CADDY), postgres: reference(server) })
}

/// Those of the platform among these.
pub fn of_platform(bases: &BTreeMap<&'static str, BaseImage>) -> Bases {
    let base = |base: &Base| bases[base.name].reference.clone();
    Bases { caddy: base(&CADDY), postgres: base(&POSTGRES) }
}

/// Says which of them no registry gave, and which of those are not made of what they are locked to.
pub fn say_assembled(bases: &BTreeMap<&'static str, BaseImage>, lock: &LockedImages) -> Result<()> {
    let of = |origin| bases.iter().filter(move |(_, base)| base.origin == origin).map(|(name, _)| *name);
    let assembled: Vec<&str> = of(Origin::Assembled).collect();
    if !assembled.is_empty() {
        let names = assembled.join(", ");
        terminal::note(paint::dim(format_args!("  base images assembled from Debian's packages: {names}")));
    }
    for name in assembled {
        let Some(locked) = lock.get(name) else { continue };
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
pub fn bases_for_host(environment: &Environment, registry: &Registry, sha: &str) -> Result<Bases> {
    let lock = base_lock::of_commit(workspace::root(), sha)?;
    let server = environment.major().server;
    Ok(Bases { caddy: for_host(&CADDY, &lock, registry)?, postgres: for_host(server, &lock, registry)? })
}

fn for_host(base: &'static Base, lock: &LockedImages, registry: &Registry) -> Result<String> {
    match base.public.map(|public| (public, pinned(lock, base.name, public))) {
        Some((public, pinned)) if pinned != public => Ok(pinned),
        _ => bring(registry, base),
    }
}

/// The server of another major version, for an environment to go to: by this tree's lock file, as it is the operator's to choose.
/// It comes as the one that runs there came.
pub fn server_of(major: &Major, running: &Bases, registry: Option<&Registry>) -> Result<String> {
    match registry {
        Some(registry) if base_images::is_assembled(&running.postgres) => bring(registry, major.server),
        Some(registry) => for_host(major.server, &base_lock::read()?, registry),
        None => Ok(base_images::one(major.server)?.reference),
    }
}

/// The image of what sends copies off an environment's host.
pub fn sender_beside(machine: &Machine, registry: Option<&Registry>) -> Result<ToolImage> {
    let lock = lock_of(machine)?;
    tool_beside(&SENDER, on_debian(SENDER_DOCKERFILE, &lock), machine.bases()?, &lock, registry)
}

/// The image of what ships logs off an environment's host.
pub fn shipper_beside(machine: &Machine, registry: Option<&Registry>) -> Result<ToolImage> {
    let lock = lock_of(machine)?;
    tool_beside(&SHIPPER, on_debian(SHIPPER_DOCKERFILE, &lock), machine.bases()?, &lock, registry)
}

/// The image of what archives the database's WAL off an environment's host: it has the very server of the platform there.
pub fn archiver_beside(machine: &Machine, registry: Option<&Registry>) -> Result<ToolImage> {
    let platform = machine.bases()?;
    // A public image has its server with it, whichever that is.
    let is_of = |major: &&Major| platform.postgres.contains(&format!("-base/{}:", major.server.name));
    let is_of_digest = |major: &&Major| platform.postgres.contains(&format!("-base/{}@", major.server.name));
    let mut majors = MAJORS.iter();
    let archiver = majors.find(|it| is_of(it) || is_of_digest(it)).map_or(&ARCHIVER, |it| it.archiver);
    tool_beside(archiver, on_postgres(platform), platform, &lock_of(machine)?, registry)
}

fn on_debian(dockerfile: &str, lock: &LockedImages) -> String {
    let (debian, public) = DEBIAN;
    format!("FROM {}\n{dockerfile}", pinned(lock, debian, public))
}

fn on_postgres(platform: &Bases) -> String {
    format!("FROM {}\n{ARCHIVER_DOCKERFILE}", platform.postgres)
}

/// Of the commit that has the traffic there, whatever is checked out here; on this machine of this tree, as all else is.
fn lock_of(machine: &Machine) -> Result<LockedImages> {
    let environment = machine.environment();
    if environment.is_here() {
        return base_lock::read();
    }
    let live = machine.live_release()?.ok_or_else(|| {
        refuse(format!(
            "no release of {} has the traffic, and its commit says which images are used: deploy one first",
            environment.name
        ))
    })?;
    base_lock::of_commit(workspace::root(), &live.commit)
}

/// It comes as those of the platform came: where they are public ones, the host's engine makes it, so that whoever deploys needs
/// neither Debian nor the right to push; else it is assembled, and comes through our registry when the host is another machine.
fn tool_beside(
    tool: &'static Base,
    dockerfile: String,
    platform: &Bases,
    lock: &LockedImages,
    registry: Option<&Registry>,
) -> Result<ToolImage> {
    if !base_images::is_assembled(&platform.postgres) {
        let sum = hex(&Sha256::digest(&dockerfile));
        let name = format!("{NAME}-made/{}:{}", tool.name, &sum[..12]);
        return Ok(ToolImage::Made { name, dockerfile });
    }
    let bases = base_images::ensure(&[tool])?;
    say_assembled(&bases, lock)?;
    match registry {
        Some(registry) => bring(registry, tool),
        None => Ok(bases[tool.name].reference.clone()),
    }
    .map(ToolImage::Named)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::base_lock::Locked;

    #[test]
    fn beside_public_images_the_host_makes_those_of_tools_and_nothing_is_assembled_or_pushed() {
        let postgres = "docker.io/library/postgres:15-bookworm@sha256:00".to_owned();
        let platform = Bases { caddy: String::new(), postgres };
        let digest = format!("sha256:{}", "0a".repeat(32));
        let locked = Locked { digest: Some(digest.clone()), ..Locked::default() };
        let lock = LockedImages::from([(DEBIAN.0.to_owned(), locked)]);
        let on_locked_debian = format!("FROM docker.io/library/debian:bookworm-slim@{digest}\n");
        let on_its_server = format!("FROM {}\n", platform.postgres);
        for (tool, dockerfile, from) in [
            (&SENDER, on_debian(SENDER_DOCKERFILE, &lock), on_locked_debian.as_str()),
            (&SHIPPER, on_debian(SHIPPER_DOCKERFILE, &lock), &on_locked_debian),
            (&ARCHIVER, on_postgres(&platform), &on_its_server),
        ] {
            let made =
                |dockerfile: &str| match tool_beside(tool, dockerfile.to_owned(), &platform, &lock, None) {
                    Ok(ToolImage::Made { name, dockerfile }) => (name, dockerfile),
                    _ => panic!("it comes another way"),
                };
            let (name, dockerfile) = made(&dockerfile);
            assert!(name.starts_with(&format!("tracehub-made/{}:", tool.name)), "{name}");
            assert!(dockerfile.starts_with(from), "{dockerfile}");
            let other = dockerfile.replacen(from, "FROM another\n", 1);
            assert_ne!(made(&other).0, name, "by another lock it is another image");
            // What is assembled elsewhere is in it.
            for package in tool.packages.last().expect("it has some").names {
                assert!(dockerfile.contains(&format!(" {package} ")), "{package}");
            }
        }
        for name in ["tracehub-base/postgres:0-1", "localhost:5115/tracehub-base/postgres@sha256:00"] {
            assert!(base_images::is_assembled(name));
        }
    }
}
