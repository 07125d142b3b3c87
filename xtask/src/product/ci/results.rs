//! Tests whose runner writes what each of them came to, in JUnit's form.

use std::fs;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use xshell::Cmd;

use crate::pipeline::Context;
use crate::tools::diagnostics::diagnostic::Diagnostic;
use crate::tools::diagnostics::junit::{self, Failed};

/// Runs them; when they fail, what `junit` says by then is read by `diagnostics`. `folder` is where they run.
pub fn run(
    task: &Context,
    cmd: Cmd<'_>,
    folder: &str,
    junit: &Utf8Path,
    diagnostics: fn(&[Failed]) -> Vec<Diagnostic>,
) -> Result<()> {
    // What is there is of another run, and stays there when nothing can be compiled.
    if junit.exists() {
        fs::remove_file(junit).with_context(|| format!("removing {junit}"))?;
    }
    task.run(cmd).inspect_err(|_| match junit::failed(junit) {
        Ok(failed) => task.add_diagnostics(folder, diagnostics(&failed)),
        Err(error) => task.line(&format!("which tests failed is not known: {error:#}")),
    })
}
