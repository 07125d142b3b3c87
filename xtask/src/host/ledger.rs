//! The ledger's file: read behind an append that is under way, and appended to by whoever holds the lease.

use anyhow::Result;

use super::{Leased, Machine};
use crate::rollout::state::ledger::{Entry, Ledger};
use crate::tools::ssh::host_shell::Script;

pub(super) const READ: Script = Script::new(
    "reading the ledger",
    r#"[ -e "$1" ] || exit 0; exec 8<"$1" && flock --shared 8 && cat "$1""#,
);
pub(super) const APPEND: Script = Script::new("append.sh", include_str!("scripts/append.sh"));
/// In the environment's root folder.
pub(super) const FILE: &str = "ledger.jsonl";

pub(super) fn read(machine: &Machine) -> Result<Ledger> {
    Ok(Ledger::parse(&machine.shell.script(READ, &[machine.folder(FILE).as_str()], "")?))
}

impl Leased<'_> {
    /// Each entry is made once, also when the same ones are appended again.
    pub(super) fn append_to_ledger(&self, entries: &[Entry]) -> Result<()> {
        let lines: Vec<String> = entries.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let (machine, (lease_file, number)) = (self.fenced()?, self.fencing()?);
        let file = machine.folder(FILE);
        machine.shell.script(APPEND, &[file.as_str(), &lease_file, &number], &lines.join("\n"))?;
        Ok(())
    }
}
