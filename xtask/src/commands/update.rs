//! `cargo xtask update`: moves everything of other people's making that can move, and has the weekly workflow propose it.

use std::io::Write as _;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use super::output::OutputArgs;
use crate::product::github;
use crate::product::updates::{self, Moved, Report, request};
use crate::terminal::{self, Activity, paint};

/// Move what others make to its newest allowed version
///
/// Base images by their registries, crates and npm's packages within the versions that our manifests allow, GitHub's actions
/// within their major version. Crates and npm's packages must have been published for three days. Nothing of them is run, and nothing is committed. What can't be asked stays as it is, and is named;
/// a part that fails is as it was, and makes this fail when the others have moved.
#[derive(Debug, Args)]
pub struct Update {
    /// Put it on GitHub, in a commit that nothing looks for yet
    ///
    /// The weekly workflow's, with GITHUB_TOKEN: docs/workflows.md says what it may. Writes `commit=…` into the file that GITHUB_OUTPUT
    /// names, unless nothing has moved.
    #[arg(long, conflicts_with = "publish")]
    push: bool,
    /// The checks of that commit have passed: open its pull request, or update the open one
    #[arg(long, value_name = "COMMIT")]
    publish: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Update {
    /// Moves, and says what has moved.
    pub fn run(self) -> Result<()> {
        if let Some(commit) = &self.publish {
            return self.publish(commit);
        }
        // Before minutes are spent.
        let api = if self.push { Some(github::api()?) } else { None };
        let report = updates::apply()?;
        let commit =
            api.map(|api| Activity::of("put it on GitHub", |_| request::push(&api, &report))).transpose()?;
        let commit = commit.flatten();
        if let Some(commit) = &commit {
            append("GITHUB_OUTPUT", &format!("commit={commit}"))?;
            // On the run's page, for who looks which part a failed check is of.
            append("GITHUB_STEP_SUMMARY", &request::message(&report))?;
        }
        self.output
            .say(|| json!({ "moved": report.moved, "left": report.left, "failed": report.failed, "commit": commit }), || say(&report));
        if report.failed.is_empty() {
            return Ok(());
        }
        bail!("{}\n  Of these nothing has moved; what else could move, has.", report.failed.join("\n"))
    }

    fn publish(&self, commit: &str) -> Result<()> {
        let page = request::publish(&github::api()?, commit, run().as_deref())?;
        self.output.say(|| json!({ "pull_request": page }), || terminal::say(&page));
        Ok(())
    }
}

fn say(report: &Report) {
    if report.moved.is_empty() {
        terminal::say(format_args!("{} nothing of what could be asked can move", paint::good("Current:")));
    } else {
        let row = |it: &Moved| vec![it.of.to_owned(), it.name.clone(), it.from.clone(), it.to.clone()];
        let rows: Vec<Vec<String>> = report.moved.iter().map(row).collect();
        terminal::table(&["of", "package", "from", "to"], &rows);
    }
    report.left.iter().for_each(|words| terminal::say(paint::dim(format_args!("not moved: {words}"))));
}

/// Tells the workflow by the file that a variable names.
fn append(variable: &str, text: &str) -> Result<()> {
    let Some(file) = std::env::var_os(variable) else { return Ok(()) };
    let file = std::fs::OpenOptions::new().append(true).open(&file);
    let mut file = file.with_context(|| format!("opening the file of {variable}"))?;
    writeln!(file, "{text}").with_context(|| format!("writing the file of {variable}"))
}

/// The page of the run in whose jobs the checks were.
fn run() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok();
    let [server, repository, id] =
        [variable("GITHUB_SERVER_URL")?, variable("GITHUB_REPOSITORY")?, variable("GITHUB_RUN_ID")?];
    Some(format!("{server}/{repository}/actions/runs/{id}"))
}
