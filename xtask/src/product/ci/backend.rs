//! The backend's rows: its migrations, its tests, and its API.

pub mod api;
pub mod conformance;
mod databases;
pub mod migration_lint;
pub mod migration_rows;

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::{merge_base, results};
use crate::pipeline::Context;
use crate::product::migrations::Migrations;
use crate::product::{artifacts, catalogue, database, snapshot};
use crate::project;
use crate::setup::{self, Tool};
use crate::tools::cargo::coverage::{self, Coverage};
use crate::tools::cargo::nextest::{self, Profile};
use crate::tools::git;
use crate::workspace;

pub use self::databases::POSTGRES;

/// What an environment may have applied stays as it was, and what is new comes behind it.
pub fn migration_history(task: &Context) -> Result<()> {
    let Some(base) = merge_base::of(task)? else { return Ok(()) };
    let wrong = Migrations::of_tree()?.rewritten(&Migrations::of_commit(&base)?);
    ensure!(wrong.is_empty(), "{}\nThat is how they were in {}.", wrong.join("\n"), &base[..12]);
    Ok(())
}

/// Each says what it does to the releases from before it; each way there has a way back that leaves nothing behind, and
/// can be gone again.
pub fn migrations(task: &Context) -> Result<()> {
    declared()?;
    let (url, sqlx) = (databases::fresh(task)?, database::sqlx()?);
    let schema = || databases::schema(task, &url);
    let empty = schema()?;
    task.run(sqlx.run(&task.sh, &url))?;
    let first = schema()?;
    task.run(sqlx.revert(&task.sh, &url).args(["--target-version", "0"]))?;
    same("after all migrations were taken back", &empty, &schema()?)?;
    task.run(sqlx.run(&task.sh, &url))?;
    same("after they ran a second time", &first, &schema()?)?;
    migration_rows::survive(task, &sqlx, &url)
}

/// Each migration declares itself, and what is unused since a commit of this branch.
fn declared() -> Result<()> {
    for (version, commit) in Migrations::of_tree()?.contracts {
        ensure!(
            git::is_ancestor(workspace::root(), &commit, "HEAD")?,
            "migration {version} says 'unused since {commit}', which is not a commit before this one"
        );
    }
    Ok(())
}

/// `schema.sql` and `catalogue.txt` are what the migrations come to.
pub fn schema(task: &Context) -> Result<()> {
    let url = databases::fresh(task)?;
    task.run(database::sqlx()?.run(&task.sh, &url))?;
    let files = [
        (snapshot::path(), snapshot::read()?, snapshot::taken(&url)?),
        (
            catalogue::path(),
            catalogue::read()?,
            catalogue::taken(&url, &databases::fresh(task)?, &Migrations::of_tree()?)?,
        ),
    ];
    for (path, says, is) in files {
        let difference = differing_lines(&says, &is);
        ensure!(
            difference.is_empty(),
            "{path}: the migrations come to something else. `cargo xtask migrate snapshot` writes it:\n{difference}",
        );
    }
    Ok(())
}

/// The query data in the repository is what the queries and the migrations give.
pub fn sqlx_data(task: &Context) -> Result<()> {
    let backend = workspace::root().join(project::BACKEND.folder);
    database::sqlx()?.check_prepared(&backend, &databases::migrated(task)?.owner)
}

/// The backend's tests; they make databases of their own on the server. Under the share of lines that they must run, they
/// have failed.
pub fn test(task: &Context) -> Result<()> {
    let url = databases::fresh(task)?;
    let lcov = workspace::root().join(artifacts::BACKEND_COVERAGE);
    fs::create_dir_all(lcov.parent().context("a file is in a folder")?)
        .with_context(|| format!("making the folder of {lcov}"))?;
    let path = setup::path_with(&[Tool::Nextest, Tool::LlvmCov])?;
    let llvm_cov = setup::require(Tool::LlvmTools)?;
    let test =
        coverage::test(&task.sh, &path, &llvm_cov, project::BACKEND.image, &lcov).env("DATABASE_URL", url);
    results::run(
        task,
        "backend-test",
        test,
        "",
        &Profile::Ci.junit(&workspace::target_dir()),
        nextest::diagnostics,
    )?;
    coverage::name_from(workspace::root(), &lcov)?;
    let (found, least) = (Coverage::read(&lcov)?, project::COVERAGE_PERCENT);
    task.add_figure(&format!("the tests run {found}"));
    ensure!(
        found.percent() >= f64::from(least),
        "the tests cover {found}, and must cover at least {least} %"
    );
    Ok(())
}

fn same(when: &str, expected: &str, found: &str) -> Result<()> {
    let difference = differing_lines(expected, found);
    ensure!(difference.is_empty(), "{when} the schema is another one:\n{difference}");
    Ok(())
}

/// The lines that only one of them has; which one is said by the sign.
fn differing_lines(expected: &str, found: &str) -> String {
    let only = |sign: &str, these: &str, those: &str| -> String {
        let those: Vec<&str> = those.lines().collect();
        let lines = these.lines().filter(|line| !those.contains(line));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    if expected == found {
        return String::new();
    }
    let lines = only("-", expected, found) + &only("+", found, expected);
    // The same lines in another order: columns, say.
    if lines.is_empty() { "the same lines in another order\n".to_owned() } else { lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_the_lines_that_differ() {
        assert_eq!(differing_lines("a\nb\n", "a\nb\n"), "");
        assert_eq!(differing_lines("a\nb\n", "a\nc\n"), "- b\n+ c\n");
        assert_eq!(differing_lines("a\nb\n", "b\na\n"), "the same lines in another order\n");
    }
}
