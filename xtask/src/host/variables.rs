//! What the variables in a release's compose file stand for, and whether compose understands the file with them.

use anyhow::{Context, Result};
use camino::Utf8Path;

use super::files::write_here;
use super::{Machine, SecretVersions};
use crate::project::{BACKEND, Environment, FRONTEND, SECRETS};
use crate::rollout::state::release::Release;
use crate::tools::docker::compose::Project;
use crate::tools::files::private::Folder;
use crate::tools::process::{Run, shell};
use crate::workspace;

impl Machine {
    pub(super) fn variables(&self, release: &Release) -> Result<String> {
        Ok(variables(&self.environment.name, &self.root, release, self.secret_versions()?))
    }
}

/// An error unless compose understands the release's file. Nobody is asked for that: images and versions of secrets are
/// stood in for.
pub fn check_compose_file(program: &Utf8Path, environment: &Environment, release: &Release) -> Result<()> {
    let mut release = release.clone();
    release.contents.images =
        [BACKEND, FRONTEND].iter().map(|it| (it.name.to_owned(), "an-image".to_owned())).collect();
    let current = SECRETS.iter().map(|secret| (secret.name.to_owned(), 1)).collect();
    let versions = SecretVersions { current, ..SecretVersions::default() };
    let variables =
        variables(&environment.name, &environment.root(&workspace::local_dir()), &release, versions);
    let folder = Folder::new()?;
    let files = [
        ("compose.yaml", release.contents.compose.as_str()),
        ("settings.env", &release.contents.configuration),
        ("variables.env", &variables),
    ];
    write_here(folder.path(), &files)?;
    let project = Project {
        program,
        name: "check".to_owned(),
        folder: folder.path(),
        files: &[folder.join("compose.yaml")],
        variables: &folder.join("variables.env"),
    };
    Run::new(project.check(shell())).run().context("the release's compose file is not valid")
}

/// Passwords of database roles belong to the platform: today's, and so for what was revoked since the release was made.
fn variables(environment: &str, root: &Utf8Path, release: &Release, secrets: SecretVersions) -> String {
    let mut variables = vec![
        ("ENVIRONMENT".to_owned(), environment.to_owned()),
        ("RELEASE".to_owned(), release.id.to_string()),
        ("COMMIT".to_owned(), release.commit.clone()),
        ("BUILT_AT".to_owned(), release.built_at.clone()),
        ("LIVE".to_owned(), root.join("live").to_string()),
        ("SECRETS".to_owned(), root.join("secrets").to_string()),
    ];
    let images = release.contents.images.iter();
    variables.extend(
        images.map(|(component, image)| (format!("{}_IMAGE", component.to_uppercase()), image.clone())),
    );
    let SecretVersions { current: mut versions, revoked } = secrets;
    let own = release.contents.secrets.clone().into_iter();
    versions.extend(own.filter(|it| !revoked.contains(it)));
    variables.extend(
        versions
            .iter()
            .map(|(name, version)| (format!("{}_VERSION", name.to_uppercase()), version.to_string())),
    );
    variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}
