//! The platform of an environment: database and edge, their networks and volumes. Started when there is none; a
//! running one is never changed by a deploy.

mod certificate;
mod compose;
mod diff;
mod edge;
mod files;
mod making;
mod renew;
mod start;
mod volumes;
mod wants;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use super::{Bases, Leased, Machine};
use crate::project::{DATABASE_SERVICE, EDGE, ESSENTIAL, PLATFORM, PLATFORM_FILES, Service};
use crate::rollout::host::Host;
use crate::tools::docker::condition::{Condition, Health};
use crate::tools::docker::container::{self, Container};
use crate::tools::docker::exec::{self, Running};
use crate::tools::docker::socket::Socket;
use crate::tools::process::{Finished, Run};

#[cfg(test)]
pub(super) use self::compose::{BACKUP_SCRIPTS, NOTE};
pub use self::files::PlatformFiles;
pub use self::wants::{BESIDE, PlatformWants};

/// How long the database and the edge may take to be healthy.
const HEALTHY_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest that a question to a service may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Database and edge, to look at.
pub struct Platform<'a> {
    pub(super) machine: &'a Machine,
}

/// Database and edge, to change.
pub struct LeasedPlatform<'a> {
    pub(super) leased: &'a Leased<'a>,
}

/// A service of the platform.
#[derive(Debug, Clone, Serialize)]
pub struct PlatformPart {
    /// Its name.
    pub service: String,
    /// What it is doing.
    pub state: Condition,
    /// What its checks say.
    pub health: Health,
    /// RFC 3339.
    pub since: String,
    /// How it ended, or once ended, as far as that is known; empty when it has not.
    pub exit_reason: String,
    /// How often it came back after it had ended by itself.
    pub restarts: u32,
}

impl Platform<'_> {
    /// The root folder of another copy of the repository whose environment of this name runs on this machine's engine. One whose
    /// folder is gone has given it up; whose its data are is another question.
    pub fn other_owner(&self) -> Result<Option<String>> {
        if !self.machine.environment.is_here() {
            return Ok(None);
        }
        let folder = self.machine.folder("platform");
        let containers = self.containers()?;
        let owners =
            containers.iter().filter_map(|found| found.label("com.docker.compose.project.working_dir"));
        let other = owners.into_iter().find(|owner| *owner != folder && std::path::Path::new(owner).exists());
        Ok(other.map(|owner| owner.trim_end_matches("/platform").to_owned()))
    }

    /// An error that says what to do when the database or the edge is not running.
    pub fn check(&self) -> Result<()> {
        let containers = self.containers()?;
        ESSENTIAL.iter().try_for_each(|service| match runs(&containers, service) {
            true => Ok(()),
            false => Err(self.is_not_running(service)),
        })
    }

    /// Whether all of it runs without which no release serves anybody.
    pub fn serves(&self) -> Result<bool> {
        Ok(serves(&self.containers()?))
    }

    /// Whether it was ever made, and not taken down since.
    pub fn is_made(&self) -> Result<bool> {
        Ok(!self.containers()?.is_empty())
    }

    /// What runs of it.
    pub fn parts(&self) -> Result<Vec<PlatformPart>> {
        let containers = self.containers()?;
        let starved = self.machine.starved()?;
        let part = |found: &Container| PlatformPart {
            service: found.label("com.docker.compose.service").unwrap_or_default().to_owned(),
            state: found.state.status,
            health: found.state.health(),
            since: found.state.started_at.clone(),
            restarts: found.restart_count,
            exit_reason: found.exit_reason(found.state.oom_killed || starved.contains(found.plain_name())),
        };
        Ok(containers.iter().map(part).collect())
    }

    /// The last lines that a service's container wrote, of both streams.
    pub fn last_lines(&self, service: &str, lines: usize) -> Result<String> {
        Ok(container::last_lines(self.machine.docker(), &self.container(service), lines)?)
    }

    /// The images that it runs at this moment; none when it is not there whole.
    pub fn bases(&self) -> Result<Option<Bases>> {
        Ok(bases(&self.containers()?))
    }

    /// What compose calls the one container of a service.
    pub(super) fn container(&self, service: &str) -> String {
        self.machine.named(&format!("platform-{service}-1"))
    }

    pub(super) fn containers(&self) -> Result<Vec<Container>> {
        let project = format!("com.docker.compose.project={}", self.machine.named("platform"));
        Ok(container::labelled(self.machine.docker(), &[self.machine.label(), project])?)
    }

    pub(super) fn is_not_running(&self, service: &Service) -> anyhow::Error {
        let (service, environment) = (service.name, &self.machine.environment.name);
        anyhow::anyhow!(
            "{service} of {environment} is not running: `cargo xtask deploy --env {environment}` starts it"
        )
    }

    /// A program in a service's container, to its end, whatever the exit code; an error when the service does not run.
    fn run_in(&self, service: &Service, words: &[&str]) -> Result<Finished> {
        let told = self.ask_in(service, words[0], words, ANSWER_TIMEOUT)?;
        told.ok_or_else(|| self.is_not_running(service))
    }

    /// Like `run_in`, for a program that errors call `name`; none when the service does not run.
    pub(super) fn ask_in(
        &self,
        service: &Service,
        name: &str,
        words: &[&str],
        timeout: Duration,
    ) -> Result<Option<Finished>> {
        Ok(self.begin_in(service, name, words, timeout)?.map_or(Ok(None), Running::finish)?)
    }

    /// Begins it: several may run beside each other.
    pub(super) fn begin_in(
        &self,
        service: &Service,
        name: &str,
        words: &[&str],
        timeout: Duration,
    ) -> Result<Option<Running>> {
        let socket = Socket::of(self.machine.docker())?;
        let (container, user) = (self.container(service.name), service.uid.to_string());
        Ok(exec::start(&socket, name, &container, &user, words, timeout)?)
    }

    /// Waits until these services are healthy.
    fn wait_until_healthy(&self, services: &[&str], wait: &dyn Fn(&str)) -> Result<()> {
        let began = Instant::now();
        loop {
            let mut containers = self.containers()?;
            containers.retain(|found| {
                found.label("com.docker.compose.service").is_some_and(|it| services.contains(&it))
            });
            let Some(waiting) = containers.iter().find(|found| !self.is_healthy(found)) else {
                return Ok(());
            };
            let service = waiting.label("com.docker.compose.service").unwrap_or_default();
            if began.elapsed() > HEALTHY_TIMEOUT || waiting.state.status.has_ended() {
                let lines = container::last_lines(self.machine.docker(), waiting.plain_name(), 8)?;
                bail!(
                    "{service} of the platform is {}, and not healthy:\n    {}",
                    waiting.state.status,
                    lines.replace('\n', "\n    ")
                );
            }
            wait(&format!("waiting for {service}"));
            self.machine.pause(Duration::from_millis(200))?;
        }
    }

    /// As the engine found it, or, since its first check comes seconds after the start, as the same check finds it now.
    fn is_healthy(&self, found: &Container) -> bool {
        if found.state.health() == Health::Healthy {
            return true;
        }
        let words: Vec<&str> = found.check().iter().map(String::as_str).collect();
        let name = found.label("com.docker.compose.service");
        let service = PLATFORM.iter().find(|service| Some(service.name) == name);
        let is_well =
            |service| self.run_in(service, &words).is_ok_and(|told: Finished| told.status.success());
        found.state.status == Condition::Running && !words.is_empty() && service.is_some_and(is_well)
    }
}

fn serves(containers: &[Container]) -> bool {
    ESSENTIAL.iter().all(|service| runs(containers, service))
}

fn runs(containers: &[Container], service: &Service) -> bool {
    let is_it = |found: &Container| found.label("com.docker.compose.service") == Some(service.name);
    containers.iter().any(|found| is_it(found) && found.state.status == Condition::Running)
}

fn bases(containers: &[Container]) -> Option<Bases> {
    let image = |service: &str| {
        let of = |found: &&Container| found.label("com.docker.compose.service") == Some(service);
        containers.iter().find(of).map(|found| found.config.image.clone())
    };
    Some(Bases { caddy: image(EDGE.name)?, postgres: image(DATABASE_SERVICE.name)? })
}

impl Leased<'_> {
    /// Database and edge, to start, stop and replace.
    pub fn platform(&self) -> LeasedPlatform<'_> {
        LeasedPlatform { leased: self }
    }
}

impl LeasedPlatform<'_> {
    /// Stops it and removes its containers and networks, the guard's container, the watcher's and those of what else is
    /// beside it. The volumes stay.
    pub fn down(&self) -> Result<()> {
        self.leased.live_folder().remove_guard()?;
        // It is on the edge's network.
        self.leased.watcher().stop()?;
        self.leased.sender().stop()?;
        self.leased.archiver().stop()?;
        self.leased.shipper().stop()?;
        let machine = self.leased.fenced_invalidating()?;
        if machine.read(&machine.folder("platform").join(PLATFORM_FILES[0]))?.is_none() {
            return Ok(());
        }
        machine.platform().with_project_as_started(|project| {
            Ok(Run::new(project.down(machine.docker())).timeout(HEALTHY_TIMEOUT).run()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::project::BACKUPS;

    #[test]
    fn a_platform_serves_when_database_and_edge_run_whatever_else_does() {
        let part = |service: &str, status: &str| -> Container {
            let state = json!({ "Status": status, "StartedAt": "", "ExitCode": 0, "OOMKilled": false, "Health": null });
            let labels = json!({ "com.docker.compose.service": service });
            let config = json!({ "Image": "", "Labels": labels, "Healthcheck": null });
            let found =
                json!({ "Name": service, "State": state, "RestartCount": 0, "Config": config, "Mounts": [] });
            serde_json::from_value(found).unwrap()
        };
        let (database, edge, backups) = (DATABASE_SERVICE.name, EDGE.name, BACKUPS.name);
        for (parts, does) in [
            (&[(database, "running"), (edge, "running"), (backups, "running")][..], true),
            (&[(database, "running"), (edge, "running"), (backups, "restarting")], true),
            (&[(database, "running"), (edge, "running")], true),
            (&[(database, "running"), (backups, "running")], false),
            (&[(database, "running"), (edge, "exited"), (backups, "running")], false),
        ] {
            let parts: Vec<Container> = parts.iter().map(|(service, status)| part(service, status)).collect();
            assert_eq!(serves(&parts), does, "{parts:?}");
        }
    }
}
