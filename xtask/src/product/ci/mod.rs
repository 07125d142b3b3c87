//! The definition of CI: the rows, and the functions that they run.

pub mod api;
pub mod covered;
pub mod database;
pub mod delivery;
pub mod dependencies;
pub mod deploy_files;
pub mod docs;
pub mod frontend;
pub mod lint;
pub mod patterns;
pub mod results;
pub mod rust;
pub mod tasks;
