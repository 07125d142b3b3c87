//! `cargo xtask fmt`: one way to lay out the sources. `--check` verifies what the plain call writes.

use clap::Args;

use super::ci::RunArgs;
use crate::product::frontend;
use crate::setup::{self, Tool};
use crate::terminal::Activity;
use crate::tools::cargo;
use crate::tools::process::{Run, shell_in};
use crate::workspace;

/// Format all sources; --check only says which are not formatted
#[derive(Debug, Args)]
pub struct Fmt {
    /// Change nothing; fail where something is not formatted
    #[arg(long)]
    check: bool,
}

impl Fmt {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        if self.check {
            return RunArgs::default().run(&["fmt"]);
        }
        let sh = shell_in(workspace::root());
        Activity::of("cargo fmt", |activity| {
            Run::new(cargo::format(&sh)).each_line(&|line| activity.line(line)).run()
        })?;
        setup::ensure(&[Tool::Node, Tool::Npm], false)?;
        Activity::of("npm ci", |activity| frontend::install(&|line| activity.line(line)))?;
        Activity::of("prettier", |activity| {
            Ok(Run::new(frontend::package()?.script(&sh, "format"))
                .each_line(&|line| activity.line(line))
                .run()?)
        })
    }
}
