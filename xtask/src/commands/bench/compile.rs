//! `cargo xtask bench compile`: what a newcomer waits for before the first `cargo xtask` answers, and a developer after each
//! change of it, beside a program that does nothing and has the same dependencies.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use xshell::cmd;

use super::time::{Time, processors_of_children};
use super::write_section;
use crate::terminal::{Activity, seconds};
use crate::tools::git;
use crate::tools::process::{Run, shell_in};
use crate::workspace;

/// A build of xtask and of everything it depends on, on a busy machine.
const BUILD_TIMEOUT: Duration = Duration::from_secs(1200);
/// A file of xtask that most others use.
const CHANGED_FILE: &str = "xtask/src/terminal.rs";

/// The first build of xtask, and one after a changed line, beside an empty program with the same dependencies
#[derive(Debug, Args)]
pub struct Compile {
    /// Measure this commit, too
    #[arg(long, value_name = "COMMIT")]
    beside: Option<String>,
}

/// One program, and what it took to build it.
struct Row {
    program: String,
    first: Time,
    changed: Time,
}

impl Compile {
    /// Measures, and writes the section.
    pub fn run(self) -> Result<()> {
        let folder = tempfile::Builder::new().prefix("xtask-bench-").tempdir()?;
        let home = Utf8PathBuf::try_from(folder.path().canonicalize()?)?;
        let copy = |name: &str| -> Result<Utf8PathBuf> {
            let copy = home.join(name);
            git::copy::whole(workspace::root(), &copy)?;
            Ok(copy)
        };
        let (ours, empty) = (copy("xtask")?, copy("empty")?);
        write(&empty.join("xtask/src/main.rs"), "//! Nothing.\n\nfn main() {}\n")?;
        let mut rows = vec![row("nothing, with the same dependencies", &empty, "xtask/src/main.rs")?];
        if let Some(commit) = &self.beside {
            let before = copy("before")?;
            let sh = shell_in(&before);
            Run::new(cmd!(sh, "git checkout --quiet {commit}")).run()?;
            rows.push(row(&format!("xtask, as of {commit}"), &before, CHANGED_FILE)?);
        }
        rows.push(row("xtask", &ours, CHANGED_FILE)?);
        folder.close().context("removing what was measured on")?;
        write_section("compile", &section(&rows))
    }
}

/// Measures the first build in a copy, and the one after a changed line.
fn row(program: &str, copy: &Utf8Path, changed: &str) -> Result<Row> {
    Activity::of(program, |_| {
        let sh = shell_in(copy);
        let fetch = cmd!(sh, "cargo fetch --quiet --locked");
        Run::new(fetch).timeout(BUILD_TIMEOUT).run().context("downloading what it depends on")?;
        let first = build(copy)?;
        let path = copy.join(changed);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        // Every line behind it has another number, so that what is compiled really differs.
        write(&path, &text.replacen("\n\n", "\n\n\n", 1))?;
        Ok(Row { program: program.to_owned(), first, changed: build(copy)? })
    })
}

/// As `cargo xtask` does it, into the copy's own target folder.
fn build(copy: &Utf8Path) -> Result<Time> {
    let sh = shell_in(copy);
    let build = cmd!(sh, "cargo build --quiet --locked --package xtask").env_remove("CARGO_TARGET_DIR");
    let (before, began) = (processors_of_children()?, Instant::now());
    Run::new(build).timeout(BUILD_TIMEOUT).run()?;
    Ok(Time { clock: began.elapsed(), processors: processors_of_children()? - before })
}

fn write(path: &Utf8Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {path}"))
}

fn section(rows: &[Row]) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!(
        "## What a newcomer waits for\n\n`cargo xtask bench compile`, {cores} cores, each once: what `cargo xtask` compiles \
         before it answers for the first time, crates having been downloaded, and after a line was added to a file that most \
         others use.\n\n| | first build | of the processors | against nothing | after one line | of the processors |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n"
    );
    let least = rows.first().map_or(Duration::ZERO, |row| row.first.processors);
    for Row { program, first, changed } in rows {
        text.push_str(&format!(
            "| {program} | {} | {} | {:.2} times | {} | {} |\n",
            seconds(first.clock),
            seconds(first.processors),
            first.processors.as_secs_f64() / least.as_secs_f64(),
            seconds(changed.clock),
            seconds(changed.processors),
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_compares_each_program_with_the_first() {
        let of = |seconds| Time { clock: Duration::from_secs(1), processors: Duration::from_secs(seconds) };
        let row =
            |program: &str, first| Row { program: program.to_owned(), first: of(first), changed: of(2) };
        let text = section(&[row("nothing", 40), row("xtask", 50)]);
        assert!(text.contains("| nothing | 1.0 s | 40.0 s | 1.00 times | 1.0 s | 2.0 s |"), "{text}");
        assert!(text.contains("| xtask | 1.0 s | 50.0 s | 1.25 times |"), "{text}");
    }
}
