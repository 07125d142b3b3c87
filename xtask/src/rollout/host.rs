//! The narrow traits by which a rollout reaches the world: [`Host`] looks, and [`LeasedHost`], which only taking the lease
//! gives, changes. Everything goes through them, so that the protocol runs the same on this machine, behind ssh, and
//! against a simulated host.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde::Serialize;

use super::edge_counts::EdgeCounts;
use super::state::backup::Backup;
use super::state::guard::Traffic;
use super::state::history::Applied;
use super::state::ledger::damage::Damage;
use super::state::ledger::{Entry, Ledger};
use super::state::platform::PlatformRecord;
use super::state::release::{BrokenRelease, Release, ReleaseId};
use crate::tools::docker::condition::{Condition, Health, started_again};

/// A host, on which one environment lives, to look at. Errors say what failed and why, in words for a person.
pub trait Host {
    /// The time by the driver's clock.
    fn now(&self) -> SystemTime;
    /// How long the driver has been at work, by a clock that nobody sets: what limits are measured with.
    fn clock(&self) -> Duration;
    /// Waits; an error when the user asked to stop.
    fn pause(&self, duration: Duration) -> Result<()>;
    /// An error when the user asked to stop, but not within [`Host::shield`].
    fn check_interrupt(&self) -> Result<()>;
    /// Does `work` to its end, also when the user asks to stop.
    fn shield(&self, work: &mut dyn FnMut());

    /// The live folder.
    fn live(&self) -> Result<Traffic>;
    /// The ledger.
    fn ledger(&self) -> Result<Ledger>;
    /// The copies of the ledger: each release has the one that was made when it was last confirmed.
    fn ledger_copies(&self) -> Result<Vec<Ledger>>;
    /// Live folder, ledger and kept releases, in one look: whoever changes something wants all three.
    fn files(&self) -> Result<Files>;
    /// The releases that are kept whole.
    fn kept(&self) -> Result<Vec<Release>>;
    /// The release that has the traffic, if it is kept whole.
    fn live_release(&self) -> Result<Option<Release>> {
        let live = self.live()?.active;
        Ok(self.kept()?.into_iter().find(|release| Some(&release.id) == live.as_ref()))
    }
    /// The containers of all releases, running or not.
    fn parts(&self) -> Result<Vec<Part>>;
    /// The migrations that the database has; none before the first one, or while it does not run.
    fn schema(&self) -> Result<Applied>;
    /// Whether this attempt has put the database aside.
    fn is_parked(&self, attempt: &str) -> Result<bool>;
    /// Whether the container engine is asked at all. Who gives the traffic back, or asks users to wait, can do without one that does
    /// not answer; everything else fails there.
    fn engine_answers(&self) -> bool;
    /// Asks each of the release's front doors, from the edge's network, whether it is the release and is ready. Without the engine:
    /// as far as the edge's answers tell.
    fn check_ready(&self, release: &Release) -> Result<()>;
    /// The last log lines of a release's container.
    fn last_lines(&self, part: &Part, lines: usize) -> Result<String>;
    /// One request through the edge, as a user sends it.
    fn probe(&self) -> Result<ProbeResponse>;
    /// What the edge has answered since it started.
    fn edge_counts(&self) -> Result<EdgeCounts>;

    /// Takes the provisional switch of an attempt back, which is told who asked for it. The one change that needs no lease:
    /// a rollback does not wait for the deploy that it takes back, and the guard changes nothing but its own switch.
    fn trip_without_lease(&self, attempt: &str, by: &str) -> Result<()>;
}

impl dyn Host + '_ {
    /// Does `work` to its end, also when the user asks to stop, and gives what came of it.
    pub fn shielded<T>(&self, work: impl FnOnce() -> T) -> T {
        let (mut work, mut result) = (Some(work), None);
        self.shield(&mut || result = work.take().map(|work| work()));
        result.expect("a host does what is shielded")
    }
}

/// A host whose lease can be taken.
pub trait Leasable: Host {
    /// What the lease gives.
    type Leased<'a>: LeasedHost
    where
        Self: 'a;

    /// Takes the lease, or says who holds it.
    fn lease(&self, holder: &Holder) -> Result<Self::Leased<'_>, LeaseError>;
}

/// A host in the hands of whoever holds its lease: all that changes an environment. The lease is given back when this is
/// dropped. When it is lost before that, each of these calls that would change something is refused.
pub trait LeasedHost {
    /// The host, to look at.
    fn host(&self) -> &dyn Host;
    /// The number of the lease: higher with each holder.
    fn number(&self) -> u64;
    /// An error when the lease was lost.
    fn check(&self) -> Result<()>;

    /// Appends entries to the ledger; each is made once, also when the same ones are appended again.
    fn append(&self, entries: &[Entry]) -> Result<()>;

    /// Puts these entries in the ledger's place. The one before is kept; gives the name of its file, when there was one.
    fn replace_ledger(&self, entries: &[Entry]) -> Result<Option<String>>;

    /// Brings everything that the release needs to the host: images, files.
    fn pull(&self, release: &Release) -> Result<()>;
    /// Removes a release whole: containers, network, images that no other one uses, files.
    fn prune_release(&self, id: &ReleaseId) -> Result<()>;
    /// Creates and starts the release's containers beside whatever else runs.
    fn start(&self, release: &Release) -> Result<()>;
    /// Lets the release finish what it has and stops it. It stays, whole.
    fn stop(&self, id: &ReleaseId) -> Result<()>;
    /// Stops the release and removes its containers; its files and images stay, and so does what the containers wrote last,
    /// as far as it can be had: not having it is no error.
    fn remove_containers(&self, id: &ReleaseId) -> Result<()>;

    /// Dumps the database, and reads the dump back. `made_by` says what for.
    fn backup(&self, attempt: &str, made_by: &str) -> Result<Backup>;
    /// Removes the backups that need not be kept any longer.
    fn prune_backups(&self) -> Result<()>;
    /// Loads a backup into a database beside the one that is used. An error when papers that its rows name have no file as it
    /// was, unless it is to be without them.
    fn load_backup(&self, backup: &Backup, without_papers: bool) -> Result<()>;
    /// Removes what was loaded.
    fn drop_loaded(&self) -> Result<()>;
    /// What was loaded becomes the database, and the database is put aside by this attempt.
    fn swap_database(&self, attempt: &str) -> Result<()>;
    /// What this attempt has put aside becomes the database again, if it did.
    fn swap_back(&self, attempt: &str) -> Result<()>;
    /// Runs the migrations that the release's own image carries, and says what they printed. One that an earlier
    /// driver left running is waited for, not started again.
    fn migrate(&self, release: &Release) -> Result<String>;
    /// Takes these migrations back, in this order, by the release's own image, and says what that printed. One that the
    /// database does not have is passed over.
    fn undo_migrations(&self, release: &Release, versions: &[i64]) -> Result<String>;
    /// Waits for a migration whose driver died, when there is one.
    fn wait_for_migration(&self) -> Result<()>;

    /// Brings the platform's files, and makes the database's roles as they say; services go on as they were started.
    /// Says what was brought.
    fn write_platform(&self) -> Result<PlatformRecord>;
    /// The files that were there before this driver brought others are there again, if it did.
    fn bring_back_platform_files(&self) -> Result<()>;
    /// Starts a service of the platform anew, from the files that are there, and waits until it is healthy.
    fn renew_platform(&self, service: &str) -> Result<()>;

    /// Does with the release what a user does, on the edge's network, whether or not it has the traffic. It needs the lease
    /// since it makes a user for that, and removes it.
    fn smoke_test(&self, release: &Release) -> Result<()>;
    /// Does the same through the edge, as a browser does. The user that it makes stays for the next time.
    fn smoke_test_through_edge(&self, release: &Release) -> Result<SmokeTest>;
    /// How the release does, as far as its answers do not say it, `since` it got the traffic so long ago. The one before it is
    /// asked beside it. What can't be had is left out.
    fn vitals(&self, release: &Release, before: Option<&Release>, since: Duration) -> Result<Vitals>;
    /// Removes the user that was made for that.
    fn end_smoke_tests(&self, release: &Release) -> Result<()>;

    /// Tells the guard what to guard, and comes back when it is armed.
    fn arm(&self, arming: &Arming) -> Result<()>;
    /// Armed to disarmed. An error when it has tripped.
    fn confirm(&self, attempt: &str) -> Result<()>;
    /// Takes the switch of the attempt back.
    fn trip(&self, attempt: &str, reason: &str) -> Result<()>;
    /// Nothing is guarded any more, whatever the guard's state.
    fn dismiss_guard(&self) -> Result<()>;
    /// This one is warm, or nobody, if `live` still has the traffic.
    fn set_warm(&self, live: Option<&ReleaseId>, warm: Option<&ReleaseId>) -> Result<()>;
    /// Nobody has the traffic: what `down` leaves.
    fn clear_live(&self) -> Result<()>;
    /// Gives the traffic to another release, if `from` still has it.
    fn switch(&self, switch: &Switching) -> Result<()>;
}

/// What the files of an environment say.
#[derive(Debug, Clone)]
pub struct Files {
    /// The live folder.
    pub traffic: Traffic,
    /// The ledger.
    pub ledger: Ledger,
    /// The releases that are kept whole.
    pub kept: Vec<Release>,
    /// What is kept of others, and can't be used.
    pub broken: Vec<BrokenRelease>,
}

impl Files {
    /// What is wrong with the ledger.
    pub fn damage(&self) -> Vec<Damage> {
        self.ledger.damage(&self.traffic, &self.kept)
    }
}

/// Who asks for the lease, and what for: what a second one is told.
#[derive(Debug, Clone)]
pub struct Holder {
    /// User and machine.
    pub by: String,
    /// 'deploy 20260103t120000z-1a2b3c4d5e6f'.
    pub doing: String,
    /// RFC 3339 in UTC.
    pub since: String,
}

/// Somebody else who has the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Who, since when, and what for, in words.
    pub by: String,
    /// Whether that driver has died, or fell silent: then the lease is free in a moment, by itself.
    pub is_ending: bool,
}

/// Why there is no lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody has it.
    #[error("{}", .0.by)]
    Held(Holding),
    /// It could not be asked for.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// One container of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The release that it belongs to.
    pub release: ReleaseId,
    /// The service: backend, frontend.
    pub service: String,
    /// The container's name.
    pub container: String,
    /// What it is doing.
    pub state: Condition,
    /// What its checks say.
    pub health: Health,
    /// What the last check of its health said, when it did not pass.
    pub health_output: String,
    /// When it was started, RFC 3339 in UTC.
    pub since: String,
    /// How often it came back after it had ended by itself.
    pub restarts: u32,
    /// How it ended, when it did: exit code, out of memory. Of one that runs again, as far as that is known.
    pub exit_reason: String,
    /// The kernel has ended it, or a process of it, at the limit of its memory, and not long ago.
    pub out_of_memory: bool,
}

impl Part {
    /// It has not ended: it may only just be coming back.
    pub fn is_running(&self) -> bool {
        !matches!(self.state, Condition::Exited | Condition::Created | Condition::Dead)
    }

    /// Running, and its check passes.
    pub fn is_ready(&self) -> bool {
        self.state == Condition::Running && matches!(self.health, Health::Healthy | Health::Unchecked)
    }

    /// Running, and no check of its own says otherwise.
    pub fn is_up(&self) -> bool {
        self.state == Condition::Running && self.health != Health::Unhealthy
    }
}

/// 'backend is running, unhealthy: 503 …'.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.service, self.state)?;
        for more in [&self.health.to_string(), &self.exit_reason, &started_again(self.restarts)] {
            if !more.is_empty() {
                write!(f, ", {more}")?;
            }
        }
        if self.health_output.is_empty() { Ok(()) } else { write!(f, ": {}", self.health_output) }
    }
}

/// What the guard is told.
#[derive(Debug, Clone)]
pub struct Arming {
    /// The attempt that it belongs to.
    pub attempt: String,
    /// The release that gets the traffic back.
    pub from: Option<ReleaseId>,
    /// The release that is about to get it.
    pub to: ReleaseId,
    /// The warm one, as it was.
    pub warm: Option<ReleaseId>,
    /// How long it waits for the confirm.
    pub deadline: Duration,
}

/// A switch, and what must hold for it.
#[derive(Debug, Clone)]
pub struct Switching {
    /// The release that has the traffic.
    pub from: Option<ReleaseId>,
    /// The one that gets it.
    pub to: ReleaseId,
    /// The attempt whose guard must be armed, with at least this long to go; none for a rollback, which is confirmed
    /// by its own rename.
    pub guarded: Option<(String, Duration)>,
}

/// What the edge answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResponse {
    /// The status.
    pub status: u16,
    /// The release that answered, by its header.
    pub release: Option<ReleaseId>,
    /// The beginning of the body, or where it redirects to.
    pub excerpt: String,
}

/// What came of a smoke test through the edge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SmokeTest {
    /// Its own requests, which are no users'.
    pub requests: EdgeCounts,
    /// What was not answered as it should be, when something was not.
    pub failure: Option<String>,
}

/// How a release does beside the one before it, as far as answers do not say it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vitals {
    /// How long answers took, of this release and of the one before it: both were asked in turns.
    pub latency: Vec<(Duration, Duration)>,
    /// What its containers have of the host's memory, by their services.
    pub memory: BTreeMap<String, Memory>,
    /// Errors that it has logged since it got the traffic, and that the one before it had logged in as long a time before that.
    pub logged_errors: (u64, u64),
}

/// A container's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What its processes use: what the kernel may take back at any time is not in it.
    pub used: u64,
    /// At which the kernel ends them.
    pub limit: u64,
}
