//! The gate `approval`: what goes to where people work has been approved by somebody else than who deploys it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::commands::progress::driver::who;
use crate::commands::target::gate::{self, Override, short};
use crate::host::Machine;
use crate::product::approvals;
use crate::product::images::Registry;
use crate::rollout::host::Host as _;
use crate::terminal::{self, paint};
use crate::tools::git::Commit;
use crate::workspace;

/// Refused while too few have. Gives what the ledger notes of it. Nobody is asked for while nobody is listed who may, which is
/// said.
pub fn check(
    machine: &Machine,
    registry: &Registry,
    commit: &Commit,
    images: &BTreeMap<String, String>,
    overrides: &[Override],
) -> Result<Vec<String>> {
    let environment = machine.environment();
    let wanted = environment.reviewers;
    if wanted == 0 || gate::is_open("approval", overrides) {
        return Ok(Vec::new());
    }
    let signers = approvers(machine).map_err(|error| gate::closed("approval", format!("{error:#}")))?;
    if approvals::names(&signers).next().is_none() {
        let words = format!("no approval was asked for: {} lists nobody who may", approvals::path());
        terminal::warn(&words);
        return Ok(vec![words]);
    }
    let by = who();
    let (given, mut not) = approvals::given(registry, environment, commit, images, &signers)
        .map_err(|error| gate::closed("approval", format!("who has approved is not known: {error:#}")))?;
    let (own, given): (Vec<String>, Vec<String>) =
        given.into_iter().partition(|name| approvals::is_the_same(&signers, &by, name));
    not.extend(own.iter().map(|name| format!("{name}'s does not count: {by} deploys")));
    if given.len() >= wanted {
        terminal::note(paint::dim(format_args!("  approved by {}", given.join(", "))));
        return Ok(given.into_iter().map(|who| format!("approved by {who}")).collect());
    }
    let (name, sha) = (&environment.name, short(&commit.sha));
    not.insert(
        0,
        format!("{} of {wanted} have approved of {sha} ({}) for {name}", given.len(), commit.subject),
    );
    let todo = format!(
        "Somebody else runs `cargo xtask approve {sha} --env {name}`, of those whom {} lists.",
        approvals::path()
    );
    Err(gate::closed("approval", format!("{}\n  {todo}", not.join("; "))))
}

/// Those who may, as the commit has it that has the traffic there.
fn approvers(machine: &Machine) -> Result<String> {
    let live = machine.live_release()?.map(|release| release.commit);
    approvals::approvers_after(workspace::root(), live.as_deref(), approvals::approvers()?)
        .context("who may approve is not known")
}
