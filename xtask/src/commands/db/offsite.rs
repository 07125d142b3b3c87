//! A copy of a backup off the host: encrypted on its way, so that the machine where it lies can't read it.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use crate::commands::target::access;
use crate::exit::refuse;
use crate::host::Machine;
use crate::product::secrets::Supplied;
use crate::project::Environment;
use crate::rollout::state::backup::{Backup, Copied};
use crate::setup::{self, Tool};
use crate::terminal;
use crate::tools::age;
use crate::tools::process::{Run, interrupt, shell};
use crate::tools::ssh::{Connection, Destination};

use super::papers::{self, Paper};
use super::store::{self, Place};

/// The variable with the public key (`age1…`) to which copies are encrypted. The private one belongs in a safe.
const RECIPIENT: &str = "BACKUP_RECIPIENT";
/// The longest that sending a copy may take.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3600);
/// Takes what comes. Where it ends, nobody there can tell whether that was all: it has not its name yet. What senders
/// left there that died is of no use.
const RECEIVE: &str = r#"set -eu; umask 077; mkdir -p "$1"; cd "$1"
find . -maxdepth 1 -name '*.dump.age.part' -mtime +0 -exec rm -f {} +
cat >"$2.part"; sync "$2.part""#;
/// The whole copy has come, and gets its name, which says what opens it.
const KEEP: &str = r#"set -eu; cd "$1"; mv "$2.part" "$2"; sync .; stat -c %s "$2""#;
/// Only a part of the copy has come: it goes.
const DISCARD: &str = r#"cd "$1" && rm -f "$2.part""#;

/// Where copies go.
pub struct Offsite {
    recipient: String,
    to: Way,
}

enum Way {
    /// `--to FOLDER` on the machine that the variables `BACKUP_HOST`, `BACKUP_USER`, … name.
    Ssh { to: Destination, folder: String },
    /// `--to s3://BUCKET/FOLDER`.
    Store(Place),
}

impl Offsite {
    /// Everything that can be wrong is said before a dump is made.
    pub fn told(folder: &str, environment: &Environment) -> Result<Offsite> {
        let supplied = Supplied::of(environment)?;
        let to = match store::is_address(folder) {
            true => Way::Store(Place::told(folder, environment, &supplied)?),
            false => Way::Ssh { to: access::backup_destination(&supplied)?, folder: folder.to_owned() },
        };
        let recipient = recipient(&supplied)?;
        if let Way::Ssh { to, folder } = &to
            && !folder.starts_with('/')
        {
            return Err(refuse(format!("--to {folder}: a folder of {} begins with a slash", to.host)));
        }
        setup::ensure(&[Tool::Age], false)?;
        Ok(Offsite { recipient, to })
    }

    /// Sends a copy. In a store, those that need not be kept any longer are removed then.
    pub fn send(&self, machine: &Machine, backup: &Backup) -> Result<Copied> {
        let read = Run::new(machine.database().read_dump(backup));
        let encrypt = Run::new(age::encrypt(shell(), &self.recipient));
        match &self.to {
            Way::Ssh { to, folder } => send_by_ssh(to, folder, read, encrypt, backup),
            Way::Store(place) => {
                let copied = place.send(read, encrypt, backup)?;
                if let Err(error) = place.prune(SystemTime::now()) {
                    terminal::warn(format_args!("older copies could not be removed: {error:#}"));
                }
                Ok(copied)
            }
        }
    }
}

/// Who can open the copies.
pub fn recipient(supplied: &Supplied) -> Result<String> {
    let recipient = supplied.text(RECIPIENT)?.unwrap_or_default().trim().to_owned();
    match age::is_recipient(&recipient) {
        true => Ok(recipient),
        false => Err(refuse(format!(
            "{RECIPIENT} is not set to a public key of age (age1…): `age-keygen -o backup.key` makes a pair; keep the \
             file in a safe, since nothing else opens the copies"
        ))),
    }
}

/// Asks for a copy where it was sent: refused unless it is there, as big as it was then.
pub fn check_copy(copied: &Copied, environment: &Environment) -> Result<()> {
    let supplied = Supplied::of(environment)?;
    let Copied { to, bytes } = copied;
    let found = match store::is_address(to) {
        true => Place::told(to, environment, &supplied)?.chosen()?.1,
        false => size_by_ssh(to, &access::backup_destination(&supplied)?)?,
    };
    if found == *bytes {
        return Ok(());
    }
    Err(refuse(format!("{to} has {found} bytes, and had {bytes} when it was sent")))
}

/// Which of the papers that a backup names are not in the store that has its copy, or not to their end: asked there. On another
/// machine there are none.
pub fn papers_away(copied: &Copied, named: &str, environment: &Environment) -> Result<Vec<String>> {
    let named = papers::papers(named)?;
    if !store::is_address(&copied.to) {
        return Ok(named.into_iter().map(|(name, _)| name.to_owned()).collect());
    }
    let supplied = Supplied::of(environment)?;
    let (place, recipient) = (Place::told(&copied.to, environment, &supplied)?, recipient(&supplied)?);
    let there = place.papers_of(&place.chosen()?.0, &recipient)?;
    let is_away = |(name, size): &Paper| there.get(*name) != Some(&age::encrypted_size(*size));
    Ok(named.into_iter().filter(is_away).map(|(name, _)| name.to_owned()).collect())
}

fn size_by_ssh(copy: &str, to: &Destination) -> Result<u64> {
    let file = copy.strip_prefix(&format!("{}:", to.host));
    let file = file.ok_or_else(|| refuse(format!("BACKUP_HOST is {}, and the copy is {copy}", to.host)))?;
    let connection =
        Connection::open(to).with_context(|| format!("reaching the machine for copies of backups, {to}"))?;
    let ask = connection.command(shell(), &["stat", "-c", "%s", file]);
    let told = Run::new(ask).called("stat").text().with_context(|| format!("looking for {copy}"))?;
    connection.close();
    told.trim().parse().with_context(|| format!("the machine did not say how big {copy} is"))
}

fn send_by_ssh(
    to: &Destination,
    folder: &str,
    read: Run<'_>,
    encrypt: Run<'_>,
    backup: &Backup,
) -> Result<Copied> {
    let connection =
        Connection::open(to).with_context(|| format!("reaching the machine for copies of backups, {to}"))?;
    let (sh, name) = (shell(), format!("{}.dump.age", backup.name));
    let there = |called: &str, script: &str| {
        let words = ["sh", "-c", script, "keep", folder, &name];
        Run::new(connection.command(sh, &words)).called(called).timeout(TRANSFER_TIMEOUT)
    };
    // Whatever ends the dump's reader early ends the others as if it had been all.
    let sent = read.pipe(encrypt, there("receiving the copy", RECEIVE)).inspect_err(|_| {
        let _ = interrupt::shielded(|| there("discarding what came of the copy", DISCARD).run());
    });
    let told = sent.and_then(|_| there("keeping the copy", KEEP).text());
    let told = told.with_context(|| format!("sending a copy to {to}"))?;
    connection.close();
    let bytes = told.trim().parse().context("the machine did not say how big the copy is")?;
    Ok(Copied { to: format!("{}:{folder}/{name}", to.host), bytes })
}
