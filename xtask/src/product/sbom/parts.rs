//! What TraceHub's own two languages bring into an image.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Kind, Part};
use crate::project::{BACKEND, FRONTEND};
use crate::tools::cargo;
use crate::workspace;

/// The crates that are linked into the backend: no build scripts, no macros, no tests.
pub fn crates() -> Result<BTreeSet<Part>> {
    let root = workspace::root();
    let lock = root.join("Cargo.lock");
    let sums = sums_of(&fs::read_to_string(&lock).with_context(|| format!("reading {lock}"))?);
    let part = |(name, version): (String, String)| Part {
        sha256: sums.get(&(name.clone(), version.clone())).cloned(),
        kind: Kind::Cargo,
        name,
        version,
        source: None,
    };
    Ok(cargo::linked(root, BACKEND.image)?.into_iter().map(part).collect())
}

/// Name and version to checksum, of each package in a `Cargo.lock`: cargo writes a line for each.
fn sums_of(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
        line.strip_suffix('"').map(str::to_owned)
    };
    let of = |package: &str| {
        Some(((value(package, "name")?, value(package, "version")?), value(package, "checksum")?))
    };
    lock.split("[[package]]").filter_map(of).collect()
}

/// npm's packages that the page may be bundled from: those that its own package names, and what these need.
pub fn npm_packages() -> Result<BTreeSet<Part>> {
    let lock = workspace::root().join(FRONTEND.folder).join("package-lock.json");
    npm_packages_of(&fs::read_to_string(&lock).with_context(|| format!("reading {lock}"))?)
        .with_context(|| format!("{lock} can't be read"))
}

fn npm_packages_of(lock: &str) -> Result<BTreeSet<Part>> {
    #[derive(Deserialize)]
    struct Lock {
        packages: BTreeMap<String, Package>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Package {
        version: Option<String>,
        #[serde(default)]
        dev: bool,
        #[serde(default)]
        dev_optional: bool,
        #[serde(default)]
        link: bool,
    }
    let lock: Lock = serde_json::from_str(lock)?;
    let part = |(path, package): (String, Package)| {
        let (_, name) = path.rsplit_once("node_modules/")?;
        let is_shipped = !(package.dev || package.dev_optional || package.link);
        let version = package.version.filter(|_| is_shipped)?;
        Some(Part { kind: Kind::Npm, name: name.to_owned(), version, source: None, sha256: None })
    };
    Ok(lock.packages.into_iter().filter_map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_for_building_and_for_tests_is_not_shipped() {
        let lock = r#"{ "packages": {
            "": { "name": "page", "version": "1.0.0" },
            "node_modules/react": { "version": "19.3.1", "license": "MIT" },
            "node_modules/a/node_modules/@b/c": { "version": "2.0.0" },
            "node_modules/vite": { "version": "6.0.0", "dev": true },
            "node_modules/fsevents": { "version": "2.3.3", "devOptional": true, "optional": true }
        } }"#;
        let names: Vec<String> = npm_packages_of(lock)
            .unwrap()
            .into_iter()
            .map(|part| format!("{}@{}", part.name, part.version))
            .collect();
        assert_eq!(names, ["@b/c@2.0.0", "react@19.3.1"]);
    }

    #[test]
    fn the_backend_s_crates_are_those_that_are_linked_and_have_their_sums() {
        let crates = crates().unwrap();
        let find = |name: &str| crates.iter().find(|part| part.name == name);
        assert!(find("axum").is_some_and(|part| part.sha256.as_ref().is_some_and(|sum| sum.len() == 64)));
        for other in ["xtask", "clap_derive", "serde_derive", "quote", "tempfile"] {
            assert!(find(other).is_none(), "{other} is in no image");
        }
    }
}
