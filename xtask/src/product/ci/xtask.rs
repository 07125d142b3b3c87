//! xtask's own rows: its tests, its suites, the workflows that call it, and the table itself.

pub mod parts;
pub mod patterns;

use anyhow::Result;

use super::{counts, results};
use crate::pipeline::Context;
use crate::setup::{self, Tool};
use crate::tools::cargo;
use crate::tools::cargo::nextest::{self, Profile};
use crate::tools::diagnostics::panic;
use crate::workspace;

/// cargo names files from the workspace's folder, which is the repository's.
const HERE: &str = "";

/// xtask's own tests.
pub fn test(task: &Context) -> Result<()> {
    let test = nextest::test_xtask(&task.sh, &setup::path_with(&[Tool::Nextest])?);
    let junit = Profile::Xtask.junit(&workspace::target_dir());
    results::run(task, "xtask-test", test, HERE, &junit, nextest::diagnostics)
}

/// A suite that deploys for real. It runs its tests by itself, and has no form for programs.
pub fn suite(task: &Context, name: &str) -> Result<()> {
    let test = cargo::test_suite(&task.sh, name);
    counts::run(task, &format!("{name}-suite"), test, HERE, panic::read)
}

/// Like `suite`, with every fault that takes long to try.
pub fn suite_deep(task: &Context, name: &str) -> Result<()> {
    let test = cargo::test_suite(&task.sh, name).args(["--", "--include-ignored"]);
    counts::run(task, &format!("{name}-suite-deep"), test, HERE, panic::read)
}

/// The simulated host against a real one.
pub fn model(task: &Context) -> Result<()> {
    task.run_parsed(cargo::test_model(&task.sh), HERE, panic::read)
}
