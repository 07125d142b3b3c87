//! Who can read an environment's encrypted file.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::commands::output::OutputArgs;
use crate::commands::target::TargetArgs;
use crate::exit::refuse;
use crate::product::secrets::recipients::Recipients;
use crate::product::secrets::{self, OpenFile};
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
        super::refuse_here(environment)?;
        let _lock = secrets::lock(environment)?;
        let mut recipients = Recipients::of(environment)?;
        recipients.add(&self.name, &self.recipient)?;
        if let Some(why) = secrets::opens_another(environment, &self.recipient)? {
            return Err(refuse(format!("{why}. Nothing was changed.")));
        }
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
}

impl Remove {
    fn run(self) -> Result<()> {
        let environment = self.target.environment();
        super::refuse_here(environment)?;
        let _lock = secrets::lock(environment)?;
        let mut recipients = Recipients::of(environment)?;
        let file = secrets::find(environment)?;
        let known: Vec<String> =
            file.as_ref().map(|file| file.sealed.names().map(str::to_owned).collect()).unwrap_or_default();
        recipients.remove(&self.name, known.clone(), &secrets::today())?;
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
                 another value (`cargo xtask secrets rotate NAME` says how), or is waived with a reason (`cargo xtask secrets recipients waive`).",
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
        recipients.waive(&self.secret, &secrets::today(), &self.reason)?;
        recipients.write(environment)?;
        terminal::say(format_args!(
            "{} keeps its value; the reason stands in the list: commit it.",
            self.secret
        ));
        Ok(())
    }
}
