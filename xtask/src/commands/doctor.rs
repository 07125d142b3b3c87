//! `cargo xtask doctor`: what is here of the outside tools; or, of an environment, whether a deploy to it would find all that
//! it needs.

mod environment;
mod report;

use anyhow::Context;
use camino::Utf8Path;

use super::output::OutputArgs;
use super::target;
use crate::product::secrets;
use crate::project::{self, BASES, Environment};
use crate::setup::base_images::{self, Origin};
use crate::setup::{self, Found, Tool, base_lock};
use crate::terminal::{self, paint};
use crate::tools::docker::engine;
use crate::workspace;

/// Which outside tools are here; what a deploy would miss
///
/// Changes nothing. With an environment, everything is looked at that a deploy to it will need, from here and on its host.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Whether a deploy to this environment would find all that it needs
    #[arg(long, value_name = "ENVIRONMENT", value_parser = target::environment)]
    env: Option<Environment>,
    /// Which commit would be deployed, as `deploy` takes it
    #[arg(long, value_name = "REV", requires = "env")]
    version: Option<String>,
    /// Print the result as JSON, for programs
    #[arg(long, requires = "env")]
    json: bool,
}

impl Doctor {
    pub fn run(self) -> anyhow::Result<()> {
        if let Some(environment) = self.env {
            let output = OutputArgs { json: self.json };
            return environment::look(&environment, self.version.as_deref()).say(&environment, output);
        }
        let unobtainable = tools();
        terminal::say("");
        engine_and_disk()?;
        terminal::say("");
        bases();
        if secrets::are_merged_by_lines()? {
            let words = "git merges encrypted secrets line by line here, which ends in conflicts. Once in this clone: `git config";
            let (name, value) = secrets::MERGE_DRIVER;
            terminal::say(paint::warn(format_args!("\n{words} {name} '{value}'`")));
        }
        for sentence in &unobtainable {
            terminal::say(format_args!("\n{} {sentence}", paint::bad("✗")));
        }
        anyhow::ensure!(
            unobtainable.is_empty(),
            "{} of the tools can't be had by xtask here",
            unobtainable.len()
        );
        Ok(())
    }
}

/// The table of tools. Gives a sentence for each that a person must bring.
fn tools() -> Vec<String> {
    let mut unobtainable = Vec::new();
    let mut rows = Vec::new();
    for (tool, found) in setup::survey(&Tool::all()) {
        if let Some(Found { program, version }) = found {
            rows.push(row(tool, &version.to_string(), paint::good("yes"), &short(&program)));
            continue;
        }
        rows.push(match setup::recipe(tool) {
            Ok(recipe) => row(tool, &old(tool), paint::warn("when needed"), &recipe.how),
            Err(sentence) => {
                unobtainable.push(format!("{tool}: {sentence}"));
                row(tool, &old(tool), paint::bad("no"), "by hand: see below")
            }
        });
    }
    terminal::table(&["tool", "version", "will do", "where, or how it is had"], &rows);
    unobtainable
}

fn row(tool: Tool, version: &str, will_do: String, place: &str) -> Vec<String> {
    vec![tool.to_string(), version.to_owned(), will_do, place.to_owned()]
}

/// What is here and won't do.
fn old(tool: Tool) -> String {
    let old = setup::candidates(tool).into_iter().next();
    old.map_or_else(|| "-".to_owned(), |found| format!("{} won't do", found.version))
}

/// A path inside the repository, as one would type it there.
fn short(program: &Utf8Path) -> String {
    program.strip_prefix(workspace::root()).unwrap_or(program).to_string()
}

fn engine_and_disk() -> anyhow::Result<()> {
    let engine = match engine::ask() {
        Some(info) => format!("{}, API {}", info.version, info.api),
        None => "none answers".to_owned(),
    };
    let disk =
        rustix::fs::statvfs(workspace::root().as_std_path()).context("asking for the free disk space")?;
    let free = disk.f_bavail * disk.f_frsize / (1 << 30);
    let free = if free < LEAST_FREE_GIB { paint::warn(format!("{free} GiB")) } else { format!("{free} GiB") };
    terminal::table(&["engine", "disk free"], &[vec![engine, free]]);
    Ok(())
}

/// Two builds of everything, their images and a few releases.
const LEAST_FREE_GIB: u64 = 15;

fn bases() {
    let here = base_images::here().unwrap_or_default();
    let row = |base: &project::Base| {
        let (state, reference) = match here.get(base.name) {
            Some(image) => {
                let state = match image.origin {
                    Origin::Pulled => "pulled",
                    Origin::Assembled => "assembled here",
                };
                (paint::good(state), image.reference.clone())
            }
            None => {
                let public = base.public.map(|name| format!("{name}, or ")).unwrap_or_default();
                (paint::warn("when needed"), format!("{public}from Debian's packages"))
            }
        };
        vec![base.name.to_owned(), state, reference, base.purpose.to_owned()]
    };
    let rows: Vec<Vec<String>> = BASES.iter().map(row).collect();
    terminal::table(&["base image", "state", "name", "for"], &rows);
    if let Some(words) = base_lock::read().ok().as_ref().and_then(base_lock::unlocked) {
        terminal::say(paint::dim(words));
    }
}
