//! Volumes.

use std::collections::BTreeMap;

use serde::Deserialize;
use xshell::{Shell, cmd};

use super::socket::{self, REQUEST_TIMEOUT, Socket};
use crate::tools::process::{CommandError, Run};

/// Creates a named volume with labels. One that is there already is left as it is.
pub fn create(sh: &Shell, name: &str, labels: &[String]) -> Result<(), CommandError> {
    let labels = labels.iter().flat_map(|label| ["--label", label]);
    Run::new(cmd!(sh, "docker volume create {labels...} {name}")).run()
}

/// The labels of a volume; none when there is no volume of this name.
pub fn labels(sh: &Shell, name: &str) -> Result<Option<BTreeMap<String, String>>, CommandError> {
    #[derive(Deserialize)]
    struct Described {
        #[serde(rename = "Labels")]
        labels: Option<BTreeMap<String, String>>,
    }
    let path = format!("/volumes/{}", socket::percent_encoded(name));
    let response = Socket::of(sh)?.get(&path, REQUEST_TIMEOUT)?.response()?;
    if response.status == 404 {
        return Ok(None);
    }
    let described: Described = response.json(200)?;
    Ok(Some(described.labels.unwrap_or_default()))
}

/// The names of all volumes that carry this label.
pub fn labelled(sh: &Shell, label: &str) -> Result<Vec<String>, CommandError> {
    let told = Run::new(cmd!(sh, "docker volume ls --quiet --filter label={label}")).text()?;
    Ok(told.lines().map(str::to_owned).collect())
}

/// Removes a volume with everything in it.
pub fn remove(sh: &Shell, name: &str) -> Result<(), CommandError> {
    Run::new(cmd!(sh, "docker volume rm --force {name}")).run()
}
