//! What of a running platform the commit would start differently now.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::Platform;
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

    /// The services that would be started differently, or for the first time. A hash of compose's tells.
    pub fn differing(&self) -> Result<Vec<String>> {
        let running = self.containers()?;
        // `service hash` a line.
        let ought = self.with_project_to_come(|project| {
            Run::new(project.hashes(self.machine.docker())).text().context("asking compose for the platform")
        })?;
        let ought: BTreeMap<&str, &str> = ought.lines().filter_map(|line| line.split_once(' ')).collect();
        let service =
            |found: &Container| found.label("com.docker.compose.service").unwrap_or_default().to_owned();
        let differs = |found: &&Container| {
            found.label("com.docker.compose.config-hash") != ought.get(service(found).as_str()).copied()
        };
        let is_missing = |name: &&&str| !running.iter().any(|found| service(found) == **name);
        let missing = ought.keys().filter(is_missing).map(|name| (*name).to_owned());
        Ok(running.iter().filter(differs).map(service).chain(missing).collect())
    }
}
