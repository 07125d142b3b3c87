//! More tasks, and more files.

use std::fs;

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use super::{RUN_TIMEOUT, Time, milliseconds, noop, time_of};
use crate::terminal::Activity;
use crate::tools::process::{Run, shell_in};

const TASKS: [usize; 3] = [10, 100, 1_000];
const FILES: [usize; 3] = [1_000, 10_000, 100_000];
/// How often each is measured.
const TIMES: usize = 5;

/// So many of both, and how long it took.
pub struct Row {
    tasks: usize,
    files: usize,
    time: Time,
    /// Of it, what git takes to look for what is dirty.
    git: Time,
}

/// All combinations.
pub fn measure(program: &Utf8Path, folder: &Utf8Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for files in FILES {
        let folder = folder.join(files.to_string());
        Activity::of(format!("{files} files"), |_| make(&folder, files))?;
        for tasks in TASKS {
            let words = format!("{tasks} tasks, {files} files");
            rows.push(Activity::of(words, |_| one(program, &folder, tasks, files))?);
        }
        fs::remove_dir_all(folder)?;
    }
    Ok(rows)
}

/// A repository of so many files, each in a folder of the least task that reads it, in one of the middle, in one of the
/// greatest.
fn make(folder: &Utf8Path, files: usize) -> Result<()> {
    for leaf in 0..TASKS[2] {
        let of_leaf = folder.join(read_by(leaf, TASKS[2]));
        fs::create_dir_all(&of_leaf)?;
        for file in (leaf..files).step_by(TASKS[2]) {
            fs::write(of_leaf.join(format!("{file}.txt")), format!("{file}\n"))?;
        }
    }
    fs::create_dir(folder.join("xtask"))?;
    fs::write(folder.join("xtask/Cargo.toml"), "")?;
    fs::write(folder.join(".gitignore"), ".local/\nrows.json\n")?;
    let sh = shell_in(folder);
    // A person's own settings (signing, hooks) are no part of it, and nothing of git's runs on behind it.
    let settings = ["user.name=Bench", "user.email=bench@example.org", "commit.gpgsign=false", "gc.auto=0"];
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["-c", setting]).collect();
    for words in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "Files"]] {
        let settings = &settings;
        Run::new(cmd!(sh, "git {settings...} {words...}").env("GIT_CONFIG_GLOBAL", "/dev/null"))
            .timeout(RUN_TIMEOUT)
            .run()?;
    }
    Ok(())
}

/// What one of so many tasks reads.
fn read_by(task: usize, tasks: usize) -> String {
    let folders = TASKS.iter().filter(|count| **count <= tasks).map(|count| format!("{}/", task % count));
    format!("src/{}", folders.collect::<String>())
}

fn one(program: &Utf8Path, folder: &Utf8Path, tasks: usize, files: usize) -> Result<Row> {
    let rows: Vec<noop::Row> = (0..tasks).map(|task| row(task, tasks)).collect();
    let list = folder.join("rows.json");
    fs::write(&list, serde_json::to_vec(&rows)?)?;
    let sh = shell_in(folder);
    let run = || noop::command(&sh, program, Some(&list));
    Run::new(run()).timeout(RUN_TIMEOUT).run()?;
    let time = time_of(TIMES, &run)?;
    let git =
        time_of(TIMES, &|| cmd!(sh, "git status --porcelain=v1 -z --untracked-files=all --no-renames"))?;
    Ok(Row { tasks, files, time, git })
}

/// As in real life: some first ones, and the rest waiting for one of them.
fn row(task: usize, tasks: usize) -> noop::Row {
    let needs = if task == 0 { Vec::new() } else { vec![format!("task-{}", task / 2)] };
    noop::Row { name: format!("task-{task}"), needs, reads: vec![read_by(task, tasks)] }
}

/// For the page.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| files | tasks | time | of the processors | of it `git status` | of the processors |\n| ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for Row { tasks, files, time, git } in rows {
        let line = format!("| {files} | {tasks} | {} | {} |\n", milliseconds(*time), milliseconds(*git));
        text.push_str(&line);
    }
    text
}
