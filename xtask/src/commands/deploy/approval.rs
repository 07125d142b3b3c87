//! The gate `approval`: what goes to where people work has been approved by somebody else than who deploys it.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::commands::progress::driver::who;
use crate::commands::target::gate::{self, Override, short};
use crate::product::approvals;
use crate::product::images::Registry;
use crate::project::Environment;
use crate::terminal::{self, paint};
use crate::tools::git::Commit;

/// Refused while too few have. Gives who has. Nobody is asked for while nobody is listed who may.
pub fn check(
    environment: &Environment,
    registry: &Registry,
    commit: &Commit,
    images: &BTreeMap<String, String>,
    overrides: &[Override],
) -> Result<Vec<String>> {
    let wanted = wanted(environment)?;
    if wanted == 0 || gate::is_open("approval", overrides) {
        return Ok(Vec::new());
    }
    let by = who();
    let (given, mut not) = approvals::given(registry, environment, commit, images)
        .map_err(|error| gate::closed("approval", format!("who has approved is not known: {error:#}")))?;
    let (own, given): (Vec<String>, Vec<String>) =
        given.into_iter().partition(|name| approvals::is_the_same(&by, name));
    not.extend(own.iter().map(|name| format!("{name}'s does not count: {by} deploys")));
    if given.len() >= wanted {
        terminal::note(paint::dim(format_args!("  approved by {}", given.join(", "))));
        return Ok(given);
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

/// How many must have approved.
pub fn wanted(environment: &Environment) -> Result<usize> {
    match approvals::names(&approvals::approvers()?).next() {
        Some(_) => Ok(environment.reviewers),
        None => Ok(0),
    }
}
