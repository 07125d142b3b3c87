//! `cargo xtask github`: the repository's settings on GitHub, out of the tables.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::OutputArgs;
use super::target::consent::Consent;
use crate::exit::{Exit, Failure, refuse};
use crate::product::github::{self, Change, Differences, Keys};
use crate::terminal::{self, Activity, paint};
use crate::tools::github::Api;
use crate::tools::process::interrupt;

/// Compare the settings on GitHub with the tables; apply them
///
/// Environments and their branches, the keys of workflows, rulesets with the names of ci.yml's jobs, what actions may, alerts,
/// labels. GITHUB_TOKEN is a fine-grained token; docs/github.md lists what it must be allowed.
#[derive(Debug, Args)]
pub struct Github {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Each difference; only looks
    Plan(Look),
    /// Make it so, after a question; what no table has stays, and is named
    Apply(Apply),
    /// The same as `plan`, and fails when something differs: for the weekly workflow
    Check(Look),
}

#[derive(Debug, Args)]
struct Look {
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct Apply {
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct KeyArgs {
    /// The private key that workflows have: of age for staging or production, of ssh for checks
    #[arg(long = "key", value_name = "ENVIRONMENT=FILE", value_parser = key)]
    keys: Vec<(String, String)>,
}

fn key(text: &str) -> Result<(String, String), String> {
    let (place, file) = text.split_once('=').ok_or("ENVIRONMENT=FILE: which key is whose")?;
    Ok((place.to_owned(), file.to_owned()))
}

/// How often is looked again whether what was changed is shown.
const LOOKS: usize = 5;

impl Github {
    /// Dispatches.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Plan(plan) => plan.look().map(drop),
            Verb::Apply(apply) => apply.run(),
            Verb::Check(check) => {
                let found = check.look()?;
                match found.is_none() {
                    true => Ok(()),
                    false => {
                        let message =
                            "the settings on GitHub are not those of the tables: `cargo xtask github apply`";
                        Err(Failure { exit: Exit::Failed, message: message.to_owned() }.into())
                    }
                }
            }
        }
    }
}

impl Look {
    fn look(&self) -> Result<Differences> {
        let keys = Keys::read(&self.keys.keys)?;
        let api = github::api()?;
        let found = ask(&api, &keys)?;
        self.output.say(|| for_programs(&found, &api), || say(&found, &api));
        Ok(found)
    }
}

impl Apply {
    fn run(self) -> Result<()> {
        if terminal::is_in_ci() {
            return Err(refuse(
                "settings are applied by a person: who can change a workflow would else change what guards it. Nothing was \
                 changed.",
            ));
        }
        let keys = Keys::read(&self.keys.keys)?;
        let api = github::api()?;
        let found = ask(&api, &keys)?;
        if !self.output.json {
            say(&found, &api);
        }
        if !found.changes.is_empty() {
            let question = format!("{} is changed. Go on?", api.repository());
            self.consent.ask(&question, "nothing was changed", api.repository())?;
            for change in &found.changes {
                Activity::of(&change.what, |_| change.apply(&api))?;
            }
        }
        let left = if found.changes.is_empty() { None } else { Some(until_shown(&api, &keys)?) };
        let left = left.as_ref().unwrap_or(&found);
        let (done, words) =
            (found.changes.len(), left.changes.iter().map(|it| it.what.as_str()).collect::<Vec<_>>());
        self.output.say(
            || json!({ "changed": done, "left": words, "by_hand": left.by_hand, "others": left.others, "requests": api.sent() }),
            || terminal::say(format_args!("\n{} {done} settings, by {} requests", paint::good("Changed:"), api.sent())),
        );
        match words.is_empty() {
            true => Ok(()),
            false => {
                let message = format!(
                    "GitHub has taken it, and still shows otherwise: {}\n  `cargo xtask github plan` in a while says whether \
                     it has come to it.",
                    words.join(", ")
                );
                Err(Failure { exit: Exit::Failed, message }.into())
            }
        }
    }
}

fn ask(api: &Api, keys: &Keys) -> Result<Differences> {
    Activity::of(format!("ask GitHub about {}", api.repository()), |_| Differences::of(api, keys))
}

/// What was changed is not always shown at once.
fn until_shown(api: &Api, keys: &Keys) -> Result<Differences> {
    let mut left = Differences::of(api, keys)?;
    for _ in 0..LOOKS {
        if left.changes.is_empty() {
            break;
        }
        interrupt::pause(api.pause)?;
        left = Differences::of(api, keys)?;
    }
    Ok(left)
}

fn for_programs(found: &Differences, api: &Api) -> serde_json::Value {
    let change = |it: &Change| json!({ "what": it.what, "now": it.now, "wanted": it.wanted });
    json!({
        "repository": api.repository(),
        "changes": found.changes.iter().map(change).collect::<Vec<_>>(),
        "by_hand": found.by_hand,
        "others": found.others,
        "lacking": found.lacking,
        "requests": api.sent(),
    })
}

fn say(found: &Differences, api: &Api) {
    let row = |it: &Change| vec![it.what.clone(), paint::bad(&it.now), paint::good(&it.wanted)];
    match found.changes.as_slice() {
        [] => terminal::say(format_args!(
            "{} what can be applied is as the tables have it",
            paint::good("Same:")
        )),
        changes => terminal::table(
            &["setting", "on GitHub", "by the tables"],
            &changes.iter().map(row).collect::<Vec<_>>(),
        ),
    }
    found.by_hand.iter().for_each(|it| terminal::say(format_args!("{} {it}", paint::bad("by hand:"))));
    found.others.iter().for_each(|it| terminal::say(paint::dim(format_args!("stays, in no table: {it}"))));
    found.lacking.iter().for_each(|it| terminal::say(paint::dim(format_args!("not there: {it}"))));
    terminal::note(paint::dim(format_args!("  {}, by {} requests", api.repository(), api.sent())));
}
