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

mod audit;
mod context;
mod decide;
mod draw;
mod execute;
mod fingerprint;
mod globs;
mod graph;
mod mask;
mod outcome;
mod report;
mod run;
mod schedule;
mod services;
mod since;
mod store;
mod strict;
mod task;
mod temporary;

pub use audit::audit;
pub use context::Context;
pub use decide::{Judge, Verdict};
pub use draw::{Picture, draw};
pub use fingerprint::Fingerprints;
pub use globs::Globs;
pub use graph::Graph;
pub use outcome::Tally;
pub use report::{Format, Report};
pub use run::{Options, run};
pub use since::affected;
pub use store::Store;
pub use strict::{Bare, Variables};
pub use task::{Lane, Service, Task, Unavailable, minutes, task};
