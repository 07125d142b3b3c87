//! Commands and scripts on a host. Scripts are constant text, in POSIX sh, and get values as arguments, never as text.

use std::time::Duration;

use xshell::{Cmd, Shell, cmd};

use super::Connection;
use super::remote_shell::ScriptCall;
use crate::tools::process::{CommandError, Run, shell};

/// A script.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// What errors call it: `live.sh`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Script {
    /// A script with this name.
    pub const fn new(name: &'static str, text: &'static str) -> Script {
        Script { name, text }
    }
}

/// Runs programs on a host: on this machine, or on the one behind a connection.
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

    /// The shell for commands of docker's client, which runs on this machine and reaches the host's engine.
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

    /// A program on the host, which gets exactly these words.
    pub fn command<'a>(&'a self, words: &[&str]) -> Cmd<'a> {
        match &self.connection {
            Some(connection) => connection.command(&self.docker, words),
            None => {
                let (program, words) = words.split_first().expect("a command has a program");
                cmd!(self.docker, "{program} {words...}").quiet()
            }
        }
    }

    /// Runs a script on the host with `arguments` as `$1`, `$2`, …; gives what it printed. `input` is what
    /// it reads. An error when it ends with another exit code than 0, or takes longer than 30 seconds.
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
