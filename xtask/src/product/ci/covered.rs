//! The tests of both halves, with the lines that they run.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::results;
use crate::pipeline::Context;
use crate::product::frontend::package;
use crate::project;
use crate::setup::{self, Tool};
use crate::tools::cargo::coverage::{self, Coverage};
use crate::tools::cargo::nextest::{self, Profile};
use crate::tools::node::vitest;
use crate::workspace;

/// Which lines the tests of the backend ran, in lcov's form.
const BACKEND_COVERAGE: &str = "target/coverage/backend.lcov";

/// Runs the backend's tests on the server at `url`, where they make databases of their own. Under the share of lines that
/// they must run, they have failed.
pub fn backend_test(task: &Context, url: &str) -> Result<()> {
    let lcov = workspace::root().join(BACKEND_COVERAGE);
    fs::create_dir_all(lcov.parent().context("a file is in a folder")?)
        .with_context(|| format!("making the folder of {lcov}"))?;
    let path = setup::path_with(&[Tool::Nextest, Tool::LlvmCov])?;
    let llvm_cov = setup::require(Tool::LlvmTools)?;
    let test =
        coverage::test(&task.sh, &path, &llvm_cov, project::BACKEND.image, &lcov).env("DATABASE_URL", url);
    results::run(task, test, "", &Profile::Ci.junit(&workspace::target_dir()), nextest::diagnostics)?;
    coverage::name_from(workspace::root(), &lcov)?;
    let (found, least) = (Coverage::read(&lcov)?, project::COVERAGE_PERCENT);
    task.add_figure(&format!("the tests run {found}"));
    ensure!(
        found.percent() >= f64::from(least),
        "the tests cover {found}, and must cover at least {least} %"
    );
    Ok(())
}

/// Runs the frontend's tests, which judge by themselves what they cover.
pub fn frontend_test(task: &Context) -> Result<()> {
    let test = vitest::test_with_coverage(&package()?, &task.sh, project::COVERAGE_PERCENT);
    let folder = workspace::root().join(project::FRONTEND.folder);
    results::run(task, test, project::FRONTEND.folder, &folder.join(vitest::JUNIT), vitest::diagnostics)?;
    task.add_figure(&format!("the tests run {}", Coverage::read(&folder.join(vitest::LCOV))?));
    Ok(())
}
