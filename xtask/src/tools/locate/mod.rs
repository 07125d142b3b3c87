//! Where the tools are that xtask calls: first what the machine has, if it is new enough, then what was installed into
//! the repository's own folder for tools.

mod places;
mod table;
mod version;
pub mod version_cache;

use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

pub use self::places::{actionlint_folder, cargo_tool_folder, plugins_folder, postgres_folder, wheel_folder};
pub use self::table::Source;
pub use self::version::Version;

use self::table::{ROWS, Row};

use super::docker::engine;
use super::process::{Run, interrupt};
use crate::project::pins;
use crate::workspace;

/// A tool of other people's making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tool {
    /// Docker's engine, found when it answers: here, or where `DOCKER_HOST` points.
    Engine,
    /// Docker's client.
    Docker,
    /// Docker Compose.
    Compose,
    /// Docker's image builder.
    Buildx,
    /// PostgreSQL's server and its programs.
    Postgres,
    /// sqlx's command line: migrations, offline query data.
    SqlxCli,
    /// Node.
    Node,
    /// Node's package manager.
    Npm,
    /// The browser of the page's tests.
    Chromium,
    /// Git.
    Git,
    /// Reads what a binary needs of its C library.
    Readelf,
    /// OpenSSH's client.
    Ssh,
    /// One request, as a user sends it.
    Curl,
    /// Makes a Debian in a folder: for the lab, where no registry answers.
    Debootstrap,
    /// age: encrypts copies of backups.
    Age,
    /// Rust's compiler, with what comes with it.
    Rust,
    /// Lints shell scripts.
    Shellcheck,
    /// Lints GitHub's workflows.
    Actionlint,
    /// Looks for ways into GitHub's workflows.
    Zizmor,
    /// Lints migrations.
    Squawk,
    /// Lints Dockerfiles.
    Hadolint,
    /// Looks for secrets.
    Kingfisher,
    /// Runs tests.
    Nextest,
    /// Runs tests that note which lines they run.
    LlvmCov,
    /// Reads those notes: `llvm-cov`, with `llvm-profdata` beside it.
    LlvmTools,
    /// Judges what is in `Cargo.lock`.
    Deny,
    /// What benchmarks are compared with.
    Make,
}

/// A tool that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What to call.
    pub program: Utf8PathBuf,
    /// What it says its version is.
    pub version: Version,
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

impl Tool {
    /// All of them, in the order in which people meet them.
    pub fn all() -> Vec<Tool> {
        ROWS.iter().map(|row| row.tool).collect()
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.tool == self).expect("each tool has a row")
    }

    /// Where it comes from.
    pub fn source(self) -> &'static Source {
        &self.row().from
    }

    /// Whether a version will do.
    pub fn will_do(self, version: Version) -> bool {
        self.row().wants.takes(version)
    }

    fn places(self) -> Vec<Utf8PathBuf> {
        self.source().places()
    }

    /// Asks one candidate for its version.
    fn ask(self, program: &Utf8Path) -> Option<Version> {
        let sh = Shell::new().ok()?;
        let cmd = match self {
            Tool::Engine => return Version::parse(&engine::ask()?.version),
            // No program: its folder has the version in its name.
            Tool::Actionlint => return Version::parse(pins::ACTIONLINT.says),
            Tool::Compose | Tool::Buildx => cmd!(sh, "{program} version"),
            Tool::Postgres => with_libraries(cmd!(sh, "{program} --version"), program),
            // As cargo calls it.
            Tool::LlvmCov => cmd!(sh, "{program} llvm-cov --version"),
            // `OpenSSH_9.2p1 Debian-2`, on the other stream.
            Tool::Ssh => {
                let said =
                    Run::new(cmd!(sh, "{program} -V")).timeout(Duration::from_secs(20)).finish().ok()?.stderr;
                return Version::parse(&said.replace("OpenSSH_", ""));
            }
            _ => cmd!(sh, "{program} --version"),
        };
        Version::parse(&Run::new(cmd).timeout(Duration::from_secs(20)).text().ok()?)
    }
}

static KNOWN: LazyLock<Mutex<HashMap<Tool, Option<Found>>>> = LazyLock::new(Default::default);

/// What is known of the tool without starting it: whether one that will do is here. None when it has to be asked.
pub fn at_hand(tool: Tool) -> Option<Option<Found>> {
    if let Some(known) = KNOWN.lock().expect("no holder panics").get(&tool) {
        return Some(known.clone());
    }
    // An engine is no file: it may have gone, or be another one.
    let recalled = if tool == Tool::Engine { None } else { version_cache::recall(tool, &tool.places()) };
    let found = recalled.filter(|found| tool.will_do(found.version))?;
    KNOWN.lock().expect("no holder panics").insert(tool, Some(found.clone()));
    Some(Some(found))
}

/// The tool, if one that will do is here. Looked up once a process, until [`forget`].
pub fn find(tool: Tool) -> Option<Found> {
    if let Some(known) = at_hand(tool) {
        return known;
    }
    let found = candidates(tool).into_iter().find(|found| tool.will_do(found.version));
    if let Some(found) = found.as_ref().filter(|_| tool != Tool::Engine) {
        version_cache::remember(tool, &tool.places(), found);
    }
    // What was interrupted has not answered.
    if found.is_some() || interrupt::check().is_ok() {
        KNOWN.lock().expect("no holder panics").insert(tool, found.clone());
    }
    found
}

/// Every copy of the tool that is here and answers, whether it will do or not.
pub fn candidates(tool: Tool) -> impl IntoIterator<Item = Found> {
    tool.places()
        .into_iter()
        .filter(|place| place.is_file())
        .filter_map(move |program| tool.ask(&program).map(|version| Found { program, version }))
}

/// Something was installed: look again.
pub fn forget(tool: Tool) {
    KNOWN.lock().expect("no holder panics").remove(&tool);
}

/// The path of a tool, or an error that says how to get it.
pub fn require(tool: Tool) -> anyhow::Result<Utf8PathBuf> {
    find(tool).map(|found| found.program).ok_or_else(|| {
        anyhow::anyhow!(
            "{tool} is not here in a version that will do; `cargo xtask doctor` says how to get it"
        )
    })
}

/// The search path with these tools first: for those that cargo calls by their names.
pub fn path_with(tools: &[Tool]) -> anyhow::Result<String> {
    let mut path = std::env::var("PATH").unwrap_or_default();
    for &tool in tools {
        let program = require(tool)?;
        path = format!("{}:{path}", program.parent().context("a program is in a folder")?);
    }
    Ok(path)
}

/// Docker Compose, as a program that runs by itself.
pub fn compose() -> anyhow::Result<Utf8PathBuf> {
    require(Tool::Compose)
}

/// Docker's image builder, as a program that runs by itself.
pub fn buildx() -> anyhow::Result<Utf8PathBuf> {
    require(Tool::Buildx)
}

/// Unpacked programs look for their libraries where they were unpacked; installed ones need no help.
pub fn with_libraries<'a>(cmd: xshell::Cmd<'a>, program: &Utf8Path) -> xshell::Cmd<'a> {
    let Some(root) = program.as_str().split_once("/usr/lib/").map(|(root, _)| root).filter(|r| !r.is_empty())
    else {
        return cmd;
    };
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    cmd.env("LD_LIBRARY_PATH", format!("{root}/usr/lib/{triplet}:{root}/lib/{triplet}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;

    #[test]
    fn a_minor_version_of_postgresql_does_not_matter_and_a_major_one_does() {
        assert!(Tool::Postgres.will_do(Version(15, 4, 0)));
        assert!(!Tool::Postgres.will_do(Version(16, 1, 0)));
    }

    #[test]
    fn the_pinned_sqlx_is_the_one_in_cargos_lock_file() {
        let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));
        let Some((_, after)) = lock.split_once("name = \"sqlx\"\nversion = \"") else { return };
        assert_eq!(after.split('"').next(), Some(project::SQLX_VERSION));
    }

    #[test]
    fn the_oldest_node_that_will_do_is_the_one_that_the_page_s_package_names() {
        let package = workspace::root().join(project::FRONTEND.folder).join("package.json");
        let package: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(package).expect("read")).expect("JSON");
        assert_eq!(package["engines"]["node"], format!(">={}", project::NODE_VERSION));
        assert!(!Tool::Node.will_do(Version(20, 18, 3)) && Tool::Node.will_do(Version(20, 19, 0)));
    }
}
