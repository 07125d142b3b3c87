//! The same tasks for make, just and turbo.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;
use camino::Utf8Path;
use serde_json::{Map, Value, json};
use xshell::{Shell, cmd};

use super::{RUN_TIMEOUT, Row, measured};
use crate::pipeline::{Globs, Task};
use crate::setup::{self, Tool};
use crate::terminal::Activity;
use crate::tools::git::tree::Tree;
use crate::tools::process::Run;

/// The versions that were tried.
const PACKAGES: [&str; 2] = ["turbo@2.11.11", "rust-just@1.57.0"];

/// Writes each runner's own file into `copy`, and measures it.
pub fn measure(sh: &Shell, copy: &Utf8Path, table: &[Task]) -> Result<Vec<Row>> {
    let npm = setup::require(Tool::Npm)?;
    fs::write(copy.join("package.json"), package(table))?;
    Activity::of("npm install turbo, just", |activity| {
        let lines = |line: &str| activity.line(line);
        let install = cmd!(sh, "{npm} install --no-audit --no-fund --save-dev {PACKAGES...}");
        Run::new(install).timeout(RUN_TIMEOUT).each_line(&lines).run()
    })?;
    fs::write(copy.join("Makefile"), makefile(&Tree::look(copy)?, table))?;
    fs::write(copy.join("justfile"), justfile(table))?;
    fs::write(copy.join("turbo.json"), turbo(table))?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let (just, turbo) = (copy.join("node_modules/.bin/just"), copy.join("node_modules/.bin/turbo"));
    let names: Vec<&str> = table.iter().map(|task| task.name).collect();
    let concurrency = format!("--concurrency={jobs}");
    Ok(vec![
        measured("`make -j`", &|| cmd!(sh, "make --silent --jobs {jobs} all"))?,
        measured("`just`", &|| cmd!(sh, "{just} --quiet all"))?,
        measured("`turbo run`", &|| {
            let names = &names;
            cmd!(sh, "{turbo} run {names...} {concurrency} --output-logs=errors-only")
                .env("TURBO_TELEMETRY_DISABLED", "1")
                .env("DO_NOT_TRACK", "1")
        })?,
    ])
}

/// Each task is a stamp, made of its needs' stamps and of the files that it reads.
fn makefile(tree: &Tree, table: &[Task]) -> String {
    let stamp = |name: &str| format!(".stamps/{name}");
    let all: Vec<String> = table.iter().map(|task| stamp(task.name)).collect();
    let mut text = format!("all: {}\n", all.join(" "));
    for task in table {
        let needs = task.needs.iter().map(|need| stamp(need));
        let files = Globs::new(&task.reads).select(tree.paths());
        // make has no way to name these.
        let plain = |path: &&String| !path.contains([' ', ':', '#', '$', '%']);
        let files = files.iter().map(|&at| &tree.paths()[at]).filter(plain).cloned();
        let sources: Vec<String> = needs.chain(files).collect();
        let _ =
            writeln!(text, "{}: {}\n\t@mkdir -p .stamps && touch $@", stamp(task.name), sources.join(" "));
    }
    text
}

fn justfile(table: &[Task]) -> String {
    let names: Vec<&str> = table.iter().map(|task| task.name).collect();
    let mut text = format!("all: {}\n", names.join(" "));
    for task in table {
        let _ = writeln!(text, "{}: {}\n    @true", task.name, task.needs.join(" "));
    }
    text
}

fn package(table: &[Task]) -> String {
    let scripts: Map<String, Value> =
        table.iter().map(|task| (task.name.to_owned(), json!("true"))).collect();
    json!({ "name": "same", "private": true, "packageManager": "npm@10.0.0", "scripts": scripts }).to_string()
}

fn turbo(table: &[Task]) -> String {
    let task = |task: &Task| {
        let inputs: Vec<String> = task
            .reads
            .iter()
            .map(
                |pattern| if pattern.ends_with('/') { format!("{pattern}**") } else { (*pattern).to_owned() },
            )
            .collect();
        (task.name.to_owned(), json!({ "dependsOn": task.needs, "inputs": inputs, "outputs": [] }))
    };
    let tasks: Map<String, Value> = table.iter().map(task).collect();
    json!({ "$schema": "https://turborepo.dev/schema.json", "tasks": tasks }).to_string()
}
