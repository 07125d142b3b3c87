//! The lock file of the images that ours stand on, as it is read: which digest each public name stood for when somebody looked,
//! and where no registry answered, of which packages each is assembled.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::project::{self, BASES, BUILD_IMAGES};
use crate::tools::git;
use crate::workspace;

/// Its name.
pub const FILE: &str = "images.lock.json";

/// What an image is locked to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// The digest of its public image: of the index where it has one, so that each machine gets its own platform's. None where no
    /// registry has answered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The platforms that this digest has, each with its own digest: `linux/arm64`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub platforms: BTreeMap<String, String>,
    /// The distribution's packages of the one that is assembled where no registry answers: name to version and SHA-256.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, String>,
}

/// The images, by their names.
pub type LockedImages = BTreeMap<String, Locked>;

/// Where it is.
pub fn path() -> Utf8PathBuf {
    workspace::root().join(project::DEPLOY).join(FILE)
}

/// As this tree has it.
pub fn read() -> Result<LockedImages> {
    match fs::read_to_string(path()) {
        Ok(text) => parse(&text).with_context(|| format!("{} can't be read", path())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(LockedImages::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path())),
    }
}

/// Like `read`, as a commit has it in the repository of this folder.
pub fn of_commit(folder: &Utf8Path, sha: &str) -> Result<LockedImages> {
    let file = format!("{}/{FILE}", project::DEPLOY);
    let found = git::history::show_if_there(folder, sha, &file)
        .with_context(|| format!("{file} is read as the commit {sha} has it: `git fetch` brings it here"))?;
    match found {
        Some(text) => parse(&text).with_context(|| format!("{file} of {sha} can't be read")),
        None => Ok(LockedImages::new()),
    }
}

/// What is no digest would be pulled by its tag, or fail on a host: it is refused here.
fn parse(text: &str) -> Result<LockedImages> {
    let lock: LockedImages = serde_json::from_str(text)?;
    for (name, locked) in &lock {
        let all = locked.digest.iter().chain(locked.platforms.values());
        if let Some(wrong) = all.into_iter().find(|digest| !is_digest(digest)) {
            bail!(
                "{name}: {wrong:?} is no digest, sha256: and 64 hexadecimal digits; `cargo xtask image lock` writes it"
            );
        }
    }
    Ok(lock)
}

/// Whether this is a digest as registries write it.
pub fn is_digest(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Every image that has a public name: those that ours stand on, and those that only builds use.
pub fn public_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    BASES.iter().filter_map(|base| Some((base.name, base.public?))).chain(BUILD_IMAGES.iter().copied())
}

/// A public name as it is locked, `name:tag@sha256:…`: the tag is for people and for what looks for newer ones. Without a digest
/// it is the name alone.
pub fn pinned(lock: &LockedImages, name: &str, public: &str) -> String {
    match lock.get(name).and_then(|locked| locked.digest.as_ref()) {
        Some(digest) => format!("{public}@{digest}"),
        None => public.to_owned(),
    }
}

/// The images with a public name that are not locked, in words; none when all are. Each of them is taken by its tag.
pub fn unlocked(lock: &LockedImages) -> Option<String> {
    let is_locked = |name: &str| lock.get(name).is_some_and(|locked| locked.digest.is_some());
    let names: Vec<&str> = public_names().map(|(name, _)| name).filter(|name| !is_locked(name)).collect();
    (!names.is_empty()).then(|| {
        format!(
            "not locked to a digest: {} (`cargo xtask image lock` does it, where their registries answer)",
            names.join(", ")
        )
    })
}

/// What of this file no table knows, or is missing in it, in words.
pub fn strange_rows(lock: &LockedImages) -> Vec<String> {
    let known: BTreeSet<&str> =
        BASES.iter().map(|base| base.name).chain(BUILD_IMAGES.iter().map(|row| row.0)).collect();
    let missing = known.iter().filter(|name| !lock.contains_key(**name));
    let unknown = lock.keys().filter(|name| !known.contains(name.as_str()));
    let missing = missing.map(|name| format!("{FILE} has no {name}"));
    missing.chain(unknown.map(|name| format!("{FILE} has {name}, which no image here is called"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::process::{Run, shell_in};

    #[test]
    fn each_commit_has_its_own_lock_whatever_is_checked_out_and_one_that_is_not_here_is_to_be_fetched() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(temporary.path()).unwrap();
        let sh = shell_in(folder);
        let git = |words: &str| {
            let words = format!("-c user.name=A -c user.email=a@example.org {words}");
            let words = words.split(' ');
            Run::new(xshell::cmd!(sh, "git {words...}")).text().unwrap()
        };
        git("init -q");
        git("commit -q --allow-empty -m none");
        let none = git("rev-parse HEAD");
        let file = folder.join(project::DEPLOY).join(FILE);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        let commit = |digit: &str| {
            fs::write(&file, format!(r#"{{"caddy": {{"digest": "{}"}}}}"#, digest(digit))).unwrap();
            git("add .");
            git("commit -q -m lock");
            git("rev-parse HEAD")
        };
        let (first, second) = (commit("1"), commit("2"));
        let of = |sha: &str| of_commit(folder, sha).unwrap().get("caddy").and_then(|it| it.digest.clone());
        assert_eq!([of(&none), of(&first), of(&second)], [None, Some(digest("1")), Some(digest("2"))]);
        let error = format!("{:#}", of_commit(folder, &"3".repeat(40)).unwrap_err());
        assert!(error.contains("git fetch"), "{error}");
    }

    #[test]
    fn what_somebody_has_written_by_hand_is_refused_when_it_is_no_digest() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let lock = parse(&format!(r#"{{"caddy": {{"digest": "{digest}"}}, "rust": {{}}}}"#)).unwrap();
        assert_eq!(
            pinned(&lock, "caddy", "docker.io/library/caddy:2"),
            format!("docker.io/library/caddy:2@{digest}")
        );
        for unlocked in ["rust", "node"] {
            assert_eq!(pinned(&lock, unlocked, "docker.io/library/it:1"), "docker.io/library/it:1");
        }
        let unlocked = unlocked(&lock).expect("some are not");
        assert!(unlocked.contains("rust") && !unlocked.contains("caddy"), "{unlocked}");
        for wrong in ["", "latest", "sha256:", &digest[..70], &digest.to_uppercase(), &format!("{digest}0")] {
            for text in [
                format!(r#"{{"caddy": {{"digest": "{wrong}"}}}}"#),
                format!(r#"{{"caddy": {{"platforms": {{"linux/amd64": "{wrong}"}}}}}}"#),
            ] {
                let error = parse(&text).expect_err(wrong).to_string();
                assert!(error.starts_with("caddy: ") && error.contains("image lock"), "{error}");
            }
        }
        assert!(strange_rows(&lock).iter().any(|it| it.ends_with("has no postgres")));
        assert!(
            strange_rows(&[("nginx".to_owned(), Locked::default())].into())
                .iter()
                .any(|it| it.contains("has nginx"))
        );
    }
}
