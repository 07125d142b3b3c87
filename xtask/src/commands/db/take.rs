//! A copy that was off the host becomes a backup on it again: what brings the data of a lost host to its successor.

use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;
use xshell::{Cmd, cmd};

use super::say_backup;
use super::store::{self, ENDING, Place};
use crate::commands::output::OutputArgs;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::target::TargetArgs;
use crate::exit::refuse;
use crate::host::Leased;
use crate::product::secrets::Supplied;
use crate::rollout::state::backup::Backup;
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity};
use crate::tools::age;
use crate::tools::process::{Run, shell};

/// The longest that a copy may take on its way.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3600);

#[derive(Debug, Args)]
pub struct Take {
    /// The copy, as `db backup --to` named it: NAME.dump.age, or `s3://BUCKET/FOLDER/NAME.dump.age`; of a folder, the newest of this environment
    copy: String,
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
        can_be_read(&self.identity)?;
        let environment = self.target.environment();
        let from = match store::is_address(&self.copy) {
            true => From::Store(Place::told(&self.copy, environment, &Supplied::of(environment)?)?),
            false => From::File(Utf8PathBuf::from(&self.copy)),
        };
        setup::ensure(&[Tool::Age], false)?;
        let (name, bytes) = from.chosen()?;
        let name = name.as_str();
        let machine = self.target.reach()?;
        if machine.database().backups()?.iter().any(|backup| backup.name == name) {
            return Err(refuse(format!("{name} is among the backups already: `db list` shows them")));
        }
        machine.database().check_room_for_copy(bytes)?;
        let leased = driver::lease(&machine, format!("taking the copy {name}"), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let taken = from.bring(&leased, name, &self.identity)?;
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

/// Where a copy is.
pub enum From {
    /// Here.
    File(Utf8PathBuf),
    /// In a store.
    Store(Place),
}

impl From {
    /// Brings the copy to the host, as a backup; a part of one is none.
    pub fn bring(&self, leased: &Leased, name: &str, identity: &Utf8Path) -> Result<Backup> {
        Activity::of(format!("bring {name} to the host, and read it there"), |_| {
            let read = Run::new(self.read(name)).called("reading the copy");
            let open = Run::new(age::decrypt(shell(), identity));
            let receive = Run::new(leased.database().receive_dump(name)?).called("receiving the dump");
            match read.pipe(open, receive.timeout(TRANSFER_TIMEOUT)) {
                Ok(_) => leased.database().take_dump(name),
                Err(error) => {
                    leased.database().discard_dump(name);
                    Err(error).with_context(|| format!("bringing the copy {name} to the host"))
                }
            }
        })
    }

    /// The copy's name without its ending, and its size.
    pub fn chosen(&self) -> Result<(String, u64)> {
        let (name, bytes) = match self {
            From::Store(place) => place.chosen()?,
            From::File(copy) => {
                let name = copy.file_name().and_then(|name| name.strip_suffix(ENDING)).unwrap_or_default();
                (name.to_owned(), can_be_read(copy)?)
            }
        };
        if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-') {
            return Err(refuse(format!(
                "{name:?} is no NAME of NAME{ENDING}, as `db backup --to` calls a copy"
            )));
        }
        Ok((name, bytes))
    }

    fn read(&self, name: &str) -> Cmd<'static> {
        match self {
            From::Store(place) => place.read(name),
            From::File(copy) => cmd!(shell(), "cat {copy}"),
        }
    }
}

/// The size of a file; refused when it can't be opened.
pub fn can_be_read(file: &Utf8Path) -> Result<u64> {
    let size = std::fs::File::open(file).and_then(|file| file.metadata()).map(|known| known.len());
    size.map_err(|error| refuse(format!("{file} can't be read: {error}")))
}
