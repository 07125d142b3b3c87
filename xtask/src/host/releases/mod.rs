//! The releases of an environment: what is kept of each, and its containers.

pub mod compose;
mod one_off;
mod reach;
mod ready;
mod smoke;
mod vitals;

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Cmd, Shell};

use self::compose::compose_files;
use super::{Leased, Machine};
use crate::project::RELEASE_LABEL;
use crate::rollout::host::Part;
use crate::rollout::state::release::{BrokenRelease, Release, ReleaseId};
use crate::rollout::steps::ENGINE_TIMEOUT;
use crate::tools::docker::container::{self, Container};
use crate::tools::docker::{self, compose::Project};
use crate::tools::process::Run;
use crate::tools::ssh::host_shell::{HostShell, Script};

/// Each folder's name and manifest, behind a character that stands in no JSON (RFC 7464): one that is cut must not swallow
/// the next.
pub(super) const READ: Script = Script::new(
    "reading the kept releases",
    r#"cd "$1" 2>/dev/null || exit 0
for folder in */; do
    [ -d "$folder" ] && printf '\036%s\n' "${folder%/}" && [ -f "$folder/release.json" ] && tr '\035\036' '\001\001' <"$folder/release.json"
done; :"#,
);

/// The releases, to look at.
pub struct Releases<'a> {
    pub(super) machine: &'a Machine,
}

/// The releases, to change.
pub struct LeasedReleases<'a> {
    pub(super) leased: &'a Leased<'a>,
}

impl<'a> Releases<'a> {
    /// Those that are kept whole.
    pub(super) fn kept(&self) -> Result<Vec<Release>> {
        Ok(read(&self.machine.shell, &self.machine.folder("releases"))?.0)
    }

    /// Whether there is all that starting or stopping it takes; a manifest that was changed is none.
    fn is_kept(&self, id: &ReleaseId) -> Result<bool> {
        let manifest = self.machine.read(&self.folder(id).join("release.json"))?;
        Ok(manifest.is_some_and(|text| Release::of_manifest(id, &text).is_ok()))
    }

    /// Its manifest; an error when it is not kept, or not as it was written.
    fn manifest(&self, id: &ReleaseId) -> Result<Release> {
        let path = self.folder(id).join("release.json");
        let text = self.machine.read(&path)?.with_context(|| format!("{id} is not kept any more"))?;
        Release::of_manifest(id, &text)
            .map_err(|broken| anyhow!("what is kept of {id} is damaged: {}", broken.why))
    }

    /// Where it is kept.
    fn folder(&self, id: &ReleaseId) -> Utf8PathBuf {
        self.machine.folder("releases").join(id.as_str())
    }

    /// The containers of all of them, one-off ones left aside.
    pub(super) fn parts(&self) -> Result<Vec<Part>> {
        let found = self.containers(RELEASE_LABEL)?;
        // Of one that was started again, its state tells no more how it had ended.
        let restarted = found.iter().any(|found| found.restart_count > 0);
        let starved = if restarted { self.machine.starved()? } else { BTreeSet::new() };
        let mut parts: Vec<Part> = found.iter().filter_map(|found| part(found, &starved)).collect();
        parts.sort_by(|a, b| (&a.release, &a.service).cmp(&(&b.release, &b.service)));
        Ok(parts)
    }

    /// Those with such a label of releases, one-off ones left aside.
    fn containers(&self, label: &str) -> Result<Vec<Container>> {
        let not_once = "com.docker.compose.oneoff=False".to_owned();
        Ok(container::labelled(self.machine.docker(), &[self.machine.label(), label.to_owned(), not_once])?)
    }

    pub(super) fn last_lines(&self, part: &Part, lines: usize) -> Result<String> {
        Ok(container::last_lines(self.machine.docker(), &part.container, lines)?)
    }
}

impl Leased<'_> {
    /// The releases, to change: their files and containers.
    pub fn releases(&self) -> LeasedReleases<'_> {
        LeasedReleases { leased: self }
    }
}

impl LeasedReleases<'_> {
    /// Brings everything that the release needs to the host: its files, its images, and a place for what users bring, without
    /// which compose runs nothing of it.
    pub(super) fn pull(&self, release: &Release) -> Result<()> {
        self.keep(release)?;
        self.leased.platform().prepare_papers()?;
        self.leased.fetch_images(release.contents.images.values())
    }

    /// Keeps a release whole, or writes its files again: the manifest comes last, since it is what makes the folder a
    /// release.
    pub fn keep(&self, release: &Release) -> Result<()> {
        let releases = self.leased.fenced()?.releases();
        let (variables, manifest) = (releases.variables(release)?, release.to_manifest()?);
        let files = compose_files(release, &variables);
        let all = [&files[..], &[("release.json", manifest.as_str())]].concat();
        self.leased.write(&releases.folder(&release.id), &all)?;
        releases.lay_out(release, &files)?;
        self.leased.laid_out.borrow_mut().insert(release.id.clone());
        Ok(())
    }

    /// Removes a release whole. Its images go too, unless another release or something else needs them.
    pub(super) fn prune(&self, id: &ReleaseId) -> Result<()> {
        let machine = self.leased.fenced()?;
        let kept = machine.releases().kept()?;
        self.take_down(id)?;
        self.leased.delete(&machine.releases().folder(id))?;
        let (going, staying): (Vec<_>, Vec<_>) = kept.iter().partition(|release| &release.id == id);
        let needed = |image: &String| {
            staying.iter().any(|release| release.contents.images.values().any(|other| other == image))
        };
        for image in
            going.iter().flat_map(|release| release.contents.images.values()).filter(|image| !needed(image))
        {
            // Tags of the build may still name it; then the engine refuses, and rightly.
            let _ = Run::new(docker::remove_image(machine.docker(), image)).run();
        }
        Ok(())
    }

    /// Creates and starts its containers beside whatever else runs.
    pub(super) fn start(&self, id: &ReleaseId) -> Result<()> {
        self.leased.platform().prepare_papers()?;
        self.compose(id, |project, sh| project.up(sh))
    }

    /// Lets it finish what it has and stops it. It stays, whole; what is not kept can't be started again, and is removed.
    pub(super) fn stop(&self, id: &ReleaseId) -> Result<()> {
        if self.leased.fenced()?.releases().is_kept(id)? {
            self.compose(id, |project, sh| project.stop(sh))?;
            // Somebody may remove stopped containers, as `docker system prune` does.
            self.keep_logs(id);
            return Ok(());
        }
        self.remove_strays(id)
    }

    /// Stops it and removes its containers; its files and images stay, and so does what the containers wrote last.
    pub(super) fn remove_containers(&self, id: &ReleaseId) -> Result<()> {
        self.keep_logs(id);
        self.take_down(id)
    }

    fn take_down(&self, id: &ReleaseId) -> Result<()> {
        if self.leased.fenced()?.releases().is_kept(id)? {
            return self.compose(id, |project, sh| project.down(sh));
        }
        self.remove_strays(id)
    }

    /// Has compose start, stop or remove a kept release's containers.
    fn compose(
        &self,
        id: &ReleaseId,
        call: impl for<'c> FnOnce(&Project, &'c Shell) -> Cmd<'c>,
    ) -> Result<()> {
        self.refresh(id)?;
        let machine = self.leased.fenced_invalidating()?;
        machine.releases().with_project(id, |project| {
            Ok(Run::new(call(project, machine.docker())).timeout(ENGINE_TIMEOUT).run()?)
        })
    }

    /// Containers of a release whose files are gone: there is nothing to start them from again.
    fn remove_strays(&self, id: &ReleaseId) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let labels = [machine.label(), format!("{RELEASE_LABEL}={id}")];
        let strays = container::labelled(machine.docker(), &labels)?;
        strays.iter().try_for_each(|stray| Ok(container::remove(machine.docker(), stray.plain_name())?))
    }
}

/// The releases whose folders are in this one, and those of them that are broken: these hide no other.
pub(super) fn read(shell: &HostShell, folder: &Utf8Path) -> Result<(Vec<Release>, Vec<BrokenRelease>)> {
    Ok(parse(&shell.script(READ, &[folder.as_str()], "")?))
}

/// Reads what [`READ`] tells, in the order of the releases' commits.
pub(super) fn parse(told: &str) -> (Vec<Release>, Vec<BrokenRelease>) {
    let (mut kept, mut broken) = (Vec::new(), Vec::new());
    for folder in told.split('\u{1e}') {
        let (name, manifest) = folder.split_once('\n').unwrap_or((folder, ""));
        let Ok(id) = name.parse() else { continue };
        match Release::of_manifest(&id, manifest) {
            Ok(release) => kept.push(release),
            Err(it) => broken.push(it),
        }
    }
    kept.sort_by(|a, b| a.id.cmp(&b.id));
    (kept, broken)
}

fn part(found: &Container, starved: &BTreeSet<String>) -> Option<Part> {
    let state = &found.state;
    let check = state.health.as_ref().and_then(|health| health.log.as_ref()?.last());
    let out_of_memory = state.oom_killed || starved.contains(found.plain_name());
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
        exit_reason: found.exit_reason(out_of_memory),
        out_of_memory,
    })
}
