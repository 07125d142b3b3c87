//! What the files of an environment say, in one call: whoever changes something wants live folder, ledger and kept releases.

use anyhow::{Context, Result};
use camino::Utf8Path;

use super::{Machine, ledger, live_folder, releases};
use crate::rollout::host::Files;
use crate::rollout::state::ledger::Ledger;
use crate::tools::ssh::host_shell::{HostShell, Script};

/// What three scripts print, with a character between them that stands in none of it.
const FILES: Script = Script::new(
    "reading the files",
    r#"cd "$1" && sh -c "$2" live.sh read live && printf '\035' &&
sh -c "$3" ledger "$5" && printf '\035' && exec sh -c "$4" releases releases"#,
);

impl Machine {
    /// Live folder, ledger and kept releases, in one call.
    pub(super) fn read_files(&self) -> Result<Files> {
        let [live, ledger, releases] = read(&self.shell, &self.root)?;
        let traffic = self.live_folder().parse(&live)?;
        let (kept, broken) = releases::parse(&releases);
        Ok(Files { traffic, ledger: Ledger::parse(&ledger), kept, broken })
    }
}

/// The text of each.
pub(super) fn read(shell: &HostShell, root: &Utf8Path) -> Result<[String; 3]> {
    let scripts = [live_folder::SCRIPT, ledger::READ, releases::READ].map(|script| script.text);
    let [live, ledger, releases] = scripts;
    let told = shell.script(FILES, &[root.as_str(), live, ledger, releases, ledger::FILE], "")?;
    let mut told = told.split('\u{1d}').map(str::to_owned);
    let mut next = || told.next().context("reading the files: what the host told is not whole");
    Ok([next()?, next()?, next()?])
}
