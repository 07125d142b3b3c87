//! The folder of a container beside the platform: its secrets, a file each, and where it writes. All of it belongs to the user that
//! it runs as.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use xshell::cmd;

use super::Leased;
use crate::tools::docker::limits::{LIMITS, OTHERS_FILES, READ_ONLY};
use crate::tools::process::Run;

const SCRIPT: &str = include_str!("scripts/container-folder.sh");

/// The folder, within that of the environment.
pub(super) struct ContainerFolder<'a> {
    pub(super) leased: &'a Leased<'a>,
    pub(super) folder: &'static str,
    /// The numeric user that it runs as.
    pub(super) user: u32,
}

impl ContainerFolder<'_> {
    /// Makes the folder and writes these values, each one line, beside those that are there.
    pub(super) fn add(&self, about: &str, values: &BTreeMap<String, String>) -> Result<()> {
        self.prepare("add", about, values).map(drop)
    }

    /// Like `add`, in the place of those that are there; without any, those stay. Gives the names of the files that are there no more.
    pub(super) fn replace(&self, about: &str, values: &BTreeMap<String, String>) -> Result<Vec<String>> {
        self.prepare("replace", about, values)
    }

    fn prepare(&self, verb: &str, about: &str, values: &BTreeMap<String, String>) -> Result<Vec<String>> {
        // Else the engine would make it, as root's.
        let folder = self.leased.fenced()?.folder(self.folder);
        self.leased.write(&folder, &[("README", &format!("Here is {about}.\n"))])?;
        let verb = if values.is_empty() { "make" } else { verb };
        let removed = self.call(verb, lines(values)).with_context(|| format!("preparing {folder}"))?;
        Ok(removed.lines().map(str::to_owned).collect())
    }

    /// Forgets the values that were there before.
    pub(super) fn forget(&self) -> Result<()> {
        self.call("forget", String::new()).map(drop)
    }

    /// Removes all of them.
    pub(super) fn empty(&self) -> Result<()> {
        self.call("empty", String::new()).map(drop)
    }

    /// Puts them back.
    pub(super) fn put_back(&self) -> Result<()> {
        self.call("put-back", String::new()).map(drop)
    }

    /// As root, since the folder's files are another user's; gives what the script prints.
    fn call(&self, verb: &str, stdin: String) -> Result<String> {
        let machine = self.leased.fenced()?;
        let (image, user) = (&machine.bases()?.caddy, self.user.to_string());
        let mount = format!("{}:/own", machine.folder(self.folder));
        let run = cmd!(
            machine.docker(),
            "docker run --rm --interactive --network none {LIMITS...} {OTHERS_FILES...} {READ_ONLY...} --user 0 --entrypoint sh --volume {mount} {image} -c {SCRIPT} container-folder {verb} /own {user}"
        );
        Ok(Run::new(run).called("container-folder.sh").stdin(stdin).checked()?.stdout)
    }
}

/// As the script reads them.
fn lines(values: &BTreeMap<String, String>) -> String {
    let lines: String = values.iter().map(|(name, value)| format!("{name}\n{}\n", value.trim())).collect();
    format!("{lines}end\n")
}

#[cfg(test)]
mod tests;
