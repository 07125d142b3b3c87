//! What the tasks do that need a database: one server for all of them, and on it a fresh database for each.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Result, ensure};

use super::covered;
use crate::pipeline::{Context, Service};
use crate::product::migrations::Migrations;
use crate::product::{database, snapshot};
use crate::project;
use crate::tools::database::pg_dump;
use crate::tools::database::postgres::Server;
use crate::tools::git;
use crate::workspace;

/// A throw-away server.
pub const POSTGRES: Service = Service { name: "postgres", start };

fn start() -> Result<Arc<dyn Any + Send + Sync>> {
    let server = database::for_tests()?;
    Ok(Arc::new(Databases { server, made: AtomicUsize::new(0), migrated: Mutex::new(None) }))
}

/// The server, how many databases were made on it, and the one that is copied for who wants a migrated one.
struct Databases {
    server: Server,
    made: AtomicUsize,
    migrated: Mutex<Option<String>>,
}

/// An empty database of the task's own; its URL.
fn fresh(task: &Context) -> Result<String> {
    let databases = task.service::<Databases>()?;
    let number = databases.made.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}_{number}", project::DATABASE);
    databases.server.create_database(&name)?;
    Ok(databases.server.owner_url(&name))
}

/// A database of the task's own that has all migrations; its URL. They run once for all who ask.
fn migrated(task: &Context) -> Result<String> {
    let databases = task.service::<Databases>()?;
    let mut template = databases.migrated.lock().expect("no holder panics");
    let name = match &*template {
        Some(name) => name.clone(),
        None => {
            let content = git::content_hash(workspace::root(), project::MIGRATIONS)?;
            let name = format!("{}_migrated_{}", project::DATABASE, &content[..12]);
            databases.server.create_database(&name)?;
            task.run(database::sqlx()?.run(&task.sh, &databases.server.owner_url(&name)))?;
            template.insert(name).clone()
        }
    };
    let number = databases.made.fetch_add(1, Ordering::Relaxed);
    let copy = format!("{}_{number}", project::DATABASE);
    databases.server.copy_database(&copy, &name)?;
    Ok(databases.server.owner_url(&copy))
}

/// Each says what it does to the releases from before it; each way there has a way back that leaves nothing behind, and
/// can be gone again.
pub fn migrations(task: &Context) -> Result<()> {
    declared()?;
    let (url, sqlx) = (fresh(task)?, database::sqlx()?);
    let databases = task.service::<Databases>()?;
    let schema = || pg_dump::schema(databases.server.program(), &url);
    let empty = schema()?;
    task.run(sqlx.run(&task.sh, &url))?;
    let first = schema()?;
    task.run(sqlx.revert(&task.sh, &url).args(["--target-version", "0"]))?;
    same("after all migrations were taken back", &empty, &schema()?)?;
    task.run(sqlx.run(&task.sh, &url))?;
    same("after they ran a second time", &first, &schema()?)
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

/// The query data in the repository is what the queries and the migrations give.
pub fn sqlx_data(task: &Context) -> Result<()> {
    let backend = workspace::root().join(project::BACKEND.folder);
    database::sqlx()?.check_prepared(&backend, &migrated(task)?)
}

/// The backend's tests; they make databases of their own on this server.
pub fn backend_test(task: &Context) -> Result<()> {
    let url = fresh(task)?;
    covered::backend_test(task, &url)
}

/// `schema.sql` is what the migrations come to.
pub fn schema(task: &Context) -> Result<()> {
    let url = fresh(task)?;
    task.run(database::sqlx()?.run(&task.sh, &url))?;
    let difference = differing_lines(&snapshot::read()?, &snapshot::taken(&url)?);
    ensure!(
        difference.is_empty(),
        "{}: the migrations come to something else. `cargo xtask migrate snapshot` writes it:\n{difference}",
        snapshot::path()
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
