//! How much would be lost: the newest backup, whether new ones come by themselves, and the newest copy that would survive the
//! host.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde_json::{Value, json};

use crate::commands::db::size;
use crate::commands::output::ago::ago;
use crate::host::{Machine, PlatformPart};
use crate::project::BACKUPS;
use crate::rollout::journal::since;
use crate::rollout::state::archived::{Archived, Moment};
use crate::rollout::state::backup::{Backup, Failure, Rehearsal, Scheduled, Sent, SentPapers};
use crate::terminal::{self, paint};
use crate::tools::docker::condition::Condition;

/// A night, and time to make the backup.
const OLD: Duration = Duration::from_secs(26 * 3600);

/// The backups of an environment.
pub struct Backups {
    newest: Option<Backup>,
    copied: Option<Backup>,
    /// Whether what makes them by itself runs.
    is_scheduled: bool,
    scheduled: Option<Scheduled>,
    /// What sends them off the host, where there is one.
    sender: Option<Condition>,
    sent: Option<Sent>,
    /// What archives the WAL, where there is one.
    archiver: Option<Condition>,
    archived: Option<Archived>,
}

impl Backups {
    /// As the host has them.
    pub fn of(machine: &Machine, platform: &[PlatformPart]) -> Result<Backups> {
        let mut backups = machine.database().backups()?;
        let runs = |part: &PlatformPart| part.service == BACKUPS.name && part.state == Condition::Running;
        Ok(Backups {
            copied: backups.iter().rev().find(|backup| backup.copied.is_some()).cloned(),
            newest: backups.pop(),
            is_scheduled: platform.iter().any(runs),
            scheduled: machine.database().scheduled()?,
            sender: machine.sender().condition()?,
            sent: machine.sender().sent()?,
            archiver: machine.archiver().condition()?,
            archived: machine.archiver().archived()?,
        })
    }

    /// The newest one.
    pub fn newest(&self) -> Option<&Backup> {
        self.newest.as_ref()
    }

    /// The newest one that has a copy off the host.
    pub fn copied(&self) -> Option<&Backup> {
        self.copied.as_ref()
    }

    /// Whether they come by themselves, and what of that went wrong since the newest.
    pub fn for_programs(&self) -> Value {
        json!({ "runs": self.is_scheduled, "failure": self.failure(), "rehearsal": self.rehearsal() })
    }

    /// Whether copies leave the host by themselves, when the ledger did, and what of that went wrong.
    pub fn sent_for_programs(&self) -> Value {
        let runs = self.sender == Some(Condition::Running);
        let host = self.sent.as_ref().and_then(|sent| sent.host.as_ref()).map(|host| &host.at);
        let sent = self.sent.as_ref();
        json!({
            "runs": runs, "ledger_at": host, "papers": sent.and_then(|sent| sent.papers.as_ref()),
            "failure": sent.and_then(|sent| sent.failure.as_ref()),
        })
    }

    /// Until when moments can be restored, and what went wrong since; nothing where nobody archives.
    pub fn archive_for_programs(&self) -> Value {
        let at = |moment: &Option<Moment>| moment.as_ref().map(|moment| moment.at.clone());
        self.archived.as_ref().map_or(Value::Null, |archived| {
            let Archived { last_good, base, lost, failure, .. } = archived;
            let runs = self.archiver == Some(Condition::Running);
            json!({
                "runs": runs, "until": at(last_good), "base": at(base), "lost": at(lost), "failure": failure,
            })
        })
    }

    /// A line each, and what wants attention.
    pub fn say(&self, environment: &str) {
        let newest = match &self.newest {
            None => paint::warn("none yet"),
            Some(backup) => {
                let words = format!("{}, {} ({})", ago(&backup.at), backup.name, backup.made_by);
                if is_old(backup, SystemTime::now()) { paint::warn(words) } else { words }
            }
        };
        terminal::say(format_args!("  backup    {newest}"));
        if let Some(Failure { at, words }) = self.failure() {
            terminal::say(paint::bad(format_args!("            the last try failed {}: {words}", ago(at))));
        }
        match self.rehearsal() {
            None => {}
            Some(Rehearsal { at, backup, failure: None }) => {
                terminal::say(format_args!("            {backup} was restored as a trial {}", ago(at)));
            }
            Some(Rehearsal { at, backup, failure: Some(words) }) => terminal::say(paint::bad(format_args!(
                "            {backup} could not be restored as a trial {}: {words}",
                ago(at)
            ))),
        }
        if !self.is_scheduled {
            terminal::say(paint::warn(format_args!(
                "            none is made by itself: `cargo xtask platform up --env {environment}` starts what makes them"
            )));
        }
        match &self.copied {
            None => terminal::say(paint::warn("  off host  none: the backups are on this host only")),
            Some(backup) => {
                let to = backup.copied.as_ref().map(|copied| copied.to.as_str()).unwrap_or_default();
                let words = format!("{}, {to}", ago(&backup.at));
                let words = if is_old(backup, SystemTime::now()) { paint::warn(words) } else { words };
                terminal::say(format_args!("  off host  {words}"));
            }
        }
        self.say_archive(environment);
        if let Some((is_well, words)) = papers(self.newest.as_ref(), self.sent.as_ref()) {
            let words = if is_well { words } else { paint::warn(words) };
            terminal::say(format_args!("  papers    {words}"));
        }
        match self.sender {
            Some(Condition::Running) => {}
            None => terminal::say(paint::warn(
                "            none leaves by itself: give BACKUP_TO, as docs/backups.md says",
            )),
            Some(condition) => terminal::say(paint::bad(format_args!(
                "            what sends them does not run ({condition}): `cargo xtask db copies up --env {environment}`"
            ))),
        }
        if let Some(Failure { at, words }) = self.sent.as_ref().and_then(|sent| sent.note.as_ref()) {
            terminal::say(paint::dim(format_args!(
                "            older copies could not be removed {}: {words}",
                ago(at)
            )));
        }
        if let Some(Failure { at, words }) = self.sent.as_ref().and_then(|sent| sent.failure.as_ref()) {
            terminal::say(paint::bad(format_args!(
                "            the last could not be sent {}: {words}",
                ago(at)
            )));
        }
    }

    fn say_archive(&self, environment: &str) {
        let Some(archived) = &self.archived else { return };
        let words = match (&archived.lost, &archived.last_good) {
            (Some(lost), _) => paint::bad(format_args!(
                "some WAL was lost {}: nothing since can be restored before the next base backup",
                ago(&lost.at)
            )),
            (None, None) => paint::warn("no base backup yet"),
            (None, Some(until)) => format!("any moment until {}", ago(&until.at)),
        };
        terminal::say(format_args!("  archive   {words}"));
        if let Some(Failure { at, words }) = &archived.failure {
            terminal::say(paint::bad(format_args!("            nothing was archived {}: {words}", ago(at))));
        }
        if self.archiver != Some(Condition::Running) {
            terminal::say(paint::bad(format_args!(
                "            what archives does not run: `cargo xtask db copies up --env {environment}`"
            )));
        }
    }

    fn rehearsal(&self) -> Option<&Rehearsal> {
        self.scheduled.as_ref()?.rehearsal.as_ref()
    }

    /// A failure that no backup has come after.
    fn failure(&self) -> Option<&Failure> {
        unmended(self.scheduled.as_ref()?, self.newest.as_ref())
    }
}

/// The failure, unless a backup has come after it: RFC 3339 in UTC sorts by time, to the second.
fn unmended<'a>(told: &'a Scheduled, newest: Option<&Backup>) -> Option<&'a Failure> {
    let failure = told.failure.as_ref()?;
    let seconds = |at: &str| at.get(..19).unwrap_or(at).to_owned();
    newest.is_none_or(|backup| seconds(&backup.at) < seconds(&failure.at)).then_some(failure)
}

/// Where the files are that the newest backup names, and whether all of them are off the host; nothing where it names none.
fn papers(newest: Option<&Backup>, sent: Option<&Sent>) -> Option<(bool, String)> {
    let newest = newest?;
    let Some(count) = newest.papers else {
        return Some((false, format!("nobody has listed which papers {} names", newest.name)));
    };
    if count == 0 {
        return None;
    }
    let all = format!("{count} in the newest backup, {}", size(newest.papers_bytes.unwrap_or_default()));
    let sent = sent.and_then(|sent| sent.papers.as_ref());
    Some(match sent {
        None => (false, format!("{all}: on this host only")),
        Some(SentPapers { amiss: 0, left: 0, backup, .. }) if *backup == newest.name => {
            (true, format!("{all}: all are off the host"))
        }
        Some(SentPapers { amiss, first, .. }) if *amiss > 0 => {
            (false, format!("{all}: of {amiss} the file is not what it was, and not sent: {first}"))
        }
        Some(SentPapers { left, backup, at, since, .. }) => {
            let of = if *backup == newest.name {
                String::new()
            } else {
                format!(" those of {backup} were being sent,")
            };
            let since = since.as_ref().map(|since| format!(", some since {since}")).unwrap_or_default();
            (false, format!("{all}:{of} {left} were still on this host only {}{since}", ago(at)))
        }
    })
}

fn is_old(backup: &Backup, now: SystemTime) -> bool {
    since(&backup.at, now).is_some_and(|age| age > OLD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: &str = r#"{"name":"20260103t010000z-scheduled","at":"2026-01-03T01:00:00Z","made_by":"night","live":"none",
        "schema":1,"tables":1,"bytes":1,"loaded_bytes":1,"sha256":"00"}"#;

    fn told(failure: &str) -> Scheduled {
        let text =
            format!(r#"{{"v":1,"at":"2026-01-03T02:00:00Z","last_good":{FACTS},"failure":{failure}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_failure_counts_until_a_backup_has_come_after_it() {
        let backup = |at: &str| Backup { at: at.to_owned(), ..serde_json::from_str(FACTS).unwrap() };
        let told = told(r#"{"at":"2026-01-03T02:00:00Z","words":"no space left"}"#);
        let failed = |newest: Option<&Backup>| unmended(&told, newest).is_some();
        assert!(failed(None) && failed(Some(&backup("2026-01-03T01:00:00.000Z"))));
        assert!(!failed(Some(&backup("2026-01-03T02:00:01.500Z"))));
    }

    #[test]
    fn of_papers_it_is_said_whether_all_are_off_the_host() {
        let backup = |papers| Backup { papers, papers_bytes: Some(5), ..Backup::named("b") };
        let sent = |backup: &str, left: u64, amiss: u64| -> Sent {
            let papers = format!(
                r#"{{"backup":"{backup}","at":"2026-01-03T02:00:00Z","left":{left},"amiss":{amiss},"first":"damaged x"}}"#
            );
            serde_json::from_str(&format!(
                r#"{{"at":"","last_good":null,"host":null,"failure":null,"papers":{papers}}}"#
            ))
            .unwrap()
        };
        let told =
            |papers: Option<u64>, sent: Option<Sent>| super::papers(Some(&backup(papers)), sent.as_ref());
        assert_eq!(told(Some(0), None), None);
        for (papers, sent, is_well, words) in [
            (None, None, false, "nobody has listed"),
            (Some(2), None, false, "on this host only"),
            (Some(2), Some(sent("b", 0, 0)), true, "all are off"),
            (Some(2), Some(sent("b", 1, 0)), false, "1 were still"),
            (Some(2), Some(sent("a", 0, 0)), false, "those of a"),
            (Some(2), Some(sent("b", 0, 1)), false, "damaged x"),
        ] {
            let (well, said) = told(papers, sent).unwrap();
            assert!(well == is_well && said.contains(words), "{said}");
        }
    }

    #[test]
    fn a_backup_is_old_when_a_night_has_gone_by_without_one() {
        let backup: Backup = serde_json::from_str(FACTS).unwrap();
        let at = |text: &str| humantime::parse_rfc3339(text).unwrap();
        assert!(!is_old(&backup, at("2026-01-04T02:59:00Z")));
        assert!(is_old(&backup, at("2026-01-04T03:01:00Z")));
    }
}
