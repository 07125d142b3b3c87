//! The files that a platform is made of. They come from whoever calls: out of a commit, or, for an environment on this
//! machine, out of the tree.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::host::Machine;
use crate::project::{EDGE_FILE, PLATFORM_FILES, ROLES_FILE};
use crate::rollout::state::platform::PlatformRecord;
use crate::tools::files::hex::hex;

/// The files of a platform, and the commit that they are from.
#[derive(Debug, Clone)]
pub struct PlatformFiles {
    commit: String,
    texts: BTreeMap<&'static str, String>,
}

impl PlatformFiles {
    /// `read` gives a file by its name in the folder of what is deployed; none when the commit has no such file.
    pub fn read(commit: String, read: impl Fn(&str) -> Result<Option<String>>) -> Result<PlatformFiles> {
        let names = PLATFORM_FILES.into_iter().chain([EDGE_FILE, ROLES_FILE]);
        let texts = names.filter_map(|name| read(name).map(|text| text.map(|text| (name, text))).transpose());
        Ok(PlatformFiles { texts: texts.collect::<Result<_>>()?, commit })
    }

    /// The commit, and what differs from it.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// What the ledger says of them. Images and settings are told apart.
    pub fn record(&self) -> PlatformRecord {
        let sum =
            |(name, text): (&&str, &String)| ((*name).to_owned(), hex(&Sha256::digest(text.as_bytes())));
        PlatformRecord {
            commit: self.commit.clone(),
            files: self.texts.iter().map(sum).collect(),
            ..PlatformRecord::default()
        }
    }

    pub(in crate::host) fn text(&self, name: &str) -> Result<&str> {
        let text = self.texts.get(name).map(String::as_str);
        text.with_context(|| format!("{} has no {name}, of which a platform is made", self.commit))
    }
}

impl Machine {
    /// With the files of which a platform is made: a deploy starts one where there is none.
    pub fn with_platform_files(self, files: PlatformFiles) -> Machine {
        Machine { platform_files: Some(files), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_have_other_sums_and_a_missing_one_has_none() {
        let files = |roles: Option<&str>| {
            let read = |name: &str| Ok(if name == ROLES_FILE { roles } else { Some("") }.map(str::to_owned));
            PlatformFiles::read("a".to_owned(), read).unwrap()
        };
        let differs = |one: Option<&str>, other: Option<&str>| {
            files(one).record().differing_files(&files(other).record()).into_iter().collect::<Vec<_>>()
        };
        assert!(differs(Some("1"), Some("1")).is_empty());
        assert_eq!(differs(Some("1"), Some("2")), [ROLES_FILE]);
        assert_eq!(differs(Some("1"), None), [ROLES_FILE]);
        assert!(files(None).text(ROLES_FILE).is_err());
    }
}
