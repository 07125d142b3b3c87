//! Where a lab's machine gets packages from: from where the machine under it gets them. It is told so when it is made,
//! so that neither the repository nor an image holds anybody's mirror or proxy.

use std::fs;

use anyhow::{Context, Result};
use xshell::Shell;

use crate::tools::apt;
use crate::tools::docker::container;
use crate::tools::process::Run;

/// The Debian that the machines are.
pub const SUITE: &str = "bookworm";
/// Written last: where it is, all has been told.
const SETTINGS: &str = "/etc/apt/apt.conf.d/90xtask-lab";
/// The folder that all labs share; `packages.sh` takes from it and gives to it.
pub const COMMON: &str = "/var/cache/lab-packages";
/// The path, in a machine, of `packages.sh`.
pub const PROGRAM: &str = "usr/local/sbin/lab-packages";

/// What is fetched is kept and shared.
fn keep() -> String {
    format!(
        "APT::Keep-Downloaded-Packages \"true\";\nBinary::apt::APT::Keep-Downloaded-Packages \"true\";\n\
         APT::Update::Post-Invoke {{ \"/{PROGRAM} take\"; }};\nDPkg::Post-Invoke {{ \"/{PROGRAM} give\"; }};\n"
    )
}

const WRITE: &str = r#"mkdir -p "$(dirname "$1")" && cat >"$1""#;

/// Tells the machine, unless it was told before.
pub fn tell(sh: &Shell, machine: &str) -> Result<()> {
    let run = |words: &[&str]| Run::new(container::exec(sh, machine, "0", words));
    if run(&["test", "-e", SETTINGS]).succeeds()? {
        return Ok(());
    }
    let write = |path: &str, bytes: Vec<u8>| {
        let written = run(&["sh", "-c", WRITE, "write", path]).stdin(bytes).run();
        written.with_context(|| format!("telling {machine} where packages come from ({path})"))
    };
    // Another distribution's mirror has no packages for Debian: then the image's own sources stay.
    if let Some(mirror) = apt::mirror()? {
        if let Ok(keyring) = fs::read(apt::KEYRING) {
            write(apt::KEYRING, keyring)?;
        }
        write("/etc/apt/sources.list", apt::sources(&mirror, SUITE, false, true).into_bytes())?;
        run(&["rm", "-f", "/etc/apt/sources.list.d/debian.sources"]).run()?;
    }
    write(SETTINGS, format!("{}{}", keep(), apt::way()?).into_bytes())
}
