//! A bug that is planted in the drivers, to see whether the trials find it.

use super::world::World;
use super::world::change::Change;
use crate::rollout::plan::Plan;

/// What a driver changes instead of this; the right change when it has nothing to say.
pub type Instead = fn(&World, &Change) -> Option<Vec<Change>>;

/// A bug that is planted in the drivers, to see whether it is found.
#[derive(Clone, Copy, Default)]
pub struct Bug {
    /// Another plan than the right one.
    pub plan: Option<fn(Plan) -> Plan>,
    /// Other changes than the right one.
    pub change: Option<Instead>,
    /// They go on without the lease.
    pub unfenced: bool,
}
