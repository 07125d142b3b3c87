//! Which commit's platform runs, and whether the live release's commit has another one.

use std::fmt;

use crate::product::platform;
use crate::rollout::state::ledger::Ledger;
use crate::rollout::state::release::Release;

/// Where the platform is from.
pub struct PlatformOrigin {
    /// The commit; none when the ledger does not say.
    pub commit: Option<String>,
    /// The files of which the live release's commit has others; none when that can't be known here.
    pub differing: Option<Vec<String>>,
}

impl PlatformOrigin {
    /// By the ledger, and this clone.
    pub fn of(ledger: &Ledger, live: Option<&Release>) -> PlatformOrigin {
        let record = ledger.platform();
        let files = live.and_then(|release| platform::of_commit(&release.commit).ok());
        let differing = record.zip(files).map(|(record, files)| files.record().differing_files(record));
        PlatformOrigin {
            commit: record.map(|record| record.commit.clone()),
            differing: differing.map(|names| names.into_iter().collect()),
        }
    }
}

impl fmt::Display for PlatformOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(commit) = &self.commit else {
            return f.write_str("not recorded: `cargo xtask platform up` writes down which one runs");
        };
        write!(f, "of {}", commit.get(..12).unwrap_or(commit))?;
        match self.differing.as_deref() {
            Some([]) => f.write_str(", as the live release's commit has it"),
            Some(names) => write!(f, "; the live release's commit has another {}", names.join(" and ")),
            None => f.write_str("; the live release's commit is not in this clone: `git fetch`"),
        }
    }
}
