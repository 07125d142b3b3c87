//! The lock file of the base images: which digest each public name stood for when somebody looked.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::exit::refuse;
use crate::project::{self, BASES};
use crate::setup::{self, Tool};
use crate::terminal::{self, paint};
use crate::tools::git;
use crate::tools::process::{Run, shell};
use crate::workspace;

const FILE: &str = "images.lock.json";

fn path() -> camino::Utf8PathBuf {
    workspace::root().join(project::DEPLOY).join(FILE)
}

/// The name of each row of the table that is locked, and its digest.
fn read() -> Result<BTreeMap<String, String>> {
    match fs::read_to_string(path()) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{} can't be read", path())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path())),
    }
}

/// The same, as a commit has it.
pub fn of_commit(sha: &str) -> Result<BTreeMap<String, String>> {
    let file = format!("{}/{FILE}", project::DEPLOY);
    match git::history::show_if_there(workspace::root(), sha, &file)? {
        Some(text) => serde_json::from_str(&text).with_context(|| format!("{file} of {sha} can't be read")),
        None => Ok(BTreeMap::new()),
    }
}

/// Asks each registry and writes the file; all rows or nothing.
pub fn write() -> Result<()> {
    setup::ensure(&[Tool::Docker, Tool::Buildx], false)?;
    let before = read()?;
    let mut now = BTreeMap::new();
    for base in BASES {
        let asked =
            Run::new(setup::buildx()?.inspect(shell(), base.public)).timeout(Duration::from_secs(60)).text();
        let digest = asked.ok().map(|told| told.trim_matches('"').to_owned());
        let digest = digest.filter(|digest| digest.starts_with("sha256:")).ok_or_else(|| {
            refuse(format!(
                "no registry answers for {}: nothing was written, what was locked stays",
                base.public
            ))
        })?;
        now.insert(base.name.to_owned(), digest);
    }
    fs::write(path(), format!("{}\n", serde_json::to_string_pretty(&now)?))
        .context("writing the lock file")?;
    let row = |(name, digest): (&String, &String)| {
        let state =
            if before.get(name) == Some(digest) { paint::dim("as before") } else { paint::warn("changed") };
        vec![name.clone(), state, digest.clone()]
    };
    terminal::table(&["base image", "state", "digest"], &now.iter().map(row).collect::<Vec<_>>());
    Ok(())
}
