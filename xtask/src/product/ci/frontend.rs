//! The frontend's rows.

use anyhow::Result;

use super::{counts, results};
use crate::pipeline::Context;
use crate::product::frontend::{self, package};
use crate::project::{self, FRONTEND};
use crate::setup::{self, Tool};
use crate::tools::cargo::coverage::Coverage;
use crate::tools::diagnostics::diagnostic::ParsedLine;
use crate::tools::files::private;
use crate::tools::node::{eslint, tsc, vitest};
use crate::workspace;

/// The packages, as the lock file says.
pub fn install(task: &Context) -> Result<()> {
    frontend::install(&task.lines())
}

/// The layout.
pub fn prettier(task: &Context) -> Result<()> {
    task.run(package()?.script(&task.sh, "format:check"))
}

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

/// The types of the API.
pub fn api_types(task: &Context) -> Result<()> {
    task.run(package()?.script(&task.sh, "generate:check"))
}

/// Runs the frontend's tests, which judge by themselves what they cover.
pub fn test(task: &Context) -> Result<()> {
    let test = vitest::test_with_coverage(&package()?, &task.sh, project::COVERAGE_PERCENT);
    let folder = workspace::root().join(FRONTEND.folder);
    let junit = folder.join(vitest::JUNIT);
    results::run(task, "frontend-test", test, FRONTEND.folder, &junit, vitest::diagnostics)?;
    task.add_figure(&format!("the tests run {}", Coverage::read(&folder.join(vitest::LCOV))?));
    Ok(())
}

/// The page, as it is served.
pub fn build(task: &Context) -> Result<()> {
    task.run(package()?.script(&task.sh, "build"))
}

/// The page that was built, in a browser.
pub fn page_test(task: &Context) -> Result<()> {
    let chromium = setup::require(Tool::Chromium)?;
    let test = package()?.script(&task.sh, "test:page").env("CHROMIUM", chromium);
    let as_it_is = |line: &str| ParsedLine { text: Some(line.to_owned()), diagnostic: None };
    counts::run(task, "page-test", test, FRONTEND.folder, as_it_is)
}
