//! Caddy, out of an image: what it thinks of a configuration.

use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

/// Where images have theirs.
const CADDYFILE: &str = "/etc/caddy/Caddyfile";

/// Judges a file of this machine, as the edge of a site of this name would read it.
pub fn validate<'a>(sh: &'a Shell, image: &str, file: &Utf8Path, site: &str) -> Cmd<'a> {
    let (mount, site) = (format!("{file}:{CADDYFILE}:ro"), format!("SITE={site}"));
    cmd!(
        sh,
        "docker run --rm --network none --env {site} --volume {mount} --entrypoint caddy {image} validate --config {CADDYFILE} --adapter caddyfile"
    )
}

/// Judges the file that an image brings.
pub fn validate_own<'a>(sh: &'a Shell, image: &str) -> Cmd<'a> {
    cmd!(sh, "docker run --rm --network none {image} caddy validate --config {CADDYFILE} --adapter caddyfile")
}
