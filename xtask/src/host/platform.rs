//! The platform of an environment: database and edge, their networks and volumes. Started when there is none; a
//! running one is never changed by a deploy.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::files::write_here;
use super::{Leased, Machine};
use crate::project::{DEPLOY, EDGE, EDGE_FILE, PLATFORM, PLATFORM_FILES, Service, Site};
use crate::rollout::host::Host;
use crate::tools::docker::compose::Project;
use crate::tools::docker::condition::{Condition, Health};
use crate::tools::docker::container::{self, Inspected};
use crate::tools::docker::exec::{self, Running};
use crate::tools::docker::socket::Socket;
use crate::tools::files::hex::hex;
use crate::tools::process::{Finished, Run};
use crate::tools::ssh::host_shell::Script;
use crate::workspace;

/// The edge's configuration, in its folder on the host.
pub(super) const CADDYFILE: &str = "Caddyfile";

/// How long the database and the edge may take to be healthy.
pub(super) const HEALTHY_TIMEOUT: Duration = Duration::from_secs(120);

/// The longest that a question to a service may take.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) const NOTE: Script = Script::new(
    "noting what the platform's files hold",
    r#"cd "$1" && sha256sum *.yaml variables.env >written.next && mv -f written.next written"#,
);

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
}

impl Machine {
    /// Where users go.
    pub fn url(&self) -> Result<String> {
        if let Some(url) = &self.public_url {
            return Ok(url.clone());
        }
        let port = self.edge_port()?.with_context(|| {
            format!("{} has no edge yet: `cargo xtask deploy` starts one", self.environment.name)
        })?;
        Ok(format!("http://localhost:{port}"))
    }

    /// The root folder of another copy of the repository that has an environment of this name on this machine's engine.
    /// One whose folder is gone has given it up.
    pub fn other_owner(&self) -> Result<Option<String>> {
        if !self.environment.is_here() {
            return Ok(None);
        }
        let folder = self.folder("platform");
        let containers = self.platform_containers()?;
        let owners =
            containers.iter().filter_map(|found| found.label("com.docker.compose.project.working_dir"));
        let other = owners.into_iter().find(|owner| *owner != folder && std::path::Path::new(owner).exists());
        Ok(other.map(|owner| owner.trim_end_matches("/platform").to_owned()))
    }

    /// An error that says what to do when the database or the edge is not running.
    pub fn check_platform(&self) -> Result<()> {
        let containers = self.platform_containers()?;
        PLATFORM.iter().try_for_each(|service| {
            let runs = |found: &Inspected| {
                found.label("com.docker.compose.service") == Some(service.name)
                    && found.state.status == Condition::Running
            };
            if containers.iter().any(runs) { Ok(()) } else { Err(self.is_not_running(service)) }
        })
    }

    /// What runs of the platform.
    pub fn platform_parts(&self) -> Result<Vec<PlatformPart>> {
        let part = |found: &Inspected| PlatformPart {
            service: found.label("com.docker.compose.service").unwrap_or_default().to_owned(),
            state: found.state.status,
            health: found.state.health(),
            since: found.state.started_at.clone(),
        };
        Ok(self.platform_containers()?.iter().map(part).collect())
    }

    /// What compose calls the one container of a service.
    pub(super) fn platform_container(&self, service: &str) -> String {
        self.named(&format!("platform-{service}-1"))
    }

    pub(super) fn is_not_running(&self, service: &Service) -> anyhow::Error {
        let (service, environment) = (service.name, &self.environment.name);
        anyhow::anyhow!(
            "{service} of {environment} is not running: `cargo xtask deploy --env {environment}` starts it"
        )
    }

    /// A program in a service's container, to its end, whatever the exit code; an error when the service does not run.
    pub(super) fn in_platform(&self, service: &Service, words: &[&str]) -> Result<Finished> {
        let told = self.ask_platform(service, words[0], words, ANSWER_TIMEOUT)?;
        told.ok_or_else(|| self.is_not_running(service))
    }

    /// The same, for a program that errors call `name`; none when the service does not run.
    pub(super) fn ask_platform(
        &self,
        service: &Service,
        name: &str,
        words: &[&str],
        timeout: Duration,
    ) -> Result<Option<Finished>> {
        Ok(self.begin_in_platform(service, name, words, timeout)?.map_or(Ok(None), Running::finish)?)
    }

    /// Begins it: several may run beside each other.
    pub(super) fn begin_in_platform(
        &self,
        service: &Service,
        name: &str,
        words: &[&str],
        timeout: Duration,
    ) -> Result<Option<Running>> {
        let socket = Socket::of(self.shell.docker())?;
        let (container, user) = (self.platform_container(service.name), service.uid.to_string());
        Ok(exec::begin(&socket, name, &container, &user, words, timeout)?)
    }

    pub(super) fn platform_containers(&self) -> Result<Vec<Inspected>> {
        let project = format!("com.docker.compose.project={}", self.named("platform"));
        Ok(container::labelled(self.shell.docker(), &[self.label(), project])?)
    }

    /// Where the edge of an environment on this machine listens.
    fn edge_port(&self) -> Result<Option<u16>> {
        let text = self.read(&self.folder("platform").join("variables.env"))?.unwrap_or_default();
        Ok(text.lines().find_map(|line| line.strip_prefix("EDGE_LISTEN=127.0.0.1:")?.parse().ok()))
    }

    /// What the edge listens on, as compose spells the host's side of a port: on a host of its own, its port 80; here
    /// the port that it had, or the environment's own, or the next free one.
    pub(super) fn edge_listens(&self) -> Result<String> {
        let Site::Here { port } = self.environment.site else { return Ok("80".to_owned()) };
        let first = self.edge_port()?.unwrap_or(port);
        let edge = container::named(self.shell.docker(), &self.platform_container(EDGE.name))?;
        if edge.is_some_and(|edge| edge.state.status == Condition::Running) {
            return Ok(format!("127.0.0.1:{first}"));
        }
        let free =
            (first..=first.saturating_add(100)).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let port = free.with_context(|| {
            format!("no port from {first} to {} is free on 127.0.0.1: stop what uses them", first + 100)
        })?;
        Ok(format!("127.0.0.1:{port}"))
    }

    /// What the edge serves, as its configuration has it: a name, for which it gets certificates by itself, or, where
    /// users come by plain HTTP, whatever they ask for.
    pub(super) fn edge_site(&self) -> &str {
        let https = self.public_url.as_deref().and_then(|url| url.strip_prefix("https://"));
        https.map_or(":80", |name| name.split([':', '/']).next().unwrap_or(name))
    }

    /// The platform's compose files, as the repository would have them: a host that serves HTTPS has one more.
    pub(super) fn platform_files(&self) -> &'static [&'static str] {
        if self.edge_site() == ":80" { &PLATFORM_FILES[..1] } else { &PLATFORM_FILES }
    }

    pub(super) fn platform_variables(&self, listens: &str) -> Result<String> {
        let caddyfile = std::fs::read(workspace::root().join(DEPLOY).join(EDGE_FILE))?;
        let mut variables = vec![
            ("ENVIRONMENT".to_owned(), self.environment.name.to_string()),
            ("POSTGRES_IMAGE".to_owned(), self.bases()?.postgres.clone()),
            ("CADDY_IMAGE".to_owned(), self.bases()?.caddy.clone()),
            ("EDGE_LISTEN".to_owned(), listens.to_owned()),
            ("EDGE_SITE".to_owned(), self.edge_site().to_owned()),
            ("EDGE_CONFIGURATION".to_owned(), hex(&Sha256::digest(caddyfile))),
            ("EDGE".to_owned(), self.folder(EDGE.name).to_string()),
            ("LIVE".to_owned(), self.folder("live").to_string()),
            ("SECRETS".to_owned(), self.folder("secrets").to_string()),
            ("BACKUPS".to_owned(), self.folder("backups").to_string()),
        ];
        let versions = self.secret_versions()?.current_of(|secret| secret.of_platform);
        variables.extend(
            versions
                .iter()
                .map(|(name, version)| (format!("{}_VERSION", name.to_uppercase()), version.to_string())),
        );
        Ok(variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect())
    }

    /// The platform as it was started.
    pub(super) fn with_platform<T>(&self, use_it: impl FnOnce(&Project) -> Result<T>) -> Result<T> {
        let (compose_dir, on_host) = (self.compose_dir().join("platform"), self.folder("platform"));
        let names = PLATFORM_FILES.iter().chain(&["variables.env"]);
        let there = names.filter_map(|name| {
            self.read(&on_host.join(name)).map(|text| text.map(|text| (*name, text))).transpose()
        });
        let there: Vec<(&str, String)> = there.collect::<Result<_>>()?;
        if self.compose_dir.is_some() {
            let files: Vec<(&str, &str)> = there.iter().map(|(name, text)| (*name, text.as_str())).collect();
            write_here(&compose_dir, &files)?;
        }
        let compose = there.iter().map(|(name, _)| *name).filter(|name| PLATFORM_FILES.contains(name));
        let compose: Vec<_> = compose.map(|name| compose_dir.join(name)).collect();
        self.with_project(&compose, &compose_dir.join("variables.env"), use_it)
    }

    pub(super) fn with_project<T>(
        &self,
        files: &[Utf8PathBuf],
        variables: &Utf8Path,
        use_it: impl FnOnce(&Project) -> Result<T>,
    ) -> Result<T> {
        let folder = self.compose_dir().join("platform");
        use_it(&Project {
            program: &self.compose,
            name: self.named("platform"),
            folder: &folder,
            files,
            variables,
        })
    }

    /// Waits until these services are healthy.
    pub(super) fn wait_for_platform(&self, services: &[&str], wait: &dyn Fn(&str)) -> Result<()> {
        let began = Instant::now();
        loop {
            let mut containers = self.platform_containers()?;
            containers.retain(|found| {
                found.label("com.docker.compose.service").is_some_and(|it| services.contains(&it))
            });
            let Some(waiting) = containers.iter().find(|found| !self.is_healthy(found)) else {
                return Ok(());
            };
            let service = waiting.label("com.docker.compose.service").unwrap_or_default();
            if began.elapsed() > HEALTHY_TIMEOUT || waiting.state.status.has_ended() {
                let lines = container::last_lines(self.shell.docker(), waiting.plain_name(), 8)?;
                bail!(
                    "{service} of the platform is {}, and not healthy:\n    {}",
                    waiting.state.status,
                    lines.replace('\n', "\n    ")
                );
            }
            wait(&format!("waiting for {service}"));
            self.pause(Duration::from_millis(200))?;
        }
    }

    /// As the engine found it, or, since its first check comes seconds after the start, as the same check finds it now.
    pub(super) fn is_healthy(&self, found: &Inspected) -> bool {
        if found.state.health() == Health::Healthy {
            return true;
        }
        let words: Vec<&str> = found.check().iter().map(String::as_str).collect();
        let name = found.label("com.docker.compose.service");
        let service = PLATFORM.iter().find(|service| Some(service.name) == name);
        let is_well =
            |service| self.in_platform(service, &words).is_ok_and(|told: Finished| told.status.success());
        found.state.status == Condition::Running && !words.is_empty() && service.is_some_and(is_well)
    }
}

impl Leased<'_> {
    /// Stops the platform and removes its containers and networks, and the guard's container. The volumes stay.
    pub fn platform_down(&self) -> Result<()> {
        self.remove_guard()?;
        let machine = self.fenced_invalidating()?;
        if machine.read(&machine.folder("platform").join(PLATFORM_FILES[0]))?.is_none() {
            return Ok(());
        }
        machine.with_platform(|project| {
            Ok(Run::new(project.down(machine.shell.docker())).timeout(HEALTHY_TIMEOUT).run()?)
        })
    }

    /// Removes the database's volume: all data.
    pub fn delete_data(&self) -> Result<()> {
        let machine = self.fenced_invalidating()?;
        Ok(container::remove_volume(machine.shell.docker(), &machine.named("database"))?)
    }

    /// Writes the platform's files as the repository has them; what runs is not touched.
    pub fn write_platform(&self) -> Result<()> {
        let machine = self.fenced()?;
        let deploy = workspace::root().join(DEPLOY);
        let text = |name: &str| {
            std::fs::read_to_string(deploy.join(name)).with_context(|| format!("reading {name}"))
        };
        self.write(&machine.folder(EDGE.name), &[(CADDYFILE, &text(EDGE_FILE)?)])?;
        let variables = machine.platform_variables(&machine.edge_listens()?)?;
        let files = machine.platform_files().iter().map(|name| Ok((*name, text(name)?)));
        let files: Vec<(&str, String)> = files.collect::<Result<_>>()?;
        let mut all = vec![("variables.env", variables.as_str())];
        all.extend(files.iter().map(|(name, text)| (*name, text.as_str())));
        let folder = machine.folder("platform");
        self.write(&folder, &all)?;
        // What a host that served HTTPS had beyond that.
        let over = PLATFORM_FILES.iter().filter(|name| !machine.platform_files().contains(name));
        over.map(|name| folder.join(name)).try_for_each(|file| self.delete(&file))?;
        self.note_platform()
    }

    /// Notes beside the platform's files what they hold, so that a change by hand is seen.
    pub(super) fn note_platform(&self) -> Result<()> {
        let machine = self.fenced()?;
        machine.shell.script(NOTE, &[machine.folder("platform").as_str()], "").map(drop).map_err(Into::into)
    }
}
