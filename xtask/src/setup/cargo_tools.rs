//! Programs that cargo compiles, once, at a pinned version. As dependencies of xtask they would cost every newcomer minutes
//! before the first word.

use std::time::Duration;

use anyhow::Context;
use xshell::cmd;

use super::{Recipe, Tool, install, table};
use crate::project::pins::CargoTool;
use crate::tools::process::{Run, shell};

const INSTALL_TIMEOUT: Duration = Duration::from_secs(1800);

/// What they do is wait for others (the compiler, a database), so that they be compiled quickly matters more than that they
/// be quick: a third of the time.
const PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_STRIP", "debuginfo"),
];

/// `cargo install` into the folder for tools.
pub fn recipe(tool: Tool, made: &'static CargoTool) -> Result<Recipe, String> {
    let CargoTool { package, version, features, .. } = *made;
    Ok(Recipe {
        how: format!("cargo install {package} {version} into the folder for tools"),
        changes_machine: false,
        install: Box::new(move |activity| {
            install::once(tool, &table::cargo_tool_folder(made), activity, |folder| {
                // What is built on the way is of no use afterwards, and is half a gigabyte.
                let target = format!("{folder}.target");
                let sh = shell();
                let install = cmd!(
                    sh,
                    "cargo install {package} --version {version} --locked {features...} --root {folder}"
                )
                .env("CARGO_TARGET_DIR", &target)
                .envs(PROFILE);
                let line = |line: &str| activity.line(line);
                let compiled = Run::new(install).timeout(INSTALL_TIMEOUT).each_line(&line).run();
                compiled.with_context(|| format!("compiling {package}"))?;
                Ok(sh.remove_path(target)?)
            })
        }),
    })
}
