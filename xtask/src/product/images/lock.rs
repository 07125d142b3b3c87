//! The lock file of the base images: which digest each public name stood for when somebody looked, and where no registry
//! answers, of which packages each is assembled.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::parts::packages_of;
use crate::product::sbom::Part;
use crate::project::{self, BASES, Base};
use crate::setup::base_images::{self, Origin};
use crate::setup::{self, Tool};
use crate::terminal::{self, paint};
use crate::tools::git;
use crate::tools::process::{Run, shell};
use crate::workspace;

const FILE: &str = "images.lock.json";

fn path() -> camino::Utf8PathBuf {
    workspace::root().join(project::DEPLOY).join(FILE)
}

/// What a row of the table is locked to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// The digest of its public image; none where no registry answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The distribution's packages of the one that is assembled where no registry answers: name to version and SHA-256.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, String>,
}

/// The rows, by their names.
pub type Lock = BTreeMap<String, Locked>;

/// As this tree has it.
pub fn read() -> Result<Lock> {
    match fs::read_to_string(path()) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{} can't be read", path())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path())),
    }
}

/// The same, as a commit has it.
pub fn of_commit(sha: &str) -> Result<Lock> {
    let file = format!("{}/{FILE}", project::DEPLOY);
    match git::history::show_if_there(workspace::root(), sha, &file)? {
        Some(text) => serde_json::from_str(&text).with_context(|| format!("{file} of {sha} can't be read")),
        None => Ok(Lock::new()),
    }
}

/// Asks each registry, looks into each image that is assembled here, and writes the file. A row that can't be asked now keeps
/// what it had; all or nothing is written.
pub fn write() -> Result<()> {
    setup::ensure(&[Tool::Docker, Tool::Engine, Tool::Buildx], false)?;
    let before = read()?;
    let mut now = Lock::new();
    for base in BASES {
        let mut locked = before.get(base.name).cloned().unwrap_or_default();
        let digest = ask(base)?;
        let image = if digest.is_none() { Some(base_images::one(base)?) } else { None };
        locked.digest = digest.or(locked.digest);
        if let Some(image) = image.filter(|image| image.origin == Origin::Assembled) {
            locked.packages = versions(&packages_of(shell(), &image.reference)?);
        }
        now.insert(base.name.to_owned(), locked);
    }
    fs::write(path(), format!("{}\n", serde_json::to_string_pretty(&now)?))
        .context("writing the lock file")?;
    let row = |(name, locked): (&String, &Locked)| {
        let state =
            if before.get(name) == Some(locked) { paint::dim("as before") } else { paint::warn("changed") };
        let digest = locked.digest.clone().unwrap_or_else(|| paint::dim("no registry answers"));
        vec![name.clone(), state, format!("{} packages", locked.packages.len()), digest]
    };
    terminal::table(
        &["base image", "state", "assembled of", "digest"],
        &now.iter().map(row).collect::<Vec<_>>(),
    );
    Ok(())
}

/// The digest that a public name stands for now; none when its registry does not answer.
fn ask(base: &Base) -> Result<Option<String>> {
    let Some(public) = base.public else { return Ok(None) };
    let asked = Run::new(setup::buildx()?.inspect(shell(), public)).timeout(Duration::from_secs(60)).text();
    let digest = asked.ok().map(|told| told.trim_matches('"').to_owned());
    Ok(digest.filter(|digest| digest.starts_with("sha256:")))
}

/// What an image that was assembled here has otherwise than it is locked to, in words; nothing when it is not locked.
pub fn differing(name: &str, locked: &Locked, parts: &BTreeSet<Part>) -> Option<String> {
    let now = versions(parts);
    if locked.packages.is_empty() || locked.packages == now {
        return None;
    }
    let version = |all: &BTreeMap<String, String>, name: &str| {
        all.get(name).map_or("none".to_owned(), |it| it.split(' ').next().unwrap_or_default().to_owned())
    };
    let names: BTreeSet<&String> = locked.packages.keys().chain(now.keys()).collect();
    let others = names.into_iter().filter(|name| locked.packages.get(*name) != now.get(*name));
    let words = |package: &String| {
        let (was, is) = (version(&locked.packages, package), version(&now, package));
        if was == is {
            format!("{package} {is} with another sum")
        } else {
            format!("{package} {is} for {was}")
        }
    };
    let others: Vec<String> = others.map(words).collect();
    Some(format!("the base image {name} is not what {FILE} has: {}", others.join(", ")))
}

fn versions(parts: &BTreeSet<Part>) -> BTreeMap<String, String> {
    let version = |part: &Part| format!("{} {}", part.version, part.sha256.as_deref().unwrap_or_default());
    parts.iter().map(|part| (part.name.clone(), version(part).trim_end().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::sbom::Kind;

    #[test]
    fn a_base_that_comes_to_other_packages_than_it_is_locked_to_is_told_by_each_of_them() {
        let part = |name: &str, version: &str, sum: &str| Part {
            kind: Kind::Deb,
            name: name.to_owned(),
            version: version.to_owned(),
            source: None,
            sha256: Some(sum.to_owned()),
        };
        let parts = |all: &[Part]| -> BTreeSet<Part> { all.iter().cloned().collect() };
        let first = parts(&[part("libc6", "2.36-9", "aa"), part("tzdata", "2026a", "bb")]);
        let locked = Locked { digest: None, packages: versions(&first) };
        assert_eq!(differing("runtime", &locked, &first), None);
        assert_eq!(differing("runtime", &Locked::default(), &first), None, "it is not locked");
        let others = parts(&[
            part("libc6", "2.36-10", "cc"),
            part("tzdata", "2026a", "dd"),
            part("zlib1g", "1", "ee"),
        ]);
        let words = differing("runtime", &locked, &others).expect("it differs");
        for expected in ["libc6 2.36-10 for 2.36-9", "tzdata 2026a with another sum", "zlib1g 1 for none"] {
            assert!(words.contains(expected), "{words}");
        }
        let text = serde_json::to_string(&locked).expect("written");
        assert_eq!(serde_json::from_str::<Locked>(&text).expect("read"), locked);
    }
}
