//! `cargo xtask workflows`: writes GitHub's workflow files, whose jobs are tasks of the table that `cargo xtask ci` runs.
//! `--check` verifies what the plain call writes.

use anyhow::Result;

use crate::product::ci::tasks;
use crate::product::workflows::{check, count, minutes, write};
use crate::terminal;

/// Write GitHub's workflow files from the table of jobs
///
/// With --check, change nothing, and fail where a file is not as it would be written.
#[derive(Debug, clap::Args)]
pub struct Workflows {
    /// Change nothing; fail where a file is missing, another one, or nobody's, or a task has no job
    #[arg(long)]
    check: bool,
    /// Print the minutes that a push is estimated to take, against what is free in a month
    #[arg(long, conflicts_with = "check")]
    minutes: bool,
}

impl Workflows {
    /// Writes, checks or counts.
    pub fn run(self) -> Result<()> {
        if self.minutes {
            minutes::say();
            return Ok(());
        }
        if self.check {
            check(&tasks::names())?;
            terminal::say(format_args!("{} workflow files are as they would be written", count()));
            return Ok(());
        }
        write(&tasks::names())
    }
}
