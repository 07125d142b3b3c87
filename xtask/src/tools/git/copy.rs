//! Copies of a repository, to work in: they share its objects, and are thrown away.

use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8Path;
use xshell::cmd;

use crate::tools::process::{Run, shell, shell_in};

/// A copy of a big repository takes a while, since its files are written.
const COPY_TIMEOUT: Duration = Duration::from_secs(120);

/// Its commit that is checked out, with its files.
pub fn whole(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let clone = cmd!(shell(), "git clone --quiet --shared {from} {to}");
    Run::new(clone).timeout(COPY_TIMEOUT).run().with_context(|| format!("copying {from}"))
}

/// Its history, and no files.
pub fn without_files(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let clone = cmd!(shell(), "git clone --quiet --shared --no-checkout {from} {to}");
    Run::new(clone).timeout(COPY_TIMEOUT).run().with_context(|| format!("copying the history of {from}"))
}

/// The files that are in the copy now are what its next commit would hold.
pub fn add_all(copy: &Utf8Path) -> Result<()> {
    let sh = shell_in(copy);
    Run::new(cmd!(sh, "git add --all")).run().with_context(|| format!("adding the files of {copy}"))
}
