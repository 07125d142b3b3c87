//! Drills: each makes a trouble for real on a machine of a lab, waits until somebody is told, and ends it by the commands of the
//! runbook's page as they stand there. A page that is wrong fails its drill.

mod ends;
mod lab;
mod lost_host;
pub mod page;
mod table;
mod troubles;
mod users;
mod visits;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use self::ends::End;
pub use self::lab::DrillLab;
use self::lab::SPOKEN_OF;
use self::page::Page;
pub use self::table::DRILLS;
use self::table::{REFERENCE, UNDRILLED};
use self::users::{Ask, Stolen, Users};
use crate::lab::inbox::{HEARTBEAT, MAIL, SLACK};
use crate::product::probes::BEAT;
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
    /// The alarm that tells of it at any hour; [`SILENCE`], where nothing is left that could.
    pub alarm: Option<&'static str>,
    /// Who asks all along.
    users: fn(&DrillLab, Stolen) -> Result<Ask>,
    /// Makes it, and says when it began.
    trouble: fn(&DrillLab, &Users) -> Result<Instant>,
    /// What must be so in the end beside that users are served.
    end: fn(&End) -> Result<()>,
}

/// What pages that are drilled may call.
const VERBS: [&str; 12] = [
    "status",
    "rollback",
    "deploy",
    "recover",
    "prune",
    "secrets",
    "db",
    "logs",
    "platform",
    "migrate",
    "maintenance",
    "host",
];
/// The alarm that nobody on the host tells, but who misses the watcher's heartbeat.
const SILENCE: &str = "heartbeat";

/// How a drill went.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// From the trouble until somebody was told, in seconds.
    pub alarm_after: Option<f64>,
    /// The same by mail.
    pub mail_after: Option<f64>,
    /// From the trouble until users were well again; none when they never were unwell.
    pub well_after: Option<f64>,
    /// How often users asked meanwhile.
    pub asked: usize,
    /// How often in vain.
    pub failed: usize,
}

impl Drill {
    /// Its page of the runbook, which it can follow.
    pub fn page_of(&self, runbook: &str) -> Result<Page> {
        let page = page::pages(runbook).into_iter().find(|page| page.heading == self.page);
        let page = page.with_context(|| format!("the runbook has no page '{}'", self.page))?;
        let wrong = wrong_with(&page);
        ensure!(wrong.is_empty(), "docs/runbook.md, '{}': {}", self.page, wrong.join("; "));
        Ok(page)
    }

    /// Holds it.
    pub fn hold(&self, lab: &DrillLab, page: &Page) -> Result<Outcome> {
        Activity::of(format!("{}: all is well first", self.name), |_| lab.make_well())?;
        let users = Users::start(|stolen| (self.users)(lab, stolen))?;
        users.wait_until_well(WELL_TIMEOUT)?;
        let began = Activity::of(format!("{}: the trouble", self.name), |_| (self.trouble)(lab, &users))?;
        let heard = self.alarm.map(|alarm| {
            Activity::of(format!("{}: until somebody is told", self.name), |_| heard(lab, alarm, began))
        });
        let (heard, read) = heard.transpose()?.map_or((None, None), |(heard, read)| (Some(heard), read));
        let printed =
            lab.follow(page).with_context(|| format!("following '{}' of the runbook", self.page))?;
        let well = users.wait_until_well(WELL_TIMEOUT)?;
        let seen = users.seen();
        let end = End { lab, printed: &printed, began };
        Activity::of(format!("{}: whether it is over", self.name), |_| (self.end)(&end))?;
        let after = |then: Instant| then.saturating_duration_since(began).as_secs_f64();
        Ok(Outcome {
            alarm_after: heard.map(after),
            mail_after: read.map(after),
            well_after: (seen.failed > 0).then(|| after(well)),
            asked: seen.asked,
            failed: seen.failed,
        })
    }
}

/// When somebody was told in Slack, or by the watcher's silence, and when by mail.
fn heard(lab: &DrillLab, alarm: &str, began: Instant) -> Result<(Instant, Option<Instant>)> {
    if alarm == SILENCE {
        let longest = Duration::from_secs(BEAT.iter().sum::<u32>().into());
        return Ok((lab.inbox.wait_for_silence(HEARTBEAT, longest, longest + ALARM_TIMEOUT)?, None));
    }
    let words = format!("[lab] ALARM: {alarm}");
    let by = |way| lab.inbox.wait_for(way, &words, began, ALARM_TIMEOUT);
    Ok((by(SLACK)?, Some(by(MAIL)?)))
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
                vec![
                    "no drill follows it (xtask/src/product/drills/table.rs has them, and why some pages have none)"
                        .to_owned(),
                ]
            }
            (true, Some(_)) => vec!["a drill follows it, and it is said why none does".to_owned()],
            (true, None) => wrong_with(page),
            (false, Some(REFERENCE)) => Vec::new(),
            (false, Some(_)) => without_verb(page).into_iter().collect(),
        };
        wrong.into_iter().map(|why| format!("docs/runbook.md, '{}': {why}", page.heading))
    });
    let root = ["sudo ", "ssh root@", "su -"].into_iter().filter(|words| runbook.contains(words));
    let root = root.map(|words| format!("docs/runbook.md has `{words}`: nobody needs a shell of root's"));
    let rows = DRILLS.iter().filter(|drill| runbook.matches(&format!("\n| {} |", drill.name)).count() != 1);
    let rows = rows.map(|drill| {
        format!("docs/runbook.md has no row for the drill {} (one that was not held yet says so)", drill.name)
    });
    gone.chain(of_pages).chain(root).chain(rows).collect()
}

/// What a drill could not follow, or must not: all that it calls is about the environment that the runbook speaks of, whose name a drill
/// reads as the lab's.
fn wrong_with(page: &Page) -> Vec<String> {
    let is_ours = |words: &Vec<String>| words.starts_with(&["cargo".to_owned(), "xtask".to_owned()]);
    let verb = |words: &Vec<String>| words.get(2).cloned().unwrap_or_default();
    let prefix = SPOKEN_OF.to_uppercase();
    let is_way = |word: &String| word.starts_with(&format!("{prefix}_")) && word.contains('=');
    let is_export =
        |words: &Vec<String>| words[0] == "export" && words.len() > 1 && words[1..].iter().all(is_way);
    let is_known = |words: &Vec<String>| is_ours(words) || is_export(words);
    let foreign = page.commands.iter().filter(|words| is_ours(words));
    let foreign = foreign.flat_map(|words| {
        let unknown = !VERBS.contains(&verb(words).as_str());
        let unknown = unknown.then(|| format!("`{}` is no verb that a drill may call", verb(words)));
        let elsewhere = !is_about(words, SPOKEN_OF);
        let elsewhere =
            elsewhere.then(|| format!("`{}` is not called with `--env {SPOKEN_OF}`", verb(words)));
        unknown.into_iter().chain(elsewhere)
    });
    let of_page = [
        (page.commands.is_empty(), "it has no block of commands"),
        (
            !page.commands.iter().all(is_known),
            "its first block has what is neither a call of xtask nor the way to the environment's host",
        ),
        (page.well.is_none(), "it does not say 'All is well when the last command prints `…`'"),
    ];
    let of_page = of_page.into_iter().filter(|(is_so, _)| *is_so).map(|(_, why)| why.to_owned());
    let unread = page.unread.iter().map(|what| format!("its first block has {what}"));
    of_page.chain(unread).chain(foreign).chain(without_verb(page)).collect()
}

/// Whether a call says once which environment it is about, and that it is this one.
fn is_about(words: &[String], environment: &str) -> bool {
    let before = words.iter().take_while(|word| *word != "--").map(String::as_str);
    let before: Vec<&str> = before.collect();
    let named = before.iter().filter(|word| word.starts_with("--env")).count();
    named == 1 && before.windows(2).any(|two| two == ["--env", environment])
}

fn without_verb(page: &Page) -> Option<String> {
    let begins = page.begins.starts_with("**");
    (!begins).then(|| "it does not begin with what to do, as `**Roll back.**`".to_owned())
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
            "'The newest release is bad': its first block has what is neither a call of xtask",
            "'The newest release is bad': it does not say",
            "has `ssh root@`",
            "there is no page 'Nothing answers'",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!told.contains("'What is going on?':"), "{told}");
    }

    #[test]
    fn a_page_whose_commands_lead_elsewhere_is_followed_by_nobody() {
        let drill = &DRILLS[0];
        let told = |commands: &str| {
            let page = format!(
                "# Runbook\n\n## {}\n\n**Do.**\n\n```sh\n{commands}\n```\n\nAll is well when the last command prints `well`.\n",
                drill.page
            );
            drill.page_of(&page).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(told("cargo xtask db shell --env production -- --command \"SELECT '--env'\""), "");
        let export = |what: &str| told(&format!("export {what}\ncargo xtask status --env production"));
        assert_eq!(export("PRODUCTION_HOST=203.0.113.10 PRODUCTION_HOST_KEY='a b'"), "");
        for what in ["", "PRODUCTION_HOST", "PRODUCTION_HOST=a PATH=/tmp", "STAGING_HOST=a"] {
            assert!(export(what).contains("neither a call of xtask"), "{what}: {}", export(what));
        }
        for (command, why) in [
            ("cargo xtask rollback", "`rollback` is not called with `--env production`"),
            ("cargo xtask rollback --env staging", "`rollback` is not called"),
            ("cargo xtask rollback --env production --env staging", "`rollback` is not called"),
            ("cargo xtask rollback --env=staging --env production", "`rollback` is not called"),
            ("cargo xtask db shell -- --env production", "`db` is not called"),
            ("cargo xtask down --env production", "`down` is no verb that a drill may call"),
            ("cargo xtask status --env production | tail", "a `|` that is in no quotes"),
            ("cargo xtask status --env 'production", "a quote (') that has no end"),
        ] {
            assert!(told(command).contains(why), "{command}: {}", told(command));
        }
    }

    #[test]
    fn each_drill_has_one_row_in_the_runbook() {
        let path = crate::workspace::root().join("docs/runbook.md");
        let runbook = std::fs::read_to_string(path).unwrap();
        assert_eq!(problems(&runbook), Vec::<String>::new());
        let without = runbook.replace("\n| disk-full |", "\n| disk |");
        assert_eq!(problems(&without).len(), 1);
        assert!(problems(&without)[0].contains("no row for the drill disk-full"));
    }

    #[test]
    fn a_trial_that_stands_for_a_drill_is_there() {
        let trials = concat!(
            include_str!("../../../tests/lab/main.rs"),
            include_str!("../../../tests/deploy/main.rs")
        );
        let mut count = 0;
        for (page, why) in UNDRILLED {
            let named: Vec<&str> = why.split('`').skip(1).step_by(2).collect();
            assert!(
                !named.is_empty() || !why.contains("suite") && !why.contains("trial"),
                "{page}: names no trial"
            );
            for name in named {
                let is_drill = DRILLS.iter().any(|drill| drill.name == name);
                assert!(is_drill || trials.contains(&format!(" {name}::")), "{page}: no trial of `{name}`");
                count += 1;
            }
        }
        assert!(count > 0);
    }
}
