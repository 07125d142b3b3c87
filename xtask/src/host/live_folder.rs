//! The live folder: who has the traffic, who is warm, what is guarded, and whether users are asked to wait. One script
//! reads and changes it, under a lock of the folder's own; the guard's container runs the same one.

use std::time::SystemTime;

use anyhow::Result;

use super::{Leased, Machine};
use crate::exit::refuse;
use crate::rollout::host::Switching;
use crate::rollout::state::guard::{Traffic, Unreadable, written};
use crate::rollout::state::release::ReleaseId;
use crate::tools::ssh::host_shell::Script;

/// Also the guard's container's.
pub(super) const SCRIPT: Script = Script::new("live.sh", include_str!("scripts/live.sh"));

/// In seconds, as Retry-After has it.
const SOON: &str = "5";
/// In seconds since 1970.
const NEVER: &str = "9999999999";

/// The live folder, to look at.
pub(super) struct LiveFolder<'a> {
    pub(super) machine: &'a Machine,
}

/// The live folder, to change.
pub struct LeasedLiveFolder<'a> {
    pub(super) leased: &'a Leased<'a>,
}

impl LiveFolder<'_> {
    /// What it holds.
    pub(super) fn live(&self) -> Result<Traffic> {
        self.parse(&self.call("read", &[])?)
    }

    /// Reads what the script has read. Where somebody's hand was, nothing is done before it was mended, by hand.
    pub(super) fn parse(&self, told: &str) -> Result<Traffic> {
        Traffic::parse(told).map_err(|unreadable| self.explain(&unreadable))
    }

    fn explain(&self, unreadable: &Unreadable) -> anyhow::Error {
        let file = self.machine.folder("live").join("live");
        let kept = self.machine.releases().kept().unwrap_or_default();
        let kept: Vec<&str> = kept.iter().rev().map(|release| release.id.as_str()).collect();
        refuse(format!(
            "{unreadable}\n  {file} holds the id of the release that has the traffic, or `none`: write there which it was \
             ({} are kept), then run the command again.",
            kept.join(", ")
        ))
    }

    /// A rollback does not wait for the lease of the deploy that it takes back.
    pub(super) fn trip_without_lease(&self, attempt: &str, by: &str) -> Result<()> {
        self.call("trip", &[attempt, &format!("rollback by {by}")]).map(drop)
    }

    fn call(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        let folder = self.machine.folder("live");
        let all: Vec<&str> = [verb, folder.as_str()].into_iter().chain(arguments.iter().copied()).collect();
        Ok(self.machine.shell.script(SCRIPT, &all, "")?)
    }
}

impl Leased<'_> {
    /// The live folder, to change: the traffic, and what guards it.
    pub fn live_folder(&self) -> LeasedLiveFolder<'_> {
        LeasedLiveFolder { leased: self }
    }
}

impl LeasedLiveFolder<'_> {
    pub(super) fn confirm(&self, attempt: &str) -> Result<()> {
        self.change("confirm", &[attempt])
    }

    pub(super) fn trip(&self, attempt: &str, reason: &str) -> Result<()> {
        self.change("trip", &[attempt, reason])
    }

    pub(super) fn dismiss_guard(&self) -> Result<()> {
        let (file, number) = self.leased.fencing()?;
        self.change("dismiss", &[&file, &number])
    }

    pub(super) fn switch(&self, switch: &Switching) -> Result<()> {
        let (from, (file, number)) = (written(switch.from.as_ref()), self.leased.fencing()?);
        let (attempt, seconds) = match &switch.guarded {
            Some((attempt, margin)) => (attempt.as_str(), margin.as_secs()),
            None => ("-", 0),
        };
        self.change("switch", &[from, switch.to.as_str(), &file, &number, attempt, &seconds.to_string()])
    }

    pub(super) fn set_warm(&self, live: Option<&ReleaseId>, warm: Option<&ReleaseId>) -> Result<()> {
        let (file, number) = self.leased.fencing()?;
        self.change("warm", &[written(live), &file, &number, written(warm)])
    }

    pub(super) fn clear_live(&self) -> Result<()> {
        let (file, number) = self.leased.fencing()?;
        self.change("clear", &[&file, &number])
    }

    /// Asks users to wait until then, or lets them in again.
    pub fn set_maintenance(&self, until: Option<SystemTime>) -> Result<()> {
        let Some(until) = until else { return self.change("maintenance", &["none"]) };
        let seconds = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        // As Retry-After has it (RFC 9110).
        self.change("maintenance", &[&httpdate::fmt_http_date(until), &seconds.to_string()])
    }

    /// Asks users to come again in some seconds, until they are let in.
    pub fn ask_to_wait(&self) -> Result<()> {
        self.change("maintenance", &[SOON, NEVER])
    }

    /// Believes the machine at this address when it says whom it hands on, or nobody any more.
    pub fn set_former(&self, address: Option<&str>) -> Result<()> {
        self.change("former", &[address.unwrap_or("none")])
    }

    pub(super) fn change(&self, verb: &str, arguments: &[&str]) -> Result<()> {
        self.leased.fenced()?.live_folder().call(verb, arguments).map(drop)
    }
}
