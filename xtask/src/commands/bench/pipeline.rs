//! `cargo xtask bench pipeline`: what a run costs in which nothing is to be done, beside other runners, and how that
//! grows with tasks and files.

mod cold;
mod grown;
mod noop;
mod others;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use xshell::{Cmd, cmd};

use super::time::{Time, processors_of_children};
use super::write_section;
use crate::commands::ci;
use crate::commands::ci::table;
use crate::setup::{self, Tool};
use crate::terminal::Activity;
use crate::tools::git;
use crate::tools::process::{Run, shell, shell_in};
use crate::workspace;

pub use self::noop::Noop;

/// How often each is measured; the middle one counts.
const TIMES: usize = 15;
/// A run that is not over by then is no run without work.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

/// A run in which nothing is to be done, beside make, just and turbo, and with up to 1,000 tasks and 100,000 files
#[derive(Debug, Args)]
pub struct Pipeline {
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
    /// Instead, a first run on a fresh clone, as a graph and one task after another: takes as long as both
    #[arg(long)]
    cold: bool,
    /// Only these tasks, with what they need; the page names them
    #[arg(long, value_name = "NAME", num_args = 1.., requires = "cold", value_parser = ci::task_or_group)]
    only: Vec<String>,
}

/// One way, and how long it took.
pub struct Row {
    /// For people.
    way: String,
    time: Time,
}

impl Pipeline {
    /// Measures, and writes the section.
    pub fn run(self) -> Result<()> {
        let beside: &[Tool] = if self.cold { &[] } else { &[Tool::Make] };
        setup::ensure(&[&[Tool::Git, Tool::Node, Tool::Npm], beside].concat(), self.yes)?;
        let folder = tempfile::Builder::new().prefix("xtask-bench-").tempdir()?;
        let folder = Utf8PathBuf::try_from(folder.path().canonicalize()?).map(|path| (folder, path))?;
        // A copy, since the original may be built anew meanwhile.
        let program = folder.1.join("xtask");
        fs::copy(std::env::current_exe()?, &program).context("copying this program")?;
        if self.cold {
            let section = cold::section(&program, &folder.1, &self.only)?;
            folder.0.close().context("removing what was measured on")?;
            return write_section("pipeline-cold", &section);
        }
        let beside = beside_others(&program, &folder.1.join("same"))?;
        let grown = grown::measure(&program, &folder.1)?;
        folder.0.close().context("removing what was measured on")?;
        write_section("pipeline", &section(&beside, &grown)?)
    }
}

/// This repository's table, with work that does nothing, on this repository's files.
fn beside_others(program: &Utf8Path, copy: &Utf8Path) -> Result<Vec<Row>> {
    git::copy::whole(workspace::root(), copy)?;
    let (sh, own) = (shell_in(copy), shell_in(workspace::root()));
    let mut rows = vec![measured("`xtask ci`: all cached", &|| noop::command(&sh, program, None))?];
    let bare = time_of(TIMES, &|| cmd!(own, "{program} --version"))?;
    let by_cargo = time_of(TIMES, &|| cmd!(own, "cargo xtask --version"))?;
    rows.push(Row {
        way: "the same, started by `cargo xtask ci` (cargo looks whether xtask is up to date)".to_owned(),
        time: Time {
            clock: rows[0].time.clock + by_cargo.clock.saturating_sub(bare.clock),
            processors: rows[0].time.processors + by_cargo.processors.saturating_sub(bare.processors),
        },
    });
    rows.extend(others::measure(&sh, copy, &table())?);
    Ok(rows)
}

/// One run that does the work, and then several that need not.
fn measured<'a>(way: &str, command: &dyn Fn() -> Cmd<'a>) -> Result<Row> {
    Activity::of(way, |_| {
        Run::new(command()).timeout(RUN_TIMEOUT).run()?;
        Ok(Row { way: way.to_owned(), time: time_of(TIMES, command)? })
    })
}

fn time_of<'a>(count: usize, command: &dyn Fn() -> Cmd<'a>) -> Result<Time> {
    let mut times = Vec::new();
    let before = processors_of_children()?;
    for _ in 0..count {
        let began = Instant::now();
        Run::new(command()).timeout(RUN_TIMEOUT).run()?;
        times.push(began.elapsed());
    }
    times.sort();
    let processors = (processors_of_children()? - before) / count as u32;
    Ok(Time { clock: times[count / 2], processors })
}

fn section(beside: &[Row], grown: &[grown::Row]) -> Result<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (tasks, files) = (table().len(), Run::new(cmd!(shell(), "git ls-files")).text()?.lines().count());
    let mut text = format!(
        "## A run of CI in which nothing is to be done\n\n`cargo xtask bench pipeline`, {cores} cores, the middle of \
         {TIMES} runs; what they took of the processors is what counts where the machine has other things to do.\n\nThis repository's {tasks} tasks with their needs and their {files} files, and work that does \
         nothing. make compares times of files, turbo their contents; just remembers nothing and runs `true` each time.\n\n\
         | | time | of the processors |\n| --- | ---: | ---: |\n"
    );
    for Row { way, time } in beside {
        text.push_str(&format!("| {way} | {} |\n", milliseconds(*time)));
    }
    text.push_str("\nWith more of both, the middle of five runs; each file is read by one task.\n\n");
    text.push_str(&grown::table(grown));
    Ok(text)
}

/// Two cells of a table.
fn milliseconds(time: Time) -> String {
    format!("{} ms | {} ms", time.clock.as_millis(), time.processors.as_millis())
}
