//! `cargo xtask logs`: what the parts wrote.

use anyhow::Result;
use clap::Args;

use super::refuse;
use super::target::TargetArgs;
use crate::rollout::host::Host;

/// What the parts of the live release wrote, or one service
#[derive(Debug, Args)]
pub struct Logs {
    /// One of them; without it, both halves of the live release
    #[arg(value_parser = ["backend", "frontend", "postgres", "edge"])]
    service: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Go on as more is written, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How many lines of the past
    #[arg(long, value_name = "LINES", default_value_t = 100)]
    tail: u32,
}

impl Logs {
    /// Hands the terminal to compose.
    pub fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let service = self.service.as_deref();
        if matches!(service, Some("postgres" | "edge")) {
            return machine.platform_logs(service, self.tail, self.follow);
        }
        let environment = &machine.environment().name;
        let nothing = || {
            refuse(format!(
                "no release has the traffic in {environment}: `cargo xtask deploy --env {environment}` changes that"
            ))
        };
        let live = machine.live()?.active.ok_or_else(nothing)?;
        machine.release_logs(&live, service, self.tail, self.follow)
    }
}
