//! Starting the platform of an environment: the first time as the repository has it, and later as it was.

use anyhow::Result;

use super::platform::HEALTHY_TIMEOUT;
use super::secrets::SuppliedSecrets;
use super::{Bases, Leased};
use crate::project::{EDGE, PLATFORM};
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container;
use crate::tools::process::Run;

impl Leased<'_> {
    /// Starts what does not run of the platform, and makes the secrets that are not there yet. Gives whether something had
    /// to be started.
    pub fn platform_up(&self, given: &SuppliedSecrets, wait: &dyn Fn(&str)) -> Result<bool> {
        let machine = self.fenced()?;
        let containers = machine.platform_containers()?;
        let running = containers.iter().filter(|found| found.state.status == Condition::Running);
        if running.count() >= PLATFORM.len() {
            if !containers.iter().all(|found| machine.is_healthy(found)) {
                machine.wait_for_platform(&PLATFORM.map(|service| service.name), wait)?;
            }
            // One that came into the project later than the platform.
            self.make_secrets(given)?;
            return Ok(false);
        }
        wait("bringing the images of the database and the edge");
        let Bases { caddy, postgres } = machine.bases()?;
        self.fetch([caddy, postgres])?;
        wait("making secrets");
        self.make_secrets(given)?;
        // What has stopped is started as it was: to make it anew is `platform up`'s, with a backup and a look before.
        if containers.is_empty() {
            self.write_platform()?;
            wait("preparing the database");
            self.give_backups_folder()?;
            self.init_database()?;
            self.prepare_certificates()?;
        }
        self.finish_recreations()?;
        wait("starting the database and the edge");
        self.start_platform()?;
        machine.wait_for_platform(&PLATFORM.map(|service| service.name), wait)?;
        self.make_roles()?;
        Ok(true)
    }

    /// Another one on this machine may have taken the edge's port since it was looked for: then the next one that is free.
    fn start_platform(&self) -> Result<()> {
        let start = || {
            let machine = self.fenced_invalidating()?;
            machine.with_platform(|project| {
                Ok(Run::new(project.up_as_made(machine.shell.docker())).timeout(HEALTHY_TIMEOUT).run()?)
            })
        };
        let is_port = |error: &anyhow::Error| {
            let text = format!("{error:#}");
            text.contains("port is already allocated") || text.contains("address already in use")
        };
        match start() {
            Err(error) if self.fenced()?.environment.is_here() && is_port(&error) => {
                self.move_edge()?;
                start()
            }
            ended => ended,
        }
    }

    /// Compose makes a new container beside the old one, under another name: when it was killed between the two, the old
    /// one is the one, or the new one has not its name yet.
    pub(super) fn finish_recreations(&self) -> Result<()> {
        let machine = self.fenced_invalidating()?;
        let (containers, docker) = (machine.platform_containers()?, machine.shell.docker());
        for found in &containers {
            let name =
                machine.platform_container(found.label("com.docker.compose.service").unwrap_or_default());
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
        let machine = self.fenced_invalidating()?;
        let (folder, listens) = (machine.folder("platform"), machine.edge_listens()?);
        let variables = machine.read(&folder.join("variables.env"))?.unwrap_or_default();
        let moved = |line: &str| match line.starts_with("EDGE_LISTEN=") {
            true => format!("EDGE_LISTEN={listens}\n"),
            false => format!("{line}\n"),
        };
        let variables: String = variables.lines().map(moved).collect();
        self.write(&folder, &[("variables.env", &variables)])?;
        self.note_platform()?;
        machine.with_platform(|project| {
            Ok(Run::new(project.renew(machine.shell.docker(), EDGE.name, None))
                .timeout(HEALTHY_TIMEOUT)
                .run()?)
        })
    }
}
