//! What the tasks do that need a database: each has a server of its own, empty, gone when the task ends.

use anyhow::{Result, ensure};

use crate::commands::migrations::Migrations;
use crate::pipeline::Context;
use crate::project;
use crate::tools::postgres::{Kind, Server};
use crate::tools::{cargo, git, pg_dump, sqlx};

/// Each says what it does to the releases from before it; each way there has a way back that leaves nothing behind, and
/// can be gone again.
pub fn migrations(task: &Context) -> Result<()> {
    declared()?;
    let (_server, url) = start()?;
    let empty = pg_dump::schema(&url)?;
    task.run(sqlx::run(&task.sh, &url))?;
    let first = pg_dump::schema(&url)?;
    task.run(sqlx::revert(&task.sh, &url).args(["--target-version", "0"]))?;
    same("after all migrations were taken back", &empty, &pg_dump::schema(&url)?)?;
    task.run(sqlx::run(&task.sh, &url))?;
    same("after they ran a second time", &first, &pg_dump::schema(&url)?)
}

/// Each migration declares itself, and what is unused since a commit of this branch.
fn declared() -> Result<()> {
    for (version, commit) in Migrations::of_tree()?.contracts {
        ensure!(
            git::is_ancestor(project::root(), &commit, "HEAD")?,
            "migration {version} says 'unused since {commit}', which is no commit before this one"
        );
    }
    Ok(())
}

/// The query data in the repository is what the queries and the migrations give.
pub fn sqlx_data(task: &Context) -> Result<()> {
    let (_server, url) = start()?;
    task.run(sqlx::run(&task.sh, &url))?;
    sqlx::prepare(&url, true)
}

/// The backend's tests; they make databases of their own on this server.
pub fn backend_test(task: &Context) -> Result<()> {
    let (_server, url) = start()?;
    task.run(cargo::test(&task.sh, project::BACKEND.image).env("DATABASE_URL", url))
}

fn start() -> Result<(Server, String)> {
    let server = Server::start(Kind::Test)?;
    server.create_database(project::DATABASE)?;
    let url = server.owner_url(project::DATABASE);
    Ok((server, url))
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
