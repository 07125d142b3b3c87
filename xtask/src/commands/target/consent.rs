//! The yes that some verbs want before they do what interrupts users or can't be undone.

use anyhow::Result;
use clap::Args;

use crate::commands::refuse;
use crate::terminal;

/// The option of every verb that asks.
#[derive(Debug, Clone, Copy, Args)]
pub struct Consent {
    /// Answer every question with yes
    #[arg(long)]
    pub yes: bool,
}

impl Consent {
    /// A yes, given before or now; else it is refused. `so_far` is what was done until here, `what` is what wants the yes.
    pub fn ask(self, question: &str, so_far: &str, what: &str) -> Result<()> {
        if self.yes || terminal::confirm(question) {
            return Ok(());
        }
        Err(refuse(format!("{so_far}: {what} wants a yes, or `--yes` where nobody can be asked")))
    }
}
