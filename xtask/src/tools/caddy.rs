//! Caddy, in a container of its image: checks a configuration.

use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

use super::docker::limits::{CADDYS_MARK, LIMITS, READ_ONLY};

/// The path of the configuration in an image.
const CADDYFILE: &str = "/etc/caddy/Caddyfile";
/// It may write to `/tmp` alone.
const FOLDERS: [&str; 2] = ["--env=XDG_DATA_HOME=/tmp", "--env=XDG_CONFIG_HOME=/tmp"];

/// What beside the site is served on port 80, as the platform's files have it: with HTTPS, whatever else is asked for.
fn plain(site: &str) -> &'static str {
    if site == ":80" { "PLAIN=http://plain.invalid" } else { "PLAIN=http://" }
}

/// Checks a file of this machine, as the edge of a site of this name would read it.
pub fn validate<'a>(sh: &'a Shell, image: &str, file: &Utf8Path, site: &str) -> Cmd<'a> {
    let (mount, plain, site) = (format!("{file}:{CADDYFILE}:ro"), plain(site), format!("SITE={site}"));
    cmd!(
        sh,
        "docker run --rm --network none {LIMITS...} {CADDYS_MARK...} {READ_ONLY...} {FOLDERS...} --env {site} --env {plain} --volume {mount} --entrypoint caddy {image} validate --config {CADDYFILE} --adapter caddyfile"
    )
}

/// Checks a configuration from standard input, also where the engine is on another machine. It runs as this user.
pub fn validate_input<'a>(sh: &'a Shell, image: &str, user: u32, site: &str) -> Cmd<'a> {
    let (user, plain, site) = (user.to_string(), plain(site), format!("SITE={site}"));
    cmd!(
        sh,
        "docker run --rm --interactive --network none {LIMITS...} {CADDYS_MARK...} {READ_ONLY...} {FOLDERS...} --user {user} --env {site} --env {plain} --entrypoint caddy {image} validate --config - --adapter caddyfile"
    )
}

/// Checks the configuration in an image.
pub fn validate_own<'a>(sh: &'a Shell, image: &str) -> Cmd<'a> {
    cmd!(
        sh,
        "docker run --rm --network none {LIMITS...} {CADDYS_MARK...} {READ_ONLY...} {FOLDERS...} {image} caddy validate --config {CADDYFILE} --adapter caddyfile"
    )
}
