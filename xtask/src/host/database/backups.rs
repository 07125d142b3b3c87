//! Backups: dumps that were read back and found whole. They stay on the host, and copies of them may be off it.

use anyhow::{Context, Result, bail};
use xshell::{Cmd, cmd};

use super::{DUMP_TIMEOUT, Database, LeasedDatabase, QUERY_TIMEOUT, SCRIPT};
use crate::exit::{Exit, Failure};
use crate::project::{DATABASE, DATABASE_SERVICE, PAPERS_QUESTION};
use crate::rollout::host::Host;
use crate::rollout::journal::timestamp;
use crate::rollout::state::backup::{self, Backup, Copied, Scheduled, Sent, SentCopy};
use crate::rollout::state::guard::written;
use crate::tools::docker::limits::{LIMITS, OTHERS_FILES, READ_ONLY};
use crate::tools::process::{Run, interrupt};
use crate::tools::ssh::host_shell::Script;

// Dumps are read by the database's user and by whoever deploys, and by nobody else of the host.
const GIVE: &str = r#"chown "$1" /backups && chmod 2770 /backups"#;
const LIST: Script = Script::new(
    "listing backups",
    // Behind a character that stands in none of them, what was sent off the host.
    r#"cd "$1" 2>/dev/null || exit 0; for f in [0-9]*z-*.json; do [ -f "$f" ] && cat "$f"; done; printf '\036'; cat "$2" 2>/dev/null; :"#,
);

/// In bytes: what a server keeps of its WAL while much is loaded, by its own default (`max_wal_size`).
const LOADED_WAL: u64 = 1 << 30;

/// In bytes: what the database takes, and what is free for backups and for data.
struct Room {
    database: u64,
    backups: u64,
    data: u64,
}

/// An error unless what takes so many bytes has room, and a fifth more.
fn enough(what: &str, size: u64, place: &str, free: u64) -> Result<()> {
    let needs = size.saturating_add(size / 5);
    if free >= needs {
        return Ok(());
    }
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let message = format!(
        "{what} needs {} MiB, and {place} has {} MiB free\n  Free {} MiB more.",
        mib(needs),
        free >> 20,
        mib(needs - free)
    );
    Err(Failure { exit: Exit::HostUnfit, message }.into())
}

impl<'a> Database<'a> {
    /// The backups that are on the host, oldest first, each with its copy off the host.
    pub fn backups(&self) -> Result<Vec<Backup>> {
        let (folder, sent) = (self.machine.folder("backups"), self.machine.sender().told());
        let told = self.machine.shell.script(LIST, &[folder.as_str(), sent.as_str()], "")?;
        let (facts, sent) = told.split_once('\u{1e}').unwrap_or((&told, ""));
        let facts = serde_json::Deserializer::from_str(facts).into_iter::<Backup>();
        let mut backups: Vec<Backup> = facts.filter_map(Result::ok).collect();
        // By the names of their files, as what sends them sorts: a copy that came back is not newer than what it is of.
        backups.sort_by_cached_key(|backup| format!("{}.json", backup.name));
        let sent = serde_json::from_str::<Sent>(sent).ok().and_then(|sent| sent.last_good);
        let is_it = |backup: &&mut Backup| sent.as_ref().is_some_and(|it| it.name == backup.name);
        if let Some(backup) = backups.iter_mut().find(is_it) {
            backup.copied = sent.map(|SentCopy { to, bytes, .. }| Copied { to, bytes });
        }
        Ok(backups)
    }

    /// What became of the backups that are made by themselves; nothing when none ever were.
    pub fn scheduled(&self) -> Result<Option<Scheduled>> {
        let read = |name: &str| self.machine.read(&self.machine.folder("backups").join(name));
        let told = match read(Scheduled::FILE)? {
            // As an older platform calls it.
            None => read("copies.json")?,
            told => told,
        };
        told.map(|told| serde_json::from_str(&told).with_context(|| format!("reading {}", Scheduled::FILE)))
            .transpose()
    }

    /// The names of those that need not be kept any longer.
    pub fn superfluous_backups(&self) -> Result<Vec<String>> {
        let backups = self.backups()?;
        Ok(backup::superfluous(&backups, self.machine.now()).into_iter().map(str::to_owned).collect())
    }

    /// Dumps the database and reads the dump back. It changes nothing that anybody else uses, and needs no lease. A failure
    /// leaves nothing behind.
    pub fn backup(&self, name: &str, made_by: &str) -> Result<Backup> {
        self.check_room_for_dump()?;
        let live = self.machine.live()?.active;
        let at = timestamp(self.machine.now());
        let told = self.ask(
            &["dump", DATABASE, name, made_by, written(live.as_ref()), &at, PAPERS_QUESTION],
            DUMP_TIMEOUT,
        )?;
        described(&told)
    }

    /// For reading a dump off the host.
    pub fn read_dump(&self, backup: &Backup) -> Cmd<'a> {
        self.stream(&["cat", &format!("/backups/{}.dump", backup.name)])
    }

    /// An error unless the dump is the one that was made.
    pub(super) fn verify(&self, backup: &Backup) -> Result<()> {
        let verified = self.ask(&["verify", &backup.name, &backup.sha256], DUMP_TIMEOUT);
        verified.with_context(|| format!("the backup {} is damaged", backup.name)).map(drop)
    }

    /// An error unless the disk has room for all of the database once more, and for what a load writes beside it. Gives its size.
    pub fn check_room_for_upgrade(&self) -> Result<u64> {
        let Room { database, data, .. } = self.room()?;
        enough("the database of the other version", database + LOADED_WAL, "the database's volume", data)?;
        Ok(database)
    }

    /// An error unless the disk has room for a copy of so many bytes that was off the host.
    pub fn check_room_for_copy(&self, bytes: u64) -> Result<()> {
        enough("the copy", bytes, "the folder of backups", self.room()?.backups)
    }

    /// An error unless the disk has room for files of papers of so many bytes: it is that of the other volumes.
    pub fn check_room_for_papers(&self, bytes: u64) -> Result<()> {
        enough(
            "what is to be brought of the papers",
            bytes,
            "the disk of the database's data",
            self.room()?.data,
        )
    }

    /// An error unless the disk has room for a dump: a full one takes more down than the dump.
    pub fn check_room_for_dump(&self) -> Result<()> {
        let Room { database, backups, .. } = self.room()?;
        enough("a dump of the database", database, "the folder of backups", backups)
    }

    /// An error unless the disk has room for what the backup holds, beside the database that is there.
    pub fn check_room_for_load(&self, backup: &Backup) -> Result<()> {
        let Room { database, data, .. } = self.room()?;
        let size = if backup.loaded_bytes == 0 { database } else { backup.loaded_bytes };
        enough(&format!("loading {}", backup.name), size, "the disk of the database's data", data)
    }

    /// How many bytes the database takes.
    pub fn bytes(&self) -> Result<u64> {
        Ok(self.room()?.database)
    }

    fn room(&self) -> Result<Room> {
        let told = self.ask(&["room", DATABASE], QUERY_TIMEOUT)?;
        let numbers: Vec<u64> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        match numbers.as_slice() {
            [database, backups, data] => Ok(Room { database: *database, backups: *backups, data: *data }),
            _ => bail!("the database's room described itself as {told:?}"),
        }
    }
}

impl<'a> LeasedDatabase<'a> {
    /// Removes backups that need not be kept any longer.
    pub(in crate::host) fn prune_backups(&self) -> Result<()> {
        let over = self.leased.fenced()?.database().superfluous_backups()?;
        if over.is_empty() {
            return Ok(());
        }
        let words: Vec<&str> = ["forget"].into_iter().chain(over.iter().map(String::as_str)).collect();
        self.change(&words, QUERY_TIMEOUT).map(drop)
    }

    /// Writes down that there is a copy off the host.
    pub fn note_copy(&self, backup: &Backup, copied: &Copied) -> Result<()> {
        let facts = serde_json::to_string(&Backup { copied: Some(copied.clone()), ..backup.clone() })?;
        let folder = self.leased.fenced()?.folder("backups");
        self.leased.write(&folder, &[(&format!("{}.json", backup.name), &facts)])
    }

    /// What is going to be restored is not removed by what makes backups by itself meanwhile.
    pub fn want(&self, backup: &Backup) -> Result<()> {
        self.change(&["want", &backup.name], QUERY_TIMEOUT).map(drop)
    }

    /// From now on the database keeps none of its WAL for an archive: the next one begins with a base backup.
    pub(in crate::host) fn end_archive(&self) -> Result<()> {
        self.change(&["end-archive"], QUERY_TIMEOUT).map(drop)
    }

    /// Ends what dumps the database by itself, which tries again later: a migration would wait for it, and users behind that.
    pub(in crate::host) fn make_way(&self) -> Result<()> {
        self.change(&["make-way", DATABASE], QUERY_TIMEOUT).map(drop)
    }

    /// For writing a dump that was off the host: it is no backup before [`LeasedDatabase::take_dump`].
    pub fn receive_dump(&self, name: &str) -> Result<Cmd<'a>> {
        Ok(self.leased.fenced()?.database().stream(&["sh", "-c", SCRIPT, "database", "receive", name]))
    }

    /// For writing the list that belongs to it.
    pub fn receive_list(&self, name: &str) -> Result<Cmd<'a>> {
        Ok(self.leased.fenced()?.database().stream(&["sh", "-c", SCRIPT, "database", "receive-list", name]))
    }

    /// What was received, and came to its end, becomes a backup. Refused when a copy is no dump of this database.
    pub fn take_dump(&self, name: &str, made_by: &str) -> Result<Backup> {
        described(&self.change(&["take", name, made_by], DUMP_TIMEOUT)?)
    }

    /// Removes a backup.
    pub fn forget(&self, name: &str) -> Result<()> {
        self.change(&["forget", name], QUERY_TIMEOUT).map(drop)
    }

    /// What was received did not come to its end.
    pub fn discard_dump(&self, name: &str) {
        let _ = interrupt::shielded(|| self.change(&["discard", name], QUERY_TIMEOUT));
    }

    /// Gives the folder of backups to the database's user.
    pub(in crate::host) fn give_backups_folder(&self) -> Result<()> {
        let machine = self.leased.fenced()?;
        let (mount, image) = (format!("{}:/backups", machine.folder("backups")), &machine.bases()?.postgres);
        let owner = format!("{}:{}", DATABASE_SERVICE.uid, machine.facts.gid);
        let give = cmd!(
            machine.docker(),
            "docker run --rm --network none {LIMITS...} {OTHERS_FILES...} {READ_ONLY...} --user 0 --entrypoint sh --volume {mount} {image} -c {GIVE} give {owner}"
        );
        Run::new(give).run().context("preparing the folder of backups")
    }
}

/// A backup, as the script has printed it.
pub(in crate::host) fn described(told: &str) -> Result<Backup> {
    serde_json::from_str(told).with_context(|| format!("the backup described itself as {told:?}"))
}
