//! Migrations that take something away: which releases still use it, and whether one of them has the traffic.

use anyhow::Result;

use crate::commands::target::gate::{self, Override};
use crate::exit::refuse;
use crate::rollout::observed::Observed;
use crate::rollout::state::contract::Contract;
use crate::rollout::state::release::Release;
use crate::rollout::steps::schema::versions;
use crate::tools::git;
use crate::workspace;

/// The contracts among the pending migrations. Refused while the release that has the traffic still uses what one takes
/// away, and when this release itself uses what one has taken away already.
pub fn check(
    release: &Release,
    seen: &Observed,
    environment: &str,
    overrides: &[Override],
) -> Result<Vec<Contract>> {
    let applied = seen.ledger.contracts().into_values().filter(|it| seen.schema.contains_key(&it.migration));
    let lost: Vec<&Contract> = applied.filter(|contract| predates(release, &contract.unused_since)).collect();
    if let Some(contract) = lost.first() {
        return Err(refuse(format!(
            "the commit {} uses what {} took away: nothing from {} on does\n  Deploy a later commit; or go back to a \
             release that is kept: `cargo xtask rollback --env {environment} --to RELEASE --with-database`.",
            short(&release.commit),
            versions(&[contract.migration]),
            short(&contract.unused_since),
        )));
    }
    let contracts = seen.contracts(release, predates);
    let live = seen.traffic.active.as_ref();
    let hurts =
        contracts.iter().find(|contract| live.is_some_and(|live| contract.incompatible_with.contains(live)));
    match (hurts, live) {
        (Some(contract), Some(live)) if !gate::is_open("contract", overrides) => Err(gate::closed(
            "contract",
            format!(
                "{} takes away what {live} uses, and that one serves while it runs: deploy {}, or a later commit without \
                 this migration, first",
                versions(&[contract.migration]),
                short(&contract.unused_since),
            ),
        )),
        _ => Ok(contracts),
    }
}

/// Whether the release is from before this commit. One whose commit is not known here is taken to be.
fn predates(release: &Release, commit: &str) -> bool {
    !git::is_ancestor(workspace::root(), commit, &release.commit).unwrap_or(false)
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
