//! The tasks of the frontend that find fault with lines.

use anyhow::Result;

use crate::pipeline::Context;
use crate::product::frontend::package;
use crate::project::FRONTEND;
use crate::tools::files::private;
use crate::tools::node::{eslint, tsc};

/// Lint rules.
pub fn eslint(task: &Context) -> Result<()> {
    let folder = private::Folder::new()?;
    let report = folder.join("eslint.json");
    let ran = task.run(eslint::lint(&package()?, &task.sh, &report));
    task.add_diagnostics(FRONTEND.folder, eslint::diagnostics(&report)?);
    ran
}

/// Types.
pub fn typecheck(task: &Context) -> Result<()> {
    task.run_parsed(tsc::check(&package()?, &task.sh), FRONTEND.folder, tsc::read)
}
