//! Who can read an environment's encrypted file.

use std::time::SystemTime;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::commands::output::OutputArgs;
use crate::commands::target::TargetArgs;
use crate::exit::refuse;
use crate::product::secrets::recipients::Recipients;
use crate::product::secrets::{self, OpenFile};
use crate::project::Environment;
use crate::terminal::{self, paint};

/// Who can read the encrypted file.
#[derive(Debug, Args)]
pub struct RecipientsVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// People and machines that can read it, and what those who left could read
    List(List),
    /// Let somebody in: the file is written for their key too
    Add(Add),
    /// Show somebody out: another data key, and a list of what must get another value
    Remove(Remove),
    /// Leave a secret as it is although somebody who left could read it, for a reason
    Waive(Waive),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    target: TargetArgs,
    /// What to call them: a person, or `ci`
    name: String,
    /// The public key: `age1…`
    recipient: String,
}

#[derive(Debug, Args)]
struct Remove {
    #[command(flatten)]
    target: TargetArgs,
    /// As the list has them
    name: String,
}

#[derive(Debug, Args)]
struct Waive {
    #[command(flatten)]
    target: TargetArgs,
    /// The secret
    secret: String,
    /// Why it keeps its value
    #[arg(long)]
    reason: String,
}

impl RecipientsVerb {
    /// Dispatches.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::List(list) => list.run(),
            Verb::Add(add) => add.run(),
            Verb::Remove(remove) => remove.run(),
            Verb::Waive(waive) => waive.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<()> {
        let recipients = Recipients::of(self.target.environment())?;
        let all: Vec<_> = recipients.all().collect();
        let due = recipients.due();
        let as_json = || {
            json!({
                "recipients": all.iter().map(|(name, key)| json!({ "name": name, "recipient": key })).collect::<Vec<_>>(),
                "due": due.iter().map(|(secret, name, on)| json!({ "secret": secret, "known_to": name, "since": on })).collect::<Vec<_>>(),
            })
        };
        self.output.say(as_json, || {
            let rows: Vec<_> =
                all.iter().map(|(name, key)| vec![(*name).to_owned(), (*key).to_owned()]).collect();
            terminal::table(&["who", "public key"], &rows);
            for (secret, name, on) in &due {
                terminal::say(paint::warn(format_args!("{name}, who left on {on}, knows {secret}")));
            }
        });
        Ok(())
    }
}

impl Add {
    fn run(self) -> Result<()> {
        let environment = self.target.environment();
        refuse_here(environment)?;
        let _lock = secrets::lock(environment)?;
        let mut recipients = Recipients::of(environment)?;
        recipients.add(&self.name, &self.recipient)?;
        self.check_others(environment)?;
        // The encrypted file first: what is cut between the two is a list that lacks somebody, which `ci` says.
        match secrets::find(environment)? {
            Some(file) => file.open()?.give_to(&recipients, false)?,
            None => OpenFile::new(secrets::path(environment), &recipients)?.write()?,
        }
        recipients.write(environment)?;
        let (name, environment) = (&self.name, &environment.name);
        terminal::say(format_args!("{name} can read the secrets of {environment}: commit both files."));
        Ok(())
    }

    /// Whoever has a key that opens one environment must not by that open production.
    fn check_others(&self, environment: &Environment) -> Result<()> {
        for other in crate::project::ENVIRONMENTS.iter().filter(|other| other.name != environment.name) {
            let theirs = Recipients::of(other)?;
            if (environment.gate().is_some() || other.gate().is_some())
                && let Some((name, _)) = theirs.all().find(|(_, key)| *key == self.recipient)
            {
                return Err(refuse(format!(
                    "this is {name}'s key for {}: for {} make another one, with `age-keygen`. Nothing was changed.",
                    other.name, environment.name
                )));
            }
        }
        Ok(())
    }
}

impl Remove {
    fn run(self) -> Result<()> {
        let environment = self.target.environment();
        refuse_here(environment)?;
        let _lock = secrets::lock(environment)?;
        let mut recipients = Recipients::of(environment)?;
        let file = secrets::find(environment)?;
        let known: Vec<String> =
            file.as_ref().map(|file| file.sealed.names().map(str::to_owned).collect()).unwrap_or_default();
        let today = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        recipients.remove(&self.name, known.clone(), &today[..10])?;
        if let Some(file) = file {
            file.open()?.give_to(&recipients, true)?;
        }
        recipients.write(environment)?;
        terminal::say(format_args!(
            "{} can't read what is written from now on: commit both files.",
            self.name
        ));
        if !known.is_empty() {
            terminal::say(format_args!(
                "What {} could read, and git's history still shows them: {}\n`cargo xtask ci secrets` fails until each has \
                 another value (`cargo xtask secrets set`), or is waived with a reason (`cargo xtask secrets recipients waive`).",
                self.name,
                known.join(", ")
            ));
        }
        Ok(())
    }
}

impl Waive {
    fn run(self) -> Result<()> {
        let environment = self.target.environment();
        let _lock = secrets::lock(environment)?;
        let mut recipients = Recipients::of(environment)?;
        let today = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        recipients.waive(&self.secret, &today[..10], &self.reason)?;
        recipients.write(environment)?;
        terminal::say(format_args!(
            "{} keeps its value; the reason stands in the list: commit it.",
            self.secret
        ));
        Ok(())
    }
}

fn refuse_here(environment: &Environment) -> Result<()> {
    match environment.is_here() {
        true => Err(refuse(format!(
            "the secrets of {} are made on this machine: no file has them",
            environment.name
        ))),
        false => Ok(()),
    }
}
