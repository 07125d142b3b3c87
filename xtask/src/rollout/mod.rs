//! The embedded language for deploys. A [`plan::Plan`] is a list of [`plan::Step`]s, built from what is seen under the
//! [`host::Lease`]; it can be printed, run, undone and read about afterwards in the [`ledger`]. It knows nothing of
//! the terminal, and reaches the world through [`host::Host`] alone.

pub mod attempt;
pub mod host;
pub mod journal;
pub mod limits;
pub mod observed;
pub mod plan;
pub mod plans;
pub mod recover;
pub mod rollback;
#[cfg(test)]
pub mod simulation;
pub mod state;
pub mod steps;
