//! Images that a host can pull: found in a registry, or built here and pushed.

use std::collections::BTreeMap;
use std::thread;

use anyhow::Result;

use super::registry::Registry;
use super::tree::LATEST;
use super::{Built, BuiltImage, COMPONENTS, Tree, build, frontend};
use crate::exit::refuse;
use crate::project::Component;
use crate::setup::{self, Tool};
use crate::terminal::{self, paint};
use crate::tools::git::{self, Commit};
use crate::tools::process::is_interrupt;
use crate::workspace;

/// What it takes here to ask a registry, and to have another machine run what it has.
pub fn ensure_client(yes: bool) -> Result<()> {
    setup::ensure(&[Tool::Docker, Tool::Buildx, Tool::Compose], yes)
}

/// Like `ensure_client`, and what it takes to give an image another name.
pub fn ensure_publisher(yes: bool) -> Result<()> {
    setup::ensure(&[Tool::Docker, Tool::Engine, Tool::Buildx], yes)
}

/// The images of a commit, component to name by digest; none unless the registry has all of them.
pub fn find(registry: &Registry, commit: &Commit) -> Result<Option<BTreeMap<String, String>>> {
    find_tagged(registry, &commit.sha)
}

fn find_tagged(registry: &Registry, tag: &str) -> Result<Option<BTreeMap<String, String>>> {
    // Beside each other: nearly all of the time is the registry's.
    let found: Vec<_> = thread::scope(|scope| {
        let ask = |component: Component| scope.spawn(move || registry.find(component, tag));
        let asked = COMPONENTS.map(|component| (component.name, ask(component)));
        asked.into_iter().map(|(name, asked)| (name, asked.join().expect("asking does not panic"))).collect()
    });
    found.into_iter().map(|(name, image)| Ok(image?.map(|image| (name.to_owned(), image)))).collect()
}

/// Builds the images of a commit, which must be what is checked out, and pushes them under the commit's name alone: the
/// branch's stands for what was checked.
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
    let images = push_as(registry, &build(yes)?, &[&commit.sha])?;
    offer_source_maps()?;
    Ok(images)
}

/// What was built has been pushed: a Sentry gets its source maps, also those of a push before that could not send them. Without
/// them, reports of errors are hard to read, and nothing else is worse.
fn offer_source_maps() -> Result<()> {
    match frontend::send_source_maps() {
        Err(error) if is_interrupt(&error) => Err(error),
        Err(error) => {
            terminal::warn(format_args!("{error:#}"));
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// Pushes what was built under its commit's name, its branch's and `latest`, and gives the names by digest. What a commit's
/// images are never changes, since an environment may have confirmed them by their digests: those that the registry has stay.
pub fn push_built(registry: &Registry, built: &Built) -> Result<BTreeMap<String, String>> {
    let commit = &built.tree.commit;
    let images = match find(registry, commit)? {
        Some(images) => images,
        None => push_as(registry, built, &[&commit.sha])?,
    };
    name_all(registry, &images, &built.tree, || Ok(()))?;
    offer_source_maps()?;
    Ok(images)
}

/// Pushes what was built while its checks still run: under a name that nothing looks for but [`publish`].
pub fn push_unchecked(registry: &Registry, built: &Built) -> Result<BTreeMap<String, String>> {
    let tag = unchecked(&built.tree.commit);
    let images = match find_tagged(registry, &tag)? {
        Some(images) => images,
        None => push_as(registry, built, &[&tag])?,
    };
    offer_source_maps()?;
    Ok(images)
}

/// The checks of a tree's commit have passed: its images get their names. `vouch` is called when they have the commit's and
/// the branch's; `latest` comes last.
pub fn publish(
    registry: &Registry,
    tree: &Tree,
    vouch: impl FnOnce(&BTreeMap<String, String>) -> Result<()>,
) -> Result<BTreeMap<String, String>> {
    let commit = &tree.commit;
    let (sha, subject) = (&commit.sha[..12], &commit.subject);
    let images = find_tagged(registry, &unchecked(commit))?.ok_or_else(|| {
        refuse(format!(
            "{registry} has no images of {sha} ({subject}) that were checked: `cargo xtask image push --unchecked` first. Nothing \
             was changed."
        ))
    })?;
    // Whoever vouches has not checked what somebody else pushed under the commit's name.
    if find(registry, commit)?.is_some_and(|named| named != images) {
        return Err(refuse(format!(
            "{registry} has other images of {sha} ({subject}) than those that were checked: somebody pushed them by hand. Nothing was \
             changed."
        )));
    }
    name_all(registry, &images, tree, || vouch(&images))?;
    Ok(images)
}

fn unchecked(commit: &Commit) -> String {
    format!("unchecked-{}", commit.sha)
}

/// Gives images of the registry the names of a tree, `latest` after all others: until then it stands for both images of one
/// commit.
fn name_all(
    registry: &Registry,
    images: &BTreeMap<String, String>,
    tree: &Tree,
    before_latest: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let all = tree.tags();
    let (latest, others): (Vec<&str>, Vec<&str>) =
        all.iter().map(String::as_str).partition(|tag| *tag == LATEST);
    let name = |tags: &[&str]| {
        COMPONENTS
            .iter()
            .try_for_each(|component| registry.point_at(&images[component.name], *component, tags))
    };
    name(&others)?;
    before_latest()?;
    if latest.is_empty() { Ok(()) } else { name(&latest) }
}

fn push_as(registry: &Registry, built: &Built, tags: &[&str]) -> Result<BTreeMap<String, String>> {
    let push = |image: &BuiltImage| {
        let pushed = registry.push_as(&image.id, image.component.image, tags)?;
        Ok((image.component.name.to_owned(), pushed))
    };
    built.images.iter().map(push).collect()
}
