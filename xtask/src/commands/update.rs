//! `cargo xtask update`: moves everything of other people's making that can move, and has the weekly workflow propose it.

use std::io::Write as _;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use super::output::OutputArgs;
use crate::exit::refuse;
use crate::product::github;
use crate::product::updates::check::{self, Passed};
use crate::product::updates::narrow::{Held, Unit};
use crate::product::updates::{self, Moved, Report, request};
use crate::terminal::{self, Activity, paint};

/// Move what others make to its newest allowed version
///
/// Base images by their registries, crates and npm's packages within the versions that our manifests allow, GitHub's actions
/// within their major version. Crates and npm's packages must have been published for three days. Nothing of them is run, and nothing
/// is committed. What can't be asked stays as it is, and is named; a part that fails is as it was, and makes this fail when the others
/// have moved.
#[derive(Debug, Args)]
pub struct Update {
    /// Run `cargo xtask ci` on what can move, find what must stay for it to pass, and leave this tree as it is
    ///
    /// By the file that says so, then by halves, in ten runs at most; the weekly workflow's. What was found is said as JSON, and written
    /// into the file that GITHUB_OUTPUT names, as `passed=…`.
    #[arg(long, conflicts_with = "publish")]
    check: bool,
    /// What `--check` has said of this commit: move that again, and open its pull request, or update the open one
    ///
    /// With GITHUB_TOKEN: docs/workflows.md says what it may. What would come to another tree than the one that passed is refused.
    #[arg(long, value_name = "PASSED")]
    publish: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Update {
    /// Moves, and says what has moved.
    pub fn run(self) -> Result<()> {
        if let Some(passed) = &self.publish {
            return self.publish(passed);
        }
        if self.check {
            return self.check();
        }
        let report = updates::apply(&Held::new())?;
        if !report.moved.is_empty() {
            append("GITHUB_OUTPUT", "moved=true")?;
            // On the run's page, for who looks which part a failed check is of.
            append("GITHUB_STEP_SUMMARY", &request::message(&report))?;
        }
        let told = || json!({ "moved": report.moved, "left": report.left, "failed": report.failed });
        self.output.say(told, || say(&report));
        if report.failed.is_empty() {
            return Ok(());
        }
        bail!("{}\n  Of these nothing has moved; what else could move, has.", report.failed.join("\n"))
    }

    fn check(&self) -> Result<()> {
        let passed = check::check()?;
        let text = serde_json::to_string(&passed)?;
        append("GITHUB_OUTPUT", &format!("passed={text}"))?;
        self.output.say(
            || json!(passed),
            || {
                let row =
                    |(unit, why): &(Unit, String)| vec![unit.of.clone(), unit.name.clone(), why.clone()];
                let rows: Vec<Vec<String>> = passed.without.iter().map(row).collect();
                if !rows.is_empty() {
                    terminal::table(&["of", "stays", "why"], &rows);
                }
                terminal::say(match &passed.tree {
                    None => "Nothing that can move passes the checks, or nothing can move.".to_owned(),
                    Some(_) => format!("All else passes the checks: {text}"),
                });
            },
        );
        Ok(())
    }

    fn publish(&self, passed: &str) -> Result<()> {
        let passed: Passed = serde_json::from_str(passed).map_err(|error| {
            refuse(format!("this is not what `cargo xtask update --check` has said: {error}"))
        })?;
        let Some(tree) = &passed.tree else {
            self.output
                .say(|| json!({ "pull_request": null }), || terminal::say("Nothing is to be proposed."));
            return Ok(());
        };
        let api = github::api()?;
        let report = updates::apply(&passed.held())?;
        let commit = Activity::of("put it on GitHub", |_| request::push(&api, &report, tree))?;
        let page = request::publish(&api, &commit, run().as_deref())?;
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
