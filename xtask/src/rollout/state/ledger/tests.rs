use super::*;

fn id(n: u32) -> ReleaseId {
    format!("20260103t12000{n}z-1a2b3c4d5e6f").parse().unwrap()
}

/// Releases 2 and 3 are made of the same images.
fn images(n: u32) -> BTreeMap<String, String> {
    BTreeMap::from([("a-part".to_owned(), format!("an-image@sha256:{}", n.min(2)))])
}

/// Kind, from, to, confirmed, ended.
type Told = (Kind, Option<u32>, Option<u32>, bool, bool);

fn ledger(attempts: &[Told]) -> String {
    let mut text = String::new();
    let mut prev = String::new();
    for (number, (kind, from, to, confirmed, ended)) in attempts.iter().enumerate() {
        let began = Event::Began {
            kind: *kind,
            by: "ada@desk".into(),
            lease: number as u64,
            from: from.map(id),
            to: to.map(id),
            plan: vec![],
            overrides: vec![],
            images: BTreeMap::new(),
        };
        let confirmed = confirmed.then(|| Event::Confirmed {
            release: id(to.unwrap_or(0)),
            images: images(to.unwrap_or(0)),
            commit: String::new(),
        });
        let outcome = if confirmed.is_some() { Outcome::Succeeded } else { Outcome::Undone };
        let ended = ended.then_some(Event::Ended { outcome, detail: None, to_switch_ms: None });
        for (n, event) in [Some(began), confirmed, ended].into_iter().flatten().enumerate() {
            let attempt = format!("a{number}");
            let entry =
                Entry { v: FORMAT, id: format!("{attempt}-{n}"), at: String::new(), attempt, prev, event };
            let line = serde_json::to_string(&entry).unwrap();
            prev = hash(&line);
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

fn taken_back(attempts: &[Told]) -> Vec<ReleaseId> {
    Ledger::parse(&ledger(attempts)).taken_back().into_keys().collect()
}

#[test]
fn the_last_confirmed_release_ought_to_be_live() {
    let text = ledger(&[
        (Kind::Deploy, None, Some(1), true, true),
        (Kind::Deploy, Some(1), Some(2), true, true),
        (Kind::Deploy, Some(2), Some(3), false, true),
    ]);
    let read = Ledger::parse(&text);
    assert_eq!(read.expected_active(), Some(id(2)));
    assert_eq!(read.confirmed(), [id(2), id(1)]);
    assert!(read.damaged.is_empty());
    assert_eq!(read.unfinished(), None);
}

#[test]
fn the_release_of_the_last_attempt_was_deployed_last_if_that_was_a_deploy_and_counts() {
    let deploy = (Kind::Deploy, None, Some(1), true, true);
    let last = |attempt: Told| Ledger::parse(&ledger(&[deploy, attempt])).was_deployed_last(&id(2));
    assert!(last((Kind::Deploy, Some(1), Some(2), true, true)));
    assert!(!last((Kind::Deploy, Some(1), Some(2), false, true)), "it was taken back");
    assert!(!last((Kind::Rollback, Some(1), Some(2), true, true)));
    assert!(!last((Kind::Deploy, Some(2), Some(3), true, true)));
}

#[test]
fn after_a_rollback_the_release_that_was_left_is_remembered_until_it_is_deployed_again() {
    let mut attempts = vec![
        (Kind::Deploy, None, Some(1), true, true),
        (Kind::Deploy, Some(1), Some(2), true, true),
        (Kind::Rollback, Some(2), Some(1), true, true),
    ];
    assert_eq!(taken_back(&attempts), [id(2)]);
    attempts.push((Kind::Deploy, Some(1), Some(2), true, true));
    assert_eq!(taken_back(&attempts), []);
}

#[test]
fn images_were_taken_back_when_every_release_of_them_was() {
    let back = |attempts: &[Told]| {
        let read = Ledger::parse(&ledger(attempts));
        read.taken_back_all(|attempt| attempt.images == images(2)).map(|attempt| (attempt.id, attempt.from))
    };
    let (one, two) =
        ((Kind::Deploy, None, Some(1), true, true), (Kind::Deploy, Some(1), Some(2), true, true));
    let from_two = (Kind::Rollback, Some(2), Some(1), true, true);
    assert_eq!(back(&[one]), None, "they were never here");
    assert_eq!(back(&[one, two]), None);
    assert_eq!(back(&[one, two, from_two]), Some(("a2".to_owned(), Some(id(2)))));
    let three = (Kind::Deploy, Some(1), Some(3), true, true);
    assert_eq!(back(&[one, two, from_two, three]), None, "with other settings they stayed");
    let from_three = (Kind::Rollback, Some(3), Some(1), true, true);
    assert_eq!(back(&[one, two, from_two, three, from_three]), Some(("a4".to_owned(), Some(id(3)))));
}

#[test]
fn who_rolls_forward_again_brands_neither_release() {
    let attempts = [
        (Kind::Deploy, None, Some(2), true, true),
        (Kind::Deploy, Some(2), Some(3), true, true),
        (Kind::Rollback, Some(3), Some(2), true, true),
        (Kind::Rollback, Some(2), Some(3), true, true),
    ];
    assert_eq!(taken_back(&attempts), []);
}

#[test]
fn an_attempt_without_an_end_is_unfinished() {
    let text =
        ledger(&[(Kind::Deploy, None, Some(1), true, true), (Kind::Deploy, Some(1), Some(2), false, false)]);
    assert_eq!(Ledger::parse(&text).unfinished().unwrap().to, Some(id(2)));
}

#[test]
fn a_torn_line_is_passed_over_and_what_follows_is_read() {
    let whole =
        ledger(&[(Kind::Deploy, None, Some(1), true, true), (Kind::Deploy, Some(1), Some(2), true, true)]);
    let lines: Vec<&str> = whole.lines().collect();
    let torn = format!("{}\n{}\n{}\n", lines[..3].join("\n"), &lines[3][..20], lines[3..].join("\n"));
    let read = Ledger::parse(&torn);
    assert_eq!((read.damaged, read.is_cut), (vec![], false));
    assert_eq!(read.entries, Ledger::parse(&whole).entries);
    let cut = Ledger::parse(&format!("{}\n{}", lines[..3].join("\n"), &lines[3][..20]));
    assert_eq!((cut.entries.len(), cut.damaged, cut.is_cut), (3, vec![], true));
}

#[test]
fn a_line_behind_the_zeros_that_a_loss_of_power_left_is_read() {
    let whole = ledger(&[(Kind::Deploy, None, Some(1), true, true)]);
    let (first, rest) = whole.split_once('\n').unwrap();
    let read = Ledger::parse(&format!("{first}\n\0\0\0{rest}"));
    assert_eq!((read.entries.len(), read.damaged), (whole.lines().count(), Vec::new()));
}

#[test]
fn a_line_that_somebody_changed_breaks_the_chain() {
    let text = ledger(&[(Kind::Deploy, None, Some(1), true, true)]).replacen("ada@desk", "eve@desk", 1);
    assert_eq!(Ledger::parse(&text).damaged, [2]);
}

#[test]
fn every_event_of_a_ledger_from_before_is_read() {
    // As hosts have them: no key of these may change without the old one being read too.
    let events = [
        r#"{"event":"began","kind":"deploy","by":"ada@desk","lease":7,"from":null,"to":"20260103t120001z-1a2b3c4d5e6f","plan":["pull"]}"#,
        r#"{"event":"contract","migration":3,"unused_since":"0123456789ab","shuts_out":["20260103t120001z-1a2b3c4d5e6f"]}"#,
    ];
    for event in events {
        let told: Event = serde_json::from_str(event).unwrap_or_else(|error| panic!("{event}: {error}"));
        assert_eq!(serde_json::to_string(&told).unwrap(), event);
    }
}

#[test]
fn a_platform_is_proven_when_something_went_well_with_it_and_not_known_when_that_was_cut_off() {
    let mut read = Ledger::parse(&ledger(&[(Kind::Deploy, None, Some(1), true, true)]));
    assert_eq!(read.platform(), None);
    let platform = |commit: &str| PlatformRecord { commit: commit.to_owned(), ..PlatformRecord::default() };
    let mut write = |event: Event| {
        let (id, at, prev) = (String::new(), String::new(), String::new());
        read.entries.push(Entry { v: FORMAT, id, at, attempt: "a".into(), prev, event });
        (read.platform().cloned(), read.proven_platform().cloned())
    };
    let ended = |outcome| Event::Ended { outcome, detail: None, to_switch_ms: None };
    let one = Some(platform("one"));
    assert_eq!(write(Event::Platform(platform("one"))), (one.clone(), None));
    assert_eq!(write(ended(Outcome::Undone)), (one.clone(), None));
    assert_eq!(write(ended(Outcome::Succeeded)), (one.clone(), one));
    assert_eq!(write(Event::Platform(platform("two"))), (Some(platform("two")), None));
    assert_eq!(write(Event::Platform(platform(""))), (None, None));
    assert_eq!(write(ended(Outcome::Succeeded)), (None, None));
}

#[test]
fn what_came_ahead_of_a_plan_is_one_attempt_with_it() {
    let mut text = String::new();
    for (number, to, event) in [(0, 1, "began"), (1, 2, "began"), (2, 2, "confirmed")] {
        let (rest, to) =
            (r#""kind":"deploy","by":"ada@desk","lease":7,"from":null,"plan":["platform"]"#, id(to));
        text += &format!(
            r#"{{"v":1,"id":"a-{number}","at":"","attempt":"a","prev":"","event":"{event}",{rest},"to":"{to}","release":"{to}"}}"#
        );
        text.push('\n');
    }
    let ledger = Ledger::parse(&text);
    let attempts = ledger.attempts();
    assert_eq!((attempts.len(), attempts[0].to.clone(), attempts[0].confirmed), (1, Some(id(2)), true));
}
