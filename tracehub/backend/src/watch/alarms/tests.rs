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
        state.settle(table, &["slack", "mail"], now);
    }
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
    let (message, way) = state.next_due(now).unwrap();
    assert_eq!(way, "slack");
    state.sent(message.id, "slack", false, Some(40), now);
    assert_eq!(state.next_due(now).unwrap().1, "mail", "the other way does not wait for it");
    state.sent(message.id, "mail", true, None, now);
    assert_eq!(state.next_due(now + 39), None);
    assert_eq!(state.next_due(now + 40).unwrap().1, "slack");
    let waits = (0..9).scan(now + 40, |at, _| {
        state.sent(message.id, "slack", false, None, *at);
        let next = state.outbox[0].ways[0].at;
        Some(next - std::mem::replace(at, next))
    });
    assert_eq!(waits.collect::<Vec<_>>(), [20, 40, 80, 160, 320, 600, 600, 600, 600]);
    state.sent(message.id, "slack", true, None, now);
    assert!(state.outbox.is_empty());
}

#[test]
fn what_nobody_could_be_told_for_a_day_is_given_up() {
    let (mut state, table) = (State::default(), table(10));
    pass(&mut state, &table, 0, &wrong(), false, NOON..NOON + 16);
    state.settle(&table, &["slack"], NOON + 15 + GIVEN_UP);
    assert!(state.outbox.is_empty());
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
            state.settle(&table, &["slack"], now);
            while let Some((message, way)) = state.next_due(now) {
                state.sent(message.id, &way, true, None, now);
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
