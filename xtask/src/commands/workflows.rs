//! `cargo xtask workflows`: writes GitHub's workflow files, whose jobs are tasks of the table that `cargo xtask ci` runs.
//! `--check` verifies what the plain call writes.

use anyhow::Result;

use super::Cli;
use super::ci;
use super::output::OutputArgs;
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
    /// Print the minutes that a push takes by kind of change, against what is free in a month
    #[arg(long, conflicts_with = "check")]
    minutes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Workflows {
    /// Writes, checks or counts.
    pub fn run(self) -> Result<()> {
        if self.minutes {
            return self.minutes();
        }
        if self.check {
            check(&tasks::names::<Cli>())?;
            terminal::say(format_args!("{} workflow files are as they would be written", count()));
            return Ok(());
        }
        write(&tasks::names::<Cli>())
    }

    /// Which tasks a change affects says the table; how long they take, their last runs here.
    fn minutes(&self) -> Result<()> {
        let seconds = |task: &str| ci::last_seconds(task);
        let cost = |(kind, path): &(&'static str, &str)| {
            Ok(minutes::Cost::of(kind, &ci::affected_by(&[(*path).to_owned()])?, &seconds))
        };
        let costs: Vec<minutes::Cost> = minutes::KINDS.iter().map(cost).collect::<Result<_>>()?;
        self.output.say(|| costs.iter().map(minutes::Cost::to_json).collect(), || minutes::say(&costs));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::product::workflows::run_lines;

    #[test]
    fn a_change_affects_what_reads_it_and_every_kind_of_change_is_of_a_file_that_is_there() {
        for (kind, path) in minutes::KINDS {
            assert!(crate::workspace::root().join(path).exists(), "{kind}: {path}");
        }
        let affected = |kind: &str| {
            let (_, path) = minutes::KINDS.iter().find(|(known, _)| *known == kind).unwrap();
            ci::affected_by(&[(*path).to_owned()]).unwrap()
        };
        let word = affected("a word in a document");
        assert!(word.contains("documents") && !word.contains("backend-test") && !word.contains("images"));
        let line = affected("a line of the frontend");
        assert!(line.contains("page-test") && line.contains("lab-suite") && !line.contains("clippy"));
        assert!(affected("a migration").contains("migration-lint"));
    }

    #[test]
    fn each_step_that_runs_something_is_one_command_that_xtask_understands() {
        for (file, run) in run_lines() {
            if run.starts_with("rustup ") {
                continue;
            }
            let words = run.strip_prefix("exec cargo xtask ").unwrap_or_else(|| panic!("{file}: {run}"));
            let words = words
                .replace("\"$ENVIRONMENT\"", "staging")
                .replace("\"$VERSION\"", "main")
                .replace("\"$COMMIT\"", "0123")
                .replace("${RELEASE:+--to \"$RELEASE\"}", "--to release");
            let parsed = Cli::try_parse_from(["cargo xtask"].into_iter().chain(words.split(' ')));
            let is_understood = match &parsed {
                Ok(_) => true,
                Err(error) => error.kind() == clap::error::ErrorKind::DisplayVersion,
            };
            assert!(
                is_understood,
                "{file}: {run}: {}",
                parsed.err().map(|e| e.to_string()).unwrap_or_default()
            );
        }
    }
}
