//! More tasks, and more files.

use std::fs;

use anyhow::Result;
use camino::Utf8Path;
use xshell::{Shell, cmd};

use super::{LIMIT, Time, milliseconds, noop, time_of};
use crate::terminal::Activity;
use crate::tools::process::Run;

const TASKS: [usize; 3] = [10, 100, 1_000];
const FILES: [usize; 3] = [1_000, 10_000, 100_000];

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
        for tasks in TASKS {
            let row = Activity::of(format!("{tasks} tasks, {files} files"), |_| {
                one(program, &folder.join(format!("{tasks}-{files}")), tasks, files)
            })?;
            rows.push(row);
        }
    }
    Ok(rows)
}

fn one(program: &Utf8Path, folder: &Utf8Path, tasks: usize, files: usize) -> Result<Row> {
    let rows: Vec<noop::Row> = (0..tasks).map(row).collect();
    for task in 0..tasks {
        let of_task = folder.join(format!("src/{task}"));
        fs::create_dir_all(&of_task)?;
        for file in (task..files).step_by(tasks) {
            fs::write(of_task.join(format!("{file}.txt")), format!("{file}\n"))?;
        }
    }
    fs::create_dir(folder.join("xtask"))?;
    fs::write(folder.join("xtask/Cargo.toml"), "")?;
    fs::write(folder.join(".gitignore"), ".local/\nrows.json\n")?;
    let list = folder.join("rows.json");
    fs::write(&list, serde_json::to_vec(&rows)?)?;
    let sh = Shell::new()?;
    sh.change_dir(folder);
    Run::new(cmd!(sh, "git init --quiet")).run()?;
    Run::new(cmd!(sh, "git add --all")).limit(LIMIT).run()?;
    // A person's own settings (signing, hooks) are no part of it.
    let identity =
        ["-c", "user.name=Bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false"];
    Run::new(cmd!(sh, "git {identity...} commit --quiet --message Files")).limit(LIMIT).run()?;
    let run = || noop::command(&sh, program, Some(&list));
    Run::new(run()).limit(LIMIT).run()?;
    let time = time_of(&run)?;
    let git = time_of(&|| cmd!(sh, "git status --porcelain=v1 -z --untracked-files=all --no-renames"))?;
    fs::remove_dir_all(folder)?;
    Ok(Row { tasks, files, time, git })
}

/// As in real life: some first ones, and the rest waiting for one of them.
fn row(task: usize) -> noop::Row {
    let needs = if task == 0 { Vec::new() } else { vec![format!("task-{}", task / 2)] };
    noop::Row { name: format!("task-{task}"), needs, reads: vec![format!("src/{task}/")] }
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
