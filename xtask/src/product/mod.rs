//! What TraceHub does with the two languages: CI's rows and their functions, the workflows' jobs, image builds, migrations.

pub mod alarms;
pub mod approvals;
pub mod artifacts;
pub mod baseline;
pub mod catalogue;
pub mod checkout;
pub mod checks;
pub mod ci;
pub mod database;
pub mod dev;
pub mod drills;
pub mod frontend;
pub mod github;
pub mod images;
pub mod metrics;
pub mod migration_diff;
pub mod migration_rules;
pub mod migration_script;
pub mod migrations;
pub mod outdated;
pub mod platform;
pub mod probes;
pub mod sbom;
pub mod secrets;
pub mod sentry;
pub mod serving;
pub mod settings;
pub mod signed;
pub mod snapshot;
pub mod sources;
#[cfg(test)]
mod tests;
pub mod updates;
pub mod workflows;
