//! The last attempt, as the ledger has it: the few fields that say whether one is under way, and until when it may be.

use serde_json::Value;

/// How much longer than its step an attempt may take: for what lies between two steps, and clocks that differ.
const GRACE: i64 = 60;

/// An attempt that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// `deploy`, `rollback`, `down`, `restore`, `platform`, `revert`.
    pub kind: String,
    /// Who makes it.
    pub by: String,
    /// The step that was begun last.
    pub step: String,
    /// When it ought to have said something more, at the latest.
    pub until: i64,
}

/// What the ledger says of the last attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Last {
    /// The attempt, while it has not ended.
    pub under_way: Option<UnderWay>,
    /// When it ended.
    pub ended_at: Option<i64>,
}

impl Last {
    /// The attempt that is under way, while its step may take. After that its driver is dead, and explains nothing.
    pub fn in_time(&self, now: i64) -> Option<&UnderWay> {
        self.under_way.as_ref().filter(|attempt| now <= attempt.until)
    }

    /// Reads it out of the ledger's lines; those that are no entries are passed over.
    pub fn of(ledger: &str) -> Last {
        let mut last = Last::default();
        let mut of = String::new();
        for entry in ledger.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let at = time(&text("at")).unwrap_or_default();
            match text("event").as_str() {
                "began" => {
                    of = text("attempt");
                    let (kind, by, step) = (text("kind"), text("by"), String::new());
                    last = Last {
                        under_way: Some(UnderWay { kind, by, step, until: at + GRACE }),
                        ended_at: None,
                    };
                }
                _ if text("attempt") != of => {}
                "ended" => last = Last { under_way: None, ended_at: Some(at) },
                event => {
                    let Some(under_way) = &mut last.under_way else { continue };
                    under_way.until = at + GRACE;
                    if event == "step" && text("state") == "begun" {
                        under_way.step = text("step");
                        under_way.until = time(&text("until")).unwrap_or(at) + GRACE;
                    }
                }
            }
        }
        last
    }
}

fn time(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: &str =
        r#"{"at":"2026-01-03T12:00:00Z","attempt":"a","event":"began","kind":"deploy","by":"ada@desk"}"#;
    const BEGUN: &str = r#"{"at":"2026-01-03T12:00:01Z","attempt":"a","event":"step","step":"watch","state":"begun","until":"2026-01-03T12:01:00Z"}"#;
    const DONE: &str =
        r#"{"at":"2026-01-03T12:00:31Z","attempt":"a","event":"step","step":"watch","state":"done"}"#;
    const ENDED: &str =
        r#"{"at":"2026-01-03T12:00:32Z","attempt":"a","event":"ended","outcome":"succeeded"}"#;
    const NOTED: &str = r#"{"at":"2026-01-03T13:00:00Z","attempt":"b","event":"noted","what":"db shell"}"#;
    /// Noon.
    const NOON: i64 = 1_767_441_600;

    #[test]
    fn an_attempt_is_under_way_from_its_beginning_to_its_end_and_its_step_says_until_when() {
        let of = |lines: &[&str]| Last::of(&lines.join("\n"));
        assert_eq!(of(&[]), Last::default());
        assert_eq!(of(&[BEGAN]).under_way.unwrap().until, NOON + 60);
        let under_way = of(&[BEGAN, BEGUN, "{\"v\":1,\"half a li"]).under_way.unwrap();
        assert_eq!((under_way.step.as_str(), under_way.until), ("watch", NOON + 120));
        assert_eq!((under_way.kind.as_str(), under_way.by.as_str()), ("deploy", "ada@desk"));
        assert_eq!(of(&[BEGAN, BEGUN, DONE]).under_way.unwrap().until, NOON + 91);
        assert_eq!(
            of(&[BEGAN, BEGUN, DONE, ENDED, NOTED]),
            Last { under_way: None, ended_at: Some(NOON + 32) }
        );
        assert!(of(&[BEGAN, NOTED]).under_way.is_some(), "what others note is not its end");
    }
}
