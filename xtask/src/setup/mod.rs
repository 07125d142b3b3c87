//! What a bare machine lacks and how it gets it: one recipe a tool.
//!
//! What the machine has and will do is used. What can live in the repository's own folder for tools is put there
//! without asking; what changes the machine is asked for, once for all of it.

mod assemble;
pub mod base_images;
mod chromium;
mod docker;
mod engine;
mod install;
mod lock;
mod node;
mod packages;
mod plugins;
mod postgres;
mod sqlx_cli;

use std::thread;

use anyhow::Context;

pub use crate::tools::locate::Tool;

use crate::exit::refuse;
use crate::terminal::{self, Activity};
use crate::tools::{interrupt, locate};

pub use engine::{start as start_engine, stop as stop_engine};
pub use lock::Lock;

/// How a missing tool is had on this machine.
pub struct Recipe {
    /// For people: `apt-get install docker.io`, `Debian's package, unpacked into .tools`.
    pub how: String,
    /// Whether it changes the machine and not only the repository's folders.
    pub changes_machine: bool,
    /// Does it.
    pub install: Box<dyn Fn(&Activity) -> anyhow::Result<()> + Send + Sync>,
}

/// How `tool` is had here, or a sentence with what a person must type.
pub fn recipe(tool: Tool) -> Result<Recipe, String> {
    match tool {
        Tool::Engine => engine::recipe(),
        Tool::Docker => docker::recipe(),
        Tool::Compose | Tool::Buildx => plugins::recipe(tool),
        Tool::Postgres => postgres::recipe(),
        Tool::SqlxCli => sqlx_cli::recipe(),
        Tool::Node | Tool::Npm => node::recipe(),
        Tool::Chromium => chromium::recipe(),
        Tool::Git => packages::recipe(&["git"]),
        Tool::Readelf => packages::recipe(&["binutils"]),
    }
}

/// Makes sure that `tools` are here in versions that will do. `yes` answers the question whether the machine may be
/// changed; so does `CI=true`.
pub fn ensure(tools: &[Tool], yes: bool) -> anyhow::Result<()> {
    let missing = missing(tools);
    if missing.is_empty() {
        return Ok(());
    }
    let recipes = missing
        .iter()
        .map(|&tool| recipe(tool).map(|recipe| (tool, recipe)).map_err(refuse))
        .collect::<anyhow::Result<Vec<_>>>()?;
    agree(&recipes, yes)?;
    thread::scope(|scope| {
        let running: Vec<_> =
            recipes.iter().map(|(tool, recipe)| scope.spawn(|| follow(*tool, recipe))).collect();
        running.into_iter().try_for_each(|thread| thread.join().expect("a recipe does not panic"))
    })
}

/// The tools that are not here, or too old. Each lookup starts a program, so they run beside each other.
fn missing(tools: &[Tool]) -> Vec<Tool> {
    thread::scope(|scope| {
        let lookups: Vec<_> =
            tools.iter().map(|&tool| (tool, scope.spawn(move || locate::find(tool).is_none()))).collect();
        let absent = lookups.into_iter().filter_map(|(tool, lookup)| {
            lookup.join().expect("a lookup does not panic").then_some(tool)
        });
        absent.collect()
    })
}

/// One question for everything that changes the machine.
fn agree(recipes: &[(Tool, Recipe)], yes: bool) -> anyhow::Result<()> {
    let changes: Vec<String> = recipes
        .iter()
        .filter(|(_, recipe)| recipe.changes_machine)
        .map(|(tool, recipe)| format!("  {tool}: {}", recipe.how))
        .collect();
    if changes.is_empty() || yes || std::env::var("CI").is_ok_and(|ci| ci == "true") {
        return Ok(());
    }
    let changes = changes.join("\n");
    if terminal::confirm(&format!("This machine lacks\n{changes}\nInstall on it?")) {
        return Ok(());
    }
    Err(refuse(format!("nothing was installed. This machine lacks\n{changes}\n`--yes` or CI=true agrees to it")))
}

fn follow(tool: Tool, recipe: &Recipe) -> anyhow::Result<()> {
    interrupt::check()?;
    Activity::of(format!("{tool}: {}", recipe.how), |activity| (recipe.install)(activity))
        .with_context(|| format!("installing {tool}"))?;
    locate::forget(tool);
    match locate::find(tool) {
        Some(_) => Ok(()),
        None => anyhow::bail!("{tool} was installed, and still none is found that will do: {}", recipe.how),
    }
}
