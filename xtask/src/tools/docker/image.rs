//! Images that the engine has, and how others come to it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use xshell::{Shell, cmd};

use super::socket::{self, REQUEST_TIMEOUT, Request, Socket};
use crate::tools::process::{CommandError, Run};

/// Whether the engine has an image of this name or id.
pub fn is_here(sh: &Shell, image: &str) -> Result<bool, CommandError> {
    let path = format!("/images/{}/json", socket::percent_encoded(image));
    let response = Socket::of(sh)?.get(&path, REQUEST_TIMEOUT)?.response()?;
    Ok(response.status == 200)
}

/// The size of an image, all of its layers; nothing when the engine has none of this name or id.
pub fn bytes(sh: &Shell, image: &str) -> Result<u64, CommandError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Image {
        size: u64,
    }
    let path = format!("/images/{}/json", socket::percent_encoded(image));
    let response = Socket::of(sh)?.get(&path, REQUEST_TIMEOUT)?.response()?;
    if response.status != 200 {
        return Ok(0);
    }
    Ok(response.json::<Image>(200)?.size)
}

/// Whether any container, running or not, is made of this image.
pub fn is_in_use(sh: &Shell, image: &str) -> Result<bool, CommandError> {
    Ok(!Run::new(cmd!(sh, "docker ps --all --quiet --filter ancestor={image}")).text()?.is_empty())
}

/// Starts to pull an image, named by digest, from a registry that asks for no credentials: `docker pull`, which looks for
/// them, takes as long to start as a small image takes to arrive.
pub fn start_pull(sh: &Shell, image: &str, timeout: Duration) -> Result<Request, CommandError> {
    let (name, digest) = image.split_once('@').unwrap_or((image, "latest"));
    let path = format!(
        "/images/create?fromImage={}&tag={}",
        socket::percent_encoded(name),
        socket::percent_encoded(digest)
    );
    Ok(Socket::of(sh)?.post(&path, None, timeout)?.called("docker pull"))
}

/// Waits until the image is there.
pub fn finish_pull(pull: Request) -> Result<(), CommandError> {
    let response = pull.response()?;
    // The status is sent when the pull begins; an error after that is one of the lines of its progress.
    let lines = String::from_utf8_lossy(response.body(200)?).into_owned();
    let error = lines
        .lines()
        .find_map(|line| serde_json::from_str::<Value>(line).ok()?["error"].as_str().map(str::to_owned));
    error.map_or(Ok(()), |tail| {
        let (command, ending) = ("docker pull".to_owned(), "failed".to_owned());
        Err(CommandError::Failed { command, ending, code: None, tail })
    })
}
