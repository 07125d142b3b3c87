//! The images of the two components: how they are built, named, pushed and found. What is slow (compiler, npm, base
//! images) runs beside each other; an image whose inputs have not changed is not built again.

mod backend;
mod bases;
pub mod dockerfiles;
mod frontend;
mod inputs;
pub mod lock;
mod parts;
mod push;
mod registry;
mod tree;

use std::thread;

use anyhow::Result;

use crate::host::Bases;
use crate::product::sbom;
use crate::project::{BACKEND, CADDY, Component, FRONTEND, POSTGRES, RUNTIME};
use crate::setup::{self, Tool, base_images, base_lock};
use crate::terminal::{self, paint};
use crate::tools::process::shell;

pub use self::bases::{
    archiver_beside, bases_by_name, bases_for_host, bases_here, sender_beside, server_of, shipper_beside,
};
pub use self::parts::{known_packages, packages_of, sums};
pub use self::push::{
    build_and_push, ensure_client, ensure_publisher, find, publish, push_built, push_unchecked,
};
pub use self::registry::{Registry, github_repository};
pub use self::tree::Tree;

/// Both halves of the app.
const COMPONENTS: [Component; 2] = [BACKEND, FRONTEND];
/// What a build calls.
pub const TOOLS: &[Tool] =
    &[Tool::Engine, Tool::Docker, Tool::Compose, Tool::Buildx, Tool::Readelf, Tool::Node, Tool::Npm];

/// What a build leaves.
pub struct Built {
    /// What it was built from.
    pub tree: Tree,
    /// Both images.
    pub images: Vec<BuiltImage>,
    /// The images that the platform runs.
    pub bases: Bases,
}

/// One image, in the engine.
pub struct BuiltImage {
    /// Whose image it is.
    pub component: Component,
    /// Its id.
    pub id: String,
    /// Its names.
    pub tags: Vec<String>,
    /// Its size.
    pub bytes: u64,
    /// The hash of the list of what it is made of.
    pub sbom: String,
}

/// Builds everything that a release of this tree consists of.
pub fn build(yes: bool) -> Result<Built> {
    let tree = Tree::look()?;
    // First, so that the one question comes before the long wait, and what can't be had ends it at once.
    setup::ensure(TOOLS, yes)?;
    let (binary, site, bases, crates, packages) = thread::scope(|scope| {
        let (binary, site) = (scope.spawn(backend::compile), scope.spawn(frontend::build));
        let crates = scope.spawn(sbom::crates);
        let bases = base_images::ensure(&[&RUNTIME, &CADDY, &POSTGRES]);
        let join = "a build does not panic";
        let crates = crates.join().expect(join)?;
        anyhow::Ok((
            binary.join().expect(join)?,
            site.join().expect(join)?,
            bases?,
            crates,
            sbom::npm_packages()?,
        ))
    })?;
    let lock = base_lock::read()?;
    bases::say_assembled(&bases, &lock)?;
    if let Some(words) = base_lock::unlocked(&lock) {
        terminal::note(paint::dim(format_args!("  base images {words}")));
    }
    let sh = shell();
    let sbom = |component, own, base: &str| parts::write(sh, component, own, &bases[base].reference);
    let (of_backend, of_frontend) =
        (sbom(BACKEND, crates, RUNTIME.name)?, sbom(FRONTEND, packages, CADDY.name)?);
    let backend = backend::inputs(sh, binary, &bases[RUNTIME.name], of_backend)?;
    let frontend = frontend::inputs(site, &bases[CADDY.name], of_frontend);
    let images =
        [backend, frontend].into_iter().map(|inputs| inputs.build(sh, &tree)).collect::<Result<_>>()?;
    Ok(Built { tree, images, bases: bases::of_platform(&bases) })
}
