//! What of a running platform the repository would start differently now.

use std::collections::BTreeMap;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use super::Machine;
use crate::project;
use crate::tools::container::Inspected;
use crate::tools::process::{CommandError, Run};

/// A comparison under way: compose takes a while to say how it would start the services, and nobody waits for it before
/// they have to.
pub struct Comparison {
    running: Vec<Inspected>,
    /// `service hash` a line.
    ought: Option<JoinHandle<Result<String, CommandError>>>,
    /// Compose reads them meanwhile.
    _variables: NamedTempFile,
}

impl Machine {
    /// Begins to compare the platform with what the repository's files would have.
    pub fn compare_platform(&self) -> Result<Comparison> {
        let running = self.platform_containers()?;
        let variables = NamedTempFile::new()?;
        std::fs::write(variables.path(), self.platform_variables(&self.edge_listens()?)?)?;
        let path = variables
            .path()
            .to_str()
            .context("the folder for temporary files, TMPDIR, has a name that is not UTF-8")?;
        let deploy = project::root().join(project::DEPLOY);
        let files: Vec<_> = self.platform_files().iter().map(|name| deploy.join(name)).collect();
        let ask = self
            .with_project(&files, path.into(), |project| Ok(Run::new(project.hashes(self.shell.docker()))))?;
        Ok(Comparison { running, ought: Some(thread::spawn(|| ask.text())), _variables: variables })
    }
}

impl Comparison {
    /// The services that would be started differently.
    pub fn differing(mut self) -> Result<Vec<String>> {
        let asked = self.ought.take().context("it was asked for before")?;
        let ought =
            asked.join().expect("a runner does not panic").context("asking compose for the platform")?;
        let ought: BTreeMap<&str, &str> = ought.lines().filter_map(|line| line.split_once(' ')).collect();
        let service =
            |found: &Inspected| found.label("com.docker.compose.service").unwrap_or_default().to_owned();
        let differs = |found: &&Inspected| {
            found.label("com.docker.compose.config-hash") != ought.get(service(found).as_str()).copied()
        };
        Ok(self.running.iter().filter(differs).map(service).collect())
    }
}

impl Drop for Comparison {
    /// Nothing goes on after xtask's end.
    fn drop(&mut self) {
        if let Some(asked) = self.ought.take() {
            let _ = asked.join();
        }
    }
}
