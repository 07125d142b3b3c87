//! How long the parts of a rollout may take: an environment's own affair, which a plan is told.

use std::time::Duration;

/// How long the parts of a rollout may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a new release is watched after the switch before it is confirmed.
    pub bake: Duration,
    /// How long a release may take to be ready.
    pub ready: Duration,
    /// How long a release that lost the traffic gets to finish what it has.
    pub drain: Duration,
    /// How many releases are kept whole on the host.
    pub kept_releases: usize,
}
