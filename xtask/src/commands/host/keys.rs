//! `cargo xtask host keys`: a key is exchanged for a new one, which is tried before the old one ends.

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8PathBuf;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use xshell::cmd;

use crate::commands::output::OutputArgs;
use crate::commands::refuse;
use crate::commands::target::access::Access;
use crate::commands::target::consent::Consent;
use crate::commands::target::{TargetArgs, connect};
use crate::setup::host::{Admin, keys};
use crate::terminal::{self, Activity, paint};
use crate::tools::process::{Run, shell};
use crate::tools::ssh::host_shell::HostShell;
use crate::tools::ssh::keys::{HostKeys, Key};
use crate::tools::ssh::{ConnectError, Connection, Destination};

#[derive(Debug, Args)]
pub struct Keys {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Exchange a key for a new one: the new one is tried before the old one ends
    ///
    /// Cut off anywhere, the same command goes on where it was.
    Rotate(Rotate),
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KeyKind {
    /// The one that the user comes in with who deploys
    Deploy,
    /// The host's own, by which it is known
    Host,
}

#[derive(Debug, Args)]
struct Rotate {
    /// Which key
    kind: KeyKind,
    #[command(flatten)]
    target: TargetArgs,
    /// The file of the new key, for `deploy`: made when there is none
    #[arg(long, value_name = "FILE")]
    to: Option<Utf8PathBuf>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    output: OutputArgs,
}

impl Keys {
    pub fn run(self) -> Result<()> {
        let Verb::Rotate(rotate) = self.verb;
        let access = Access::of(rotate.target.environment())?;
        match rotate.kind {
            KeyKind::Deploy => rotate.deploy_key(&access),
            KeyKind::Host => rotate.host_key(&access),
        }
    }
}

impl Rotate {
    /// The old one is the one that the environment's variable holds.
    fn deploy_key(&self, access: &Access) -> Result<()> {
        let (prefix, user) = (access.prefix, access.destination.user.as_str());
        let Some(old) = &access.destination.key else {
            return Err(refuse(format!(
                "{prefix}_SSH_KEY is not set, and so it is not known which key is to end"
            )));
        };
        let Some(file) = &self.to else {
            return Err(refuse("`--to FILE` says where the new key is to be, or is".to_owned()));
        };
        let new = new_key(file)?;
        let (old_public, new_public) = (old.public()?, new.public()?);
        if old_public == new_public {
            return Err(refuse(format!("{file} holds the key that {prefix}_SSH_KEY is already")));
        }
        let by_new = Destination { key: Some(new.clone()), ..access.destination.clone() };
        let is_in = opens(&by_new)?;
        if is_in && !opens(&access.destination)? {
            return self.say_deploy_key(access, file);
        }
        let question = format!("Exchange the key of {}? The old one ends.", access.destination);
        self.consent.ask(&question, "nothing was changed", "ending a key")?;
        if !is_in {
            let shell = HostShell::behind(connect(access)?);
            let admin = Admin { shell: &shell, sudo: false };
            keys::let_in(&admin, user, &new_public, &new_public)?;
        }
        // What ends the old one came in by the new one.
        let connection = Connection::open(&by_new)
            .map_err(anyhow::Error::from)
            .context("the new key was let in and does not work, and so the old one stays")?;
        let shell = HostShell::behind(connection);
        let sudo = user != "root" && Admin { shell: &shell, sudo: true }.may()?;
        keys::end(&Admin { shell: &shell, sudo }, user, &old_public)?;
        ensure!(!opens(&access.destination)?, "the old key was ended, and still lets {user} in");
        self.say_deploy_key(access, file)
    }

    fn say_deploy_key(&self, access: &Access, file: &Utf8PathBuf) -> Result<()> {
        let prefix = access.prefix;
        self.output.say(
            || json!({ "rotated": "deploy", "key": file }),
            || {
                terminal::say(format_args!(
                    "{} the new key lets in, and the old one no more.",
                    paint::good("Done:")
                ));
                terminal::say(format_args!(
                    "Set {prefix}_SSH_KEY to {file}, here and in the workflows' secrets."
                ));
            },
        );
        Ok(())
    }

    /// In two calls, so that nobody meets a key that is not pinned: between them the new one is pinned beside the old one.
    fn host_key(&self, access: &Access) -> Result<()> {
        let pinned = &access.destination.host_keys;
        let shell = HostShell::behind(connect(access)?);
        let admin = Admin { shell: &shell, sudo: access.destination.user != "root" };
        let mut own = keys::own(&admin)?;
        if own.next.is_none() && own.old.is_none() {
            // The second call has ended before: only the pins are not yet what they ought to be.
            if pinned.contain(&own.now) && *pinned != own.now {
                return self.say_host_key(access, "rotated", &own.now);
            }
            keys::make_next(&admin)?;
            own = keys::own(&admin)?;
        }
        let (old, new) = match (&own.old, &own.next) {
            (Some(old), _) => (old, &own.now),
            (None, Some(next)) => (&own.now, next),
            (None, None) => bail!("no new host key was made"),
        };
        if !pinned.contain(new) {
            return self.say_host_key(access, "pin both", &old.with(new));
        }
        let question = format!("Exchange the host key of {}? The old ones end.", access.destination.host);
        self.consent.ask(&question, "nothing was changed", "ending a host key")?;
        keys::take_next(&admin)?;
        let by_new = Destination { host_keys: new.clone(), ..access.destination.clone() };
        if let Err(error) = Connection::open(&by_new) {
            keys::put_back(&admin)?;
            return Err(anyhow::Error::from(error)
                .context("the host does not show the new key: the old one is shown again"));
        }
        keys::end_old(&admin)?;
        self.say_host_key(access, "rotated", new)
    }

    fn say_host_key(&self, access: &Access, state: &str, pins: &HostKeys) -> Result<()> {
        let prefix = access.prefix;
        self.output.say(
            || json!({ "host": state, "host_key": pins.to_string() }),
            || {
                let set = paint::strong(format_args!("{prefix}_HOST_KEY='{pins}'"));
                if state == "rotated" {
                    terminal::say(format_args!(
                        "{} the host shows the new key; the old ones are gone.",
                        paint::good("Done:")
                    ));
                    terminal::say(format_args!("Pin it alone, here and in the workflows' secrets: {set}"));
                } else {
                    terminal::say(format_args!(
                        "A new key is made, and waits. Pin both, here and in the workflows' secrets:"
                    ));
                    terminal::say(set);
                    terminal::say("Then run this again.");
                }
            },
        );
        Ok(())
    }
}

/// The key in this file, which is made when there is none.
fn new_key(file: &Utf8PathBuf) -> Result<Key> {
    if !file.exists() {
        Run::new(cmd!(shell(), "ssh-keygen -q -t ed25519 -N '' -C '' -f {file}"))
            .run()
            .context("making a key")?;
    }
    Key::parse(file.as_str()).map_err(|why| refuse(format!("{file}: {why}")))
}

/// Whether this lets in. An error when that is not known.
fn opens(destination: &Destination) -> Result<bool> {
    Activity::of(format!("try a key at {destination}"), |_| match Connection::open(destination) {
        Ok(_) => Ok(true),
        Err(ConnectError::KeyRefused { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    })
}
