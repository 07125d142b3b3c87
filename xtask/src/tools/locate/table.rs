//! Every tool as a row: what it is called, where it may be, and which versions will do.

use camino::Utf8PathBuf;

use super::Tool;
use super::places::{
    actionlint_folder, cargo_tool_folder, llvm_places, on_path, plugin_places, postgres_places, wheel_folder,
    with,
};
use super::version::Version;
use crate::project::pins::{self, CargoTool, Wheel};
use crate::project::{NODE_VERSION, POSTGRES_MAJOR, RUST_VERSION};

/// What xtask knows of a tool, apart from how it is had.
pub struct Row {
    /// Which one.
    pub tool: Tool,
    /// What people call it.
    pub name: &'static str,
    /// Where it comes from, and so where it may be.
    pub from: Source,
    /// Which versions will do.
    pub wants: Wants,
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
    /// Compiled by cargo; or the search path.
    Cargo(&'static CargoTool),
}

/// Which versions will do.
pub enum Wants {
    /// All of them.
    Any,
    /// This one and later ones.
    AtLeast(&'static str),
    /// Any of this major version.
    Major(u32),
    /// This one: another one finds other things.
    Exactly(&'static str),
}

use Source::{Cargo, Own, Package, Path, Plugin};
use Wants::{Any, AtLeast, Major};

/// In the order in which people meet them.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    // The workspace's `rust-version`: cargo itself refuses to build xtask with an older one.
    row(Tool::Rust, "rust", Path(&["rustc"]), AtLeast(RUST_VERSION)),
    row(Tool::Git, "git", Package("git", "git"), AtLeast("2.30")),
    row(Tool::Node, "node", Path(&["node"]), AtLeast(NODE_VERSION)),
    row(Tool::Npm, "npm", Path(&["npm"]), AtLeast("9.0")),
    // The host runs this one: a dump, and a query plan, of another is another thing.
    row(Tool::Postgres, "postgres", Own(postgres_places), Major(POSTGRES_MAJOR)),
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
    row(Tool::Curl, "curl", Package("curl", "curl"), Any),
    row(Tool::Debootstrap, "debootstrap", Package("debootstrap", "debootstrap"), Any),
    row(Tool::Age, "age", Package("age", "age"), Any),
    row(Tool::Make, "make", Package("make", "make"), Any),
    wheel(Tool::Shellcheck, "shellcheck", &pins::SHELLCHECK),
    row(Tool::Actionlint, "actionlint", Own(|| vec![actionlint_folder().join("main.wasm")]), Any),
    wheel(Tool::Zizmor, "zizmor", &pins::ZIZMOR),
    wheel(Tool::Squawk, "squawk", &pins::SQUAWK),
    wheel(Tool::Hadolint, "hadolint", &pins::HADOLINT),
    wheel(Tool::Kingfisher, "kingfisher", &pins::KINGFISHER),
    compiled(Tool::Nextest, "cargo-nextest", &pins::NEXTEST),
    compiled(Tool::LlvmCov, "cargo-llvm-cov", &pins::LLVM_COV),
    // Older ones can't read what the compiler of today notes.
    row(Tool::LlvmTools, "llvm-cov", Own(llvm_places), AtLeast("19.0")),
    compiled(Tool::Deny, "cargo-deny", &pins::DENY),
];

const fn row(tool: Tool, name: &'static str, from: Source, wants: Wants) -> Row {
    Row { tool, name, from, wants }
}

const fn wheel(tool: Tool, name: &'static str, wheel: &'static Wheel) -> Row {
    row(tool, name, Source::Wheel(wheel), Wants::Exactly(wheel.says))
}

const fn compiled(tool: Tool, name: &'static str, made: &'static CargoTool) -> Row {
    row(tool, name, Cargo(made), Wants::Exactly(made.version))
}

impl Source {
    /// Where it may be, the first that will do being taken.
    pub fn places(&self) -> Vec<Utf8PathBuf> {
        match self {
            Source::Path(names) => on_path(names),
            Source::Package(name, _) => on_path(&[name]),
            Source::Plugin(name) => plugin_places(name),
            Source::Own(places) => places(),
            Source::Wheel(wheel) => {
                let name = wheel.program.rsplit('/').next().unwrap_or(wheel.program);
                with(on_path(&[name]), wheel_folder(wheel).join(wheel.program))
            }
            Source::Cargo(made) => {
                with(on_path(&[made.program]), cargo_tool_folder(made).join("bin").join(made.program))
            }
        }
    }
}

impl Wants {
    /// Whether this version will do.
    pub fn takes(&self, version: Version) -> bool {
        match self {
            Wants::Any => true,
            Wants::AtLeast(least) => Some(version) >= Version::parse(least),
            Wants::Major(major) => version.0 == *major,
            Wants::Exactly(only) => Some(version) == Version::parse(only),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_that_a_row_wants_is_one_that_can_be_compared() {
        for row in ROWS {
            if let Wants::AtLeast(version) | Wants::Exactly(version) = row.wants {
                assert!(Version::parse(version).is_some(), "{}: {version}", row.name);
            }
        }
    }
}
