//! The tasks of the frontend that find fault with lines.

use anyhow::{Context as _, Result};
use camino::Utf8Path;

use crate::pipeline::Context;
use crate::project::FRONTEND;
use crate::tools::{eslint, tsc};

/// Lint rules.
pub fn eslint(task: &Context) -> Result<()> {
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    let report = Utf8Path::from_path(folder.path()).context("its path is in UTF-8")?.join("eslint.json");
    let ran = task.run(eslint::lint(&task.sh, &report)?);
    task.found(FRONTEND.folder, eslint::places(&report)?);
    ran
}

/// Types.
pub fn typecheck(task: &Context) -> Result<()> {
    task.run_read(tsc::check(&task.sh)?, FRONTEND.folder, tsc::read)
}
