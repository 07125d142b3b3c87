//! The platform as a step of a deploy, ahead of the plan: what of it this driver makes is undone when it fails.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Error, Result};

use super::compose::{AUTHORITY, BACKUP_SCRIPTS, CADDYFILE};
use super::{HEALTHY_TIMEOUT, LeasedPlatform};
use crate::host::{Leased, SuppliedSecrets};
use crate::project::{EDGE, PLATFORM_FILES, ROLES_FILE, SCRIPTS_FOLDER, SECRETS, Secret};
use crate::rollout::plan::{Step, StepContext};
use crate::rollout::state::ledger::Event;
use crate::rollout::steps::PLATFORM;
use crate::tools::docker::{container, network, volume};

/// Images, secrets and volumes, a start of all services, and perhaps one more at another port.
const MAKE_TIMEOUT: Duration = Duration::from_secs(1200);

/// The platform of an environment, to be made or started.
pub struct Making<'a> {
    leased: &'a Leased<'a>,
    given: &'a SuppliedSecrets,
    before: Before,
}

/// What there was of it.
struct Before {
    has_containers: bool,
    has_files: bool,
    networks: BTreeSet<String>,
    volumes: BTreeSet<String>,
    /// Those that there was no version of.
    secrets: Vec<&'static Secret>,
}

impl<'a> LeasedPlatform<'a> {
    /// What is to be made, from what there is now.
    pub fn making(&self, given: &'a SuppliedSecrets) -> Result<Making<'a>> {
        let machine = self.leased.fenced()?;
        let (docker, label) = (machine.docker(), machine.label());
        let versions = machine.secrets().versions()?.current;
        let before = Before {
            has_containers: !machine.platform().containers()?.is_empty(),
            has_files: machine.read(&machine.folder("platform").join(PLATFORM_FILES[0]))?.is_some(),
            networks: network::labelled(docker, &label)?.into_iter().collect(),
            volumes: volume::labelled(docker, &label)?.into_iter().collect(),
            secrets: SECRETS.iter().filter(|secret| !versions.contains_key(secret.name)).collect(),
        };
        Ok(Making { leased: self.leased, given, before })
    }

    /// Removes what was not there before. Images stay: the next attempt needs them.
    fn unmake(&self, before: &Before) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let (docker, label) = (machine.docker(), machine.label());
        if !before.has_containers {
            let made = machine.platform().containers()?;
            made.iter().try_for_each(|found| container::remove(docker, found.plain_name()))?;
        }
        let networks = network::labelled(docker, &label)?;
        let made = networks.iter().filter(|name| !before.networks.contains(*name));
        made.into_iter().try_for_each(|name| network::remove(docker, name))?;
        let volumes = volume::labelled(docker, &label)?;
        let made = volumes.iter().filter(|name| !before.volumes.contains(*name));
        made.into_iter().try_for_each(|name| volume::remove(docker, name))?;
        self.leased.secrets().unmake(&before.secrets)?;
        if !before.has_files {
            let platform = PLATFORM_FILES.iter().chain(&["variables.env", "written", ROLES_FILE]);
            let files = platform.map(|name| machine.folder("platform").join(name));
            let files = files.chain([CADDYFILE, AUTHORITY].map(|name| machine.folder(EDGE.name).join(name)));
            let mut files =
                files.chain(BACKUP_SCRIPTS.map(|(name, _)| machine.folder(SCRIPTS_FOLDER).join(name)));
            files.try_for_each(|file| self.leased.delete(&file))?;
        }
        Ok(())
    }
}

impl Step for Making<'_> {
    fn name(&self) -> &'static str {
        PLATFORM
    }
    fn describe(&self) -> String {
        "make what secrets are missing, start the database and the edge".to_owned()
    }
    fn timeout(&self) -> Duration {
        MAKE_TIMEOUT + 2 * HEALTHY_TIMEOUT
    }
    fn apply(&self, context: &StepContext) -> Result<()> {
        self.leased
            .platform()
            .make(self.given, &|record| context.journal.write(Event::Platform(record)), &|line| {
                context.report.says(line);
            })
            .context("starting the platform")
    }
    fn has_way_back(&self) -> bool {
        true
    }
    fn revert(&self, _context: &StepContext, _cause: &Error) -> Result<()> {
        self.leased.platform().unmake(&self.before)
    }
}
