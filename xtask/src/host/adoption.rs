//! The cut-over of a host that somebody ran by hand: what was theirs is stopped, and ours has its data and its ports. A file on the
//! host says how far it is; while it says `cutting`, the old project serves again once the driver is gone.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xshell::cmd;

use super::database::SCRIPT as DATABASE_SCRIPT;
use super::inventory::{COUNTS, OLD_DATABASE, counts};
use super::other_projects::{OtherProject, OtherService};
use super::{Database, Leased, Machine, OldDatabase};
use crate::project::{DATABASE, DATABASE_SERVICE, EDGE};
use crate::tools::docker::container::{self, Container};
use crate::tools::docker::{network, volume};
use crate::tools::process::Run;

const FILE: &str = "adoption.json";
const ADOPT: &str = include_str!("scripts/adopt.sh");
/// It outlives the connection that starts it.
const START_GUARD: &str = r#"setsid sh -c "$@" </dev/null >/dev/null 2>&1 &"#;
/// From one container into the other, on the host: nothing travels. What did not come whole is no backup.
const COPY: &str = r#"script=$1 old=$2 ours=$3 user=$4 receive=$5 name=$6
code=$({ { sh -c "$script" old-database "$old" dump; echo $? >&3; } |
    docker exec --interactive --user "$user" "$ours" sh -c "$receive" database receive "$name" >&2; } 3>&1)
[ "$code" = 0 ] || { echo "pg_dump of $old ended with $code" >&2; exit 1; }"#;
/// Requests that are under way get so long.
const STOP_SECONDS: &str = "5";
const STOP_TIMEOUT: Duration = Duration::from_secs(120);
const COPY_TIMEOUT: Duration = Duration::from_secs(3600);
const UNDO_TIMEOUT: Duration = Duration::from_secs(120);

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdoptionState {
    /// The old project is stopped, or about to be; ours does not serve yet.
    Cutting,
    /// The old project serves again.
    Undone,
    /// Ours serves.
    Ours,
}

/// An adoption, as its file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptionRecord {
    v: u32,
    /// How far it is.
    pub state: AdoptionState,
    /// What was there before.
    pub project: OtherProject,
}

impl AdoptionRecord {
    /// Of this project, whose cut-over begins.
    pub fn of(project: &OtherProject) -> AdoptionRecord {
        AdoptionRecord { v: 1, state: AdoptionState::Cutting, project: project.clone() }
    }

    /// Those containers of it that ran, with when the engine starts each again.
    fn way_back(&self) -> impl Iterator<Item = String> {
        let running = self.project.services.iter().filter(|service| service.runs);
        running.map(|OtherService { container, restart, .. }| match restart.as_str() {
            "" => format!("{container}=no"),
            policy => format!("{container}={policy}"),
        })
    }
}

impl Machine {
    /// The host's adoption, to look at.
    pub fn adoption(&self) -> Adoption<'_> {
        Adoption { machine: self }
    }
}

/// The adoption of a host, to look at.
pub struct Adoption<'a> {
    machine: &'a Machine,
}

impl Adoption<'_> {
    /// What is known of it; none where it was never begun.
    pub fn record(&self) -> Result<Option<AdoptionRecord>> {
        let told = self.machine.read(&self.machine.folder(FILE))?;
        told.map(|told| serde_json::from_str(&told).with_context(|| format!("reading {FILE}"))).transpose()
    }
}

impl Database<'_> {
    /// The rows of each table, as those of an old database are counted.
    pub fn rows(&self) -> Result<std::collections::BTreeMap<String, u64>> {
        let words = [
            "psql",
            "--username=postgres",
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--dbname",
            DATABASE,
            "--command",
            COUNTS,
        ];
        let platform = self.machine.platform();
        let told = platform.ask_in(&DATABASE_SERVICE, "psql", &words, COPY_TIMEOUT)?;
        let told = told.ok_or_else(|| platform.is_not_running(&DATABASE_SERVICE))?;
        anyhow::ensure!(told.status.success(), "counting the rows of the database: {}", told.stderr.trim());
        Ok(counts(&told.stdout))
    }
}

/// The adoption of a host, to change it.
pub struct LeasedAdoption<'a> {
    leased: &'a Leased<'a>,
}

impl Leased<'_> {
    /// The host's adoption.
    pub fn adoption(&self) -> LeasedAdoption<'_> {
        LeasedAdoption { leased: self }
    }
}

impl LeasedAdoption<'_> {
    /// The old database's dump comes to where backups are; it is none yet.
    pub fn copy_database(&self, old: &OldDatabase, name: &str) -> Result<()> {
        let machine = self.leased.fenced()?;
        let (ours, user) =
            (machine.platform().container(DATABASE_SERVICE.name), DATABASE_SERVICE.uid.to_string());
        let words =
            ["sh", "-c", COPY, "copy", OLD_DATABASE, &old.container, &ours, &user, DATABASE_SCRIPT, name];
        let copy = Run::new(machine.shell.command(&words)).called("copying the old database");
        Ok(copy.timeout(COPY_TIMEOUT).run()?)
    }

    /// From here on the old project serves again when this driver dies.
    pub fn begin(&self, adoption: &AdoptionRecord) -> Result<()> {
        self.write(adoption)?;
        let machine = self.leased.fenced()?;
        let words = self.words("guard", adoption)?;
        let words: Vec<&str> =
            ["sh", "-c", START_GUARD, "start"].into_iter().chain(words.iter().map(String::as_str)).collect();
        Ok(Run::new(machine.shell.command(&words))
            .called("guarding the cut-over")
            .timeout(UNDO_TIMEOUT)
            .run()?)
    }

    /// Stops all of the old project but its database: from here on nobody writes there.
    pub fn stop_writers(&self, adoption: &AdoptionRecord) -> Result<()> {
        let services = adoption.project.services.iter().filter(|it| it.runs && !it.is_database);
        self.stop(&services.map(|it| it.container.as_str()).collect::<Vec<_>>())
    }

    fn stop(&self, names: &[&str]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let docker = self.leased.fenced_invalidating()?.docker();
        let stop = Run::new(cmd!(docker, "docker stop -t {STOP_SECONDS} {names...}"));
        stop.timeout(STOP_TIMEOUT).run().context("stopping the old project")
    }

    /// Ours gives the ports up, and the old project serves again.
    pub fn undo(&self, adoption: &AdoptionRecord) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let words = self.words("undo", adoption)?;
        let words: Vec<&str> = ["sh", "-c"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let undo = Run::new(machine.shell.command(&words)).called("starting the old project again");
        Ok(undo.timeout(UNDO_TIMEOUT).run()?)
    }

    /// Undoes a cut-over whose driver has died, if there is one, and gives it. One that was made is ended.
    pub fn settle(&self) -> Result<Option<AdoptionRecord>> {
        let Some(record) = self.leased.fenced()?.adoption().record()? else { return Ok(None) };
        match record.state {
            AdoptionState::Cutting => self.undo(&record).map(|()| Some(record)),
            // Who has taken ours down may have gone back to what was there before.
            AdoptionState::Ours if self.leased.fenced()?.platform().serves()? => {
                self.keep_stopped(&record).map(|()| None)
            }
            AdoptionState::Ours | AdoptionState::Undone => Ok(None),
        }
    }

    /// Ours serves. What is left of the old project stops, and does not come back with the machine.
    pub fn end(&self, adoption: &AdoptionRecord) -> Result<()> {
        self.write(&AdoptionRecord { state: AdoptionState::Ours, ..adoption.clone() })?;
        self.keep_stopped(adoption)
    }

    fn keep_stopped(&self, adoption: &AdoptionRecord) -> Result<()> {
        let there = OtherProject::all(&self.containers(adoption)?);
        let services = || there.iter().flat_map(|project| &project.services);
        let names = |services: Vec<&OtherService>| -> Vec<String> {
            services.into_iter().map(|service| service.container.clone()).collect()
        };
        let comes_back = names(services().filter(|it| !matches!(it.restart.as_str(), "" | "no")).collect());
        if !comes_back.is_empty() {
            let docker = self.leased.fenced_invalidating()?.docker();
            Run::new(cmd!(docker, "docker update --restart no {comes_back...}"))
                .run()
                .context("keeping the old project from coming back with the machine")?;
        }
        let running = names(services().filter(|it| it.runs).collect());
        self.stop(&running.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Those of it that are there.
    fn containers(&self, adoption: &AdoptionRecord) -> Result<Vec<Container>> {
        let label = format!("com.docker.compose.project={}", adoption.project.name);
        let mut found = container::labelled(self.leased.fenced()?.docker(), &[label])?;
        found.retain(|it| {
            adoption.project.services.iter().any(|service| service.container == it.plain_name())
        });
        Ok(found)
    }

    /// Removes the old project's containers, networks and volumes. Its folder stays.
    pub fn forget(&self, adoption: &AdoptionRecord) -> Result<()> {
        let docker = self.leased.fenced_invalidating()?.docker();
        let label = format!("com.docker.compose.project={}", adoption.project.name);
        for found in self.containers(adoption)? {
            container::remove(docker, found.plain_name())?;
        }
        network::labelled(docker, &label)?.iter().try_for_each(|name| network::remove(docker, name))?;
        volume::labelled(docker, &label)?.iter().try_for_each(|name| volume::remove(docker, name))?;
        self.leased.delete(&self.leased.fenced()?.folder(FILE))
    }

    /// The script, what it is called by, and the verb's arguments.
    fn words(&self, verb: &str, adoption: &AdoptionRecord) -> Result<Vec<String>> {
        let machine = self.leased.fenced()?;
        let (root, edge) = (machine.root().to_string(), machine.platform().container(EDGE.name));
        let own = [ADOPT.to_owned(), "adopt".to_owned(), verb.to_owned(), root, edge];
        Ok(own.into_iter().chain(adoption.way_back()).collect())
    }

    fn write(&self, adoption: &AdoptionRecord) -> Result<()> {
        let root = self.leased.fenced()?.root().to_owned();
        self.leased.write(&root, &[(FILE, &serde_json::to_string(adoption)?)])
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::tools::process::{Finished, shell};

    fn adoption() -> AdoptionRecord {
        let service = |name: &str, restart: &str, runs| OtherService {
            service: name.to_owned(),
            container: format!("x-{name}-1"),
            runs,
            restart: restart.to_owned(),
            ports: vec![],
            volumes: vec![],
            is_database: false,
        };
        let services =
            vec![service("db", "always", true), service("web", "", true), service("job", "no", false)];
        AdoptionRecord::of(&OtherProject { name: "x".to_owned(), folder: "/x".to_owned(), services })
    }

    /// A root folder with such a file, and a `docker` that writes down how it was called.
    fn host(adoption: &AdoptionRecord) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), serde_json::to_string(adoption).unwrap()).unwrap();
        let docker = folder.path().join("docker");
        std::fs::write(&docker, format!("#!/bin/sh\necho \"$*\" >>{}/calls\n", folder.path().display()))
            .unwrap();
        std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    fn start(folder: &Path, verb: &'static str, adoption: &AdoptionRecord) -> JoinHandle<Finished> {
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let (folder, way_back) =
            (folder.to_str().unwrap().to_owned(), adoption.way_back().collect::<Vec<_>>());
        thread::spawn(move || {
            let adopt = cmd!(shell(), "sh -c {ADOPT} adopt {verb} {folder} ours-edge-1 {way_back...}")
                .env("PATH", path);
            Run::new(adopt).timeout(Duration::from_secs(60)).finish().unwrap()
        })
    }

    const CALLS: &str = "stop -t 3 ours-edge-1\nupdate --restart always x-db-1\nstart x-db-1\nupdate --restart no x-web-1\nstart x-web-1\n";

    #[test]
    fn an_undone_cut_over_starts_what_ran_and_says_so() {
        let adoption = adoption();
        let folder = host(&adoption);
        assert!(start(folder.path(), "undo", &adoption).join().unwrap().status.success());
        assert_eq!(std::fs::read_to_string(folder.path().join("calls")).unwrap(), CALLS);
        let after: AdoptionRecord =
            serde_json::from_slice(&std::fs::read(folder.path().join(FILE)).unwrap()).unwrap();
        assert_eq!(after, AdoptionRecord { state: AdoptionState::Undone, ..adoption });
    }

    #[test]
    fn the_guard_of_a_cut_over_waits_for_its_driver_and_undoes_it_when_that_has_died() {
        let adoption = adoption();
        let folder = host(&adoption);
        let lease = std::fs::File::create(folder.path().join("lease")).unwrap();
        lease.lock().unwrap();
        let guard = start(folder.path(), "guard", &adoption);
        // Two of its looks.
        std::thread::sleep(Duration::from_millis(2500));
        assert!(!guard.is_finished() && !folder.path().join("calls").exists());
        drop(lease);
        assert!(guard.join().unwrap().status.success());
        assert_eq!(std::fs::read_to_string(folder.path().join("calls")).unwrap(), CALLS);
        // One that came to its end is left alone.
        std::fs::remove_file(folder.path().join("calls")).unwrap();
        let ours = AdoptionRecord { state: AdoptionState::Ours, ..adoption.clone() };
        std::fs::write(folder.path().join(FILE), serde_json::to_string(&ours).unwrap()).unwrap();
        let began = Instant::now();
        assert!(start(folder.path(), "guard", &adoption).join().unwrap().status.success());
        assert!(!folder.path().join("calls").exists() && began.elapsed() < Duration::from_secs(60));
    }
}
