//! `cargo xtask test`: what runs the code.

use clap::Args;

use super::ci::RunArgs;

/// Run the tests of every part, the backend's on a throw-away PostgreSQL
#[derive(Debug, Args)]
pub struct Test {
    #[command(flatten)]
    how: RunArgs,
}

impl Test {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        self.how.run(&["test"])
    }
}
