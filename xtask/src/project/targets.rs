//! What delivery is held to: the figures of `cargo xtask metrics`.

use std::time::Duration;

/// Deployments in two weeks, at the least.
pub const DEPLOYMENTS_IN_TWO_WEEKS: f64 = 2.0;
/// From a commit to its users, at the most.
pub const LEAD_TIME: Duration = Duration::from_secs(60 * 60);
/// Of the deployments, those that had to be taken back or mended, at the most: in hundredths.
pub const FAILED_PERCENT: f64 = 10.0;
/// From a bad release to a good one, at the most.
pub const RECOVERY: Duration = Duration::from_secs(15 * 60);
