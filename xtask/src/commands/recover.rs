//! `cargo xtask recover`: settles what a killed attempt left, and does nothing else.

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::host::edge;
use super::output::OutputArgs;
use super::progress::driver::{self, LockWaitArgs};
use super::target::TargetArgs;
use crate::host::{AdoptionState, Leased, Machine};
use crate::rollout::host::Host;
use crate::rollout::recover::{give_lost_traffic_back, retire};
use crate::rollout::remake::{Remade, remake_ledger};
use crate::rollout::state::guard::written;
use crate::terminal::{self, Activity, paint};

/// Finish or undo what a killed deploy or rollback left
///
/// The next deploy or rollback does it too.
#[derive(Debug, Args)]
pub struct Recover {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// Make a lost or damaged ledger anew, from its copies and from what is on the host; the one before is kept
    #[arg(long)]
    ledger: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Recover {
    /// Taking the lease is all that it takes.
    pub fn run(self) -> Result<()> {
        let machine = edge::with_what_it_runs(self.target.reach()?)?;
        let leased = driver::lease(&machine, "recover".to_owned(), self.lock_wait)?;
        let mut attempt = driver::settle(&leased)?;
        end_adoption(&leased, &machine)?;
        let mut settled = attempt.settled.words.clone();
        let remade = match self.ledger {
            true => remake_ledger(&leased, &attempt.settled.files, attempt.by())?,
            false => None,
        };
        if remade.is_some() {
            // Its entries come behind those of the new one.
            attempt = driver::settle(&leased)?;
            settled.extend(attempt.settled.words.iter().cloned());
            if let Err(error) = leased.watcher().look_again().and_then(|()| leased.sender().look_again()) {
                terminal::warn(format_args!("{error:#}: until then it reads the ledger from before"));
            }
        }
        let files = &attempt.settled.files;
        let given_back = give_lost_traffic_back(&leased, files).map_err(|error| {
            let name = &machine.environment().name;
            error.context(format!(
                "no release has the traffic\n  `cargo xtask deploy --env {name}`, or `cargo xtask rollback --env {name} --to RELEASE`, \
                 gives it to one"
            ))
        })?;
        if let Some(id) = &given_back {
            attempt.note(&format!("no release had the traffic: {id} has it again"))?;
        }
        if let Err(error) = retire(&leased) {
            terminal::warn(format_args!("what has no traffic any more could not be stopped: {error:#}"));
        }
        let serves = machine.live()?.active;
        self.output.say(
            || {
                let for_programs = |it: &Remade| json!({ "set_aside": it.set_aside, "unknown": it.unknown });
                let remade = remade.as_ref().map(for_programs);
                json!({ "settled": settled, "given_back": given_back, "live": serves, "ledger": remade })
            },
            || {
                if let Some(id) = &given_back {
                    terminal::say(format_args!(
                        "{} the live file was gone, and names {id} again.",
                        paint::good("Mended:")
                    ));
                }
                if let Some(remade) = &remade {
                    say_remade(remade);
                } else if self.ledger {
                    terminal::say("The ledger is whole: it is left as it is.");
                } else if settled.is_empty() && given_back.is_none() {
                    terminal::say(format_args!(
                        "{} nothing was left unsettled.",
                        paint::good("Nothing to do:")
                    ));
                }
                terminal::say(format_args!("{} has the traffic.", written(serves.as_ref())));
            },
        );
        Ok(())
    }
}

/// What is left of a project that was adopted stops, and the edge has the ports. Who has taken ours down may have gone back to it: then it is left alone.
fn end_adoption(leased: &Leased, machine: &Machine) -> Result<()> {
    let record = machine.adoption().record()?.filter(|record| record.state == AdoptionState::Ours);
    let Some(record) = record else { return Ok(()) };
    if !machine.platform().serves()? {
        return Ok(());
    }
    leased.adoption().keep_stopped(&record)?;
    if machine.edge_has_its_ports()? {
        return Ok(());
    }
    let live = machine.live()?.active;
    let Some(release) = machine.kept()?.into_iter().find(|it| Some(&it.id) == live.as_ref()) else {
        return Ok(());
    };
    Activity::of("the edge takes its ports", |_| edge::open(leased, machine, &release)).with_context(
        || {
            format!(
                "the data of {} are ours, but the edge has not taken its ports, and users are not served",
                record.project.name
            )
        },
    )?;
    let words = format!("the adoption of {} was cut off: the edge has taken its ports", record.project.name);
    driver::settle(leased)?.note(&words)?;
    terminal::note(paint::warn(words));
    Ok(())
}

fn say_remade(remade: &Remade) {
    let Remade { set_aside, unknown } = remade;
    let kept = set_aside.as_ref().map_or(String::new(), |file| format!(" The one before is kept: {file}."));
    terminal::say(format_args!("{} the ledger is made anew.{kept}", paint::good("Mended:")));
    unknown.iter().for_each(|what| terminal::say(format_args!("  not known any more: {what}")));
}
