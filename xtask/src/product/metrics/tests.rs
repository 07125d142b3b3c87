use std::time::UNIX_EPOCH;

use super::*;
use crate::rollout::state::ledger::{Entry, Event, FORMAT, IncidentMark, Kind, Outcome, StepState};
use crate::rollout::state::release::ReleaseId;
use crate::tools::git::history::CommitTimes;

/// A ledger is written line by line; times are seconds since its beginning.
#[derive(Default)]
struct Story(Ledger);

fn id(n: u32) -> ReleaseId {
    format!("20260103t12000{n}z-1a2b3c4d5e6f").parse().unwrap()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_760_000_000 + seconds)
}

impl Story {
    fn add(&mut self, attempt: &str, seconds: u64, event: Event) {
        let at = humantime::format_rfc3339_seconds(at(seconds)).to_string();
        let id = format!("{attempt}-{}", self.0.entries.len());
        self.0.entries.push(Entry { v: FORMAT, id, at, attempt: attempt.into(), prev: String::new(), event });
    }

    fn begin(&mut self, kind: Kind, attempt: &str, seconds: u64, from: Option<u32>, to: u32) {
        let began = Event::Began {
            kind,
            by: "ada@desk".into(),
            lease: 1,
            from: from.map(id),
            to: Some(id(to)),
            plan: vec![],
            overrides: vec![],
            images: std::collections::BTreeMap::new(),
        };
        self.add(attempt, seconds, began);
    }

    fn switch(&mut self, attempt: &str, seconds: u64) {
        self.add(
            attempt,
            seconds,
            Event::Step { step: "switch".into(), state: StepState::Done, detail: None, until: None },
        );
    }

    fn end(&mut self, attempt: &str, seconds: u64, outcome: Outcome) {
        self.add(attempt, seconds, Event::Ended { outcome, detail: None, to_switch_ms: None });
    }

    /// Switched at this second, confirmed 30 s later.
    fn deploy(&mut self, attempt: &str, seconds: u64, from: Option<u32>, to: u32) {
        self.begin(Kind::Deploy, attempt, seconds - 10, from, to);
        self.switch(attempt, seconds);
        self.add(
            attempt,
            seconds + 30,
            Event::Confirmed { release: id(to), images: Default::default(), commit: format!("c{to}") },
        );
        self.end(attempt, seconds + 31, Outcome::Succeeded);
    }

    fn rollback(&mut self, attempt: &str, seconds: u64, from: u32, to: u32) {
        self.begin(Kind::Rollback, attempt, seconds, Some(from), to);
        self.add(
            attempt,
            seconds + 1,
            Event::Confirmed { release: id(to), images: Default::default(), commit: format!("c{to}") },
        );
        self.end(attempt, seconds + 2, Outcome::Succeeded);
    }

    fn read(&self) -> Deployments {
        Deployments::of(&self.0, |_| Ok(vec![])).unwrap()
    }
}

fn failures(all: &Deployments) -> Vec<Option<Option<u64>>> {
    let seconds = |failure: &Failure| failure.recovered_after.map(|after| after.as_secs());
    all.made.iter().map(|it| it.failure.as_ref().map(seconds)).collect()
}

#[test]
fn what_never_had_the_traffic_is_no_deployment_and_was_caught() {
    let mut story = Story::default();
    story.deploy("a", 100, None, 1);
    story.begin(Kind::Deploy, "b", 200, Some(1), 2);
    story.end("b", 240, Outcome::Undone);
    story.begin(Kind::Deploy, "c", 300, Some(1), 3);
    let all = story.read();
    assert_eq!((all.made.len(), all.caught.len()), (1, 1), "one is under way");
}

#[test]
fn a_switch_that_was_taken_back_is_a_failed_deployment_that_recovered_when_it_was() {
    let mut story = Story::default();
    story.deploy("a", 100, None, 1);
    story.begin(Kind::Deploy, "b", 190, Some(1), 2);
    story.switch("b", 200);
    story.end("b", 209, Outcome::Undone);
    // A killed driver: its end was written a day later, and the guard was faster.
    story.begin(Kind::Deploy, "c", 290, Some(1), 3);
    story.switch("c", 300);
    let until = Some(humantime::format_rfc3339_seconds(at(345)).to_string());
    story.add("c", 301, Event::Step { step: "watch".into(), state: StepState::Begun, detail: None, until });
    story.end("c", 86_400, Outcome::UndoneByGuard);
    let all = story.read();
    assert_eq!(failures(&all), [None, Some(Some(9)), Some(Some(45))]);
    assert_eq!(all.made.iter().map(|it| it.is_rework).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn who_rolls_back_says_that_the_deployment_failed_and_is_none() {
    let mut story = Story::default();
    story.deploy("a", 100, None, 1);
    story.deploy("b", 200, Some(1), 2);
    story.rollback("c", 800, 2, 1);
    story.deploy("d", 900, Some(1), 3);
    let all = story.read();
    assert_eq!(failures(&all), [None, Some(Some(601)), None]);
    assert!(all.made[2].is_rework && !all.made[1].is_rework);
    // To and fro: the release is deployed a second time, and that one is good.
    story.deploy("e", 1000, Some(3), 2);
    assert_eq!(failures(&story.read()), [None, Some(Some(601)), None, None]);
    // Forth again, by a rollback: nothing is said against the release that is left.
    let mut story = Story::default();
    story.deploy("a", 100, None, 1);
    story.deploy("b", 200, Some(1), 2);
    story.rollback("c", 800, 2, 1);
    story.rollback("d", 900, 1, 2);
    assert_eq!(failures(&story.read()), [None, Some(Some(601))]);
}

#[test]
fn an_incident_makes_the_release_a_failed_deployment_until_it_is_over() {
    let mut story = Story::default();
    let mark = |release: u32, is_over: bool| {
        let incident = Some(IncidentMark { caused_by: id(release), is_over });
        Event::Noted { what: String::new(), by: "ada@desk".into(), why: "no list in Safari".into(), incident }
    };
    story.deploy("a", 100, None, 1);
    story.deploy("b", 200, Some(1), 2);
    story.add("c", 500, mark(2, false));
    assert_eq!(failures(&story.read()), [None, Some(None)], "nobody knows yet when it was over");
    story.add("d", 510, mark(2, false));
    story.add("d", 520, mark(1, true));
    story.deploy("e", 700, Some(2), 3);
    story.add("f", 800, mark(2, true));
    story.add("g", 900, mark(2, true));
    let all = story.read();
    assert_eq!(failures(&all), [None, Some(Some(600)), None], "neither opened twice, nor closed twice");
    assert!(all.made[2].is_rework && !all.made[1].is_rework);
    assert_eq!((story.0.incidents().len(), story.0.open_incidents().len()), (1, 0));
}

#[test]
fn a_commit_that_names_a_release_as_mended_by_it_makes_that_one_a_failure() {
    let mut story = Story::default();
    story.deploy("a", 100, None, 1);
    story.deploy("b", 200, Some(1), 2);
    story.deploy("c", 3800, Some(2), 3);
    let fixes = |range: &(String, String)| Ok(if range.1 == "c3" { vec![id(2).to_string()] } else { vec![] });
    let all = Deployments::of(&story.0, fixes).unwrap();
    assert_eq!(failures(&all), [None, Some(Some(3600)), None]);
    assert!(all.made[2].is_rework);
}

#[test]
fn a_commit_s_lead_time_begins_when_it_was_written_and_when_the_branch_had_it() {
    let commit = |sha: &str, written, committed, parents: &[&str]| CommitTimes {
        sha: sha.into(),
        written,
        committed,
        parents: parents.iter().map(|it| (*it).to_owned()).collect(),
    };
    // On main: s, then the merge m of a branch with a and b, then t. Rebased commits keep when they were written.
    let commits = [
        commit("t", 500, 520, &["m"]),
        commit("m", 400, 400, &["s", "b"]),
        commit("b", 150, 350, &["a"]),
        commit("a", 100, 340, &["before"]),
        commit("s", 300, 300, &["before"]),
    ];
    let live = UNIX_EPOCH + Duration::from_secs(1000);
    let mut seen = Default::default();
    let changes = lead_time::of_deployment(&commits, live, &mut seen);
    assert!(
        lead_time::of_deployment(&commits, live, &mut seen).is_empty(),
        "they come back after a rollback"
    );
    let seconds = |of: fn(&Change) -> Option<Duration>| -> Vec<u64> {
        changes.iter().filter_map(of).map(|time| time.as_secs()).collect()
    };
    assert_eq!(
        seconds(|change| change.since_written),
        [500, 850, 900, 700],
        "t, b, a, s: the merge is no change"
    );
    assert_eq!(seconds(|change| change.since_merged), [480, 600, 600, 700]);
    let ahead = lead_time::of_deployment(&[commit("x", 5000, 5000, &[])], live, &mut seen);
    assert_eq!(ahead[0].since_written, Some(Duration::ZERO), "a clock that is ahead");
}

#[test]
fn the_figures_are_held_to_their_targets_and_few_are_said() {
    let mut story = Story::default();
    for number in 0..6_u32 {
        story.deploy(&format!("a{number}"), 100 + u64::from(number) * 86_400, number.checked_sub(1), number);
    }
    story.rollback("r", 5 * 86_400 + 400, 5, 4);
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let measured = Metrics::of(&story.0, folder, at(0), at(14 * 86_400)).unwrap();
    let figure = |name: &str| measured.figures.iter().find(|it| it.name == name).unwrap();
    assert_eq!(
        (figure("deployment frequency").value, figure("deployment frequency").is_met),
        (Some(3.0), Some(true))
    );
    let failed = figure("change fail rate");
    assert!(failed.is_met == Some(false) && failed.value.unwrap() > 16.0 && !failed.says_little());
    let recovery = figure("failed deployment recovery time");
    assert_eq!((recovery.value, recovery.is_met, recovery.says_little()), (Some(301.0), Some(true), true));
    assert_eq!(measured.weeks, [(6, 1), (0, 0)]);
    assert_eq!(
        measured.unknown.len(),
        4,
        "no clone has those commits, and the first deployment brought everything: {:?}",
        measured.unknown
    );
    let nothing = Metrics::of(&Ledger::default(), folder, at(0), at(86_400)).unwrap();
    assert!(nothing.figures.iter().all(|it| it.value.unwrap_or(0.0) == 0.0));
}
