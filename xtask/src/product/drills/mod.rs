//! Drills: each makes a trouble for real on a machine of a lab, waits until somebody is told, and ends it by the commands of the
//! runbook's page as they stand there. A page that is wrong fails its drill.

pub mod page;
mod stage;
mod troubles;
mod users;
mod visits;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use self::page::Page;
pub use self::stage::Stage;
use self::users::{Ask, Stolen, Users};
use crate::terminal::Activity;

/// The longest until somebody is told.
const ALARM_TIMEOUT: Duration = Duration::from_secs(300);
/// The longest until users are well once the page was followed.
const WELL_TIMEOUT: Duration = Duration::from_secs(120);

/// One drill.
pub struct Drill {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The heading of its page.
    pub page: &'static str,
    /// The alarm that tells of it at any hour.
    pub alarm: Option<&'static str>,
    /// Who asks all along.
    users: fn(&Stage, Stolen) -> Result<Ask>,
    /// Makes it, and says when it began.
    trouble: fn(&Stage, &Users) -> Result<Instant>,
}

/// All of them.
pub const DRILLS: &[Drill] = &[
    Drill {
        name: "bad-release",
        page: "The newest release is bad",
        alarm: Some("site"),
        users: visits::visitors,
        trouble: troubles::bad_release,
    },
    Drill {
        name: "edge-stopped",
        page: "Nothing answers",
        alarm: Some("site"),
        users: visits::visitors,
        trouble: troubles::edge_stopped,
    },
    Drill {
        name: "driver-killed",
        page: "The driver died (closed laptop, cancelled job)",
        alarm: Some("guard"),
        users: visits::visitors,
        trouble: troubles::driver_killed,
    },
    Drill {
        name: "log-ins-locked",
        page: "Somebody can't log in: 'too many log-ins … have failed'",
        alarm: None,
        users: visits::who_log_in,
        trouble: troubles::log_ins_locked,
    },
    Drill {
        name: "disk-full",
        page: "The disk fills",
        alarm: Some("disk-90"),
        users: visits::visitors,
        trouble: troubles::disk_full,
    },
    Drill {
        name: "secret-leaked",
        page: "A secret got out",
        alarm: None,
        users: visits::who_are_robbed,
        trouble: troubles::secret_leaked,
    },
    Drill {
        name: "certificate-ended",
        page: "The certificate",
        alarm: Some("site"),
        users: visits::visitors,
        trouble: troubles::certificate_ended,
    },
    Drill {
        name: "database-lost",
        page: "The data is damaged",
        alarm: Some("site"),
        users: visits::readers,
        trouble: troubles::database_lost,
    },
    Drill {
        name: "migration-stuck",
        page: "A migration failed",
        alarm: None,
        users: visits::readers,
        trouble: troubles::migration_stuck,
    },
];

/// Pages that no drill follows, and why.
const UNDRILLED: &[(&str, &str)] = &[
    ("The way to a host", REFERENCE),
    ("A new machine", "each drill begins with it"),
    ("A host that is run by hand becomes ours", "the lab suite's trials of `by_hand` do all of it"),
    ("A deploy failed", REFERENCE),
    ("A deploy is refused: the data are of another environment", REFUSAL),
    (
        "The link to the host is gone in the middle of a deploy",
        "the lab suite cuts it; nobody has anything to do",
    ),
    ("A rollback is refused: 'it can't serve on this database'", REFUSAL),
    (
        "The database's passwords want to be others",
        "no trouble; the lab suite's trials of `rotation` do it under load",
    ),
    ("A hole in a package is known", "no trouble that can be made: somebody must find one"),
    (
        "Somebody was there by hand",
        "users notice nothing; the deploy suite's trials of `manual_changes` do it",
    ),
    (
        "A kept release is 'damaged', has 'images gone', or was 'never ready'",
        "users notice nothing; trials of both suites do it",
    ),
    (
        "'the ledger is gone', 'is damaged in line …', 'lacks its end'",
        "users notice nothing; the deploy suite does it",
    ),
    (
        "The platform has changed in the repository",
        "no trouble; the deploy suite's trials of `platform` do it under load",
    ),
    ("What is going on?", REFERENCE),
    ("Reminders don't come", REFERENCE),
    ("Mails are not sent", "it takes a mail server that refuses; the backend's tests have one"),
    (
        "Somebody begins, forgets a password, or leaves",
        "no trouble; the deploy suite's trial of `people` does it",
    ),
    ("Somebody tries passwords", REFERENCE),
    ("A part is started again and again", "what ends it is a rollback, which `bad-release` drills"),
    ("Memory or processors are short", "what ends it is a rollback, which `bad-release` drills"),
    ("The host's clock is wrong", "machines of a lab have the clock of the machine that they are on"),
    ("The last good backup is old", "users notice nothing; the lab suite's trials of `backups` do it"),
    (
        "An undone deploy has left a migration",
        "users notice nothing; the deploy suite's trials of `migrations` do it",
    ),
    ("The host is lost", "the lab suite's trial of `lost_host` does it, with a store beside the lab"),
    ("The minutes of the workflows run out", "users notice nothing; GitHub alone can count them"),
    ("Users must wait", "no trouble; the deploy suite's trial of `maintenance` does it"),
    ("Production, against its own gate", "the lab suite's trials of `gate` do it"),
    ("Will a deploy go through?", REFERENCE),
    ("A deploy would replace a commit that it does not contain", REFUSAL),
    ("Try all of this", REFERENCE),
];
const REFERENCE: &str = "it says where to look, and nothing to do";
const REFUSAL: &str = "nothing is wrong for users; what is refused has a trial";

/// How a drill went.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// From the trouble until somebody was told, in seconds.
    pub alarm_after: Option<f64>,
    /// From the trouble until users were well again; none when they never were unwell.
    pub well_after: Option<f64>,
    /// How often users asked meanwhile.
    pub asked: usize,
    /// How often in vain.
    pub failed: usize,
}

impl Drill {
    /// Holds it.
    pub fn hold(&self, stage: &Stage, runbook: &str) -> Result<Outcome> {
        let pages = page::pages(runbook);
        let page = pages.iter().find(|page| page.heading == self.page);
        let page = page.with_context(|| format!("the runbook has no page '{}'", self.page))?;
        Activity::of(format!("{}: all is well first", self.name), |_| stage.make_well())?;
        let users = Users::start(|stolen| (self.users)(stage, stolen))?;
        users.wait_until_well(WELL_TIMEOUT)?;
        let began = Activity::of(format!("{}: the trouble", self.name), |_| (self.trouble)(stage, &users))?;
        let heard = self.alarm.map(|alarm| {
            Activity::of(format!("{}: until somebody is told", self.name), |_| {
                stage.inbox.wait_for(&format!("[lab] ALARM: {alarm}"), ALARM_TIMEOUT)
            })
        });
        let heard = heard.transpose()?;
        stage.follow(page).with_context(|| format!("following '{}' of the runbook", self.page))?;
        let well = users.wait_until_well(WELL_TIMEOUT)?;
        let seen = users.seen();
        let after = |then: Instant| then.saturating_duration_since(began).as_secs_f64();
        Ok(Outcome {
            alarm_after: heard.map(after),
            well_after: (seen.failed > 0).then(|| after(well)),
            asked: seen.asked,
            failed: seen.failed,
        })
    }
}

/// What is wrong with the runbook for those who are to follow it.
pub fn problems(runbook: &str) -> Vec<String> {
    let pages = page::pages(runbook);
    let known: BTreeSet<&str> = pages.iter().map(|page| page.heading.as_str()).collect();
    let named = DRILLS.iter().map(|drill| drill.page).chain(UNDRILLED.iter().map(|(page, _)| *page));
    let gone = named
        .filter(|page| !known.contains(page))
        .map(|page| format!("there is no page '{page}', and a drill names it"));
    let of_pages = pages.iter().flat_map(|page| {
        let is_drilled = DRILLS.iter().any(|drill| drill.page == page.heading);
        let excuse = UNDRILLED.iter().find(|(heading, _)| *heading == page.heading).map(|(_, why)| *why);
        let wrong = match (is_drilled, excuse) {
            (false, None) => {
                vec!["no drill follows it (xtask/src/product/drills has them, and why some pages have none)"]
            }
            (true, Some(_)) => vec!["a drill follows it, and it is said why none does"],
            (true, None) => wrong_with(page),
            (false, Some(REFERENCE)) => Vec::new(),
            (false, Some(_)) => without_verb(page).into_iter().collect(),
        };
        wrong.into_iter().map(|why| format!("docs/runbook.md, '{}': {why}", page.heading))
    });
    let root = ["sudo ", "ssh root@", "su -"].into_iter().filter(|words| runbook.contains(words));
    let root = root.map(|words| format!("docs/runbook.md has `{words}`: nobody needs a shell of root's"));
    gone.chain(of_pages).chain(root).collect()
}

/// What a drill could not follow.
fn wrong_with(page: &Page) -> Vec<&'static str> {
    let is_ours = |words: &Vec<String>| words.starts_with(&["cargo".to_owned(), "xtask".to_owned()]);
    [
        (page.commands.is_empty(), "it has no block of commands"),
        (!page.commands.iter().all(is_ours), "its first block has what is no call of xtask"),
        (page.well.is_none(), "it does not say 'All is well when the last command prints `…`'"),
    ]
    .into_iter()
    .filter_map(|(is_so, why)| is_so.then_some(why))
    .chain(without_verb(page))
    .collect()
}

fn without_verb(page: &Page) -> Option<&'static str> {
    (!page.begins.starts_with("**")).then_some("it does not begin with what to do, as `**Roll back.**`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_a_drill_is_named_and_one_that_no_drill_can_follow() {
        let page = "# Runbook\n\n## The newest release is bad\n\n```sh\nssh root@host reboot\n```\n\n## It is new\n\nWords.\n\n\
                    ## Users must wait\n\nWords.\n\n## What is going on?\n\nWords.\n";
        let told = problems(page).join("\n");
        for words in [
            "'It is new': no drill follows it",
            "'The newest release is bad': it does not begin",
            "'Users must wait': it does not begin",
            "'The newest release is bad': its first block has what is no call of xtask",
            "'The newest release is bad': it does not say",
            "has `ssh root@`",
            "there is no page 'Nothing answers'",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!told.contains("'What is going on?':"), "{told}");
    }
}
