//! How much is asked of a release, and how long users wait: what it takes to say that it is slower, and not only busier, than the
//! one before.

use std::time::Duration;

use crate::rollout::edge_counts::EdgeCounts;

/// So much more than before is still as much as before: twice as many, and so many in a second. (While a release starts, users are
/// answered later, and so ask less.)
const MORE: f64 = 2.0;
const MORE_IN_A_SECOND: f64 = 10.0;
/// So many answers say how long users wait.
const LEAST_SERVED: u64 = 20;

/// What the edge answered in a span of time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    /// What it answered.
    pub counts: EdgeCounts,
    /// How long that took.
    pub span: Duration,
}

impl Load {
    /// Whether no more is asked than was before. Who guesses passwords is few among many users, and costs as much as all of
    /// them: so those whom a release turns away are counted by themselves.
    pub fn is_no_more_than(&self, before: &Load) -> bool {
        [|it: &EdgeCounts| it.all, |it: &EdgeCounts| it.turned_away].iter().all(|of| {
            let rate = |load: &Load| of(&load.counts) as f64 / load.span.as_secs_f64().max(0.1);
            rate(self) <= rate(before) * MORE + MORE_IN_A_SECOND
        })
    }

    /// How long most users waited at most, about: twice the average. None when too few were served to say it.
    pub fn wait(&self) -> Option<Duration> {
        let served = u32::try_from(self.counts.served).ok()?;
        (self.counts.served >= LEAST_SERVED).then(|| self.counts.took / served * 2)
    }

    /// '212 in a second'.
    pub fn in_words(&self) -> String {
        format!("{:.0} in a second", self.counts.all as f64 / self.span.as_secs_f64().max(0.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(all: u64, turned_away: u64) -> Load {
        Load {
            counts: EdgeCounts { all, turned_away, ..EdgeCounts::default() },
            span: Duration::from_secs(10),
        }
    }

    #[test]
    fn it_is_more_when_more_is_asked_or_when_more_are_turned_away() {
        let before = load(1000, 0);
        assert!(load(2000, 0).is_no_more_than(&before) && load(2100, 100).is_no_more_than(&before));
        assert!(!load(2200, 0).is_no_more_than(&before));
        assert!(!load(1500, 200).is_no_more_than(&before), "guesses at passwords, among many users");
        assert!(load(90, 0).is_no_more_than(&load(0, 0)), "where nobody was, a few are no crowd");
        let short = Load { span: Duration::ZERO, ..load(1, 0) };
        assert!(short.is_no_more_than(&load(1, 0)), "no span is too short");
    }

    #[test]
    fn how_long_users_waited_is_known_when_enough_of_them_were_served() {
        let waited = |served| Load {
            counts: EdgeCounts { served, took: Duration::from_millis(served * 150), ..EdgeCounts::default() },
            span: Duration::from_secs(10),
        };
        assert_eq!(waited(20).wait(), Some(Duration::from_millis(300)));
        assert_eq!(waited(19).wait(), None);
    }
}
