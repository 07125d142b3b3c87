use proptest::prelude::*;
use serde_json::json;

use super::*;

fn table(per_hour: usize) -> Table {
    let row = |name: &str, wakes: bool| json!({ "name": name, "look": { "at": "guard" }, "every": 5, "after": 15, "wakes": wakes, "page": "#guard" });
    let table = json!({
        "environment": "lab", "site": "http://localhost", "edge": "edge", "runbook": "https://example.org/runbook.md",
        "quiet": [22, 6], "per_hour": per_hour, "rows": [row("site", true), row("disk", false)],
    });
    Table::parse(&table.to_string()).unwrap()
}

fn wrong() -> Finding {
    Finding::Wrong("it answers 502".to_owned())
}

/// Noon of a day.
const NOON: i64 = 1_767_441_600;

/// Sees one finding a second for so long.
fn pass(
    state: &mut State,
    table: &Table,
    row: usize,
    finding: &Finding,
    excused: bool,
    seconds: std::ops::Range<i64>,
) {
    for now in seconds {
        state.see(table, &table.rows[row], finding.clone(), excused, now);
        state.settle(table, &ways(), now);
    }
}

fn ways() -> Vec<String> {
    ["slack", "mail-1"].map(str::to_owned).to_vec()
}

fn subjects(state: &State) -> Vec<&str> {
    state.outbox.iter().map(|message| message.subject.as_str()).collect()
}

#[test]
fn an_alarm_is_told_once_with_since_when_and_the_page_and_once_that_it_is_over() {
    let (mut state, table) = (State::default(), table(10));
    pass(&mut state, &table, 0, &wrong(), false, NOON..NOON + 15);
    assert_eq!(subjects(&state), [""; 0], "it might be nothing");
    pass(&mut state, &table, 0, &wrong(), false, NOON + 15..NOON + 100);
    // A watcher that was started again knows what it has told.
    let mut state: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
    pass(&mut state, &table, 0, &wrong(), false, NOON + 100..NOON + 200);
    assert_eq!(subjects(&state), ["[lab] ALARM: site"]);
    assert_eq!(
        state.outbox[0].text,
        "it answers 502\nSince 2026-01-03 12:00:00 UTC. What to do: https://example.org/runbook.md#guard"
    );
    // Neither a moment in which it holds, nor one in which nobody knows, is its end.
    pass(&mut state, &table, 0, &Finding::Right, false, NOON + 200..NOON + 210);
    pass(&mut state, &table, 0, &wrong(), false, NOON + 210..NOON + 220);
    pass(&mut state, &table, 0, &Finding::Unknown, false, NOON + 220..NOON + 300);
    assert_eq!(subjects(&state), ["[lab] ALARM: site"]);
    pass(&mut state, &table, 0, &Finding::Right, false, NOON + 300..NOON + 400);
    assert_eq!(subjects(&state), ["[lab] ALARM: site", "[lab] over: site"]);
    assert!(state.outbox[1].text.contains("for 5 min 0 s"), "{}", state.outbox[1].text);
}

#[test]
fn what_maintenance_or_a_deploy_explains_is_not_told_and_what_outlasts_them_is() {
    let (mut state, table) = (State::default(), table(10));
    pass(&mut state, &table, 0, &wrong(), true, NOON..NOON + 600);
    assert_eq!(subjects(&state), [""; 0]);
    pass(&mut state, &table, 0, &wrong(), false, NOON + 600..NOON + 620);
    assert_eq!(subjects(&state), ["[lab] ALARM: site"], "counted from when nothing explains it");
    assert!(state.outbox[0].text.contains("12:10:00"));
    // What was told before stays told, and its end is told, too.
    pass(&mut state, &table, 0, &wrong(), true, NOON + 620..NOON + 700);
    pass(&mut state, &table, 0, &Finding::Right, true, NOON + 700..NOON + 720);
    assert_eq!(subjects(&state)[1..], ["[lab] over: site"]);
}

#[test]
fn in_quiet_hours_only_what_wakes_people_is_told_and_the_rest_in_the_morning() {
    let (mut state, table) = (State::default(), table(10));
    let night = NOON + 11 * HOUR;
    pass(&mut state, &table, 0, &wrong(), false, night..night + 20);
    pass(&mut state, &table, 1, &wrong(), false, night..night + 7 * HOUR - 1);
    assert_eq!(subjects(&state), ["[lab] ALARM: site"]);
    pass(&mut state, &table, 1, &wrong(), false, night + 7 * HOUR..night + 7 * HOUR + 2);
    assert_eq!(subjects(&state), ["[lab] ALARM: site", "[lab] ALARM: disk"]);
}

#[test]
fn a_message_is_tried_again_by_the_way_that_failed_and_later_each_time() {
    let (mut state, table) = (State::default(), table(10));
    pass(&mut state, &table, 0, &wrong(), false, NOON..NOON + 16);
    let now = NOON + 20;
    let id = state.next_due("slack", now).unwrap().id;
    state.sent(id, "slack", false, Some(40), now);
    assert!(state.next_due("mail-1", now).is_some(), "the other way does not wait for it");
    state.sent(id, "mail-1", true, None, now);
    assert_eq!(state.next_due("slack", now + 39), None);
    assert!(state.next_due("slack", now + 40).is_some() && state.next_due("mail-1", now + 40).is_none());
    let waits = (0..9).scan(now + 40, |at, _| {
        state.sent(id, "slack", false, None, *at);
        let next = state.outbox[0].ways[0].at;
        Some(next - std::mem::replace(at, next))
    });
    assert_eq!(waits.collect::<Vec<_>>(), [20, 40, 80, 160, 320, 600, 600, 600, 600]);
    state.sent(id, "slack", true, None, now);
    assert!(state.outbox.is_empty());
}

#[test]
fn what_nobody_could_be_told_for_a_day_is_given_up_and_begun_anew_and_what_somebody_has_had_is_not() {
    for arrived in [false, true] {
        let (mut state, table) = (State::default(), table(10));
        pass(&mut state, &table, 0, &wrong(), false, NOON..NOON + 16);
        if arrived {
            state.sent(state.outbox[0].id, "slack", true, None, NOON + 16);
        }
        let later = NOON + 15 + GIVEN_UP;
        state.settle(&table, &ways(), later - 1);
        assert_eq!((state.outbox.len(), state.is_mute(later - 1)), (1, !arrived));
        state.settle(&table, &ways(), later);
        assert_eq!(state.outbox.len(), usize::from(!arrived), "{:?}", state.outbox);
        assert!(state.outbox.iter().all(|message| message.at == later && message.row == "site"));
    }
}

#[test]
fn while_there_is_no_way_nothing_is_told_and_a_way_that_comes_later_hears_it() {
    let (mut state, table) = (State::default(), table(10));
    for now in NOON..NOON + 60 {
        state.see(&table, &table.rows[0], wrong(), false, now);
        state.settle(&table, &[], now);
    }
    assert!(state.outbox.is_empty() && !state.open["site"].told);
    state.settle(&table, &ways(), NOON + 60);
    assert_eq!(subjects(&state), ["[lab] ALARM: site"]);
    // Its only way goes before it has arrived.
    state.settle(&table, &[], NOON + 61);
    state.settle(&table, &["mail-2".to_owned()], NOON + 62);
    assert_eq!(state.outbox[0].ways[0].way, "mail-2");
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_up() {
    let (mut state, table) = (State::default(), table(1));
    pass(&mut state, &table, 1, &wrong(), false, NOON..NOON + 16);
    state.sent(state.outbox[0].id, "slack", false, Some(HOUR), NOON + 16);
    pass(&mut state, &table, 0, &wrong(), false, NOON + 16..NOON + 18);
    let back = NOON - 2 * HOUR;
    state.settle(&table, &ways(), back);
    assert!(state.next_due("slack", back).is_some());
    assert_eq!((state.told_at[0], state.open["site"].since, state.open["disk"].since), (back, back, back));
    state.settle(&table, &ways(), back + HOUR);
    assert!(subjects(&state).contains(&"[lab] ALARM: site"));
}

#[test]
fn chatter_that_wakes_nobody_leaves_messages_for_what_does() {
    let (mut state, table) = (State::default(), table(4));
    let mut now = NOON;
    for _ in 0..4 {
        pass(&mut state, &table, 1, &wrong(), false, now..now + 20);
        pass(&mut state, &table, 1, &Finding::Right, false, now + 20..now + 40);
        now += 40;
    }
    assert_eq!(state.outbox.len(), 3);
    assert!(state.outbox[2].text.contains("Of what can wait"), "{}", state.outbox[2].text);
    pass(&mut state, &table, 0, &wrong(), false, now..now + 20);
    assert_eq!(state.outbox[3].subject, "[lab] ALARM: site");
    assert!(state.outbox[3].text.contains("the last message of this hour"));
}

#[test]
fn what_an_older_watcher_has_written_is_read() {
    const OLDER: &str = r#"{
        "looked_at": 5, "told_at": [5], "next": 1,
        "open": {"site": {"since": 1, "words": "it answers 502", "told": true}},
        "outbox": [{"id": 0, "at": 5, "subject": "s", "text": "t", "ways": [{"way": "slack", "at": 5, "tries": 0}]}]
    }"#;
    let state: State = serde_json::from_str(OLDER).unwrap();
    assert!(state.open["site"].told && state.next_due("slack", 5).is_some());
}

proptest! {
    /// Whatever is seen in whatever order: of each row alarms and ends take turns, and no hour has more messages than it may.
    #[test]
    fn alarms_and_their_ends_take_turns_and_no_hour_has_too_many(
        seen in prop::collection::vec((0..2_usize, 0..3_u8, any::<bool>(), 1..400_i64), 1..300),
        per_hour in 1..5_usize,
    ) {
        let table = table(per_hour);
        let (mut state, mut now, mut all) = (State::default(), NOON, Vec::new());
        for (row, kind, excused, seconds) in seen {
            now += seconds;
            let finding = match kind { 0 => Finding::Right, 1 => wrong(), _ => Finding::Unknown };
            state.see(&table, &table.rows[row], finding, excused, now);
            state.settle(&table, &["slack".to_owned()], now);
            while let Some(message) = state.next_due("slack", now).cloned() {
                state.sent(message.id, "slack", true, None, now);
                all.push((now, message.subject));
            }
        }
        for row in ["site", "disk"] {
            let of: Vec<bool> = all.iter().filter(|(_, it)| it.ends_with(row)).map(|(_, it)| it.contains("ALARM")).collect();
            prop_assert!(of.iter().enumerate().all(|(at, is_alarm)| *is_alarm == (at % 2 == 0)), "{of:?}");
        }
        for (at, _) in &all {
            prop_assert!(all.iter().filter(|(it, _)| (*at..*at + HOUR).contains(it)).count() <= per_hour);
        }
    }
}
