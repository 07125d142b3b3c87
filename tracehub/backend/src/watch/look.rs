//! The looks: what a row says must hold, against what is there.

mod machine;

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use axum::http::Uri;
use ureq::Agent;
use ureq::config::Config;
// These modules may change with a minor version of ureq: the lock file holds it.
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use self::machine::{clock, load, memory};
use super::alarms::Finding;
use super::attempt::Last;
use super::parts::Parts;
use super::table::{Excuse, Look, Row, Table};
use super::{certificate, tell};
use crate::tls;

/// The longest that a user would wait.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// How long after an attempt what it has replaced may still be ending.
const SETTLING: i64 = 60;

/// Where what is read of the host is mounted.
#[derive(Debug, Clone)]
pub struct Mounts {
    /// The live folder.
    pub live: PathBuf,
    /// The ledger.
    pub ledger: PathBuf,
    /// The backups.
    pub backups: PathBuf,
}

impl Default for Mounts {
    fn default() -> Self {
        Self { live: "/live".into(), ledger: "/ledger.jsonl".into(), backups: "/backups".into() }
    }
}

/// Looks.
pub struct Watcher<'a> {
    table: &'a Table,
    site: Uri,
    mounts: Mounts,
    agent: Agent,
    /// Who is asked for the time: `https://hooks.slack.com/`.
    clocks: Vec<String>,
    parts: Parts,
    /// The ledger's length and time when it was read last, and what it said.
    ledger: (u64, Option<SystemTime>, Last),
}

impl<'a> Watcher<'a> {
    /// One that knows nothing yet. These are asked for the time.
    pub fn new(table: &'a Table, clocks: Vec<String>) -> anyhow::Result<Self> {
        Ok(Self { clocks, ..Self::at(table, Mounts::default())? })
    }

    /// Like `new`, where things are mounted elsewhere.
    pub fn at(table: &'a Table, mounts: Mounts) -> anyhow::Result<Self> {
        let site: Uri = table.site.parse().context("the site's address")?;
        let config = Agent::config_builder()
            .timeout_global(Some(TIME_LIMIT))
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .proxy(None)
            .tls_config(tls::config(table.authority.as_deref()))
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), AtEdge(table.edge.clone()));
        let (clocks, ledger) = (Vec::new(), (0, None, Last::default()));
        Ok(Self { table, site, mounts, agent, clocks, parts: Parts::default(), ledger })
    }

    /// Whether what a row says holds.
    pub fn look(&mut self, row: &Row) -> Finding {
        match &row.look {
            Look::Site { paths, header } => self.site(paths, header),
            Look::Certificate { days } => self.certificate(*days),
            Look::Disk { percent } => self.disk(*percent),
            Look::Memory { percent } => memory(*percent),
            Look::Load { per_core } => load(*per_core),
            Look::Parts { parts, within } => self.parts(parts, *within, super::now()),
            Look::Backup { file, hours, needed } => {
                backup(&self.mounts.backups.join(file), *hours, *needed, super::now())
            }
            Look::Clock { seconds } => clock(&self.clocks, *seconds),
            Look::Known { wrong } => known(wrong.as_deref()),
            Look::Figures { address, most } => self.figures(address, most),
            Look::Guard => self.guard(),
            Look::Attempt => self.attempt(super::now()),
        }
    }

    /// Whether something explains that the row does not hold.
    pub fn excuses(&mut self, row: &Row, now: i64) -> bool {
        let last = self.last_attempt().clone();
        let in_time = last.in_time(now);
        let interrupts = |kind: &str| matches!(kind, "platform" | "restore" | "down" | "revert");
        row.excuses.iter().any(|excuse| match excuse {
            Excuse::Maintenance => self.is_maintained(now),
            Excuse::Attempt => in_time.is_some() || is_settling(&last, now),
            Excuse::Interruption => in_time.is_some_and(|attempt| interrupts(&attempt.kind)),
        })
    }

    /// The live release; none when nobody is to have the traffic, which only the word `none` says. A file that is gone, empty
    /// or can't be read is a fault: the edge then answers nobody.
    fn live(&self) -> Result<Option<String>, Finding> {
        let read = fs::read_to_string(self.mounts.live.join("live"));
        let words = match read.as_deref().map(str::trim) {
            Ok("none") => return Ok(None),
            Ok("") => "is empty".to_owned(),
            Ok(live) => return Ok(Some(live.to_owned())),
            Err(error) => format!("can't be read: {}", error.kind()),
        };
        Err(Finding::Wrong(format!("the file `live/live`, which says who has the traffic, {words}")))
    }

    fn is_maintained(&self, now: i64) -> bool {
        let ends = fs::read_to_string(self.mounts.live.join("maintenance_ends")).ok();
        self.mounts.live.join("maintenance").exists()
            && ends.is_none_or(|ends| ends.trim().parse().is_ok_and(|ends: i64| ends > now))
    }

    /// Where the live file says `none`, nobody is to answer.
    fn site(&self, paths: &[String], header: &str) -> Finding {
        for path in paths {
            let before = match self.live() {
                Ok(Some(live)) => live,
                Ok(None) => return Finding::Unknown,
                Err(wrong) => return wrong,
            };
            let url = format!("{}://{}{path}", self.site.scheme_str().unwrap_or("https"), self.host());
            let site = &self.table.site;
            let answer = match self.agent.get(url).call() {
                Ok(answer) => answer,
                Err(error) => {
                    return Finding::Wrong(format!("{site}{path} does not answer: {}", tell::kind(&error)));
                }
            };
            let status = answer.status().as_u16();
            if status != 200 {
                return Finding::Wrong(format!("{site}{path} answers {status}"));
            }
            let release =
                answer.headers().get(header).and_then(|value| value.to_str().ok()).unwrap_or("none");
            let is_live = |release: &str| self.live().is_ok_and(|live| live.as_deref() == Some(release));
            if release != before && !is_live(release) {
                return Finding::Wrong(format!(
                    "{site}{path} is answered by release {release}, and {before} is live"
                ));
            }
        }
        Finding::Right
    }

    fn host(&self) -> &str {
        self.site.host().unwrap_or_default()
    }

    /// A site without TLS has none.
    fn certificate(&self, days: u64) -> Finding {
        if self.site.scheme_str() != Some("https") {
            return Finding::Right;
        }
        let Some(address) = address(&self.table.edge, 443) else { return Finding::Unknown };
        certificate::holds(self.host(), address, days, self.table.authority.as_deref())
    }

    /// That of the environment, and that of the engine: one of them may be the other.
    fn disk(&self, percent: u64) -> Finding {
        let disks =
            [("the environment's folder", self.mounts.live.as_path()), ("the engine", Path::new("/"))];
        for (whose, path) in disks {
            let Ok(disk) = rustix::fs::statvfs(path) else { return Finding::Unknown };
            // As df counts it: what only root may take is no room.
            let used = disk.f_blocks.saturating_sub(disk.f_bfree);
            let Some(full) = (used * 100).checked_div(used + disk.f_bavail) else { continue };
            if full >= percent {
                let free = (disk.f_bavail * disk.f_frsize) >> 20;
                return Finding::Wrong(format!("the disk of {whose} is {full} % full: {free} MiB are free"));
            }
        }
        Finding::Right
    }

    fn parts(&mut self, parts: &[String], within: i64, now: i64) -> Finding {
        let live = match self.live() {
            Ok(Some(live)) => live,
            Ok(None) => return Finding::Unknown,
            Err(wrong) => return wrong,
        };
        let parts: Vec<String> = parts.iter().map(|part| part.replace("{release}", &live)).collect();
        let last = self.last_attempt();
        let explained = last.in_time(now).is_some() || is_settling(last, now);
        let explained = explained || self.is_maintained(now);
        let broken = self.parts.look(&parts, within, now);
        if explained {
            self.parts.forgive();
            return Finding::Right;
        }
        let words: Vec<String> =
            broken.iter().map(|(part, count)| format!("{part} ({count} times)")).collect();
        match words.as_slice() {
            [] => Finding::Right,
            some => Finding::Wrong(format!(
                "a part has ended and was started again within {} min: {}",
                within / 60,
                some.join(", ")
            )),
        }
    }

    /// One that does not answer has another alarm of its own.
    fn figures(&self, address: &str, most: &BTreeMap<String, (f64, String)>) -> Finding {
        let live = match self.live() {
            Ok(Some(live)) => live,
            Ok(None) => return Finding::Unknown,
            Err(wrong) => return wrong,
        };
        let url = format!("http://{}/metrics", address.replace("{release}", &live));
        let told =
            tell::agent().get(url).call().ok().and_then(|answer| answer.into_body().read_to_string().ok());
        told.map_or(Finding::Unknown, |told| figures_in(&told, most))
    }

    fn guard(&self) -> Finding {
        let Ok(text) = fs::read_to_string(self.mounts.live.join("guard")) else { return Finding::Right };
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["tripping" | "tripped", attempt, from, to, _, _, reason @ ..] => Finding::Wrong(format!(
                "the guard has taken the traffic back from {to} to {from} ({}): attempt {attempt} was not confirmed",
                reason.join(" ")
            )),
            _ => Finding::Right,
        }
    }

    fn attempt(&mut self, now: i64) -> Finding {
        match &self.last_attempt().under_way {
            Some(attempt) if now > attempt.until => Finding::Wrong(format!(
                "a {} by {} has not ended, and its step '{}' ought to have: its driver has died",
                attempt.kind, attempt.by, attempt.step
            )),
            _ => Finding::Right,
        }
    }

    /// The ledger is read when it is another one than before.
    fn last_attempt(&mut self) -> &Last {
        if let Ok(found) = fs::metadata(&self.mounts.ledger)
            && (found.len(), found.modified().ok()) != (self.ledger.0, self.ledger.1)
            && let Ok(bytes) = fs::read(&self.mounts.ledger)
        {
            let last = Last::of(&String::from_utf8_lossy(&bytes));
            self.ledger = (found.len(), found.modified().ok(), last);
        }
        &self.ledger.2
    }
}

/// Whether an attempt has just ended. One that ended in the time to come was written by a clock that was set back since.
fn is_settling(last: &Last, now: i64) -> bool {
    last.ended_at.is_some_and(|at| (now - at).abs() < SETTLING)
}

/// Whatever is asked for is at the edge, also where its name leads elsewhere, or not back to this host.
#[derive(Debug)]
struct AtEdge(String);

impl Resolver for AtEdge {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let mut found = self.empty();
        found.push(address(&self.0, port).ok_or(ureq::Error::HostNotFound)?);
        Ok(found)
    }
}

/// The address of a name, or of a name with a port of its own.
fn address(name: &str, port: u16) -> Option<SocketAddr> {
    let with_port = if name.contains(':') { name.to_owned() } else { format!("{name}:{port}") };
    with_port.to_socket_addrs().ok()?.next()
}

fn figures_in(told: &str, most: &BTreeMap<String, (f64, String)>) -> Finding {
    let figure =
        |name: &str| told.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    let above = most.iter().filter_map(|(name, (most, words))| {
        figure(&format!("{name} ")).filter(|found| found > most).map(|found| format!("{words}: {found}"))
    });
    match above.collect::<Vec<_>>().as_slice() {
        [] => Finding::Right,
        some => Finding::Wrong(some.join("; ")),
    }
}

/// What makes backups by itself, or sends them, tells of the last good one, of the ledger that was sent, and of the last failure; what
/// archives, of the moment until which it has all, of a base backup and of a hole. A file that is not there, or not understood, tells of none.
fn backup(file: &Path, hours: i64, needed: bool, now: i64) -> Finding {
    let told = fs::read_to_string(file).ok();
    let told =
        told.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok()).unwrap_or_default();
    let time = |text: &str| Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp());
    let failure = told["failure"]["words"].as_str().map(|words| format!("; the last try failed: {words}"));
    let failure = failure.unwrap_or_default();
    let of = |what: &str| told[what]["at"].as_str().and_then(time).map(|at| now - at);
    let is_old = |age: i64| age > hours * 3600;
    let is_archive = !told["base"].is_null();
    match (of("last_good"), of("host")) {
        // The next base backup ends it, which is due at once.
        (Some(_), _) if !told["lost"].is_null() => Finding::Wrong(format!(
            "WAL of the database was lost at {}, and no moment since then can be restored before the next base backup{failure}",
            told["lost"]["at"].as_str().unwrap_or("some time")
        )),
        (Some(age), _) if is_archive && is_old(age) => Finding::Wrong(format!(
            "what the database wrote in the last {} h is not in the archive{failure}",
            age / 3600
        )),
        (Some(age), _) if is_old(age) => {
            Finding::Wrong(format!("the last good backup is {} h old{failure}", age / 3600))
        }
        (Some(_), Some(age)) if is_old(age) => {
            Finding::Wrong(format!("the ledger was sent {} h ago{failure}", age / 3600))
        }
        (Some(_), _) => backup_amiss(&told, &|at| time(at).is_some_and(|at| is_old(now - at)), &failure),
        (None, _) if failure.is_empty() && !needed => Finding::Unknown,
        (None, _) => Finding::Wrong(format!("there is no backup yet{failure}")),
    }
}

/// One that is new may be damaged all the same: so the last rehearsal has found, or who sends the papers that it names.
fn backup_amiss(told: &serde_json::Value, is_old: &dyn Fn(&str) -> bool, failure: &str) -> Finding {
    let papers = &told["papers"];
    let [amiss, left] = ["amiss", "left"].map(|of| papers[of].as_u64().unwrap_or_default());
    if let Some(words) = told["rehearsal"]["failure"].as_str() {
        return Finding::Wrong(format!("the last backup that was restored as a trial could not be: {words}"));
    }
    if amiss > 0 {
        let first = papers["first"].as_str().unwrap_or_default();
        return Finding::Wrong(format!(
            "of {amiss} papers the file is not what it was, and not sent: {first}"
        ));
    }
    if left > 0 && papers["since"].as_str().is_some_and(is_old) {
        return Finding::Wrong(format!("{left} papers are on the host only{failure}"));
    }
    Finding::Right
}

fn known(wrong: Option<&[String]>) -> Finding {
    match wrong {
        None => Finding::Unknown,
        Some([]) => Finding::Right,
        Some(wrong) => Finding::Wrong(wrong.join("; ")),
    }
}

#[cfg(test)]
mod tests;
