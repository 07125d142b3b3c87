//! GitHub's workflow files, whose jobs are tasks of the table that `cargo xtask ci` runs.

mod file;
pub mod files;
pub mod jobs;
pub mod minutes;
pub mod steps;
pub mod variables;
mod weekly;
mod yaml;

use std::fs;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};

use self::file::File;
use self::jobs::{JOBS, Job};
use crate::terminal;
use crate::workspace;

/// A task of the table, as far as a job must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskNames {
    /// What people type.
    pub name: &'static str,
    /// The tasks that come with it.
    pub needs: Vec<&'static str>,
}

/// Writes each file, and removes those in the folder that no workflow of the table is written to.
pub fn write(tasks: &[TaskNames]) -> Result<()> {
    let problems = problems_of_jobs(JOBS, tasks);
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    let folder = folder();
    fs::create_dir_all(&folder).with_context(|| format!("making {folder}"))?;
    for file in files::all() {
        let path = folder.join(&file.name);
        fs::write(&path, file.text()).with_context(|| format!("writing {path}"))?;
    }
    for orphan in orphans(&folder)? {
        fs::remove_file(&orphan).with_context(|| format!("removing {orphan}"))?;
        terminal::note(format_args!("removed {orphan}: no workflow of the table"));
    }
    Ok(())
}

/// How many files there are.
pub fn count() -> usize {
    files::all().len()
}

/// Fails where the files are not what [`write()`] would write, or the jobs do not run each task.
pub fn check(tasks: &[TaskNames]) -> Result<()> {
    let mut problems = problems_of_jobs(JOBS, tasks);
    problems.extend(problems_of_files(&folder())?);
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{}\n`cargo xtask workflows` writes the files", problems.join("\n"))
}

fn folder() -> Utf8PathBuf {
    workspace::root().join(".github/workflows")
}

fn problems_of_files(folder: &Utf8Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in files::all() {
        let path = folder.join(&file.name);
        match fs::read_to_string(&path) {
            Ok(text) if text == file.text() => {}
            Ok(text) => problems.push(format!("{}: {}", file.name, first_difference(&text, &file.text()))),
            Err(error) => problems.push(format!("{}: {error}", file.name)),
        }
    }
    let nobody = "is written by nobody: jobs belong into xtask/src/product/workflows";
    problems
        .extend(orphans(folder)?.iter().map(|path| format!("{} {nobody}", path.file_name().unwrap_or(""))));
    Ok(problems)
}

fn first_difference(found: &str, expected: &str) -> String {
    let mut found_lines = found.lines();
    let mut number = 0;
    for line in expected.lines() {
        number += 1;
        match found_lines.next() {
            Some(found) if found == line => {}
            Some(found) => return format!("line {number} is {found:?} and should be {line:?}"),
            None => return format!("line {number}, {line:?}, is missing"),
        }
    }
    format!("nothing belongs below line {number}")
}

/// Files in the folder that GitHub would run, and that no workflow of the table is written to.
fn orphans(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let known = files::all();
    let entries = match folder.read_dir_utf8() {
        Ok(entries) => entries.collect::<std::io::Result<Vec<_>>>(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => Err(error),
    }
    .with_context(|| format!("reading {folder}"))?;
    let paths = entries.into_iter().map(|entry| entry.path().to_owned());
    Ok(paths.filter(|path| !known.iter().any(|file| path.file_name() == Some(file.name.as_str()))).collect())
}

/// Where the jobs and the tasks do not fit each other.
fn problems_of_jobs(jobs: &[Job], tasks: &[TaskNames]) -> Vec<String> {
    let mut problems = Vec::new();
    for job in jobs {
        if job.tasks.is_empty() {
            problems.push(format!("the job {} names no task", job.id));
        }
        for name in job.tasks {
            if !tasks.iter().any(|task| task.name == *name) {
                problems.push(format!("the job {} names {name}, and there is no such task", job.id));
            }
        }
    }
    for task in tasks {
        let named: Vec<&str> =
            jobs.iter().filter(|job| job.tasks.contains(&task.name)).map(|job| job.id).collect();
        match named.as_slice() {
            [_] => {}
            [] if tasks.iter().any(|other| is_named(jobs, other) && other.needs.contains(&task.name)) => {}
            [] => problems.push(format!(
                "the task {} is run by no job: name it in xtask/src/product/workflows/jobs.rs",
                task.name
            )),
            many => {
                problems.push(format!("the task {} is named by the jobs {}", task.name, many.join(" and ")))
            }
        }
    }
    problems
}

fn is_named(jobs: &[Job], task: &TaskNames) -> bool {
    jobs.iter().any(|job| job.tasks.contains(&task.name))
}

impl File {
    fn text(&self) -> String {
        let written = "Written by `cargo xtask workflows` from xtask/src/product/workflows: change it there.";
        let comment: Vec<&str> = self.about.iter().copied().chain(["", written]).collect();
        self.content.document(&comment, "jobs")
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub use self::tests::run_lines;
