//! What a platform was made of, as the ledger has it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What a platform was made of. Empty when that is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformRecord {
    /// The commit, in full; with what differed from it on an operator's own machine.
    pub commit: String,
    /// SHA-256 of each of the commit's files that a platform is made of, in hexadecimal.
    pub files: BTreeMap<String, String>,
    /// Service to image.
    pub images: BTreeMap<String, String>,
    /// SHA-256 of what the variables in those files stood for, which is another one in each environment.
    #[serde(default)]
    pub settings: String,
}

impl PlatformRecord {
    /// Whether anything is known.
    pub fn is_known(&self) -> bool {
        !self.commit.is_empty()
    }

    /// The files that differ between the two.
    pub fn differing_files(&self, other: &PlatformRecord) -> BTreeSet<String> {
        differing(&self.files, &other.files, |sum| sum)
    }

    /// The services whose images differ between the two, whatever registries they are from.
    pub fn differing_images(&self, other: &PlatformRecord) -> BTreeSet<String> {
        differing(&self.images, &other.images, |image| image.rsplit('@').next().unwrap_or(image))
    }
}

fn differing(
    some: &BTreeMap<String, String>,
    others: &BTreeMap<String, String>,
    of: impl Fn(&String) -> &str,
) -> BTreeSet<String> {
    let names = some.keys().chain(others.keys());
    names.filter(|name| some.get(*name).map(&of) != others.get(*name).map(&of)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(files: &[(&str, &str)], image: &str) -> PlatformRecord {
        let files = files.iter().map(|(name, sum)| ((*name).to_owned(), (*sum).to_owned())).collect();
        let images = [("a-service".to_owned(), image.to_owned())].into();
        PlatformRecord { commit: "c".to_owned(), files, images, settings: String::new() }
    }

    #[test]
    fn a_file_that_only_one_has_differs_and_a_registry_s_name_does_not() {
        let one = record(&[("a", "1"), ("b", "1")], "here/x@sha256:1");
        let other = record(&[("a", "1"), ("b", "2"), ("c", "1")], "there/x@sha256:1");
        assert_eq!(one.differing_files(&other), ["b".to_owned(), "c".to_owned()].into());
        assert!(one.differing_images(&other).is_empty());
        assert_eq!(one.differing_images(&record(&[], "here/x@sha256:2")).len(), 1);
    }
}
