//! sqlx's command line: compiled once, at the version of the backend's library. As a dependency of xtask it would cost
//! every newcomer these minutes before the first word.

use std::time::Duration;

use anyhow::Context;
use xshell::{Shell, cmd};

use super::{Recipe, Tool, install};
use crate::project::SQLX_VERSION;
use crate::tools::locate;
use crate::tools::process::Run;

const LIMIT: Duration = Duration::from_secs(1800);

/// `cargo install` into the folder for tools.
pub fn recipe() -> Result<Recipe, String> {
    Ok(Recipe {
        how: format!("cargo install sqlx-cli {SQLX_VERSION} into the folder for tools"),
        changes_machine: false,
        install: Box::new(|activity| {
            install::once(Tool::SqlxCli, &locate::sqlx_folder(), activity, |folder| {
                // What is built on the way is of no use afterwards, and is half a gigabyte.
                let target = format!("{folder}.target");
                let sh = Shell::new()?;
                // TLS is left out: migrations of environments run in containers, this one's databases are local.
                let install = cmd!(
                    sh,
                    "cargo install sqlx-cli --version {SQLX_VERSION} --locked --no-default-features --features postgres
                        --root {folder}"
                )
                .env("CARGO_TARGET_DIR", &target);
                let line = |line: &str| activity.line(line);
                Run::new(install).limit(LIMIT).each_line(&line).run().context("compiling sqlx-cli")?;
                Ok(sh.remove_path(target)?)
            })
        }),
    })
}
