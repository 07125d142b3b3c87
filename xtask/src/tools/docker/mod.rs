//! Docker's images: list, pull, tag, push, import, remove, and try in a container that is thrown away.

pub mod buildx;
pub mod compose;
pub mod condition;
pub mod container;
pub mod copy;
pub mod engine;
pub mod exec;
pub mod image;
pub mod limits;
pub mod network;
pub mod socket;
pub mod volume;

use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

use self::limits::LIMITS;
use super::process::{CommandError, Run};

/// Lists the names of all images, one a line: `name:tag@sha256:…`, with `<none>` for a tag or a digest that it has not.
pub fn images(sh: &Shell) -> Cmd<'_> {
    let format = "{{.Repository}}:{{.Tag}}@{{.Digest}}";
    cmd!(sh, "docker image ls --format {format}")
}

/// Pulls an image from its registry.
pub fn pull<'a>(sh: &'a Shell, name: &str) -> Cmd<'a> {
    cmd!(sh, "docker pull {name}")
}

/// Gives an image another name.
pub fn tag<'a>(sh: &'a Shell, image: &str, name: &str) -> Cmd<'a> {
    cmd!(sh, "docker tag {image} {name}")
}

/// Pushes an image to the registry in its name.
pub fn push<'a>(sh: &'a Shell, name: &str) -> Cmd<'a> {
    cmd!(sh, "docker push {name}")
}

/// Prints a property of an image, by a template such as `{{.Id}}`.
pub fn inspect<'a>(sh: &'a Shell, image: &str, template: &str) -> Cmd<'a> {
    cmd!(sh, "docker image inspect --format {template} {image}")
}

/// An image's names by digest: one for each registry that it was pulled from or pushed to.
pub fn digests(sh: &Shell, image: &str) -> Result<Vec<String>, CommandError> {
    let told = Run::new(inspect(sh, image, "{{json .RepoDigests}}")).text()?;
    Ok(serde_json::from_str(&told).unwrap_or_default())
}

/// Makes an image of one layer from the archive of a root folder. `settings` are instructions of a Dockerfile.
pub fn import<'a>(sh: &'a Shell, archive: &Utf8Path, name: &str, settings: &[String]) -> Cmd<'a> {
    let changes = settings.iter().flat_map(|setting| ["--change", setting]);
    cmd!(sh, "docker import {changes...} {archive} {name}")
}

/// Runs the image's entry point with these words, in a container without a network, which is removed afterwards.
pub fn run<'a>(sh: &'a Shell, image: &str, words: &[&str]) -> Cmd<'a> {
    cmd!(sh, "docker run --rm --network none {LIMITS...} {image} {words...}")
}

/// Runs a command in a container without a network, which is removed afterwards.
pub fn try_in<'a>(sh: &'a Shell, image: &str, user: u32, command: &[&str]) -> Cmd<'a> {
    let user = user.to_string();
    cmd!(sh, "docker run --rm --network none {LIMITS...} --user {user} {image} {command...}")
}

/// Removes a name of an image, and the image with its last name.
pub fn remove_image<'a>(sh: &'a Shell, name: &str) -> Cmd<'a> {
    cmd!(sh, "docker image rm {name}")
}

/// The registry in an image's name, or the default one.
pub fn registry(name: &str) -> &str {
    match name.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_of_a_name_is_its_first_part_if_that_is_a_host() {
        assert_eq!(registry("gcr.io/distroless/cc-debian12:latest"), "gcr.io");
        assert_eq!(registry("localhost:5000/a"), "localhost:5000");
        assert_eq!(registry("library/caddy"), "docker.io");
        assert_eq!(registry("caddy:2"), "docker.io");
    }
}
