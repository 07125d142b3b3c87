//! syft: says what an image is made of.

use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

/// Prints what an image of the engine is made of, as CycloneDX. It asks nobody whether there is a newer syft.
pub fn scan<'a>(sh: &'a Shell, syft: &Utf8Path, image: &str) -> Cmd<'a> {
    let source = format!("docker:{image}");
    cmd!(sh, "{syft} scan {source} --output cyclonedx-json --quiet").env("SYFT_CHECK_FOR_APP_UPDATE", "false")
}
