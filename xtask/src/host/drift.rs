//! Drift: what on the host is not as it was put there. A hand was there, or a disk lost something.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::{Machine, Platform};
use crate::project::{EDGE_CONFIGURATION_LABEL, EDGE_FILE, RELEASE_LABEL};
use crate::rollout::state::guard::Traffic;
use crate::rollout::state::release::{BrokenRelease, Release, ReleaseId};
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container::{self, Container};
use crate::tools::files::hex::hex;
use crate::tools::ssh::host_shell::Script;

const SUMS: Script = Script::new(
    "reading files' sums",
    r#"cd "$1" && sha256sum "$2" releases/*/compose.yaml releases/*/settings.env 2>/dev/null; :"#,
);
/// Those of the platform's files that are not as they were written, a line each. Not by `sha256sum --check`, which says so
/// in the language of the host.
pub(super) const PLATFORM: Script = Script::new(
    "comparing the platform's files",
    r#"cd "$1" && [ -f written ] || exit 0
while read -r sum name; do
    [ "$(sha256sum 2>/dev/null <"$name")" = "$sum  -" ] || echo "$name"
done <written"#,
);

impl Machine {
    /// What differs from what was put there, in words, a line each: files and containers of the releases that run, the
    /// edge's configuration, and the platform's files. Who has the traffic is another question.
    pub fn drift(&self, live: &Traffic, kept: &[Release], broken: &[BrokenRelease]) -> Result<Vec<String>> {
        // The engine comes last: while a program is being started in a container, it says nothing of that one.
        let (told, files_of_platform) = (self.sums()?, self.platform().changed_files()?);
        let sums = by_file(&told);
        let mut containers = container::labelled(self.docker(), &[self.label()])?;
        // One-off ones stay when they failed, to be looked at; the next one takes their place.
        containers.retain(|found| found.label("com.docker.compose.oneoff") != Some("True"));
        let mut found = Vec::new();
        for release in kept.iter().filter(|release| live.holds(&release.id)) {
            found.extend(files(release, &sums));
            found.extend(parts(release, &containers));
        }
        let are_running = broken.iter().filter(|broken| live.holds(&broken.id));
        found.extend(are_running.map(|BrokenRelease { id, why }| format!("{why}, of {id}")));
        found.extend(strays(&containers, kept, broken));
        found.extend(edge(&containers, &sums));
        found.extend(files_of_platform);
        Ok(found)
    }

    /// Of each kept release, the files that are not as its manifest has them. They are written again before they are used.
    pub fn changed_files(&self, kept: &[Release]) -> Result<BTreeMap<ReleaseId, Vec<&'static str>>> {
        let told = self.sums()?;
        let sums = by_file(&told);
        let changed =
            kept.iter().map(|release| (release.id.clone(), changed(release, &sums).collect::<Vec<_>>()));
        Ok(changed.filter(|(_, files)| !files.is_empty()).collect())
    }

    fn sums(&self) -> Result<String> {
        self.shell.script(SUMS, &[self.root.as_str(), EDGE_FILE], "").context("comparing files")
    }
}

impl Platform<'_> {
    /// The platform's files that somebody changed, in words, a line each.
    pub fn drift(&self) -> Result<Vec<String>> {
        let told = self.machine.sums()?;
        let mut found: Vec<String> = edge(&self.containers()?, &by_file(&told)).into_iter().collect();
        found.extend(self.changed_files()?);
        Ok(found)
    }

    fn changed_files(&self) -> Result<Vec<String>> {
        let told = self.machine.shell.script(PLATFORM, &[self.machine.folder("platform").as_str()], "")?;
        Ok(told.lines().map(|name| format!("{name} of the platform was changed or is gone")).collect())
    }
}

/// What `sha256sum` tells: file to sum.
fn by_file(told: &str) -> BTreeMap<&str, &str> {
    told.lines().filter_map(|line| line.split_once("  ")).map(|(sum, file)| (file, sum)).collect()
}

/// Its files are those from which its id was made.
fn files(release: &Release, sums: &BTreeMap<&str, &str>) -> Vec<String> {
    let id = &release.id;
    changed(release, sums).map(|name| format!("{name} of {id} was changed or is gone")).collect()
}

fn changed(release: &Release, sums: &BTreeMap<&str, &str>) -> impl Iterator<Item = &'static str> {
    let id = &release.id;
    let ought =
        [("compose.yaml", &release.contents.compose), ("settings.env", &release.contents.configuration)];
    let differs = ought.into_iter().filter(move |(name, text)| {
        let sum = hex(&Sha256::digest(text.as_bytes()));
        sums.get(format!("releases/{id}/{name}").as_str()) != Some(&sum.as_str())
    });
    differs.map(|(name, _)| name)
}

/// Each part of it has one container, of the image that the release names.
fn parts(release: &Release, containers: &[Container]) -> Vec<String> {
    let id = release.id.as_str();
    let of = |service: &String| {
        let mut of = containers.iter().filter(|it| it.label(RELEASE_LABEL) == Some(id));
        of.find(|it| it.label("com.docker.compose.service") == Some(service))
    };
    let problem = |(service, image): (&String, &String)| match of(service) {
        None => Some(format!("{service} of {id} has no container")),
        Some(found) if &found.config.image != image => {
            Some(format!("{service} of {id} runs {}, and not its own image", found.config.image))
        }
        Some(found) if found.state.status != Condition::Running => {
            Some(format!("{service} of {id} is {}", found.state.status))
        }
        Some(_) => None,
    };
    release.contents.images.iter().filter_map(problem).collect()
}

/// Containers of releases that are not kept.
fn strays(containers: &[Container], kept: &[Release], broken: &[BrokenRelease]) -> Vec<String> {
    let ids: Vec<&str> =
        kept.iter().map(|it| &it.id).chain(broken.iter().map(|it| &it.id)).map(ReleaseId::as_str).collect();
    let is_kept = |id: &str| ids.contains(&id);
    let stray = |found: &&Container| found.label(RELEASE_LABEL).is_some_and(|id| !is_kept(id));
    let words =
        |found: &Container| format!("the container {} belongs to no kept release", found.plain_name());
    containers.iter().filter(stray).map(words).collect()
}

/// A running edge does not read its configuration again.
fn edge(containers: &[Container], sums: &BTreeMap<&str, &str>) -> Option<String> {
    let started_with = containers.iter().find_map(|found| found.label(EDGE_CONFIGURATION_LABEL))?;
    (sums.get(EDGE_FILE) != Some(&started_with))
        .then(|| "the edge's Caddyfile was changed or is gone; the edge runs with the one before".to_owned())
}
