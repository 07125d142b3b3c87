//! `cargo xtask secrets check`: what an environment is given, from where, and what is wrong with it.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::Utf8Path;
use clap::Args;
use serde_json::json;

use super::values::encrypted;
use crate::commands::output::OutputArgs;
use crate::commands::output::near::did_you_mean;
use crate::commands::target::TargetArgs;
use crate::exit::{Exit, Failure};
use crate::product::secrets::table::{self, Need, Row};
use crate::product::secrets::{self, Supplied, plain};
use crate::project::{Environment, Form};
use crate::terminal::{self, paint};
use crate::tools::sops::Values;

/// What the environment is given, from where, and what is wrong with it.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What an environment is given, and what is wrong with it.
pub struct Given {
    /// Each value that it may be given, and from where it is.
    pub rows: Vec<(Row, &'static str)>,
    /// What is wrong, a line each.
    pub problems: Vec<String>,
    /// What the environment's file holds.
    values: Values,
}

impl Given {
    /// Asks variables and the environment's file; nobody else.
    pub fn to(environment: &Environment) -> Result<Given> {
        let file = encrypted(environment)?;
        let values = file.map_or_else(|| Ok(Values::new()), |file| file.open()?.values())?;
        let by_name: BTreeMap<String, String> = values.iter().cloned().collect();
        let supplied = Supplied::of(environment)?;
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        for row in table::rows(environment) {
            let given = supplied.text(&row.name)?;
            let from = match (&given, by_name.get(&row.name)) {
                (Some(given), Some(value)) if given == value => "file",
                (Some(_), Some(_)) => "variable (the file has another value)",
                (Some(_), None) => "variable",
                _ if row.need == Need::MadeWhenAbsent => "made on the host",
                _ => "-",
            };
            // Whoever gives a key by a variable may name its file.
            let is_file =
                |value: &&str| from.starts_with("variable") && Utf8Path::new(value.trim()).is_file();
            let is_key_file = |value: &&str| row.form == Form::Pem && is_file(value);
            let wrong = given.as_deref().filter(|it| !is_key_file(it)).and_then(|it| row.form.problem(it));
            problems.extend(wrong.map(|why| format!("{}: {why}", row.name)));
            if given.is_none() && row.need == Need::Required {
                problems.push(format!("{} is required, and nobody gives it", row.name));
            }
            rows.push((row, from));
        }
        let unknown = by_name.keys().filter(|name| rows.iter().all(|(row, _)| row.name != **name));
        problems.extend(unknown.map(|name| {
            let names = rows.iter().map(|(row, _)| row.name.as_str());
            format!("{name} is read by nobody.{}", did_you_mean(name, names))
        }));
        problems.extend(secrets::problems(environment)?);
        problems.extend(in_others_too(environment, &by_name)?);
        Ok(Given { rows, problems, values })
    }
}

impl Check {
    /// A table; an exit code of its own when something is wrong.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment();
        let Given { rows, mut problems, values } = Given::to(environment)?;
        problems.extend(secrets::problems_of_values(environment, &values)?);
        problems.extend(plain::Search::of(environment, &values).in_history()?);
        self.say(&rows, &problems);
        match problems.is_empty() {
            true => Ok(()),
            false => Err(Failure { exit: Exit::Failed, message: problems.join("\n  ") }.into()),
        }
    }

    fn say(&self, rows: &[(Row, &str)], problems: &[String]) {
        let as_json = |(row, from): &(Row, &str)| json!({ "name": row.name, "need": row.need.word(), "form": row.form.word(), "reader": row.reader, "from": from, "rotation": row.rotation });
        let cells = |(row, from): &(Row, &str)| {
            let from = match *from {
                "-" if row.need == Need::Required => paint::bad("missing"),
                "-" => paint::dim("-"),
                from => from.to_owned(),
            };
            vec![
                row.name.clone(),
                row.need.word().to_owned(),
                from,
                row.form.word().to_owned(),
                row.reader.to_owned(),
                paint::dim(row.rotation),
            ]
        };
        self.output.say(
            || json!({ "secrets": rows.iter().map(as_json).collect::<Vec<_>>(), "problems": problems }),
            || {
                let rows: Vec<_> = rows.iter().map(cells).collect();
                terminal::table(&["name", "need", "from", "form", "read by", "another value"], &rows);
            },
        );
    }
}

/// Values that another environment has too, as far as they can be read here: what leaks there must not open this one.
pub fn in_others_too(environment: &Environment, values: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let others = crate::project::ENVIRONMENTS.iter().filter(|other| other.name != environment.name);
    for other in others {
        let Some(file) = secrets::find(other)? else { continue };
        // Who deploys to staging can't read production's, and need not.
        let Ok(theirs) = file.open().and_then(|file| file.values()) else { continue };
        // One project of a Sentry tells environments apart by itself.
        let is_ours = |name: &str| {
            crate::project::SECRETS.iter().any(|secret| secret.variable == name && !secret.is_optional)
        };
        let same = theirs.iter().filter(|(name, value)| is_ours(name) && values.get(name) == Some(value));
        problems.extend(
            same.map(|(name, _)| format!("{name} has the same value in {}: give it another one", other.name)),
        );
    }
    Ok(problems)
}
