//! Which versions of secrets a host has, and which of them count.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::SECRETS;

/// The versions of secrets that a host has. One is a counter, never derived from the value.
#[derive(Debug, Default)]
pub struct SecretVersions {
    /// The newest of each secret that counts: with which a release runs that is made now.
    pub current: BTreeMap<String, u32>,
    /// The newest of each secret that there ever was, as far as files tell.
    pub newest: BTreeMap<String, u32>,
    /// Those that were made for a release which is not confirmed yet, or never was: secret and version.
    pub unconfirmed: BTreeSet<(String, u32)>,
    /// Those that were revoked: secret and version.
    pub revoked: BTreeSet<(String, u32)>,
}

impl SecretVersions {
    /// Out of the names of their files: `jwt_secret/2`, `jwt_secret/1.revoked`, `jwt_secret/3.unconfirmed` beside `jwt_secret/3`.
    pub(super) fn parse(listed: &str) -> SecretVersions {
        let mut versions = SecretVersions::default();
        let mut there: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (name, file) in listed.lines().filter_map(|line| line.split_once('/')) {
            let (number, kind) = file.split_once('.').map_or((file, ""), |(number, kind)| (number, kind));
            let Ok(version) = number.parse::<u32>() else { continue };
            if !SECRETS.iter().any(|secret| secret.name == name) {
                continue;
            }
            let newest = versions.newest.entry(name.to_owned()).or_insert(version);
            *newest = version.max(*newest);
            match kind {
                "" => there.entry(name.to_owned()).or_default().push(version),
                "revoked" => drop(versions.revoked.insert((name.to_owned(), version))),
                "unconfirmed" => drop(versions.unconfirmed.insert((name.to_owned(), version))),
                _ => {}
            }
        }
        for (name, there) in there {
            let counts = |version: &&u32| !versions.unconfirmed.contains(&(name.clone(), **version));
            // Before the first release is confirmed, there is nothing else.
            let current = there.iter().filter(counts).max().or(there.iter().max()).copied();
            versions.current.extend(current.map(|current| (name, current)));
        }
        versions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_no_confirmed_release_has_run_with_is_not_the_current_one() {
        let versions = SecretVersions::parse(
            "jwt_secret/1\njwt_secret/2\njwt_secret/2.unconfirmed\njwt_secret/3.revoked\n",
        );
        assert_eq!((versions.current["jwt_secret"], versions.newest["jwt_secret"]), (1, 3));
        // Of a first deploy, until it is confirmed.
        let first = SecretVersions::parse("jwt_secret/1\njwt_secret/1.unconfirmed\n");
        assert_eq!(first.current["jwt_secret"], 1);
    }
}
