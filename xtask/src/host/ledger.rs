//! The ledger's file: read behind an append that is under way, and appended to by whoever holds the lease.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::{Leased, Machine};
use crate::rollout::state::ledger::{Entry, Event, Ledger};
use crate::tools::ssh::host_shell::{HostShell, Script};

pub(super) const READ: Script = Script::new(
    "reading the ledger",
    // Without the characters that stand between it and other files: none of its own are among them.
    r#"[ -e "$1" ] || exit 0; exec 8<"$1" && flock --shared 8 && tr '\035\036' '\001\001' <"$1""#,
);
/// The copies, each behind a character that stands in none of them.
const COPIES: Script = Script::new(
    "reading the ledger's copies",
    r#"cd "$1" 2>/dev/null || exit 0
for f in */ledger.jsonl; do [ -f "$f" ] && printf '\036' && tr '\035\036' '\001\001' <"$f"; done; :"#,
);
pub(super) const APPEND: Script = Script::new("append.sh", include_str!("scripts/append.sh"));
pub(super) const REPLACE: Script = Script::new("replace.sh", include_str!("scripts/replace.sh"));
/// In the environment's root folder.
pub const FILE: &str = "ledger.jsonl";

pub(super) fn read(machine: &Machine) -> Result<Ledger> {
    Ok(Ledger::parse(&machine.shell.script(READ, &[machine.folder(FILE).as_str()], "")?))
}

pub(super) fn copies(shell: &HostShell, releases: &Utf8Path) -> Result<Vec<Ledger>> {
    let told = shell.script(COPIES, &[releases.as_str()], "")?;
    Ok(told.split('\u{1e}').skip(1).map(Ledger::parse).collect())
}

impl Leased<'_> {
    /// Each entry is made once, also when the same ones are appended again. A release that is confirmed by one gets a copy
    /// of the ledger.
    pub(super) fn append_to_ledger(&self, entries: &[Entry]) -> Result<()> {
        let lines: Vec<String> = entries.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let (machine, (lease_file, number)) = (self.fenced()?, self.fencing()?);
        let file = machine.folder(FILE);
        let confirmed = entries.iter().rev().find_map(|entry| match &entry.event {
            Event::Confirmed { release, .. } => Some(machine.folder("releases").join(release.as_str())),
            _ => None,
        });
        let copy_to = confirmed.map(Utf8PathBuf::into_string).unwrap_or_default();
        let words = [file.as_str(), &lease_file, &number, &copy_to];
        machine.shell.script(APPEND, &words, &lines.join("\n"))?;
        Ok(())
    }

    /// Gives the file in which the one before is kept, when there was one.
    pub(super) fn put_ledger(&self, entries: &[Entry]) -> Result<Option<String>> {
        let (machine, (lease_file, number)) = (self.fenced()?, self.fencing()?);
        let lines: Vec<String> = entries.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let (file, text) = (machine.folder(FILE), lines.join("\n") + "\n");
        let words = [file.as_str(), &lease_file, &number, &text.len().to_string()];
        let aside = machine.shell.script(REPLACE, &words, &text)?;
        Ok(Some(aside).filter(|file| !file.is_empty()))
    }
}
