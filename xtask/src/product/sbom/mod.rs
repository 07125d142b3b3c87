//! What an image is made of: the crates that are linked into it, npm's packages, the distribution's packages beneath them. As
//! CycloneDX 1.5, without a time and a serial number: the same image has the same list, by the byte.
//!
//! The list lies in the image that it is about, so that it is wherever that is: in a registry, on a host, in each release that
//! is kept. A label of the image and the release's manifest have its hash.

mod exposed;
mod of_base;
mod parts;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::tools::files::hex::hex;
use crate::tools::package_versions::{debian, semantic};

pub use self::exposed::Range;
pub use self::of_base::packages_of;
pub use self::parts::{crates, npm_packages};

/// Where it lies in an image.
pub const PATH: &str = "/usr/share/tracehub.cdx.json";
/// Its name in an image's context.
pub const FILE: &str = "tracehub.cdx.json";

/// Who has made a part, and numbers its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A crate.
    Cargo,
    /// A package of Debian's.
    Deb,
    /// A package of Alpine's, whose versions are compared as Debian's: they differ only in what stands behind an underscore.
    Apk,
    /// A package of npm's.
    Npm,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Cargo, Kind::Deb, Kind::Apk, Kind::Npm];

    /// As a package URL names it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Cargo => "cargo",
            Kind::Deb => "deb",
            Kind::Apk => "apk",
            Kind::Npm => "npm",
        }
    }

    /// Which of two versions is the newer one.
    pub fn compare(self, one: &str, other: &str) -> Ordering {
        match self {
            Kind::Cargo | Kind::Npm => semantic(one, other),
            Kind::Deb | Kind::Apk => debian(one, other),
        }
    }
}

/// One part of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Who has made it.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The source package that it was built from, where that has another name: advisories are about those.
    pub source: Option<String>,
    /// SHA-256 of what was downloaded, where it is known.
    pub sha256: Option<String>,
}

impl Part {
    /// Its package URL, which names it to other tools.
    fn purl(&self) -> String {
        let (kind, name) = (self.kind.name(), self.name.replace('@', "%40"));
        let version = self.version.replace('+', "%2B").replace(':', "%3A");
        let distribution = match self.kind {
            Kind::Deb => "debian/",
            Kind::Apk => "alpine/",
            _ => "",
        };
        let source = self.source.as_ref().map_or(String::new(), |source| format!("?upstream={source}"));
        format!("pkg:{kind}/{distribution}{name}@{version}{source}")
    }
}

/// The parts of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sbom(pub BTreeSet<Part>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    bom_format: String,
    spec_version: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    component: Component,
}

#[derive(Serialize, Deserialize)]
struct Component {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
}

#[derive(Serialize, Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

impl Sbom {
    /// As a file, of the image with this name.
    pub fn to_text(&self, image: &str) -> Result<String> {
        let component = |part: &Part| Component {
            kind: "library".to_owned(),
            bom_ref: part.purl(),
            name: part.name.clone(),
            version: Some(part.version.clone()),
            purl: Some(part.purl()),
            hashes: part
                .sha256
                .iter()
                .map(|it| Hash { alg: "SHA-256".to_owned(), content: it.clone() })
                .collect(),
        };
        let whole = Component {
            kind: "container".to_owned(),
            bom_ref: image.to_owned(),
            name: image.to_owned(),
            version: None,
            purl: None,
            hashes: Vec::new(),
        };
        let document = Document {
            bom_format: "CycloneDX".to_owned(),
            spec_version: "1.5".to_owned(),
            version: 1,
            metadata: Metadata { component: whole },
            components: self.0.iter().map(component).collect(),
        };
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }

    /// Reads what [`Sbom::to_text`] wrote.
    pub fn parse(text: &str) -> Result<Sbom> {
        let document: Document = serde_json::from_str(text).context("reading what an image is made of")?;
        let part = |component: Component| {
            let purl = component.purl.unwrap_or_default();
            let kind =
                Kind::ALL.into_iter().find(|kind| purl.starts_with(&format!("pkg:{}/", kind.name())))?;
            Some(Part {
                kind,
                name: component.name,
                version: component.version?,
                source: purl.split_once("?upstream=").map(|(_, source)| source.to_owned()),
                sha256: component.hashes.into_iter().next().map(|hash| hash.content),
            })
        };
        Ok(Sbom(document.components.into_iter().filter_map(part).collect()))
    }
}

/// The distribution's packages that only one of two lists of an image has, in words: ours, or another tool's. Crates and npm's
/// packages are bundled, so that nobody else can see them.
pub fn only_in_one(ours: &Sbom, theirs: &Sbom) -> Vec<String> {
    let packages = |sbom: &Sbom| -> BTreeSet<String> {
        let of_distribution = sbom.0.iter().filter(|part| matches!(part.kind, Kind::Deb | Kind::Apk));
        of_distribution.map(|part| format!("{} {}", part.name, part.version)).collect()
    };
    let (ours, theirs) = (packages(ours), packages(theirs));
    let only = |words: &'static str, these: &BTreeSet<String>, those: &BTreeSet<String>| -> Vec<String> {
        these.difference(those).map(|it| format!("{words} {it}")).collect()
    };
    [only("only in ours:", &ours, &theirs), only("not in ours:", &theirs, &ours)].concat()
}

/// The hash by which a manifest knows it.
pub fn sum(text: &str) -> String {
    hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: Kind, name: &str, version: &str, source: Option<&str>) -> Part {
        let (name, version) = (name.to_owned(), version.to_owned());
        Part { kind, name, version, source: source.map(str::to_owned), sha256: None }
    }

    #[test]
    fn a_package_that_another_tool_sees_elsewhere_or_in_another_version_is_named() {
        let ours = Sbom(
            [part(Kind::Deb, "libc6", "2", Some("glibc")), part(Kind::Cargo, "serde", "1", None)].into(),
        );
        // As syft writes it.
        let document = |version: &str| {
            format!(
                r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{{"component":{{"type":"container",
                "bom-ref":"a","name":"b"}}}},"components":[{{"type":"library","bom-ref":"c","name":"libc6","version":"{version}",
                "purl":"pkg:deb/debian/libc6@{version}?arch=amd64&distro=debian-12&upstream=glibc"}},
                {{"type":"operating-system","bom-ref":"d","name":"debian","version":"12"}}]}}"#
            )
        };
        let theirs = |version: &str| Sbom::parse(&document(version)).unwrap();
        assert_eq!(only_in_one(&ours, &theirs("2")), Vec::<String>::new());
        assert_eq!(only_in_one(&ours, &theirs("3")), ["only in ours: libc6 2", "not in ours: libc6 3"]);
    }

    #[test]
    fn what_is_written_is_the_same_each_time_and_is_read_back() {
        let parts = [
            part(Kind::Npm, "@mantine/core", "9.7.4", None),
            part(Kind::Deb, "libssl3", "1:3.0.17-1~deb12u2", Some("openssl")),
            part(Kind::Deb, "libstdc++6", "12.2.0-14+deb12u1", Some("gcc-12")),
            Part { sha256: Some("ab".to_owned()), ..part(Kind::Cargo, "serde", "1.0.229", None) },
        ];
        let sbom = Sbom(parts.iter().cloned().collect());
        let text = sbom.to_text("tracehub-backend").unwrap();
        let other_way = Sbom(parts.into_iter().rev().collect()).to_text("tracehub-backend").unwrap();
        assert_eq!((text.clone(), sum(&text)), (other_way.clone(), sum(&other_way)));
        assert_eq!(Sbom::parse(&text).unwrap(), sbom);
        assert!(text.contains("pkg:deb/debian/libssl3@1%3A3.0.17-1~deb12u2?upstream=openssl"), "{text}");
        assert!(Sbom::parse("{}").is_err());
    }
}
