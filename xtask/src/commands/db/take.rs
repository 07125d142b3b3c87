//! A copy that was off the host becomes a backup on it again: what brings the data of a lost host to its successor.

use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use clap::Args;
use serde_json::json;
use xshell::cmd;

use super::say_backup;
use crate::commands::output::OutputArgs;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::target::TargetArgs;
use crate::exit::refuse;
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity};
use crate::tools::age;
use crate::tools::process::{Run, shell};

/// The longest that a copy may take on its way.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3600);

#[derive(Debug, Args)]
pub struct Take {
    /// The copy, as `db backup --to` named it: NAME.dump.age
    copy: Utf8PathBuf,
    /// The file with the private key that opens it
    #[arg(long, value_name = "FILE")]
    identity: Utf8PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Take {
    /// Opened on its way: the key stays here, and the host gets the dump alone.
    pub fn run(self) -> Result<()> {
        let name = self.copy.file_name().and_then(|name| name.strip_suffix(".dump.age"));
        let is_plain =
            |name: &&str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
        let name = name.filter(is_plain).ok_or_else(|| {
            refuse(format!("{} is not called NAME.dump.age, as `db backup --to` calls a copy", self.copy))
        })?;
        for file in [&self.copy, &self.identity] {
            std::fs::File::open(file).map_err(|error| refuse(format!("{file} can't be read: {error}")))?;
        }
        setup::ensure(&[Tool::Age], false)?;
        let machine = self.target.reach()?;
        if machine.database().backups()?.iter().any(|backup| backup.name == name) {
            return Err(refuse(format!("{name} is among the backups already: `db list` shows them")));
        }
        machine.database().check_room_for_copy(self.copy.metadata().context("looking at the copy")?.len())?;
        let leased = driver::lease(&machine, format!("taking the copy {name}"), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let (sh, copy) = (shell(), &self.copy);
        let taken = Activity::of(format!("bring {name} to the host, and read it there"), |_| {
            let read = Run::new(cmd!(sh, "cat {copy}"));
            let open = Run::new(age::decrypt(sh, &self.identity));
            let receive = Run::new(leased.database().receive_dump(name)?).called("receiving the dump");
            let sent = read.pipe(open, receive.timeout(TRANSFER_TIMEOUT));
            match sent {
                Ok(_) => leased.database().take_dump(name),
                Err(error) => {
                    leased.database().discard_dump(name);
                    Err(error).with_context(|| format!("bringing {copy} to the host"))
                }
            }
        })?;
        attempt.note(&format!("{name} was taken from a copy off the host"))?;
        let environment = &machine.environment().name;
        self.output.say(
            || json!({ "backup": taken.name }),
            || {
                say_backup("Backup:", &taken);
                terminal::say(format_args!(
                    "`cargo xtask db restore {name} --env {environment}` puts it in the database's place."
                ));
            },
        );
        Ok(())
    }
}
