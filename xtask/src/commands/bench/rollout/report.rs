//! What was measured, as a page and as a table.

use std::fmt::Write as _;
use std::time::Duration;

use super::measure::Measured;
use super::{RATE, ROUNDS, Row};
use crate::terminal::{self, paint};

const HEADS: [&str; 9] =
    ["way", "users have it", "over", "requests", "failed", "slowest", "commands", "sent", "exit"];

/// One of the three things that each way does.
type Case = fn(&Row) -> &Measured;

const CASES: [(&str, Case); 3] = [
    ("A deploy: one backend line changed, images pushed", |row| &row.deploy),
    ("A rollback to the release before", |row| &row.rollback),
    ("A deploy of a release that never gets ready", |row| &row.never_ready),
];

/// The section of docs/benchmarks.md.
pub fn page(rows: &[Row]) -> String {
    let mut page = format!(
        "## Rollouts\n\nThe same images on the same machine (the lab's first one), each way in turn, with {RATE} requests a \
         second all along: half over new connections, half over kept ones, none ever sent twice. *Users have it* counts from \
         the command's start to the last answer of the release before; *over* to the command's end. Deploys and rollbacks \
         that work were made {ROUNDS} times, and the middle ones stand here. Made by `cargo xtask bench rollout`; ours with \
         production's defaults (bake 30 s).\n"
    );
    for (title, case) in CASES {
        let _ = write!(page, "\n### {title}\n\n{}", table(rows, case));
    }
    if let (Some(ours), Some(script)) = (rows.first(), rows.iter().find(|row| row.way.contains("script"))) {
        let _ = write!(page, "\n{}", said(ours, script));
    }
    page
}

/// Like `page`, on the terminal.
pub fn say(rows: &[Row]) {
    for (title, case) in CASES {
        terminal::say(paint::strong(title));
        let rows: Vec<_> = rows.iter().map(|row| cells(row, case(row))).collect();
        terminal::table(&HEADS, &rows);
        terminal::say("");
    }
    terminal::say("written to docs/benchmarks.md");
}

fn table(rows: &[Row], case: Case) -> String {
    let mut table = format!("| {} |\n|{}\n", HEADS.join(" | "), " --- |".repeat(HEADS.len()));
    for row in rows {
        let _ = writeln!(table, "| {} |", cells(row, case(row)).join(" | "));
    }
    table
}

fn cells(row: &Row, measured: &Measured) -> Vec<String> {
    let Measured { to_switch, over, seen, done } = measured;
    let number = |number: Option<u32>| number.map_or("-".to_owned(), |number| number.to_string());
    vec![
        row.way.to_owned(),
        to_switch.map_or("-".to_owned(), seconds),
        seconds(*over),
        seen.sent.to_string(),
        seen.failed.len().to_string(),
        format!("{} ms", seen.slowest.as_millis()),
        number(done.calls),
        done.bytes.map_or("-".to_owned(), |bytes| format!("{:.2} MB", bytes as f64 / 1e6)),
        done.code.to_string(),
    ]
}

/// What ours is made of, and how it compares.
fn said(ours: &Row, script: &Row) -> String {
    let mut text = String::new();
    if let (Some(ours), Some(theirs)) = (ours.deploy.to_switch, script.deploy.to_switch) {
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        let _ = writeln!(
            text,
            "Users have a new release {ratio:.1} times sooner than with the classic script.\n"
        );
    }
    if let Some(Measured { to_switch: Some(to_switch), seen, .. }) = &ours.rollback_to_stopped {
        let (sent, failed) = (seen.sent, seen.failed.len());
        let _ = writeln!(
            text,
            "A rollback to a release that was stopped: users have it after {}, and {failed} of {sent} requests failed.\n",
            seconds(*to_switch)
        );
    }
    let steps: Vec<String> =
        ours.deploy.done.steps.iter().map(|(name, ms)| format!("{name} {ms} ms")).collect();
    let _ = writeln!(text, "What our deploy is made of: {}.", steps.join(", "));
    if let Some(memory) = ours.deploy.done.memory {
        let _ = writeln!(text, "The operator's side takes {} MiB and one ssh connection.", memory / 1024);
    }
    text
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
