//! The cut-over of a host that somebody ran by hand: what was theirs is stopped, and ours has its data and its ports. A file on the
//! host says how far it is; while it says `cutting`, the old project serves again once the driver is gone.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xshell::cmd;

use super::database::SCRIPT as DATABASE_SCRIPT;
use super::inventory::OLD_DATABASE;
use super::other_projects::{OtherProject, OtherService};
use super::{Leased, Machine, OldDatabase};
use crate::project::{DATABASE_SERVICE, EDGE, Environment};
use crate::setup::host::Admin;
use crate::tools::docker::container::{self, Container};
use crate::tools::docker::{network, volume};
use crate::tools::process::Run;
use crate::workspace;

const FILE: &str = "adoption.json";
const ADOPT: &str = concat!(include_str!("scripts/pause.sh"), include_str!("scripts/adopt.sh"));
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

/// How far it is. Once it was begun, the file stays: a second adoption would replace what users have written since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdoptionState {
    /// Ours is made ready beside the old project, which serves.
    Rehearsing,
    /// The old project is stopped, or about to be; ours does not serve yet.
    Cutting,
    /// The old project serves again.
    Undone,
    /// Ours has the data, and serves.
    Ours,
    /// The same, and nothing is left of the old project.
    Forgotten,
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
    /// Of this project.
    pub fn of(project: &OtherProject, state: AdoptionState) -> AdoptionRecord {
        AdoptionRecord { v: 1, state, project: project.clone() }
    }

    /// Whether users' data are ours since it.
    pub fn is_made(&self) -> bool {
        matches!(self.state, AdoptionState::Ours | AdoptionState::Forgotten)
    }

    /// The container of its database, which one that was begun has.
    fn database(&self) -> &str {
        let database = self.project.services.iter().find(|it| it.is_database && it.runs);
        database.map_or("", |it| &it.container)
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

/// What is known of the adoption of an environment, by whoever may change its machine.
pub fn adoption_of(admin: &Admin, environment: &Environment) -> Result<Option<AdoptionRecord>> {
    let file = environment.root(&workspace::local_dir()).join(FILE);
    let read = r#"[ ! -e "$1" ] || cat "$1""#;
    parse(admin.script("looking for an adoption", read, &[file.as_str()])?.trim())
}

fn parse(told: &str) -> Result<Option<AdoptionRecord>> {
    let read = |told| serde_json::from_str(told).with_context(|| format!("reading {FILE}"));
    if told.is_empty() { Ok(None) } else { read(told).map(Some) }
}

/// The adoption of a host, to look at.
pub struct Adoption<'a> {
    machine: &'a Machine,
}

impl Adoption<'_> {
    /// What is known of it; none where it was never begun.
    pub fn record(&self) -> Result<Option<AdoptionRecord>> {
        parse(self.machine.read(&self.machine.folder(FILE))?.unwrap_or_default().trim())
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

    /// Ours is about to be made ready. Without this, a release that is there is somebody's own, and its data are not to be replaced.
    pub fn rehearse(&self, project: &OtherProject) -> Result<()> {
        self.write(&AdoptionRecord::of(project, AdoptionState::Rehearsing))
    }

    /// From here on the old project serves again when this driver dies.
    pub fn begin(&self, adoption: &AdoptionRecord) -> Result<()> {
        let guard = self.words("guard", adoption)?;
        self.leased.begin_pause(FILE, &serde_json::to_string(adoption)?, &guard)
    }

    /// Stops all of the old project but its database, which takes no more writes from anybody else either.
    pub fn stop_writers(&self, adoption: &AdoptionRecord) -> Result<()> {
        let services = adoption.project.services.iter().filter(|it| it.runs && !it.is_database);
        self.stop(&services.map(|it| it.container.as_str()).collect::<Vec<_>>())?;
        self.ask_old_database(adoption, "freeze").context("keeping others from writing into the old database")
    }

    fn ask_old_database(&self, adoption: &AdoptionRecord, verb: &str) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let words = ["sh", "-c", OLD_DATABASE, "old-database", adoption.database(), verb];
        Ok(Run::new(machine.shell.command(&words)).timeout(STOP_TIMEOUT).run()?)
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

    /// Undoes a cut-over whose driver has died, if there is one, and gives it.
    pub fn settle(&self) -> Result<Option<AdoptionRecord>> {
        let machine = self.leased.fenced()?;
        if machine.environment().is_here() {
            return Ok(None);
        }
        let record = machine.adoption().record()?.filter(|record| record.state == AdoptionState::Cutting);
        record.map(|record| self.undo(&record).map(|()| record)).transpose()
    }

    /// From here on users' data are ours, and nothing goes back to the old project by itself.
    pub fn make_ours(&self, adoption: &AdoptionRecord) -> Result<()> {
        self.write(&AdoptionRecord { state: AdoptionState::Ours, ..adoption.clone() })
    }

    /// What is left of the old project stops, and does not come back with the machine. Its database takes writes when it is started again.
    pub fn keep_stopped(&self, adoption: &AdoptionRecord) -> Result<()> {
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
        if services().any(|it| it.runs && it.container == adoption.database()) {
            self.ask_old_database(adoption, "thaw")?;
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
        self.write(&AdoptionRecord { state: AdoptionState::Forgotten, ..adoption.clone() })
    }

    /// The script, what it is called by, and the verb's arguments.
    fn words(&self, verb: &str, adoption: &AdoptionRecord) -> Result<Vec<String>> {
        let machine = self.leased.fenced()?;
        let (root, edge) = (machine.root().to_string(), machine.platform().container(EDGE.name));
        let database = adoption.database().to_owned();
        let own = [
            ADOPT.to_owned(),
            "adopt".to_owned(),
            verb.to_owned(),
            root,
            FILE.to_owned(),
            edge,
            OLD_DATABASE.to_owned(),
            database,
        ];
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
            is_database: name == "db",
        };
        let services =
            vec![service("db", "always", true), service("web", "", true), service("job", "no", false)];
        let project = OtherProject { name: "x".to_owned(), folder: "/x".to_owned(), services };
        AdoptionRecord::of(&project, AdoptionState::Cutting)
    }

    /// A root folder with such a file, and a `docker` that writes down how it was called.
    fn host(adoption: &AdoptionRecord) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), serde_json::to_string(adoption).unwrap()).unwrap();
        let docker = folder.path().join("docker");
        let script =
            format!("#!/bin/sh\necho \"$1 ${{2#--env}} $3 $4 $5\" >>{}/calls\n", folder.path().display());
        std::fs::write(&docker, script).unwrap();
        std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    fn start(folder: &Path, verb: &'static str, adoption: &AdoptionRecord) -> JoinHandle<Finished> {
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let (folder, way_back) =
            (folder.to_str().unwrap().to_owned(), adoption.way_back().collect::<Vec<_>>());
        thread::spawn(move || {
            let adopt = cmd!(
                shell(),
                "sh -c {ADOPT} adopt {verb} {folder} {FILE} ours-edge-1 {OLD_DATABASE} x-db-1 {way_back...}"
            )
            .env("PATH", path);
            Run::new(adopt).timeout(Duration::from_secs(60)).finish().unwrap()
        })
    }

    const CALLS: &str = "stop -t 3 ours-edge-1 \nupdate --restart always x-db-1 \nstart x-db-1   \n\
        exec  PGOPTIONS=-c default_transaction_read_only=off x-db-1 sh\nupdate --restart no x-web-1 \nstart x-web-1   \n";

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
        // One whose data are ours is left alone, also by who would undo it.
        std::fs::remove_file(folder.path().join("calls")).unwrap();
        let ours = AdoptionRecord { state: AdoptionState::Ours, ..adoption.clone() };
        std::fs::write(folder.path().join(FILE), serde_json::to_string(&ours).unwrap()).unwrap();
        let began = Instant::now();
        assert!(start(folder.path(), "guard", &adoption).join().unwrap().status.success());
        assert!(start(folder.path(), "undo", &adoption).join().unwrap().status.success());
        assert!(!folder.path().join("calls").exists() && began.elapsed() < Duration::from_secs(60));
        let after: AdoptionRecord =
            serde_json::from_slice(&std::fs::read(folder.path().join(FILE)).unwrap()).unwrap();
        assert_eq!(after, ours);
    }
}
