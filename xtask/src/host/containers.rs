//! The containers of releases, and one-off runs; and the questions asked of them.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8PathBuf;
use xshell::{Cmd, Shell};

use super::{Leased, Machine};
use crate::project::{self, Component, RELEASE_LABEL};
use crate::rollout::host::{Part, ProbeResponse};
use crate::rollout::state::release::{Release, ReleaseId};
use crate::tools::docker::compose::Project;
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container::{self, Container};
use crate::tools::docker::exec::{self, Running};
use crate::tools::docker::socket::Socket;
use crate::tools::http;
use crate::tools::process::{Finished, Run};

/// The longest that one call to the engine may take. Stopping waits for what is in flight.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest that an answer through the edge may take to be a good one.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest that one smoke request may take.
const SMOKE_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that a migration may take.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(900);

/// A release's compose project, as it is kept on the host.
pub(super) struct ReleaseProject<'a> {
    machine: &'a Machine,
    /// Where compose finds its files, on the machine that calls it.
    folder: Utf8PathBuf,
    name: String,
}

/// What the smoke program ends with when it is of an image from before it took several addresses (as clap ends with an
/// argument that is given twice).
const ONE_ADDRESS: i32 = 2;

impl ReleaseProject<'_> {
    pub(super) fn with<T>(&self, use_it: impl FnOnce(&Project) -> Result<T>) -> Result<T> {
        let (files, variables) = ([self.folder.join("compose.yaml")], self.folder.join("variables.env"));
        use_it(&Project {
            program: &self.machine.compose,
            name: self.name.clone(),
            folder: &self.folder,
            files: &files,
            variables: &variables,
        })
    }
}

impl Machine {
    pub(super) fn release_parts(&self) -> Result<Vec<Part>> {
        let labels = [self.label(), RELEASE_LABEL.to_owned(), "com.docker.compose.oneoff=False".to_owned()];
        let mut parts: Vec<Part> =
            container::labelled(self.shell.docker(), &labels)?.iter().filter_map(part).collect();
        parts.sort_by(|a, b| (&a.release, &a.service).cmp(&(&b.release, &b.service)));
        Ok(parts)
    }

    /// Whether there is all that starting or stopping it takes; a manifest that is garbled is none.
    pub(super) fn is_kept(&self, id: &ReleaseId) -> Result<bool> {
        let manifest = self.read(&self.release_folder(id).join("release.json"))?;
        Ok(manifest.is_some_and(|text| serde_json::from_str::<Release>(&text).is_ok()))
    }

    pub(super) fn release_project(&self, id: &ReleaseId) -> ReleaseProject<'_> {
        ReleaseProject { machine: self, folder: self.release_compose_dir(id), name: self.named(id.as_str()) }
    }

    /// Begins to ask each part of a release on the edge's network, by one program in its backend's container: to start one
    /// takes nearly all of the time. None when that container does not run.
    pub(super) fn begin_smoke(&self, id: &ReleaseId) -> Result<Option<Running>> {
        self.ask_parts(id, &smoke_addresses(id))
    }

    fn ask_parts(&self, id: &ReleaseId, addresses: &[String]) -> Result<Option<Running>> {
        let (socket, user) = (Socket::of(self.shell.docker())?, project::APP_UID.to_string());
        let program = project::SMOKE_PROGRAM.iter().copied();
        let urls = addresses.iter().flat_map(|url| ["--url", url]);
        let words: Vec<&str> = program.chain(["--release", id.as_str()]).chain(urls).collect();
        let name = "the smoke requests";
        Ok(exec::start(&socket, name, &self.smoke_container(id), &user, &words, SMOKE_TIMEOUT)?)
    }

    fn smoke_container(&self, id: &ReleaseId) -> String {
        self.named(&format!("{id}-{}-1", project::BACKEND.name))
    }

    pub(super) fn smoke_release(&self, id: &ReleaseId) -> Result<()> {
        let asked = match self.prefetched_smoke(id) {
            Some(asked) => Some(asked),
            None => self.begin_smoke(id)?,
        };
        let told = self.smoke_told(id, asked)?;
        if told.status.code() != Some(ONE_ADDRESS) {
            return is_well(id, &told);
        }
        smoke_addresses(id)
            .chunks(1)
            .try_for_each(|address| is_well(id, &self.smoke_told(id, self.ask_parts(id, address)?)?))
    }

    fn smoke_told(&self, id: &ReleaseId, asked: Option<Running>) -> Result<Finished> {
        let told = asked.map_or(Ok(None), Running::finish)?;
        told.with_context(|| format!("{} does not run any more", self.smoke_container(id)))
    }

    pub(super) fn ask_edge(&self) -> Result<ProbeResponse> {
        let url = format!("{}{}", self.url()?, project::PROBE_PATH);
        let answer = http::get(&url, PROBE_TIMEOUT).with_context(|| format!("asking {url}"))?;
        let excerpt = answer.header("location").map_or_else(
            || answer.body.chars().take(200).collect(),
            |location| format!("redirect to {location}"),
        );
        let release = answer.header(project::RELEASE_HEADER).and_then(|id| id.parse().ok());
        Ok(ProbeResponse { status: answer.status, release, excerpt })
    }
}

impl Leased<'_> {
    /// Has compose start, stop or remove a kept release's containers.
    pub(super) fn change_release(
        &self,
        id: &ReleaseId,
        call: impl for<'c> FnOnce(&Project, &'c Shell) -> Cmd<'c>,
    ) -> Result<()> {
        self.refresh(id)?;
        let machine = self.fenced_invalidating()?;
        machine.release_project(id).with(|project| {
            Ok(Run::new(call(project, machine.shell.docker())).timeout(ENGINE_TIMEOUT).run()?)
        })
    }

    /// Stops the release's containers and removes them.
    pub(super) fn take_down(&self, id: &ReleaseId) -> Result<()> {
        if self.fenced()?.is_kept(id)? {
            return self.change_release(id, |project, sh| project.down(sh));
        }
        self.remove_strays(id)
    }

    /// Containers of a release whose files are gone: there is nothing to start them from again.
    pub(super) fn remove_strays(&self, id: &ReleaseId) -> Result<()> {
        let machine = self.fenced_invalidating()?;
        let labels = [machine.label(), format!("{RELEASE_LABEL}={id}")];
        let docker = machine.shell.docker();
        let strays = container::labelled(docker, &labels)?;
        strays.iter().try_for_each(|stray| Ok(container::remove(docker, stray.plain_name())?))
    }

    /// Removes a release whole. Its images go too, unless another release or something else needs them.
    pub(super) fn delete_release(&self, id: &ReleaseId) -> Result<()> {
        let machine = self.fenced()?;
        let kept = machine.kept_releases()?;
        self.take_down(id)?;
        self.delete(&machine.release_folder(id))?;
        let (going, staying): (Vec<_>, Vec<_>) = kept.iter().partition(|release| &release.id == id);
        let needed = |image: &String| {
            staying.iter().any(|release| release.contents.images.values().any(|other| other == image))
        };
        for image in
            going.iter().flat_map(|release| release.contents.images.values()).filter(|image| !needed(image))
        {
            // Tags of the build may still name it; then the engine refuses, and rightly.
            let _ = container::remove_image(machine.shell.docker(), image);
        }
        Ok(())
    }

    /// Runs a service of the release once, to its end, and gives what it printed. `words` stand in place of the
    /// service's own command, when there are any.
    pub(super) fn run_once(&self, id: &ReleaseId, service: &str, words: &[&str]) -> Result<String> {
        let machine = self.fenced_invalidating()?;
        let (name, docker) = (machine.named(service), machine.shell.docker());
        container::remove(docker, &name)?;
        self.refresh(id)?;
        let told = machine.release_project(id).with(|project| {
            let once = project.run_once(docker, service, &name, words);
            Ok(Run::new(once).timeout(MIGRATION_TIMEOUT).finish()?)
        })?;
        let ended = container::named(docker, &name)?.map(|found| found.state);
        match ended {
            Some(state) if state.status == Condition::Exited && state.exit_code == 0 => {
                container::remove(docker, &name)?;
                Ok(told.stdout.trim().to_owned())
            }
            Some(state) => {
                let lines = container::last_lines(docker, &name, 12)?;
                bail!(
                    "{service} is {}, exit code {}:\n    {}",
                    state.status,
                    state.exit_code,
                    lines.replace('\n', "\n    ")
                )
            }
            None => {
                bail!("{service} could not be started:\n    {}", told.stderr.trim().replace('\n', "\n    "))
            }
        }
    }

    /// The engine goes on with a one-off container after its driver has died: it is waited for.
    pub(super) fn wait_for_once(&self, service: &str) -> Result<()> {
        let machine = self.fenced_invalidating()?;
        let (name, docker) = (machine.named(service), machine.shell.docker());
        if container::named(docker, &name)?.is_some_and(|found| found.state.status == Condition::Running) {
            Run::new(container::wait(docker, &name)).timeout(MIGRATION_TIMEOUT).run()?;
        }
        container::remove(docker, &name)?;
        Ok(())
    }
}

/// Each front door, by the name by which the edge will dial it.
fn smoke_addresses(id: &ReleaseId) -> Vec<String> {
    let address = |(component, path): &(Component, &str)| {
        format!("http://{}-{id}:{}{path}", component.name, component.port)
    };
    project::SMOKE.iter().map(address).collect()
}

fn is_well(id: &ReleaseId, told: &Finished) -> Result<()> {
    let said = format!("{} {}", told.stdout.trim(), told.stderr.trim());
    ensure!(told.status.success(), "{id}, asked on the edge's network: {}", said.trim());
    Ok(())
}

fn part(found: &Container) -> Option<Part> {
    let state = &found.state;
    let check = state.health.as_ref().and_then(|health| health.log.as_ref()?.last());
    let exit_reason = match (state.oom_killed, state.status.has_ended()) {
        (true, _) => "out of memory".to_owned(),
        (false, true) => format!("exit code {}", state.exit_code),
        (false, false) => String::new(),
    };
    Some(Part {
        release: found.label(RELEASE_LABEL)?.parse().ok()?,
        service: found.label("com.docker.compose.service")?.to_owned(),
        container: found.plain_name().to_owned(),
        state: state.status,
        health: state.health(),
        health_output: check
            .filter(|check| check.exit_code != 0)
            .map(|check| check.output.trim().to_owned())
            .unwrap_or_default(),
        since: state.started_at.clone(),
        restarts: found.restart_count,
        exit_reason,
    })
}
