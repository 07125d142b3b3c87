//! What the engine says of a container's condition, in its own words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Made, and never started.
    Created,
    /// It runs.
    Running,
    /// Somebody has frozen it.
    Paused,
    /// It ended by itself, and the engine is about to start it again.
    Restarting,
    /// It is on its way out.
    Removing,
    /// It has ended.
    Exited,
    /// It has ended, and could not be removed.
    Dead,
    /// A word that engines did not have when this was written.
    #[serde(other)]
    Other,
}

impl Condition {
    /// It runs no more, and nobody is about to start it again.
    pub fn is_over(self) -> bool {
        matches!(self, Condition::Exited | Condition::Dead)
    }

    /// It runs no more, whether or not the engine is about to start it again.
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

/// What the checks of a container's health say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// None is made.
    #[default]
    #[serde(rename = "", alias = "none")]
    Unchecked,
    /// None has passed yet, and it may still take its time.
    Starting,
    /// The last one passed.
    Healthy,
    /// As many as matter did not pass.
    Unhealthy,
    /// A word that engines did not have when this was written.
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
