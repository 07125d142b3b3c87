//! What is not whole of the releases that are kept. A rollback to one puts it right, as far as that can be done.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::host::Machine;
use crate::rollout::observed::Observed;
use crate::rollout::state::release::ReleaseId;

/// Each in a few words, by release.
pub struct Faults(BTreeMap<ReleaseId, Vec<String>>);

impl Faults {
    /// Looks at the files and images of all that are kept.
    pub fn of(machine: &Machine, seen: &Observed) -> Result<Faults> {
        let (changed, missing) = (machine.changed_files(&seen.kept)?, machine.missing_images(&seen.kept)?);
        let faults = |id: &ReleaseId| {
            let changed =
                changed.get(id).map(|files| format!("damaged: {} was changed", files.join(" and ")));
            let missing = missing.get(id).map(|images| format!("{} images gone", images.len()));
            changed.into_iter().chain(missing).collect::<Vec<String>>()
        };
        let all = seen.kept.iter().map(|release| (release.id.clone(), faults(&release.id)));
        Ok(Faults(all.filter(|(_, faults)| !faults.is_empty()).collect()))
    }

    /// Those of one.
    pub fn of_release(&self, id: &ReleaseId) -> &[String] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }

    /// All of them, with the releases.
    pub fn all(&self) -> impl Iterator<Item = (&ReleaseId, String)> {
        self.0.iter().map(|(id, faults)| (id, faults.join(", ")))
    }
}
