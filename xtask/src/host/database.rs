//! The database of an environment: backups, and what a restore does. All of it happens inside the database's own
//! container, by programs of its own version: a dump never travels.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Cmd, cmd};

use super::{Leased, Machine};
use crate::exit::{Exit, Failure};
use crate::project::{APP_ROLE, DATABASE, DATABASE_SERVICE, OWNER_ROLE};
use crate::rollout::host::Host;
use crate::rollout::journal::timestamp;
use crate::rollout::state::backup::{self, Backup, Copied, beside};
use crate::rollout::state::guard::written;
use crate::tools::docker::container;
use crate::tools::process::{CommandError, Finished, Run, interrupt};
use crate::tools::ssh::host_shell::Script;

const SCRIPT: &str = include_str!("scripts/database.sh");
/// A dump, or loading one.
const DUMP_TIMEOUT: Duration = Duration::from_secs(1200);
const QUERY_TIMEOUT: Duration = Duration::from_secs(60);
// Dumps are read by the database's user and by whoever deploys, and by nobody else of the host.
const GIVE: &str = r#"chown "$1" /backups && chmod 2770 /backups"#;
const FACTS: Script = Script::new(
    "listing backups",
    r#"cd "$1" 2>/dev/null || exit 0; for f in *.json; do [ -f "$f" ] && cat "$f"; done; :"#,
);

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

impl Machine {
    /// The backups that are on the host, oldest first.
    pub fn backups(&self) -> Result<Vec<Backup>> {
        let told = self.shell.script(FACTS, &[self.folder("backups").as_str()], "")?;
        let facts = serde_json::Deserializer::from_str(&told).into_iter::<Backup>();
        let mut backups: Vec<Backup> = facts.filter_map(Result::ok).collect();
        backups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(backups)
    }

    /// The names of those that need not be kept any longer.
    pub fn superfluous_backups(&self) -> Result<Vec<String>> {
        let backups = self.backups()?;
        Ok(backup::superfluous(&backups, self.now()).into_iter().map(str::to_owned).collect())
    }

    /// Dumps the database and reads the dump back. It changes nothing that anybody else uses, and needs no lease. A failure
    /// leaves nothing behind.
    pub fn dump(&self, name: &str, made_by: &str) -> Result<Backup> {
        self.check_room_for_dump()?;
        let live = self.live()?.active;
        let at = timestamp(self.now());
        let told =
            self.in_database(&["dump", DATABASE, name, made_by, written(live.as_ref()), &at], DUMP_TIMEOUT)?;
        serde_json::from_str(&told).with_context(|| format!("the backup described itself as {told:?}"))
    }

    /// For reading a dump off the host.
    pub fn read_dump(&self, backup: &Backup) -> Cmd<'_> {
        self.stream_of_database(&["cat", &format!("/backups/{}.dump", backup.name)])
    }

    /// An error unless the disk has room for a copy of so many bytes that was off the host.
    pub fn check_room_for_copy(&self, bytes: u64) -> Result<()> {
        enough("the copy", bytes, "the folder of backups", self.room()?.backups)
    }

    /// A program in the database's container, whose streams go through a pipe here.
    fn stream_of_database(&self, words: &[&str]) -> Cmd<'_> {
        let (postgres, user) =
            (self.platform_container(DATABASE_SERVICE.name), DATABASE_SERVICE.uid.to_string());
        container::exec(self.shell.docker(), &postgres, &user, words)
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

    fn room(&self) -> Result<Room> {
        let told = self.in_database(&["room", DATABASE], QUERY_TIMEOUT)?;
        let numbers: Vec<u64> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        match numbers.as_slice() {
            [database, backups, data] => Ok(Room { database: *database, backups: *backups, data: *data }),
            _ => bail!("the database's room described itself as {told:?}"),
        }
    }

    fn verify(&self, backup: &Backup) -> Result<()> {
        let verified = self.in_database(&["verify", &backup.name, &backup.sha256], DUMP_TIMEOUT);
        verified.with_context(|| format!("the backup {} is damaged", backup.name)).map(drop)
    }

    pub(super) fn has_database(&self, name: &str) -> Result<bool> {
        Ok(self.in_database(&["has", name], QUERY_TIMEOUT)?.trim() == "1")
    }

    fn in_database(&self, arguments: &[&str], timeout: Duration) -> Result<String> {
        let words: Vec<&str> = ["sh", "-c", SCRIPT, "database"].iter().chain(arguments).copied().collect();
        let script = format!("database.sh {}", arguments[0]);
        let told = self.ask_platform(&DATABASE_SERVICE, &script, &words, timeout)?;
        let Finished { status, stdout, stderr } =
            told.ok_or_else(|| self.is_not_running(&DATABASE_SERVICE))?;
        if status.success() {
            return Ok(stdout.trim_end().to_owned());
        }
        let code = status.code().unwrap_or_default();
        Err(CommandError::of_exit_code(&script, code, &stdout, &stderr).into())
    }

    /// psql of the server's own version, on the user's own terminal.
    pub fn psql(&self, role: &str, arguments: &[String], terminal: bool) -> Result<()> {
        self.check_platform()?;
        let postgres = self.platform_container(DATABASE_SERVICE.name);
        let status = Run::new(self.psql_command(&postgres, role, arguments, terminal)).interactive()?;
        match status.code() {
            Some(0) => Ok(()),
            Some(code) => bail!("psql ended with exit code {code}"),
            None => bail!("psql was killed"),
        }
    }

    fn psql_command(&self, postgres: &str, role: &str, arguments: &[String], terminal: bool) -> Cmd<'_> {
        let (tty, user) = (terminal.then_some("--tty"), DATABASE_SERVICE.uid.to_string());
        let (role, database) = (format!("--username={role}"), format!("--dbname={DATABASE}"));
        cmd!(
            self.shell.docker(),
            "docker exec --interactive {tty...} --env PSQL_HISTORY=/dev/null --user {user} {postgres} psql --no-psqlrc {role} {database} {arguments...}"
        )
    }

    /// An error unless the backup can be restored here: it is the one that was made, it has every migration that the live
    /// release needs, and none that took away what it uses.
    pub fn check_restorable(&self, backup: &Backup) -> Result<()> {
        self.verify(backup)?;
        let Some(live) = self.live()?.active else { return Ok(()) };
        let ledger = self.ledger()?;
        let contracts = ledger.contracts();
        let shut = contracts
            .values()
            .filter(|it| it.migration <= backup.schema && it.incompatible_with.contains(&live));
        let shut: Vec<String> = shut.map(|contract| contract.migration.to_string()).collect();
        ensure!(
            shut.is_empty(),
            "the backup {} is from after the migrations {}, which took away what the live release {live} uses: deploy or \
             roll back to one that does without it first",
            backup.name,
            shut.join(", ")
        );
        let kept = self.kept_releases()?;
        let Some(live) = kept.iter().find(|release| release.id == live) else { return Ok(()) };
        let needs = live.migrations.iter().filter(|version| !live.contracts.contains_key(version));
        let lacking: Vec<String> = needs.filter(|it| **it > backup.schema).map(i64::to_string).collect();
        ensure!(
            lacking.is_empty(),
            "the backup {} lacks the migrations {} that the live release needs: roll back to a release from before them \
             first",
            backup.name,
            lacking.join(", ")
        );
        Ok(())
    }
}

impl Leased<'_> {
    /// Gives the folder of backups to the database's user.
    pub(super) fn give_backups_folder(&self) -> Result<()> {
        let machine = self.fenced()?;
        let (mount, image) = (format!("{}:/backups", machine.folder("backups")), &machine.bases()?.postgres);
        let owner = format!("{}:{}", DATABASE_SERVICE.uid, machine.facts.gid);
        let give = cmd!(
            machine.shell.docker(),
            "docker run --rm --network none --user 0 --entrypoint sh --volume {mount} {image} -c {GIVE} give {owner}"
        );
        Run::new(give).run().context("preparing the folder of backups")
    }

    /// For writing a dump that was off the host: it is no backup before it was taken.
    pub fn receive_dump(&self, name: &str) -> Result<Cmd<'_>> {
        Ok(self.fenced()?.stream_of_database(&["sh", "-c", SCRIPT, "database", "receive", name]))
    }

    /// What was received, and came to its end, becomes a backup.
    pub fn take_dump(&self, name: &str) -> Result<Backup> {
        let told = self.change_database(&["take", name], DUMP_TIMEOUT)?;
        serde_json::from_str(&told).with_context(|| format!("the backup described itself as {told:?}"))
    }

    /// What was received did not come to its end.
    pub fn discard_dump(&self, name: &str) {
        let _ = interrupt::shielded(|| self.change_database(&["discard", name], QUERY_TIMEOUT));
    }

    /// Writes down that there is a copy off the host.
    pub fn note_copy(&self, backup: &Backup, copied: &Copied) -> Result<()> {
        let facts = serde_json::to_string(&Backup { copied: Some(copied.clone()), ..backup.clone() })?;
        self.write(&self.fenced()?.folder("backups"), &[(&format!("{}.json", backup.name), &facts)])
    }

    pub(super) fn remove_old_backups(&self) -> Result<()> {
        let over = self.fenced()?.superfluous_backups()?;
        if over.is_empty() {
            return Ok(());
        }
        let words: Vec<&str> = ["forget"].into_iter().chain(over.iter().map(String::as_str)).collect();
        self.change_database(&words, QUERY_TIMEOUT).map(drop)
    }

    /// Restores the backup into a scratch database, and compares each table's rows with those of the moment of the dump.
    pub fn rehearse(&self, dump: &Backup) -> Result<()> {
        let (machine, scratch) = (self.fenced()?, backup::scratch(DATABASE));
        machine.verify(dump)?;
        let loaded = self.load(dump, &scratch);
        let differs =
            loaded.and_then(|()| machine.in_database(&["counts", &dump.name, &scratch], DUMP_TIMEOUT));
        // Whatever became of it: half a database takes room, too.
        let dropped = interrupt::shielded(|| self.change_database(&["drop", &scratch], QUERY_TIMEOUT));
        let differs = differs?;
        dropped?;
        ensure!(differs.trim().is_empty(), "the restored rows are not those of the dump:\n{differs}");
        Ok(())
    }

    pub(super) fn restore_dump(&self, backup: &Backup) -> Result<()> {
        self.fenced()?.verify(backup)?;
        self.load(backup, &beside(DATABASE))
    }

    fn load(&self, backup: &Backup, into: &str) -> Result<()> {
        self.fenced()?.check_room_for_load(backup)?;
        self.change_database(&["load", &backup.name, into, OWNER_ROLE, APP_ROLE], DUMP_TIMEOUT).map(drop)
    }

    pub(super) fn drop_restored(&self) -> Result<()> {
        self.change_database(&["drop", &beside(DATABASE)], QUERY_TIMEOUT).map(drop)
    }

    /// To its end, also when somebody asks to stop: the script would go on in its container, and race its own undoing.
    pub(super) fn exchange(&self, aside: &str) -> Result<()> {
        let words = ["exchange", DATABASE, &beside(DATABASE), aside];
        interrupt::shielded(|| self.change_database(&words, QUERY_TIMEOUT)).map(drop)
    }

    pub(super) fn exchange_again(&self, aside: &str) -> Result<()> {
        if self.fenced()?.has_database(aside)? {
            self.change_database(&["exchange", DATABASE, aside, &beside(DATABASE)], QUERY_TIMEOUT)?;
        }
        Ok(())
    }

    /// A script that changes the databases, or the backups.
    fn change_database(&self, arguments: &[&str], timeout: Duration) -> Result<String> {
        self.fenced_invalidating()?.in_database(arguments, timeout)
    }
}
