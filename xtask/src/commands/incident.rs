//! `cargo xtask incident`: what users suffer from, written down by people. The ledger sees what the watch, the guard and a rollback
//! see; what users tell later is known to nobody else.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::OutputArgs;
use super::output::ago::ago;
use super::progress::driver::{self, LockWaitArgs};
use super::refuse;
use super::target::TargetArgs;
use crate::host::Machine;
use crate::rollout::host::Host;
use crate::rollout::state::ledger::incidents::Incident;
use crate::rollout::state::ledger::{IncidentMark, Ledger};
use crate::rollout::state::release::ReleaseId;
use crate::terminal::{self, paint};

/// Write down what users suffer from, which nothing here could see
///
/// A release with an incident counts as a failed deployment in `cargo xtask metrics`. Nothing else changes: what helps is
/// `cargo xtask rollback`.
#[derive(Debug, Args)]
pub struct IncidentVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Users suffer from a release
    Open {
        #[command(flatten)]
        target: TargetArgs,
        /// The release that they suffer from
        #[arg(long, value_name = "RELEASE")]
        caused_by: ReleaseId,
        /// What they suffer, in a line
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        lock_wait: LockWaitArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// They no longer do
    Close {
        #[command(flatten)]
        target: TargetArgs,
        /// The release that they suffered from; needless while one incident is open
        #[arg(long, value_name = "RELEASE")]
        caused_by: Option<ReleaseId>,
        #[command(flatten)]
        lock_wait: LockWaitArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// All that were written down, the newest first
    List {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
}

impl IncidentVerb {
    /// Opening and closing are entries in the ledger, written under the lease.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Open { target, caused_by, reason, lock_wait, output } => {
                open(&target.reach()?, caused_by, &reason, lock_wait, output)
            }
            Verb::Close { target, caused_by, lock_wait, output } => {
                close(&target.reach()?, caused_by, lock_wait, output)
            }
            Verb::List { target, output } => list(&target.reach()?, output),
        }
    }
}

fn open(
    machine: &Machine,
    caused_by: ReleaseId,
    reason: &str,
    lock_wait: LockWaitArgs,
    output: OutputArgs,
) -> Result<()> {
    if reason.trim().is_empty() {
        return Err(refuse("--reason: say what users suffer; it is all that the next one will know of it"));
    }
    let what = format!("incident of {caused_by}");
    note(machine, &what, Some(reason), lock_wait, |ledger| {
        let confirmed = ledger.confirmed();
        if !confirmed.contains(&caused_by) {
            let newest = confirmed.first().map_or("none".to_owned(), ToString::to_string);
            return Err(refuse(format!(
                "no release {caused_by} ever had the traffic in {}: `cargo xtask releases` lists them; the newest is {newest}",
                machine.environment().name
            )));
        }
        if let Some(open) = ledger.open_incidents().iter().find(|it| it.caused_by == caused_by) {
            return Err(refuse(format!(
                "it is open already, since {} by {}: {}",
                open.opened, open.by, open.why
            )));
        }
        Ok(IncidentMark { caused_by: caused_by.clone(), is_over: false })
    })?;
    output.say(
        || json!({ "caused_by": caused_by, "is_over": false }),
        || {
            terminal::say(format_args!(
                "{} an incident of {caused_by} is open",
                paint::strong(&machine.environment().name)
            ))
        },
    );
    Ok(())
}

fn close(
    machine: &Machine,
    caused_by: Option<ReleaseId>,
    lock_wait: LockWaitArgs,
    output: OutputArgs,
) -> Result<()> {
    let environment = &machine.environment().name;
    let mark = note(machine, "the incident is over", None, lock_wait, |ledger| {
        let open = ledger.open_incidents();
        let asked = open.iter().filter(|it| caused_by.as_ref().is_none_or(|of| *of == it.caused_by));
        match asked.collect::<Vec<_>>()[..] {
            [one] => Ok(IncidentMark { caused_by: one.caused_by.clone(), is_over: true }),
            [] => Err(refuse(format!(
                "no such incident is open: `cargo xtask incident list --env {environment}`"
            ))),
            _ => {
                let of: Vec<String> = open.iter().map(|it| it.caused_by.to_string()).collect();
                Err(refuse(format!("several are open, so say which by --caused-by: {}", of.join(", "))))
            }
        }
    })?;
    output.say(
        || json!({ "caused_by": mark.caused_by, "is_over": true }),
        || {
            terminal::say(format_args!(
                "{} the incident of {} is over",
                paint::strong(environment),
                mark.caused_by
            ))
        },
    );
    Ok(())
}

/// Writes what `of` makes of the ledger that is seen under the lease. What it refuses leaves everything as it was.
fn note(
    machine: &Machine,
    what: &str,
    reason: Option<&str>,
    lock_wait: LockWaitArgs,
    of: impl Fn(&Ledger) -> Result<IncidentMark>,
) -> Result<IncidentMark> {
    // Who mistypes a release is told at once, and not after somebody else's deploy.
    of(&machine.ledger()?)?;
    let leased = driver::lease(machine, what.to_owned(), lock_wait)?;
    let attempt = driver::settle(&leased)?;
    let mark = of(&machine.ledger()?)?;
    attempt.note_incident(what, reason, mark.clone())?;
    Ok(mark)
}

fn list(machine: &Machine, output: OutputArgs) -> Result<()> {
    let mut incidents = machine.ledger()?.incidents();
    incidents.reverse();
    output.say(
        || json!(incidents),
        || {
            if incidents.is_empty() {
                return terminal::say(format_args!("{}: nobody wrote one down", machine.environment().name));
            }
            let row = |it: &Incident| {
                let over = it.closed.as_ref().map_or(paint::bad("open"), |closed| ago(closed));
                vec![ago(&it.opened), over, it.caused_by.to_string(), it.by.clone(), it.why.clone()]
            };
            let rows: Vec<_> = incidents.iter().map(row).collect();
            terminal::table(&["opened", "over", "caused by", "who", "what"], &rows);
        },
    );
    Ok(())
}
