//! `cargo xtask bench page`: how soon the page is there on a phone, as Lighthouse has it.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::write_section;
use crate::product::frontend;
use crate::setup::{self, Tool};
use crate::terminal::Activity;
use crate::tools::process::{Run, shell_in};
use crate::workspace;

/// Ten measurements, each of some ten seconds, on a machine that may have other work.
const TIMEOUT: Duration = Duration::from_secs(600);

/// How soon the built page is there on a phone, by Lighthouse: the log-in and the list
#[derive(Debug, Args)]
pub struct Page {
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
}

impl Page {
    /// Builds the page, measures it, and writes the section.
    pub fn run(self) -> Result<()> {
        setup::ensure(&[Tool::Node, Tool::Npm, Tool::Chromium], self.yes)?;
        let sh = shell_in(workspace::root());
        let lighthouse = frontend::lighthouse()?;
        Activity::of("npm ci", |activity| {
            frontend::install(&|line| activity.line(line))?;
            frontend::install_package(&lighthouse, frontend::INSTALL_TIMEOUT, &|line| activity.line(line))
        })?;
        let build = frontend::package()?.script(&sh, "build");
        Activity::of("npm run build", |activity| {
            Run::new(build).each_line(&|line| activity.line(line)).run()
        })?;
        let measure = lighthouse.script(&sh, "measure").env("CHROMIUM", setup::require(Tool::Chromium)?);
        let table = Activity::of("lighthouse", |_| Run::new(measure).timeout(TIMEOUT).text())?;
        write_section("page", &section(&table))
    }
}

fn section(table: &str) -> String {
    format!(
        "## The page on a phone\n\n\
         `cargo xtask bench page`: Lighthouse on the built page, compressed as its web server sends it, with 25 shipments; a \
         connection of 1.6 Mbit/s with 150 ms to the server, a processor four times as slow as this one, nothing kept from a \
         visit before. The middle of 5 runs.\n\n{}",
        table.trim()
    )
}
