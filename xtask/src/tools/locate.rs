//! Where the tools are that xtask calls: first what the machine has, if it is new enough, then what was installed into
//! the repository's own folder for tools.

mod places;
mod version;

use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

pub use self::places::{actionlint_folder, cargo_tool_folder, plugins_folder, postgres_folder, wheel_folder};
pub use self::version::Version;

use self::places::{llvm_places, on_path, plugin_places, postgres_places, with};

use super::process::Run;
use super::{engine, interrupt, known};
use crate::project::{
    self,
    pins::{self, CargoTool, Wheel},
};

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
        f.write_str(match self {
            Tool::Engine => "docker engine",
            Tool::Docker => "docker",
            Tool::Compose => "docker compose",
            Tool::Buildx => "docker buildx",
            Tool::Postgres => "postgres",
            Tool::SqlxCli => "sqlx",
            Tool::Node => "node",
            Tool::Npm => "npm",
            Tool::Chromium => "chromium",
            Tool::Git => "git",
            Tool::Readelf => "readelf",
            Tool::Ssh => "ssh",
            Tool::Curl => "curl",
            Tool::Debootstrap => "debootstrap",
            Tool::Age => "age",
            Tool::Rust => "rust",
            Tool::Shellcheck => "shellcheck",
            Tool::Actionlint => "actionlint",
            Tool::Zizmor => "zizmor",
            Tool::Squawk => "squawk",
            Tool::Hadolint => "hadolint",
            Tool::Kingfisher => "kingfisher",
            Tool::Nextest => "cargo-nextest",
            Tool::LlvmCov => "cargo-llvm-cov",
            Tool::Deny => "cargo-deny",
            Tool::LlvmTools => "llvm-cov",
            Tool::Make => "make",
        })
    }
}

impl Tool {
    /// All of them, in the order in which people meet them.
    pub const ALL: [Tool; 27] = [
        Tool::Rust,
        Tool::Git,
        Tool::Node,
        Tool::Npm,
        Tool::Postgres,
        Tool::SqlxCli,
        Tool::Chromium,
        Tool::Docker,
        Tool::Engine,
        Tool::Compose,
        Tool::Buildx,
        Tool::Readelf,
        Tool::Ssh,
        Tool::Curl,
        Tool::Debootstrap,
        Tool::Age,
        Tool::Make,
        Tool::Shellcheck,
        Tool::Actionlint,
        Tool::Zizmor,
        Tool::Squawk,
        Tool::Hadolint,
        Tool::Kingfisher,
        Tool::Nextest,
        Tool::LlvmCov,
        Tool::LlvmTools,
        Tool::Deny,
    ];

    /// How the tool is pinned, when it is one that cargo compiles.
    pub fn cargo_tool(self) -> Option<&'static CargoTool> {
        Some(match self {
            Tool::SqlxCli => &pins::SQLX_CLI,
            Tool::Nextest => &pins::NEXTEST,
            Tool::LlvmCov => &pins::LLVM_COV,
            Tool::Deny => &pins::DENY,
            _ => return None,
        })
    }

    /// How the tool is pinned, when it is one that a Python wheel carries.
    pub fn wheel(self) -> Option<&'static Wheel> {
        Some(match self {
            Tool::Shellcheck => &pins::SHELLCHECK,
            Tool::Zizmor => &pins::ZIZMOR,
            Tool::Squawk => &pins::SQUAWK,
            Tool::Hadolint => &pins::HADOLINT,
            Tool::Kingfisher => &pins::KINGFISHER,
            _ => return None,
        })
    }

    /// Which versions will do. Behind each is the feature that an older one lacks.
    pub fn will_do(self, version: Version) -> bool {
        if let Some(wheel) = self.wheel() {
            return Some(version) == Version::parse(wheel.says);
        }
        if let Some(made) = self.cargo_tool() {
            return Some(version) == Version::parse(made.version);
        }
        match self {
            Tool::Engine | Tool::Docker => version >= Version(20, 10, 0),
            // It knows `depends_on: required`.
            Tool::Compose => version >= Version(2, 20, 0),
            // Older ones were not tried.
            Tool::Buildx => version >= Version(0, 12, 0),
            // The host runs this one: a dump, and a query plan, of another is another thing.
            Tool::Postgres => version.0 == project::POSTGRES_MAJOR,
            Tool::Node => Some(version) >= Version::parse(project::NODE_VERSION),
            Tool::Npm => version >= Version(9, 0, 0),
            Tool::Chromium => version >= Version(109, 0, 0),
            Tool::Git => version >= Version(2, 30, 0),
            Tool::Readelf | Tool::Curl | Tool::Debootstrap | Tool::Age | Tool::Make | Tool::Actionlint => {
                true
            }
            Tool::Rust => Some(version) >= Version::parse(project::RUST_VERSION),
            // Older ones can't read what the compiler of today notes.
            Tool::LlvmTools => version >= Version(19, 0, 0),
            // It knows `KnownHostsCommand`.
            Tool::Ssh => version >= Version(8, 5, 0),
            // What is pinned was judged above.
            _ => false,
        }
    }

    /// Where it may be, the first that will do being taken.
    fn places(self) -> Vec<Utf8PathBuf> {
        if let Some(wheel) = self.wheel() {
            let name = wheel.program.rsplit('/').next().unwrap_or(wheel.program);
            return with(on_path(&[name]), wheel_folder(wheel).join(wheel.program));
        }
        if let Some(made) = self.cargo_tool() {
            return with(on_path(&[made.program]), cargo_tool_folder(made).join("bin").join(made.program));
        }
        match self {
            Tool::Engine | Tool::Docker => on_path(&["docker"]),
            Tool::Compose => plugin_places("docker-compose"),
            Tool::Buildx => plugin_places("docker-buildx"),
            Tool::Postgres => postgres_places(),
            Tool::Node => on_path(&["node"]),
            Tool::Npm => on_path(&["npm"]),
            Tool::Chromium => on_path(&["chromium", "chromium-browser", "google-chrome"]),
            Tool::Git => on_path(&["git"]),
            Tool::Readelf => on_path(&["readelf"]),
            Tool::Ssh => on_path(&["ssh"]),
            Tool::Curl => on_path(&["curl"]),
            Tool::Debootstrap => on_path(&["debootstrap"]),
            Tool::Age => on_path(&["age"]),
            Tool::Rust => on_path(&["rustc"]),
            Tool::Make => on_path(&["make"]),
            Tool::Actionlint => vec![actionlint_folder().join("main.wasm")],
            Tool::LlvmTools => llvm_places(),
            // What is pinned has been answered above.
            _ => vec![],
        }
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
                    Run::new(cmd!(sh, "{program} -V")).limit(Duration::from_secs(20)).finish().ok()?.stderr;
                return Version::parse(&said.replace("OpenSSH_", ""));
            }
            _ => cmd!(sh, "{program} --version"),
        };
        Version::parse(&Run::new(cmd).limit(Duration::from_secs(20)).text().ok()?)
    }
}

static KNOWN: LazyLock<Mutex<HashMap<Tool, Option<Found>>>> = LazyLock::new(Default::default);

/// What is known of the tool without starting it: whether one that will do is here. None when it has to be asked.
pub fn at_hand(tool: Tool) -> Option<Option<Found>> {
    if let Some(known) = KNOWN.lock().expect("no holder panics").get(&tool) {
        return Some(known.clone());
    }
    // An engine is no file: it may have gone, or be another one.
    let recalled = if tool == Tool::Engine { None } else { known::recall(tool, &tool.places()) };
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
        known::remember(tool, &tool.places(), found);
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
        let package = project::root().join(project::FRONTEND.folder).join("package.json");
        let package: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(package).expect("read")).expect("JSON");
        assert_eq!(package["engines"]["node"], format!(">={}", project::NODE_VERSION));
        assert!(!Tool::Node.will_do(Version(20, 18, 3)) && Tool::Node.will_do(Version(20, 19, 0)));
    }
}
