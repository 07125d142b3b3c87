//! `cargo xtask drill`: trouble is made for real on a lab, and ended by the runbook's own commands.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde_json::json;
use xshell::cmd;

use super::bench::write_section_of;
use super::output::OutputArgs;
use super::output::near::did_you_mean;
use super::refuse;
use crate::product::drills::page::{self, Page};
use crate::product::drills::{DRILLS, Drill, DrillLab, Outcome};
use crate::product::secrets::today;
use crate::setup::{self, Tool};
use crate::terminal::{self, paint};
use crate::tools::process::{Run, interrupt, shell};
use crate::workspace;

const RUNBOOK: &str = "docs/runbook.md";
/// Of the runbook, what this verb writes.
const SECTION: &str = "drills";
const HEADS: [&str; 6] =
    ["drill", "page", "somebody is told after", "users are well after", "asked in vain", "held on"];

/// Make trouble on a lab, follow the runbook, and time it
///
/// A machine of a lab of its own is made, and removed in the end. Each drill takes a release that is well, makes the trouble for
/// real, waits for the alarm, runs the commands of the runbook's page as they stand there (with the lab's name in place of
/// production), and waits until users are served. What was measured is written into docs/runbook.md.
#[derive(Debug, Args)]
pub struct DrillVerb {
    /// Which, by their names
    #[arg(value_name = "NAME", required_unless_present_any = ["all", "list"])]
    names: Vec<String>,
    /// All of them
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Say which there are
    #[arg(long, conflicts_with_all = ["names", "all"])]
    list: bool,
    /// Go on without asking: what is missing here is installed
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl DrillVerb {
    /// One after the other, on one machine. One that fails does not keep the others from being held.
    pub fn run(self) -> Result<()> {
        if self.list {
            self.say_list();
            return Ok(());
        }
        let path = workspace::root().join(RUNBOOK);
        let runbook = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let chosen = self.chosen()?.into_iter().map(|drill| Ok((drill, drill.page_of(&runbook)?)));
        let chosen = chosen.collect::<Result<Vec<_>>>()?;
        let tools = [Tool::Docker, Tool::Engine, Tool::Ssh, Tool::Age, Tool::Rclone, Tool::SeaweedFs];
        setup::ensure(&tools, self.yes)?;
        Run::new(cmd!(shell(), "openssl version")).run().map_err(|error| {
            refuse(format!("openssl makes certificates for the drills, and can't be called here: {error}"))
        })?;
        let _one = DrillLab::lock()?;
        let mut results = Results::default();
        let ended = self.hold(&chosen, &runbook, &mut results);
        // Also when the set-up failed, or when somebody wants this to end.
        let cleared = interrupt::shielded(DrillLab::clear);
        let Results { held, failed } = results;
        self.output.say(|| json!({ "held": held, "failed": failed }), || say(&held));
        ended.and(cleared)?;
        match failed.as_slice() {
            [] => Ok(()),
            some => Err(anyhow!("{} of the drills failed: {}", some.len(), some.join(", "))),
        }
    }

    /// Each is written down as soon as it was held. One that failed may have left anything: the next one gets another machine.
    fn hold(&self, chosen: &[(&'static Drill, Page)], runbook: &str, results: &mut Results) -> Result<()> {
        let mut lab = None;
        for (drill, page) in chosen {
            let there = match lab.take() {
                Some(there) => there,
                None => {
                    DrillLab::clear()?;
                    DrillLab::set(self.yes)?
                }
            };
            match drill.hold(&there, page) {
                Ok(outcome) => {
                    results.held.insert(drill.name, outcome);
                    write_section_of(RUNBOOK, SECTION, &section(runbook, &results.held))?;
                    lab = there.is_as_set().then_some(there);
                }
                Err(error) => {
                    // Whoever is interrupted has not failed.
                    interrupt::check()?;
                    terminal::note(format_args!("{} {}: {error:#}", paint::bad("failed:"), drill.name));
                    results.failed.push(drill.name);
                }
            }
        }
        Ok(())
    }

    fn chosen(&self) -> Result<Vec<&'static Drill>> {
        if self.all {
            return Ok(DRILLS.iter().collect());
        }
        let find = |name: &String| {
            DRILLS.iter().find(|drill| drill.name == name).ok_or_else(|| {
                let near = did_you_mean(name, DRILLS.iter().map(|drill| drill.name));
                refuse(format!("there is no drill '{name}'.{near} `cargo xtask drill --list` has them"))
            })
        };
        self.names.iter().map(find).collect()
    }

    fn say_list(&self) {
        let row = |drill: &Drill| {
            vec![drill.name.to_owned(), drill.page.to_owned(), drill.alarm.unwrap_or("").to_owned()]
        };
        let for_programs =
            |drill: &Drill| json!({ "name": drill.name, "page": drill.page, "alarm": drill.alarm });
        self.output.say(
            || json!(DRILLS.iter().map(for_programs).collect::<Vec<_>>()),
            || {
                terminal::table(
                    &["drill", "page of docs/runbook.md", "alarm"],
                    &DRILLS.iter().map(row).collect::<Vec<_>>(),
                )
            },
        );
    }
}

/// How those went that were held so far.
#[derive(Default)]
struct Results {
    held: BTreeMap<&'static str, Outcome>,
    failed: Vec<&'static str>,
}

fn cells(drill: &Drill, outcome: &Outcome) -> [String; 4] {
    let seconds = |time: f64| format!("{time:.0} s");
    let by_mail = outcome.mail_after.map_or(String::new(), |after| format!(", by mail {}", seconds(after)));
    let told = match (drill.alarm, outcome.alarm_after) {
        (Some(alarm), Some(after)) => format!("{} (`{alarm}`){by_mail}", seconds(after)),
        _ => "no alarm".to_owned(),
    };
    let well = outcome.well_after.map_or("never unwell".to_owned(), seconds);
    [told, well, format!("{} of {}", outcome.failed, outcome.asked), today()]
}

fn say(held: &BTreeMap<&str, Outcome>) {
    let rows = DRILLS.iter().filter_map(|drill| Some((drill, held.get(drill.name)?)));
    let rows: Vec<Vec<String>> = rows
        .map(|(drill, outcome)| {
            [vec![drill.name.to_owned(), drill.page.to_owned()], cells(drill, outcome).to_vec()].concat()
        })
        .collect();
    terminal::table(&HEADS, &rows);
}

/// The table, with the rows of before for what was not held now.
fn section(before: &str, held: &BTreeMap<&str, Outcome>) -> String {
    let mut text = format!(
        "`cargo xtask drill --all` holds them on a machine of a lab and writes this table: from the trouble on until somebody is told \
         in\nSlack (and by mail), and until users are served again; in between one follows the page. `heartbeat` is told by \
         who misses the watcher's: [`HEARTBEAT_URL`](alarms.md#have-somebody-told).\n\n| {} |\n| --- | --- | ---: | ---: | ---: | --- |\n",
        HEADS.join(" | ")
    );
    for drill in DRILLS {
        let kept = || {
            before.lines().find(|line| line.starts_with(&format!("| {} |", drill.name))).map(str::to_owned)
        };
        let page = format!("[{}](#{})", drill.page, page::anchor(drill.page));
        let row = |cells: [String; 4]| format!("| {} | {page} | {} |", drill.name, cells.join(" | "));
        let line = held.get(drill.name).map(|outcome| row(cells(drill, outcome))).or_else(kept);
        let line = line.unwrap_or_else(|| row(["", "", "", "not held yet"].map(str::to_owned)));
        text.push_str(&format!("{line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drill_that_was_not_held_keeps_its_row() {
        let before = "| edge-stopped | [a](#b) | 1 s | 2 s | 3 of 4 | 2026-01-01 |\n| gone | x |\n";
        let outcome = Outcome {
            alarm_after: Some(20.4),
            mail_after: Some(21.0),
            well_after: None,
            asked: 9,
            failed: 0,
        };
        let text = section(before, &BTreeMap::from([("bad-release", outcome)]));
        assert!(
            text.contains(
                "(#the-newest-release-is-bad) | 20 s (`site`), by mail 21 s | never unwell | 0 of 9 |"
            ),
            "{text}"
        );
        assert!(text.contains(before.lines().next().unwrap()) && !text.contains("gone"), "{text}");
        assert!(text.contains("(#the-disk-fills) |  |  |  | not held yet |"), "{text}");
    }
}
