//! What a database has applied, against what a release carries: the two must tell one history, or what is tested is not what is
//! deployed.

use std::collections::BTreeMap;

use super::release::Release;

/// The migrations that a database has: version to the checksum of the file that it was applied from, hexadecimal SHA-384 as sqlx
/// records it.
pub type Applied = BTreeMap<i64, String>;

/// Where the two differ, by versions in order. What is merely pending is no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// Applied from another file than the release carries. A release from before checksums were kept says nothing of it.
    pub edited: Vec<i64>,
    /// Applied, and not in the release.
    pub unknown: Vec<i64>,
    /// Pending, though one behind it is applied: a new database gets them in another order.
    pub late: Vec<i64>,
}

impl Differences {
    /// Compares.
    pub fn between(applied: &Applied, release: &Release) -> Differences {
        let is_edited = |(version, sum): &(&i64, &String)| {
            applied.get(version).is_some_and(|applied| !applied.is_empty() && applied != *sum)
        };
        let newest = applied.keys().next_back();
        Differences {
            edited: release.checksums.iter().filter(is_edited).map(|(version, _)| *version).collect(),
            unknown: applied
                .keys()
                .filter(|version| !release.migrations.contains(version))
                .copied()
                .collect(),
            late: release
                .migrations
                .iter()
                .filter(|version| !applied.contains_key(version) && newest > Some(version))
                .copied()
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::simulation;

    fn applied(versions: &[(i64, &str)]) -> Applied {
        versions.iter().map(|(version, sum)| (*version, (*sum).to_owned())).collect()
    }

    #[test]
    fn a_history_that_goes_on_is_no_difference_and_each_other_is_told() {
        let mut release = simulation::release(1, 3);
        release.checksums = applied(&[(1, "a"), (2, "b"), (3, "c")]);
        let between = |database: &[(i64, &str)]| Differences::between(&applied(database), &release);
        let none = Differences::default();
        assert_eq!(between(&[]), none);
        assert_eq!(between(&[(1, "a"), (2, "b")]), none, "the third is pending");
        assert_eq!(between(&[(1, "a"), (2, "x")]), Differences { edited: vec![2], ..none.clone() });
        assert_eq!(between(&[(1, "a"), (3, "c")]), Differences { late: vec![2], ..none.clone() });
        let ahead = between(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
        assert_eq!(ahead, Differences { unknown: vec![4], ..none.clone() });
        assert_eq!(between(&[(1, ""), (2, "b"), (3, "c")]), none, "nobody knows what it was");
        release.checksums.clear();
        assert_eq!(Differences::between(&applied(&[(1, "x")]), &release), none, "from before they were kept");
    }
}
