//! `cargo xtask test`: what runs the code.

use clap::Args;

use super::ci::RunArgs;

/// Run all tests, the backend's on a throw-away PostgreSQL
#[derive(Debug, Args)]
pub struct Test {
    #[command(flatten)]
    run_args: RunArgs,
}

impl Test {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        self.run_args.run(&["test"])
    }
}
