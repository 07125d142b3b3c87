//! How verbs answer: to people in words and tables, to programs in JSON; to a name that does not exist with the near ones;
//! to a question for help with all verbs.

pub mod ago;
pub mod help;
pub mod near;

use clap::Args;
use serde_json::Value;

use crate::terminal;

/// The option of every verb whose result a program may want.
#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// Print the result as JSON, for programs
    #[arg(long)]
    pub json: bool,
}

impl OutputArgs {
    /// Prints the result on standard output, once: as the JSON of `json`, or by `text`, which prints it for people. Only the
    /// one that was asked for is called.
    pub fn say(self, json: impl FnOnce() -> Value, text: impl FnOnce()) {
        if self.json {
            terminal::say(json());
        } else {
            text();
        }
    }
}
