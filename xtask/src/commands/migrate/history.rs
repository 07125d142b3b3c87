use std::time::SystemTime;

use anyhow::Result;
use serde_json::json;

use crate::commands::output::OutputArgs;
use crate::commands::output::ago::ago;
use crate::commands::target::TargetArgs;
use crate::host::Installed;
use crate::product::migration_script::description;
use crate::product::migrations::Migrations;
use crate::rollout::host::Host;
use crate::rollout::state::ledger::{Kind, Ledger, RecordedAttempt};
use crate::terminal::{self, paint};

/// What an environment's database has applied: when, by which release, and what each says of itself.
#[derive(Debug, clap::Args)]
pub struct History {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// A migration that is applied.
struct Row {
    installed: Installed,
    /// Its file's name and first line, where this tree has it.
    name: Option<String>,
    first_line: Option<String>,
    by: Option<RecordedAttempt>,
}

impl History {
    /// Looks, and says what it saw.
    pub fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let (ledger, here) = (machine.ledger()?, Migrations::of_tree()?);
        let row = |installed: Installed| Row {
            name: here.names.get(&installed.version).map(|name| description(name)),
            first_line: here.texts.get(&installed.version).and_then(|text| first_line(text)),
            by: applied_by(&ledger, &installed.at),
            installed,
        };
        let rows: Vec<Row> = machine.database().installed()?.into_iter().map(row).collect();
        self.output.say(
            || rows.iter().map(Row::for_programs).collect(),
            || {
                let cells: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
                terminal::table(&["version", "applied", "by release", "name", "says"], &cells);
            },
        );
        Ok(())
    }
}

impl Row {
    fn for_programs(&self) -> serde_json::Value {
        json!({
            "version": self.installed.version,
            "at": self.installed.at,
            "release": self.by.as_ref().and_then(|by| by.to.as_ref()),
            "by": self.by.as_ref().map(|by| &by.by),
            "name": self.name,
            "first_line": self.first_line,
        })
    }

    fn cells(&self) -> Vec<String> {
        let release = self.by.as_ref().and_then(|by| by.to.as_ref()).map(ToString::to_string);
        vec![
            self.installed.version.to_string(),
            ago(&self.installed.at),
            release.unwrap_or_else(|| paint::dim("(no deploy of the ledger)")),
            self.name.clone().unwrap_or_else(|| paint::dim("(not in this tree)")),
            self.first_line.clone().unwrap_or_default(),
        ]
    }
}

/// What a file says of itself.
fn first_line(text: &str) -> Option<String> {
    let line = text.lines().find(|line| *line != crate::rollout::state::contract::NO_TRANSACTION)?;
    Some(line.trim_start_matches("-- ").to_owned())
}

/// The deploy that was under way at that time: the last that had begun.
fn applied_by(ledger: &Ledger, at: &str) -> Option<RecordedAttempt> {
    let time = |text: &str| humantime::parse_rfc3339_weak(text).unwrap_or(SystemTime::UNIX_EPOCH);
    let begun = |attempt: &RecordedAttempt| attempt.kind == Kind::Deploy && time(&attempt.at) <= time(at);
    ledger.attempts().into_iter().rev().find(begun)
}
