//! A copy that was off the host becomes a backup on it again: what brings the data of a lost host to its successor.

use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;
use xshell::{Cmd, cmd};

use super::papers;
use super::say_backup;
use super::store::{self, ENDING, Place};
use crate::commands::output::OutputArgs;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::target::TargetArgs;
use crate::exit::refuse;
use crate::host::{self, Leased, Machine};
use crate::product::secrets::Supplied;
use crate::rollout::state::backup::Backup;
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity};
use crate::tools::age;
use crate::tools::process::{Run, interrupt, shell};

/// What a copy is called on the host while it is tried: no backup's name, or the sender would take it for a new one.
const REHEARSED: &str = "rehearsed";
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
        let place = match store::is_address(&self.copy) {
            true => Some(Place::told(&self.copy, environment, &Supplied::of(environment)?)?),
            false => can_be_read(Utf8Path::new(&self.copy)).map(|_| None)?,
        };
        setup::ensure(&[Tool::Age], false)?;
        let machine = self.target.reach()?;
        let from = match place {
            Some(place) => From::Store(place.rather_of(machine.sender().known_owner()?)),
            None => From::File(Utf8PathBuf::from(&self.copy)),
        };
        let (name, bytes) = from.chosen()?;
        let name = name.as_str();
        let known = machine.database().backups()?.into_iter().find(|backup| backup.name == name);
        if known.is_some() && matches!(from, From::File(_)) {
            return Err(refuse(format!("{name} is among the backups already: `db list` shows them")));
        }
        machine.database().check_room_for_copy(bytes)?;
        let leased = driver::lease(&machine, format!("taking the copy {name}"), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let taken = match known {
            Some(known) => known,
            None => from.bring(&leased, name, name, &self.identity)?,
        };
        attempt.note(&format!("{name} was taken from a copy off the host"))?;
        let away = from.bring_papers(&leased, &machine, &taken, &self.identity)?;
        let environment = &machine.environment().name;
        self.output.say(
            || json!({ "backup": taken.name, "papers_amiss": away }),
            || {
                say_backup("Backup:", &taken);
                say_papers(away.as_deref());
                terminal::say(format_args!(
                    "`cargo xtask db restore {name} --env {environment}` puts it in the database's place."
                ));
            },
        );
        Ok(())
    }
}

/// Restores a copy as it is off the host into a scratch database, and opens each of its papers as it is there. Only who has the
/// private key can do that. Nothing of it stays.
pub fn rehearse(
    address: &str,
    identity: &Utf8Path,
    target: TargetArgs,
    lock_wait: LockWaitArgs,
    output: OutputArgs,
) -> Result<()> {
    can_be_read(identity)?;
    if !store::is_address(address) {
        return Err(refuse(format!("{address} is no store: s3://BUCKET/FOLDER")));
    }
    let environment = target.environment();
    let place = Place::told(address, environment, &Supplied::of(environment)?)?;
    let machine = target.reach()?;
    let from = From::Store(place.rather_of(machine.sender().known_owner()?));
    let (name, bytes) = from.chosen()?;
    machine.database().check_room_for_copy(bytes)?;
    let leased = driver::lease(&machine, format!("rehearsal of the copy {name}"), lock_wait)?;
    let attempt = driver::settle(&leased)?;
    let taken = from.bring(&leased, &name, REHEARSED, identity)?;
    let rehearsed = rehearse_taken(&leased, &from, &name, &taken, identity);
    // Also when somebody asks to stop: it is the whole of the data, decrypted.
    interrupt::shielded(|| leased.database().forget(REHEARSED))?;
    let papers = rehearsed?;
    attempt.note(&format!(
        "rehearsed: the copy {name} can be restored from off the host, with each of its papers"
    ))?;
    output.say(
        || json!({ "backup": name, "rehearsed": true, "papers": papers }),
        || say_backup("Rehearsed:", &Backup { name: name.clone(), ..taken }),
    );
    Ok(())
}

fn rehearse_taken(
    leased: &Leased,
    from: &From,
    name: &str,
    taken: &Backup,
    identity: &Utf8Path,
) -> Result<usize> {
    let named = Activity::of(format!("restore {name} into a scratch database"), |_| {
        leased.database().rehearse_rows(taken)
    })?;
    let From::Store(place) = from else { return Ok(0) };
    let away = papers::look_at_all(place, name, &named, identity)?;
    host::check_papers(&away).map(|()| named.lines().count())
}

/// Which papers could not be brought; nothing is not known which there are.
fn say_papers(away: Option<&[String]>) {
    match away {
        None => terminal::warn(
            "the copy came without a list of its papers: whether the host has their files is not known",
        ),
        Some(away) => {
            if let Err(error) = host::check_papers(away) {
                terminal::warn(format_args!("{error:#}, off the host either"));
            }
        }
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
    /// Brings the copy to the host, as a backup that is called so; a part of one is none.
    pub fn bring(&self, leased: &Leased, name: &str, called: &str, identity: &Utf8Path) -> Result<Backup> {
        Activity::of(format!("bring {name} to the host, and read it there"), |_| {
            let read = Run::new(self.read(name)).called("reading the copy");
            let open = Run::new(age::decrypt(shell(), identity));
            let receive = Run::new(leased.database().receive_dump(called)?).called("receiving the dump");
            let received = read.pipe(open, receive.timeout(TRANSFER_TIMEOUT)).map_err(anyhow::Error::from);
            match received.and_then(|_| self.bring_list(leased, name, called, identity)) {
                Ok(()) => leased.database().take_dump(called, "db take"),
                Err(error) => {
                    leased.database().discard_dump(called);
                    Err(error).with_context(|| format!("bringing the copy {name} to the host"))
                }
            }
        })
    }

    /// What was counted and listed with it, where that was sent, too.
    fn bring_list(&self, leased: &Leased, name: &str, called: &str, identity: &Utf8Path) -> Result<()> {
        let From::Store(place) = self else { return Ok(()) };
        let Some(read) = place.list_of(name)? else { return Ok(()) };
        let receive = Run::new(leased.database().receive_list(called)?).timeout(TRANSFER_TIMEOUT);
        let open = Run::new(age::decrypt(shell(), identity));
        Run::new(read).called("reading the list").pipe(open, receive.called("receiving the list"))?;
        Ok(())
    }

    /// Brings the papers that a backup names and the host lacks. Gives those that could not be had; nothing where nobody knows which.
    pub fn bring_papers(
        &self,
        leased: &Leased,
        machine: &Machine,
        backup: &Backup,
        identity: &Utf8Path,
    ) -> Result<Option<Vec<String>>> {
        let (From::Store(place), Some(list)) = (self, machine.papers().named_by(backup)?) else {
            return Ok(None);
        };
        papers::bring(place, &backup.name, &list, identity, leased, machine).map(Some)
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
