//! What the edge has counted of its answers.

use std::time::Duration;

/// Requests that the edge has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EdgeCounts {
    /// All.
    pub all: u64,
    /// With 5xx, but for 507, since a disk is as full for every release, and 503. That is what users are answered who are asked to
    /// wait, and how a release turns away what is too much for it: by that any stranger could have it taken back. What our own
    /// requests are answered tells that from a release that can't answer.
    pub errors: u64,
    /// With 401 or 429: log-ins that failed, and what came too often.
    pub turned_away: u64,
    /// With 2xx.
    pub served: u64,
    /// How long those took, all together.
    pub took: Duration,
}

impl EdgeCounts {
    /// These and those.
    pub fn and(self, more: EdgeCounts) -> EdgeCounts {
        EdgeCounts {
            all: self.all + more.all,
            errors: self.errors + more.errors,
            turned_away: self.turned_away + more.turned_away,
            served: self.served + more.served,
            took: self.took + more.took,
        }
    }

    /// One request that was answered with this status. It is no user's, so how long it took does not count.
    pub fn one(status: u16) -> EdgeCounts {
        EdgeCounts::some(1, status)
    }

    /// So many requests that were answered with this status.
    pub fn some(all: u64, status: u16) -> EdgeCounts {
        let if_it = |is: bool| if is { all } else { 0 };
        EdgeCounts {
            all,
            errors: if_it(status >= 500 && !matches!(status, 503 | 507)),
            turned_away: if_it(matches!(status, 401 | 429)),
            ..EdgeCounts::default()
        }
    }

    /// What came since `before`. An edge that was started again began to count anew.
    pub fn since(self, before: EdgeCounts) -> EdgeCounts {
        EdgeCounts {
            all: self.all.saturating_sub(before.all),
            errors: self.errors.saturating_sub(before.errors),
            turned_away: self.turned_away.saturating_sub(before.turned_away),
            served: self.served.saturating_sub(before.served),
            took: self.took.saturating_sub(before.took),
        }
    }

    /// The share of errors, from 0 to 1.
    pub fn share(self) -> f64 {
        if self.all == 0 { 0.0 } else { self.errors as f64 / self.all as f64 }
    }
}
