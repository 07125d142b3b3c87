//! The files of papers, in their volume: whether each is what a backup says, and how one comes back. By a script that runs in a
//! container for a moment, as the database's image has the programs for it.

use std::time::Duration;

use anyhow::{Context, Result};
use xshell::Cmd;
use xshell::cmd;

use super::{Leased, Machine};
use crate::project::{APP_UID, PAPERS_VOLUME};
use crate::rollout::state::backup::Backup;
use crate::tools::docker::limits::{LIMITS, OTHERS_FILES, READ_ONLY};
use crate::tools::docker::volume;
use crate::tools::process::Run;

pub(super) const SCRIPT: &str = include_str!("scripts/papers.sh");
/// All of them are read: so much time in any case, and for so many bytes a second more.
const CHECK_TIMEOUT: Duration = Duration::from_secs(600);
const BYTES_A_SECOND: u64 = 10 << 20;

/// The papers, to look at.
pub struct Papers<'a> {
    pub(super) machine: &'a Machine,
}

/// The papers, to change.
pub struct LeasedPapers<'a> {
    leased: &'a Leased<'a>,
}

impl<'a> Papers<'a> {
    /// Those that a backup names, `ORGANISATION/SHA-256 SIZE` a line; nothing when nobody has listed them.
    pub fn named_by(&self, backup: &Backup) -> Result<Option<String>> {
        if backup.papers.is_none() {
            return Ok(None);
        }
        let file = self.machine.folder("backups").join(format!("{}.papers", backup.name));
        let list = self.machine.read(&file)?;
        list.map(Some)
            .with_context(|| format!("{file} is gone: nobody knows which papers {} names", backup.name))
    }

    /// Of such a list what is not there as it was: `missing NAME` or `damaged NAME` each. Each file is read to its end.
    pub fn lacking(&self, list: &str) -> Result<Vec<String>> {
        if list.is_empty() {
            return Ok(Vec::new());
        }
        let volume = self.machine.named(PAPERS_VOLUME);
        // The engine would make one, and nobody's.
        if volume::labels(self.machine.docker(), &volume)?.is_none() {
            let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
            return Ok(list.lines().map(|line| format!("missing {}", name(line))).collect());
        }
        let (image, user) = (self.image()?, APP_UID.to_string());
        let mount = format!("{volume}:/papers:ro,nocopy");
        let check = cmd!(
            self.machine.docker(),
            "docker run --rm --interactive --network none {LIMITS...} {READ_ONLY...} --user {user} --entrypoint sh --volume {mount} {image} -c {SCRIPT} papers check"
        );
        let list: String = list.lines().map(|line| format!("{line}\n")).collect();
        let bytes = list.lines().filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>();
        let timeout = CHECK_TIMEOUT + Duration::from_secs(bytes / BYTES_A_SECOND);
        let told = Run::new(check).called("papers.sh check").timeout(timeout).stdin(list).text();
        Ok(told.context("looking at the files of papers")?.lines().map(str::to_owned).collect())
    }

    /// For reading files of these names, one a line, in an archive.
    pub fn send(&self) -> Result<Cmd<'a>> {
        let (image, user) = (self.image()?, APP_UID.to_string());
        let mount = format!("{}:/papers:ro,nocopy", self.machine.named(PAPERS_VOLUME));
        Ok(cmd!(
            self.machine.docker(),
            "docker run --rm --interactive --network none {LIMITS...} {READ_ONLY...} --user {user} --entrypoint sh --volume {mount} {image} -c {SCRIPT} papers send"
        ))
    }

    fn image(&self) -> Result<String> {
        let bases =
            self.machine.platform().bases()?.context("the platform does not run: a deploy starts it")?;
        Ok(bases.postgres)
    }
}

impl Machine {
    /// The papers, to look at.
    pub fn papers(&self) -> Papers<'_> {
        Papers { machine: self }
    }
}

impl Leased<'_> {
    /// The papers, to change.
    pub fn papers(&self) -> LeasedPapers<'_> {
        LeasedPapers { leased: self }
    }
}

impl<'a> LeasedPapers<'a> {
    /// For bringing files, in an archive. One whose content is not what its name says ends it, and is not there.
    pub fn receive(&self) -> Result<Cmd<'a>> {
        self.leased.platform().prepare_papers()?;
        let machine = self.leased.fenced_invalidating()?;
        let (image, user) = (machine.papers().image()?, APP_UID.to_string());
        // Until the first release mounts it, it is root's.
        let mount = format!("{}:/papers:nocopy", machine.named(PAPERS_VOLUME));
        Ok(cmd!(
            machine.docker(),
            "docker run --rm --interactive --network none {LIMITS...} {OTHERS_FILES...} {READ_ONLY...} --user 0 --entrypoint sh --volume {mount} {image} -c {SCRIPT} papers receive {user}"
        ))
    }
}
