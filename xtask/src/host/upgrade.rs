//! A database that goes to another major version of PostgreSQL. The new server loads all of it beside the one that is used, then the two
//! change places; what is left stays, untouched. A file says how far it is.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use xshell::cmd;

use super::{Leased, Machine};
use crate::project::{BACKUPS, DATABASE, DATABASE_SERVICE};
use crate::rollout::state::platform::PlatformRecord;
use crate::tools::database::catalogue;
use crate::tools::docker::container;
use crate::tools::docker::limits::{LIMITS, READ_ONLY};
use crate::tools::process::Run;

const FILE: &str = "upgrade.json";
const SCRIPT: &str = concat!(
    include_str!("scripts/pause.sh"),
    include_str!("scripts/freeze.sh"),
    include_str!("scripts/upgrade.sh")
);
const BESIDE: &str = include_str!("scripts/load-beside.sh");
/// Names of sockets, and nothing that listens.
const PORT: &str = "5432";
const BESIDE_PORT: &str = "5433";
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(180);
/// Of a database of some hundred gigabytes.
const LOAD_TIMEOUT: Duration = Duration::from_secs(12 * 3600);

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeState {
    /// The other server loads beside while users are served, to see how long that takes.
    Rehearsing,
    /// Users wait while the other server loads; they are served as before once the driver is gone.
    Cutting,
    /// The two servers change places: whoever comes next undoes it.
    Switching,
    /// The other one serves: whoever comes next lets users in.
    Opening,
    /// It serves.
    Done,
    /// It was not to be.
    Undone,
    /// What was left is removed.
    Forgotten,
}

/// A server with its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// 15, 17.
    pub major: u32,
    /// The image.
    pub image: String,
    /// The newest migration that its data have.
    pub schema: i64,
    /// When its data were what they are, RFC 3339.
    pub at: String,
}

/// An upgrade, or its way back, as its file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeRecord {
    /// Of this form.
    pub v: u32,
    /// How far it is.
    pub state: UpgradeState,
    /// What serves before it.
    pub from: Server,
    /// What serves after it.
    pub to: Server,
    /// Whether that has its data already, from before.
    pub is_back: bool,
}

impl UpgradeRecord {
    /// The server whose data are kept beside those that are used.
    pub fn kept(&self) -> Option<&Server> {
        match (self.state, self.is_back) {
            (UpgradeState::Done, _) => Some(&self.from),
            // The way back was not to be: what it would have gone back to is still there.
            (UpgradeState::Undone, true) => Some(&self.to),
            _ => None,
        }
    }

    /// Whether it is under way, or its driver has died.
    pub fn is_unsettled(&self) -> bool {
        !matches!(self.state, UpgradeState::Done | UpgradeState::Undone | UpgradeState::Forgotten)
    }

    fn with(&self, state: UpgradeState) -> UpgradeRecord {
        UpgradeRecord { state, ..self.clone() }
    }
}

/// An upgrade, to look at.
pub struct Upgrade<'a> {
    machine: &'a Machine,
}

/// An upgrade, to do.
pub struct LeasedUpgrade<'a> {
    leased: &'a Leased<'a>,
}

impl Machine {
    /// What there is of an upgrade of the database.
    pub fn upgrade(&self) -> Upgrade<'_> {
        Upgrade { machine: self }
    }
}

impl Leased<'_> {
    /// The upgrade of the database to another major version.
    pub fn upgrade(&self) -> LeasedUpgrade<'_> {
        LeasedUpgrade { leased: self }
    }
}

impl Upgrade<'_> {
    /// What is known of it; none where there never was one.
    pub fn record(&self) -> Result<Option<UpgradeRecord>> {
        let told = self.machine.read(&self.machine.folder(FILE))?;
        told.map(|told| serde_json::from_str(&told).with_context(|| format!("reading {FILE}"))).transpose()
    }

    fn container(&self) -> String {
        self.machine.named("upgrade")
    }

    fn in_beside(&self, words: &[&str], timeout: Duration) -> Result<String> {
        let user = DATABASE_SERVICE.uid.to_string();
        let words: Vec<&str> = ["sh", "-c", BESIDE, "load-beside"].iter().chain(words).copied().collect();
        let exec = container::exec(self.machine.docker(), &self.container(), &user, &words);
        Ok(Run::new(exec).called("load-beside.sh").timeout(timeout).text()?)
    }

    /// What it does without a server, in a container for that moment.
    fn once(&self, server: &Server, words: &[&str]) -> Result<()> {
        let machine = self.machine;
        let (mount, user) = (
            format!("{}:/var/lib/postgresql/data", machine.named("database")),
            format!("{0}:{0}", DATABASE_SERVICE.uid),
        );
        let image = &server.image;
        let run = cmd!(
            machine.docker(),
            "docker run --rm --network none {LIMITS...} {READ_ONLY...} --user {user} --volume {mount} --entrypoint sh {image} -c {BESIDE} load-beside {words...}"
        );
        Ok(Run::new(run).called("load-beside.sh").timeout(SCRIPT_TIMEOUT).run()?)
    }
}

impl LeasedUpgrade<'_> {
    /// Starts the other server beside, with an empty cluster and the roles of the one that is used.
    pub fn start_beside(&self, record: &UpgradeRecord) -> Result<()> {
        self.leased.fetch_images([&record.to.image])?;
        self.note(&record.with(UpgradeState::Rehearsing))?;
        self.clear()?;
        let machine = self.leased.fenced_invalidating()?;
        // Of an attempt that was undone.
        machine.upgrade().once(&record.to, &["forget", &record.to.major.to_string()])?;
        let (docker, name, image) = (machine.docker(), machine.upgrade().container(), &record.to.image);
        let (label, user) = (machine.label(), format!("{0}:{0}", DATABASE_SERVICE.uid));
        let mounts = [("database", "/var/lib/postgresql/data"), ("socket", "/run/postgresql:nocopy")];
        let [data, socket] = mounts.map(|(name, path)| format!("--volume={}:{path}", machine.named(name)));
        let run = cmd!(
            docker,
            "docker run --detach --name {name} --network none {LIMITS...} {READ_ONLY...} --cpu-quota=200000 --shm-size=128m --stop-signal SIGINT --label {label} --env PGPORT={BESIDE_PORT} --env PGOPTIONS=--default_transaction_read_only=off --user {user} {data} {socket} --entrypoint sh {image} -c {BESIDE} load-beside run"
        );
        Run::new(run).timeout(SCRIPT_TIMEOUT).text().context("starting the other server")?;
        let roles = machine.upgrade().in_beside(&["roles"], SCRIPT_TIMEOUT);
        roles.map(drop).with_context(|| match container::last_lines(docker, &name, 5) {
            Ok(lines) => format!("the other server does not take the roles; it wrote:\n{lines}"),
            Err(_) => "the other server does not take the roles".to_owned(),
        })
    }

    /// It takes all of the database over, in place of what it took before. With `rows`, it must have as many in each table then. Gives
    /// what the one that is used consists of, and what the other one does.
    pub fn load(&self, rows: bool) -> Result<[String; 2]> {
        let upgrade = self.leased.fenced()?.upgrade();
        upgrade.in_beside(&["load", DATABASE], LOAD_TIMEOUT).context("loading the database beside")?;
        if rows {
            let differs = upgrade.in_beside(&["rows", DATABASE], LOAD_TIMEOUT).context("counting rows")?;
            ensure!(differs.trim().is_empty(), "not all rows went over:\n{}", differs.trim());
        }
        let catalogue = |port| {
            let words = ["catalogue", port, DATABASE, catalogue::SETTINGS, catalogue::QUESTION];
            upgrade.in_beside(&words, SCRIPT_TIMEOUT).context("asking what the database consists of")
        };
        Ok([catalogue(PORT)?, catalogue(BESIDE_PORT)?])
    }

    /// From here on users are served as before when this driver dies.
    pub fn begin(&self, record: &UpgradeRecord) -> Result<()> {
        self.leased.begin_pause(FILE, &serde_json::to_string(record)?, &self.words("guard")?)
    }

    /// Nobody writes into the database any more, nor into the one that is loaded from it; sessions from before end.
    pub fn freeze(&self) -> Result<()> {
        self.run("freeze").context("keeping everybody from writing into the database")
    }

    /// The server beside has ended well, and what it has is on the disk.
    pub fn end_beside(&self, record: &UpgradeRecord) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let (docker, name) = (machine.docker(), machine.upgrade().container());
        Run::new(cmd!(docker, "docker stop -t 120 {name}")).timeout(SCRIPT_TIMEOUT).run()?;
        let code = Run::new(container::wait(docker, &name)).timeout(SCRIPT_TIMEOUT).text()?;
        ensure!(code.trim() == "0", "the server beside has ended with exit code {}", code.trim());
        container::remove(docker, &name)?;
        machine.upgrade().once(&record.to, &["end"])
    }

    /// The two change places: by now nobody but who settles it brings the old one back.
    pub fn switch(&self, record: &UpgradeRecord) -> Result<()> {
        self.run("switch").context("ending the time in which the pause ends by itself")?;
        self.serve(&record.from, &record.to)
    }

    /// It serves from now on: users come in, and write.
    pub fn open(&self, record: &UpgradeRecord) -> Result<()> {
        self.note(&record.with(UpgradeState::Opening))?;
        self.let_in()?;
        self.note(&record.with(UpgradeState::Done))
    }

    /// Users are served as before, and what was loaded is gone.
    pub fn undo(&self) -> Result<()> {
        let Some(record) = self.leased.fenced()?.upgrade().record()? else { return Ok(()) };
        match record.state {
            UpgradeState::Rehearsing => {
                self.clear()?;
                self.note(&record.with(UpgradeState::Undone))
            }
            UpgradeState::Cutting => self.run("undo").context("ending the pause"),
            UpgradeState::Switching => {
                self.serve(&record.to, &record.from).context("bringing the server from before back")?;
                self.let_in()?;
                self.clear()?;
                self.note(&record.with(UpgradeState::Undone))
            }
            UpgradeState::Opening => {
                bail!("PostgreSQL {} serves by now, and users are to be let in", record.to.major)
            }
            UpgradeState::Done | UpgradeState::Undone | UpgradeState::Forgotten => Ok(()),
        }
    }

    /// Settles what a dead driver left: says in words what became of it.
    pub fn settle(&self) -> Result<Option<String>> {
        let Some(record) = self.leased.fenced()?.upgrade().record()?.filter(UpgradeRecord::is_unsettled)
        else {
            return Ok(None);
        };
        let (from, to) = (record.from.major, record.to.major);
        if record.state == UpgradeState::Opening {
            self.open(&record)?;
            return Ok(Some(format!(
                "the change to PostgreSQL {to} was cut off: it serves, and users are let in"
            )));
        }
        self.undo()?;
        Ok(Some(format!("the change to PostgreSQL {to} was cut off: {from} serves as before")))
    }

    fn clear(&self) -> Result<()> {
        self.run("clear").context("removing the server beside")
    }

    /// All data are gone: what is known of them is, too.
    pub(super) fn forget_record(&self) -> Result<()> {
        self.leased.delete(&self.leased.fenced()?.folder(FILE))
    }

    /// Removes the data that are kept from before.
    pub fn forget(&self, record: &UpgradeRecord, kept: &Server) -> Result<()> {
        let running = self.leased.fenced_invalidating()?.upgrade();
        running.once(&record.to, &["forget", &kept.major.to_string()])?;
        self.note(&record.with(UpgradeState::Forgotten))
    }

    /// The platform that runs, for the ledger.
    pub fn platform_record(&self) -> Result<PlatformRecord> {
        self.leased.platform().record_as_started()
    }

    fn serve(&self, from: &Server, to: &Server) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        self.leased.platform().stop_services(&[BACKUPS.name, DATABASE_SERVICE.name])?;
        let (old, new) = (from.major.to_string(), to.major.to_string());
        machine
            .upgrade()
            .once(to, &["place", &old, &new])
            .context("giving one server the other one's place")?;
        self.leased.platform().set_database_image(&to.image)?;
        self.leased.platform().start_anew(DATABASE_SERVICE.name)
    }

    fn let_in(&self) -> Result<()> {
        self.run("thaw").context("letting users in")?;
        self.leased.platform().start_anew(BACKUPS.name)
    }

    fn note(&self, record: &UpgradeRecord) -> Result<()> {
        let root = self.leased.fenced()?.root().to_owned();
        self.leased.write(&root, &[(FILE, &serde_json::to_string(record)?)])
    }

    fn run(&self, verb: &str) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let words = self.words(verb)?;
        let words: Vec<&str> = ["sh", "-c"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let run = Run::new(machine.shell.command(&words)).called("upgrade.sh");
        Ok(run.timeout(SCRIPT_TIMEOUT).run()?)
    }

    fn words(&self, verb: &str) -> Result<Vec<String>> {
        let machine = self.leased.fenced()?;
        let (database, beside) =
            (machine.platform().container(DATABASE_SERVICE.name), machine.upgrade().container());
        let (root, user) = (machine.root().to_string(), DATABASE_SERVICE.uid.to_string());
        let own = [SCRIPT, "upgrade", verb, &root, FILE, &database, &user, DATABASE, &beside];
        Ok(own.into_iter().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_that_are_kept_are_those_of_the_server_that_does_not_serve() {
        let server = |major| Server { major, image: String::new(), schema: 1, at: String::new() };
        let record =
            |state, is_back| UpgradeRecord { v: 1, state, from: server(15), to: server(17), is_back };
        for (state, is_back, kept) in [
            (UpgradeState::Done, false, Some(15)),
            (UpgradeState::Done, true, Some(15)),
            (UpgradeState::Undone, false, None),
            (UpgradeState::Undone, true, Some(17)),
            (UpgradeState::Forgotten, false, None),
            (UpgradeState::Forgotten, true, None),
        ] {
            let record = record(state, is_back);
            assert_eq!(record.kept().map(|it| it.major), kept, "{record:?}");
            assert!(!record.is_unsettled());
        }
    }
}
