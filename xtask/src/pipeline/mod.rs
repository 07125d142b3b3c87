//! The language that CI is written in: a task is a row of data, the rows make a graph that is checked when it is
//! built, and a run of it ends in one line that can be quoted.
//!
//! ```text
//! task("eslint", "the frontend's lint rules")
//!     .needs(["npm-ci"]).groups(["lint"]).tools(&[Tool::Node])
//!     .run(|task| task.run(npm::script(&task.sh, "lint")?)),
//! ```
//!
//! Nothing here knows what is built or tested.

mod graph;
mod report;
mod run;
mod task;

pub use graph::Graph;
pub use report::{Format, Report};
pub use run::{Options, Tally, run};
pub use task::{Context, Task, minutes, task};
