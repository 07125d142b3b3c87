//! A release: one commit's images, and the compose file, configuration and secret versions that they run with.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The name of a release: its commit's time and a hash of what it is made of, in lower case because the names of
/// compose projects must be: `20260103t120000z-1a2b3c4d5e6f`, with `-dirty-<12 hex>` behind it when the tree held
/// changes that are in no commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseId(String);

impl ReleaseId {
    /// The id of a release with these contents.
    pub fn of(commit_time: &str, dirty: Option<&str>, contents: &Contents) -> ReleaseId {
        let digest = contents.digest();
        let dirty = dirty.map_or(String::new(), |hash| format!("-dirty-{hash}"));
        ReleaseId(format!("{commit_time}-{}{dirty}", &digest[..12]))
    }

    /// As it is written in files and names.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What somebody typed is not the id of a release.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not the id of a release (they look like 20260103t120000z-1a2b3c4d5e6f)")]
pub struct NotAReleaseId(String);

impl FromStr for ReleaseId {
    type Err = NotAReleaseId;

    fn from_str(text: &str) -> Result<ReleaseId, NotAReleaseId> {
        let parts: Vec<&str> = text.split('-').collect();
        let valid = match parts.as_slice() {
            [time, hash] => is_time(time) && is_hash(hash),
            [time, hash, "dirty", changes] => is_time(time) && is_hash(hash) && is_hash(changes),
            _ => false,
        };
        if valid { Ok(ReleaseId(text.to_owned())) } else { Err(NotAReleaseId(text.to_owned())) }
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_time(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    text.len() == 16
        && text.is_ascii()
        && digits(&text[..8])
        && &text[8..9] == "t"
        && digits(&text[9..15])
        && &text[15..] == "z"
}

impl TryFrom<String> for ReleaseId {
    type Error = NotAReleaseId;

    fn try_from(text: String) -> Result<ReleaseId, NotAReleaseId> {
        text.parse()
    }
}

impl From<ReleaseId> for String {
    fn from(id: ReleaseId) -> String {
        id.0
    }
}

/// The four things that a release is made of. The same four give the same release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Component to image: by digest, in `local` by image id.
    pub images: BTreeMap<String, String>,
    /// The compose file, as text.
    pub compose: String,
    /// What the containers are told and is no secret: an environment file, as text.
    pub configuration: String,
    /// Secret to the version that this release reads.
    pub secrets: BTreeMap<String, u32>,
}

impl Contents {
    fn digest(&self) -> String {
        format!("{:x}", Sha256::digest(serde_json::to_vec(self).expect("maps of strings")))
    }
}

/// A release, whole: what is kept of it on the host as `release.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its name.
    pub id: ReleaseId,
    /// The commit, in full.
    pub commit: String,
    /// The first line of the commit's message.
    pub subject: String,
    /// The commit's time, RFC 3339 in UTC.
    pub built_at: String,
    /// Versions of the migrations that its images carry, in order.
    pub migrations: Vec<i64>,
    /// Those among them that take something away, each with the commit, in full, from which on nothing uses it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contracts: BTreeMap<i64, String>,
    /// The checksums of their files, as the database records them: see [`Applied`](super::history::Applied).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checksums: BTreeMap<i64, String>,
    /// The sum of what its migrations come to in a database: see [`catalogue`](super::catalogue). None where its tree did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<String>,
    /// Component to the SHA-256 of the list of what its image is made of, which lies in the image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sboms: BTreeMap<String, String>,
    /// What it is made of.
    pub contents: Contents,
}

/// What is kept under the name of a release, and is not that release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRelease {
    /// The release that it was.
    pub id: ReleaseId,
    /// What is wrong, in words.
    pub why: &'static str,
}

/// In a manifest, the sum of all the rest of it.
const SUM: &str = "sum";

impl Release {
    /// What is kept of it as `release.json`.
    pub fn to_manifest(&self) -> serde_json::Result<String> {
        let mut manifest = serde_json::to_value(self)?;
        manifest[SUM] = sum(&manifest).into();
        serde_json::to_string_pretty(&manifest)
    }

    /// Reads the manifest that is kept under this name. Whoever has changed something of it has made it another release: its
    /// id was made from its contents, and the rest has a sum, unless an older xtask has written it.
    pub fn of_manifest(id: &ReleaseId, text: &str) -> Result<Release, BrokenRelease> {
        let broken = |why| BrokenRelease { id: id.clone(), why };
        let unreadable = |_| match text.trim() {
            "" => broken("release.json is gone or empty"),
            _ => broken("release.json can't be read"),
        };
        let mut manifest: Value = serde_json::from_str(text).map_err(unreadable)?;
        let release = Release::deserialize(&manifest).map_err(unreadable)?;
        let recorded = manifest.as_object_mut().and_then(|manifest| manifest.remove(SUM));
        let is_as_written = recorded.is_none_or(|recorded| recorded == sum(&manifest).as_str());
        if release.id == *id && release.is_itself() && is_as_written {
            Ok(release)
        } else {
            Err(broken("release.json was changed"))
        }
    }

    /// Whether its id was made from these contents.
    fn is_itself(&self) -> bool {
        self.id.as_str().split('-').nth(1) == Some(&self.contents.digest()[..12])
    }
}

/// Of the manifest as it is read, whatever white space is in it.
fn sum(manifest: &Value) -> String {
    format!("{:x}", Sha256::digest(manifest.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a service's name may be, which stands in front of the id on a network.
    const LONGEST_SERVICE: usize = 14;

    fn contents() -> Contents {
        Contents {
            images: [("api".to_owned(), "sha256:11".to_owned())].into(),
            compose: "services: {}".to_owned(),
            configuration: "LEVEL=info\n".to_owned(),
            secrets: [("token".to_owned(), 1)].into(),
        }
    }

    #[test]
    fn the_same_four_give_the_same_release_and_a_change_of_any_gives_another() {
        let id = |contents: &Contents| ReleaseId::of("20260103t120000z", None, contents);
        let first = contents();
        assert_eq!(id(&first), id(&contents()));
        let changes: [fn(&mut Contents); 4] = [
            |c| c.images.get_mut("api").unwrap().push('2'),
            |c| c.compose.push(' '),
            |c| c.configuration.clear(),
            |c| *c.secrets.get_mut("token").unwrap() = 2,
        ];
        for change in changes {
            let mut other = contents();
            change(&mut other);
            assert_ne!(id(&first), id(&other));
        }
    }

    #[test]
    fn an_id_is_read_back_and_nothing_else_is_taken_for_one() {
        for dirty in [None, Some("0123456789ab")] {
            let id = ReleaseId::of("20260103t120000z", dirty, &contents());
            assert_eq!(id.as_str().parse::<ReleaseId>().unwrap(), id);
            assert!(id.as_str().len() + "-".len() + LONGEST_SERVICE <= 63, "names on a network end at 63");
        }
        for wrong in [
            "",
            "none",
            "latest",
            "20260103t120000z",
            "20260103T120000Z-1a2b3c4d5e6f",
            "20260103t120000z-1a2b3c4d5e6",
            "20260103t120000z-1a2b3c4d5e6f-dirty",
            "20260103t120000z-1a2b3c4d5e6f\n",
            "../20260103t120000z-1a2b3c4d5e6f",
            "20260103t120000z-$(reboot)xx",
            "-20260103t120000z-1a2b3c4d5e6f",
            "ä0260103t12000z-1a2b3c4d5e6f",
        ] {
            assert!(wrong.parse::<ReleaseId>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_manifest_of_which_anything_was_changed_is_no_release_and_one_without_a_sum_is() {
        let contents = contents();
        let release = Release {
            id: ReleaseId::of("20260103t120000z", None, &contents),
            commit: "0123".to_owned(),
            subject: "A page".to_owned(),
            built_at: "2026-01-03T12:00:00Z".to_owned(),
            migrations: vec![1, 2],
            checksums: BTreeMap::new(),
            catalogue: None,
            sboms: BTreeMap::new(),
            contracts: [(2, "0123".to_owned())].into(),
            contents,
        };
        let (manifest, id) = (release.to_manifest().unwrap(), &release.id);
        assert_eq!(Release::of_manifest(id, &manifest), Ok(release.clone()));
        let from_before = serde_json::to_string_pretty(&release).unwrap();
        assert_eq!(Release::of_manifest(id, &from_before), Ok(release.clone()));
        for (from, to) in [("A page", "Another"), ("services", "sevices"), ("info", "debug"), ("1,", "1, 7,")]
        {
            let changed = manifest.replacen(from, to, 1);
            assert_ne!(changed, manifest);
            assert!(Release::of_manifest(id, &changed).is_err(), "{changed}");
        }
        let other = ReleaseId::of("20260104t120000z", None, &release.contents);
        assert!(Release::of_manifest(&other, &manifest).is_err(), "of another folder");
        assert!(Release::of_manifest(id, &manifest[..100]).is_err());
    }
}
