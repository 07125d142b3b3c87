//! Images that a host can pull: found in a registry, or built here and pushed.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context, Result};

use super::lock;
use super::registry::Registry;
use super::{Built, build};
use crate::exit::refuse;
use crate::host::Bases;
use crate::project::{self, BACKEND, Base, Component, FRONTEND};
use crate::setup::base_images::{self, BaseImage, Origin};
use crate::setup::{self, Tool};
use crate::terminal::{self, paint};
use crate::tools::docker;
use crate::tools::git::{self, Commit};
use crate::tools::process::shell;
use crate::workspace;

/// Both halves of the app.
const COMPONENTS: [Component; 2] = [BACKEND, FRONTEND];

/// What it takes here to ask a registry, and to have another machine run what it has.
pub fn ensure_client(yes: bool) -> Result<()> {
    setup::ensure(&[Tool::Docker, Tool::Buildx, Tool::Compose], yes)
}

/// The images of a commit, component to name by digest; none unless the registry has all of them.
pub fn find(registry: &Registry, commit: &Commit) -> Result<Option<BTreeMap<String, String>>> {
    // Beside each other: nearly all of the time is the registry's.
    let found: Vec<_> = thread::scope(|scope| {
        let ask = |component: Component| scope.spawn(move || registry.find(component, &commit.sha));
        let asked = COMPONENTS.map(|component| (component.name, ask(component)));
        asked.into_iter().map(|(name, asked)| (name, asked.join().expect("asking does not panic"))).collect()
    });
    found.into_iter().map(|(name, image)| Ok(image?.map(|image| (name.to_owned(), image)))).collect()
}

/// Builds the images of a commit, which must be what is checked out, and pushes them.
pub fn build_and_push(registry: &Registry, commit: &Commit, yes: bool) -> Result<BTreeMap<String, String>> {
    let root = workspace::root();
    let sha = &commit.sha[..12];
    if git::head(root)?.sha != commit.sha || git::dirty_hash(root)?.is_some() {
        return Err(refuse(format!(
            "{registry} has no images of {sha} ({}), and they can be built only from a clean tree of that commit: `git \
             switch --detach {sha}` and `cargo xtask image push`, or let its workflow run",
            commit.subject
        )));
    }
    terminal::note(paint::dim(format_args!("  {registry} has no images of {sha} yet: they are built here")));
    push_built(registry, &build(yes)?)
}

/// Pushes what was built, and gives the names by digest.
pub fn push_built(registry: &Registry, built: &Built) -> Result<BTreeMap<String, String>> {
    let pushed = built.images.iter();
    pushed.map(|image| Ok((image.component.name.to_owned(), registry.push(image)?))).collect()
}

/// The images of a platform that is to be started on a host: by the digests of the lock file, and where that has none,
/// through our registry.
pub fn bases_for_host(registry: &Registry) -> Result<Bases> {
    let locked = lock::read()?;
    let name = |base: &Base| match locked.get(base.name) {
        Some(digest) => Ok(format!("{}@{digest}", base.public)),
        None => bring(registry, base.name),
    };
    Ok(Bases { caddy: name(project::base("caddy"))?, postgres: name(project::base("postgres"))? })
}

fn bring(registry: &Registry, base: &str) -> Result<String> {
    setup::ensure(&[Tool::Engine, Tool::Docker], false)?;
    let BaseImage { reference, origin } = base_images::one(base)?;
    if origin == Origin::Pulled {
        let digests = docker::digests(shell(), &reference)?;
        return digests.into_iter().next().with_context(|| format!("{reference} has no digest"));
    }
    let (name, tag) =
        reference.rsplit_once(':').with_context(|| format!("the assembled image {reference} has no tag"))?;
    registry.push_as(&reference, name, &[tag])
}
