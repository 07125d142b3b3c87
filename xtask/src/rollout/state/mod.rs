//! What a rollout reads and writes on a host: ledger, live folder, releases, backups.

pub mod archived;
pub mod backup;
pub mod catalogue;
pub mod contract;
pub mod guard;
pub mod history;
pub mod ledger;
pub mod platform;
pub mod release;
