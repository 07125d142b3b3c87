//! The backend's image: a binary on the runtime image.

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use xshell::Shell;

use super::inputs::Inputs;
use super::parts::Written;
use crate::project::{BACKEND, RUNTIME_GLIBC};
use crate::setup::base_images::BaseImage;
use crate::terminal::{self, Activity};
use crate::tools::cargo::{self, Profile};
use crate::tools::elf::{self, Glibc};
use crate::workspace;

/// Compiles the binary, and says where it is.
pub fn compile() -> Result<Utf8PathBuf> {
    let package = BACKEND.image;
    Activity::of(format!("compile {package}"), |activity| {
        cargo::build(workspace::root(), package, Profile::Release, &|line| activity.line(line))
    })
    .with_context(|| format!("compiling {package}"))
}

/// What the image is made of.
pub fn inputs(sh: &Shell, binary: Utf8PathBuf, runtime: &BaseImage, parts: Written) -> Result<Inputs> {
    let (stage, files) = files(sh, binary)?;
    let arguments = vec![("BINARY", stage.to_owned()), ("RUNTIME_IMAGE", runtime.reference.clone())];
    Ok(Inputs { component: BACKEND, files, arguments, parts })
}

/// The files, and the stage of the Dockerfile that takes them. A binary runs in an image only if the image's C library is
/// as new as the one that it was linked with; otherwise the image's own build makes one.
fn files(sh: &Shell, binary: Utf8PathBuf) -> Result<(&'static str, Vec<(Utf8PathBuf, String)>)> {
    let needed = elf::needed_glibc(sh, &binary)?;
    let images = Glibc::of(RUNTIME_GLIBC);
    let Some(needed) = needed.filter(|needed| *needed > images) else {
        return Ok(("prebuilt", vec![(binary, BACKEND.image.to_owned())]));
    };
    terminal::note(format_args!(
        "  compiled here, the backend needs glibc {needed}, and its image has {images}: it is compiled in a container, whose \
         image a registry must have"
    ));
    let sources = ["Cargo.toml", "Cargo.lock", "xtask", BACKEND.folder];
    Ok(("build", sources.map(|path| (workspace::root().join(path), path.to_owned())).into()))
}
