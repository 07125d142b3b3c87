//! Everything of other people's making that can move, moved: base images, crates and npm's packages within the versions that our
//! manifests allow, GitHub's actions within their major version.

mod actions;
mod packages;
pub mod request;

use anyhow::Result;
use serde::Serialize;

use crate::exit::refuse;
use crate::product::images::lock;
use crate::setup::base_lock::FILE;
use crate::tools::git;
use crate::workspace;

/// Something that has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The file that says so.
    pub of: &'static str,
    /// Its name.
    pub name: String,
    /// The version from before.
    pub from: String,
    /// The version now.
    pub to: String,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What has moved.
    pub moved: Vec<Moved>,
    /// What stays for a person, or could not be asked, in words.
    pub left: Vec<String>,
}

/// Moves it, in this tree, which must be clean: what is changed afterwards is what has moved. What can't be asked stays as it is.
pub fn apply() -> Result<Report> {
    if git::dirty_hash(workspace::root())?.is_some() {
        return Err(refuse(
            "this tree holds changes that are in no commit, and nobody could tell them from what has moved: commit them. Nothing \
             was changed.",
        ));
    }
    let mut report = Report::default();
    for (of, moved) in [
        (FILE, base_images()),
        ("Cargo.lock", packages::crates()),
        ("package-lock.json", packages::npm()),
        ("GitHub's actions", actions::apply()),
    ] {
        match moved {
            Ok(moved) => {
                report.moved.extend(moved.moved);
                report.left.extend(moved.left);
            }
            Err(error) => report.left.push(format!("{of}: {error:#}")),
        }
    }
    Ok(report)
}

fn base_images() -> Result<Report> {
    let rows = lock::write()?;
    let mut report = Report { left: lock::away(&rows), ..Report::default() };
    for row in rows {
        let before = row.before.unwrap_or_default();
        if before == row.now {
            continue;
        }
        let short = |digest: &Option<String>| {
            digest.as_ref().map_or("no digest".to_owned(), |it| it[..19].to_owned())
        };
        report.moved.push(Moved {
            of: FILE,
            name: row.name.to_owned(),
            from: short(&before.digest),
            to: short(&row.now.digest),
        });
    }
    Ok(report)
}
