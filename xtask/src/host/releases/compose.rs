//! A release as Docker Compose has it: its files, where compose finds them, what the variables in them stand for, and
//! whether compose understands them at all.

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use super::{LeasedReleases, Releases, reach};
use crate::host::SecretVersions;
use crate::host::files::write_here;
use crate::project::{BACKEND, Environment, FRONTEND, PAPERS_VOLUME, SECRETS};
use crate::rollout::state::release::{Release, ReleaseId};
use crate::tools::docker::compose::Project;
use crate::tools::files::private::Folder;
use crate::tools::process::{Run, shell};
use crate::workspace;

impl Releases<'_> {
    /// Has the files of a kept release where compose finds them, for calls that change nothing.
    pub(in crate::host) fn lay_out_kept(&self, id: &ReleaseId) -> Result<()> {
        let release = self.manifest(id)?;
        self.lay_out(&release, &compose_files(&release, &self.variables(&release)?))
    }

    pub(in crate::host) fn with_project<T>(
        &self,
        id: &ReleaseId,
        use_it: impl FnOnce(&Project) -> Result<T>,
    ) -> Result<T> {
        let folder = self.compose_dir(id);
        use_it(&Project {
            program: &self.machine.compose,
            name: self.machine.named(id.as_str()),
            folder: &folder,
            files: &[folder.join("compose.yaml")],
            variables: &folder.join("variables.env"),
        })
    }

    /// The folder with a release's files, where compose finds them.
    fn compose_dir(&self, id: &ReleaseId) -> Utf8PathBuf {
        self.machine.compose_dir().join("releases").join(id.as_str())
    }

    /// Compose reads its files on the machine that calls it. When the host is another one, they are laid out here.
    pub(super) fn lay_out(&self, release: &Release, files: &[(&str, &str)]) -> Result<()> {
        match self.machine.compose_dir {
            Some(_) => write_here(&self.compose_dir(&release.id), files),
            None => Ok(()),
        }
    }

    pub(super) fn variables(&self, release: &Release) -> Result<String> {
        let machine = self.machine;
        let versions = machine.secrets().versions()?;
        // Where the edge has no port yet, nobody opens a link.
        let site = machine.url().unwrap_or_default();
        Ok(variables(&machine.environment.name, &site, &machine.root, release, versions))
    }
}

impl LeasedReleases<'_> {
    /// The passwords of the database's roles may have been changed since a release was kept, and somebody may have changed its
    /// files: they are written again before this driver first has compose change something of it.
    pub(super) fn refresh(&self, id: &ReleaseId) -> Result<()> {
        if self.leased.laid_out.borrow().contains(id) {
            return Ok(());
        }
        let releases = self.leased.fenced()?.releases();
        let release = releases.manifest(id)?;
        let variables = releases.variables(&release)?;
        let files = compose_files(&release, &variables);
        self.leased.write(&releases.folder(id), &files)?;
        releases.lay_out(&release, &files)?;
        self.leased.laid_out.borrow_mut().insert(id.clone());
        Ok(())
    }
}

/// What compose reads of a release.
pub(super) fn compose_files<'a>(release: &'a Release, variables: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("compose.yaml", &release.contents.compose),
        ("settings.env", &release.contents.configuration),
        ("variables.env", variables),
    ]
}

/// The release as compose renders it; an error unless compose understands its file. Nobody is asked for that: images, by
/// the names of their parts, and versions of secrets are stood in for.
pub fn check_compose_file(program: &Utf8Path, environment: &Environment, release: &Release) -> Result<Value> {
    let mut release = release.clone();
    release.contents.images =
        [BACKEND, FRONTEND].iter().map(|it| (it.name.to_owned(), it.name.to_owned())).collect();
    let current = SECRETS.iter().map(|secret| (secret.name.to_owned(), 1)).collect();
    let versions = SecretVersions { current, ..SecretVersions::default() };
    let variables =
        variables(&environment.name, "", &environment.root(&workspace::local_dir()), &release, versions);
    let folder = Folder::new()?;
    write_here(folder.path(), &compose_files(&release, &variables))?;
    let project = Project {
        program,
        name: "check".to_owned(),
        folder: folder.path(),
        files: &[folder.join("compose.yaml")],
        variables: &folder.join("variables.env"),
    };
    let config =
        Run::new(project.rendered(shell())).text().context("the release's compose file is not valid")?;
    let root = environment.root(&workspace::local_dir());
    let folders = [root.join("live"), root.join("secrets")];
    let config = serde_json::from_str(&config)?;
    let volumes = [format!("{}-{PAPERS_VOLUME}", environment.prefix())];
    let found = reach::beyond(&config, &folders, &volumes);
    ensure!(
        found.is_empty(),
        "the release's compose file reaches beyond the release:\n  {}",
        found.join("\n  ")
    );
    Ok(config)
}

/// What was revoked since the release was made is today's.
fn variables(
    environment: &str,
    site: &str,
    root: &Utf8Path,
    release: &Release,
    secrets: SecretVersions,
) -> String {
    let mut variables = vec![
        ("ENVIRONMENT".to_owned(), environment.to_owned()),
        ("SITE_URL".to_owned(), site.to_owned()),
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
    let SecretVersions { current: mut versions, revoked, .. } = secrets;
    let own = release.contents.secrets.clone().into_iter();
    versions.extend(own.filter(|it| !revoked.contains(it)));
    for secret in SECRETS {
        let Some(version) = versions.get(secret.name).copied() else { continue };
        let variable = format!("{}_ROLE", secret.of_role().to_uppercase());
        // One from before roles took turns logs in as the first of them.
        let is_turned = secret.roles.is_some_and(|[first, _]| secret.role(version) != Some(first));
        let version =
            if is_turned && !release.contents.compose.contains(&variable) { version - 1 } else { version };
        variables.push((format!("{}_VERSION", secret.name.to_uppercase()), version.to_string()));
        variables.extend(secret.role(version).map(|role| (variable, role.to_owned())));
    }
    variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{APP_ROLE, APP_ROLE_IN_TURN};
    use crate::rollout::simulation;

    #[test]
    fn a_release_comes_into_the_database_by_the_name_and_the_password_of_its_version() {
        let name = "database_app_password";
        let told = |compose: &str, own: Option<u32>, current: u32, revoked: &[u32]| {
            let mut release = simulation::release(1, 1);
            release.contents.compose = compose.to_owned();
            release.contents.secrets = own.map(|own| (name.to_owned(), own)).into_iter().collect();
            let versions = SecretVersions {
                current: [(name.to_owned(), current)].into(),
                revoked: revoked.iter().map(|version| (name.to_owned(), *version)).collect(),
                ..SecretVersions::default()
            };
            let text = variables("lab", "https://lab.example", Utf8Path::new("/x"), &release, versions);
            let value = |variable: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(variable)?.strip_prefix('='));
                line.unwrap_or_default().to_owned()
            };
            (value("DATABASE_APP_PASSWORD_VERSION"), value("DATABASE_APP_ROLE"))
        };
        let is = |version: &str, role: &str| (version.to_owned(), role.to_owned());
        let takes_turns = "postgres://${DATABASE_APP_ROLE}@postgres";
        assert_eq!(told(takes_turns, Some(1), 2, &[]), is("1", APP_ROLE));
        assert_eq!(told(takes_turns, Some(2), 2, &[]), is("2", APP_ROLE_IN_TURN));
        assert_eq!(
            told(takes_turns, Some(1), 2, &[1]),
            is("2", APP_ROLE_IN_TURN),
            "today's, once its own is revoked"
        );
        // One from before knows the first name alone, whatever the turn is.
        assert_eq!(told("postgres://app@postgres", None, 2, &[]), is("1", APP_ROLE));
        assert_eq!(told("postgres://app@postgres", None, 3, &[]), is("3", APP_ROLE));
    }
}
