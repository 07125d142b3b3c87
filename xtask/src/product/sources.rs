//! What a release is made of, apart from the secrets of its environment: out of this tree, or out of a commit.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde_json::Value;

use super::catalogue;
use super::migrations::Migrations;
use super::settings::{Problem, Settings};
use crate::exit::refuse;
use crate::host::check_compose_file;
use crate::product::images::Built;
use crate::project::{self, Environment};
use crate::rollout::state::release::{Contents, Release, ReleaseId};
use crate::setup::{self, Tool};
use crate::tools::git::{self, Commit};
use crate::workspace;

/// The release without its secrets.
pub struct Sources {
    commit: Commit,
    dirty: Option<String>,
    images: BTreeMap<String, String>,
    sboms: BTreeMap<String, String>,
    compose: String,
    configuration: String,
    migrations: Migrations,
    /// The sum of what they come to, where the tree says it.
    catalogue: Option<String>,
    /// None of a commit from before the app told of them.
    settings: Option<Settings>,
}

impl Sources {
    /// This tree, as it was built just now.
    pub fn of_tree(built: &Built, environment: &Environment) -> Result<Sources> {
        let read = |path: camino::Utf8PathBuf| {
            std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
        };
        let (images, migrations) = (built.images.iter(), Migrations::of_tree()?);
        Ok(Sources {
            commit: built.tree.commit.clone(),
            dirty: built.tree.dirty.clone(),
            images: images.clone().map(|image| (image.component.name.to_owned(), image.id.clone())).collect(),
            sboms: images.map(|image| (image.component.name.to_owned(), image.sbom.clone())).collect(),
            compose: read(workspace::root().join(project::DEPLOY).join(project::RELEASE_FILE))?,
            configuration: read(workspace::root().join(environment.settings_path()))?,
            catalogue: catalogue::sum_if_of(&catalogue::read()?, &migrations),
            migrations,
            settings: Some(Settings::of_tree()?),
        })
    }

    /// A commit, whatever is checked out; which images it has is said later.
    pub fn of_commit(commit: Commit, environment: &Environment) -> Result<Sources> {
        let (root, sha) = (workspace::root(), commit.sha.clone());
        let migrations = Migrations::of_commit(&sha)?;
        Ok(Sources {
            dirty: None,
            images: BTreeMap::new(),
            sboms: BTreeMap::new(),
            compose: git::show(root, &sha, &format!("{}/{}", project::DEPLOY, project::RELEASE_FILE))?,
            configuration: git::show(root, &sha, &environment.settings_path())?,
            catalogue: catalogue::sum_if_of(&catalogue::of_commit(&sha), &migrations),
            migrations,
            settings: Settings::of_commit(&sha)?,
            commit,
        })
    }

    /// The release as compose renders it, with images and secrets that are stood in for; an error when compose would not
    /// understand its file.
    pub fn check(&self, environment: &Environment) -> Result<Value> {
        let release = self.release(BTreeMap::new());
        check_compose_file(&setup::require(Tool::Compose)?, environment, &release)
            .map_err(|error| refuse(format!("{error:#}\n  Nothing was changed.")))
    }

    /// With these images, component to name: those of a registry; and the hashes of what they are made of.
    pub fn with_images(self, images: BTreeMap<String, String>, sboms: BTreeMap<String, String>) -> Sources {
        Sources { images, sboms, ..self }
    }

    /// The names of its migrations' files.
    pub fn migration_files(&self) -> &BTreeMap<i64, String> {
        &self.migrations.names
    }

    /// What of the environment's settings, and of the secrets that are given, the app would not take. `rendered` is the release
    /// as compose renders it.
    pub fn settings_problems(
        &self,
        rendered: &Value,
        given: &BTreeMap<&'static str, Vec<u8>>,
    ) -> Vec<Problem> {
        let settings = self.settings.as_ref();
        settings.map(|all| all.problems(&self.configuration, rendered, given)).unwrap_or_default()
    }

    /// The names of the app's settings.
    pub fn settings_names(&self) -> Vec<&str> {
        self.settings.iter().flat_map(Settings::names).collect()
    }

    /// The commit, and what differs from it.
    pub fn revision(&self) -> String {
        let sha = &self.commit.sha;
        self.dirty.as_ref().map_or(sha.clone(), |hash| format!("{sha}-dirty-{hash}"))
    }

    /// The release, with these versions of its secrets.
    pub fn release(&self, secrets: BTreeMap<String, u32>) -> Release {
        let contents = Contents {
            images: self.images.clone(),
            compose: self.compose.clone(),
            configuration: self.configuration.clone(),
            secrets,
        };
        let committed =
            SystemTime::UNIX_EPOCH + Duration::from_secs(self.commit.time.try_into().unwrap_or(0));
        let built_at = humantime::format_rfc3339_seconds(committed).to_string();
        let time = built_at.replace(['-', ':'], "").to_lowercase();
        Release {
            id: ReleaseId::of(&time, self.dirty.as_deref(), &contents),
            commit: self.commit.sha.clone(),
            subject: self.commit.subject.clone(),
            built_at,
            migrations: self.migrations.versions(),
            contracts: self.migrations.contracts.clone(),
            checksums: self.migrations.checksums.clone(),
            catalogue: self.catalogue.clone(),
            sboms: self.sboms.clone(),
            contents,
        }
    }
}
