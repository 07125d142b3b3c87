//! The state of a container and of its health, as the engine names them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Created, and never started.
    Created,
    /// It runs.
    Running,
    /// It is frozen.
    Paused,
    /// It ended by itself, and the engine is about to start it again.
    Restarting,
    /// It is being removed.
    Removing,
    /// It has ended.
    Exited,
    /// It has ended, and could not be removed.
    Dead,
    /// A state that is not known here.
    #[serde(other)]
    Other,
}

impl Condition {
    /// Whether it has ended, and the engine will not start it again.
    pub fn is_over(self) -> bool {
        matches!(self, Condition::Exited | Condition::Dead)
    }

    /// Whether it has ended, also when the engine is about to start it again.
    pub fn has_ended(self) -> bool {
        self.is_over() || self == Condition::Restarting
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Condition::Created => "created",
            Condition::Running => "running",
            Condition::Paused => "paused",
            Condition::Restarting => "restarting",
            Condition::Removing => "removing",
            Condition::Exited => "exited",
            Condition::Dead => "dead",
            Condition::Other => "in a state of its own",
        })
    }
}

/// The health of a container, by its health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It has no health check.
    #[default]
    #[serde(rename = "", alias = "none")]
    Unchecked,
    /// No check has passed yet, within the time that it may take to start.
    Starting,
    /// The last check passed.
    Healthy,
    /// As many checks in a row failed as make it unhealthy.
    Unhealthy,
    /// A health that is not known here.
    #[serde(other)]
    Other,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Health::Unchecked => "",
            Health::Starting => "starting",
            Health::Healthy => "healthy",
            Health::Unhealthy => "unhealthy",
            Health::Other => "of a health of its own",
        })
    }
}

/// How often the engine has started a container again, for people; empty when it never did.
pub fn started_again(times: u32) -> String {
    match times {
        0 => String::new(),
        1 => "started again once".to_owned(),
        times => format!("started again {times} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_s_words_are_read_and_an_unknown_one_hides_nothing_else() {
        let read = |word: &str| serde_json::from_value::<Condition>(word.into()).expect("a word");
        for status in [
            Condition::Created,
            Condition::Running,
            Condition::Restarting,
            Condition::Exited,
            Condition::Dead,
        ] {
            assert_eq!(read(&status.to_string()), status);
        }
        assert_eq!(read("stopping"), Condition::Other);
        let read = |word: &str| serde_json::from_value::<Health>(word.into()).expect("a word");
        assert_eq!((read("none"), read("unhealthy")), (Health::Unchecked, Health::Unhealthy));
        assert_eq!((read(""), read("stopped")), (Health::Unchecked, Health::Other));
    }
}
