//! `cargo xtask workflows`: writes GitHub's workflow files, whose jobs are tasks of the table that `cargo xtask ci` runs.
//! `--check` verifies what the plain call writes.

mod files;
mod jobs;
mod minutes;
mod steps;
mod variables;
mod yaml;

use std::fs;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};

use self::files::File;
use self::jobs::{JOBS, Job};
use super::ci;
use crate::project;
use crate::terminal;

/// Write GitHub's workflow files from the table of jobs, or with --check only say which are not as they would be written
#[derive(Debug, clap::Args)]
pub struct Workflows {
    /// Change nothing; fail where a file is missing, another one, or nobody's, or a task has no job
    #[arg(long)]
    check: bool,
    /// Print the minutes that a push is estimated to take, against what is free in a month
    #[arg(long, conflicts_with = "check")]
    minutes: bool,
}

impl Workflows {
    /// Writes, checks or counts.
    pub fn run(self) -> Result<()> {
        if self.minutes {
            minutes::say();
            return Ok(());
        }
        if self.check {
            check()?;
            terminal::say(format_args!("{} workflow files are as they would be written", files::all().len()));
            return Ok(());
        }
        let problems = problems_of_jobs(JOBS, &ci::task_names());
        if !problems.is_empty() {
            bail!("{}", problems.join("\n"));
        }
        let folder = folder();
        fs::create_dir_all(&folder).with_context(|| format!("making {folder}"))?;
        for file in files::all() {
            let path = folder.join(file.name);
            fs::write(&path, file.text()).with_context(|| format!("writing {path}"))?;
        }
        for orphan in orphans(&folder)? {
            fs::remove_file(&orphan).with_context(|| format!("removing {orphan}"))?;
            terminal::note(format_args!("removed {orphan}: no workflow of the table"));
        }
        Ok(())
    }
}

/// Fails where the files are not what [`Workflows::run`] would write, or the jobs do not run each task.
pub fn check() -> Result<()> {
    let mut problems = problems_of_jobs(JOBS, &ci::task_names());
    problems.extend(problems_of_files(&folder())?);
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{}\n`cargo xtask workflows` writes the files", problems.join("\n"))
}

fn folder() -> Utf8PathBuf {
    project::root().join(".github/workflows")
}

fn problems_of_files(folder: &Utf8Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in files::all() {
        let path = folder.join(file.name);
        match fs::read_to_string(&path) {
            Ok(text) if text == file.text() => {}
            Ok(text) => problems.push(format!("{}: {}", file.name, first_difference(&text, &file.text()))),
            Err(error) => problems.push(format!("{}: {error}", file.name)),
        }
    }
    let nobody = "is written by nobody: jobs belong into xtask/src/commands/workflows";
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
    Ok(paths.filter(|path| !known.iter().any(|file| path.file_name() == Some(file.name))).collect())
}

/// Where the jobs and the tasks do not fit each other.
fn problems_of_jobs(jobs: &[Job], tasks: &[ci::TaskNames]) -> Vec<String> {
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
                "the task {} is run by no job: name it in xtask/src/commands/workflows/jobs.rs",
                task.name
            )),
            many => {
                problems.push(format!("the task {} is named by the jobs {}", task.name, many.join(" and ")))
            }
        }
    }
    problems
}

fn is_named(jobs: &[Job], task: &ci::TaskNames) -> bool {
    jobs.iter().any(|job| job.tasks.contains(&task.name))
}

impl File {
    fn text(&self) -> String {
        let written =
            "Written by `cargo xtask workflows` from xtask/src/commands/workflows: change it there.";
        let comment: Vec<&str> = self.about.iter().copied().chain(["", written]).collect();
        self.content.document(&comment, "jobs")
    }
}

#[cfg(test)]
mod tests;
