//! Which environment a verb is about, and the way to it.

pub mod access;
pub mod checks;
pub mod consent;
pub mod differences;
pub mod gate;
pub mod https;
pub mod schema_drift;
pub mod version;

use std::thread;

use anyhow::Result;
use camino::Utf8PathBuf;
use clap::Args;

use self::access::Access;
use super::output::near::did_you_mean;
use super::{Exit, Failure, refuse};
use crate::host::{Machine, PublicSite};
use crate::project::{ENVIRONMENTS, Environment};
use crate::rollout::host::Host;
use crate::setup::{self, Tool};
use crate::tools::docker::engine;
use crate::tools::ssh::host_shell::HostShell;
use crate::tools::ssh::{ConnectError, Connection};

/// The environment that a person names.
pub fn environment(name: &str) -> Result<Environment, String> {
    let known = ENVIRONMENTS.iter().map(|row| row.name.as_ref());
    Environment::named(name)
        .ok_or_else(|| format!("no environment has this name.{}", did_you_mean(name, known)))
}

/// The option that every verb about an environment has.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// Which environment: local, staging, production, or lab
    #[arg(long, value_name = "ENVIRONMENT", default_value = "local", value_parser = environment)]
    env: Environment,
    /// Another machine than the one that the operator tells: set where an environment moves.
    #[arg(skip)]
    way: Option<Access>,
}

impl TargetArgs {
    /// This one.
    pub fn of(env: Environment) -> TargetArgs {
        TargetArgs { env, way: None }
    }

    /// The same environment on another machine.
    pub fn at(&self, way: Access) -> TargetArgs {
        TargetArgs { env: self.env.clone(), way: Some(way) }
    }

    /// The way to its host, as the operator tells it, or to the machine that it moves to.
    pub fn access(&self) -> Result<Access> {
        self.way.clone().map_or_else(|| Access::of(&self.env), Ok)
    }

    /// Whether it is another machine than the operator tells.
    pub fn is_elsewhere(&self) -> bool {
        self.way.is_some()
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        &self.env
    }

    /// The environment on its host, which must have an engine that answers. Its folders are made when there are none.
    pub fn reach(self) -> Result<Machine> {
        if self.env.is_here() {
            return here(self.env, Machine::arrive);
        }
        let access = self.access()?;
        self.reach_by(&access, || Ok(())).map(|(machine, ())| machine)
    }

    /// Like `reach`, also when the engine does not answer: [`Host::engine_answers`] says
    /// whether it does.
    pub fn reach_without_engine(self) -> Result<Machine> {
        let machine = if self.env.is_here() {
            Machine::arrive(self.env, HostShell::here(), setup::require(Tool::Compose)?, None)?
        } else {
            let access = self.access()?;
            let (connection, ()) = connect_beside(&access, || Ok(()))?;
            there(self.env, &access, connection, Machine::arrive)?
        };
        machine.try_engine()?;
        if machine.engine_answers() {
            check_owner(&machine)?;
        }
        Ok(machine)
    }

    /// As [`reach`](TargetArgs::reach), when the way to the host is known already. Connecting takes a while: `meanwhile` is done
    /// beside it, and when it fails, the host is not touched.
    pub fn reach_by<T: Send>(
        self,
        access: &Access,
        meanwhile: impl FnOnce() -> Result<T> + Send,
    ) -> Result<(Machine, T)> {
        let (connection, done) = connect_beside(access, meanwhile)?;
        ping_engine(&connection, access)?;
        Ok((there(self.env, access, connection, Machine::arrive)?, done))
    }
}

fn connect_beside<T: Send>(
    access: &Access,
    meanwhile: impl FnOnce() -> Result<T> + Send,
) -> Result<(Connection, T)> {
    setup::ensure(&[Tool::Ssh], false)?;
    let (connection, ready, done) = thread::scope(|scope| {
        // Asking each tool for its version takes as long as connecting.
        let ready = scope.spawn(|| setup::ensure(&[Tool::Docker, Tool::Compose], false));
        let done = scope.spawn(meanwhile);
        let connection = connect(access);
        let ready = ready.join().expect("a recipe does not panic");
        (connection, ready, done.join().expect("nothing panics"))
    });
    let done = done?;
    ready?;
    Ok((connection?, done))
}

/// An environment on its host, to look at: nothing is made there. `None` for the way is this machine.
pub fn look(environment: Environment, way: Option<(&Access, Connection)>) -> Result<Machine> {
    match way {
        Some((access, connection)) => {
            ping_engine(&connection, access)?;
            there(environment, access, connection, Machine::look)
        }
        None => here(environment, Machine::look),
    }
}

/// How a host is looked at.
type Look = fn(Environment, HostShell, Utf8PathBuf, Option<PublicSite>) -> Result<Machine>;

fn here(environment: Environment, look: Look) -> Result<Machine> {
    if engine::ask().is_none() {
        return Err(refuse(
            "no container engine answers here: `cargo xtask engine start` starts one, `cargo xtask doctor` says what is missing",
        ));
    }
    let machine = look(environment, HostShell::here(), setup::require(Tool::Compose)?, None)?;
    check_owner(&machine)?;
    Ok(machine)
}

/// Refused where an environment on this machine is another copy's.
fn check_owner(machine: &Machine) -> Result<()> {
    let Some(other) = machine.platform().other_owner()? else { return Ok(()) };
    let (name, here) = (machine.environment().name.clone(), machine.root());
    Err(refuse(format!(
        "on this engine, the environment {name} belongs to another copy of the repository: it lives in {other}, and not in \
         {here}. `cargo xtask down` there frees the name."
    )))
}

fn there(environment: Environment, access: &Access, connection: Connection, look: Look) -> Result<Machine> {
    let compose = setup::require(Tool::Compose)?;
    let shell = HostShell::behind(connection);
    let name = environment.name.clone();
    look(environment, shell, compose, Some(access.site.clone())).map_err(|error| {
        if error.is::<Failure>() {
            return error;
        }
        let message = format!("{error:#}\n  `cargo xtask host setup --env {name}` makes a machine a host.");
        Failure { exit: Exit::HostUnfit, message }.into()
    })
}

/// A connection to an environment's host.
pub fn connect(access: &Access) -> Result<Connection> {
    Connection::open(&access.destination).map_err(|error| explain(error, access))
}

/// Whether the host's engine answers.
pub fn ping_engine(connection: &Connection, access: &Access) -> Result<()> {
    connection.ping_engine().map_err(|error| explain(error, access))
}

/// What to do about it, and the exit code.
fn explain(error: ConnectError, access: &Access) -> anyhow::Error {
    let (prefix, name) = (access.prefix, &access.environment);
    let (exit, todo) = match &error {
        ConnectError::Unreachable { .. } => (
            Exit::Unreachable,
            format!("Is the machine up, and are {prefix}_HOST and {prefix}_PORT right? Nothing was changed."),
        ),
        ConnectError::KeyRefused { .. } => (
            Exit::KeyRefused,
            format!(
                "Is {prefix}_USER right, and the public half of {prefix}_SSH_KEY in that user's authorized_keys? \
                 `cargo xtask host setup --env {name}` puts it there."
            ),
        ),
        ConnectError::KeyDamaged(_) => (
            Exit::KeyRefused,
            format!("Set {prefix}_SSH_KEY to the whole private key, or to the path of its file."),
        ),
        ConnectError::HostKey { .. } => (
            Exit::HostKey,
            format!(
                "If the machine was rebuilt, ask its provider for the new fingerprint, then set {prefix}_HOST_KEY; if \
                 not, somebody may be between you and it. Nothing was sent."
            ),
        ),
        ConnectError::ForwardingRefused { .. } => (
            Exit::HostUnfit,
            format!(
                "Set `AllowStreamLocalForwarding yes` for its sshd; `cargo xtask host setup --env {name}` does."
            ),
        ),
        ConnectError::NoEngine { .. } => {
            (Exit::HostUnfit, format!("`cargo xtask host setup --env {name}` installs and starts one."))
        }
        ConnectError::Other(_) => return anyhow::Error::from(error),
    };
    Failure { exit, message: format!("{error}\n  {todo}") }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_environment_is_answered_with_the_near_name() {
        let error = environment("stagging").unwrap_err();
        assert!(error.contains("Did you mean 'staging'?"), "{error}");
        let error = environment("é").unwrap_err();
        assert!(error.contains("There are: local, staging, production, lab."), "{error}");
    }
}
