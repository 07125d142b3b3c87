//! `cargo xtask lint`: what judges the sources without running them.

use clap::Args;

use super::ci::RunArgs;

/// Run the checks that judge the sources without running them
#[derive(Debug, Args)]
pub struct Lint {
    #[command(flatten)]
    run_args: RunArgs,
}

impl Lint {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        self.run_args.run(&["lint"])
    }
}
