//! POSIX sh on a host. What we keep there are scripts with arguments, never lines put together from values.

use std::time::Duration;

use xshell::{Cmd, Shell, cmd};

use super::Connection;
use super::remote_shell::ScriptCall;
use crate::tools::process::{CommandError, Run, shell};

/// A script, and what an error calls it.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// `live.sh`.
    pub name: &'static str,
    /// POSIX sh.
    pub text: &'static str,
}

impl Script {
    /// Named by what it does.
    pub const fn new(name: &'static str, text: &'static str) -> Script {
        Script { name, text }
    }
}

/// Where programs of a host are run: on this machine, or on the one behind a connection.
pub struct HostShell {
    docker: Shell,
    connection: Option<Connection>,
}

impl HostShell {
    /// This machine.
    pub fn here() -> HostShell {
        HostShell { docker: shell().clone(), connection: None }
    }

    /// The machine behind the connection, its engine included.
    pub fn behind(connection: Connection) -> HostShell {
        let docker = shell().clone();
        docker.set_var("DOCKER_HOST", connection.docker_host());
        HostShell { docker, connection: Some(connection) }
    }

    /// For commands of docker's client, which runs here: they reach the host's engine.
    pub fn docker(&self) -> &Shell {
        &self.docker
    }

    /// The connection, when the host is another machine.
    pub fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Ends the connection, when there is one.
    pub fn into_connection(self) -> Option<Connection> {
        self.connection
    }

    /// A program on the host. Its words arrive as they are.
    pub fn command<'a>(&'a self, words: &[&str]) -> Cmd<'a> {
        match &self.connection {
            Some(connection) => connection.command(&self.docker, words),
            None => {
                let (program, words) = words.split_first().expect("a command has a program");
                cmd!(self.docker, "{program} {words...}").quiet()
            }
        }
    }

    /// Runs a script on the host with `arguments` as `$1`, `$2`, …; gives what it printed. `input` is text.
    pub fn script(&self, script: Script, arguments: &[&str], input: &str) -> Result<String, CommandError> {
        let timeout = Duration::from_secs(30);
        if let Some(connection) = &self.connection {
            let words = ScriptCall { name: script.name, script: script.text, arguments, input, timeout };
            return connection.script(&self.docker, &words);
        }
        let words: Vec<&str> =
            ["sh", "-c", script.text, "xtask"].into_iter().chain(arguments.iter().copied()).collect();
        Run::new(self.command(&words)).called(script.name).stdin(input).timeout(timeout).text()
    }
}
