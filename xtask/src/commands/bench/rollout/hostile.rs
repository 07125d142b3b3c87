//! Releases that are no good, each in its own way: what a deploy makes of them, and what that costs users.

use std::fmt::Write as _;

use anyhow::Result;

use super::measure::Measured;
use super::ours::Ours;
use crate::commands::bench::write_section;
use crate::lab::Lab;
use crate::product::checkout::Checkout;
use crate::product::checkout::FAULT;
use crate::project;
use crate::terminal;

/// Requests a second: as many as a small firm makes. What is found by users' errors alone is found late among so few.
const RATE: u32 = 5;

const HEADS: [&str; 7] = ["release", "caught at", "by", "had the traffic for", "over", "requests", "failed"];

const WEB_SERVER: &str = "tracehub/frontend/Caddyfile";

/// What is wrong with a release.
enum Wrong {
    /// The backend, by this fault.
    Fault(&'static str),
    /// A file in which this stands instead of that.
    Change(&'static str, &'static str, &'static str),
}

/// What users would suffer from, and what makes it so.
const HOSTILE: [(&str, Wrong); 11] = [
    ("nobody can log in", Wrong::Fault("nobody-logs-in")),
    (
        "the page is blank, and answered 200",
        Wrong::Change(WEB_SERVER, "		try_files {path} /index.html\n", "		respond \"\" 200\n"),
    ),
    (
        "the page's script fails in the browser",
        Wrong::Change(
            "tracehub/frontend/src/main.ts",
            "document.getElementById('root')!",
            "document.getElementById('nowhere')!",
        ),
    ),
    (
        "the page's files are missing",
        Wrong::Change(WEB_SERVER, "	handle /assets/* {\n", "	handle /assets/* {\n		error 404\n"),
    ),
    ("every tenth request of users is answered 500", Wrong::Fault("every-tenth")),
    ("every answer takes twice as long", Wrong::Fault("twice-as-slow")),
    ("the list takes 200 ms longer", Wrong::Fault("answers-late")),
    ("it leaks 20 MB a second", Wrong::Fault("slow-leak")),
    ("it logs an error for each request", Wrong::Fault("logs-errors")),
    (
        "its page's health check can't pass",
        Wrong::Change("tracehub/deploy/release.yaml", "[CMD, wget, -q,", "[CMD, wgets, -q,"),
    ),
    ("it is right on the host, and answers 500 through the edge", Wrong::Fault("errors-beside-health")),
];

/// Deploys each beside one that is well, and writes what became of it.
pub fn run(copy: &Checkout, lab: &Lab) -> Result<()> {
    let well = copy.with_faults()?;
    let ours = Ours::set_up(copy, lab, &well)?;
    let mut rows = Vec::new();
    for (what, wrong) in HOSTILE {
        let version = match wrong {
            Wrong::Fault(name) => {
                let (file, from, to) = FAULT;
                copy.beside(&well, what, (file, from, &format!("{to}{name}\n")))?
            }
            Wrong::Change(file, from, to) => copy.beside(&well, what, (file, from, to))?,
        };
        let before = ours.live()?;
        let measured = ours.deploy_under(RATE, &version)?;
        let row = cells(what, &before, &measured);
        terminal::note(row.join(" | "));
        rows.push(row);
        if measured.done.code == 0 {
            // The next one is measured beside the same release as the others.
            ours.rollback(None)?;
        }
    }
    ours.down()?;
    terminal::table(&HEADS, &rows);
    write_section("rollout-hostile", &page(&rows))
}

fn cells(what: &str, before: &str, Measured { over, seen, done, .. }: &Measured) -> Vec<String> {
    let (step, why) = verdict(&done.error).unwrap_or(("not caught", "-"));
    let had_traffic = match step {
        "watch" => format!("{:.1} s", seen.longest_without(before).as_secs_f64()),
        "not caught" => "all the time".to_owned(),
        _ => "-".to_owned(),
    };
    vec![
        what.to_owned(),
        step.to_owned(),
        why.replace('|', "/"),
        had_traffic,
        format!("{:.1} s", over.as_secs_f64()),
        seen.sent.to_string(),
        seen.failed.len().to_string(),
    ]
}

/// The step at which a deploy gave up, and why, as its error has it; without who asked for it, and where.
fn verdict(error: &str) -> Option<(&str, &str)> {
    let (_, rest) = error.split_once(" failed at '")?;
    let (step, why) = rest.split_once("': ")?;
    let why = why.lines().next()?.trim();
    let asked = format!("{}: ", project::BACKEND.image);
    Some((step, why.split_once(&asked).map_or(why, |(_, found)| found)))
}

fn page(rows: &[Vec<String>]) -> String {
    let mut page = format!(
        "## Releases that are no good\n\nEach deployed beside one that is well, with production's defaults (bake 30 s), under \
         {RATE} requests a second of users. Made by `cargo xtask bench rollout --hostile`.\n\n| {} |\n|{}\n",
        HEADS.join(" | "),
        " --- |".repeat(HEADS.len())
    );
    for row in rows {
        let _ = writeln!(page, "| {} |", row.join(" | "));
    }
    page.push_str(
        "\nA deploy runs no script of the page: what fails in a browser alone is for CI to find (`page-test`). And answers that \
         take twice as long are no reason to take a release back while that is a few milliseconds.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::product::checkout::faults;
    use crate::workspace;

    /// The benchmark and the suites would say so only when they have built everything.
    #[test]
    fn what_is_planted_fits_what_stands_there() {
        let wrong = HOSTILE.iter().map(|(_, wrong)| match wrong {
            Wrong::Fault(name) => {
                assert!(faults::CODE.1.contains(&format!("is(\"{name}\")")), "there is no fault {name}");
                FAULT
            }
            Wrong::Change(file, from, to) => (*file, *from, *to),
        });
        for (file, from, _) in faults::CHANGES.into_iter().chain(wrong) {
            let text = fs::read_to_string(workspace::root().join(file)).unwrap();
            assert!(text.contains(from), "{file} does not contain {from:?} any more");
        }
    }

    #[test]
    fn the_verdict_is_read_from_what_a_deploy_says() {
        let said = "error: the deploy of 20260103t120000z-1a2b3c4d5e6f to production failed at 'watch': 3 of 39 of our own failed\n  more\n";
        assert_eq!(verdict(said), Some(("watch", "3 of 39 of our own failed")));
        let said = "error: the deploy of it failed at 'ready': it calls itself ready, and does not serve: it, asked on the edge's \
                    network: tracehub-backend: a log-in is answered 500\n";
        assert_eq!(verdict(said), Some(("ready", "a log-in is answered 500")));
        assert_eq!(verdict("Deployed: all is well"), None);
    }
}
