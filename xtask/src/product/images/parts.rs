//! What each image is made of, while it is built, and as a registry tells it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use xshell::Shell;

use super::COMPONENTS;
use super::registry::Registry;
use crate::product::sbom::{self, Part, Sbom};
use crate::project::{Component, SBOM_LABEL};
use crate::tools::docker;
use crate::tools::docker::copy::{self, Copied};
use crate::tools::files::replace;
use crate::tools::git::Commit;
use crate::tools::process::Run;
use crate::workspace;

/// A written list of parts.
pub struct Written {
    /// Where it is.
    pub file: Utf8PathBuf,
    /// Its hash.
    pub sum: String,
}

/// Writes what an image is made of: these parts, and the packages of the image beneath it.
pub fn write(sh: &Shell, component: Component, mut own: BTreeSet<Part>, base: &str) -> Result<Written> {
    own.extend(packages_of(sh, base)?);
    let text = Sbom(own).to_text(component.image)?;
    let folder = workspace::target_dir().join("images");
    let file = folder.join(format!("{}.{}", component.name, sbom::FILE));
    fs::create_dir_all(&folder).with_context(|| format!("making {folder}"))?;
    fs::write(&file, &text).with_context(|| format!("writing {file}"))?;
    Ok(Written { file, sum: sbom::sum(&text) })
}

/// The packages of an image, which are looked for once: an image with an id never changes.
pub fn packages_of(sh: &Shell, image: &str) -> Result<BTreeSet<Part>> {
    let id = Run::new(docker::inspect(sh, image, "{{.Id}}")).text()?;
    known_packages(&id, |paths, into| Ok(copy::out_of_image(sh, image, paths, into)?))
}

/// Like `packages_of`, of an image by a name that never stands for another one, wherever it is: its id, its digest.
pub fn known_packages(
    image: &str,
    copy: impl FnOnce(&[&str], &Utf8Path) -> Result<Vec<Copied>>,
) -> Result<BTreeSet<Part>> {
    let kept = workspace::local_dir().join("image-packages").join(image.replace([':', '/'], "-"));
    if let Some(known) = fs::read_to_string(&kept).ok().and_then(|text| Sbom::parse(&text).ok()) {
        return Ok(known.0);
    }
    let found = sbom::packages_of(image, copy)?;
    let text = Sbom(found.clone()).to_text(image)?;
    replace(&kept, text.as_bytes())?;
    Ok(found)
}

/// Component to the hash of what its image is made of, as the registry has the images of a commit; nothing of those that do
/// not say so.
pub fn sums(registry: &Registry, commit: &Commit) -> Result<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    for component in COMPONENTS {
        let labels = registry.labels(component.image, &commit.sha)?;
        let sum = labels.and_then(|mut labels| labels.remove(SBOM_LABEL));
        sums.extend(sum.map(|sum| (component.name.to_owned(), sum)));
    }
    Ok(sums)
}
