//! The tasks of cargo that find fault with lines.

use anyhow::Result;

use super::results;
use crate::pipeline::Context;
use crate::setup::{self, Tool};
use crate::tools::cargo::nextest::{self, Profile};
use crate::tools::cargo::{self, Messages};
use crate::tools::diagnostics::panic;
use crate::workspace;

/// cargo names files from the workspace's folder, which is the repository's.
const HERE: &str = "";

/// Lint rules.
pub fn clippy(task: &Context) -> Result<()> {
    let messages = Messages::default();
    task.run_parsed(cargo::clippy(&task.sh), HERE, |line| messages.read(line))
}

/// Documentation.
pub fn docs(task: &Context) -> Result<()> {
    let messages = Messages::default();
    task.run_parsed(cargo::doc(&task.sh), HERE, |line| messages.read(line))
}

/// xtask's own tests.
pub fn xtask_test(task: &Context) -> Result<()> {
    let test = nextest::test_xtask(&task.sh, &setup::path_with(&[Tool::Nextest])?);
    let junit = Profile::Xtask.junit(&workspace::target_dir());
    results::run(task, test, HERE, &junit, nextest::diagnostics)
}

/// A suite that deploys for real. It runs its tests by itself, and has no form for programs.
pub fn suite(task: &Context, name: &str) -> Result<()> {
    task.run_parsed(cargo::test_suite(&task.sh, name), HERE, panic::read)
}

/// The same, with every fault that takes long to try.
pub fn suite_deep(task: &Context, name: &str) -> Result<()> {
    let test = cargo::test_suite(&task.sh, name).args(["--", "--include-ignored"]);
    task.run_parsed(test, HERE, panic::read)
}

/// The simulated host against a real one.
pub fn model(task: &Context) -> Result<()> {
    task.run_parsed(cargo::test_model(&task.sh), HERE, panic::read)
}
