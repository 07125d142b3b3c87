//! What the files of an environment say, in one call: whoever changes something wants live folder, ledger and kept releases.

use anyhow::{Context, Result};

use super::{Machine, ledger, live_folder, releases};
use crate::rollout::host::Files;
use crate::rollout::state::ledger::Ledger;
use crate::tools::ssh::host_shell::Script;

/// What three scripts print, with a character between them that stands in none of it.
const FILES: Script = Script::new(
    "reading the files",
    r#"cd "$1" && sh -c "$2" live.sh read live && printf '\035' &&
sh -c "$3" ledger "$5" && printf '\035' && exec sh -c "$4" releases releases"#,
);

impl Machine {
    /// Live folder, ledger and kept releases, in one call.
    pub(super) fn read_files(&self) -> Result<Files> {
        let scripts = [live_folder::SCRIPT, ledger::READ, releases::READ].map(|script| script.text);
        let [live, ledger, releases] = scripts;
        let words = [self.root.as_str(), live, ledger, releases, ledger::FILE];
        let told = self.shell.script(FILES, &words, "")?;
        let mut told = told.split('\u{1d}');
        let mut next = || told.next().context("reading the files: what the host told is not whole");
        let (live, ledger, releases) = (next()?, next()?, next()?);
        let traffic = self.live_folder().parse(live)?;
        Ok(Files { traffic, ledger: Ledger::parse(ledger), kept: releases::parse(releases) })
    }
}
