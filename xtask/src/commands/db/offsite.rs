//! A copy of a backup off the host: encrypted on its way, so that the machine where it lies can't read it.

use std::time::Duration;

use anyhow::{Context, Result};
use xshell::Shell;

use crate::commands::access;
use crate::exit::refuse;
use crate::rollout::backup::{Backup, Copied};
use crate::rollout::machine::Machine;
use crate::setup::{self, Tool};
use crate::tools::age;
use crate::tools::process::Run;
use crate::tools::ssh::{Connection, Destination};

/// The variable with the public key (`age1…`) to which copies are encrypted. The private one belongs in a safe.
const RECIPIENT: &str = "BACKUP_RECIPIENT";
/// The longest that sending a copy may take.
const LIMIT: Duration = Duration::from_secs(3600);
/// Whole or not at all; the name says what opens it.
const KEEP: &str = r#"set -eu; umask 077; mkdir -p "$1"; cd "$1"; trap 'rm -f "$2.next"' EXIT
cat >"$2.next"; sync "$2.next"; mv "$2.next" "$2"; sync .; stat -c %s "$2""#;

/// Where copies go: `--to FOLDER` on the machine that the variables `BACKUP_HOST`, `BACKUP_USER`, … name.
pub struct Offsite {
    to: Destination,
    recipient: String,
    folder: String,
}

impl Offsite {
    /// Everything that can be wrong is said before a dump is made.
    pub fn told(folder: &str) -> Result<Offsite> {
        let to = access::backup_destination()?;
        let recipient = std::env::var(RECIPIENT).unwrap_or_default().trim().to_owned();
        if !age::is_recipient(&recipient) {
            return Err(refuse(format!(
                "{RECIPIENT} is not set to a public key of age (age1…): `age-keygen -o backup.key` makes a pair; keep the \
                 file in a safe, since nothing else opens the copies"
            )));
        }
        if !folder.starts_with('/') {
            return Err(refuse(format!("--to {folder}: a folder of {} begins with a slash", to.host)));
        }
        setup::ensure(&[Tool::Age], false)?;
        Ok(Offsite { to, recipient, folder: folder.to_owned() })
    }

    /// Sends a copy, and writes down on the host that there is one.
    pub fn send(&self, machine: &Machine, backup: &Backup) -> Result<Copied> {
        let connection = Connection::open(&self.to).context("the machine for backups")?;
        let (sh, name) = (Shell::new()?, format!("{}.dump.age", backup.name));
        let read = Run::new(machine.read_dump(backup));
        let encrypt = Run::new(age::encrypt(&sh, &self.recipient));
        let keep = Run::new(connection.command(&sh, &["sh", "-c", KEEP, "keep", &self.folder, &name]))
            .called("keeping the copy")
            .limit(LIMIT);
        let told = read.pipe(encrypt, keep).with_context(|| format!("sending a copy to {}", self.to))?;
        connection.close();
        let bytes = told.stdout.trim().parse().context("the machine did not say how big the copy is")?;
        let copied = Copied { to: format!("{}:{}/{name}", self.to.host, self.folder), bytes };
        machine.note_copy(backup, &copied)?;
        Ok(copied)
    }
}
