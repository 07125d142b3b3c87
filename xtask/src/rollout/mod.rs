//! The embedded language for deploys. A [`plan::Plan`] is a list of [`plan::Step`]s, built from what is seen under the
//! lease; it can be printed, run, undone and read about afterwards in the [`state::ledger`]. It knows nothing of the
//! terminal, looks at the world through [`host::Host`], and changes it through [`host::LeasedHost`], which only taking the
//! lease gives.

pub mod attempt;
pub mod edge_counts;
pub mod host;
pub mod journal;
pub mod limits;
pub mod observed;
pub mod plan;
pub mod plans;
pub mod recover;
pub mod remake;
pub mod revert;
pub mod rollback;
#[cfg(test)]
pub mod simulation;
pub mod state;
pub mod steps;
