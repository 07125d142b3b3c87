//! What of a running platform the repository would start differently now.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use super::Platform;
use crate::project;
use crate::tools::docker::container::Container;
use crate::tools::process::Run;
use crate::workspace;

impl Platform<'_> {
    /// The services that would be started differently. A hash of compose's tells.
    pub fn differing(&self) -> Result<Vec<String>> {
        let running = self.containers()?;
        let variables = NamedTempFile::new()?;
        std::fs::write(variables.path(), self.variables(&self.edge_listens()?)?)?;
        let path = variables
            .path()
            .to_str()
            .context("the folder for temporary files, TMPDIR, has a name that is not UTF-8")?;
        let deploy = workspace::root().join(project::DEPLOY);
        let files: Vec<_> = self.compose_files().iter().map(|name| deploy.join(name)).collect();
        // `service hash` a line.
        let ought = self.with_project(&files, path.into(), |project| {
            Run::new(project.hashes(self.machine.docker())).text().context("asking compose for the platform")
        })?;
        let ought: BTreeMap<&str, &str> = ought.lines().filter_map(|line| line.split_once(' ')).collect();
        let service =
            |found: &Container| found.label("com.docker.compose.service").unwrap_or_default().to_owned();
        let differs = |found: &&Container| {
            found.label("com.docker.compose.config-hash") != ought.get(service(found).as_str()).copied()
        };
        Ok(running.iter().filter(differs).map(service).collect())
    }
}
