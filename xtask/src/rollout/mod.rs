//! The embedded language for deploys. A [`plan::Plan`] is a list of [`plan::Step`]s, built from what is seen under the
//! [`host::Lease`]; it can be printed, run, undone and read about afterwards in the [`ledger`]. It knows nothing of
//! the terminal, and reaches the world through [`host::Host`] alone.

pub mod attempt;
pub mod back;
pub mod backup;
pub mod contract;
pub mod guard;
pub mod host;
pub mod journal;
pub mod ledger;
pub mod machine;
pub mod observed;
pub mod plan;
pub mod plans;
pub mod recover;
pub mod release;
pub mod restore;
pub mod schema;
#[cfg(test)]
pub mod simulation;
pub mod steps;
pub mod traffic;
pub mod watch;
