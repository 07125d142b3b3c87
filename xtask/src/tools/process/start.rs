//! The environment that a child is started with.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Command;
use std::sync::OnceLock;

use super::{CommandError, tracking};

/// The environment variable by which everything that this process started can be found again.
pub const DRIVER: &str = "XTASK_DRIVER";

/// This process's value of [`DRIVER`]: its number and when it began, so that a reused number does not match.
pub fn driver_id() -> &'static str {
    static MARK: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let began = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        format!("{}-{}", std::process::id(), began.as_micros())
    });
    &MARK
}

/// Says whether a variable is withheld from every program that is started.
type Withheld = fn(&str) -> bool;

static WITHHELD: OnceLock<Withheld> = OnceLock::new();

/// Withholds the variables for which this holds from every program that is started from now on, but for those that a
/// command is given by name.
pub fn withhold(is_withheld: Withheld) {
    WITHHELD.get_or_init(|| is_withheld);
}

fn is_withheld(name: &str) -> bool {
    WITHHELD.get().is_some_and(|is_withheld| is_withheld(name))
}

/// What `cargo run` adds to the environment would make an inner cargo rebuild the world, and xtask's own
/// secrets are nobody else's. What the command says of a variable by its name stays as it is.
pub(super) fn prepare_environment(command: &mut Command) {
    let under_cargo = std::env::var_os("CARGO_MANIFEST_DIR").is_some();
    let own: Vec<OsString> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in std::env::vars_os().filter(|(name, _)| !own.contains(name)) {
        let Some(name) = name.to_str() else { continue };
        let cargos_own = name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || matches!(name, "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR")
            || (under_cargo && matches!(name, "LD_LIBRARY_PATH" | "RUSTUP_TOOLCHAIN" | "CARGO"));
        if cargos_own || is_withheld(name) {
            command.env_remove(name);
        }
    }
    if !own.iter().any(|name| name == DRIVER) {
        command.env(DRIVER, driver_id());
    }
    tracking::apply(command);
}

/// Why it could not be started.
pub(super) fn not_started(command: &Command, line: &str, source: std::io::Error) -> CommandError {
    if source.kind() == ErrorKind::NotFound {
        return CommandError::NotFound { program: command.get_program().to_string_lossy().into_owned() };
    }
    CommandError::Io { command: line.to_owned(), source }
}
