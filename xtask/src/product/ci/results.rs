//! Tests whose runner writes what each of them came to, in JUnit's form.

use std::fs;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use xshell::Cmd;

use super::counts;
use crate::pipeline::Context;
use crate::tools::diagnostics::diagnostic::{Diagnostic, ParsedLine};
use crate::tools::diagnostics::junit::{self, Failed};

/// Runs them and counts them; when they fail, what `junit` says by then is read by `diagnostics`. `name` is the task's, and
/// `folder` is where they run.
pub fn run(
    task: &Context,
    name: &str,
    cmd: Cmd<'_>,
    folder: &str,
    junit: &Utf8Path,
    diagnostics: fn(&[Failed]) -> Vec<Diagnostic>,
) -> Result<()> {
    // What is there is of another run, and stays there when nothing can be compiled.
    if junit.exists() {
        fs::remove_file(junit).with_context(|| format!("removing {junit}"))?;
    }
    let as_it_is = |line: &str| ParsedLine { text: Some(line.to_owned()), diagnostic: None };
    counts::run(task, name, cmd, folder, as_it_is).inspect_err(|_| match junit::failed(junit) {
        Ok(failed) => task.add_diagnostics(folder, diagnostics(&failed)),
        Err(error) => task.line(&format!("which tests failed is not known: {error:#}")),
    })
}
