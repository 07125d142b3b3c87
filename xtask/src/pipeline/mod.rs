//! The language that CI is written in: a task is a row of data, the rows make a graph that is checked when it is
//! built, and a run of it ends in one line that can be quoted.
//!
//! ```text
//! task("eslint", "the frontend's lint rules")
//!     .needs(["npm-ci"]).groups(["lint"]).tools(&[Tool::Node])
//!     .reads(["frontend/src/", "frontend/node_modules/"])
//!     .run(|task| task.run(npm::script(&task.sh, "lint")?)),
//! ```
//!
//! A pass is remembered by the task's fingerprint: everything on which it depends. Nothing here knows what is built or
//! tested.

mod affected;
mod audit;
mod context;
mod decide;
mod diagram;
mod execute;
mod fingerprint;
mod globs;
mod graph;
mod mask;
mod options;
mod outcome;
mod report;
mod run;
mod schedule;
mod services;
mod store;
mod strict;
mod task;
mod temp_folders;

pub use self::affected::affected;
pub use self::audit::audit;
pub use self::context::Context;
pub use self::decide::{Judge, Verdict};
pub use self::diagram::{DiagramFormat, draw};
pub use self::fingerprint::Fingerprints;
pub use self::globs::Globs;
pub use self::graph::Graph;
pub use self::mask::lines_to_mask;
pub use self::options::RunOptions;
pub use self::outcome::Tally;
pub use self::report::{Format, Report};
pub use self::run::run;
pub use self::services::Service;
pub use self::store::Store;
pub use self::strict::{Sandbox, Variables, is_always_given};
pub use self::task::{Lane, Task, Unavailable, minutes, task};
