//! Starting the platform of an environment: the first time as the commit has it, and later as it was.

use anyhow::Result;

use super::{HEALTHY_TIMEOUT, LeasedPlatform, serves};
use crate::host::{Bases, SuppliedSecrets};
use crate::project::{EDGE, ESSENTIAL};
use crate::rollout::state::platform::PlatformRecord;
use crate::terminal;
use crate::tools::docker::container::{self, Container};
use crate::tools::process::Run;

impl LeasedPlatform<'_> {
    /// Whether it runs: then it is waited for, and gets the secrets that came into the project later than itself.
    pub fn settle(&self, given: &SuppliedSecrets, wait: &dyn Fn(&str)) -> Result<bool> {
        let machine = self.leased.fenced()?;
        let containers = machine.platform().containers()?;
        if !serves(&containers) {
            return Ok(false);
        }
        let names = ESSENTIAL.map(|service| service.name);
        let is_essential = |found: &&Container| {
            found.label("com.docker.compose.service").is_some_and(|service| names.contains(&service))
        };
        if !containers.iter().filter(is_essential).all(|found| machine.platform().is_healthy(found)) {
            machine.platform().wait_until_healthy(&names, wait)?;
        }
        // A driver that was killed in the first deploy has left none.
        let others: Vec<&Container> = containers.iter().filter(|found| !is_essential(found)).collect();
        if others.is_empty() || others.iter().any(|found| found.state.status.is_over()) {
            self.start_others();
        }
        self.leased.secrets().make(given)?;
        Ok(true)
    }

    /// Starts what does not run of it, and makes the secrets that are not there yet. `record` is told of what a new one is made.
    pub fn make(
        &self,
        given: &SuppliedSecrets,
        record: &dyn Fn(PlatformRecord) -> Result<()>,
        wait: &dyn Fn(&str),
    ) -> Result<()> {
        let machine = self.leased.fenced()?;
        let containers = machine.platform().containers()?;
        wait("bringing the images of the database and the edge");
        let Bases { caddy, postgres } = machine.bases()?;
        self.leased.fetch_images([caddy, postgres])?;
        wait("making secrets");
        self.leased.secrets().make(given)?;
        // What has stopped is started as it was: to make it anew is `platform up`'s, with a backup and a look before.
        let is_new = containers.is_empty();
        if is_new {
            record(self.write_files()?)?;
            wait("preparing the database");
            self.leased.database().give_backups_folder()?;
            self.init_database()?;
            self.prepare_certificates()?;
        }
        self.prepare_papers()?;
        self.finish_recreations()?;
        wait("starting the database and the edge");
        self.start()?;
        machine.platform().wait_until_healthy(&ESSENTIAL.map(|service| service.name), wait)?;
        self.leased.database().make_roles()?;
        self.start_others();
        if is_new { machine.platform().wait_for_certificate(wait) } else { Ok(()) }
    }

    /// What no release needs comes last, and keeps no deploy back. A platform from before it has none.
    fn start_others(&self) {
        let start = || {
            let machine = self.leased.fenced_invalidating()?;
            machine.platform().with_project_as_started(|project| {
                let told = Run::new(project.hashes(machine.docker())).text()?;
                let names = told.lines().filter_map(|line| line.split(' ').next());
                let others: Vec<&str> =
                    names.filter(|name| ESSENTIAL.iter().all(|service| service.name != *name)).collect();
                if others.is_empty() {
                    return Ok(());
                }
                Ok(Run::new(project.up_as_made(machine.docker(), &others)).timeout(HEALTHY_TIMEOUT).run()?)
            })
        };
        if let Err(error) = start() {
            let error: anyhow::Error = error;
            terminal::warn(format_args!("what makes backups by itself could not be started: {error:#}"));
        }
    }

    /// Something else may have taken the edge's port since it was looked for: here the next one that is free is taken, and on a
    /// host it is said what has it.
    fn start(&self) -> Result<()> {
        let start = || {
            let machine = self.leased.fenced_invalidating()?;
            machine.platform().with_project_as_started(|project| {
                Ok(Run::new(project.up_as_made(machine.docker(), &ESSENTIAL.map(|service| service.name)))
                    .timeout(HEALTHY_TIMEOUT)
                    .run()?)
            })
        };
        let Err(error) = start() else { return Ok(()) };
        let text = format!("{error:#}");
        if !["port is already allocated", "address already in use"].iter().any(|words| text.contains(words)) {
            return Err(error);
        }
        let machine = self.leased.fenced()?;
        if machine.environment().is_here() {
            self.move_edge()?;
            return start();
        }
        machine.check_ports(&machine.platform().demand_to_come()?.1, "")?;
        Err(error)
    }

    /// Compose makes a new container beside the old one, under another name: when it was killed between the two, the old
    /// one is the one, or the new one has not its name yet.
    pub(super) fn finish_recreations(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let (containers, docker) = (machine.platform().containers()?, machine.docker());
        for found in &containers {
            let name =
                machine.platform().container(found.label("com.docker.compose.service").unwrap_or_default());
            if found.plain_name() == name {
                continue;
            }
            if containers.iter().any(|other| other.plain_name() == name) {
                container::remove(docker, found.plain_name())?;
            } else {
                container::rename(docker, found.plain_name(), &name)?;
            }
        }
        Ok(())
    }

    /// The edge listens on another port, and is otherwise what it was.
    fn move_edge(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        self.set_variable("EDGE_LISTEN", &machine.platform().edge_listens()?)?;
        machine.platform().with_project_as_started(|project| {
            Ok(Run::new(project.renew(machine.docker(), EDGE.name, None)).timeout(HEALTHY_TIMEOUT).run()?)
        })
    }
}
