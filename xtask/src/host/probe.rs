//! The first look at a host: its folders are made when there are none, and it tells what a rollout must know of it.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;

use super::{Machine, PublicSite};
use crate::exit::refuse;
use crate::project::Environment;
use crate::rollout::host::Host as _;
use crate::rollout::state::release::ReleaseId;
use crate::tools::files::private::Folder;
use crate::tools::http::Trust;
use crate::tools::ssh::host_shell::{HostShell, Script};
use crate::workspace;

/// How long a release may take to answer by the ports of the edge.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

const ARRIVE: Script = Script::new("looking at the host", include_str!("scripts/arrive.sh"));

/// What was seen of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostFacts {
    /// The user that we are there.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Bytes that are free on the disk under the root folder.
    pub free_disk: u64,
    /// The same under the engine's own folder, where images and volumes are, unless it is told otherwise; none where that is the
    /// same disk, or there is no such folder.
    pub engine_disk: Option<u64>,
    /// Bytes of memory that there are.
    pub memory: u64,
    /// Those that are free or could be.
    pub free_memory: u64,
    /// By how many seconds its clock is ahead of ours.
    pub clock_ahead: i64,
    /// Whether nobody has begun to deploy here: seen only by who makes nothing.
    pub is_fresh: bool,
}

impl Machine {
    /// Waits until the release answers as users would be answered.
    pub fn wait_for_release(&self, id: &ReleaseId) -> Result<()> {
        let began = Instant::now();
        loop {
            let said = match self.probe() {
                Ok(answer) if answer.status == 200 && answer.release.as_ref() == Some(id) => return Ok(()),
                Ok(answer) => format!("{} {}", answer.status, answer.excerpt),
                Err(error) => format!("{error:#}"),
            };
            if began.elapsed() > ANSWER_TIMEOUT {
                bail!("{id} does not answer by the ports of the edge: {said}");
            }
            self.pause(Duration::from_millis(100))?;
        }
    }

    /// Looks at the host, and makes the environment's folders when there are none. `compose` is Docker Compose, as a program
    /// of this machine; `site` is where users go, and none on this machine, where the edge's port says it. Refused
    /// when the host is another environment's.
    pub fn arrive(
        environment: Environment,
        shell: HostShell,
        compose: Utf8PathBuf,
        site: Option<PublicSite>,
    ) -> Result<Machine> {
        Machine::seen(environment, shell, compose, site, "arrive")
    }

    /// Like `arrive`, and makes nothing: refused where there is no root folder.
    pub fn look(
        environment: Environment,
        shell: HostShell,
        compose: Utf8PathBuf,
        site: Option<PublicSite>,
    ) -> Result<Machine> {
        Machine::seen(environment, shell, compose, site, "look")
    }

    fn seen(
        environment: Environment,
        shell: HostShell,
        compose: Utf8PathBuf,
        site: Option<PublicSite>,
        how: &str,
    ) -> Result<Machine> {
        let root = environment.root(&workspace::local_dir());
        let owner = if environment.is_here() { "-" } else { &environment.name };
        let told = shell.script(ARRIVE, &[root.as_str(), owner, how], "").map_err(anyhow::Error::from);
        let told = told.with_context(|| format!("looking at {root} on the host"))?;
        if told.lines().any(|line| line == "absent 1") {
            anyhow::bail!("there is no folder {root}");
        }
        let facts = HostFacts::parse(&told, SystemTime::now())
            .with_context(|| format!("the host described itself as {told:?}"))?;
        if let Some(other) = told.lines().find_map(|line| line.strip_prefix("environment ")) {
            return Err(refuse(format!(
                "{root} on this host belongs to the environment {other}, and not to {}: an environment has a host of its \
                 own",
                environment.name
            )));
        }
        let compose_dir = match environment.is_here() {
            true => None,
            false => Some(Folder::new()?),
        };
        Ok(Machine {
            shell,
            compose,
            environment,
            root,
            facts,
            site,
            trust: Cell::new(Trust::AsOf(SystemTime::now())),
            compose_dir,
            bases: None,
            platform_files: None,
            registry_tunnel: None,
            reached: Instant::now(),
            tunnel_is_open: Cell::new(false),
            engine_silence: RefCell::default(),
            prefetch: RefCell::default(),
        })
    }

    /// Bytes that are free at this moment on the disk under the root folder.
    pub fn free_disk(&self) -> Result<u64> {
        const FREE: Script =
            Script::new("reading the free disk", r#"df -Pk "$1" | awk 'NR == 2 { print $4 }'"#);
        let kib: u64 = self.shell.script(FREE, &[self.root.as_str()], "")?.trim().parse()?;
        Ok(kib * 1024)
    }
}

impl HostFacts {
    fn parse(told: &str, now: SystemTime) -> Option<HostFacts> {
        let number = |name: &str| -> Option<i64> {
            told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
        };
        let kib = |name: &str| number(name).and_then(|kib| u64::try_from(kib).ok()).map(|kib| kib * 1024);
        let ours = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        Some(HostFacts {
            uid: number("uid")?.try_into().ok()?,
            gid: number("gid")?.try_into().ok()?,
            free_disk: kib("disk")?,
            engine_disk: kib("engine_disk"),
            memory: kib("memory")?,
            free_memory: kib("free_memory")?,
            clock_ahead: number("clock")? - i64::try_from(ours).ok()?,
            is_fresh: number("fresh").is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_a_host_tells_is_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let told =
            "uid 1000\ngid 1001\nmemory 4096\nfree_memory 1024\ndisk 2048\nengine_disk 512\nclock 990\n";
        let facts = HostFacts::parse(told, now).unwrap();
        assert_eq!((facts.uid, facts.gid, facts.clock_ahead), (1000, 1001, -10));
        assert_eq!((facts.free_disk, facts.engine_disk), (2 << 20, Some(512 << 10)));
        assert_eq!((facts.memory, facts.free_memory), (4 << 20, 1 << 20));
        assert_eq!(HostFacts::parse("uid 0", now), None);
    }
}
