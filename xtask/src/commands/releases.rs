//! `cargo xtask releases`: what is kept, and what happened.

mod exposed;
pub mod faults;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::exposed::Exposed;
use self::faults::Faults;
use super::output::OutputArgs;
use super::output::ago::ago;
use super::target::TargetArgs;
use crate::rollout::observed::Observed;
use crate::rollout::state::guard::written;
use crate::rollout::state::ledger::{Outcome, RecordedAttempt};
use crate::rollout::state::release::Release;
use crate::terminal::{self, paint};

/// The releases that are kept, and the attempts in the ledger
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Releases {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Exposed(Exposed),
}

impl Releases {
    /// Dispatches; without a verb, prints both tables, the newest first.
    pub fn run(self) -> Result<()> {
        if let Some(Verb::Exposed(exposed)) = self.verb {
            return exposed.run();
        }
        let machine = self.target.reach()?;
        let seen = Observed::for_looking(&machine, |why| terminal::warn(format_args!("{why:#}")))?;
        let (attempts, faults) = (seen.ledger.attempts(), Faults::of(&machine, &seen)?);
        self.output.say(
            || {
                let kept = seen.kept.iter().map(|release| for_programs(&seen, release, &faults));
                let kept: Vec<_> = kept.collect();
                let broken = seen.broken.iter().map(|it| json!({ "id": it.id, "why": it.why }));
                let broken: Vec<_> = broken.collect();
                json!({ "kept": kept, "broken": broken, "attempts": attempts })
            },
            || {
                say_kept(&seen, &faults);
                terminal::say("");
                say_attempts(&attempts);
            },
        );
        Ok(())
    }
}

fn for_programs(seen: &Observed, release: &Release, faults: &Faults) -> Value {
    let Release { id, commit, subject, .. } = release;
    let bad = seen.ledger.taken_back().get(id).map(RecordedAttempt::how_taken_back);
    json!({
        "id": id,
        "commit": commit,
        "subject": subject,
        "state": state(seen, release),
        "bad": bad,
        "faults": faults.of_release(id),
    })
}

fn say_kept(seen: &Observed, faults: &Faults) {
    let taken_back = seen.ledger.taken_back();
    let row = |release: &Release| {
        let bad = taken_back.get(&release.id).map(|by| format!("bad: {}", by.how_taken_back()));
        let faults = faults.of_release(&release.id).iter().cloned();
        let faults: Vec<_> = bad.into_iter().chain(faults).map(paint::bad).collect();
        let state = match state(seen, release) {
            state @ "live" => paint::good(state),
            state @ "warm" => paint::warn(state),
            state => paint::dim(state),
        };
        let state = [vec![state], faults].concat().join(", ");
        vec![release.id.to_string(), state, release.commit[..12].to_owned(), release.subject.clone()]
    };
    let broken = seen.broken.iter().rev().map(|it| {
        vec![it.id.to_string(), paint::bad(format_args!("damaged: {}", it.why)), String::new(), String::new()]
    });
    let rows: Vec<_> = seen.kept.iter().rev().map(row).chain(broken).collect();
    terminal::table(&["release", "state", "commit", "subject"], &rows);
}

fn say_attempts(attempts: &[RecordedAttempt]) {
    let row = |attempt: &RecordedAttempt| {
        let outcome = match attempt.outcome {
            Some(outcome @ Outcome::Succeeded) => paint::good(outcome),
            Some(outcome) => paint::bad(outcome),
            None => paint::warn("not ended"),
        };
        let to = written(attempt.to.as_ref()).to_owned();
        vec![ago(&attempt.at), attempt.kind.to_string(), to, outcome, attempt.by.clone()]
    };
    let rows: Vec<_> = attempts.iter().rev().take(20).map(row).collect();
    terminal::table(&["when", "what", "to", "how it ended", "by"], &rows);
}

fn state(seen: &Observed, release: &Release) -> &'static str {
    if seen.traffic.active.as_ref() == Some(&release.id) {
        "live"
    } else if seen.is_ready(release) {
        "warm"
    } else if seen.ledger.never_ready(&release.id).is_some() {
        "never ready"
    } else if seen.incompatible_with(&release.id).is_empty() {
        "stopped"
    } else {
        // A migration took away what it uses.
        "incompatible"
    }
}
