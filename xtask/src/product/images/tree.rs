//! What is built: the working tree, and what its images are called.

use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::registry;
use crate::project::{self, Component};
use crate::tools::git::{self, Commit};
use crate::workspace;

/// The tag of what is newest on the default branch.
pub(super) const LATEST: &str = "latest";

/// What is built: a commit, and what was changed since.
pub struct Tree {
    /// The commit.
    pub commit: Commit,
    /// 12 hex digits when something differs from the commit.
    pub dirty: Option<String>,
    branch: Option<String>,
    origin: Option<String>,
}

impl Tree {
    /// Looks at the working tree.
    pub fn look() -> Result<Tree> {
        let root = workspace::root();
        Ok(Tree {
            commit: git::head(root)?,
            dirty: git::dirty_hash(root)?,
            branch: git::branch(root)?,
            origin: git::origin_url(root)?,
        })
    }

    /// The commit's time.
    pub fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.commit.time.try_into().unwrap_or(0))
    }

    /// The commit, and what differs from it.
    pub fn revision(&self) -> String {
        self.dirty
            .as_ref()
            .map_or(self.commit.sha.clone(), |hash| format!("{}-dirty-{hash}", self.commit.sha))
    }

    /// `sha`, branch, `latest`; of a dirty tree only the first, since no branch holds it.
    pub(super) fn tags(&self) -> Vec<String> {
        let mut tags = vec![self.revision()];
        if let (None, Some(branch)) = (&self.dirty, &self.branch) {
            tags.push(
                branch
                    .replace(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_', "-")
                    .to_lowercase(),
            );
            tags.extend((branch == project::DEFAULT_BRANCH).then(|| LATEST.to_owned()));
        }
        tags
    }

    /// The name, with its most exact tag, that a component's image has when it is built from this tree.
    pub fn name_of(&self, component: Component) -> String {
        format!("{}/{}:{}", self.repository(), component.image, self.revision())
    }

    /// What stands in front of the images' names: GitHub's registry, when that is where the origin is; elsewhere the
    /// project's own name, which no registry has.
    pub(super) fn repository(&self) -> String {
        let github = self.origin.as_deref().and_then(registry::of_github);
        github.unwrap_or_else(|| project::NAME.to_owned())
    }

    pub(super) fn labels(&self) -> Vec<(String, String)> {
        let label = |name: &str, value: &str| (format!("org.opencontainers.image.{name}"), value.to_owned());
        let created = humantime::format_rfc3339_seconds(self.time()).to_string();
        let mut labels = vec![
            label("revision", &self.revision()),
            label("version", env!("CARGO_PKG_VERSION")),
            label("created", &created),
        ];
        labels.extend(self.origin.as_ref().filter(|url| !url.contains('@')).map(|url| label("source", url)));
        labels
    }
}
