//! The base images that the platform runs, on this machine and on a host.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::lock;
use super::parts::packages_of;
use super::registry::Registry;
use crate::host::{Bases, ToolImage};
use crate::project::{
    ARCHIVER, ARCHIVER_DOCKERFILE, Base, CADDY, DEBIAN, NAME, POSTGRES, SENDER, SENDER_DOCKERFILE, SHIPPER,
    SHIPPER_DOCKERFILE,
};
use crate::setup::base_images::{self, BaseImage, Origin};
use crate::setup::base_lock::pinned;
use crate::setup::{self, Tool, base_lock};
use crate::terminal::{self, paint};
use crate::tools::docker;
use crate::tools::files::hex::hex;
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
    let locked = base_lock::read()?;
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
    let lock = base_lock::of_commit(sha)?;
    let name =
        |base: &'static Base| match base.public.map(|public| (public, pinned(&lock, base.name, public))) {
            Some((public, pinned)) if pinned != public => Ok(pinned),
            _ => bring(registry, base),
        };
    Ok(Bases { caddy: name(&CADDY)?, postgres: name(&POSTGRES)? })
}

/// The image of what sends copies off a host, beside a platform of these.
pub fn sender_beside(platform: &Bases, registry: Option<&Registry>) -> Result<ToolImage> {
    tool_beside(&SENDER, &on_debian(SENDER_DOCKERFILE)?, platform, registry)
}

/// The image of what ships logs off a host, beside a platform of these.
pub fn shipper_beside(platform: &Bases, registry: Option<&Registry>) -> Result<ToolImage> {
    tool_beside(&SHIPPER, &on_debian(SHIPPER_DOCKERFILE)?, platform, registry)
}

/// The image of what archives the database's WAL off a host: it has the very server of a platform of these.
pub fn archiver_beside(platform: &Bases, registry: Option<&Registry>) -> Result<ToolImage> {
    let dockerfile = format!("FROM {}\n{ARCHIVER_DOCKERFILE}", platform.postgres);
    tool_beside(&ARCHIVER, &dockerfile, platform, registry)
}

fn on_debian(dockerfile: &str) -> Result<String> {
    let (debian, public) = DEBIAN;
    Ok(format!("FROM {}\n{dockerfile}", pinned(&base_lock::read()?, debian, public)))
}

/// It comes as those of the platform came: where they are public ones, the host's engine makes it, so that whoever deploys needs
/// neither Debian nor the right to push; else it is assembled, and comes through our registry when the host is another machine.
fn tool_beside(
    tool: &'static Base,
    dockerfile: &str,
    platform: &Bases,
    registry: Option<&Registry>,
) -> Result<ToolImage> {
    if !base_images::is_assembled(&platform.postgres) {
        let sum = hex(&Sha256::digest(dockerfile));
        let name = format!("{NAME}-made/{}:{}", tool.name, &sum[..12]);
        return Ok(ToolImage::Made { name, dockerfile: dockerfile.to_owned() });
    }
    let bases = base_images::ensure(&[tool])?;
    say_assembled(&bases)?;
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

    #[test]
    fn beside_public_images_the_host_makes_those_of_tools_and_nothing_is_assembled_or_pushed() {
        let postgres = "docker.io/library/postgres:15-bookworm@sha256:00".to_owned();
        let platform = Bases { caddy: String::new(), postgres };
        let debian = "FROM docker.io/library/debian:bookworm-slim";
        for (tool, image, from) in [
            (SENDER, sender_beside(&platform, None), debian),
            (SHIPPER, shipper_beside(&platform, None), debian),
            (
                ARCHIVER,
                archiver_beside(&platform, None),
                "FROM docker.io/library/postgres:15-bookworm@sha256:00\n",
            ),
        ] {
            let Ok(ToolImage::Made { name, dockerfile }) = image else { panic!("it comes another way") };
            assert!(name.starts_with(&format!("tracehub-made/{}:", tool.name)), "{name}");
            assert!(dockerfile.starts_with(from), "{dockerfile}");
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
