//! An environment that goes from one machine to another: what each of the two knows of it. A file on each says how far it is; while
//! that of the machine which is left says `cutting`, users are served there again once the driver is gone.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xshell::{Cmd, cmd};

use super::{Leased, Machine, PublicSite};
use crate::project::{DATABASE, DATABASE_SERVICE, EDGE, Environment};
use crate::tools::docker::condition::Condition;
use crate::tools::docker::limits::{LIMITS, OTHERS_FILES, READ_ONLY};
use crate::tools::docker::{container, volume};
use crate::tools::process::Run;
use crate::tools::ssh::host_shell::{HostShell, Script};
use crate::workspace;

const FILE: &str = "move.json";
const READ: Script = Script::new("looking for a move", r#"[ ! -e "$1" ] || cat "$1""#);
const ROUTE: Script = Script::new("asking for the way", r#"ip -o route get "$1" 2>/dev/null || :"#);
const SCRIPT: &str = concat!(
    include_str!("scripts/pause.sh"),
    include_str!("scripts/freeze.sh"),
    include_str!("scripts/move.sh")
);
const CADDYFILE: &str = include_str!("scripts/moved.Caddyfile");
const RELOAD: [&str; 6] = ["caddy", "reload", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"];
/// What the edge trusts beside its system's authorities, where there is one.
const AUTHORITY: &str = "/etc/caddy/authority.pem";
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(180);
/// What is under way gets so long.
const STOP_SECONDS: &str = "30";
/// The longest that a look at the other machine takes, in seconds.
const LOOK_SECONDS: &str = "5";

/// How far it is: on the machine that is left, or on the one that it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveState {
    /// Here is where it goes to: what is here is tried, and may be replaced.
    Rehearsing,
    /// Here is where it went to.
    Arrived,
    /// Users wait, and are served here again once the driver is gone.
    Cutting,
    /// They are served here again.
    Undone,
    /// It has left this machine for good.
    Moved,
    /// The same, and nothing of it is left here.
    Forgotten,
}

/// The other one of the two machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherHost {
    /// As the way to it is told: HOST or HOST:PORT.
    pub to: String,
    /// The address where users find it.
    pub address: String,
    /// Its host keys.
    pub host_key: String,
    /// As users type it.
    pub url: String,
}

/// A move, as the file of one of its machines has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveRecord {
    v: u32,
    /// How far it is.
    pub state: MoveState,
    /// The other machine.
    pub other: OtherHost,
}

impl MoveRecord {
    /// With this machine.
    pub fn of(other: &OtherHost, state: MoveState) -> MoveRecord {
        MoveRecord { v: 1, state, other: other.clone() }
    }

    /// Whether the environment has left the machine of this file.
    pub fn has_left(&self) -> bool {
        matches!(self.state, MoveState::Moved | MoveState::Forgotten)
    }
}

/// What is known of a move on a machine that may be no host.
pub fn move_of(shell: &HostShell, environment: &Environment) -> Result<Option<MoveRecord>> {
    let file = environment.root(&workspace::local_dir()).join(FILE);
    parse(&shell.script(READ, &[file.as_str()], "")?)
}

fn parse(told: &str) -> Result<Option<MoveRecord>> {
    match told.trim() {
        "" => Ok(None),
        told => serde_json::from_str(told).with_context(|| format!("reading {FILE}")).map(Some),
    }
}

/// A move, to look at.
pub struct Moving<'a> {
    machine: &'a Machine,
}

/// A move, to change what there is of it on this machine.
pub struct LeasedMoving<'a> {
    leased: &'a Leased<'a>,
}

impl Machine {
    /// What there is of a move, to look at.
    pub fn moving(&self) -> Moving<'_> {
        Moving { machine: self }
    }
}

impl Leased<'_> {
    /// What there is of a move.
    pub fn moving(&self) -> LeasedMoving<'_> {
        LeasedMoving { leased: self }
    }
}

impl<'a> Moving<'a> {
    /// What is known of it; none where there never was one.
    pub fn record(&self) -> Result<Option<MoveRecord>> {
        parse(&self.machine.read(&self.machine.folder(FILE))?.unwrap_or_default())
    }

    /// Whether the edge here finds a web server at this address.
    pub fn edge_sees(&self, address: &str) -> Result<bool> {
        let url = format!("http://{}/health/live", in_url(address));
        // Whatever it answers: by plain HTTP, one that serves HTTPS answers to nobody.
        let words = ["timeout", LOOK_SECONDS, "wget", "-S", "-O", "/dev/null", url.as_str()];
        let edge = self.machine.platform().container(EDGE.name);
        let look = container::exec(self.machine.docker(), &edge, &EDGE.uid.to_string(), &words);
        let told = Run::new(look).timeout(SCRIPT_TIMEOUT).finish()?;
        Ok(told.status.success() || told.stderr.contains("HTTP/1"))
    }

    /// Whether there are data here.
    pub fn has_data(&self) -> Result<bool> {
        Ok(volume::labels(self.machine.docker(), &self.machine.named("database"))?.is_some())
    }

    /// The address by which this machine comes to that one; none where nobody can say.
    pub fn address_towards(&self, address: &str) -> Result<Option<String>> {
        let told = self.machine.shell.script(ROUTE, &[address], "")?;
        Ok(source(&told).map(str::to_owned))
    }

    /// For reading all secrets, as an archive.
    pub fn read_secrets(&self) -> Result<Cmd<'a>> {
        let image = self.machine.platform().bases()?.context("the platform does not run")?.caddy;
        let mount = format!("{}:/from:ro", self.machine.folder("secrets"));
        Ok(self.archive(&mount, &image))
    }

    /// For reading the edge's certificates and the keys that they belong to, as an archive; none where it has no place for any.
    pub fn read_certificates(&self) -> Result<Option<Cmd<'a>>> {
        let volume = self.machine.named("certificates");
        if volume::labels(self.machine.docker(), &volume)?.is_none() {
            return Ok(None);
        }
        let image = self.machine.platform().bases()?.context("the platform does not run")?.caddy;
        Ok(Some(self.archive(&format!("{volume}:/from:ro"), &image)))
    }

    fn archive(&self, mount: &str, image: &str) -> Cmd<'a> {
        cmd!(
            self.machine.docker(),
            "docker run --rm --network none {LIMITS...} {OTHERS_FILES...} {READ_ONLY...} --user 0 --entrypoint tar --volume {mount} {image} -C /from -cf - ."
        )
    }

    fn unpack(&self, mount: &str, image: &str) -> Cmd<'a> {
        const UNPACK: &str =
            "set -e; cd /to; for each in * .[!.]*; do rm -rf \"./$each\"; done; tar -xpf -; sync";
        cmd!(
            self.machine.docker(),
            "docker run --rm --interactive --network none {LIMITS...} {OTHERS_FILES...} {READ_ONLY...} --user 0 --entrypoint sh --volume {mount} {image} -c {UNPACK}"
        )
    }
}

impl<'a> LeasedMoving<'a> {
    /// Writes down how far it is.
    pub fn note(&self, record: &MoveRecord) -> Result<()> {
        let root = self.leased.fenced()?.root().to_owned();
        self.leased.write(&root, &[(FILE, &serde_json::to_string(record)?)])
    }

    /// From here on users are served here again when this driver dies.
    pub fn begin(&self, other: &OtherHost) -> Result<()> {
        let record = serde_json::to_string(&MoveRecord::of(other, MoveState::Cutting))?;
        self.leased.begin_pause(FILE, &record, &self.words("guard")?)
    }

    /// Nobody writes into the database any more; sessions from before end.
    pub fn freeze(&self) -> Result<()> {
        self.run("freeze").context("keeping everybody from writing into the database")
    }

    /// Whoever comes in here writes nothing, also into a database that takes this one's place, before it is here for good.
    pub fn hold(&self) -> Result<()> {
        self.run("hold").context("keeping what runs there from writing")
    }

    /// It is here for good, and they write.
    pub fn let_write(&self) -> Result<()> {
        self.run("let").context("letting what runs there write")
    }

    /// Users are served here again.
    pub fn undo(&self) -> Result<()> {
        self.run("undo").context("ending the pause")
    }

    /// Undoes a pause whose driver has died. Gives how far it is.
    pub fn settle(&self) -> Result<Option<(MoveRecord, bool)>> {
        let machine = self.leased.fenced()?;
        if machine.environment().is_here() {
            return Ok(None);
        }
        let Some(record) = machine.moving().record()? else { return Ok(None) };
        let was_cutting = record.state == MoveState::Cutting;
        if was_cutting {
            self.undo()?;
        }
        Ok(Some((record, was_cutting)))
    }

    /// It has left this machine for good: nothing brings it back by itself. An error when somebody has ended the pause meanwhile.
    pub fn leave(&self) -> Result<()> {
        self.run("gone").context("leaving the old machine for good")
    }

    fn run(&self, verb: &str) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let words = self.words(verb)?;
        let words: Vec<&str> = ["sh", "-c"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let run = Run::new(machine.shell.command(&words)).called("move.sh");
        Ok(run.timeout(SCRIPT_TIMEOUT).run()?)
    }

    fn words(&self, verb: &str) -> Result<Vec<String>> {
        let machine = self.leased.fenced()?;
        let database = machine.platform().container(DATABASE_SERVICE.name);
        let (root, user) = (machine.root().to_string(), DATABASE_SERVICE.uid.to_string());
        let own = [SCRIPT, "move", verb, &root, FILE, &database, &user, DATABASE];
        Ok(own.into_iter().map(str::to_owned).collect())
    }

    /// The edge hands users on to the other machine, or, where it does not find that, says that the site is there now. No request
    /// is lost: it reads its new file without a new start.
    pub fn hand_on(&self, other: &OtherHost, site: &PublicSite, is_seen: bool) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let has_authority = site.acme.as_ref().is_some_and(|acme| acme.root.is_some());
        let text = caddyfile(&other.address, site.name(), has_authority, is_seen);
        self.leased.write(&machine.folder(EDGE.name), &[("Caddyfile", &text)])?;
        let edge = machine.platform().container(EDGE.name);
        let reload = container::exec(machine.docker(), &edge, &EDGE.uid.to_string(), &RELOAD);
        Run::new(reload).timeout(SCRIPT_TIMEOUT).run().context("having the edge hand users on")
    }

    /// Stops all but the edge, and it does not come back with the machine.
    pub fn retire(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let (docker, edge) = (machine.docker(), machine.platform().container(EDGE.name));
        let mut found = container::labelled(docker, &[machine.label()])?;
        found.retain(|it| it.plain_name() != edge);
        let all: Vec<&str> = found.iter().map(|it| it.plain_name()).collect();
        if !all.is_empty() {
            Run::new(cmd!(docker, "docker update --restart no {all...}")).run()?;
        }
        found.retain(|it| it.state.status == Condition::Running);
        let running: Vec<&str> = found.iter().map(|it| it.plain_name()).collect();
        if running.is_empty() {
            return Ok(());
        }
        let stop = Run::new(cmd!(docker, "docker stop -t {STOP_SECONDS} {running...}"));
        stop.timeout(STOP_TIMEOUT).run().context("stopping what was left")
    }

    /// For the secrets of the other machine, in an archive: they take the place of all that are here.
    pub fn receive_secrets(&self) -> Result<Cmd<'a>> {
        let machine = self.leased.fenced_invalidating()?;
        let image = &machine.bases()?.caddy;
        self.leased.fetch_images([image])?;
        Ok(Moving { machine }.unpack(&format!("{}:/to", machine.folder("secrets")), image))
    }

    /// Like `receive_secrets`, for certificates.
    pub fn receive_certificates(&self) -> Result<Cmd<'a>> {
        let machine = self.leased.fenced_invalidating()?;
        let volume = self.leased.make_volume("certificates")?;
        Ok(Moving { machine }.unpack(&format!("{volume}:/to"), &machine.bases()?.caddy))
    }

    /// Its secrets and backups go, while its containers are there, whose image has the programs for it.
    pub fn forget_files(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let Some(bases) = machine.platform().bases()? else { return Ok(()) };
        let (image, mount) = (bases.caddy, format!("{}:/root", machine.root()));
        const EMPTY: &str = "cd /root && rm -rf secrets/* backups/* backups/.[!.]*; sync";
        let empty = cmd!(
            machine.docker(),
            "docker run --rm --network none {LIMITS...} {OTHERS_FILES...} {READ_ONLY...} --user 0 --entrypoint sh --volume {mount} {image} -c {EMPTY}"
        );
        Run::new(empty).run().context("removing secrets and backups")
    }

    /// Nothing of it is left here but its past.
    pub fn forget(&self, other: &OtherHost) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        volume::remove(machine.docker(), &machine.named("certificates"))?;
        self.note(&MoveRecord::of(other, MoveState::Forgotten))
    }

    /// Where it came from is of no matter any more.
    pub fn note_forgotten(&self) -> Result<()> {
        self.leased.delete(&self.leased.fenced()?.folder(FILE))
    }

    /// Removes the database that is here, which somebody has a better one of, once nothing runs. Papers stay.
    pub fn drop_database(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        volume::remove(machine.docker(), &machine.named("socket"))?;
        Ok(volume::remove(machine.docker(), &machine.named("database"))?)
    }
}

/// Of `203.0.113.9 via 203.0.113.1 dev eth0 src 203.0.113.7 uid 0`.
fn source(route: &str) -> Option<&str> {
    let mut words = route.split_whitespace();
    words.find(|word| *word == "src")?;
    words.next()
}

fn in_url(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

fn caddyfile(address: &str, name: Option<&str>, has_authority: bool, is_seen: bool) -> String {
    let trust =
        if has_authority { format!("\n\t\t\ttls_trusted_ca_certs {AUTHORITY}") } else { String::new() };
    let (scheme, tls) = match name {
        Some(name) => ("https", format!("\n\t\t\ttls_server_name {name}{trust}")),
        None => ("http", String::new()),
    };
    let hand_on = match is_seen {
        true => format!(
            "reverse_proxy {scheme}://{} {{\n\t\tlb_try_duration 3s\n\t\tlb_try_interval 100ms\n\t\ttransport http {{\n\t\t\tdial_timeout \
             10s\n\t\t\tkeepalive_idle_conns_per_host 64{tls}\n\t\t}}\n\t}}",
            in_url(address)
        ),
        false => "error 503".to_owned(),
    };
    CADDYFILE.replace("HAND ON", &hand_on)
}

#[cfg(test)]
mod tests;
