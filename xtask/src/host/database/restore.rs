//! What a restore does: a backup is loaded beside the database that is used, and the two swap their names.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use super::{DUMP_TIMEOUT, Database, LeasedDatabase, QUERY_TIMEOUT};
use crate::project::{APP_ROLE, DATABASE, OWNER_ROLE, PAPERS_QUESTION};
use crate::rollout::host::Host;
use crate::rollout::state::backup::{Backup, aside, beside, scratch};
use crate::tools::process::interrupt;

impl Database<'_> {
    /// Whether this attempt has put the database aside.
    pub(in crate::host) fn is_parked(&self, attempt: &str) -> Result<bool> {
        Ok(self.ask(&["has", &aside(DATABASE, attempt)], QUERY_TIMEOUT)?.trim() == "1")
    }

    /// An error unless the backup can be restored here: it is the one that was made, it has every migration that the live
    /// release needs, and none that took away what it uses.
    pub fn check_restorable(&self, backup: &Backup) -> Result<()> {
        self.verify(backup)?;
        self.check_schema(&format!("the backup {}", backup.name), backup.schema)
    }

    /// An error when what has that newest migration lacks what the live release needs, or takes from it what it uses.
    pub fn check_schema(&self, what: &str, schema: i64) -> Result<()> {
        let Some(live) = self.machine.live()?.active else { return Ok(()) };
        let ledger = self.machine.ledger()?;
        let contracts = ledger.contracts();
        let shut =
            contracts.values().filter(|it| it.migration <= schema && it.incompatible_with.contains(&live));
        let shut: Vec<String> = shut.map(|contract| contract.migration.to_string()).collect();
        ensure!(
            shut.is_empty(),
            "{what} is from after the migrations {}, which took away what the live release {live} uses: deploy or \
             roll back to one that does without it first",
            shut.join(", ")
        );
        let kept = self.machine.kept()?;
        let Some(live) = kept.iter().find(|release| release.id == live) else { return Ok(()) };
        let needs = live.migrations.iter().filter(|version| !live.contracts.contains_key(version));
        let lacking: Vec<String> = needs.filter(|it| **it > schema).map(i64::to_string).collect();
        ensure!(
            lacking.is_empty(),
            "{what} lacks the migrations {} that the live release needs: roll back to a release from before them \
             first",
            lacking.join(", ")
        );
        Ok(())
    }
}

/// An error that names what there is no file of, or another one than there was.
pub fn check_papers(lacking: &[String]) -> Result<()> {
    let some = lacking.iter().take(5).map(|line| format!("\n  {line}")).collect::<String>();
    let more = if lacking.len() > 5 { "\n  …" } else { "" };
    ensure!(
        lacking.is_empty(),
        "of the papers that it names, {} have no file as it was:{some}{more}",
        lacking.len()
    );
    Ok(())
}

/// The lines of one list of papers that another has not.
fn unlisted(named: &str, listed: &str) -> String {
    let listed: BTreeSet<&str> = listed.lines().collect();
    named.lines().filter(|line| !listed.contains(line)).map(|line| format!("{line}\n")).collect()
}

impl LeasedDatabase<'_> {
    /// Restores the backup into a scratch database, and compares each table's rows with those of the moment of the dump, and each
    /// paper that they name with its file.
    pub fn rehearse(&self, dump: &Backup) -> Result<()> {
        let named = self.rehearse_rows(dump)?;
        check_papers(&self.leased.fenced()?.papers().lacking(&named)?)
    }

    /// Like `rehearse`, without the files. Gives the papers that the rows name.
    pub fn rehearse_rows(&self, dump: &Backup) -> Result<String> {
        let (database, scratch) = (self.leased.fenced()?.database(), scratch(DATABASE));
        database.verify(dump)?;
        let loaded = self.load(dump, &scratch);
        let differs = loaded.and_then(|()| database.ask(&["counts", &dump.name, &scratch], DUMP_TIMEOUT));
        let named = database.ask(&["papers", &scratch, PAPERS_QUESTION], QUERY_TIMEOUT);
        // Whatever became of it: half a database takes room, too.
        let dropped = interrupt::shielded(|| self.change(&["drop", &scratch], QUERY_TIMEOUT));
        let differs = differs?;
        dropped?;
        ensure!(differs.trim().is_empty(), "the restored rows are not those of the dump:\n{differs}");
        named
    }

    /// Loads a backup into a database beside the one that is used. Its list of papers was looked at before, where it has one:
    /// whether that is all, its rows tell.
    pub(in crate::host) fn load_backup(&self, backup: &Backup, without_papers: bool) -> Result<()> {
        let machine = self.leased.fenced()?;
        machine.database().verify(backup)?;
        self.load(backup, &beside(DATABASE))?;
        if without_papers {
            return Ok(());
        }
        let named = machine.database().ask(&["papers", &beside(DATABASE), PAPERS_QUESTION], QUERY_TIMEOUT)?;
        let listed = machine.papers().named_by(backup).ok().flatten().unwrap_or_default();
        check_papers(&machine.papers().lacking(&unlisted(&named, &listed))?).context(
            "the database is as it was; with `--without-papers` this backup takes its place all the same",
        )
    }

    fn load(&self, backup: &Backup, into: &str) -> Result<()> {
        self.leased.fenced()?.database().check_room_for_load(backup)?;
        self.change(&["load", &backup.name, into, OWNER_ROLE, APP_ROLE], DUMP_TIMEOUT).map(drop)
    }

    /// Removes what was loaded.
    pub(in crate::host) fn drop_loaded(&self) -> Result<()> {
        self.change(&["drop", &beside(DATABASE)], QUERY_TIMEOUT).map(drop)
    }

    /// What was loaded becomes the database. To its end, also when somebody asks to stop: the script would go on in its
    /// container, and race its own undoing.
    pub(in crate::host) fn swap(&self, attempt: &str) -> Result<()> {
        let words = ["swap", DATABASE, &beside(DATABASE), &aside(DATABASE, attempt)];
        interrupt::shielded(|| self.change(&words, QUERY_TIMEOUT)).map(drop)
    }

    /// Removes what this attempt has put aside.
    pub fn drop_parked(&self, attempt: &str) -> Result<()> {
        self.change(&["drop", &aside(DATABASE, attempt)], QUERY_TIMEOUT).map(drop)
    }

    /// What the attempt has put aside becomes the database again, if it did.
    pub(in crate::host) fn swap_back(&self, attempt: &str) -> Result<()> {
        if self.leased.fenced()?.database().is_parked(attempt)? {
            let words = ["swap", DATABASE, &aside(DATABASE, attempt), &beside(DATABASE)];
            self.change(&words, QUERY_TIMEOUT)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_leaves_out_of_what_the_rows_name_is_looked_at() {
        assert_eq!(unlisted("o/a 1\no/b 2\n", "o/a 1\no/c 3\n"), "o/b 2\n");
        assert_eq!(unlisted("o/a 1\n", ""), "o/a 1\n", "a list that was emptied");
        assert_eq!(unlisted("o/a 1", "o/a 1\n"), "");
    }
}
