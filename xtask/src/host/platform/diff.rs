//! What of a running platform the commit would start differently now.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::Utf8Path;
use tempfile::TempDir;

use super::Platform;
use crate::host::files::write_here;
use crate::project::{DATABASE_SERVICE, EDGE};
use crate::rollout::state::ledger::Ledger;
use crate::rollout::state::platform::PlatformRecord;
use crate::tools::docker::container::Container;
use crate::tools::process::Run;

impl Platform<'_> {
    /// What the platform will be made of when it is made now.
    pub fn to_come(&self) -> Result<PlatformRecord> {
        let bases = self.machine.bases()?;
        let images = [(DATABASE_SERVICE.name, &bases.postgres), (EDGE.name, &bases.caddy)];
        let images = images.map(|(service, image)| (service.to_owned(), image.clone()));
        Ok(PlatformRecord { images: images.into(), ..self.machine.platform_files()?.record() })
    }

    /// The commit's files that are not those that the ledger has; all of them when it has none.
    pub fn differing_files(&self, ledger: &Ledger) -> Result<Vec<String>> {
        let before = ledger.platform().cloned().unwrap_or_default();
        Ok(self.machine.platform_files()?.record().differing_files(&before).into_iter().collect())
    }

    /// The services that would be started differently. A hash of compose's tells.
    pub fn differing(&self) -> Result<Vec<String>> {
        let running = self.containers()?;
        let temporary = TempDir::new()?;
        let folder = Utf8Path::from_path(temporary.path())
            .context("the folder for temporary files, TMPDIR, has a name that is not UTF-8")?;
        let (given, variables) = (self.machine.platform_files()?, self.variables(&self.edge_listens()?)?);
        let mut texts = vec![("variables.env", variables.as_str())];
        for name in self.compose_files() {
            texts.push((name, given.text(name)?));
        }
        write_here(folder, &texts)?;
        let files: Vec<_> = self.compose_files().iter().map(|name| folder.join(name)).collect();
        // `service hash` a line.
        let ought = self.with_project(&files, &folder.join("variables.env"), |project| {
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
