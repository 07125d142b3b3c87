//! The distribution's packages in an image, as its own database tells of them: Debian's whole one, the one of Debian images
//! without dpkg (a file a package), or Alpine's.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};
use camino::Utf8Path;

use super::{Kind, Part};
use crate::tools::docker::copy::Copied;
use crate::tools::files::private::Folder;

/// Where the databases are.
const DPKG: &str = "/var/lib/dpkg/status";
const DPKG_PARTS: &str = "/var/lib/dpkg/status.d";
const APK: &str = "/lib/apk/db/installed";

/// The packages of an image that the engine has. An error when it has no database: what is in it can't be said then.
/// `copy` copies those of these paths that the image has into a folder.
pub fn packages_of(
    image: &str,
    copy: impl FnOnce(&[&str], &Utf8Path) -> Result<Vec<Copied>>,
) -> Result<BTreeSet<Part>> {
    let folder = Folder::new()?;
    let copied = copy(&[DPKG, DPKG_PARTS, APK], folder.path())
        .with_context(|| format!("looking which packages {image} has"))?;
    let (mut parts, mut has_database) = (BTreeSet::new(), false);
    for Copied { path, file } in copied {
        has_database = true;
        for text in texts(&file)? {
            parts.extend(if path == APK { apk(&text) } else { dpkg(&text) });
        }
    }
    if !has_database {
        bail!("{image} has no list of its packages: `docker image rm` it, and it is made or pulled again");
    }
    Ok(parts)
}

/// A file's, or those of a folder's files.
fn texts(path: &Utf8Path) -> Result<Vec<String>> {
    let read = |path: &Utf8Path| fs::read_to_string(path).with_context(|| format!("reading {path}"));
    if !path.is_dir() {
        return Ok(vec![read(path)?]);
    }
    let mut all = Vec::new();
    for entry in path.read_dir_utf8()? {
        let entry = entry?;
        // Beside each package's file there may be one with the sums of its files.
        if !entry.file_name().ends_with(".md5sums") {
            all.push(read(entry.path())?);
        }
    }
    Ok(all)
}

/// Paragraphs as dpkg writes them (deb-control(5)). One whose files are gone is no part.
fn dpkg(text: &str) -> Vec<Part> {
    let paragraph = |paragraph: &str| {
        let field =
            |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let is_there = field("Status").is_none_or(|status| status.ends_with(" installed"));
        let name = field("Package").filter(|_| is_there)?;
        // `Source: gcc-12 (12.2.0-14)`
        let source =
            field("Source").and_then(|source| source.split(' ').next()).filter(|source| *source != name);
        Some(Part {
            kind: Kind::Deb,
            name: name.to_owned(),
            version: field("Version")?.to_owned(),
            source: source.map(str::to_owned),
            sha256: field("SHA256").map(str::to_owned),
        })
    };
    text.split("\n\n").filter_map(paragraph).collect()
}

/// Paragraphs as apk writes them: a letter a field.
fn apk(text: &str) -> Vec<Part> {
    let paragraph = |paragraph: &str| {
        let field =
            |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let name = field("P")?;
        Some(Part {
            kind: Kind::Apk,
            name: name.to_owned(),
            version: field("V")?.to_owned(),
            source: field("o").filter(|origin| *origin != name).map(str::to_owned),
            sha256: None,
        })
    };
    text.split("\n\n").filter_map(paragraph).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_database_are_read_with_the_source_of_each_package() {
        let told = |parts: Vec<Part>| -> Vec<String> {
            parts
                .into_iter()
                .map(|it| format!("{} {} {}", it.name, it.version, it.source.unwrap_or_default()))
                .collect()
        };
        let debian = "Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.17-1~deb12u2\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                      Package: libgcc-s1\nSource: gcc-12 (12.2.0-14)\nDescription: a\n Version: b\nVersion: 12.2.0-14+deb12u1\n";
        assert_eq!(
            told(dpkg(debian)),
            ["libssl3 3.0.17-1~deb12u2 openssl", "libgcc-s1 12.2.0-14+deb12u1 gcc-12"]
        );
        let alpine = "C:Q1=\nP:musl\nV:1.2.5-r9\no:musl\n\nP:libssl3\nV:3.5.1-r0\no:openssl\nF:usr\n\n";
        assert_eq!(told(apk(alpine)), ["musl 1.2.5-r9 ", "libssl3 3.5.1-r0 openssl"]);
    }
}
