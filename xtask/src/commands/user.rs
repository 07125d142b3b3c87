//! `cargo xtask user`: who may log in to an environment. The app's own program does it, in a one-off container of the live
//! release, as the role that owns the schema.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::OutputArgs;
use super::progress::driver::{self, LockWaitArgs};
use super::target::TargetArgs;
use crate::exit::refuse;
use crate::host::Machine;
use crate::rollout::host::Host as _;
use crate::terminal::{self, Activity, paint};
use crate::tools::files::random::random;

/// Those of a password: none that another one looks like (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Five bits each.
const PASSWORD_LENGTH: usize = 20;

/// Make, list and suspend users of the app
#[derive(Debug, Args)]
pub struct UserVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a user, and print the password once
    Add {
        #[command(flatten)]
        common: Common,
        /// The organisation's name, or its id
        #[arg(long, value_name = "NAME")]
        organisation: String,
        /// Make the organisation, too: there is none of this name
        #[arg(long)]
        new_organisation: bool,
        /// What the user logs in with
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// The person's name
        #[arg(long, value_name = "NAME")]
        name: String,
    },
    /// All users, by their organisations
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Give a user another password, also a suspended one, and print it once; nobody stays logged in as that user
    Reset {
        #[command(flatten)]
        common: Common,
        /// What the user logs in with
        #[arg(long, value_name = "ADDRESS")]
        email: String,
    },
    /// Nobody logs in as this user any more, or stays logged in; `reset` takes it back
    Suspend {
        #[command(flatten)]
        common: Common,
        /// What the user logs in with
        #[arg(long, value_name = "ADDRESS")]
        email: String,
    },
}

impl UserVerb {
    /// Under the lease; what changes something is in the ledger.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Add { common, organisation, new_organisation, email, name } => {
                let mut words =
                    vec!["add", "--organisation", &organisation, "--email", &email, "--name", &name];
                words.extend(new_organisation.then_some("--new-organisation"));
                let done = format!("{email} of {organisation} can log in");
                common.change(&words, &email, &done, Some(password()?))
            }
            Verb::Reset { common, email } => {
                let done = format!("{email} has another password");
                common.change(&["reset", "--email", &email], &email, &done, Some(password()?))
            }
            Verb::Suspend { common, email } => {
                let done = format!("{email} is suspended");
                common.change(&["suspend", "--email", &email], &email, &done, None)
            }
            Verb::List { common } => common.list(),
        }
    }
}

impl Common {
    /// Has it done, writes it down, and says so, with the password and where it is good.
    fn change(self, words: &[&str], email: &str, done: &str, password: Option<String>) -> Result<()> {
        let machine = self.target.clone().reach()?;
        self.ask(&machine, words, password.as_deref(), Some(done))?;
        let url = machine.url()?;
        self.output.say(
            || json!({ "email": email, "password": password, "url": url }),
            || {
                terminal::say(format_args!("{}: {}", machine.environment().name, paint::good(done)));
                if let Some(password) = &password {
                    terminal::say(format_args!("  {url}  password {}", paint::strong(password)));
                    terminal::say(paint::dim(
                        "  It is shown this once. Send it another way than the address.",
                    ));
                }
            },
        );
        Ok(())
    }

    fn list(self) -> Result<()> {
        let machine = self.target.clone().reach()?;
        let told = self.ask(&machine, &["list"], None, None)?;
        let line = told.lines().rev().find(|line| line.starts_with('[')).context("it printed no list")?;
        let users: Value = serde_json::from_str(line).context("its list is not JSON")?;
        let text = |user: &Value, field: &str| user[field].as_str().unwrap_or_default().to_owned();
        let row = |user: &Value| {
            let is_suspended = user["is_suspended"] == true;
            let state = if is_suspended { paint::warn("suspended") } else { "active".to_owned() };
            let since = text(user, "created_at").chars().take(10).collect();
            vec![text(user, "organisation"), text(user, "email"), text(user, "name"), since, state]
        };
        let rows: Vec<Vec<String>> = users.as_array().into_iter().flatten().map(row).collect();
        self.output.say(
            || users.clone(),
            || match rows.as_slice() {
                [] => terminal::say("nobody yet: `cargo xtask user add` makes the first one"),
                rows => terminal::table(&["organisation", "address", "name", "since", "state"], rows),
            },
        );
        Ok(())
    }

    /// Asks the program of the live release, and gives what it printed. `done` goes into the ledger.
    fn ask(
        &self,
        machine: &Machine,
        words: &[&str],
        password: Option<&str>,
        done: Option<&str>,
    ) -> Result<String> {
        let environment = &machine.environment().name;
        let live = machine.live()?.active.ok_or_else(|| {
            refuse(format!("no release has the traffic: `cargo xtask deploy --env {environment}` first"))
        })?;
        let leased = driver::lease(machine, format!("user {}", words[0]), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let told = Activity::of(format!("user {}", words[0]), |_| {
            leased.releases().user(&live, words, password.unwrap_or_default())
        })?;
        if let Some(done) = done {
            attempt.note_done(done, None)?;
        }
        Ok(told)
    }
}

/// Four times five letters.
fn password() -> Result<String> {
    let bytes = random::<PASSWORD_LENGTH>()?;
    let letters: Vec<u8> = bytes.iter().map(|byte| LETTERS[usize::from(byte % 32)]).collect();
    let groups: Vec<&str> = letters.chunks(5).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_another_each_time_and_can_be_read_out() {
        let (one, other) = (password().unwrap(), password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [5; 4]);
        assert!(one.bytes().all(|byte| byte == b'-' || LETTERS.contains(&byte)), "{one}");
    }
}
